//! A readable connection → shared buffer → protocol → app.
//!
//! A connection leaves here when its socket is empty, or on the serving list again, or not read on purpose until its
//! queue has shrunk. Nothing is written here: answers are queued.

use std::io;

use super::connection::{
    Connection, DEAD, ENDED, FRESH, HEAVY, HELD, LAST_WORDS, LINGERS, RELEASED, SERVING, STARVED,
    WAITS,
};
use super::react::Reacted;
use super::{LEFTOVER_BYTES, Part, Reactor};
use crate::core::protocol::Phase;
use crate::id::{AppId, ConnId};
use crate::time::Recent;
use crate::transport::{Transport, is_shortage};
use crate::vitals;
use crate::wire::frame::close;
use crate::work;

/// What is read from a client of which messages have been handled in this turn, and for each further read twice as much,
/// unless one is half received: of who sends many short ones, little is then left to be put aside until its next turn.
const FURTHER_READ_BYTES: usize = 8 << 10;

/// Why a connection is no longer served this turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    /// Its socket is empty.
    Drained,
    /// Its share of the turn is used up, or everybody's.
    Unfinished,
    /// It has too much to take before it is read again.
    Held,
    /// What this app has published has to be written first.
    Waits(AppId),
    /// The engine has to say first what became of what the client asked for.
    Undecided,
    /// It is dead.
    Dead,
}

impl<T: Transport> Reactor<T> {
    /// Serves the connections that are readable, each up to its share. Those that make much work have a list and a purse of their own,
    /// so that nobody else waits until that is done.
    pub(super) fn serve(&mut self) {
        self.release();
        if self.round_left == 0 {
            self.round_left = self.serving.len();
            self.round_began = self.common.now.micros;
        }
        // Who is not through with its share is on the list again, for the next turn.
        let (serving, heavy) = (self.serving.len(), self.heavy.len());
        if serving > 0 {
            self.common.work.enter(Part::Serve);
            self.serve_list(false, serving);
        }
        if heavy > 0 {
            self.common.work.enter(Part::ServeHeavy);
            self.serve_list(true, heavy);
        }
    }

    /// Serves so many of a list, as far as there is work left for it and memory left for what comes of it.
    fn serve_list(&mut self, is_heavy: bool, waiting: usize) {
        for _ in 0..waiting {
            if !self.common.work.goes_on() || self.is_over_budget() {
                return;
            }
            let list = match is_heavy {
                true => &mut self.heavy,
                false => &mut self.serving,
            };
            let Some(id) = list.pop_front() else {
                return;
            };
            if !is_heavy {
                self.round_left = self.round_left.saturating_sub(1);
                let conn = self.found(id);
                // Who has waited to publish is not put behind those who would publish again.
                if conn.is_some_and(|conn| conn.is(HEAVY) && !conn.is(RELEASED)) {
                    self.heavy.push_back(id);
                    continue;
                }
            }
            self.serve_listed(id);
        }
    }

    /// Serves one that was on a list, if it is still there, and looks at how much work it was.
    fn serve_listed(&mut self, id: ConnId) {
        if !self.is_here(id) {
            return;
        }
        let conn = &mut self.conns[id.key as usize];
        conn.flags &= !SERVING;
        if conn.is(DEAD) {
            return;
        }
        self.common.work.begin_share(self.round_left);
        self.serve_one(id);
        let is_heavy = self.common.work.is_heavy();
        let conn = &mut self.conns[id.key as usize];
        if !conn.is(WAITS) {
            conn.served(is_heavy);
        }
    }

    /// Those whose request had to wait are served again, once what their app was telling then is written; and before the
    /// others, or those who have published since would publish again and again.
    fn release(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let before = self.serving.len();
        let oldest = AppId::ALL.map(|app| self.common.oldest_told(app));
        let mut waiting = std::mem::take(&mut self.waiting);
        // Who has been let go and still had to wait comes before who has published since.
        if waiting
            .iter()
            .any(|&(app, _, begun)| oldest[app as usize] > begun)
        {
            let is_again = |id| self.found(id).is_some_and(|conn| conn.is(RELEASED));
            waiting.sort_by_key(|&(_, id, _)| !is_again(id));
        }
        waiting.retain(|&(app, id, begun)| {
            if oldest[app as usize] <= begun {
                return true;
            }
            if self.is_here(id) {
                let conn = &mut self.conns[id.key as usize];
                conn.flags = conn.flags & !WAITS | RELEASED;
                if !conn.is(SERVING | HELD | DEAD) {
                    conn.flags |= SERVING;
                    self.serving.push_back(id);
                }
            }
            false
        });
        self.waiting = waiting;
        let released = self.serving.len() - before;
        self.serving.rotate_right(released);
        if self.round_left > 0 {
            self.round_left += released;
        }
    }

    /// Whether this is still who holds the key.
    pub(super) fn is_here(&self, id: ConnId) -> bool {
        self.found(id).is_some()
    }

    /// A connection, if it still holds its key.
    fn found(&self, id: ConnId) -> Option<&Connection<T::Socket>> {
        let found = self.conns.get(id.key as usize);
        found.filter(|conn| conn.generation == id.generation)
    }

    /// What was queued has spent the memory budget: write before more is taken in.
    fn is_over_budget(&self) -> bool {
        self.budgeted_bytes() > self.common.bounds.memory_budget_bytes
    }

    /// Serves one connection that is not on the list.
    pub(super) fn serve_one(&mut self, id: ConnId) {
        vitals::serves(id);
        let conn = &mut self.conns[id.key as usize];
        let was_midway = conn.is_midway();
        conn.flags &= !(HELD | STARVED);
        self.buffer.restore(
            &conn
                .leftover
                .take()
                .map_or_else(Box::default, |bytes| *bytes),
        );
        let mut progressed = false;
        let leaves = self.read(id, &mut progressed);
        self.common.work.charge(self.buffer.take_cost());
        self.put_back(id, leaves, was_midway, progressed);
    }

    /// Reads and reacts until the socket is empty or the share used up.
    fn read(&mut self, id: ConnId, progressed: &mut bool) -> Leaves {
        let mut further_bytes = FURTHER_READ_BYTES;
        let mut has_read = false;
        loop {
            match self.react(id, progressed) {
                Reacted::Hungry if has_read && self.common.work.share_left() == 0 => {
                    return Leaves::Unfinished;
                }
                Reacted::Hungry => {}
                reacted => return reacted.leaves(),
            }
            has_read = true;
            let conn = &mut self.conns[id.key as usize];
            let space = self.buffer.space();
            // What has not begun yet should come whole, however long it is: then it need not be put together.
            let room = if !*progressed || conn.protocol.is_midway() {
                space.len()
            } else {
                further_bytes *= 2;
                space.len().min(further_bytes / 2)
            };
            debug_assert!(
                room > 0,
                "whatever is not whole is smaller than the read buffer"
            );
            self.common.work.charge(work::READ);
            match self.transport.read(&mut conn.socket, &mut space[..room]) {
                Ok(0) => return self.ended(id),
                Ok(bytes) => {
                    self.buffer.filled(bytes);
                    self.common.metrics.received_bytes += bytes as u64;
                    conn.seen = Recent::new(self.common.now.millis());
                    conn.pings = 0;
                    self.common.work.charge(bytes as u64 / work::MOVED_BYTES);
                    let is_all = bytes < room && !conn.is(ENDED);
                    self.stirs(id.key);
                    if is_all {
                        return self.react(id, progressed).leaves();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Leaves::Drained,
                Err(error) if is_shortage(&error) => {
                    conn.flags |= STARVED;
                    self.starve(id);
                    return Leaves::Drained;
                }
                Err(error) => {
                    log::debug!("connection {id} broke: {error}");
                    self.kill(id.key, close::ABNORMAL);
                    return Leaves::Dead;
                }
            }
        }
    }

    /// The peer will send no more.
    fn ended(&mut self, id: ConnId) -> Leaves {
        let conn = &mut self.conns[id.key as usize];
        let may_listen = matches!(conn.protocol.phase(), Phase::Request | Phase::Over);
        if may_listen && !self.common.outbox.is_empty(id.key) {
            conn.protocol.over();
            conn.flags = (conn.flags | LAST_WORDS) & !LINGERS;
            // Its time to take what waits begins now, however long ago it asked.
            conn.since = self.common.now.micros;
            return Leaves::Drained;
        }
        self.kill(id.key, close::ABNORMAL);
        Leaves::Dead
    }

    /// Spills what is left over, and keeps the books of what is half received.
    fn put_back(&mut self, id: ConnId, leaves: Leaves, was_midway: bool, progressed: bool) {
        if leaves == Leaves::Dead {
            return;
        }
        let now = self.common.now;
        let conn = &mut self.conns[id.key as usize];
        let unread = self.buffer.unread();
        conn.leftover = (!unread.is_empty()).then(|| Box::new(unread.into()));
        match leaves {
            Leaves::Held => conn.flags |= HELD,
            Leaves::Waits(_) | Leaves::Undecided => {
                conn.flags |= WAITS;
                if let Leaves::Waits(app) = leaves {
                    let begun = self.common.outbox.runs_begun();
                    self.waiting.push((app, id, begun));
                }
                // Looked at, put aside and brought back: nothing else of it is charged.
                let bytes = unread.len() as u64;
                self.common
                    .work
                    .charge(work::READ + bytes / work::MOVED_BYTES);
            }
            Leaves::Unfinished => {
                conn.flags |= SERVING;
                self.serving.push_back(id);
            }
            Leaves::Drained | Leaves::Dead => {}
        }
        let leftover_bytes = match unread.len() {
            0 => 0,
            bytes => bytes + LEFTOVER_BYTES,
        };
        let held_bytes = (conn.protocol.held_bytes() + leftover_bytes) as u32;
        self.half_received_bytes =
            self.half_received_bytes - u64::from(conn.held_bytes) + u64::from(held_bytes);
        conn.held_bytes = held_bytes;
        let bounds = &self.common.bounds;
        let began = conn.is_midway() && (!was_midway || progressed);
        if progressed && conn.protocol.phase() == Phase::Request {
            conn.flags &= !FRESH;
        }
        match conn.protocol.phase() {
            Phase::Request if began => {
                conn.since = now.micros;
                self.wheel
                    .arm_earlier(id.key, now.millis() + bounds.header_timeout);
            }
            Phase::Request if progressed => {
                conn.since = now.micros;
                self.wheel
                    .arm_earlier(id.key, now.millis() + bounds.keep_alive);
            }
            Phase::Open if began => {
                conn.since = now.micros;
                self.wheel
                    .arm_earlier(id.key, now.millis() + bounds.message_timeout);
            }
            _ => {}
        }
        self.rests(id.key);
    }
}

impl Reacted {
    /// Why a connection is no longer served, once its socket is empty.
    fn leaves(self) -> Leaves {
        match self {
            Reacted::Hungry => Leaves::Drained,
            Reacted::Spent => Leaves::Unfinished,
            Reacted::Held => Leaves::Held,
            Reacted::Waits(app) => Leaves::Waits(app),
            Reacted::Undecided => Leaves::Undecided,
            Reacted::Dead => Leaves::Dead,
        }
    }
}
