//! What the server says on standard error, a line for each record, for as long as somebody reads them.
//!
//! Whoever reads the log may go away at any moment, and that ends nothing: a line that cannot be written is lost, and no
//! more. (That is why nothing here is printed with a macro of the standard library, which panics then.) Nor is a line
//! written that a full pipe has no room for, because whoever should read it may be stuck, and the loop would be, too.

use std::io::{self, Write};
use std::time::SystemTime;

use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Writes each record that is at least this important.
struct Journal(LevelFilter);

/// Begins to write the log. `RUST_LOG` names the level, which is `info` otherwise.
pub fn begin() -> Result<(), SetLoggerError> {
    let named = std::env::var("RUST_LOG").unwrap_or_default();
    let level = named.parse().unwrap_or(LevelFilter::Info);
    log::set_max_level(level);
    log::set_boxed_logger(Box::new(Journal(level)))
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.0
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) && takes_a_line() {
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
