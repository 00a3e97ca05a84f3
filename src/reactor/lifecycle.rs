//! How connections begin, are written to and end.

use std::collections::BinaryHeap;
use std::io;

use super::Visitor;
use super::guests::Guest;
use super::{
    ANSWERS_BYTES, Connection, DEAD, FRESH, HELD, LAST_WORDS, LINGERS, Part, Reactor, Role,
    SERVING, WAITS,
};
use crate::apps::context::Shared;
use crate::core::outbox::FlushState;
use crate::core::protocol::{Phase, Protocol};
use crate::id::{AppId, ConnId};
use crate::metrics::{Accept, StreamMessage};
use crate::time::{Millis, Recent};
use crate::transport::{AcceptError, Transport, is_shortage};
use crate::vitals;
use crate::warnings::Kind;
use crate::wire::frame::close;
use crate::work;

/// How often the room that a burst has grown is given back: seldom enough that the next message to as many members
/// finds it still there.
const SHRINK_INTERVAL: Millis = Millis::seconds(10);

impl<T: Transport> Reactor<T> {
    /// Takes in whoever knocks, up to the turn's budget and the accept rate; the others wait in the kernel's backlog.
    pub(super) fn accept(&mut self) {
        if !self.accepting || self.shortage.defers_accepts() {
            return;
        }
        self.shared.work.enter(Part::Accept);
        while self.shared.work.goes_on() {
            if self.awaits_burial() {
                return;
            }
            if !self.accept_rate.allows() {
                self.accept_capped = true;
                return;
            }
            let leaver = match self.is_crowded() {
                false => None,
                true => match self.leaver() {
                    None => return self.nobody_may_leave(),
                    leaver => leaver,
                },
            };
            if let Some(key) = leaver
                && self.has_guests_too_many()
            {
                // Members have become guests: they go first, and nobody comes for them.
                self.make_place(key);
                continue;
            }
            self.shared.work.charge(work::ACCEPT);
            let accepted = self.transport.accept();
            let found_somebody = !matches!(
                accepted,
                Err(AcceptError::Empty | AcceptError::Stuck | AcceptError::OutOfMemory)
            );
            if found_somebody {
                self.accept_rate.spend();
            }
            if std::mem::take(&mut self.accept_capped) && found_somebody {
                self.shared.metrics.accept_waits += 1;
                self.warn(Kind::AcceptRate, format_args!(
                    "more connections come than the accept rate takes in: they wait in the kernel's backlog"
                ));
            }
            match accepted {
                Ok((socket, address)) => {
                    leaver.into_iter().for_each(|key| self.make_place(key));
                    self.enter(socket, address.ip());
                }
                Err(AcceptError::Empty) => {
                    self.accepting = false;
                    return self.nobody_knocks();
                }
                Err(AcceptError::Exhausted) => {
                    self.shared.metrics.accept(Accept::Exhausted);
                    self.warn(
                        Kind::Descriptors,
                        format_args!("out of file descriptors: a connection was turned away"),
                    );
                }
                Err(AcceptError::Stuck) => {
                    self.shared.metrics.accept(Accept::Exhausted);
                    self.shortage.defer_accepts(self.shared.now.millis());
                    self.warn(
                        Kind::Descriptors,
                        format_args!(
                            "out of file descriptors: connections wait in the kernel's backlog"
                        ),
                    );
                    return;
                }
                Err(AcceptError::OutOfMemory) => {
                    self.shared.metrics.accept(Accept::Exhausted);
                    self.shortage.defer_accepts(self.shared.now.millis());
                    self.warn(
                        Kind::Backlog,
                        format_args!(
                            "the kernel has no memory for connections: they wait in its backlog"
                        ),
                    );
                    return;
                }
                Err(AcceptError::Failed(error)) => {
                    let aborted = error.kind() == io::ErrorKind::ConnectionAborted;
                    self.shared.metrics.accept(if aborted {
                        Accept::Aborted
                    } else {
                        Accept::Failed
                    });
                    if !aborted {
                        self.warn(
                            Kind::Accept,
                            format_args!("a connection could not be accepted: {error}"),
                        );
                    }
                }
            }
        }
    }

    fn enter(&mut self, socket: T::Socket, address: std::net::IpAddr) {
        let now = self.shared.now;
        self.generation = self.generation.wrapping_add(1);
        let entry = self.conns.vacant_entry();
        let id = ConnId {
            key: entry.key() as u32,
            generation: self.generation,
        };
        let conn = entry.insert(Connection {
            socket,
            generation: id.generation,
            protocol: Protocol::new(),
            role: Role::Visitor(Box::new(Visitor {
                address,
                guest: Guest::NOBODY,
                progress: None,
            })),
            leftover: None,
            seen: Recent::new(now.millis()),
            since: now.micros,
            held_bytes: 0,
            beat: 0,
            pings: 0,
            flags: FRESH,
        });
        if let Err(error) = self.transport.watch(&mut conn.socket, id) {
            let conn = self.conns.remove(id.key as usize);
            self.transport.close(conn.socket);
            self.shared.metrics.accept(Accept::Failed);
            self.warn(
                Kind::Accept,
                format_args!("a connection could not be watched: {error}"),
            );
            return;
        }
        self.shared.metrics.accept(Accept::Accepted);
        self.shared.outbox.open(id);
        self.shared.hub.open(id.key);
        self.wheel.open(id.key);
        self.limiter.open(id.key);
        self.wheel
            .arm(id.key, now.millis() + self.shared.bounds.header_timeout);
        self.becomes_guest(id.key);
        self.rests(id.key);
    }

    /// Writes what waits, one call a connection, as far as there is work left for it.
    pub(super) fn flush(&mut self) {
        vitals::serves_nobody();
        let dirty = self.shared.outbox.dirty();
        let is_packing = self.shared.outbox.is_packing();
        if dirty == 0 && !is_packing && !self.shared.has_published && self.written.is_empty() {
            return;
        }
        self.shared.work.enter(Part::Flush);
        // A slice that cost more than the purse has is paid off before the next one.
        if is_packing && self.shared.work.goes_on() {
            self.shared.outbox.pack_slice();
            self.charge_queued();
        }
        let queues = self.shared.outbox.dirty_queues();
        let given_before = self.shared.outbox.given_queues();
        for taken in 0.. {
            // Of those who have something to write again, some may have taken the turns of a room's members.
            let is_over = taken >= dirty && self.shared.outbox.dirty_members() == 0;
            if is_over || !self.shared.work.goes_on() {
                break;
            }
            let Some(key) = self.shared.outbox.next_dirty() else {
                break;
            };
            match self.conns.get(key as usize) {
                Some(conn) if conn.is(DEAD) => {
                    let discarded = self.shared.outbox.discard(key);
                    self.count_discarded(key, discarded);
                }
                Some(_) => self.flush_one(key),
                None => {}
            }
        }
        let given = (self.shared.outbox.given_queues() - given_before) as usize;
        if self.shared.has_published {
            let Shared {
                unwritten, outbox, ..
            } = &mut self.shared;
            // A queue that has been given out may wait for what was published and is being compressed.
            let given = |app| if outbox.is_packing_for(app) { 0 } else { given };
            let apps = AppId::ALL.into_iter().zip(unwritten);
            let left = apps.filter_map(|(app, it)| it.flushed(given(app), queues));
            self.shared.has_published = left.count() > 0;
        }
        if !self.written.is_empty() {
            let now = self.look().micros;
            let metrics = &mut self.shared.metrics;
            for (app, stored) in self.written.drain(..) {
                let waited = now.since(stored);
                metrics.publish_to_write.observe(waited);
                if app == AppId::Stream {
                    metrics.stream_broadcast_latency.observe(waited);
                }
            }
        }
    }

    /// Writes what waits for one connection.
    pub(super) fn flush_one(&mut self, key: u32) {
        let now = self.shared.now.millis();
        let conn = &mut self.conns[key as usize];
        let (transport, written) = (&mut self.transport, &mut self.written);
        let mut sent_bytes = 0;
        let mut is_short = false;
        let flush = self.shared.outbox.flush(
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
        conn.takes(sent_bytes, self.shared.now.micros);
        if sent_bytes > 0 && conn.is(HELD) {
            // It is not read, so this is the only sign of life that it can give.
            conn.seen = Recent::new(self.shared.now.millis());
        }
        // What is still being compressed is looked at, and nothing is written.
        let is_tried =
            sent_bytes > 0 || matches!(flush.state, FlushState::Blocked | FlushState::Failed(_));
        let cost = if is_tried { work::WRITE } else { work::COPY };
        let cost = cost + sent_bytes / work::MOVED_BYTES;
        self.shared
            .work
            .charge(cost + self.shared.outbox.take_cost());
        let metrics = &mut self.shared.metrics;
        metrics.sent_bytes += sent_bytes;
        if let Role::Member(app, _) | Role::Former(app, _) = conn.role {
            metrics.messages_delivered[app as usize] += u64::from(flush.messages);
            if app == AppId::Stream {
                let txs = u64::from(flush.tagged);
                metrics.stream_message(StreamMessage::NewTx, txs);
                let blocks = u64::from(flush.messages) - txs;
                metrics.stream_message(StreamMessage::NewBlock, blocks);
            }
        }
        match flush.state {
            FlushState::Failed(error) => {
                log::debug!("connection {key}.{}: broke: {error}", conn.generation);
                let discarded = self.shared.outbox.discard(key);
                self.count_discarded(key, discarded);
                return self.kill(key, close::ABNORMAL);
            }
            FlushState::Blocked => {
                let stalled = self.shared.outbox.stalled_since(key).unwrap_or(now);
                self.wheel
                    .arm_earlier(key, stalled + self.shared.bounds.write_timeout);
                if is_short {
                    let generation = conn.generation;
                    self.starve(ConnId { key, generation });
                }
            }
            FlushState::More => {}
            FlushState::Empty => self.flushed(key),
        }
        self.resume(key);
        self.tell_lagged(key);
    }

    /// The kernel had no memory for what a connection was to read or write.
    pub(super) fn starve(&mut self, id: ConnId) {
        self.shortage.defer(id, self.shared.now.millis());
        self.warn(
            Kind::KernelMemory,
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
        for id in self.shortage.take_due(self.shared.now.millis()) {
            let found = self.conns.get_mut(id.key as usize);
            let Some(conn) = found.filter(|conn| conn.generation == id.generation) else {
                continue;
            };
            self.shared.outbox.reopen(id.key);
            if !conn.is(SERVING | HELD | WAITS | DEAD) {
                conn.flags |= SERVING;
                self.serving.push_back(id);
            }
        }
    }

    /// Everything has gone out: the end, if these were the last words.
    fn flushed(&mut self, key: u32) {
        let now = self.shared.now;
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
                .arm_earlier(key, now.millis() + self.shared.bounds.close_timeout);
        }
        self.rests(key);
    }

    /// Reads again from a client that was held until its queue had shrunk.
    fn resume(&mut self, key: u32) {
        let conn = &mut self.conns[key as usize];
        if conn.is(HELD)
            && !conn.is(SERVING | WAITS | DEAD)
            && self.shared.outbox.backlog_bytes(key) <= ANSWERS_BYTES
        {
            conn.flags |= SERVING;
            self.serving.push_back(ConnId {
                key,
                generation: conn.generation,
            });
        }
    }

    /// Tells a client how many messages it missed, once its queue is at most half full.
    fn tell_lagged(&mut self, key: u32) {
        if !self.shared.outbox.is_lagging(key) {
            return;
        }
        let Role::Member(app, _) = self.conns[key as usize].role else {
            return;
        };
        let bounds = self.shared.bounds.app(app).queue;
        let Some(missed) = self.shared.outbox.recover(key, &bounds) else {
            return;
        };
        self.shared.metrics.lagged_notices[app as usize] += 1;
        if let Some(notice) = self.apps.app(app).lagged(missed, self.shared.now.unix) {
            self.queue(key, notice.exempt());
        }
    }

    /// While all queues and half-received messages together are over the budget, the connection with the largest
    /// backlog goes.
    pub(super) fn evict(&mut self) {
        let budget = self.shared.bounds.memory_budget_bytes;
        if self.budgeted_bytes() <= budget {
            return;
        }
        let outbox = &self.shared.outbox;
        let backlog = |(key, conn): (usize, &Connection<T::Socket>)| {
            let bytes = u64::from(outbox.own_bytes(key as u32)) + u64::from(conn.held_bytes);
            (bytes > 0 && !conn.is(DEAD)).then_some((bytes, key as u32))
        };
        let mut victims: BinaryHeap<(u64, u32)> = self.conns.iter().filter_map(backlog).collect();
        while self.budgeted_bytes() > budget {
            let Some((bytes, key)) = victims.pop() else {
                break;
            };
            self.warn(
                Kind::Budget,
                format_args!(
                    "over the memory budget: a connection with a backlog of {bytes} bytes is closed"
                ),
            );
            self.evict_one(key);
            if !self.conns[key as usize].is(DEAD) {
                // A frame that is partly written stays, however long; if it is too long to wait for, its turn comes again.
                victims.push((u64::from(self.shared.outbox.own_bytes(key)), key));
            }
        }
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
            let discarded = self.shared.outbox.discard(key);
            self.count_discarded(key, discarded);
            return self.kill(key, close::ABNORMAL);
        };
        let discarded = self.shared.outbox.clear(key);
        self.count_discarded(key, discarded);
        self.shared.outbox.stop_packing();
        self.shared.metrics.evictions[app as usize] += 1;
        self.shared
            .context(app, id)
            .close(id, close::TRY_AGAIN, "the memory budget is spent");
        self.carry_out_closings();
        // Half a message cannot be skipped over: what follows on the wire has no meaning to us any more.
        let conn = &mut self.conns[key as usize];
        conn.protocol.over();
        conn.flags |= LAST_WORDS | LINGERS;
    }

    /// Does the rest for connections that apps have closed: the close frame is queued already.
    pub(super) fn carry_out_closings(&mut self) {
        while let Some(closing) = self.shared.closing.pop() {
            let key = closing.conn.key;
            self.depart(key, closing.code);
            let conn = &mut self.conns[key as usize];
            if conn.protocol.phase() == Phase::Open {
                conn.protocol.closing();
            }
            conn.since = self.shared.now.micros;
            self.wheel.arm_earlier(
                key,
                self.shared.now.millis() + self.shared.bounds.close_timeout,
            );
        }
    }

    /// Takes a member out of its rooms and its app, and counts why it went.
    pub(super) fn depart(&mut self, key: u32, code: u16) {
        let conn = &mut self.conns[key as usize];
        let Role::Member(app, seat) = conn.role else {
            return;
        };
        conn.role = Role::Former(app, Guest::NOBODY);
        let id = ConnId {
            key,
            generation: conn.generation,
        };
        let rooms = self.shared.hub.rooms_of(key).len() as u64;
        self.shared.work.charge(rooms * work::DEPARTURE);
        let metrics = &mut self.shared.metrics;
        metrics.connections[app as usize] -= 1;
        metrics.close(app, code);
        metrics.rooms[app as usize] -= u64::from(self.shared.hub.leave_all(key));
        let mut cx = self.shared.context(app, id);
        self.apps.app(app).closed_with(seat, code, &mut cx);
        self.becomes_guest(key);
    }

    /// Puts a connection on the list of the dead.
    pub(super) fn kill(&mut self, key: u32, code: u16) {
        self.depart(key, code);
        let conn = &mut self.conns[key as usize];
        if !conn.is(DEAD) {
            self.shared.work.charge(work::CLOSE);
            conn.flags |= DEAD;
            conn.protocol.over();
            self.dead.push(key);
            self.is_no_guest(key);
        }
    }

    /// Buries the dead: the one place where columns are closed and sockets given back.
    pub(super) fn reap(&mut self) {
        self.carry_out_closings();
        while let Some(key) = self.dead.pop() {
            let discarded = self.shared.outbox.close(key);
            self.count_discarded(key, discarded);
            let conn = self.conns.remove(key as usize);
            self.half_received_bytes -= u64::from(conn.held_bytes);
            self.websockets -= u32::from(!matches!(conn.role, Role::Visitor(_)));
            self.shared.hub.close(key);
            self.wheel.close(key);
            self.limiter.close(key);
            self.transport.close(conn.socket);
        }
        let now = self.shared.now.millis();
        if now >= self.shrunk + SHRINK_INTERVAL {
            self.shrunk = now;
            self.shared.outbox.shrink();
            self.guests.shrink();
        }
    }

    /// Counts messages that were queued for a connection and will never be written whole.
    fn count_discarded(&mut self, key: u32, messages: u32) {
        if let Role::Member(app, _) | Role::Former(app, _) = self.conns[key as usize].role {
            self.shared.metrics.messages_discarded[app as usize] += u64::from(messages);
        }
    }

    /// Warns of something, at most once a second for each kind.
    pub(super) fn warn(&mut self, kind: Kind, what: std::fmt::Arguments<'_>) {
        let now = self.shared.now.millis();
        self.shared.warnings.tell(kind, now, what);
    }
}
