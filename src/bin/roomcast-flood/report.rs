//! What a run found, as plain data: printed by `table`, or as one line of JSON.
//!
//! A report judges itself: it passed if there are no problems. Times are in microseconds where the name ends in `_us`
//! and in seconds otherwise, memory is in bytes. A part that a mode does not have is absent.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::counts::{Counts, Missing};
use crate::histogram::Quantiles;
use crate::meter::Cost;
use crate::process::Memory;

/// Everything.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `connect` or `fanout`.
    pub mode: &'static str,
    /// What was flooded.
    pub url: String,
    /// Whether every check held.
    pub passed: bool,
    /// One sentence for each check that did not.
    pub problems: Vec<String>,
    /// Opening the connections.
    pub connect: Connected,
    /// Holding them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Held>,
    /// Publishing to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<Broadcasted>,
    /// Closing them.
    pub close: Closed,
    /// The server's memory, if its process id was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ServerMemory>,
}

/// How the connections were opened.
#[derive(Debug, Serialize)]
pub struct Connected {
    /// Connections asked for.
    pub asked: u32,
    /// Handshakes completed.
    pub opened: u32,
    /// Connections that were greeted; absent if this path has no greeting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub greeted: Option<u32>,
    /// Those that never opened, by kind.
    pub failed: BTreeMap<String, u32>,
    /// Source addresses used.
    pub sources: u32,
    /// Handshakes completed a second.
    pub per_second: f64,
    /// From `connect` to a valid 101.
    pub handshake_us: Quantiles,
    /// What it cost.
    pub cost: Cost,
}

/// How the connections were held.
#[derive(Debug, Serialize)]
pub struct Held {
    /// For how long.
    pub seconds: f64,
    /// Connections that were still open at the end.
    pub open: u32,
}

/// How messages were delivered.
#[derive(Debug, Serialize)]
pub struct Broadcasted {
    /// Messages asked for.
    pub messages: u32,
    /// Bytes of each payload.
    pub size: usize,
    /// Messages a second asked for; 0 is as fast as they go.
    pub rate: f64,
    /// Messages in flight; absent with a rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// Connections that published.
    pub publishers: u32,
    /// Messages sent.
    pub sent: u32,
    /// Messages answered with 202.
    pub accepted: u32,
    /// Answers whose `receivers` was not the number of open connections.
    pub receivers_wrong: u32,
    /// What stopped the publishing early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
    /// How often nothing moved for the settling time.
    pub stalls: u32,
    /// From the first message to the last delivery.
    pub seconds: f64,
    /// Messages a second, really.
    pub messages_per_second: f64,
    /// Deliveries a second.
    pub deliveries_per_second: f64,
    /// Deliveries for each second of the server's CPU time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliveries_per_server_cpu_second: Option<f64>,
    /// Sums over all deliveries.
    #[serde(flatten)]
    pub counts: Counts,
    /// What did not arrive.
    #[serde(flatten)]
    pub missing: Missing,
    /// From the intended time to each delivery.
    pub latency_us: Quantiles,
    /// From the intended time to the last delivery of each message.
    pub last_member_us: Quantiles,
    /// From the intended time to the 202.
    pub answer_us: Quantiles,
    /// From the intended time to the sending, the part of all of the above in which the server had not got it yet:
    /// the client was late, or all the requests that may be in flight were.
    pub late_us: Quantiles,
    /// What it cost.
    pub cost: Cost,
}

/// How the connections ended.
#[derive(Debug, Serialize)]
pub struct Closed {
    /// Close handshakes with 1000 from both sides.
    pub clean: u32,
    /// Other ends of connections that were to be closed, by kind.
    pub unclean: BTreeMap<String, u32>,
    /// Connections that went away before, by kind.
    pub lost: BTreeMap<String, u32>,
    /// How long closing took.
    pub seconds: f64,
}

/// The server's memory, without the kernel's socket buffers.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServerMemory {
    /// Before the first connection.
    pub before: Memory,
    /// With all connections open and idle.
    pub connected: Memory,
    /// After the messages, before the close.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<Memory>,
    /// Growth of the resident set for each connection.
    pub rss_per_connection: f64,
    /// Growth of the private memory for each connection.
    pub private_per_connection: f64,
}

impl ServerMemory {
    /// What `connections` connections added.
    pub fn new(
        before: Memory,
        connected: Memory,
        published: Option<Memory>,
        connections: u32,
    ) -> ServerMemory {
        let each = |before: u64, after: u64| {
            (after as f64 - before as f64) / f64::from(connections.max(1))
        };
        ServerMemory {
            before,
            connected,
            published,
            rss_per_connection: each(before.rss, connected.rss),
            private_per_connection: each(before.private, connected.private),
        }
    }
}

impl Report {
    /// Finds the problems; `timed_out` says that the run's time was over too early.
    pub fn conclude(mut self, timed_out: bool) -> Report {
        let mut problems = Vec::new();
        if timed_out {
            problems.push("the run timed out".to_owned());
        }
        self.connect.judge(&mut problems);
        for (kind, count) in &self.close.lost {
            problems.push(format!("{count} open connections went away: {kind}"));
        }
        if let Some(broadcast) = &self.broadcast {
            broadcast.judge(&mut problems);
        }
        for (kind, count) in &self.close.unclean {
            problems.push(format!("{count} connections did not close cleanly: {kind}"));
        }
        self.passed = problems.is_empty();
        self.problems = problems;
        self
    }
}

impl Connected {
    fn judge(&self, problems: &mut Vec<String>) {
        for (kind, count) in &self.failed {
            problems.push(format!("{count} connections failed: {kind}"));
        }
        if let Some(greeted) = self.greeted.filter(|&greeted| greeted < self.opened) {
            let ungreeted = self.opened - greeted;
            problems.push(format!("{ungreeted} connections got no connection:status"));
        }
    }
}

impl Broadcasted {
    fn judge(&self, problems: &mut Vec<String>) {
        if let Some(reason) = &self.stopped_by {
            problems.push(format!("publishing stopped: {reason}"));
        }
        let unsent = u64::from(self.messages - self.sent);
        let unanswered = u64::from(self.sent - self.accepted);
        let checks = [
            (unsent, "messages were not sent"),
            (unanswered, "messages were not answered with 202"),
            (
                u64::from(self.receivers_wrong),
                "answers named another number of receivers",
            ),
            (self.missing.lost, "deliveries were lost"),
            (
                self.missing.unexplained,
                "lost deliveries and lagged notices do not agree",
            ),
            (self.counts.duplicates, "deliveries were duplicates"),
            (self.counts.out_of_order, "deliveries were out of order"),
            (self.counts.corrupt, "deliveries were damaged or unknown"),
            (
                self.counts.ungreeted,
                "deliveries came before connection:status",
            ),
        ];
        let failed = checks.iter().filter(|(count, _)| *count > 0);
        problems.extend(failed.map(|(count, what)| format!("{count} {what}")));
    }
}
