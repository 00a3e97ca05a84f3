//! All that an app may do, while it is asked: send, publish, join, leave, close, and know the time.
//!
//! A context is made for one call and borrows the columns beside the connection that is served; it never touches a
//! socket, and what it closes is carried out once the app has returned.

mod common;
mod copying;
mod keeping;
mod numbering;
mod overview;
mod storage;
mod undecided;
mod unwritten;

use std::net::IpAddr;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::Rng;
use serde::Serialize;

pub use self::common::{Closing, Common, Health};
pub use self::copying::{Copying, Handing, Uncopied};
pub use self::keeping::Unkept;
pub use self::numbering::Resumed;
pub use self::storage::Trouble;
pub use self::undecided::{Origin, Undecided};
use crate::bounds::AppBounds;
use crate::core::outbox::{Also, Crowd, Offer, Stored};
use crate::id::{AppId, ConnId, LogId, RoomId, Topic};
use crate::metrics::{Charge, Metrics};
use crate::time::{Micros, Millis, Now};
use crate::warnings::Warning;
use crate::wire::frame::{Frame, close};
use crate::wire::response::Response;
use crate::work;

/// What one app may do during one call.
pub struct Context<'a> {
    app: AppId,
    conn: ConnId,
    common: &'a mut Common,
}

impl Context<'_> {
    /// What time it is.
    pub fn now(&self) -> Now {
        self.common.now
    }

    /// Asks for one call of [`super::App::tick`] at this time, instead of any that was asked for before. A time that
    /// is past must not be asked for again and again: the loop would not sleep.
    pub fn tick_at(&mut self, at: Millis) {
        let app = self.app;
        self.common.ticks.retain(|(_, other)| *other != app);
        self.common.ticks.push((at, app));
    }

    /// The connection that this call is about; [`ConnId::NOBODY`] in a tick.
    pub fn conn(&self) -> ConnId {
        self.conn
    }

    /// The app that is asked.
    pub fn app(&self) -> AppId {
        self.app
    }

    /// How the server is.
    pub fn health(&self) -> Health {
        self.common.health
    }

    /// Whether compression may be agreed on.
    pub fn deflates(&self) -> bool {
        self.common.bounds.deflate
    }

    /// Warns of something in the log, at most once a second for each kind. Whatever a client sent is escaped and cut
    /// by the caller, and never is a key, a token or a query.
    pub fn warn(&mut self, kind: Warning, what: std::fmt::Arguments<'_>) {
        self.common
            .warnings
            .tell(kind, self.common.now.millis(), what);
    }

    /// The app's own limits.
    pub fn bounds(&self) -> &AppBounds {
        self.common.bounds.app(self.app)
    }

    /// The client has shown a key: its connection is no guest any more.
    pub fn vouch(&mut self) {
        self.common.is_vouched_for = true;
    }

    /// Charges a client's address for what strangers may do only so often; the error is the 429 that says so.
    pub fn charge(&mut self, peer: IpAddr, kind: Charge) -> Result<(), Response> {
        let (per_minute, now) = self.guest_rate();
        let charged = self.common.guests.charge(peer, kind, per_minute, now);
        self.tell_refusal(peer, kind, charged)
    }

    /// Refuses a client's address that may not do this any more, and charges nothing: for what is charged only where it
    /// turns out wrong, and must not tell by its answer whether it would have.
    pub fn check(&mut self, peer: IpAddr, kind: Charge) -> Result<(), Response> {
        let (per_minute, now) = self.guest_rate();
        let checked = self.common.guests.check(peer, kind, per_minute, now);
        self.tell_refusal(peer, kind, checked)
    }

    fn guest_rate(&self) -> (u32, Micros) {
        let per_minute = self.common.bounds.guest_calls_per_minute;
        (per_minute, self.common.now.micros)
    }

    fn tell_refusal(
        &mut self,
        peer: IpAddr,
        kind: Charge,
        may: Result<(), Response>,
    ) -> Result<(), Response> {
        if may.is_err() {
            self.common.metrics.guest_refusals[kind as usize] += 1;
            let name = kind.name();
            let told = format_args!(
                "{peer} is refused for a while, because it exceeds guest_calls_per_minute ({name})"
            );
            self.warn(Warning::Stranger, told);
        }
        may
    }

    /// The counters.
    pub fn metrics(&mut self) -> &mut Metrics {
        &mut self.common.metrics
    }

    /// All chance.
    pub fn chance(&mut self) -> &mut ChaCha12Rng {
        &mut self.common.chance
    }

    /// A random number.
    pub fn random(&mut self) -> u64 {
        self.common.chance.next_u64()
    }

    /// An opaque identifier that nobody can guess: 128 random bits in hexadecimal.
    pub fn fresh_id(&mut self) -> String {
        let high = self.common.chance.next_u64();
        let low = self.common.chance.next_u64();
        format!("{high:016x}{low:016x}")
    }

    /// The same call, seen by another app.
    pub fn for_app(&mut self, app: AppId) -> Context<'_> {
        self.common.context(app, self.conn)
    }

    /// A text message of this value as JSON, encoded once for however many get it.
    pub fn json(&mut self, value: &impl Serialize) -> Frame {
        self.common.encoder.json(value)
    }

    /// A text message for each of these values as JSON, to be published as one; `None` if there is no value.
    pub fn json_batch<T: Serialize>(
        &mut self,
        values: impl IntoIterator<Item = T>,
    ) -> Option<Frame> {
        self.common.encoder.json_batch(values)
    }

    /// Puts the connection into a room, whose number is good for as long as it stays.
    pub fn join(&mut self, room: &str) -> RoomId {
        let join = self.common.hub.join(self.conn.key, room);
        self.common.metrics.rooms[self.app as usize] += u64::from(join.opened);
        join.room
    }

    /// The name of a room that the connection is in.
    pub fn room(&self, room: RoomId) -> &str {
        self.common.hub.name(room)
    }

    /// Takes the connection out of a room, if it is in it.
    pub fn leave(&mut self, room: &str) {
        let Some(room) = self.common.hub.find(room) else {
            return;
        };
        let leave = self.common.hub.leave(self.conn.key, room);
        self.common.metrics.rooms[self.app as usize] -= u64::from(leave.closed);
    }

    /// Takes the connection out of every room.
    pub fn leave_all(&mut self) {
        let closed = self.common.hub.leave_all(self.conn.key);
        self.common.metrics.rooms[self.app as usize] -= u64::from(closed);
    }

    /// The names of the rooms that the connection is in, in no order.
    pub fn rooms(&self) -> impl ExactSizeIterator<Item = &str> {
        let hub = &self.common.hub;
        hub.rooms_of(self.conn.key).map(|room| hub.name(room))
    }

    /// The members of a room.
    pub fn members(&self, room: &str) -> impl Iterator<Item = ConnId> {
        let Common { hub, outbox, .. } = &*self.common;
        let members = hub.find(room).map_or(&[][..], |room| hub.members(room));
        members.iter().map(|&key| outbox.conn(key))
    }

    /// Whether a connection is still there, and not about to be closed.
    pub fn is_open(&self, conn: ConnId) -> bool {
        let outbox = &self.common.outbox;
        outbox.is_current(conn) && !outbox.is_finishing(conn.key)
    }

    /// Queues a message for one connection; false if it did not get it.
    pub fn send(&mut self, conn: ConnId, frame: Frame) -> bool {
        if !self.common.outbox.is_current(conn) {
            return false;
        }
        let message = self
            .common
            .outbox
            .store(frame, self.app, self.common.now.micros);
        let queued = self.offer(conn.key, &message, None);
        self.common.outbox.release(message);
        queued
    }

    /// Queues a message, encoded once, for each of these connections, and says for how many.
    pub fn send_each(&mut self, conns: &[ConnId], frame: Frame) -> u32 {
        let message = self.store_published(frame);
        let mut receivers = 0;
        for &conn in conns {
            let is_current = self.common.outbox.is_current(conn);
            receivers += u32::from(is_current && self.offer(conn.key, &message, None));
        }
        self.common.outbox.release(message);
        receivers
    }

    /// Queues a message for every member of a room, and says for how many members. It has no number, and is not kept.
    pub fn publish(&mut self, room: &str, frame: Frame) -> u32 {
        self.publish_to(room, None, None, None, frame)
    }

    /// The same for a message, or a batch, on a topic of the app's one numbering.
    pub fn publish_on(&mut self, topic: Topic, room: &str, frame: Frame) -> u32 {
        let numbered = Some((self.log(), topic));
        self.publish_to(room, None, numbered, None, frame)
    }

    /// The same for every member of two rooms, once for a connection that is in both.
    pub fn publish_both(&mut self, topic: Topic, rooms: [&str; 2], frame: Frame) -> u32 {
        let numbered = Some((self.log(), topic));
        self.publish_to(rooms[0], Some(rooms[1]), numbered, None, frame)
    }

    /// The same in a numbering within the app, for every member of a room but one.
    pub fn publish_in(
        &mut self,
        (log, topic): (LogId, Topic),
        room: &str,
        except: Option<ConnId>,
        frame: Frame,
    ) -> u32 {
        let except = except.filter(|&except| self.common.outbox.is_current(except));
        let except = except.map(|except| except.key);
        self.publish_to(room, None, Some((log, topic)), except, frame)
    }

    fn publish_to(
        &mut self,
        room: &str,
        also: Option<&str>,
        numbered: Option<(LogId, Topic)>,
        except: Option<u32>,
        frame: Frame,
    ) -> u32 {
        let message = self.store_published(frame);
        let messages = u64::from(message.messages());
        let Common {
            hub,
            outbox,
            bounds,
            metrics,
            work,
            ..
        } = &mut *self.common;
        let also = also.and_then(|also| hub.find(also));
        let (room, also) = match (hub.find(room), also) {
            (Some(room), also) => (room, also),
            (None, Some(also)) => (also, None),
            (None, None) => {
                outbox.publish_to_nobody(message, numbered);
                work.charge(outbox.take_cost());
                return 0;
            }
        };
        let sought = also.map_or(0, |also| hub.members(also).len());
        work.charge(sought as u64 * work::SOUGHT);
        let is_in_first = |key| hub.is_member(key, room);
        let crowd = Crowd {
            room,
            changes: hub.changes(),
            members: hub.members(room),
            also: also.map(|also| Also {
                room: also,
                members: hub.members(also),
                is_in_first: &is_in_first,
            }),
            except,
        };
        let bounds = bounds.app(self.app);
        let published = outbox.publish(&crowd, message, numbered, &bounds.queue);
        work.charge(outbox.take_cost());
        let refused = u64::from(published.refused) * messages;
        metrics.messages_offered[self.app as usize] +=
            u64::from(published.receivers) * messages + refused;
        metrics.messages_dropped[self.app as usize] += refused + u64::from(published.skipped);
        while let Some(key) = self.common.outbox.next_full() {
            self.close_full(key);
        }
        published.receivers
    }

    /// Whether the app's publishers have to wait: something that was published is being written, to a room of which some
    /// have it already, or half of what a queue takes waits to be.
    pub fn is_telling(&self) -> bool {
        self.common.is_telling(self.app)
    }

    /// Whether those who publish to this room have to.
    pub fn is_telling_room(&self, room: &str) -> bool {
        let Common { hub, outbox, .. } = &*self.common;
        let is_telling = |room| outbox.is_telling_room(self.app, room);
        let is_telling_some = !self.common.has_waited && outbox.is_telling(self.app);
        self.common.has_enough(self.app)
            || is_telling_some && hub.find(room).is_some_and(is_telling)
    }

    /// What the connection has left of its share of the turn, as [`crate::work`] counts it.
    pub fn share_left(&self) -> u64 {
        self.common.work.share_left()
    }

    /// So much has been done, as [`crate::work`] counts it.
    pub fn spend(&mut self, cost: u64) {
        self.common.work.charge(cost);
    }

    /// Stores what goes to many, and counts it.
    fn store_published(&mut self, frame: Frame) -> Stored {
        self.common.metrics.messages_published[self.app as usize] += u64::from(frame.messages());
        self.common.unwritten[self.app as usize].add(&frame);
        self.common.has_published = true;
        self.common
            .outbox
            .store_published(frame, self.app, self.common.now.micros)
    }

    fn offer(&mut self, key: u32, message: &Stored, newest_of: Option<LogId>) -> bool {
        let messages = u64::from(message.messages());
        let bounds = self.common.bounds.app(self.app);
        let outbox = &mut self.common.outbox;
        let offer = outbox.offer(key, message, newest_of, &bounds.queue);
        if offer == Offer::Gone {
            return false;
        }
        let metrics = &mut self.common.metrics;
        metrics.messages_offered[self.app as usize] += messages;
        if offer == Offer::Queued {
            return true;
        }
        metrics.messages_dropped[self.app as usize] += messages;
        if offer == Offer::Full {
            self.close_full(key);
        }
        false
    }

    /// Closes a connection that is too far behind for its app.
    pub fn close_full(&mut self, key: u32) {
        let conn = self.common.outbox.conn(key);
        let discarded = self.common.outbox.clear_spans(key);
        self.common.metrics.messages_discarded[self.app as usize] += u64::from(discarded);
        self.close(conn, close::TRY_AGAIN, "the queue is full");
    }

    /// Closes a connection behind what is queued for it. Nothing more is queued, from now on.
    pub fn close(&mut self, conn: ConnId, code: u16, reason: &str) {
        let Common {
            outbox,
            now,
            closing,
            ..
        } = &mut *self.common;
        let is_current = outbox.is_current(conn);
        if is_current
            && outbox.post(conn.key, Frame::close(code, reason), now.micros) == Offer::Queued
        {
            closing.push(Closing { conn, code });
        }
    }
}
