//! The server: command line → settings → [`Reactor`]; or a client, where the first argument asks for it.
//!
//! Exit status of the server: 0 after a drain, 1 for what fails later (a port in use, for one), 2 for a setting that is
//! wrong.

mod journal;

use std::io::{self, Write};
use std::process::ExitCode;

use roomcast::apps::Apps;
use roomcast::apps::access::Access;
use roomcast::apps::all::{self, Options};
use roomcast::apps::proxies::Proxies;
use roomcast::bounds::Durability;
use roomcast::engine::{self, Engine, Memory};
use roomcast::id::AppId;
use roomcast::reactor::Reactor;
use roomcast::settings::{Command, Settings, SettingsError, load};
use roomcast::transport::Transport;
use roomcast::transport::listener::Listener;
use roomcast::transport::tcp::Tcp;
use roomcast::{backup, vitals, watch};

fn main() -> ExitCode {
    let named = std::env::args_os().nth(1);
    let is_named = |name| named.as_ref().is_some_and(|it| it == name);
    if is_named(watch::NAME) {
        return watch::run(std::env::args_os().skip(1), std::env::vars_os());
    }
    if is_named(backup::NAME) {
        return backup::run(std::env::args_os().skip(1), std::env::vars_os());
    }
    // Every socket is a descriptor: take all that the system gives, before the default limit on connections is made
    // from it. What cannot be raised stays as it is.
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    let loaded = match load(std::env::args_os(), std::env::vars_os(), descriptors) {
        Ok(loaded) => loaded,
        Err(error) => return error.report(),
    };
    if let Command::PrintConfig(text) = loaded.command {
        // A reader of only the first lines has closed the pipe, and that is no error.
        let _ = io::stdout().write_all(text.as_bytes());
        return ExitCode::SUCCESS;
    }
    let passed = match passed(&loaded.settings) {
        Ok(passed) => passed,
        Err(error) => return error.report(),
    };
    if let Err(error) = journal::begin() {
        let _ = writeln!(
            io::stderr(),
            "roomcast: the log could not be started: {error}"
        );
        return ExitCode::FAILURE;
    }
    vitals::abort_on_panic();
    loaded
        .warnings
        .iter()
        .for_each(|warning| log::warn!("{warning}"));
    match serve(&loaded.settings, passed, descriptors) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The listener that our parent process has passed, if it is one that we may serve on.
fn passed(settings: &Settings) -> Result<Option<Listener>, SettingsError> {
    let wrong = |error: io::Error| SettingsError::Wrong(error.to_string());
    let passed = Listener::passed().map_err(wrong)?;
    if let Some(listener) = &passed {
        settings.check_open_mode(listener.address().map_err(wrong)?, "passed by LISTEN_FDS")?;
    }
    Ok(passed)
}

fn serve(settings: &Settings, passed: Option<Listener>, descriptors: u64) -> io::Result<()> {
    let cannot_listen = |error: io::Error| {
        io::Error::new(
            error.kind(),
            match error.kind() {
                io::ErrorKind::AddrInUse => format!(
                    "cannot listen on {}: {error}: another program, or another hub, listens there; see --listen and --reuse-port",
                    settings.listen
                ),
                _ => format!("cannot listen on {}: {error}", settings.listen),
            },
        )
    };
    let listener = match passed {
        Some(listener) => {
            let listen = settings.listen;
            log::info!(
                "a socket was passed by LISTEN_FDS: it is used instead of listening on {listen}"
            );
            listener
        }
        None => Listener::bind(settings.listen, settings.reuse_port).map_err(cannot_listen)?,
    };
    let mut transport = Tcp::new(listener)?;
    transport.catch_signals()?;
    let address = transport.address();
    let access = Access::new(
        settings.keys.clone(),
        settings.allow_origins.clone(),
        address,
    );
    let secret = match &settings.secret {
        Some(secret) => secret.clone().into_bytes(),
        None => transport.seed()?.to_vec(),
    };
    let options = Options {
        echo: settings.echo,
        pages: settings.pages,
        secret: &secret,
    };
    let proxies = Proxies::new(settings.trust_proxy.clone());
    let apps = Apps::new(access, all::enabled(&options, &settings.bounds)).behind(proxies);
    let engine = kept(settings, &transport)?;
    let mut reactor = Reactor::new(transport, settings.bounds, apps)?.keeping(engine);
    let connections_max = settings.bounds.connections_max;
    log::info!("up to {connections_max} WebSockets, with {descriptors} file descriptors");
    log::info!("listening on http://{address}");
    reactor.run()
}

/// What keeps what is answered, as the settings say.
fn kept(settings: &Settings, transport: &Tcp) -> io::Result<Box<dyn Engine>> {
    let Some(path) = &settings.data else {
        log::info!("nothing is kept beyond this process: data is off");
        return Ok(Box::new(Memory::default()));
    };
    let mut options = engine::file::Options {
        is_default: settings.is_data_default(),
        wait: settings.data_wait.duration(),
        new_epochs: settings.new_epochs,
        with_secret: settings.secret.is_none(),
        ..engine::file::Options::new(path, &settings.bounds)
    };
    // What nobody takes up is left where it is.
    for app in AppId::ALL {
        if !settings.bounds.app(app).enabled {
            options.durability[app as usize] = Durability::None;
        }
    }
    log::info!("what is answered is kept in {}", path.display());
    Ok(Box::new(engine::File::open(options, transport.waker()?)))
}
