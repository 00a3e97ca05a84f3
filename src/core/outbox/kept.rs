//! What a log has kept, as it is put away when the process ends, and taken up when the next one begins.

use super::Outbox;
use crate::id::{LogId, Topic};
use crate::position::Position;

/// A numbering that goes on: the life of it, the number of its newest message, and of the first that is taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reopened {
    /// The position of its newest message.
    pub position: Position,
    /// The number of the oldest message that is taken up; one more than the newest, if none is.
    pub first: u64,
}

/// What was published as one, and is kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// The position of its first message.
    pub position: Position,
    /// What it is about.
    pub topic: Topic,
    /// Its frames, one for each message.
    pub frames: &'a [u8],
}

impl Outbox {
    /// Goes on with a numbering in a log of which nothing has been published: what is published next in it has the number of
    /// the first that is taken up.
    pub fn reopen_log(&mut self, log: LogId, reopened: Reopened) {
        let before_first = Position {
            number: reopened.first.saturating_sub(1),
            ..reopened.position
        };
        self.logs.renumber(log, before_first);
    }

    /// What the history of a log has, the oldest first.
    pub fn kept(&self, log: LogId) -> impl Iterator<Item = Kept<'_>> {
        let since = self.logs.kept_since(log);
        let entries = self.logs.kept_behind(log, since, &self.store);
        entries.map(move |(place, topic, numbers)| Kept {
            position: Position {
                epoch: numbers.epoch,
                number: numbers.since + 1,
            },
            topic,
            frames: &self.store.get(self.logs.at(log, place)).bytes,
        })
    }
}
