//! One deadline a connection, whose meaning is given by its phase.
//!
//! Activity only stores a time. When a deadline passes, most often it has moved on meanwhile: then it is armed again,
//! and nothing else happens. Nobody is given up before its socket has been tried once more.

use rand_chacha::rand_core::Rng;

use super::Reactor;
use super::connection::{Connection, DEAD, FRESH, Role, SERVING, STARVED, WAITS};
use crate::apps::Seat;
use crate::core::protocol::Phase;
use crate::id::{AppId, ConnId};
use crate::time::Millis;
use crate::transport::Transport;
use crate::wire::fault::Fault;
use crate::wire::frame::{Frame, close};
use crate::work;

/// What a connection is late with.
enum Overdue {
    /// Taking what is written to it.
    Stalled,
    /// A request or message that has begun.
    Slow(Fault),
    /// Anything at all, and it is not told.
    Idle,
    /// A sign of life.
    Silent,
}

impl<T: Transport> Reactor<T> {
    /// At random between half the ping interval and all of it, so that connections that came together are not pinged
    /// together.
    pub(super) fn arm_first_ping(&mut self, key: u32, app: AppId) {
        let interval = self.common.bounds.app(app).ping_interval;
        let half = interval.0 / 2;
        let first =
            self.common.now.millis() + Millis(half + self.common.chance.next_u64() % (half + 1));
        // It may lie before the clock began, in milliseconds that wrap: a member that came early is not reminded with all others.
        self.conns[key as usize].beat = (first.0 as u32).wrapping_sub(interval.0 as u32);
        // What was queued before it was opened may be stuck, and is not given longer for that.
        let stalled = self
            .common
            .outbox
            .stalled_since(key, self.common.now.millis());
        let stuck_until = stalled.map(|since| since + self.common.bounds.write_timeout);
        self.wheel
            .arm(key, stuck_until.map_or(first, |until| until.min(first)));
    }

    /// Looks at every app that asked for this time, and at connections whose deadline has passed, as far as there is work
    /// left for it.
    pub(super) fn tick(&mut self) {
        let now = self.common.now.millis();
        while self.common.work.goes_on()
            && let Some(app) = self.common.take_tick(now)
        {
            let mut cx = self.common.context(app, ConnId::NOBODY);
            self.apps.app(app).tick(&mut cx);
            self.carry_out_closings();
            self.charge_queued();
        }
        if !self.common.work.goes_on() {
            return;
        }
        let mut due = std::mem::take(&mut self.due);
        // What each of them costs beside being looked at is paid off in the next turns.
        let due_max = self.common.work.left().div_ceil(work::LAPSE);
        self.wheel.expire(now, due_max as usize, &mut due);
        for key in due.drain(..) {
            if self
                .conns
                .get(key as usize)
                .is_some_and(|conn| !conn.is(DEAD))
            {
                // What the others cost beside being looked at may be more than is left.
                if self.common.work.left() == 0 {
                    self.wheel.arm(key, now);
                } else if self.lapse(key, now) {
                    let next = self.deadline(key, now);
                    self.wheel.arm(key, next);
                }
            }
        }
        self.due = due;
        self.carry_out_closings();
        self.charge_queued();
    }

    /// Does what a deadline that has passed asks for; false if that was the end.
    fn lapse(&mut self, key: u32, now: Millis) -> bool {
        self.common.work.charge(work::LAPSE);
        let conn = &self.conns[key as usize];
        let id = ConnId {
            key,
            generation: conn.generation,
        };
        if self.overdue(key, now).is_some() {
            self.try_once_more(id);
        }
        let conn = &self.conns[key as usize];
        if conn.is(DEAD) {
            return false;
        }
        match self.overdue(key, now) {
            Some(overdue) if conn.is_unheard() && !matches!(overdue, Overdue::Stalled) => {}
            Some(overdue) => return self.give_up(id, overdue),
            None => match (conn.protocol.phase(), &conn.role) {
                (Phase::Open, &Role::Member(app, seat)) => self.remind(id, app, seat, now),
                (Phase::Listening, &Role::Member(app, _)) => self.comment(id, app, now),
                _ => {}
            },
        }
        true
    }

    /// Reads from a connection, or writes to it, before it is given up. What came or went meanwhile may be in its
    /// socket, and the event that tells of it not yet fetched: a wait fetches so many, and after the process has been
    /// stopped there may be more.
    fn try_once_more(&mut self, id: ConnId) {
        let now = self.common.now.millis();
        if self.common.outbox.stalled_since(id.key, now).is_some() {
            self.common.outbox.reopen(id.key);
            self.flush_one(id.key);
        }
        if !self.conns[id.key as usize].is(SERVING | WAITS | DEAD) {
            self.common.work.begin_share(0);
            self.serve_one(id);
        }
    }

    /// What a connection is late with, so that it is to be given up.
    fn overdue(&self, key: u32, now: Millis) -> Option<Overdue> {
        let conn = &self.conns[key as usize];
        let bounds = &self.common.bounds;
        let outbox = &self.common.outbox;
        let began = conn.since.millis();
        let stalled = outbox.stalled_since(key, now);
        let is_midway = conn.is_midway();
        let is_closing = matches!(conn.protocol.phase(), Phase::Closing | Phase::Over);
        let stalled = stalled.map(|since| if is_closing { since.min(began) } else { since });
        if stalled.is_some_and(|since| now >= since + bounds.write_timeout) {
            return Some(Overdue::Stalled);
        }
        // A client that is still being written to is not idle; the write timeout watches over that.
        let is_idle = !is_midway && outbox.is_empty(key);
        let silent = now.since(conn.seen.millis(now));
        let (is_late, overdue) = match (conn.protocol.phase(), &conn.role) {
            (Phase::Request, _) if is_midway => (
                now >= began + bounds.header_timeout,
                Overdue::Slow(Fault::RequestTooSlow),
            ),
            (Phase::Request, _) => {
                let until = conn.idle_until(bounds.header_timeout, bounds.keep_alive);
                (is_idle && now >= until, Overdue::Idle)
            }
            (Phase::Open, _) if is_midway && now >= began + bounds.message_timeout => {
                (true, Overdue::Slow(Fault::MessageTooSlow))
            }
            (Phase::Open, Role::Member(..)) => (silent >= bounds.pong_timeout, Overdue::Silent),
            (Phase::Open | Phase::Listening, _) => return None,
            (Phase::Closing | Phase::Over, _) => {
                let is_late = outbox.is_empty(key) && now >= began + bounds.close_timeout;
                (is_late, Overdue::Idle)
            }
        };
        is_late.then_some(overdue)
    }

    /// Ends a connection that is late; false if that was the end of it.
    fn give_up(&mut self, id: ConnId, overdue: Overdue) -> bool {
        match overdue {
            Overdue::Stalled => {
                log::debug!("connection {id}: took nothing for the write timeout");
                self.kill(id.key, close::ABNORMAL);
                return false;
            }
            Overdue::Idle => {
                self.kill(id.key, close::ABNORMAL);
                return false;
            }
            Overdue::Slow(fault) => self.refuse(id, fault),
            Overdue::Silent => {
                if let Role::Member(app, _) = self.conns[id.key as usize].role {
                    self.common.context(app, id).close(
                        id,
                        close::PONG_TIMEOUT,
                        "no sign of life within the pong timeout",
                    );
                }
            }
        }
        true
    }

    /// Pings a member that has been silent, as far as we know, and tells its app of the interval.
    fn remind(&mut self, id: ConnId, app: AppId, seat: Seat, now: Millis) {
        let conn = &mut self.conns[id.key as usize];
        let bounds = &self.common.bounds;
        let interval = bounds.app(app).ping_interval;
        let silent = now.since(conn.seen.millis(now));
        let is_first = conn.is(FRESH) && silent.0 >= interval.0 / 2;
        if !conn.is_unheard() && (is_first || silent >= conn.next_ping(interval)) {
            conn.pings = conn.pings.saturating_add(1);
            conn.flags &= !FRESH;
            self.common.metrics.pings += 1;
            self.queue(id.key, Frame::ping());
        }
        let conn = &mut self.conns[id.key as usize];
        if self.apps.app(app).beats() && conn.take_beat(interval, now) {
            let mut cx = self.common.context(app, id);
            self.apps.app(app).beat(seat, &mut cx);
        }
    }

    /// Sends a comment to a client that gets a stream of events, every interval: it cannot answer, and proxies on the way
    /// give up who is silent.
    fn comment(&mut self, id: ConnId, app: AppId, now: Millis) {
        let interval = self.common.bounds.app(app).ping_interval;
        if self.conns[id.key as usize].take_beat(interval, now) {
            self.common.metrics.pings += 1;
            self.queue(id.key, Frame::ping());
        }
    }

    /// The next deadline, from the phase and from what waits.
    fn deadline(&mut self, key: u32, now: Millis) -> Millis {
        let conn = &self.conns[key as usize];
        let bounds = &self.common.bounds;
        let began = conn.since.millis();
        let waits = !self.common.outbox.is_empty(key);
        let phase = match (conn.protocol.phase(), &conn.role) {
            (Phase::Request, _) if conn.is_midway() => began + bounds.header_timeout,
            (Phase::Request, _) if waits || conn.is(WAITS) => now + bounds.write_timeout,
            (Phase::Request, _) => conn.idle_until(bounds.header_timeout, bounds.keep_alive),
            (Phase::Open, &Role::Member(app, _)) if conn.is(WAITS) => {
                now + bounds.app(app).ping_interval
            }
            (Phase::Open, &Role::Member(app, _)) => {
                let interval = bounds.app(app).ping_interval;
                let seen = conn.seen.millis(now);
                let mut next = seen + conn.next_ping(interval).min(bounds.pong_timeout);
                if conn.is_midway() {
                    next = next.min(began + bounds.message_timeout);
                }
                if self.apps.app(app).beats() {
                    next = next.min(conn.next_beat(interval, now));
                }
                next
            }
            (Phase::Listening, &Role::Member(app, _)) => {
                conn.next_beat(bounds.app(app).ping_interval, now)
            }
            _ if waits => now + bounds.write_timeout,
            _ => began + bounds.close_timeout,
        };
        let stalled = self
            .common
            .outbox
            .stalled_since(key, now)
            .map(|since| since + bounds.write_timeout);
        stalled.map_or(phase, |stalled| stalled.min(phase))
    }
}

impl<S> Connection<S> {
    /// Whether something came, or may have come, and has not been looked at: who knows what it changes.
    pub(super) fn is_unheard(&self) -> bool {
        self.is(SERVING | STARVED | WAITS)
    }

    /// When a connection that says nothing is given up: sooner if it has never said anything.
    fn idle_until(&self, header_timeout: Millis, keep_alive: Millis) -> Millis {
        let patience = if self.is(FRESH) {
            header_timeout
        } else {
            keep_alive
        };
        self.since.millis() + patience
    }

    /// Whether an interval has passed since the last beat; then this is the next. It counts from the last that was due, whatever was
    /// missed, so that beats neither drift nor bunch.
    fn take_beat(&mut self, interval: Millis, now: Millis) -> bool {
        let late = u64::from((now.0 as u32).wrapping_sub(self.beat));
        let missed = late / interval.0 * interval.0;
        self.beat = self.beat.wrapping_add(missed as u32);
        missed > 0
    }

    /// When an interval will have passed since the last beat.
    fn next_beat(&self, interval: Millis, now: Millis) -> Millis {
        let since = (now.0 as u32).wrapping_sub(self.beat);
        now + interval - Millis(u64::from(since))
    }

    /// The silence after which the next ping is owed.
    fn next_ping(&self, interval: Millis) -> Millis {
        Millis(interval.0.saturating_mul(u64::from(self.pings) + 1))
    }
}
