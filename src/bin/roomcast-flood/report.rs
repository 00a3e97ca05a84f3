//! What a run found, as plain data: printed by `table`, or as one line of JSON.
//!
//! A report judges itself: it passed if there are no problems. Times are in microseconds where the name ends in `_us`
//! and in seconds otherwise, memory is in bytes. A part that a mode does not have is absent.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::broadcasted::Broadcasted;
use crate::echo::Echoed;
use crate::histogram::Quantiles;
use crate::meter::Cost;
use crate::process::Memory;
use crate::slow::Slowed;
use crate::storm::Stormed;
use crate::target::Target;

/// Everything.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The name of the mode.
    pub mode: &'static str,
    /// What its description calls the server.
    pub target: String,
    /// What was flooded.
    pub url: String,
    /// Whether every check held.
    pub passed: bool,
    /// One sentence for each check that did not.
    pub problems: Vec<String>,
    /// Whether the client was too busy for the numbers to be the server's, in the part that matters.
    pub client_was_the_bottleneck: bool,
    /// Opening the connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Connected>,
    /// Holding them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Held>,
    /// Publishing to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<Broadcasted>,
    /// Sending messages that come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub echo: Option<Echoed>,
    /// What became of those that did not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow: Option<Slowed>,
    /// Cutting them all at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storm: Option<Stormed>,
    /// Closing them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<Closed>,
    /// The server's memory, if its process id was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ServerMemory>,
    /// All latencies, to be plotted.
    #[serde(skip)]
    pub latency: Option<Histogram<u64>>,
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
    /// Growth of the resident set, shared pages counted by share, for each connection.
    pub pss_per_connection: f64,
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
            pss_per_connection: each(before.pss, connected.pss),
            private_per_connection: each(before.private, connected.private),
        }
    }
}

impl Report {
    /// Nothing yet.
    pub fn new(mode: &'static str, target: &Target) -> Report {
        Report {
            mode,
            target: target.name().to_owned(),
            url: target.url(),
            passed: false,
            problems: Vec::new(),
            client_was_the_bottleneck: false,
            connect: None,
            hold: None,
            broadcast: None,
            echo: None,
            slow: None,
            storm: None,
            close: None,
            memory: None,
            latency: None,
        }
    }

    /// Finds the problems; `timed_out` says that the run's time was over too early.
    pub fn conclude(mut self, timed_out: bool) -> Report {
        let mut problems = Vec::new();
        if timed_out {
            problems.push("the run timed out".to_owned());
        }
        if let Some(connect) = &self.connect {
            connect.judge(&mut problems);
        }
        if let Some(close) = &self.close {
            for (kind, count) in &close.lost {
                problems.push(format!("{count} open connections went away: {kind}"));
            }
        }
        if let Some(broadcast) = &self.broadcast {
            broadcast.judge(&mut problems);
        }
        if let Some(echo) = &self.echo {
            echo.judge(&mut problems);
        }
        if let Some(slow) = &self.slow {
            slow.judge(&mut problems);
        }
        if let Some(storm) = &self.storm {
            storm.judge(&mut problems);
        }
        if let Some(close) = &self.close {
            for (kind, count) in &close.unclean {
                problems.push(format!("{count} connections did not close cleanly: {kind}"));
            }
        }
        self.client_was_the_bottleneck = self.cost().is_some_and(|c| c.client_was_the_bottleneck);
        self.passed = problems.is_empty();
        self.problems = problems;
        self
    }

    /// What the part that the mode is about cost.
    fn cost(&self) -> Option<Cost> {
        let broadcast = self.broadcast.as_ref().map(|part| part.cost);
        let echo = self.echo.as_ref().map(|part| part.cost);
        let rounds = self.storm.iter().flat_map(|storm| &storm.rounds);
        let storm = rounds.map(|round| round.cost).next();
        let connect = self.connect.as_ref().map(|part| part.cost);
        broadcast.or(echo).or(storm).or(connect)
    }
}

impl Connected {
    fn judge(&self, problems: &mut Vec<String>) {
        for (kind, count) in &self.failed {
            problems.push(format!("{count} connections failed: {kind}"));
        }
        if let Some(greeted) = self.greeted.filter(|&greeted| greeted < self.opened) {
            let ungreeted = self.opened - greeted;
            problems.push(format!("{ungreeted} connections were not greeted"));
        }
    }
}
