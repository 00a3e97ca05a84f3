//! Where the lines go: standard output, written in batches, until enough has been written or nobody reads any more.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use tungstenite::Message;

use super::ending::Ending;
use super::line::{Style, line};
use crate::time::Unix;

/// The lines of one run, over all its connections.
pub(super) struct Output<W: Write> {
    to: BufWriter<W>,
    style: Style,
    /// How many lines are still wanted, if that was said.
    left: Option<u64>,
}

impl<W: Write> Output<W> {
    /// Nothing written yet; `count` is how many lines are wanted.
    pub fn new(to: W, style: Style, count: Option<u64>) -> Output<W> {
        Output {
            to: BufWriter::with_capacity(64 * 1024, to),
            style,
            left: count,
        }
    }

    /// Adds the line for this message, if it has one. An error is the end of everything, good or bad.
    pub fn add(&mut self, message: &Message) -> Result<(), Ending> {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = Unix(unix.as_millis() as u64);
        let Some(mut line) = line(message, self.style, now) else {
            return Ok(());
        };
        line.push('\n');
        self.to.write_all(line.as_bytes()).map_err(ending)?;
        if let Some(left) = &mut self.left {
            *left -= 1;
            if *left == 0 {
                self.flush()?;
                return Err(Ending::Done);
            }
        }
        Ok(())
    }

    /// Hands on what has been added.
    pub fn flush(&mut self) -> Result<(), Ending> {
        self.to.flush().map_err(ending)
    }
}

/// A reader that has gone has read enough.
fn ending(error: io::Error) -> Ending {
    match error.kind() {
        ErrorKind::BrokenPipe => Ending::Done,
        _ => Ending::Final(format!("standard output cannot be written: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails every write.
    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn enough_is_the_end() {
        let mut written = Vec::new();
        let mut output = Output::new(&mut written, Style::Json, Some(2));
        let message = Message::text("1");
        assert_eq!(output.add(&message), Ok(()));
        assert_eq!(output.add(&Message::Ping(Vec::new().into())), Ok(()));
        assert_eq!(output.add(&message), Err(Ending::Done));
        drop(output);
        assert_eq!(written, b"1\n1\n");
    }

    #[test]
    fn a_reader_that_has_gone_is_a_good_end_and_a_full_disk_is_none() {
        let flush = |kind| {
            let mut output = Output::new(Broken(kind), Style::Json, None);
            output.add(&Message::text("1")).unwrap();
            output.flush().unwrap_err()
        };
        assert_eq!(flush(ErrorKind::BrokenPipe), Ending::Done);
        assert!(matches!(flush(ErrorKind::StorageFull), Ending::Final(_)));
    }
}
