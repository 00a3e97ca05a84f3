//! What goes between the loop and the thread that has the file.

use std::sync::mpsc::SyncSender;

use crate::engine::{Job, Restored, Row};

/// What the loop asks for.
#[derive(Debug)]
pub enum Order {
    /// All that was given back has been taken up: now the file may be written.
    Begin,
    /// These shall be so.
    Jobs {
        /// Up to which failure the loop knew what became of its jobs when it made these.
        generation: u64,
        /// In the order in which they were submitted.
        jobs: Vec<Job>,
    },
    /// Jobs that nobody waits for were let go of before they came here.
    Lost,
    /// A copy of everything.
    Copy {
        /// Who asks.
        number: u64,
        /// Whether the secret may be in it.
        with_secret: bool,
    },
    /// What comes next of the copy of this number.
    Read(u64),
    /// That copy is not wanted any more.
    Drop(u64),
    /// These are the last, and then all is let go of.
    Stop(Vec<Row>),
}

/// What the thread has to tell.
#[derive(Debug)]
pub enum Report {
    /// These were there at the start; posts are of the log that was given last, and do not name it.
    Restored(Vec<Restored>),
    /// That was all: [`Order::Begin`] is waited for.
    Given,
    /// The file is written from here on.
    Started {
        /// Bytes of the file and its companions.
        bytes: u64,
    },
    /// A group of jobs is so, but for those that do not fit.
    Committed {
        /// The last of those that wait, and with it all before it.
        upto: Option<u64>,
        /// Those among them that do not fit, and have failed alone.
        misfits: Vec<u64>,
        /// Bytes of the rows in it that nobody waited for.
        lazy: usize,
        /// What it took, if anything was written.
        micros: Option<u64>,
        /// Bytes of the file and its companions.
        bytes: u64,
    },
    /// The disk is well again.
    Well {
        /// Bytes of the file and its companions.
        bytes: u64,
    },
    /// A group has failed.
    Failed {
        /// All jobs that wait have failed with it, and this is the generation of those that follow.
        generation: Option<u64>,
        /// Why.
        trouble: String,
    },
    /// A copy of so many bytes is there, or why there is none.
    Copied(u64, Result<u64, String>),
    /// What comes next of a copy.
    Piece(u64, Vec<u8>),
    /// All is let go of.
    Stopped,
    /// It cannot go on.
    Broken(String),
}

/// The loop does not listen any more: there is nobody left to keep anything for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deserted;

/// The thread's end: tells, and wakes the loop.
pub struct Reporter<W> {
    sender: SyncSender<Report>,
    wake: W,
}

impl<W: Fn()> Reporter<W> {
    /// Tells through this, and wakes with that.
    pub fn new(sender: SyncSender<Report>, wake: W) -> Reporter<W> {
        Reporter { sender, wake }
    }

    /// Tells, and waits while there is no space for it.
    pub fn tell(&self, report: Report) -> Result<(), Deserted> {
        self.sender.send(report).map_err(|_| Deserted)?;
        (self.wake)();
        Ok(())
    }
}
