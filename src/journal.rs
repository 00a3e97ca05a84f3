//! What the server says on standard error, a line for each record, for as long as they are read.
//!
//! The reader of the log may go away at any moment, and that ends nothing: a line that cannot be written is lost, and no
//! more. (That is why nothing here is printed with a macro of the standard library, which panics then.) Nor is a line
//! written that a full pipe has no space for, because its reader may be stuck, and the loop would be, too.
//! This is why the hub does not log with `simple_logger`, as the programs do that may wait for their log (the load
//! generator, `roomcast watch`): that one prints, so it waits for a full pipe and panics for want of a reader.

use std::io::{self, Write};
use std::time::SystemTime;

use env_filter::{Builder, Filter};
use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Writes each record that passes.
struct Journal(Filter);

/// Begins to write the log. `RUST_LOG` says what of it, as everybody writes that: a level, or `roomcast=debug,info`. What
/// cannot be read, or says nothing of us, is warned of, and `info` goes on.
pub fn begin() -> Result<(), SetLoggerError> {
    let named = std::env::var("RUST_LOG").unwrap_or_default();
    let read = filter(named.trim());
    let warning = read.as_ref().err().cloned();
    let filter = read.unwrap_or_else(|_| Builder::new().filter_level(LevelFilter::Info).build());
    log::set_max_level(filter.filter());
    log::set_boxed_logger(Box::new(Journal(filter)))?;
    if let Some(why) = warning {
        log::warn!(
            "RUST_LOG cannot be {named:?}, so info is logged: {why}; expected a level or such as roomcast=debug,info"
        );
    }
    Ok(())
}

fn filter(named: &str) -> Result<Filter, String> {
    let mut builder = Builder::new();
    let parsed = match named {
        "" => Ok(builder.filter_level(LevelFilter::Info)),
        _ => builder.try_parse(named),
    };
    let filter = parsed.map_err(|error| error.to_string())?.build();
    let ours = Metadata::builder()
        .level(Level::Error)
        .target("roomcast")
        .build();
    let is_about_us = named.contains("roomcast") || filter.filter() == LevelFilter::Off;
    match is_about_us || filter.enabled(&ours) {
        true => Ok(filter),
        false => Err("it has neither a level nor the name roomcast".to_owned()),
    }
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.0.matches(record) && takes_a_line() {
            let now = humantime::format_rfc3339_millis(SystemTime::now());
            let (level, target, words) = (record.level(), record.target(), record.args());
            let line = format!("{now} {level:<5} [{target}] {words}\n");
            // One write, so that a line is whole or not there; nobody is there to be told that it failed.
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

/// Whether a line that is written to standard error goes somewhere, at once: a pipe without a reader is in error, and one
/// that takes anything takes a page, which is more than a line.
fn takes_a_line() -> bool {
    let stderr = io::stderr();
    let mut pipe = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let in_error = PollFlags::ERR | PollFlags::NVAL;
    if poll(&mut pipe, Some(&now)).is_err() {
        return false;
    }
    let revents = pipe[0].revents();
    revents.contains(PollFlags::OUT) && !revents.intersects(in_error)
}
