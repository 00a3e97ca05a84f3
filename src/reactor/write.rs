//! Queue → socket: one write a connection and turn, and what follows from it. A connection whose socket is full waits for
//! an edge; one for which the kernel has no memory is tried again.

use super::connection::{DEAD, HELD, LAST_WORDS, LINGERS, Role, SERVING, WAITS};
use super::{ANSWERS_BYTES, Part, Reactor};
use crate::apps::context::Common;
use crate::core::outbox::{Flush, FlushState, Gap};
use crate::core::protocol::Phase;
use crate::id::{AppId, ConnId};
use crate::metrics::{Metrics, StreamMessage};
use crate::time::Recent;
use crate::transport::{Transport, is_shortage};
use crate::vitals;
use crate::warnings::Warning;
use crate::wire::frame::close;
use crate::work;

impl<T: Transport> Reactor<T> {
    /// Writes what waits, one call a connection, as far as there is work left for it.
    pub(super) fn flush(&mut self) {
        vitals::serves_nobody();
        let dirty = self.common.outbox.dirty();
        let is_packing = self.common.outbox.is_packing();
        if dirty == 0 && !is_packing && !self.common.has_published && self.written.is_empty() {
            return;
        }
        self.common.work.enter(Part::Flush);
        // A slice that cost more than the purse has is paid off before the next one.
        if is_packing && self.common.work.goes_on() {
            self.common.outbox.pack_slice();
            self.charge_queued();
        }
        let queues = self.common.outbox.dirty_queues();
        let given_before = self.common.outbox.given_queues();
        for taken in 0.. {
            // Of those who have something to write again, some may have taken the turns of a room's members.
            let is_over = taken >= dirty && self.common.outbox.dirty_members() == 0;
            if is_over || !self.common.work.goes_on() {
                break;
            }
            let Some(key) = self.common.outbox.next_dirty() else {
                break;
            };
            match self.conns.get(key as usize) {
                Some(conn) if conn.is(DEAD) => {
                    let discarded = self.common.outbox.discard(key);
                    self.count_discarded(key, discarded);
                }
                Some(_) => self.flush_one(key),
                None => {}
            }
        }
        let given = (self.common.outbox.given_queues() - given_before) as usize;
        if self.common.has_published {
            let Common {
                unwritten, outbox, ..
            } = &mut self.common;
            // A queue that has been given out may wait for what was published and is being compressed.
            let given = |app| if outbox.is_packing_for(app) { 0 } else { given };
            let apps = AppId::ALL.into_iter().zip(unwritten);
            let left = apps.filter_map(|(app, it)| it.flushed(given(app), queues));
            self.common.has_published = left.count() > 0;
        }
        if !self.written.is_empty() {
            let now = self.look().micros;
            let metrics = &mut self.common.metrics;
            for (app, stored) in self.written.drain(..) {
                let waited = now.since(stored);
                metrics.publish_to_write.observe(waited);
                if app == AppId::Stream {
                    metrics.stream_broadcast_latency.observe(waited);
                }
            }
        }
    }

    /// Writes what waits for one connection, and first what it is to be told that it missed.
    pub(super) fn flush_one(&mut self, key: u32) {
        if let Some(gap) = self.common.outbox.gap(key) {
            self.tell_gap(key, gap);
        }
        let now = self.common.now.millis();
        let conn = &mut self.conns[key as usize];
        let (transport, written) = (&mut self.transport, &mut self.written);
        let mut sent_bytes = 0;
        let mut is_short = false;
        let flush = self.common.outbox.flush(
            key,
            now,
            |parts| {
                let result = transport.write(&mut conn.socket, parts);
                match &result {
                    Ok(taken) => sent_bytes = *taken as u64,
                    // Nothing was taken, as if the socket were full; only no edge will come.
                    Err(error) if is_shortage(error) => {
                        is_short = true;
                        return Ok(0);
                    }
                    Err(_) => {}
                }
                result
            },
            |app, stored| written.push((app, stored)),
        );
        conn.takes(sent_bytes, self.common.now.micros);
        if sent_bytes > 0 && conn.is(HELD) {
            // It is not read, so this is the only sign of life that it can give.
            conn.seen = Recent::new(self.common.now.millis());
        }
        // What is still being compressed is looked at, and nothing is written.
        let is_tried =
            sent_bytes > 0 || matches!(flush.state, FlushState::Blocked | FlushState::Failed(_));
        let cost = if is_tried { work::WRITE } else { work::COPY };
        let cost = cost + sent_bytes / work::MOVED_BYTES;
        self.common
            .work
            .charge(cost + self.common.outbox.take_cost());
        let metrics = &mut self.common.metrics;
        metrics.sent_bytes += sent_bytes;
        if let Role::Member(app, _) | Role::Former(app, _) = conn.role {
            count_delivered(metrics, app, &flush);
        }
        match flush.state {
            FlushState::Failed(error) => {
                log::debug!("connection {key}.{}: broke: {error}", conn.generation);
                let discarded = self.common.outbox.discard(key);
                self.count_discarded(key, discarded);
                return self.kill(key, close::ABNORMAL);
            }
            FlushState::Blocked => {
                let stalled = self.common.outbox.stalled_since(key, now).unwrap_or(now);
                self.wheel
                    .arm_earlier(key, stalled + self.common.bounds.write_timeout);
                if is_short {
                    let generation = conn.generation;
                    self.starve(ConnId { key, generation });
                }
            }
            FlushState::More => {}
            FlushState::Empty => self.flushed(key),
        }
        self.resume(key);
    }

    /// The kernel had no memory for what a connection was to read or write.
    pub(super) fn starve(&mut self, id: ConnId) {
        self.shortage.defer(id, self.common.now.millis());
        self.warn(
            Warning::KernelMemory,
            format_args!(
                "the kernel has no memory for what is to be read and written: it is tried again"
            ),
        );
    }

    /// Tries again whatever the kernel had no memory for, once it is time.
    pub(super) fn try_again(&mut self) {
        if self.shortage.next().is_none() {
            return;
        }
        for id in self.shortage.take_due(self.common.now.millis()) {
            let found = self.conns.get_mut(id.key as usize);
            let Some(conn) = found.filter(|conn| conn.generation == id.generation) else {
                continue;
            };
            self.common.outbox.reopen(id.key);
            if !conn.is(SERVING | HELD | WAITS | DEAD) {
                conn.flags |= SERVING;
                self.serving.push_back(id);
            }
        }
    }

    /// Everything has gone out: the end, if these were the last words.
    fn flushed(&mut self, key: u32) {
        let now = self.common.now;
        let conn = &mut self.conns[key as usize];
        if conn.is(LAST_WORDS) && !conn.is(LINGERS) {
            return self.kill(key, close::ABNORMAL);
        }
        if conn.is(LAST_WORDS) {
            conn.flags &= !LAST_WORDS;
            self.transport.finish(&mut conn.socket);
        }
        if matches!(conn.protocol.phase(), Phase::Closing | Phase::Over) {
            conn.since = now.micros;
            self.wheel
                .arm_earlier(key, now.millis() + self.common.bounds.close_timeout);
        }
        self.rests(key);
    }

    /// Reads again from a client that was held until its queue had shrunk.
    #[inline]
    pub(super) fn resume(&mut self, key: u32) {
        let conn = &mut self.conns[key as usize];
        if conn.is(HELD)
            && !conn.is(SERVING | WAITS | DEAD)
            && self.common.outbox.backlog_bytes(key) <= ANSWERS_BYTES
        {
            conn.flags |= SERVING;
            self.serving.push_back(ConnId {
                key,
                generation: conn.generation,
            });
        }
    }

    /// Tells a client how many messages it missed.
    fn tell_gap(&mut self, key: u32, gap: Gap) {
        let (Role::Member(app, _) | Role::Former(app, _)) = self.conns[key as usize].role else {
            return;
        };
        self.common.metrics.lagged_notices[app as usize] += 1;
        let Common {
            now,
            encoder,
            outbox,
            ..
        } = &mut self.common;
        let notice = self.apps.app(app).lagged(gap, now.unix, encoder);
        outbox.tell_gap(key, notice.exempt(), now.micros);
    }
}

/// Counts what has gone out whole to a member.
fn count_delivered(metrics: &mut Metrics, app: AppId, flush: &Flush) {
    metrics.messages_delivered[app as usize] += u64::from(flush.messages);
    if app == AppId::Stream {
        let txs = u64::from(flush.tagged);
        metrics.stream_message(StreamMessage::NewTx, txs);
        let blocks = u64::from(flush.messages) - txs;
        metrics.stream_message(StreamMessage::NewBlock, blocks);
    }
}
