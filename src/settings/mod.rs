//! Every setting: its name, its unit, its default, and where its value came from.
//!
//! A setting is one row of `table.rs`. A source (`file.rs`, `environment.rs`, `flags.rs`) turns what it finds into
//! *given values*: a row, a text, an origin. `draft.rs` takes them in rising order, each written over the one below it;
//! every one is checked, so that a bad value is an error even where a better source covers it. Then the settings are
//! looked at as a whole, and `print.rs` can write them back. What a place takes is in `value.rs`, its spelling in
//! `text.rs`.
//!
//! No clock, no randomness, no globals: [`load`] depends on its arguments and the one file that they name.

mod draft;
mod environment;
mod error;
mod file;
mod flags;
mod number;
mod print;
mod table;
mod text;
mod value;

use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::bounds::Bounds;
use crate::time::Millis;

pub use error::SettingsError;
pub use flags::command;

use draft::Draft;
use environment::Environment;
use flags::Flags;

type Result<T> = std::result::Result<T, SettingsError>;

/// The descriptors kept back for HTTP, files and the loop's own: this many, or a 64th of the limit where that is more.
const DESCRIPTORS_RESERVED_MIN: u64 = 64;
/// Of those, what the process has open itself at most, and what a turn accepts before those it has closed are gone.
const DESCRIPTORS_OWN: u64 = 32;
/// Guests may take one descriptor in so many.
const GUESTS_SHARE: u64 = 4;

/// What the server is told before it starts. Its `Debug` form hides the keys and the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether other processes may listen there, too.
    pub reuse_port: bool,
    /// Keys that may publish and administer; none is open mode.
    pub keys: Vec<String>,
    /// What signs room tokens; none means the store's own, or, without a store, a random one.
    pub secret: Option<String>,
    /// The file that keeps what was answered; none keeps nothing.
    pub data: Option<PathBuf>,
    /// How long the file is waited for that another process holds.
    pub data_wait: Millis,
    /// Whether the file is taken up in epochs of its own, as one that was put back from a copy.
    pub new_epochs: bool,
    /// Origins that may connect besides our own: `scheme://host[:port]`, lower case, without a default port; or `*`.
    pub allow_origins: Vec<String>,
    /// Proxies that may say who the client is.
    pub trust_proxy: Vec<IpNet>,
    /// Whether `/echo` is served.
    pub echo: bool,
    /// Whether the pages are served.
    pub pages: bool,
    /// Whether open mode is allowed on an address that others can reach.
    pub insecure_open: bool,
    /// Everything that the lower floors obey.
    pub bounds: Bounds,
}

/// What to do with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve.
    Serve,
    /// Print this text, the settings as TOML, and exit 0.
    PrintConfig(String),
}

/// What [`load`] gives.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings in force.
    pub settings: Settings,
    /// What to say once at start, as a warning each.
    pub warnings: Vec<String>,
    /// What to do.
    pub command: Command,
}

/// Reads the settings from the arguments (the program's name first), the variables, and the file that either names.
///
/// `descriptor_limit` is how many files the process may hold open; the default and a warning depend on it.
///
/// # Errors
///
/// The first thing that is wrong, or the help or version text that was asked for: see [`SettingsError`].
pub fn load(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    descriptor_limit: u64,
) -> std::result::Result<Loaded, SettingsError> {
    let flags = Flags::parse(args)?;
    let environment = Environment::new(env);
    let mut warnings = Vec::new();
    let mut givens = match flags.config().or(environment.config()) {
        Some((path, named_by)) => file::read(Path::new(path), &named_by)?,
        None => Vec::new(),
    };
    givens.extend(environment.explorers(&mut warnings)?);
    givens.extend(environment.own(&mut warnings)?);
    givens.extend(flags.givens()?);

    let mut draft = Draft::new(descriptor_limit);
    draft.take_all(givens)?;
    draft.settings.new_epochs = flags.new_epochs();
    draft.check_open_mode()?;
    draft.check_new_epochs()?;
    draft.warn(descriptor_limit, &mut warnings);
    let command = match flags.print_config() {
        true => Command::PrintConfig(print::print(&draft)),
        false => Command::Serve,
    };
    Ok(Loaded {
        settings: draft.settings,
        warnings,
        command,
    })
}

impl Settings {
    /// The file that keeps what was answered where none is named, in the working directory.
    pub const DATA: &str = "roomcast.db";

    /// The defaults, for a process that may hold so many files open.
    pub fn new(descriptor_limit: u64) -> Settings {
        let bounds = Bounds {
            connections_max: connections_within(descriptor_limit),
            guests_max: count(descriptor_limit / GUESTS_SHARE),
            sockets_max: count(descriptor_limit.saturating_sub(DESCRIPTORS_OWN)),
            ..Bounds::default()
        };
        Settings {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            reuse_port: false,
            keys: Vec::new(),
            secret: None,
            data: Some(PathBuf::from(Settings::DATA)),
            data_wait: Millis::seconds(10),
            new_epochs: false,
            allow_origins: Vec::new(),
            trust_proxy: Vec::new(),
            echo: false,
            pages: true,
            insecure_open: false,
            bounds,
        }
    }

    /// Whether the file is the one that is taken where none is named: one that the operator may not know of, so that what
    /// is said of it names the setting.
    pub fn is_data_default(&self) -> bool {
        self.data.as_deref() == Some(Path::new(Settings::DATA))
    }

    /// Open mode is for this machine alone, unless the operator says that it is meant. `origin` is where the listener's
    /// address came from.
    ///
    /// # Errors
    ///
    /// The sentence that refuses it.
    pub fn check_open_mode(
        &self,
        listener: SocketAddr,
        origin: &str,
    ) -> std::result::Result<(), SettingsError> {
        let is_ours_alone = listener.ip().to_canonical().is_loopback();
        if !self.keys.is_empty() || self.insecure_open {
            return Ok(());
        }
        if !self.trust_proxy.is_empty() {
            return Err(SettingsError::wrong(
                "there is no key, and trust_proxy says that others come through a proxy: expected a --key, \
                 or --insecure-open to let everybody publish",
            ));
        }
        if is_ours_alone {
            return Ok(());
        }
        Err(SettingsError::wrong(format!(
            "there is no key, and listen is {listener} ({origin}), which others can reach: expected a --key, \
             a loopback address such as 127.0.0.1:8080, or --insecure-open to let everybody publish"
        )))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("reuse_port", &self.reuse_port)
            .field("keys", &format_args!("{} hidden", self.keys.len()))
            .field("secret", &self.secret.as_ref().map(|_| "hidden"))
            .field("data", &self.data)
            .field("data_wait", &self.data_wait)
            .field("new_epochs", &self.new_epochs)
            .field("allow_origins", &self.allow_origins)
            .field("trust_proxy", &self.trust_proxy)
            .field("echo", &self.echo)
            .field("pages", &self.pages)
            .field("insecure_open", &self.insecure_open)
            .field("bounds", &self.bounds)
            .finish()
    }
}

/// The connections that a process has descriptors for.
fn connections_within(descriptor_limit: u64) -> u32 {
    let reserved = DESCRIPTORS_RESERVED_MIN.max(descriptor_limit / 64);
    count(descriptor_limit.saturating_sub(reserved))
}

/// A number of connections, at least one.
fn count(connections: u64) -> u32 {
    u32::try_from(connections.max(1)).unwrap_or(u32::MAX)
}
