//! What is in the shared buffer, taken out one whole thing after another, and done.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::answer::{Answered, Unanswered};
use super::connection::{Connection, KNOWN, RELEASED, Role, Visitor};
use super::{ANSWERS_BYTES, Reactor};
use crate::apps::context::Common;
use crate::apps::{Apps, Asked, Message};
use crate::core::protocol::{Event, Limits, Phase};
use crate::id::{AppId, ConnId};
use crate::transport::Transport;
use crate::wire::frame::Frame;
use crate::wire::request::Request;
use crate::work;

/// What a client hears that waits for it before it sends its body (RFC 9110 §15.2.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What became of the bytes in the buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reacted {
    /// All that is whole was taken; more bytes are needed.
    Hungry,
    /// The connection has had its share of the turn.
    Spent,
    /// The client has too much to take before more is looked at.
    Held,
    /// What this app has published has to be written first.
    Waits(AppId),
    /// The engine has to say first what became of what the client asked for.
    Undecided,
    /// The connection is dead.
    Dead,
}

impl<T: Transport> Reactor<T> {
    /// Takes every whole thing out of the buffer and does what it asks.
    pub(super) fn react(&mut self, id: ConnId, progressed: &mut bool) -> Reacted {
        loop {
            self.common.work.charge(self.buffer.take_cost());
            if self.common.work.share_left() == 0 {
                return Reacted::Spent;
            }
            if self.common.undecided.enters(id) || self.is_handed_copy(id) {
                return Reacted::Undecided;
            }
            if let Some(app) = self.waits_for(id) {
                return Reacted::Waits(app);
            }
            let is_asked = match self.react_once(id, progressed) {
                ControlFlow::Continue(is_asked) => is_asked,
                ControlFlow::Break(reacted) => return reacted,
            };
            self.carry_out_closings();
            if self.charge_queued() > 0 && is_asked && self.has_answers_unread(id) {
                return Reacted::Held;
            }
        }
    }

    /// Takes the next whole thing and does what it asks; goes on with whether that may be answered.
    #[inline]
    fn react_once(&mut self, id: ConnId, progressed: &mut bool) -> ControlFlow<Reacted, bool> {
        let (limits, now) = (self.limits(id), self.common.now.micros);
        let conn = &mut self.conns[id.key as usize];
        let (mark, has_body) = (self.buffer.mark(), conn.protocol.has_body());
        // It is taken apart where it lies: a request is long, and moving it is dear.
        let event = conn.protocol.next(&mut self.buffer, limits);
        let message_bytes = event.as_ref().ok().and_then(|event| {
            let bytes = event.as_ref()?.message_bytes();
            let work = &mut self.common.work;
            work.charge(work::MESSAGE + bytes.unwrap_or(0) as u64 * work::LOOKED_THROUGH);
            bytes
        });
        if self.limiter.is_on()
            && let (Some(bytes), &Role::Member(app, _)) = (message_bytes, &conn.role)
            && let Err(fault) = self.limiter.admit(id.key, app, bytes, now)
        {
            self.refuse(id, fault);
            return ControlFlow::Continue(false);
        }
        match event {
            Ok(None) => return ControlFlow::Break(Reacted::Hungry),
            Ok(Some(Event::Unfinished)) => return ControlFlow::Break(Reacted::Spent),
            Ok(Some(Event::Request(request))) => {
                let Role::Visitor(visitor) = &mut conn.role else {
                    return ControlFlow::Break(Reacted::Hungry);
                };
                let body_bytes = request.body.len() as u64;
                let answered = ask(&mut self.apps, &mut self.common, visitor, id, request);
                if let Some(reacted) = self.answered(id, answered, mark, has_body) {
                    return ControlFlow::Break(reacted);
                }
                self.common.work.charge(body_bytes * work::PARSED);
                *progressed = true;
                self.conns[id.key as usize].flags &= !RELEASED;
                return ControlFlow::Continue(true);
            }
            Ok(Some(Event::Text(text))) => {
                *progressed = true;
                let (apps, common) = (&mut self.apps, &mut self.common);
                hear(apps, common, conn, id, Message::Text(text));
                return ControlFlow::Continue(true);
            }
            Ok(Some(Event::Binary(bytes))) => {
                *progressed = true;
                let (apps, common) = (&mut self.apps, &mut self.common);
                hear(apps, common, conn, id, Message::Binary(bytes));
                return ControlFlow::Continue(true);
            }
            Ok(Some(Event::Body { expects_continue })) if expects_continue => {
                self.queue(id.key, Frame::answer(CONTINUE.to_vec()));
            }
            Ok(Some(Event::Body { .. })) => {}
            Ok(Some(Event::Ping(payload))) => {
                let pong = Frame::pong(payload);
                *progressed |= !conn.protocol.is_midway();
                self.queue(id.key, pong);
            }
            Ok(Some(Event::Pong(_))) => *progressed |= !conn.protocol.is_midway(),
            Ok(Some(Event::Close(code))) => {
                if self.closed_by_peer(id, code) {
                    return ControlFlow::Break(Reacted::Dead);
                }
            }
            Err(fault) => self.refuse(id, fault),
        }
        ControlFlow::Continue(false)
    }

    /// The app that what a member says has to wait for: it is telling what was published before.
    fn waits_for(&mut self, id: ConnId) -> Option<AppId> {
        let conn = &self.conns[id.key as usize];
        self.common.has_waited = conn.is(RELEASED);
        let Role::Member(app, seat) = conn.role else {
            return None;
        };
        let waits = self.common.is_telling(app) && {
            let context = self.common.context(app, id);
            self.apps.app(app).holds(seat, &context)
        };
        waits.then_some(app)
    }

    /// How much may come of a connection, and be looked at.
    fn limits(&self, id: ConnId) -> Limits {
        let message_bytes_max = match self.conns[id.key as usize].role {
            Role::Member(app, _) => self.common.bounds.app(app).message_bytes_max,
            _ => 0,
        };
        Limits {
            body_bytes_max: self.common.bounds.body_bytes_max,
            message_bytes_max,
            deflate: self.common.outbox.inflates(id.key),
            cost_max: self.common.work.share_left(),
        }
    }

    /// Queues what the apps answered to a request, or puts the request back if there is no answer yet.
    fn answered(
        &mut self,
        id: ConnId,
        answered: Answered,
        mark: usize,
        has_body: bool,
    ) -> Option<Reacted> {
        if std::mem::take(&mut self.common.is_vouched_for) {
            self.conns[id.key as usize].flags |= KNOWN;
            self.is_no_guest(id.key);
        }
        let unanswered = self.answer(id, answered)?;
        let protocol = &mut self.conns[id.key as usize].protocol;
        protocol.put_back(&mut self.buffer, mark, has_body);
        Some(unanswered.reacted())
    }

    /// Whether more waits for a client that is answered than it should leave unread.
    fn has_answers_unread(&self, id: ConnId) -> bool {
        let may_ask_more = self.conns[id.key as usize].protocol.phase() != Phase::Over;
        may_ask_more && self.common.outbox.backlog_bytes(id.key) > ANSWERS_BYTES
    }
}

/// Asks the apps. The client is not read before it is answered, however often it is asked.
#[inline]
fn ask(
    apps: &mut Apps,
    common: &mut Common,
    visitor: &mut Visitor,
    id: ConnId,
    request: Request<'_>,
) -> Answered {
    let asked = Asked {
        request,
        peer: visitor.address,
        progress: Cell::new(visitor.progress.take()),
    };
    let outcome = apps.answer(&asked, &mut common.context(AppId::Ops, id));
    Answered::new(&asked.request.head, outcome)
}

/// Gives a member's message to its app.
#[inline]
fn hear<S>(
    apps: &mut Apps,
    common: &mut Common,
    conn: &mut Connection<S>,
    id: ConnId,
    message: Message<'_>,
) {
    conn.flags &= !RELEASED;
    if let Role::Member(app, seat) = conn.role {
        common.metrics.messages_received[app as usize] += 1;
        let mut cx = common.context(app, id);
        apps.app(app).message(seat, message, &mut cx);
    }
}

impl Unanswered {
    fn reacted(self) -> Reacted {
        match self {
            Unanswered::Waits(app) => Reacted::Waits(app),
            Unanswered::GoesOn => Reacted::Spent,
            Unanswered::Undecided => Reacted::Undecided,
        }
    }
}
