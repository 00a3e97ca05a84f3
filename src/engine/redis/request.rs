//! A command for the server, or what a script is called with, as it goes out.

use crate::wire::resp;

/// Parts that are written already, and how many they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    count: usize,
    bytes: Vec<u8>,
}

impl Request {
    /// Nothing yet.
    pub fn new() -> Request {
        Request::default()
    }

    /// All of these.
    pub fn of<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> Request {
        let mut request = Request::new();
        for part in parts {
            request.part(part);
        }
        request
    }

    /// What a script is called with, so far its keys.
    pub fn keys(keys: &[&str]) -> Request {
        let mut request = Request::new();
        request.number(keys.len() as u64);
        for key in keys {
            request.part(key);
        }
        request
    }

    /// This behind the others.
    pub fn part(&mut self, part: impl AsRef<[u8]>) {
        resp::part(&mut self.bytes, part.as_ref());
        self.count += 1;
    }

    /// A number behind the others.
    pub fn number(&mut self, number: u64) {
        resp::number(&mut self.bytes, number);
        self.count += 1;
    }

    /// All of these parts behind the others.
    pub fn append(&mut self, other: &Request) {
        self.bytes.extend_from_slice(&other.bytes);
        self.count += other.count;
    }

    /// Bytes of it.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// As a whole command, behind these parts.
    pub fn write(&self, before: &[&[u8]], out: &mut Vec<u8>) {
        resp::begin(out, before.len() + self.count);
        for part in before {
            resp::part(out, part);
        }
        out.extend_from_slice(&self.bytes);
    }
}
