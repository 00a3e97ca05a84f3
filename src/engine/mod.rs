//! The second seam, beside [`crate::transport`]: what is kept when the process is not.
//!
//! An app *decides* from its own state in memory what shall be so, as rows; the engine makes it so, or says that it is not;
//! and then, and only then, the app *applies* it. What an engine is given it takes in one order, and says in that order what
//! became of it. It knows no app and no client: rows are text.
//!
//! The contract that every engine keeps:
//!
//! - No call blocks. What takes time is told by [`Engine::next`] when it is over.
//! - The rows of one job become so together, or none of them does.
//! - Of jobs that wait, each has one outcome, in the order in which they were submitted. Once one has failed, all fail that
//!   waited with it, and all that are submitted until those have been told: so whatever was decided on the strength of it is
//!   undone with it, and there is an end of that however many are submitted.
//! - A job whose rows do not fit, as a post in a log that is not there, fails alone: what was submitted behind it is judged by
//!   itself. Nothing is wrong with the engine then.
//! - A post gets the next number of its log, which counts only those that became so.
//! - Where other processes share it there is one order for the jobs of all of them, and what the others have made so is told in
//!   its place in that. No engine here is shared yet.
//! - At the start the engine gives back what it has, in the order of [`Restored`]; nothing is submitted before it says that
//!   this was all.
//!
//! [`mod@memory`] and [`mod@file`] are engines. [`redis`] is the heart of one that many hubs share, without its socket, and not yet
//! under the apps: it does not keep this contract, but one of its own.

pub mod file;
pub mod memory;
pub mod redis;
pub mod row;

pub use self::file::File;
pub use self::memory::Memory;
pub use self::row::{Heard, Restored, Row, Table};
use crate::time::{Millis, Unix};

/// What is to be so: rows, together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its number among those that wait for their outcome, which rises; `None` for what nobody waits for. What nobody waits
    /// for does not fail: it is tried again, unless it does not fit, or too much of it waits.
    pub serial: Option<u64>,
    /// What time it is by the wall clock.
    pub unix: Unix,
    /// The rows. They may be none: then the job has its place in the order, and nothing else.
    pub rows: Vec<Row>,
}

/// Bytes of a piece of a copy at most.
pub const PIECE_BYTES: usize = 256 << 10;

/// What became of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This was there at the start.
    Restored(Restored),
    /// That was all: now changes are taken.
    Started,
    /// The job of this number is so.
    Committed(u64),
    /// It is not.
    Failed(u64),
    /// Another process has made this so.
    Heard(Heard),
    /// A copy of everything has been made under this number, of so many bytes; or why there is none.
    Copied(u64, Result<u64, String>),
    /// What comes next of the copy of this number: [`PIECE_BYTES`] at most, and nothing behind its end, or once it cannot be
    /// read.
    Piece(u64, Vec<u8>),
    /// All is written and let go of; nothing more is taken, and another process may begin.
    Stopped,
    /// It cannot go on, and neither can the process: a sentence for the operator.
    Broken(String),
}

/// How an engine is, for the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Why the last try failed to make something so, if it has.
    pub trouble: Option<String>,
    /// Groups of jobs that have become so together.
    pub commits: u64,
    /// What the last of them took, each, in microseconds, since this was last asked.
    pub commit_micros: Vec<u64>,
    /// Groups that have failed.
    pub failures: u64,
    /// Bytes that it takes where it is kept.
    pub bytes: u64,
}

/// What keeps what was answered; see the module for what it promises.
pub trait Engine {
    /// Whether it keeps anything beyond the process. If not, all is so as soon as it is decided, and nothing is submitted.
    fn keeps(&self) -> bool;

    /// Whether other processes share it: then what they make so is told, too, by [`Outcome::Heard`].
    fn shares(&self) -> bool {
        false
    }

    /// Takes a job, behind those that were taken before.
    fn submit(&mut self, job: Job);

    /// All that was submitted in this turn may go its way.
    fn send(&mut self);

    /// What has become of something, if that is known.
    fn next(&mut self) -> Option<Outcome>;

    /// When there may be something to be told though nothing wakes the loop.
    fn next_at(&self) -> Option<Millis> {
        None
    }

    /// How it is.
    fn health(&mut self) -> Health {
        Health::default()
    }

    /// Asks for a copy of everything as it is now, told by [`Outcome::Copied`]. There is one at a time: the one before it has
    /// been dropped, or was not made.
    fn copy(&mut self, _number: u64, _with_secret: bool) {}

    /// Asks for what comes next of a copy that has been made, told by [`Outcome::Piece`], also after a stop.
    fn read_copy(&mut self, _number: u64) {}

    /// Forgets a copy, made or not: nothing is left of it.
    fn drop_copy(&mut self, _number: u64) {}

    /// Takes these rows as the last, writes all and lets go; told by [`Outcome::Stopped`]. An engine that has not said
    /// [`Outcome::Started`] leaves everything as it was.
    fn stop(&mut self, last: Vec<Row>);
}
