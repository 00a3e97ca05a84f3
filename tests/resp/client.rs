//! A client of the server, on a socket that blocks: it writes commands and reads values as the codec has them.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use roomcast::wire::resp::{Bounds, Scanner, Value, command};

use crate::harness::patience::PATIENCE;

/// Bytes of one read: so few that every larger answer comes in pieces.
const READ_BYTES: usize = 1000;
const BOUNDS: Bounds = Bounds {
    bytes_max: 64 << 20,
    elements_max: 1 << 20,
    depth_max: 64,
};

/// A connection.
pub struct Client {
    socket: UnixStream,
    scanner: Scanner,
    /// What was read and is no whole value yet.
    bytes: Vec<u8>,
}

impl Client {
    /// Connects to the socket at this path.
    pub fn connect(path: &Path) -> Client {
        let socket = UnixStream::connect(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client {
            socket,
            scanner: Scanner::new(BOUNDS),
            bytes: Vec::new(),
        }
    }

    /// Sends a command, and waits for nothing.
    pub fn send(&mut self, parts: &[&str]) {
        let mut out = Vec::new();
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        command(&mut out, &parts);
        self.socket.write_all(&out).unwrap();
    }

    /// Sends a command, and hands its answer over.
    pub fn ask<T>(&mut self, parts: &[&str], take: impl FnOnce(&Value) -> T) -> T {
        self.send(parts);
        self.next(take)
    }

    /// Sends a command, the answer to which is a plain `OK` or a number.
    #[track_caller]
    pub fn tell(&mut self, parts: &[&str]) {
        self.ask(parts, |answer| {
            let is_fine = matches!(answer, Value::Simple(b"OK") | Value::Integer(_));
            assert!(is_fine, "{parts:?}: {answer:?}");
        });
    }

    /// The answer as it is shown.
    pub fn shown(&mut self, parts: &[&str]) -> String {
        self.ask(parts, |answer| format!("{answer:?}"))
    }

    /// Hands the next value over, once it is whole.
    pub fn next<T>(&mut self, take: impl FnOnce(&Value) -> T) -> T {
        loop {
            if let Some((value, length)) = self.scanner.read(&self.bytes).unwrap() {
                let taken = take(&value);
                self.bytes.drain(..length);
                return taken;
            }
            let mut more = [0; READ_BYTES];
            let length = self.socket.read(&mut more).unwrap();
            assert!(length > 0, "the server has closed the connection");
            self.bytes.extend_from_slice(&more[..length]);
        }
    }
}
