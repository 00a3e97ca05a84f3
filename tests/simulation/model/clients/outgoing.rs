//! What a client has to say, sent in pieces that are cut anywhere; marks tell the model what the server can have whole.

use std::collections::VecDeque;

use super::super::accounts::standing::Command;
use super::super::dialects::dialect::Dialect;
use super::super::dialects::sessions::Act;

/// What is whole once the bytes in front of a mark have been sent.
#[derive(Debug)]
pub enum Mark {
    /// A request.
    Request,
    /// A request to publish this wish of an app's log.
    Publish(Dialect, usize),
    /// A call for a session.
    Call(Act),
    /// A message to the echo, and how many bytes it is if it is compressed.
    Message(u8, Vec<u8>, Option<usize>),
    /// A message that an app answers.
    Command(Command),
    /// A message that nobody answers.
    Ignored,
    /// A ping with this payload, in the middle of a message or not.
    Ping(Vec<u8>),
    /// A close frame with this code.
    Close(u16),
    /// A lie.
    Lie,
}

impl Mark {
    /// Whether nothing is half sent at this mark.
    fn is_boundary(&self, inside: bool) -> bool {
        !inside || !matches!(self, Mark::Ping(_))
    }
}

#[derive(Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    /// Bytes ever queued, and how many of them have been sent.
    queued: u64,
    sent: u64,
    marks: VecDeque<(u64, Mark, bool)>,
    boundary: u64,
}

impl Outgoing {
    /// Something that is whole at its end.
    pub fn push(&mut self, bytes: &[u8], mark: Mark) {
        self.push_inside(bytes, mark, false);
    }

    /// The same, possibly inside a message that is not finished by it.
    pub fn push_inside(&mut self, bytes: &[u8], mark: Mark, inside: bool) {
        self.extend(bytes);
        self.marks.push_back((self.queued, mark, inside));
    }

    /// The beginning of something.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.queued += bytes.len() as u64;
    }

    /// Takes up to so many bytes to be sent now, and what becomes whole with them.
    pub fn take(&mut self, most: usize) -> (Vec<u8>, Vec<Mark>) {
        let most = most.min(self.bytes.len());
        let piece: Vec<u8> = self.bytes.drain(..most).collect();
        self.sent += most as u64;
        let mut marks = Vec::new();
        while self.marks.front().is_some_and(|(at, ..)| *at <= self.sent) {
            let Some((at, mark, inside)) = self.marks.pop_front() else {
                break;
            };
            if mark.is_boundary(inside) {
                self.boundary = at;
            }
            marks.push(mark);
        }
        (piece, marks)
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The end of the last thing that was sent whole.
    pub fn boundary(&self) -> u64 {
        self.boundary
    }

    /// Whether something has been sent in part.
    pub fn is_midway(&self) -> bool {
        self.boundary < self.sent
    }

    /// Whether all that is queued ends whole.
    pub fn ends_whole(&self) -> bool {
        self.marks.back().map_or(self.boundary, |(at, ..)| *at) == self.queued
    }

    pub fn queued(&self) -> u64 {
        self.queued
    }

    pub fn sent(&self) -> u64 {
        self.sent
    }
}
