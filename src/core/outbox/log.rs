//! Logs: the messages of one numbering, newest last, each kept for as long as a reader has still to get it, and the newest
//! for readers that come back.
//!
//! An entry is named by its place in the log, which never changes; a *span* is the entries from one place to before another,
//! and is all that a reader owns, however many they are. What no reader waits for and the history has not is given up, from the oldest on.
//! An entry has a number, too, or as many as it has messages: the numbers have no gaps, and are what clients know.
//!
//! Invariant: every entry that a span or a run names is there, and a log holds a copy of each message that it has.

mod history;
mod length;
mod span;

use std::collections::VecDeque;

use slab::Slab;

use self::history::History;
pub(super) use self::span::{Missed, Numbers, Place, Span};
use super::NONE;
use super::store::Store;
use crate::id::{AppId, LogId, Topic};
use crate::position::Position;
use crate::time::Micros;
use crate::wire::frame::Class;

/// All logs.
#[derive(Default)]
pub(super) struct Logs {
    logs: Slab<Log>,
    entries: usize,
    /// What their messages cost.
    bytes: u64,
    /// What is kept of them, by app.
    histories: [History; AppId::ALL.len()],
    /// In how many of them something is kept, or was when that was last looked at.
    aging: usize,
    /// Logs that have become too long, because readers wait for more than one may by itself.
    too_long: Vec<LogId>,
    /// Entries have left a history that readers wait for: some of those may be too far behind without it.
    shortened: bool,
}

struct Log {
    app: AppId,
    epoch: u32,
    /// The number of its newest message.
    newest: u64,
    /// The place of the first entry.
    first: Place,
    entries: VecDeque<Entry>,
    /// What its messages cost.
    bytes: u64,
    /// From where on entries are kept, whoever waits for them.
    kept: Place,
    /// Messages from there on, each of a batch.
    kept_messages: u64,
    /// ... and their bytes.
    kept_bytes: u64,
    /// Its place among the histories that age.
    aged: Option<Micros>,
    is_closed: bool,
}

/// A message of a log.
#[derive(Clone, Copy)]
struct Entry {
    /// Its place in the store; [`NONE`] for one that nobody waits for, while an older one is waited for.
    message: u32,
    /// The lower half of its number, or of the first of its numbers.
    number: u32,
    topic: Topic,
}

impl Log {
    /// Forgets the first entries while they are no more than places; how many they were.
    fn begin_with_some(&mut self) -> usize {
        let before = self.entries.len();
        while self
            .entries
            .front()
            .is_some_and(|entry| entry.message == NONE)
        {
            self.entries.pop_front();
            self.first = self.first.next();
        }
        before - self.entries.len()
    }

    /// The place behind the newest entry.
    fn end(&self) -> Place {
        self.first.plus(self.entries.len() as u32)
    }

    /// The entry at a place that is there.
    fn entry(&self, place: Place) -> &Entry {
        &self.entries[self.first.until(place) as usize]
    }

    /// The number of an entry, or the first of its numbers.
    fn number(&self, entry: &Entry) -> u64 {
        self.newest - u64::from((self.newest as u32).wrapping_sub(entry.number))
    }

    /// The entries of its history, oldest first.
    fn kept_entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.range(self.first.until(self.kept) as usize..)
    }

    /// The oldest message of its history.
    fn oldest_kept(&self) -> Option<u32> {
        self.kept_entries().next().map(|entry| entry.message)
    }
}

/// What an entry costs, beside its message.
const ENTRY_BYTES: u64 = size_of::<Entry>() as u64;
/// Entries that a log keeps capacity for.
const ENTRIES_KEPT: usize = 64;

impl Logs {
    /// A new log, empty, whose numbering is told from others by its epoch.
    pub(super) fn open(&mut self, app: AppId, epoch: u32) -> LogId {
        LogId(self.logs.insert(Log {
            app,
            epoch,
            newest: 0,
            first: Place(0),
            entries: VecDeque::new(),
            bytes: 0,
            kept: Place(0),
            kept_messages: 0,
            kept_bytes: 0,
            aged: None,
            is_closed: false,
        }) as u32)
    }

    /// Goes on with a numbering: what is published next in a log that is empty has the number behind this position.
    pub(super) fn renumber(&mut self, log: LogId, position: Position) {
        let found = &mut self.logs[log.0 as usize];
        debug_assert!(
            found.entries.is_empty(),
            "what has a number already keeps it"
        );
        (found.epoch, found.newest) = (position.epoch, position.number);
    }

    /// Nothing is added to a log any more; it is forgotten once nobody waits for anything of it.
    pub(super) fn close(&mut self, log: LogId, store: &mut Store) {
        self.keep_nothing(log, store);
        self.logs[log.0 as usize].is_closed = true;
        self.forget_if_over(log);
    }

    /// Adds a message on this topic, of which it takes a copy, and gives it the next number, or as many as it has
    /// messages.
    pub(super) fn push(&mut self, log: LogId, topic: Topic, key: u32, store: &mut Store) -> Place {
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
        let place = found.end();
        found.entries.push_back(Entry {
            message: key,
            number: (found.newest + 1) as u32,
            topic,
        });
        found.newest += u64::from(message.messages);
        self.entries += 1;
        self.keep(log, key, store);
        if self.is_too_long(&self.logs[log.0 as usize], store) && self.too_long.last() != Some(&log)
        {
            self.too_long.push(log);
        }
        place
    }

    /// The position of the newest message of a log.
    pub(super) fn position(&self, log: LogId) -> Position {
        let log = &self.logs[log.0 as usize];
        Position {
            epoch: log.epoch,
            number: log.newest,
        }
    }

    /// The number of the newest message of a log.
    pub(super) fn newest(&self, log: LogId) -> Numbers {
        let Position { epoch, number } = self.position(log);
        Numbers {
            since: number.saturating_sub(1),
            count: number.min(1) as u32,
            epoch,
        }
    }

    /// The message at a place that is waited for.
    pub(super) fn at(&self, log: LogId, place: Place) -> u32 {
        self.logs[log.0 as usize].entry(place).message
    }

    /// The message at a place that is waited for, and where its numbers begin.
    pub(super) fn numbered(&self, log: LogId, place: Place) -> (u32, Numbers) {
        let log = &self.logs[log.0 as usize];
        let entry = log.entry(place);
        let numbers = Numbers {
            since: log.number(entry) - 1,
            count: 0,
            epoch: log.epoch,
        };
        (entry.message, numbers)
    }

    /// Whether an entry is in the history, and kept whoever waits for it.
    pub(super) fn is_kept(&self, log: LogId, place: Place) -> bool {
        !place.is_before(self.logs[log.0 as usize].kept)
    }

    /// Readers are to be looked at again as if a history had become shorter: there was no time for all.
    pub(super) fn look_again(&mut self) {
        self.shortened = true;
    }

    /// Whether entries have left histories that readers wait for, since this was last asked.
    pub(super) fn take_shortened(&mut self) -> bool {
        std::mem::take(&mut self.shortened)
    }

    /// The same, for the rules that hold between turns.
    pub(super) fn is_shortened(&self) -> bool {
        self.shortened
    }

    /// The messages of a span.
    pub(super) fn span(&self, span: Span) -> impl Iterator<Item = u32> + use<'_> {
        // What a span that is empty begins with may be long gone.
        let log = span.log().filter(|_| span.len() > 0);
        let log = log.map(|log| &self.logs[log.0 as usize]);
        let entries = log.into_iter().flat_map(move |log| {
            let from = log.first.until(span.from) as usize;
            log.entries.range(from..from + span.len() as usize)
        });
        entries.map(|entry| entry.message)
    }

    /// A reader has let go of an entry, or the history has: it is given up if that was the last, and so are those before
    /// it.
    pub(super) fn let_go(&mut self, log: LogId, place: Place, store: &mut Store) {
        let found = &mut self.logs[log.0 as usize];
        let is_kept = !place.is_before(found.kept);
        let entry = &mut found.entries[found.first.until(place) as usize];
        let message = store.get(entry.message);
        if message.readers() == 0 {
            store.told(entry.message);
        }
        let message = store.get(entry.message);
        if is_kept || message.readers() > 0 {
            return;
        }
        let bytes = u64::from(message.weight());
        found.bytes -= bytes;
        self.bytes -= bytes;
        store.unlog(entry.message);
        entry.message = NONE;
        if found.first != place {
            return;
        }
        let given_up = found.begin_with_some();
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

    /// Whether logs have become too long, or entries have left histories that readers wait for.
    #[inline]
    pub(super) fn has_trimmed(&self) -> bool {
        self.shortened || !self.too_long.is_empty()
    }

    /// Lets the capacity go that a burst has grown.
    pub(super) fn shrink(&mut self) {
        for (_, log) in &mut self.logs {
            if log.entries.capacity() > ENTRIES_KEPT.max(4 * log.entries.len()) {
                log.entries.shrink_to(2 * log.entries.len());
            }
        }
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
        let entries = logs.flat_map(|log| &mut log.entries);
        entries.for_each(|entry| rename(&mut entry.message));
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
            let mut number = log.entries.front().map_or(0, |entry| log.number(entry));
            let (mut bytes, mut place) = (0, log.first);
            for entry in &log.entries {
                let is_kept = !place.is_before(log.kept);
                place = place.next();
                let Entry { message: key, .. } = *entry;
                if key == NONE {
                    assert!(!is_kept, "log {id} keeps its history");
                    continue;
                }
                let message = store.get(key);
                assert!(
                    message.is_logged() && (is_kept || message.readers() > 0),
                    "log {id} has messages that are kept or waited for"
                );
                assert!(number <= log.number(entry), "the numbers of log {id} rise");
                number = log.number(entry) + u64::from(message.messages);
                bytes += u64::from(message.weight());
                copies.resize(copies.len().max(key as usize + 1), 0);
                copies[key as usize] += 1;
            }
            assert_eq!(bytes, log.bytes, "the bytes of log {id} are counted");
            all_bytes += bytes;
            let first = log.entries.front();
            assert!(
                first.is_none_or(|entry| entry.message != NONE),
                "log {id} begins with what is kept or waited for"
            );
            assert!(
                !log.is_closed || !log.entries.is_empty(),
                "log {id} is over and forgotten"
            );
        }
        self.check_histories(store);
        assert_eq!(entries, self.entries, "the entries are counted");
        assert_eq!(all_bytes, self.bytes, "the bytes of all logs are counted");
    }
}
