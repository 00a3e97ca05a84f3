//! Spans: what a reader has still to get of a log, and what it missed before that.

use std::fmt;

use super::super::NONE;
use crate::id::LogId;
use crate::position::Position;

/// The place of an entry in its log. Places wrap, but no two entries that are there at once have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core::outbox) struct Place(pub(in crate::core::outbox) u32);

impl Place {
    /// The next one.
    pub(in crate::core::outbox) fn next(self) -> Place {
        self.plus(1)
    }

    /// The one that comes so many later.
    pub(in crate::core::outbox) fn plus(self, places: u32) -> Place {
        Place(self.0.wrapping_add(places))
    }

    /// Whether it comes before another place of the same time.
    pub(in crate::core::outbox) fn is_before(self, other: Place) -> bool {
        (1..u32::MAX / 2).contains(&self.until(other))
    }

    /// How many entries there are from here to before another place.
    pub(in crate::core::outbox) fn until(self, other: Place) -> u32 {
        other.0.wrapping_sub(self.0)
    }
}

/// Numbers of one numbering that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core::outbox) struct Numbers {
    /// The number before the first of them.
    pub(in crate::core::outbox) since: u64,
    /// How many they are.
    pub(in crate::core::outbox) count: u32,
    pub(in crate::core::outbox) epoch: u32,
}

impl Numbers {
    /// None.
    pub(in crate::core::outbox) const NONE: Numbers = Numbers {
        since: 0,
        count: 0,
        epoch: 0,
    };

    /// These and later ones, and those between them. Of two numberings only the first is remembered.
    pub(in crate::core::outbox) fn with(self, later: Numbers) -> Numbers {
        match (self.count, later.count) {
            (_, 0) => self,
            (0, _) => later,
            _ if self.epoch != later.epoch => self,
            _ => Numbers {
                count: (later.last() - self.since).min(u64::from(u32::MAX)) as u32,
                ..self
            },
        }
    }

    /// The last of them.
    pub(in crate::core::outbox) fn last(self) -> u64 {
        self.since + u64::from(self.count)
    }

    /// The position before the first of them, if there are any.
    pub(in crate::core::outbox) fn before(self) -> Option<Position> {
        (self.count > 0).then_some(Position {
            epoch: self.epoch,
            number: self.since,
        })
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.since + 1, self.last() + 1)
    }
}

/// Messages that a client does not get and is not told of yet.
#[derive(Clone, Copy, Debug)]
pub(in crate::core::outbox) struct Missed {
    /// How many, each of a batch.
    pub(in crate::core::outbox) messages: u32,
    /// Where they were, as far as they have numbers.
    pub(in crate::core::outbox) gap: Numbers,
}

impl Missed {
    /// So many more, which come behind these.
    pub(in crate::core::outbox) fn add(&mut self, later: Missed) {
        self.messages = self.messages.saturating_add(later.messages);
        self.gap = self.gap.with(later.gap);
    }
}

/// Messages of a log that a reader has still to get, behind those that it will not.
#[derive(Clone, Copy, Debug)]
pub(in crate::core::outbox) struct Span {
    /// The log; [`NONE`], if there is nothing but what is missed.
    pub(in crate::core::outbox) log: u32,
    pub(in crate::core::outbox) from: Place,
    pub(in crate::core::outbox) to: Place,
    /// The place of what was skipped before the first of them; [`NONE`], if nothing was.
    pub(in crate::core::outbox) missed: u32,
    /// The client has messages between what comes before and this: what it misses here is a gap of its own.
    pub(in crate::core::outbox) is_apart: bool,
    /// The same of what comes behind this.
    pub(in crate::core::outbox) ends: bool,
}

impl Span {
    /// The entries from one place to before another.
    pub(in crate::core::outbox) fn of(log: LogId, from: Place, to: Place) -> Span {
        Span {
            log: log.0,
            from,
            to,
            missed: NONE,
            is_apart: false,
            ends: false,
        }
    }

    /// One entry.
    pub(in crate::core::outbox) fn one(log: LogId, at: Place) -> Span {
        Span::of(log, at, at.next())
    }

    /// What a client will not get, at this place, and nothing else.
    pub(in crate::core::outbox) fn missed(missed: u32) -> Span {
        Span {
            log: NONE,
            from: Place(0),
            to: Place(0),
            missed,
            is_apart: false,
            ends: false,
        }
    }

    /// The log, if there is something to get.
    pub(in crate::core::outbox) fn log(&self) -> Option<LogId> {
        (self.log != NONE).then_some(LogId(self.log))
    }

    /// Whether something was skipped before the first of them.
    pub(in crate::core::outbox) fn misses(&self) -> bool {
        self.missed != NONE
    }

    /// How many entries it is.
    pub(in crate::core::outbox) fn len(&self) -> u32 {
        self.from.until(self.to)
    }

    /// Whether it begins in this log before this place.
    pub(in crate::core::outbox) fn is_before(&self, log: LogId, place: Place) -> bool {
        self.log == log.0 && self.len() > 0 && self.from.is_before(place)
    }
}
