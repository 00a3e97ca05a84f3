//! What a run found, as plain data: printed by `table`, or as one line of JSON.
//!
//! A report judges itself: it passed if there are no problems. Times are in microseconds where the name ends in `_us`
//! and in seconds otherwise, memory is in bytes. A part that a mode does not have is absent.

use serde::Serialize;

use crate::measure::histogram::Latencies;
use crate::measure::meter::Cost;
use crate::measure::problems::{Judge, Problems};
use crate::modes::broadcasted::Broadcasted;
use crate::modes::churn::Churned;
use crate::modes::echo::Echoed;
use crate::modes::fairness::Fairness;
use crate::modes::joins::Joined;
use crate::modes::phases::{Closed, Connected, Held, ServerMemory};
use crate::modes::remains::Remains;
use crate::modes::resume::Resumed;
use crate::modes::slow::Slowed;
use crate::modes::storm::Stormed;
use crate::target::server::Target;

/// Everything.
#[derive(Debug, Default, Serialize)]
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
    pub problems: Problems,
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
    /// Being cut and coming back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resumed>,
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
    pub curves: Vec<(String, Latencies)>,
}

impl Report {
    /// Nothing yet.
    pub fn new(mode: &'static str, target: &Target) -> Report {
        Report {
            mode,
            target: target.scene.name.clone(),
            url: target.url(),
            ..Report::default()
        }
    }

    /// Adds latencies to be plotted.
    pub fn curve(&mut self, name: &str, latency_us: &Latencies) {
        self.curves.push((name.to_owned(), latency_us.clone()));
    }

    /// Finds the problems.
    pub fn conclude(mut self) -> Report {
        let mut problems = Problems::default();
        if let (Some(close), Some(slow)) = (&mut self.close, &self.slow) {
            close.excused = slow.excused();
        }
        let parts: [&dyn Judge; 11] = [
            &self.connect,
            &self.close,
            &self.broadcast,
            &self.echo,
            &self.slow,
            &self.fairness,
            &self.storm,
            &self.churn,
            &self.joins,
            &self.resume,
            &self.remains,
        ];
        parts.iter().for_each(|part| part.judge(&mut problems));
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
        let resume = self.resume.as_ref().map(|part| part.cost);
        let connect = self.connect.as_ref().map(|part| part.cost);
        broadcast.or(echo).or(resume).or(storm).or(connect)
    }
}
