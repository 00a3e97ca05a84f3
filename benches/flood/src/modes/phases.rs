//! What a report says of the connections themselves: how they were opened, held and closed, and what memory they took.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::measure::histogram::Quantiles;
use crate::measure::meter::Cost;
use crate::measure::problems::{Judge, Problems};
use crate::measure::process::Memory;

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
    /// What it cost.
    pub cost: Cost,
}

/// How the connections ended.
#[derive(Debug, Serialize)]
pub struct Closed {
    /// Whether the time of the run was over before they were closed.
    #[serde(skip)]
    pub timed_out: bool,
    /// How many of them the server was to end.
    #[serde(skip)]
    pub excused: u32,
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
    /// Growth of the resident set, shared pages counted by share, for each connection.
    pub pss_per_connection: f64,
    /// Growth of the private memory for each connection.
    pub private_per_connection: f64,
}

impl ServerMemory {
    /// What `connections` connections added, if it is known what there was before them and with them.
    pub fn new(
        before: Option<Memory>,
        connected: Option<Memory>,
        published: Option<Memory>,
        connections: u32,
    ) -> Option<ServerMemory> {
        let (before, connected) = before.zip(connected)?;
        let each = |before: u64, after: u64| {
            (after as f64 - before as f64) / f64::from(connections.max(1))
        };
        Some(ServerMemory {
            before,
            connected,
            published,
            rss_per_connection: each(before.rss, connected.rss),
            pss_per_connection: each(before.pss, connected.pss),
            private_per_connection: each(before.private, connected.private),
        })
    }
}

impl Judge for Closed {
    fn judge(&self, problems: &mut Problems) {
        problems.check(self.timed_out, || "the run timed out".to_owned());
        if self.lost.values().sum::<u32>() != self.excused {
            problems.no_kinds("open connections went away", &self.lost);
        }
        problems.no_kinds("connections did not close cleanly", &self.unclean);
    }
}

impl Judge for Connected {
    fn judge(&self, problems: &mut Problems) {
        problems.no_kinds("connections failed", &self.failed);
        let greeted = self.greeted.unwrap_or(self.opened);
        let ungreeted = self.opened.saturating_sub(greeted);
        problems.none_of(&[(ungreeted, "connections were not greeted")]);
    }
}
