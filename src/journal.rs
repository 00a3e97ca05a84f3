//! What the server says on standard error: simple_logger's lines, for as long as somebody reads them.
//!
//! simple_logger prints with `eprintln!`, which panics once standard error is a pipe that nobody reads. Whoever reads
//! the log may go away, and that ends nothing: a record that nobody would read is not printed.

use std::io;

use log::{LevelFilter, Log, Metadata, Record, SetLoggerError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use simple_logger::SimpleLogger;

/// simple_logger, asked only while somebody reads.
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
        if self.enabled(record.metadata()) && has_reader() {
            self.0.log(record);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// Whether what is written to standard error goes somewhere: a pipe without a reader is in error at once.
fn has_reader() -> bool {
    let stderr = io::stderr();
    let mut pipe = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let in_error = PollFlags::ERR | PollFlags::NVAL;
    poll(&mut pipe, Some(&now)).is_ok() && !pipe[0].revents().intersects(in_error)
}
