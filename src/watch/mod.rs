//! `roomcast watch URL`: a client that prints every message of an app as one line.
//!
//! A message goes through these files: `options.rs` says what was asked for, of which `target.rs` and its `dialect.rs`.
//! A session (`session.rs`) is one connection, over a socket (`socket.rs`) that knows how long it has heard nothing. What
//! it is sent becomes a line (`line.rs`), of JSON or for people (`readable.rs`, `plain.rs`), on the output (`output.rs`). What
//! it says of positions (`told.rs`) is remembered (`heard.rs`), so that what was missed is asked for (`resuming.rs`).
//! Its ending (`ending.rs`) says whether another session may follow, and `backoff.rs` when.
//!
//! What it says of connections to a person is a line that begins with `roomcast: `, as every complaint of the program
//! does, and goes straight to standard error: `simple_logger` writes a level and a module in front of each line and can be
//! told no other form. What is for a reader who looks for a fault, each step of a connection, is logged at `debug` by it.
//!
//! This is a client: it runs in a process of its own, blocks, and reads the clock and draws random numbers where it
//! needs them. It shares with the server only plain values and the way in which a wrong command line is told.
//!
//! Exit status: 0 when everything that was wanted is there or nobody reads any more, 1 when the server or the system
//! says no, 2 for a wrong command line.

mod backoff;
mod dialect;
mod ending;
mod heard;
mod line;
mod options;
mod output;
mod plain;
pub mod readable;
mod resuming;
mod session;
mod socket;
mod target;
mod told;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use backoff::Backoff;
use ending::Ending;
use log::LevelFilter;
use options::Options;
pub(crate) use options::{header, secret};
use output::Output;
use resuming::Resuming;
use session::Session;
use simple_logger::SimpleLogger;
pub(crate) use target::check_authority;

/// The first argument that asks for this.
pub const NAME: &str = "watch";

/// Watches until there is a reason to end. The first of the arguments is [`NAME`]; of the variables three are read, for a
/// key, a token and what is logged.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let options = match Options::parse(args, env) {
        Ok(options) => options,
        Err(error) => return error.report(),
    };
    let begun = SimpleLogger::new()
        .with_level(LevelFilter::Off)
        .with_module_level(module_path!(), options.log_level)
        .init();
    if let Err(error) = begun {
        return fail(&format!("the log could not be started: {error}"));
    }
    let mut seed = [0; 32];
    if let Err(error) = getrandom::fill(&mut seed) {
        return fail(&format!("the system gives no random numbers: {error}"));
    }
    let mut backoff = Backoff::new(seed);
    let mut output = Output::new(io::stdout().lock(), options.style, options.count);
    let mut resuming = Resuming::new(options.since.clone());
    loop {
        let (ending, held) = watch_once(&options, &mut resuming, &mut output);
        let (why, least, everybody) = match ending {
            Ending::Done => return ExitCode::SUCCESS,
            Ending::Final(why) => return fail(&why),
            Ending::Again { why, .. } if !options.reconnects => return fail(&why),
            Ending::Again {
                why,
                least,
                everybody,
            } => (why, least, everybody),
        };
        backoff.ended(held);
        let pause = backoff.next(least, everybody);
        let shown = Duration::from_millis(pause.as_millis() as u64);
        let shown = humantime::format_duration(shown);
        notice(&options, format_args!("{why}; trying again in {shown}"));
        thread::sleep(pause);
    }
}

/// One connection, from its beginning to its end, and how long it held. What it took to make it does not count: a server
/// that answers nobody makes everybody wait as long as a connection that was fine.
fn watch_once(
    options: &Options,
    resuming: &mut Resuming,
    output: &mut Output<impl Write>,
) -> (Ending, Duration) {
    let mut session = match Session::open(options, resuming) {
        Ok(session) => session,
        Err(ending) => return (ending, Duration::ZERO),
    };
    let began = Instant::now();
    notice(options, format_args!("watching {}", options.target));
    if let Err(ending) = session.begin() {
        return (ending, began.elapsed());
    }
    (session.follow(output), began.elapsed())
}

/// Says how it goes, unless silence was asked for.
fn notice(options: &Options, words: fmt::Arguments<'_>) {
    if !options.quiet {
        say(words);
    }
}

fn fail(why: &str) -> ExitCode {
    say(format_args!("{why}"));
    ExitCode::FAILURE
}

fn say(words: fmt::Arguments<'_>) {
    // In one piece, so that no line of another process on the same terminal comes into the middle of it. Standard error
    // may be closed; then there is nobody to tell.
    let line = format!("roomcast: {words}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}
