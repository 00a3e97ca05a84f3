//! A stream that a signal does not disturb. The system takes up a read or a write again by itself unless it has a
//! timeout, and all of the tests' have one; so it is done here, and nowhere else.

use std::io::{ErrorKind, Read, Result, Write};

/// The stream within.
#[derive(Debug)]
pub struct Steady<S>(pub S);

impl<S: Read> Read for Steady<S> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        again(|| self.0.read(into))
    }
}

impl<S: Write> Write for Steady<S> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        again(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> Result<()> {
        again(|| self.0.flush())
    }
}

fn again<T>(mut act: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match act() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
