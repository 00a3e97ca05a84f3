//! What an operator is shown of everybody: the counters, the backlogs and the rooms.
//!
//! Nothing is walked here: a caller asks for one connection or room after the other, and says how many.

use super::{Common, Context};
use crate::core::outbox::Backlog;
use crate::id::{AppId, ConnId, RoomId};
use crate::metrics::Metrics;

impl Context<'_> {
    /// Every metric, with the gauges as they are now.
    pub fn gauged_metrics(&mut self) -> &Metrics {
        self.common.look_at_engine();
        let Common {
            outbox,
            bounds,
            metrics,
            ..
        } = &mut *self.common;
        metrics.queue_bytes = outbox.held_bytes();
        metrics.history_bytes = outbox.history_bytes();
        metrics.queue_messages = outbox.queued() as u64;
        metrics.memory_budget_bytes = bounds.memory_budget_bytes;
        metrics
    }

    /// Every metric as Prometheus text.
    pub fn render_metrics(&mut self) -> String {
        let mut text = String::with_capacity(16 << 10);
        self.gauged_metrics().render(&mut text);
        text
    }

    /// WebSockets that the server may hold.
    pub fn connections_max(&self) -> u32 {
        self.common.bounds.connections_max
    }

    /// The keys of all connections with a backlog are below this number.
    pub fn backlog_keys(&self) -> u32 {
        self.common.outbox.backlog_keys()
    }

    /// What the socket of the connection with this key has not taken; nothing for a key that nobody holds.
    pub fn backlog(&self, key: u32) -> Backlog {
        self.common.outbox.backlog(key)
    }

    /// Who holds this key, and as a member of which app; no app is HTTP.
    pub fn holder(&self, key: u32) -> (ConnId, Option<AppId>) {
        let outbox = &self.common.outbox;
        (outbox.conn(key), outbox.app(key))
    }

    /// The numbers of all rooms are below this one.
    pub fn room_numbers(&self) -> u32 {
        self.common.hub.room_numbers()
    }

    /// How many are in a room of any app; nobody, if there is no room of this number.
    pub fn room_members(&self, room: RoomId) -> usize {
        self.common.hub.members(room).len()
    }

    /// The name of a room that exists, and the app that its members are of.
    pub fn room_owner(&self, room: RoomId) -> (&str, Option<AppId>) {
        let Common { hub, outbox, .. } = &*self.common;
        let app = hub.members(room).first().and_then(|&key| outbox.app(key));
        (hub.name(room), app)
    }
}
