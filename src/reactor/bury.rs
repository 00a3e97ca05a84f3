//! How connections end: closed by an app, out of its rooms, on the list of the dead, and buried at the end of the turn.
//! What a connection holds is given back there and nowhere else.

use super::Reactor;
use super::connection::{DEAD, Guest, LAST_WORDS, LINGERS, Role};
use crate::core::protocol::Phase;
use crate::id::ConnId;
use crate::time::Millis;
use crate::transport::Transport;
use crate::work;

/// How often the capacity that a burst has grown is given back: seldom enough that the next message to as many members
/// finds it still there.
const SHRINK_INTERVAL: Millis = Millis::seconds(10);

impl<T: Transport> Reactor<T> {
    /// Does the rest for connections that apps have closed: the close frame is queued already.
    pub(super) fn carry_out_closings(&mut self) {
        while let Some(closing) = self.common.closing.pop() {
            let key = closing.conn.key;
            self.depart(key, closing.code);
            let conn = &mut self.conns[key as usize];
            match conn.protocol.phase() {
                Phase::Open => conn.protocol.closing(),
                // The client cannot answer: the end of the stream is the end.
                Phase::Listening => {
                    conn.protocol.over();
                    conn.flags |= LAST_WORDS | LINGERS;
                }
                _ => {}
            }
            conn.since = self.common.now.micros;
            self.wheel.arm_earlier(
                key,
                self.common.now.millis() + self.common.bounds.close_timeout,
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
        let rooms = self.common.hub.rooms_of(key).len() as u64;
        self.common.work.charge(rooms * work::DEPARTURE);
        let metrics = &mut self.common.metrics;
        metrics.connections[app as usize] -= 1;
        metrics.close(app, code);
        metrics.rooms[app as usize] -= u64::from(self.common.hub.leave_all(key));
        let mut cx = self.common.context(app, id);
        self.apps.app(app).closed_with(seat, code, &mut cx);
        self.becomes_guest(key);
    }

    /// Puts a connection on the list of the dead.
    pub(super) fn kill(&mut self, key: u32, code: u16) {
        self.depart(key, code);
        let conn = &mut self.conns[key as usize];
        if !conn.is(DEAD) {
            self.common.work.charge(work::CLOSE);
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
            let discarded = self.common.outbox.close(key);
            self.count_discarded(key, discarded);
            let conn = self.conns.remove(key as usize);
            self.half_received_bytes -= u64::from(conn.held_bytes);
            self.websockets -= u32::from(!matches!(conn.role, Role::Visitor(_)));
            self.common.hub.close(key);
            self.wheel.close(key);
            self.limiter.close(key);
            self.transport.close(conn.socket);
        }
        let now = self.common.now.millis();
        if now >= self.shrunk + SHRINK_INTERVAL {
            self.shrunk = now;
            self.common.outbox.shrink();
            self.guests.shrink();
        }
    }

    /// Counts messages that were queued for a connection and will never be written whole.
    pub(super) fn count_discarded(&mut self, key: u32, messages: u32) {
        if let Role::Member(app, _) | Role::Former(app, _) = self.conns[key as usize].role {
            self.common.metrics.messages_discarded[app as usize] += u64::from(messages);
        }
    }
}
