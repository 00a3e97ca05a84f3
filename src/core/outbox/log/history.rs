//! Histories: the newest entries of each log, which are kept for readers that come back, however many wait for them now.
//!
//! They are bounded for each log by messages and bytes, and for each app by age and by bytes in all; the oldest give way
//! first. An entry that leaves the history stays in its log for as long as a reader has still to get it.

use std::collections::BTreeSet;

use super::super::store::Store;
use super::{Entry, Logs, Numbers, Place};
use crate::bounds::HistoryBounds;
use crate::id::{AppId, LogId, Topic};
use crate::time::{Micros, Millis};
use crate::work;

/// The histories of one app's logs.
pub(super) struct History {
    bounds: HistoryBounds,
    /// What is kept in them, of messages alone.
    bytes: u64,
    /// The logs in which something is kept, each with a time at which its oldest was published, or an earlier one: it is put right when it is
    /// looked at.
    oldest: BTreeSet<(Micros, LogId)>,
    /// What one log may cost at most, whoever waits for it.
    pub(super) log_bytes_max: u64,
}

impl Default for History {
    /// Nothing is kept, and logs are as long as readers wait for.
    fn default() -> History {
        History {
            bounds: HistoryBounds::default(),
            bytes: 0,
            oldest: BTreeSet::new(),
            log_bytes_max: u64::MAX,
        }
    }
}

impl Logs {
    /// Bounds the histories of an app, and with them its logs: to what may be kept, and what one reader may wait for.
    pub(in crate::core::outbox) fn bound_history(
        &mut self,
        app: AppId,
        bounds: HistoryBounds,
        queue_bytes_max: u32,
    ) {
        let history = &mut self.histories[app as usize];
        history.bounds = bounds;
        history.log_bytes_max = bounds.total_max + u64::from(queue_bytes_max);
    }

    /// A message has become the newest of a log, and is kept; what has to make room for it is not kept any more.
    pub(super) fn keep(&mut self, log: LogId, key: u32, store: &mut Store) {
        let found = &mut self.logs[log.0 as usize];
        let history = &mut self.histories[found.app as usize];
        let message = store.get(key);
        let bytes = u64::from(message.weight());
        found.kept_messages += u64::from(message.messages);
        found.kept_bytes += bytes;
        history.bytes += bytes;
        if found.aged.is_none() && history.bounds.messages_max > 0 {
            found.aged = Some(message.stored);
            history.oldest.insert((message.stored, log));
            self.aging += 1;
        }
        let (app, bounds) = (found.app, history.bounds);
        let is_over = |logs: &Logs| {
            let found = &logs.logs[log.0 as usize];
            found.kept_messages > u64::from(bounds.messages_max)
                || found.kept_bytes > bounds.bytes_max
        };
        while is_over(self) && self.let_go_oldest(log, store) {}
        while self.histories[app as usize].bytes > bounds.total_max
            && let Some((_, oldest)) = self.oldest(app, store)
            && self.let_go_oldest(oldest, store)
        {}
    }

    /// The log of an app whose history reaches back furthest, and since when.
    fn oldest(&mut self, app: AppId, store: &Store) -> Option<(Micros, LogId)> {
        let history = &mut self.histories[app as usize];
        loop {
            let listed = *history.oldest.first()?;
            let (time, log) = listed;
            let found = &mut self.logs[log.0 as usize];
            let oldest = found.oldest_kept().map(|key| store.get(key).stored);
            if oldest == Some(time) {
                return Some(listed);
            }
            history.oldest.remove(&listed);
            found.aged = oldest;
            match oldest {
                Some(time) => _ = history.oldest.insert((time, log)),
                None => self.aging -= 1,
            }
        }
    }

    /// Keeps the oldest entry of a log's history no more; whether there was one.
    pub(super) fn let_go_oldest(&mut self, log: LogId, store: &mut Store) -> bool {
        let found = &mut self.logs[log.0 as usize];
        let Some(key) = found.oldest_kept() else {
            return false;
        };
        let message = store.get(key);
        let bytes = u64::from(message.weight());
        found.kept_messages -= u64::from(message.messages);
        found.kept_bytes -= bytes;
        self.histories[found.app as usize].bytes -= bytes;
        let place = found.kept;
        found.kept = place.next();
        self.shortened |= message.readers() > 0;
        store.spend(work::COPY);
        self.let_go(log, place, store);
        true
    }

    /// Keeps nothing of a log any more.
    pub(super) fn keep_nothing(&mut self, log: LogId, store: &mut Store) {
        while self.let_go_oldest(log, store) {}
        let found = &mut self.logs[log.0 as usize];
        if let Some(time) = found.aged.take() {
            let app = found.app as usize;
            self.histories[app].oldest.remove(&(time, log));
            self.aging -= 1;
        }
    }

    /// Keeps nothing any more that is too old, but for so many entries that are left for the next time; how many they
    /// were.
    pub(in crate::core::outbox) fn expire(
        &mut self,
        now: Micros,
        entries_max: usize,
        store: &mut Store,
    ) -> usize {
        let mut entries = 0;
        if self.aging == 0 {
            return 0;
        }
        for app in AppId::ALL {
            let age = self.histories[app as usize].bounds.age;
            while entries < entries_max
                && let Some((since, log)) = self.oldest(app, store)
                && now.millis() >= since.millis() + age
                && self.let_go_oldest(log, store)
            {
                entries += 1;
            }
        }
        entries
    }

    /// Keeps less, the oldest of all apps first, by so many entries; how many that was.
    pub(in crate::core::outbox) fn keep_less(
        &mut self,
        entries_max: usize,
        store: &mut Store,
    ) -> usize {
        let mut entries = 0;
        while entries < entries_max {
            let oldest = AppId::ALL
                .into_iter()
                .filter_map(|app| self.oldest(app, store))
                .min();
            if !oldest.is_some_and(|(_, log)| self.let_go_oldest(log, store)) {
                break;
            }
            entries += 1;
        }
        entries
    }

    /// The number before the first that the history of a log has.
    pub(in crate::core::outbox) fn kept_since(&self, log: LogId) -> u64 {
        let log = &self.logs[log.0 as usize];
        let first = log.kept_entries().next();
        first.map_or(log.newest, |entry| log.number(entry) - 1)
    }

    /// What the history of a log has behind a number: places, topics and numbers, the oldest first.
    pub(in crate::core::outbox) fn kept_behind(
        &self,
        log: LogId,
        since: u64,
        store: &Store,
    ) -> impl Iterator<Item = (Place, Topic, Numbers)> {
        let log = &self.logs[log.0 as usize];
        let kept = log.first.until(log.kept) as usize;
        let is_past = |entry: &Entry| {
            log.number(entry) + u64::from(store.get(entry.message).messages) <= since + 1
        };
        let (mut low, mut high) = (kept, log.entries.len());
        while low < high {
            let middle = low.midpoint(high);
            match is_past(&log.entries[middle]) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let place = log.first.plus(low as u32);
        let entries = log.entries.range(low..).zip(0..);
        entries.map(move |(entry, index)| {
            let numbers = Numbers {
                since: log.number(entry) - 1,
                count: store.get(entry.message).messages,
                epoch: log.epoch,
            };
            (place.plus(index), entry.topic, numbers)
        })
    }

    /// Bytes of all that is kept, of messages alone.
    pub(in crate::core::outbox) fn history_bytes(&self) -> u64 {
        if self.aging == 0 {
            return 0;
        }
        self.histories.iter().map(|history| history.bytes).sum()
    }

    /// When something may be too old to be kept; it may be too early.
    pub(in crate::core::outbox) fn next_expiry(&self) -> Option<Millis> {
        if self.aging == 0 {
            return None;
        }
        let histories = self.histories.iter();
        let due = histories.filter_map(|it| Some(it.oldest.first()?.0.millis() + it.bounds.age));
        due.min()
    }

    /// Checks the rules of histories.
    ///
    /// # Panics
    /// When a rule is broken.
    pub(super) fn check_histories(&self, store: &Store) {
        let aging = self.histories.iter().map(|history| history.oldest.len());
        assert_eq!(
            aging.sum::<usize>(),
            self.aging,
            "the histories that age are counted"
        );
        for (history, app) in self.histories.iter().zip(AppId::ALL) {
            let of_app = self.logs.iter().filter(|(_, log)| log.app == app);
            let (mut bytes, mut listed) = (0, 0);
            for (id, log) in of_app {
                bytes += log.kept_bytes;
                let kept = log.kept_entries().map(|entry| store.get(entry.message));
                let (mut kept_messages, mut kept_bytes) = (0, 0);
                for message in kept {
                    kept_messages += u64::from(message.messages);
                    kept_bytes += u64::from(message.weight());
                }
                assert_eq!(
                    kept_messages, log.kept_messages,
                    "the history of log {id} is counted"
                );
                assert_eq!(
                    kept_bytes, log.kept_bytes,
                    "the history of log {id} is counted"
                );
                let bounds = &history.bounds;
                let is_within = kept_messages <= u64::from(bounds.messages_max)
                    && kept_bytes <= bounds.bytes_max;
                assert!(is_within, "the history of log {id} is within its bounds");
                listed += usize::from(log.aged.is_some());
                assert!(
                    log.aged.is_some() || kept_messages == 0,
                    "the history of log {id} is among those that age"
                );
                let oldest = log.oldest_kept().map(|key| store.get(key).stored);
                assert!(
                    oldest.is_none_or(|oldest| log.aged.is_some_and(|aged| aged <= oldest)),
                    "the history of log {id} is no older than its place says"
                );
            }
            assert_eq!(bytes, history.bytes, "the histories of {app:?} are counted");
            assert_eq!(listed, history.oldest.len(), "the histories of {app:?} age");
            assert!(
                bytes <= history.bounds.total_max,
                "the histories of {app:?} are bounded"
            );
        }
    }
}
