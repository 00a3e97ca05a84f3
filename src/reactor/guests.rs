//! Guests: connections that are no members, not yet or any more, and have shown no key.
//!
//! They are so many at most, however many strangers knock: then the guest that has been idle longest makes place, those between
//! two requests before those that have not spoken yet; and while nobody has been idle for long enough, nobody is
//! accepted. A guest that is in the middle of something, or waits for its answer, stands in no list and is not closed.
//!
//! A guest joins the list of the idle when it has been looked at and all that it asked for has been written, and leaves it
//! with the next byte: so each list is in the order in which they became idle, and nobody has to be searched for.

use super::Reactor;
use super::connection::{Connection, DEAD, FRESH, Guest, HELD, KNOWN, NOWHERE, Role};
use crate::core::chain::Chain;
use crate::core::protocol::Phase;
use crate::id::ConnId;
use crate::time::{Micros, Millis, Recent};
use crate::transport::Transport;
use crate::warnings::Warning;
use crate::wire::frame::close;

/// How long a guest must have been idle before it may be closed for another: no client that is alive leaves so much
/// between its connection and its request.
const IDLE_MIN: Millis = Millis::seconds(1);
/// Idle guests that are looked at once more in a row before one is closed; there may be requests in their sockets, which
/// are served instead.
const LOOKS_MAX: usize = 16;

/// Of what waits for a connection that is being closed, it must take so much within each write timeout, or all of it: a
/// slow phone does, and who takes a byte now and then holds nothing for ever.
const TAKEN_BYTES_MIN: u64 = 16 << 10;
/// Dead connections that have a descriptor until the turn ends, beyond `sockets_max`.
const DEAD_MAX: usize = 16;

/// The list of those between two requests, and of those that only linger: first to go.
const BETWEEN: usize = 0;
/// The list of those that have not spoken yet.
const SILENT: usize = 1;

/// All guests, by key, and when each became idle.
pub(super) type Guests = Chain<(u32, Recent), 2>;

impl<S> Connection<S> {
    /// What is kept of it, if it is no member.
    fn guest_mut(&mut self) -> Option<&mut Guest> {
        match &mut self.role {
            Role::Visitor(visitor) => Some(&mut visitor.guest),
            Role::Former(_, guest) => Some(guest),
            Role::Member(..) => None,
        }
    }

    /// Its place among the guests, if it is one.
    fn place(&self) -> Option<u32> {
        let place = match &self.role {
            Role::Visitor(visitor) => visitor.guest.place,
            Role::Former(_, guest) => guest.place,
            Role::Member(..) => NOWHERE,
        };
        Some(place).filter(|place| *place != NOWHERE)
    }

    /// Whether nothing of it waits to be read, and nothing has begun, as far as is known.
    fn is_silent(&self) -> bool {
        let begins = self.protocol.phase() == Phase::Request && self.is_midway();
        !begins && !self.is(HELD | DEAD) && !self.is_unheard()
    }

    /// It has taken so many bytes of what waits for it; while it is being closed, enough of them begin the time for more.
    pub(super) fn takes(&mut self, bytes: u64, now: Micros) {
        let is_closing = matches!(self.protocol.phase(), Phase::Closing | Phase::Over);
        let Some(guest) = self.guest_mut().filter(|_| is_closing) else {
            return;
        };
        let taken = u64::from(guest.taken_bytes) + bytes;
        if taken < TAKEN_BYTES_MIN {
            guest.taken_bytes = taken as u32;
        } else {
            guest.taken_bytes = 0;
            self.since = now;
        }
    }
}

impl<T: Transport> Reactor<T> {
    /// A connection is a guest from now on, unless it has shown a key.
    pub(super) fn becomes_guest(&mut self, key: u32) {
        let conn = &mut self.conns[key as usize];
        if conn.is(KNOWN) {
            return;
        }
        if let Some(guest) = conn.guest_mut() {
            guest.place = self.guests.insert((key, Recent::new(Millis(0))));
        }
    }

    /// A connection is no guest any more.
    pub(super) fn is_no_guest(&mut self, key: u32) {
        let conn = &mut self.conns[key as usize];
        if let Some(place) = conn.place() {
            self.guests.remove(place);
        }
        if let Some(guest) = conn.guest_mut() {
            guest.place = NOWHERE;
        }
    }

    /// A guest may have become idle.
    pub(super) fn rests(&mut self, key: u32) {
        let conn = &self.conns[key as usize];
        let Some(place) = conn.place() else {
            return;
        };
        let is_idle = conn.is_silent() && self.common.outbox.is_empty(key);
        if is_idle && self.guests.list(place).is_none() {
            let list = match conn.is(FRESH) && conn.protocol.phase() == Phase::Request {
                true => SILENT,
                false => BETWEEN,
            };
            self.guests.value_mut(place).1 = Recent::new(self.common.now.millis());
            self.guests.join(place, list);
        }
    }

    /// A connection has said something. What it says when it is being closed does not count.
    pub(super) fn stirs(&mut self, key: u32) {
        let conn = &self.conns[key as usize];
        if conn.protocol.phase() == Phase::Request
            && let Some(place) = conn.place()
        {
            self.guests.leave(place);
        }
    }

    /// Whether a guest has to go before another connection may come in.
    pub(super) fn is_crowded(&self) -> bool {
        let alive = self.conns.len() - self.dead.len();
        let bounds = &self.common.bounds;
        self.guests.len() >= bounds.guests_max as usize || alive >= bounds.sockets_max as usize
    }

    /// Whether there are more guests than may be already.
    pub(super) fn has_guests_too_many(&self) -> bool {
        self.guests.len() > self.common.bounds.guests_max as usize
    }

    /// Whether the dead of this turn have to be buried before anybody else has a descriptor.
    pub(super) fn awaits_burial(&self) -> bool {
        let sockets_max = self.common.bounds.sockets_max as usize;
        self.conns.len() >= sockets_max.saturating_add(DEAD_MAX)
    }

    /// When the next guest may be closed for another; `None` if all of them are at something.
    pub(super) fn next_leaver(&self) -> Option<Millis> {
        let now = self.common.now.millis();
        let firsts = [BETWEEN, SILENT].map(|list| self.guests.first(list));
        let since = |place| self.guests.value(place).1.millis(now);
        let earliest = firsts.into_iter().flatten().map(since).min();
        earliest.map(|since| since + IDLE_MIN)
    }

    /// The guest that is to go before another connection comes in. It has been looked at once more, because what it said
    /// may be in its socket, and the event that tells of it not yet fetched.
    pub(super) fn leaver(&mut self) -> Option<u32> {
        for _ in 0..LOOKS_MAX {
            let firsts = [BETWEEN, SILENT].map(|list| self.guests.first(list));
            let mut firsts = firsts.into_iter().flatten();
            let place = firsts.find(|place| self.may_leave(*place))?;
            let key = self.guests.value(place).0;
            let conn = &self.conns[key as usize];
            let (phase, generation) = (conn.protocol.phase(), conn.generation);
            if phase == Phase::Request && !conn.is_unheard() {
                self.common.work.begin_share(0);
                self.serve_one(ConnId { key, generation });
            }
            let conn = &self.conns[key as usize];
            if conn.place() != Some(place) {
                continue;
            }
            if conn.is_unheard() {
                self.guests.leave(place);
            } else if self.may_leave(place) {
                return Some(key);
            }
        }
        None
    }

    /// Whether a guest is idle, and has been for long enough.
    fn may_leave(&self, place: u32) -> bool {
        let now = self.common.now.millis();
        let since = self.guests.value(place).1.millis(now);
        self.guests.list(place).is_some() && since + IDLE_MIN <= now
    }

    /// More connections than may be are there, and none of them may be closed.
    pub(super) fn nobody_may_leave(&mut self) {
        let guests = self.guests.len();
        self.warn(Warning::Guests, format_args!(
            "with {guests} guests there are as many connections as may be (see guests and max_connections), and none of \
             these has been idle for a second: others wait in the kernel's backlog"
        ));
    }

    /// Closes a guest for another.
    pub(super) fn make_place(&mut self, key: u32) {
        self.common.metrics.guest_closes += 1;
        self.kill(key, close::ABNORMAL);
    }

    /// Checks every rule about guests that holds between two turns.
    pub(super) fn check_guests(&self) {
        let (mut guests, mut visitors) = (0, 0);
        for (key, conn) in &self.conns {
            let is_member = matches!(conn.role, Role::Member(..));
            let place = conn.place();
            assert_eq!(
                place.is_none(),
                is_member || conn.is(KNOWN),
                "{key}: who is no member and has shown no key is a guest"
            );
            let Some(place) = place else {
                continue;
            };
            guests += 1;
            visitors += u32::from(matches!(conn.role, Role::Visitor(_)));
            assert_eq!(self.guests.value(place).0 as usize, key);
            let is_idle = conn.is_silent() && self.common.outbox.is_empty(key as u32);
            let may_be_idle = is_idle || conn.is_unheard();
            match self.guests.list(place) {
                Some(_) => assert!(may_be_idle, "{key}: who is at something is in no list"),
                None => assert!(!is_idle, "{key}: an idle guest is in a list"),
            }
        }
        let guests_max = self.common.bounds.guests_max;
        assert!(visitors <= guests_max, "{visitors} guests came in");
        assert_eq!(self.guests.len(), guests, "only connections are guests");
    }
}
