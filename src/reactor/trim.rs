//! What is kept no longer: histories that are too old, or too long for the memory that there is; and the readers that were
//! behind as far as those reached.

use super::Reactor;
use crate::apps::context::Common;
use crate::id::AppId;
use crate::time::Millis;
use crate::transport::Transport;

/// Entries of histories that are given up in a turn at most, of those that are too old or too many: half a millisecond.
pub(super) const TRIMMED_MAX: usize = 4096;
/// How often it is looked for those that are too old.
const TRIM_INTERVAL: Millis = Millis::seconds(1);

impl<T: Transport> Reactor<T> {
    /// Keeps no more of what was published than for as long as the settings say, and less while memory is short; and looks
    /// after those who were behind as far as that reached.
    pub(super) fn trim_histories(&mut self) {
        let now = self.common.now;
        if self.next_trim.is_none_or(|at| at <= now.millis()) {
            let outbox = &mut self.common.outbox;
            let expired = outbox.expire_histories(now.micros, TRIMMED_MAX);
            // What is published meanwhile may be kept for less time than what is kept already.
            let next = match expired {
                TRIMMED_MAX => now.millis(),
                _ => now.millis() + TRIM_INTERVAL,
            };
            self.next_trim = outbox.next_expiry().map(|_| next);
        }
        if self.keeps_too_much() {
            self.common.outbox.shorten_histories(TRIMMED_MAX);
        }
        if !self.common.outbox.has_trimmed() {
            return;
        }
        let Common { outbox, bounds, .. } = &mut self.common;
        let skipped = outbox.keep_up(|app| bounds.app(app).queue);
        self.count_dropped(skipped);
        while let Some(key) = self.common.outbox.next_full() {
            let conn = self.common.outbox.conn(key);
            if let Some(app) = self.common.outbox.app(key) {
                self.common.context(app, conn).close_full(key);
            }
        }
        self.carry_out_closings();
        // What those who are too far behind held up nobody else misses.
        let cut = self.common.outbox.cut_too_long_logs();
        self.count_dropped(cut);
    }

    /// Whether memory is short, and some of it is histories.
    fn keeps_too_much(&self) -> bool {
        let budget = self.common.bounds.memory_budget_bytes;
        self.common.outbox.history_bytes() > 0 && self.budgeted_bytes() > budget / 4 * 3
    }

    /// Whether there is more to trim than a turn has time for.
    pub(super) fn trims(&self) -> bool {
        self.common.outbox.has_trimmed() || self.keeps_too_much()
    }

    /// Messages that clients are told that they miss.
    pub(super) fn count_dropped(&mut self, missed: [u64; AppId::ALL.len()]) {
        let dropped = &mut self.common.metrics.messages_dropped;
        for (dropped, missed) in dropped.iter_mut().zip(missed) {
            *dropped += missed;
        }
    }
}
