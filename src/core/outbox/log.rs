//! Logs: the messages of one numbering, newest last, each kept for as long as a reader has still to get it.
//!
//! An entry is named by its place in the log, which never changes; a *span* is the entries from one place to before another,
//! and is all that a reader owns, however many they are. What no reader waits for is given up, from the oldest on.
//!
//! Invariant: every entry that a span or a run names is there, and a log holds a copy of each message that it has.

use std::collections::VecDeque;

use slab::Slab;

use super::NONE;
use super::store::Store;
use crate::id::{AppId, LogId};
use crate::wire::frame::Class;

/// The place of an entry in its log. Places wrap, but no two entries that are there at once have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(pub(super) u32);

impl Place {
    /// The next one.
    pub(super) fn next(self) -> Place {
        Place(self.0.wrapping_add(1))
    }

    /// Whether it comes before another place of the same time.
    pub(super) fn is_before(self, other: Place) -> bool {
        (1..u32::MAX / 2).contains(&self.until(other))
    }

    /// How many entries there are from here to before another place.
    pub(super) fn until(self, other: Place) -> u32 {
        other.0.wrapping_sub(self.0)
    }
}

/// Messages of a log that a reader has still to get, behind those that it will not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// The log; none, if there is nothing but what is missed.
    pub(super) log: Option<LogId>,
    pub(super) from: Place,
    pub(super) to: Place,
    /// Messages that were skipped before the first of them, each of a batch, and of which the client is not told yet.
    pub(super) missed: u32,
}

impl Span {
    /// One entry.
    pub(super) fn one(log: LogId, at: Place) -> Span {
        Span {
            log: Some(log),
            from: at,
            to: at.next(),
            missed: 0,
        }
    }

    /// So many messages that a client will not get, and nothing else.
    pub(super) fn missed(messages: u32) -> Span {
        Span {
            log: None,
            from: Place(0),
            to: Place(0),
            missed: messages,
        }
    }

    /// How many entries it is.
    pub(super) fn len(&self) -> u32 {
        self.from.until(self.to)
    }

    /// Whether it begins in this log before this place.
    pub(super) fn is_before(&self, log: LogId, place: Place) -> bool {
        self.log == Some(log) && self.len() > 0 && self.from.is_before(place)
    }
}

/// All logs.
#[derive(Default)]
pub(super) struct Logs {
    logs: Slab<Log>,
    entries: usize,
    /// What their messages cost.
    bytes: u64,
}

struct Log {
    app: AppId,
    /// The place of the first entry.
    first: Place,
    /// Messages in the store; [`NONE`] for one that nobody waits for, while an older one is waited for.
    entries: VecDeque<u32>,
    /// What its messages cost.
    bytes: u64,
    is_closed: bool,
}

impl Log {
    /// What it costs.
    fn cost(&self) -> u64 {
        self.bytes + self.entries.len() as u64 * ENTRY_BYTES
    }

    /// The place up to which half of that is.
    fn half(&self, store: &Store) -> Place {
        let (mut cost, mut place) = (self.cost(), self.first);
        for &entry in &self.entries {
            if cost <= self.cost() / 2 {
                break;
            }
            if entry != NONE {
                cost -= u64::from(store.get(entry).weight());
            }
            cost -= ENTRY_BYTES;
            place = place.next();
        }
        place
    }
}

/// What an entry costs.
const ENTRY_BYTES: u64 = size_of::<u32>() as u64;
/// Entries that a log keeps capacity for.
const ENTRIES_KEPT: usize = 64;

impl Logs {
    /// A new log, empty.
    pub(super) fn open(&mut self, app: AppId) -> LogId {
        LogId(self.logs.insert(Log {
            app,
            first: Place(0),
            entries: VecDeque::new(),
            bytes: 0,
            is_closed: false,
        }) as u32)
    }

    /// Nothing is added to a log any more; it is forgotten once nobody waits for anything of it.
    pub(super) fn close(&mut self, log: LogId) {
        self.logs[log.0 as usize].is_closed = true;
        self.forget_if_over(log);
    }

    /// Adds a message, of which it takes a copy.
    pub(super) fn push(&mut self, log: LogId, key: u32, store: &mut Store) -> Place {
        let found = &mut self.logs[log.0 as usize];
        debug_assert!(
            !found.is_closed,
            "nothing is published to a log that is over"
        );
        let message = store.log(key);
        debug_assert!(
            message.class == Class::Message,
            "what is in a log may be skipped"
        );
        let bytes = u64::from(message.weight());
        found.bytes += bytes;
        self.bytes += bytes;
        let place = Place(found.first.0.wrapping_add(found.entries.len() as u32));
        found.entries.push_back(key);
        self.entries += 1;
        place
    }

    /// The message at a place that is waited for.
    pub(super) fn at(&self, log: LogId, place: Place) -> u32 {
        let log = &self.logs[log.0 as usize];
        log.entries[log.first.until(place) as usize]
    }

    /// The messages of a span.
    pub(super) fn span(&self, span: Span) -> impl Iterator<Item = u32> + use<'_> {
        // What a span that is empty begins with may be long gone.
        let log = span.log.filter(|_| span.len() > 0);
        let log = log.map(|log| &self.logs[log.0 as usize]);
        let entries = log.into_iter().flat_map(move |log| {
            let from = log.first.until(span.from) as usize;
            log.entries.range(from..from + span.len() as usize)
        });
        entries.copied()
    }

    /// A reader has let go of an entry: it is given up if that was the last, and so are those before it.
    pub(super) fn let_go(&mut self, log: LogId, place: Place, store: &mut Store) {
        let found = &mut self.logs[log.0 as usize];
        let entry = &mut found.entries[found.first.until(place) as usize];
        let message = store.get(*entry);
        if message.readers() > 0 {
            return;
        }
        let bytes = u64::from(message.weight());
        found.bytes -= bytes;
        self.bytes -= bytes;
        store.unlog(*entry);
        *entry = NONE;
        if found.first != place {
            return;
        }
        let before = found.entries.len();
        while found.entries.front() == Some(&NONE) {
            found.entries.pop_front();
            found.first = found.first.next();
        }
        let given_up = before - found.entries.len();
        self.entries -= given_up;
        store.spend(given_up as u64);
        self.forget_if_over(log);
    }

    fn forget_if_over(&mut self, log: LogId) {
        let found = &self.logs[log.0 as usize];
        if found.is_closed && found.entries.is_empty() {
            self.logs.remove(log.0 as usize);
        }
    }

    /// The logs that cost most, each with the place up to which half of that is: those that cost half as much as the
    /// dearest, or more. What is behind the place that `told` gives for a log, if it does, is not given up.
    pub(super) fn longest(
        &self,
        store: &Store,
        told: impl Fn(LogId) -> Option<Place>,
    ) -> Vec<(LogId, Place)> {
        let all = self.logs.iter().filter_map(|(id, log)| {
            let id = LogId(id as u32);
            let told = told(id);
            let may_be_cut = log.cost() > 0 && told != Some(log.first);
            may_be_cut.then_some((id, log, told))
        });
        let all: Vec<_> = all.collect();
        let dearest = all.iter().map(|(_, log, _)| log.cost()).max();
        let least = dearest.unwrap_or(0).div_ceil(2);
        let long = all.into_iter().filter(|(_, log, _)| log.cost() >= least);
        long.map(|(id, log, told)| {
            let half = log.half(store);
            (id, told.filter(|told| told.is_before(half)).unwrap_or(half))
        })
        .collect()
    }

    /// Lets the capacity go that a burst has grown.
    pub(super) fn shrink(&mut self) {
        for (_, log) in &mut self.logs {
            if log.entries.capacity() > ENTRIES_KEPT.max(4 * log.entries.len()) {
                log.entries.shrink_to(2 * log.entries.len());
            }
        }
    }

    /// Gives up all before a place, which no span and no run names any more. A frame of it that has begun to go out
    /// somewhere is that connection's own by now.
    pub(super) fn cut(&mut self, log: LogId, until: Place, store: &mut Store) {
        // A log that is over may have been forgotten with its last reader.
        let Some(found) = self.logs.get_mut(log.0 as usize) else {
            return;
        };
        while found.first.is_before(until)
            && let Some(entry) = found.entries.pop_front()
        {
            if entry != NONE {
                let bytes = u64::from(store.get(entry).weight());
                found.bytes -= bytes;
                self.bytes -= bytes;
                store.unlog(entry);
            }
            found.first = found.first.next();
            self.entries -= 1;
        }
        self.forget_if_over(log);
    }

    /// What they cost, with their messages.
    pub(super) fn cost(&self) -> u64 {
        self.bytes + self.held_bytes()
    }

    /// What the entries cost, beside their messages.
    pub(super) fn held_bytes(&self) -> u64 {
        self.entries as u64 * ENTRY_BYTES
    }

    /// Names messages by where they are now.
    pub(super) fn rename(&mut self, rename: impl Fn(&mut u32)) {
        let logs = self.logs.iter_mut().map(|(_, log)| log);
        logs.flat_map(|log| &mut log.entries).for_each(rename);
    }

    /// Whose log it is.
    pub(super) fn app(&self, log: LogId) -> AppId {
        self.logs[log.0 as usize].app
    }

    /// Checks every rule of logs, and counts the copies that they hold.
    ///
    /// # Panics
    /// When a rule is broken.
    pub(super) fn check_invariants(&self, copies: &mut Vec<u32>, store: &Store) {
        let (mut entries, mut all_bytes) = (0, 0);
        for (id, log) in &self.logs {
            entries += log.entries.len();
            let named = log.entries.iter().copied().filter(|&entry| entry != NONE);
            let mut bytes = 0;
            for key in named {
                let message = store.get(key);
                assert!(
                    message.is_logged() && message.readers() > 0,
                    "log {id} has messages that are waited for"
                );
                bytes += u64::from(message.weight());
                copies.resize(copies.len().max(key as usize + 1), 0);
                copies[key as usize] += 1;
            }
            assert_eq!(bytes, log.bytes, "the bytes of log {id} are counted");
            all_bytes += bytes;
            assert!(
                log.entries.front() != Some(&NONE),
                "log {id} begins with what is waited for"
            );
            assert!(
                !log.is_closed || !log.entries.is_empty(),
                "log {id} is over and forgotten"
            );
        }
        assert_eq!(entries, self.entries, "the entries are counted");
        assert_eq!(all_bytes, self.bytes, "the bytes of all logs are counted");
    }
}
