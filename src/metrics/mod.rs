//! Plain counters, gauges and histograms, rendered as Prometheus text (version 0.0.4).
//!
//! One thread owns them: no atomics, no lock, no clock. What the hot path counts is a public field, so that counting
//! costs one addition: `metrics.messages_delivered[app as usize] += 1`. What needs a lookup is a method. Gauges that
//! another part knows better (`queue_bytes` and its like) are set by the owner just before rendering.
//!
//! Labels are never taken from a client: apps, results and error types are `'static` names, close codes are those of a
//! fixed list or `other`, routes are patterns. So the number of series is bounded by the program text.
//!
//! The public names are a contract with dashboards and alerts. Counters end in `_total` and units are bases, except
//! for the `explorer_*` names, which the block explorer's dashboards brought along.

mod histogram;
mod process;
mod reading;
mod store;
mod text;

pub use histogram::Histogram;
pub use process::Process;
pub use store::Store;

use crate::id::AppId;
use text::{Family, Kind};

/// One number for each app, by its number.
pub type PerApp = [u64; AppId::ALL.len()];

/// The close codes that are told apart; 1005 is a close frame without a code, 1006 an end without a close frame.
const CLOSE_CODES: [u16; 17] = [
    1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1013, 4401, 4403, 4404, 4408,
    4409,
];

/// What became of a connection that the kernel offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Accept {
    /// It is being served.
    Accepted,
    /// No descriptor or memory was left to take it.
    Exhausted,
    /// It was gone before it could be taken.
    Aborted,
    /// Anything else went wrong.
    Failed,
}

impl Accept {
    /// Every result, in the order of its number.
    pub const ALL: [Accept; 4] = [
        Accept::Accepted,
        Accept::Exhausted,
        Accept::Aborted,
        Accept::Failed,
    ];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Accept::Accepted => "accepted",
            Accept::Exhausted => "exhausted",
            Accept::Aborted => "aborted",
            Accept::Failed => "failed",
        }
    }
}

/// What strangers may do only so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Charge {
    /// A call that changes something and needs no key.
    Call,
    /// A wrong key.
    Key,
    /// A wrong token.
    Token,
    /// A code of a room that does not exist.
    Code,
}

impl Charge {
    /// Every kind, in the order of its number.
    pub const ALL: [Charge; 4] = [Charge::Call, Charge::Key, Charge::Token, Charge::Code];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Charge::Call => "call",
            Charge::Key => "key",
            Charge::Token => "token",
            Charge::Code => "code",
        }
    }
}

/// The kinds of message that the stream app delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StreamMessage {
    /// A block.
    NewBlock,
    /// A transaction.
    NewTx,
}

impl StreamMessage {
    /// Every kind, in the order of its number.
    pub const ALL: [StreamMessage; 2] = [StreamMessage::NewBlock, StreamMessage::NewTx];

    /// The label's value, which is also the message's `type`.
    pub const fn name(self) -> &'static str {
        match self {
            StreamMessage::NewBlock => "newBlock",
            StreamMessage::NewTx => "newTx",
        }
    }
}

/// Everything that is counted.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Open WebSockets.
    pub connections: PerApp,
    /// Rooms with a member.
    pub rooms: PerApp,
    /// Sessions or rooms that are kept.
    pub records: PerApp,
    /// Connections offered by the kernel, by [`Accept`].
    pub accepts: [u64; Accept::ALL.len()],
    /// Times that connections had to wait for the accept rate.
    pub accept_waits: u64,
    /// Connections that are no members and have shown no key.
    pub guests: u64,
    /// Guests that were closed because others knocked.
    pub guest_closes: u64,
    /// Times that strangers were refused because they did something too often, by [`Charge`].
    pub guest_refusals: [u64; Charge::ALL.len()],
    /// Messages from clients, complete and well-formed.
    pub messages_received: PerApp,
    /// Messages given to a room, each once however many receive it.
    pub messages_published: PerApp,
    /// Messages meant for a connection, each once a connection. At any moment that is what has been delivered, dropped
    /// or discarded, and what still waits.
    pub messages_offered: PerApp,
    /// Messages written whole to a connection, each once a connection.
    pub messages_delivered: PerApp,
    /// Messages dropped because a connection's queue was full, each once a connection.
    pub messages_dropped: PerApp,
    /// Messages that waited for a connection, or were partly written, when it came to its end.
    pub messages_discarded: PerApp,
    /// Times that a client was told how many messages it missed.
    pub lagged_notices: PerApp,
    /// Connections closed because all queues together were over the memory budget.
    pub evictions: PerApp,
    /// Pings sent to silent connections.
    pub pings: u64,
    /// Bytes read from sockets.
    pub received_bytes: u64,
    /// Bytes written to sockets.
    pub sent_bytes: u64,
    /// Bytes held now of what is published and queued, histories among them.
    pub queue_bytes: u64,
    /// Bytes of messages that are kept for clients that come back.
    pub history_bytes: u64,
    /// Messages queued now, of all connections, a batch as one.
    pub queue_messages: u64,
    /// The bound on the bytes of all queues and half-received messages.
    pub memory_budget_bytes: u64,
    /// One turn of the loop, from waking to sleeping.
    pub loop_turn: Histogram,
    /// From a publish to the write that hands it to the kernel.
    pub publish_to_write: Histogram,
    /// From accepting a connection to the end of its WebSocket handshake.
    pub handshake: Histogram,
    /// What is kept, if anything is.
    pub store: Option<Store>,
    /// Deliveries of the stream app, by [`StreamMessage`].
    pub stream_messages: [u64; StreamMessage::ALL.len()],
    /// The stream app's way from a publish to the write.
    pub stream_broadcast_latency: Histogram,
    /// WebSockets ended, by app and place in `CLOSE_CODES`; the last place is every other code.
    closes: [[u64; CLOSE_CODES.len() + 1]; AppId::ALL.len()],
    /// Requests answered, sorted by route and status.
    http_requests: Vec<((&'static str, u16), u64)>,
    /// Faults of the stream app's clients, sorted by type.
    stream_errors: Vec<(&'static str, u64)>,
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// Counts a connection that the kernel offered.
    pub fn accept(&mut self, result: Accept) {
        self.accepts[result as usize] += 1;
    }

    /// Counts the end of a WebSocket; a code that is not of our list counts as `other`.
    pub fn close(&mut self, app: AppId, code: u16) {
        let place = CLOSE_CODES.binary_search(&code);
        let place = place.unwrap_or(CLOSE_CODES.len());
        self.closes[app as usize][place] += 1;
    }

    /// Counts an answered request; the route is its pattern, `/api/v1/tasks/{id}`, never the path as it came.
    pub fn http_request(&mut self, route: &'static str, status: u16) {
        count(&mut self.http_requests, (route, status));
    }

    /// Counts messages of the stream app, each once a connection.
    pub fn stream_message(&mut self, kind: StreamMessage, deliveries: u64) {
        self.stream_messages[kind as usize] += deliveries;
    }

    /// Counts a fault of a client of the stream app.
    pub fn stream_error(&mut self, error_type: &'static str) {
        count(&mut self.stream_errors, error_type);
    }

    /// Appends everything as Prometheus text.
    pub fn render(&self, out: &mut String) {
        let help = "Always 1; the label tells the version.";
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        Family::new(out, Kind::Gauge, "roomcast_build_info", help).sample(&version, 1);
        self.render_apps(out);
        self.render_accepts_closes_requests(out);
        self.render_totals(out);
        self.render_histograms(out);
        if let Some(store) = &self.store {
            store.render(out);
        }
        self.render_stream(out);
        Process::read().render(out);
    }

    /// What is counted for each app; a family that is added here is in every form that the numbers are shown in.
    fn app_families(&self) -> impl Iterator<Item = (Kind, &'static str, &'static str, &PerApp)> {
        use Kind::{Counter, Gauge};
        #[rustfmt::skip]
        let families = [
            (Gauge, "roomcast_connections", "Open WebSockets.", &self.connections),
            (Gauge, "roomcast_rooms", "Rooms with a member.", &self.rooms),
            (Gauge, "roomcast_records", "Sessions, tasks or rooms that are kept.", &self.records),
            (Counter, "roomcast_messages_received_total", "Messages from clients.", &self.messages_received),
            (Counter, "roomcast_messages_published_total", "Messages given to a room.", &self.messages_published),
            (Counter, "roomcast_messages_offered_total", "Messages meant for a connection: delivered, dropped, discarded or still queued.", &self.messages_offered),
            (Counter, "roomcast_messages_delivered_total", "Messages written whole, each once a connection.", &self.messages_delivered),
            (Counter, "roomcast_messages_dropped_total", "Messages dropped for a full queue, each once a connection.", &self.messages_dropped),
            (Counter, "roomcast_messages_discarded_total", "Messages that waited for a connection when it came to its end.", &self.messages_discarded),
            (Counter, "roomcast_lagged_notices_total", "Times a client was told that it missed messages.", &self.lagged_notices),
            (Counter, "roomcast_evictions_total", "Connections closed for the memory budget.", &self.evictions),
        ];
        families.into_iter()
    }

    fn render_apps(&self, out: &mut String) {
        for (kind, name, help, numbers) in self.app_families() {
            let mut family = Family::new(out, kind, name, help);
            for app in AppId::ALL {
                family.sample(&[("app", app.name())], numbers[app as usize]);
            }
        }
    }

    fn render_accepts_closes_requests(&self, out: &mut String) {
        let help = "Connections offered by the kernel, by what became of them.";
        let mut accepts = Family::new(out, Kind::Counter, "roomcast_accepts_total", help);
        for result in Accept::ALL {
            accepts.sample(&[("result", result.name())], self.accepts[result as usize]);
        }

        let help = "Requests refused because strangers of one address did too much of this.";
        let mut refusals = Family::new(out, Kind::Counter, "roomcast_guest_refusals_total", help);
        for kind in Charge::ALL {
            refusals.sample(&[("kind", kind.name())], self.guest_refusals[kind as usize]);
        }

        let help = "WebSockets ended, by close code; 1006 is an end without a close frame.";
        let mut closes = Family::new(out, Kind::Counter, "roomcast_closes_total", help);
        let codes = CLOSE_CODES.map(|code| code.to_string());
        let codes: Vec<&str> = codes.iter().map(String::as_str).chain(["other"]).collect();
        for app in AppId::ALL {
            for (code, count) in codes.iter().zip(self.closes[app as usize]) {
                closes.sample(&[("app", app.name()), ("code", code)], count);
            }
        }

        let help = "HTTP requests answered, upgrades among them, by route and status.";
        let mut requests = Family::new(out, Kind::Counter, "roomcast_http_requests_total", help);
        for &((route, status), count) in &self.http_requests {
            requests.sample(&[("route", route), ("status", &status.to_string())], count);
        }
    }

    /// What is counted for all apps together.
    fn total_families(&self) -> impl Iterator<Item = (Kind, &'static str, &'static str, u64)> {
        use Kind::{Counter, Gauge};
        #[rustfmt::skip]
        let families = [
            (Counter, "roomcast_accept_waits_total", "Times that connections had to wait for the accept rate.", self.accept_waits),
            (Gauge, "roomcast_guests", "Connections that are no members and have shown no key.", self.guests),
            (Counter, "roomcast_guest_closes_total", "Idle guests closed because others knocked.", self.guest_closes),
            (Counter, "roomcast_pings_total", "Pings sent to silent connections.", self.pings),
            (Counter, "roomcast_received_bytes_total", "Bytes read from sockets.", self.received_bytes),
            (Counter, "roomcast_sent_bytes_total", "Bytes written to sockets.", self.sent_bytes),
            (Gauge, "roomcast_queue_bytes", "Bytes held for all connections, and of what is kept for those that come back.", self.queue_bytes),
            (Gauge, "roomcast_history_bytes", "Bytes of messages that are kept for clients that come back.", self.history_bytes),
            (Gauge, "roomcast_queue_messages", "Messages queued for all connections.", self.queue_messages),
            (Gauge, "roomcast_memory_budget_bytes", "The bound on queues and half-received messages.", self.memory_budget_bytes),
        ];
        families.into_iter()
    }

    fn render_totals(&self, out: &mut String) {
        for (kind, name, help, number) in self.total_families() {
            Family::new(out, kind, name, help).sample(&[], number);
        }
    }

    fn render_histograms(&self, out: &mut String) {
        #[rustfmt::skip]
        let families = [
            ("roomcast_loop_turn_seconds", "One turn of the loop, from waking to sleeping.", &self.loop_turn),
            ("roomcast_publish_to_write_seconds", "From a publish to its write.", &self.publish_to_write),
            ("roomcast_handshake_seconds", "From an accept to the end of the WebSocket handshake.", &self.handshake),
        ];
        for (name, help, histogram) in families {
            Family::new(out, Kind::Histogram, name, help).histogram(histogram);
        }
    }

    fn render_stream(&self, out: &mut String) {
        let help = "Open WebSockets of the stream app.";
        let connections = self.connections[AppId::Stream as usize];
        let name = "explorer_websocket_connections";
        Family::new(out, Kind::Gauge, name, help).sample(&[], connections);

        let help = "Deliveries, by the message's type.";
        let name = "explorer_websocket_messages_sent";
        let mut messages = Family::new(out, Kind::Counter, name, help);
        for (kind, count) in StreamMessage::ALL.into_iter().zip(self.stream_messages) {
            messages.sample(&[("type", kind.name())], count);
        }

        let help = "Faults of clients, by the error's type.";
        let mut errors = Family::new(out, Kind::Counter, "explorer_websocket_errors", help);
        for &(error_type, count) in &self.stream_errors {
            errors.sample(&[("error_type", error_type)], count);
        }

        let help = "From a publish to its write.";
        let name = "explorer_websocket_broadcast_latency_seconds";
        Family::new(out, Kind::Histogram, name, help).histogram(&self.stream_broadcast_latency);
    }
}

/// Adds one to a count in a sorted list, which has as many entries as the program has names for them.
fn count<T: Ord>(counts: &mut Vec<(T, u64)>, name: T) {
    match counts.binary_search_by(|(known, _)| known.cmp(&name)) {
        Ok(place) => counts[place].1 += 1,
        Err(place) => counts.insert(place, (name, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_the_order_of_their_numbers() {
        assert!(CLOSE_CODES.is_sorted());
        assert!(
            (0..)
                .zip(Accept::ALL)
                .all(|(number, result)| result as usize == number)
        );
        assert!(
            (0..)
                .zip(AppId::ALL)
                .all(|(number, app)| app as usize == number)
        );
    }
}
