//! What a member heard: messages, answers and notices, each with its place in the stream of bytes.

/// What a listener heard, by its place in the stream of bytes.
#[derive(Debug)]
pub struct Heard {
    pub start: u64,
    pub end: u64,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    Welcome,
    /// A message that the witness has not heard yet.
    Text(String),
    /// The message at this place of the log.
    Event(usize),
    /// The answer to a command, of this turn.
    Answer(String, u32),
    Lagged(Loss),
    /// How far a session has come.
    Status,
}

/// So many were missed.
#[derive(Debug)]
pub struct Loss {
    pub missed: usize,
    /// The turn in which that was told, if it says so, and the one in which it was written.
    pub told: Option<u32>,
    pub written: u32,
    /// The places of the log that the first of them may have; none if that is not known, or was no published message.
    pub firsts: Vec<usize>,
}
