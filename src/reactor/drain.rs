//! Going away: everybody is told, in random order and evenly over the drain, and the process ends when all have gone.

use rand_chacha::rand_core::Rng;

use super::{Flow, Reactor, Role};
use crate::id::ConnId;
use crate::time::Millis;
use crate::transport::Transport;
use crate::wire::frame::close;

/// How often a drain closes some more.
const STEP: Millis = Millis(10);

/// A drain under way.
pub(super) struct Drain {
    began: Millis,
    /// Who is still to be told, the next one last.
    order: Vec<ConnId>,
    members: u64,
    told: u64,
    /// When the next step is due.
    next: Millis,
    /// When whoever is still there is left behind.
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
        let began = self.shared.now.millis();
        let is_member = |(key, conn): (usize, &super::Connection<T::Socket>)| {
            let member = matches!(conn.role, Role::Member(..));
            member.then_some(ConnId {
                key: key as u32,
                generation: conn.generation,
            })
        };
        let mut order: Vec<ConnId> = self.conns.iter().filter_map(is_member).collect();
        for last in (1..order.len()).rev() {
            let other = self.shared.chance.next_u64() % (last as u64 + 1);
            order.swap(last, other as usize);
        }
        let members = order.len() as u64;
        log::info!("going away: {members} connections to close");
        self.shared.health.draining = true;
        self.drain = Some(Drain {
            began,
            order,
            members,
            told: 0,
            next: began,
            ends: None,
        });
    }

    /// Closes as many as are due by now.
    pub(super) fn drain_further(&mut self) {
        let Some(mut drain) = self.drain.take() else {
            return;
        };
        let now = self.shared.now.millis();
        let bounds = self.shared.bounds;
        let elapsed = now.since(drain.began).0;
        let evenly = drain.members * elapsed / bounds.drain.0.max(1);
        let due = evenly.min(u64::from(bounds.drain_rate) * elapsed / 1000);
        while drain.told < due
            && let Some(id) = drain.order.pop()
        {
            drain.told += 1;
            let found = self
                .conns
                .get(id.key as usize)
                .filter(|conn| conn.generation == id.generation);
            if let Some(Role::Member(app, _)) = found.map(|conn| &conn.role) {
                self.shared.context(*app, id).close(
                    id,
                    close::GOING_AWAY,
                    "the server is going away",
                );
            }
        }
        self.carry_out_closings();
        drain.next = now + STEP;
        self.drain = Some(drain);
    }

    /// Says to exit once everybody has been told and nobody is left.
    pub(super) fn drained(&mut self) -> Flow {
        let Some(drain) = self.drain.as_mut().filter(|drain| drain.order.is_empty()) else {
            return Flow::Continue;
        };
        let now = self.shared.now.millis();
        let ends = *drain
            .ends
            .get_or_insert(now + self.shared.bounds.write_timeout);
        let everybody_gone = self.websockets == 0 && self.shared.outbox.queued() == 0;
        if everybody_gone || now >= ends {
            log::info!("gone");
            return Flow::Exit;
        }
        Flow::Continue
    }
}
