//! Going away: unready first, while all are served as ever; then everybody is told, in random order and evenly over the
//! drain; and the process ends when all have gone.
//!
//! What is kept is let go of before the first is told: from then on nothing changes here, and the process that follows can take it up.
//!
//! Where another process can take over the listener, new connections are its own from the start. Then those that had
//! connected before are served to the end, and nothing is refused: a client that opens a WebSocket is told last.

use std::collections::VecDeque;

use rand_chacha::rand_core::Rng;

use super::connection::{Connection, FRESH, Role, SERVING, WAITS};
use super::{Flow, Reactor};
use crate::bounds::Durability;
use crate::core::protocol::Phase;
use crate::engine::Row;
use crate::id::{AppId, ConnId};
use crate::time::Millis;
use crate::transport::{Handover, Transport};
use crate::wire::frame::close;
use crate::work;

/// How often a drain closes some more.
const STEP: Millis = Millis(10);

/// A drain under way.
pub(super) struct Drain {
    /// When the next step is due.
    next: Millis,
    /// Whether another process takes the new connections.
    hands_over: bool,
    /// `None` while all are served as ever.
    closing: Option<Closing>,
}

/// The closing of everybody.
struct Closing {
    began: Millis,
    /// Who is still to be told, the next one last.
    order: VecDeque<ConnId>,
    members: u64,
    told: u64,
    /// When the connections that are still there are left behind.
    ends: Option<Millis>,
}

impl Drain {
    /// When the next step is due.
    pub(super) fn next(&self) -> Millis {
        self.next
    }
}

impl<T: Transport> Reactor<T> {
    /// Begins to go away.
    pub(super) fn begin_drain(&mut self) {
        let now = self.common.now.millis();
        let delay = self.common.bounds.drain_delay;
        let handover = self.transport.handover();
        self.common.health.draining = true;
        self.drain = Some(Drain {
            next: now + delay,
            hands_over: handover != Handover::Nothing,
            closing: None,
        });
        match handover {
            Handover::Nothing => {}
            // Once nobody waits any more it is closed.
            Handover::Address => self.accepting = true,
            Handover::Queue => self.transport.stop_listening(),
        }
        if delay == Millis(0) {
            if self.lets_go() {
                self.begin_closing();
            }
        } else {
            log::info!(
                "going away: unready from now on, and closing in {} ms",
                delay.0
            );
        }
    }

    /// Nobody waits to be accepted: the moment to leave the listener to the process that takes over.
    pub(super) fn nobody_knocks(&mut self) {
        if self.drain.as_ref().is_some_and(|drain| drain.hands_over) {
            self.transport.stop_listening();
        }
    }

    /// A client has opened a WebSocket: if all are being closed, its turn comes as well.
    pub(super) fn close_too(&mut self, id: ConnId) {
        let closing = self.drain.as_mut().and_then(|drain| drain.closing.as_mut());
        let Some(closing) = closing else {
            return;
        };
        closing.order.push_front(id);
        closing.members += 1;
    }

    /// Lets go of what is kept, as far as that can be done by now; whether it is done. First what has been decided is settled,
    /// then the rest is written.
    fn lets_go(&mut self) -> bool {
        if !self.common.keeps || self.let_go {
            return true;
        }
        let now = self.common.now.millis();
        let deadline = now + self.common.bounds.write_timeout;
        let deadline = *self.lets_go_until.get_or_insert(deadline);
        let is_first = !std::mem::replace(&mut self.common.health.stopped, true);
        let is_starting = self.common.health.starting;
        if is_first && is_starting {
            // Nobody is served any more for whom it would have to be taken up.
            self.wake_knocking();
        }
        if self.common.undecided.is_empty() && !self.is_stopping {
            self.is_stopping = true;
            let rows = match is_starting {
                true => Vec::new(),
                false => self.last_rows(),
            };
            self.common.engine.stop(rows);
        }
        now >= deadline
    }

    /// What the apps keep that is not written yet.
    fn last_rows(&mut self) -> Vec<Row> {
        let mut rows = Vec::new();
        for app in AppId::ALL {
            let mut cx = self.common.context(app, ConnId::NOBODY);
            if self.apps.has(app) && cx.durability() != Durability::None {
                rows.extend(self.apps.app(app).last_rows(&mut cx));
            }
        }
        rows
    }

    /// Begins to close everybody.
    fn begin_closing(&mut self) {
        let Some(drain) = &mut self.drain else {
            return;
        };
        let is_member = |(key, conn): (usize, &Connection<T::Socket>)| {
            let member = matches!(conn.role, Role::Member(..));
            member.then_some(ConnId {
                key: key as u32,
                generation: conn.generation,
            })
        };
        let mut order: VecDeque<ConnId> = self.conns.iter().filter_map(is_member).collect();
        for last in (1..order.len()).rev() {
            let other = self.common.chance.next_u64() % (last as u64 + 1);
            order.swap(last, other as usize);
        }
        let members = order.len() as u64;
        log::info!("going away: {members} connections to close");
        self.common.health.refusing = !drain.hands_over;
        drain.closing = Some(Closing {
            began: self.common.now.millis(),
            order,
            members,
            told: 0,
            ends: None,
        });
    }

    /// Closes as many as are due by now.
    pub(super) fn drain_further(&mut self) {
        let now = self.common.now.millis();
        let is_closing = match &self.drain {
            None => return,
            Some(drain) if drain.closing.is_none() && now < drain.next => return,
            Some(drain) => drain.closing.is_some(),
        };
        // It goes on when it takes too long: a disk may come back.
        let lets_go = self.lets_go();
        if !is_closing && lets_go {
            if !self.let_go && self.common.keeps {
                log::error!(
                    "what is kept is not let go of yet: what was answered is there, and what was published last may not be"
                );
            }
            self.begin_closing();
        }
        let Some(mut drain) = self.drain.take() else {
            return;
        };
        drain.next = now + STEP;
        if let Some(closing) = &mut drain.closing {
            self.close_due(closing);
        }
        self.drain = Some(drain);
    }

    fn close_due(&mut self, closing: &mut Closing) {
        let bounds = self.common.bounds;
        let elapsed = self.common.now.millis().since(closing.began).0;
        let evenly = closing.members * elapsed / bounds.drain.0.max(1);
        let due = evenly.min(u64::from(bounds.drain_rate) * elapsed / 1000);
        while closing.told < due
            && self.common.work.goes_on()
            && let Some(id) = closing.order.pop_back()
        {
            closing.told += 1;
            self.common.work.charge(work::CLOSE);
            let found = self
                .conns
                .get(id.key as usize)
                .filter(|conn| conn.generation == id.generation);
            if let Some(Role::Member(app, _)) = found.map(|conn| &conn.role) {
                self.common.context(*app, id).close(
                    id,
                    close::GOING_AWAY,
                    "the server is going away",
                );
                self.carry_out_closings();
                self.charge_queued();
            }
        }
    }

    /// Says to exit once everybody has been told and nobody is left.
    pub(super) fn drained(&mut self) -> Flow {
        let Some(drain) = &mut self.drain else {
            return Flow::Continue;
        };
        let hands_over = drain.hands_over;
        let told = |closing: &&mut Closing| closing.order.is_empty();
        let Some(closing) = drain.closing.as_mut().filter(told) else {
            return Flow::Continue;
        };
        let now = self.common.now.millis();
        let ends = *closing
            .ends
            .get_or_insert(now + self.common.bounds.write_timeout);
        let asks = |conn: &Connection<T::Socket>| conn.is_asking() || hands_over && conn.may_ask();
        let everybody_gone = self.websockets == 0
            && self.common.outbox.queued() == 0
            && !(hands_over && self.accepting)
            && !self.conns.iter().any(|(_, conn)| asks(conn));
        if everybody_gone || now >= ends {
            log::info!("gone");
            return Flow::Exit;
        }
        Flow::Continue
    }
}

impl<S> Connection<S> {
    /// Whether a request is on its way that deserves an answer: half of it has come.
    fn is_asking(&self) -> bool {
        self.protocol.phase() == Phase::Request && (self.is(SERVING | WAITS) || self.is_midway())
    }

    /// Whether it was opened for a request that has not come.
    fn may_ask(&self) -> bool {
        self.protocol.phase() == Phase::Request && self.is(FRESH)
    }
}
