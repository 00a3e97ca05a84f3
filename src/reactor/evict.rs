//! What goes when the memory budget is spent: histories, then half of the longest logs, or the connection with the largest
//! backlog of its own, until all that is held is within the budget.

use std::collections::BinaryHeap;

use super::Reactor;
use super::connection::{Connection, DEAD, LAST_WORDS, LINGERS, Role};
use super::trim::TRIMMED_MAX;
use crate::id::ConnId;
use crate::transport::Transport;
use crate::warnings::Warning;
use crate::wire::frame::close;

/// How often histories are shortened in a turn at most, before logs are cut.
const SHORTENED_MAX: usize = 16;

impl<T: Transport> Reactor<T> {
    /// While all logs, queues and half-received messages together are over the budget, the logs that cost most are cut to
    /// half, or the connection with the largest backlog of its own goes: whichever holds more.
    pub(super) fn evict(&mut self) {
        let budget = self.common.bounds.memory_budget_bytes;
        if self.budgeted_bytes() <= budget {
            return;
        }
        for _ in 0..SHORTENED_MAX {
            if self.budgeted_bytes() <= budget
                || self.common.outbox.shorten_histories(TRIMMED_MAX) == 0
            {
                break;
            }
        }
        let outbox = &self.common.outbox;
        let backlog = |(key, conn): (usize, &Connection<T::Socket>)| {
            let bytes = u64::from(outbox.own_bytes(key as u32)) + u64::from(conn.held_bytes);
            (bytes > 0 && !conn.is(DEAD)).then_some((bytes, key as u32))
        };
        let mut victims: BinaryHeap<(u64, u32)> = self.conns.iter().filter_map(backlog).collect();
        // Cutting is over when it gives nothing back.
        let mut cuts = true;
        while self.budgeted_bytes() > budget {
            let largest = victims.peek().map_or(0, |&(bytes, _)| bytes);
            if cuts && self.common.outbox.logs_bytes() > largest {
                cuts = self.cut_logs();
                continue;
            }
            let Some((bytes, key)) = victims.pop() else {
                break;
            };
            self.warn(
                Warning::Budget,
                format_args!(
                    "over the memory budget: a connection with a backlog of {bytes} bytes is closed"
                ),
            );
            self.evict_one(key);
            if !self.conns[key as usize].is(DEAD) {
                // A frame that is partly written stays, however long; if it is too long to wait for, its turn comes again.
                victims.push((u64::from(self.common.outbox.own_bytes(key)), key));
            }
        }
    }

    /// Cuts the logs that cost most to half; whether that has given memory back.
    fn cut_logs(&mut self) -> bool {
        let held_bytes = self.budgeted_bytes();
        let missed = self.common.outbox.cut_longest_logs();
        self.count_dropped(missed);
        self.common.outbox.stop_packing();
        let all: u64 = missed.iter().sum();
        if all > 0 {
            let told = format_args!(
                "over the memory budget: {all} messages that slow clients have not taken are given up"
            );
            self.warn(Warning::Budget, told);
        }
        self.budgeted_bytes() < held_bytes
    }

    fn evict_one(&mut self, key: u32) {
        let conn = &mut self.conns[key as usize];
        let id = ConnId {
            key,
            generation: conn.generation,
        };
        self.half_received_bytes -= u64::from(conn.held_bytes);
        conn.held_bytes = 0;
        conn.leftover = None;
        let Role::Member(app, _) = conn.role else {
            let discarded = self.common.outbox.discard(key);
            self.count_discarded(key, discarded);
            return self.kill(key, close::ABNORMAL);
        };
        let discarded = self.common.outbox.clear(key);
        self.count_discarded(key, discarded);
        self.common.outbox.stop_packing();
        self.common.metrics.evictions[app as usize] += 1;
        self.common
            .context(app, id)
            .close(id, close::TRY_AGAIN, "the memory budget is spent");
        self.carry_out_closings();
        // Half a message cannot be skipped over: what follows on the wire has no meaning to us any more.
        let conn = &mut self.conns[key as usize];
        conn.protocol.over();
        conn.flags |= LAST_WORDS | LINGERS;
    }
}
