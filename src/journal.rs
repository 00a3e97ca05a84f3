//! What the server says on standard error: simple_logger's lines, for as long as somebody reads them.
//!
//! simple_logger prints with `eprintln!`, which panics once standard error is a pipe that nobody reads. Whoever reads
//! the log may go away, and that ends nothing: a record that nobody would read is not printed. Nor is one that a full
//! pipe has no room for, because whoever should read it may be stuck, and the loop would be, too.

use std::io;

use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use simple_logger::SimpleLogger;

/// simple_logger, asked only while there is somebody to read and room to write.
struct Journal(SimpleLogger);

/// Begins to write the log. `RUST_LOG` names the level, which is `info` otherwise.
pub fn begin() -> Result<(), SetLoggerError> {
    let logger = SimpleLogger::new().with_level(LevelFilter::Info).env();
    let logger = logger.with_utc_timestamps();
    log::set_max_level(logger.max_level());
    log::set_boxed_logger(Box::new(Journal(logger)))
}

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) && takes_a_line() {
            self.0.log(record);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
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
