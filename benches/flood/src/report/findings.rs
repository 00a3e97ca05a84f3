//! What a run found, as plain data: printed by `table`, or as one line of JSON.
//!
//! A report judges itself: it passed if there are no problems. Times are in microseconds where the name ends in `_us`
//! and in seconds otherwise, memory is in bytes. A part that a mode does not have is absent.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::measure::meter::Cost;
use crate::modes::broadcasted::Broadcasted;
use crate::modes::churn::Churned;
use crate::modes::echo::Echoed;
use crate::modes::fairness::Fairness;
use crate::modes::joins::Joined;
use crate::modes::phases::{Closed, Connected, Held, ServerMemory};
use crate::modes::remains::Remains;
use crate::modes::slow::Slowed;
use crate::modes::storm::Stormed;
use crate::target::server::Target;

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
    /// What two of them did to the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fairness: Option<Fairness>,
    /// Cutting them all at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storm: Option<Stormed>,
    /// Coming and going at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub churn: Option<Churned>,
    /// Joining and leaving.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joins: Option<Joined>,
    /// What the server held before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remains: Option<Remains>,
    /// Closing them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<Closed>,
    /// The server's memory, if its process id was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ServerMemory>,
    /// All latencies, to be plotted.
    #[serde(skip)]
    pub curves: Vec<(String, Histogram<u64>)>,
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
            fairness: None,
            storm: None,
            churn: None,
            joins: None,
            remains: None,
            close: None,
            memory: None,
            curves: Vec::new(),
        }
    }

    /// Adds latencies to be plotted.
    pub fn curve(&mut self, name: &str, latency_us: &Histogram<u64>) {
        self.curves.push((name.to_owned(), latency_us.clone()));
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
        let excused = self.slow.as_ref().map_or(0, Slowed::excused);
        if let Some(close) = self
            .close
            .as_ref()
            .filter(|close| close.lost.values().sum::<u32>() != excused)
        {
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
        if let Some(fairness) = &self.fairness {
            fairness.judge(&mut problems);
        }
        if let Some(storm) = &self.storm {
            storm.judge(&mut problems);
        }
        if let Some(churn) = &self.churn {
            churn.judge(&mut problems);
        }
        if let Some(joins) = &self.joins {
            joins.judge(&mut problems);
        }
        if let Some(remains) = &self.remains {
            remains.judge(&mut problems);
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
