//! What holds between two turns, over all columns at once.
//!
//! Each column checks its own rules; here is what they say of each other.

use super::connection::{Connection, DEAD, HELD, LAST_WORDS, Role, SERVING};
use super::{LEFTOVER_BYTES, Reactor};
use crate::apps::context::Common;
use crate::core::protocol::Phase;
use crate::id::{AppId, ConnId};
use crate::metrics::PerApp;
use crate::transport::Transport;

impl<T: Transport> Reactor<T> {
    /// Checks every rule that holds between two turns; for tests and simulation.
    ///
    /// # Panics
    /// When a rule is broken.
    pub fn check_invariants(&self) {
        let Common {
            hub,
            outbox,
            metrics,
            bounds,
            ..
        } = &self.common;
        hub.check_invariants();
        outbox.check_invariants();
        outbox.check_readers(|app| bounds.app(app).queue);
        self.wheel.check_invariants();
        let mut members = 0;
        let mut held_bytes = 0;
        let mut queued = PerApp::default();
        for (key, conn) in &self.conns {
            let key = key as u32;
            self.check_connection(key, conn);
            members += u64::from(matches!(conn.role, Role::Member(..)));
            held_bytes += u64::from(conn.held_bytes);
            if let Role::Member(app, _) | Role::Former(app, _) = conn.role {
                queued[app as usize] += outbox.messages(key);
            }
        }
        self.check_guests();
        assert_eq!(
            self.wheel.len(),
            self.conns.len(),
            "nobody but a connection has a deadline"
        );
        for app in AppId::ALL {
            let number = app as usize;
            assert_eq!(
                metrics.messages_offered[number],
                metrics.messages_delivered[number]
                    + metrics.messages_dropped[number]
                    + metrics.messages_discarded[number]
                    + queued[number],
                "{app:?}: what was offered was delivered, dropped or discarded, or is still queued"
            );
        }
        let connections: u64 = metrics.connections.iter().sum();
        assert_eq!(members, connections, "the gauge of connections is true");
        assert_eq!(
            held_bytes, self.half_received_bytes,
            "the half-received bytes are counted"
        );
        assert_eq!(
            metrics.rooms.iter().sum::<u64>(),
            hub.rooms() as u64,
            "the gauge of rooms is true"
        );
    }

    /// What holds of one connection.
    fn check_connection(&self, key: u32, conn: &Connection<T::Socket>) {
        let Common { hub, outbox, .. } = &self.common;
        let name = ConnId {
            key,
            generation: conn.generation,
        };
        assert!(
            outbox.is_current(name),
            "{name}: the outbox knows who holds the key"
        );
        assert!(!conn.is(DEAD), "{name}: the dead are gone after a turn");
        assert!(
            self.wheel.deadline(key).is_some(),
            "{name}: every connection has a deadline"
        );
        let leftover_bytes = conn
            .leftover
            .as_ref()
            .map_or(0, |it| it.len() + LEFTOVER_BYTES);
        assert!(
            conn.protocol.held_bytes() + leftover_bytes <= conn.held_bytes as usize,
            "{name}: whatever it has half received is counted"
        );
        let is_member = matches!(conn.role, Role::Member(..));
        assert!(
            !matches!(conn.role, Role::Visitor(_)) || outbox.messages(key) == 0,
            "{name}: a visitor gets answers"
        );
        assert!(
            is_member || hub.rooms_of(key).len() == 0,
            "{name}: only a member is in rooms"
        );
        assert_eq!(
            is_member,
            matches!(conn.protocol.phase(), Phase::Open | Phase::Listening),
            "{name}: who is open is a member"
        );
        assert!(
            !conn.is(HELD) || conn.is(SERVING) || !outbox.is_empty(key),
            "{name}: only a backlog holds a connection"
        );
        let waits =
            conn.is(LAST_WORDS) && outbox.is_empty(key) && conn.protocol.phase() != Phase::Over;
        assert!(
            !waits,
            "{name}: last words that are out are followed by the end"
        );
    }
}
