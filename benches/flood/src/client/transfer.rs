//! Reads and writes on a socket that never blocks: when to try again, and what has failed.

use std::io::{self, Write};

use crate::client::failure::Failure;

/// What `attempt` moved, or `None` if an event will say when to try again.
pub fn attempt(mut attempt: impl FnMut() -> io::Result<usize>) -> Result<Option<usize>, Failure> {
    loop {
        match attempt() {
            Ok(moved) => return Ok(Some(moved)),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected => return Ok(None),
                _ => return Err(error.into()),
            },
        }
    }
}

/// Writes until all is written or the socket would block; the bytes written.
pub fn write(socket: &mut impl Write, bytes: &[u8]) -> Result<usize, Failure> {
    let mut written = 0;
    while written < bytes.len() {
        match attempt(|| socket.write(&bytes[written..]))? {
            Some(taken) => written += taken,
            None => break,
        }
    }
    Ok(written)
}
