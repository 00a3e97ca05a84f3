//! How long a log may be, and what of it is given up when it is longer.
//!
//! A log costs no more than may be kept of its app and one reader may wait for, together; but a single message that is waited
//! for may be as long as it likes, because a queue that is empty takes it.

use super::super::NONE;
use super::super::store::Store;
use super::{ENTRY_BYTES, Entry, Log, Logs, Place};
use crate::id::LogId;

impl Log {
    /// What it costs.
    fn cost(&self) -> u64 {
        self.bytes + self.entries.len() as u64 * ENTRY_BYTES
    }

    /// What of it is not in the history.
    fn cost_outside(&self) -> u64 {
        self.bytes_outside() + u64::from(self.outside()) * ENTRY_BYTES
    }

    /// Entries that are not in the history.
    fn outside(&self) -> u32 {
        self.first.until(self.kept)
    }

    /// Bytes of the messages that are not.
    fn bytes_outside(&self) -> u64 {
        self.bytes - self.kept_bytes
    }

    /// Whether only one message that is not in the history is waited for.
    fn holds_one(&self, store: &Store) -> bool {
        let weight = |entry: &Entry| store.get(entry.message).weight();
        // A log begins with what is waited for or kept, and no message is without bytes.
        let first = self.entries.front().map(weight);
        self.outside() > 0 && first.is_some_and(|first| u64::from(first) == self.bytes_outside())
    }

    /// The place up to which half of what is not in the history is, and no more than what comes before the newest of it.
    fn half_outside(&self, store: &Store) -> Place {
        let half = self.half(self.cost_outside(), store);
        let mut outside = self.entries.range(..self.outside() as usize);
        let newest = outside.rposition(|entry| entry.message != NONE);
        let newest = self.first.plus(newest.unwrap_or(0) as u32);
        match self.first.is_before(newest) && newest.is_before(half) {
            true => newest,
            false => half,
        }
    }

    /// The place up to which half of so much is.
    fn half(&self, all: u64, store: &Store) -> Place {
        let (mut cost, mut place) = (all, self.first);
        for entry in &self.entries {
            if cost <= all / 2 {
                break;
            }
            if entry.message != NONE {
                cost -= u64::from(store.get(entry.message).weight());
            }
            cost -= ENTRY_BYTES;
            place = place.next();
        }
        place
    }
}

impl Logs {
    /// Whether a log costs more than any may, for what readers wait for and the history has not.
    pub(super) fn is_too_long(&self, log: &Log, store: &Store) -> bool {
        let bytes_max = self.histories[log.app as usize].log_bytes_max;
        let bytes_left = bytes_max.saturating_sub(log.kept_bytes);
        let cost = log.cost_outside();
        cost > bytes_left && (!log.holds_one(store) || cost - log.bytes_outside() > bytes_left)
    }

    /// The logs that cost most, each with the place up to which half of that is: those that cost half as much as the
    /// dearest, or more. What is behind the place that `told` gives for a log, if it does, is not given up.
    pub(in crate::core::outbox) fn longest(
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
            let half = log.half(log.cost(), store);
            (id, told.filter(|told| told.is_before(half)).unwrap_or(half))
        })
        .collect()
    }

    /// The logs that have become too long, each with the place up to which half of it is, in the order of their numbers.
    pub(in crate::core::outbox) fn take_too_long(&mut self, store: &Store) -> Vec<(LogId, Place)> {
        let mut logs = std::mem::take(&mut self.too_long);
        logs.sort_unstable();
        logs.dedup();
        let found = |id: LogId| self.logs.get(id.0 as usize).map(|log| (id, log));
        let logs = logs.into_iter().filter_map(found);
        let logs = logs.filter(|(_, log)| self.is_too_long(log, store));
        logs.map(|(id, log)| (id, log.half_outside(store)))
            .collect()
    }

    /// Gives up all before a place, which no span and no run names any more. A frame of it that has begun to go out
    /// somewhere is that connection's own by now.
    pub(in crate::core::outbox) fn cut(&mut self, log: LogId, until: Place, store: &mut Store) {
        // A log that is over may have been forgotten with its last reader.
        while let Some(found) = self.logs.get(log.0 as usize)
            && found.kept.is_before(until)
            && self.let_go_oldest(log, store)
        {}
        let Some(found) = self.logs.get_mut(log.0 as usize) else {
            return;
        };
        while found.first.is_before(until)
            && let Some(Entry { message, .. }) = found.entries.pop_front()
        {
            if message != NONE {
                let bytes = u64::from(store.get(message).weight());
                found.bytes -= bytes;
                self.bytes -= bytes;
                store.unlog(message);
            }
            found.first = found.first.next();
            self.entries -= 1;
        }
        self.entries -= found.begin_with_some();
        self.forget_if_over(log);
    }
}
