//! What a member heard: messages, answers and notices, each with its place in the stream of bytes.

use super::super::accounts::standing::{Came, Missed};
use super::super::wire::position::{Outcome, Position};

/// What a listener heard, by its place in the stream of bytes.
#[derive(Debug)]
pub struct Heard {
    pub start: u64,
    pub end: u64,
    /// Bytes of it that were not compressed, or would not have been.
    pub plain_bytes: u64,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    /// The first word.
    Welcome(Outcome),
    /// A message that the witness has not heard yet.
    Text(String),
    /// The message at this place of the log; and if it was asked for, the turn in which that was answered.
    Event(usize, Came),
    /// The answer to a command, and what it says of what follows.
    Answer(Answer),
    Lagged(Loss),
    /// How far a session has come.
    Status,
}

/// So many were missed.
#[derive(Debug)]
pub struct Loss {
    pub missed: usize,
    /// The position before them.
    pub since: Option<Position>,
    /// The turn in which that was told, if it says so, and the one in which it was written.
    pub told: Option<u32>,
    pub written: u32,
    /// The places of the log that they may have.
    pub places: Missed,
}

/// An answer to a command.
#[derive(Debug)]
pub struct Answer {
    pub text: String,
    /// The turn in which it was given, if it says so, and the one in which it was written.
    pub told: Option<u32>,
    pub written: u32,
    /// What it says of what follows, if it says that.
    pub outcome: Option<Outcome>,
    /// It always fits, and is not counted.
    pub is_exempt: bool,
}

impl Answer {
    /// The turn in which it was given, at the latest.
    pub fn turn(&self) -> u32 {
        self.told.unwrap_or(self.written)
    }
}
