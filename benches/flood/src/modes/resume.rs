//! Clients are cut while messages are published, and come back with the last position that they heard; each must have
//! every message once and in order, or have been told that it missed exactly those.
//!
//! Either some are cut all the time, each at random, and come back a little later; or all of them at once
//! ([`burst`]).

mod book;
mod books;
mod burst;
mod heard;
mod stage;

pub use book::Book;
pub use books::Books;
pub use burst::{Burst, OwnTimes};
pub use heard::Heard;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::client::failure::Failure;
use crate::client::schedule::Schedule;
use crate::command::resume::Resume;
use crate::error::Error;
use crate::measure::books::ServerBooks;
use crate::measure::clock::{after, seconds};
use crate::measure::histogram::Quantiles;
use crate::measure::meter::Cost;
use crate::measure::problems::{Judge, Problems};
use crate::measure::sampler::Sampler;
use crate::modes::resume::book::Phase;
use crate::modes::resume::stage::Stage;
use crate::modes::session::Session;
use crate::target::metrics::Metrics;

/// The report of it.
#[derive(Debug, Default, Serialize)]
pub struct Resumed {
    /// Clients that are cut and resume.
    pub clients: u32,
    /// Messages a second asked for.
    pub rate: f64,
    /// Bytes of each, but for its position.
    pub size: usize,
    /// Messages sent.
    pub sent: u32,
    /// Messages that the server took.
    pub answered: u32,
    /// Connections that were cut.
    pub cuts: u32,
    /// Clients that are not here in the end.
    pub not_back: u32,
    /// Attempts to come back that failed, by kind.
    pub failures: BTreeMap<String, u32>,
    /// Sums over all clients.
    #[serde(flatten)]
    pub heard: Heard,
    /// Both ends' books; absent where the target file names no app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub books: Option<Books>,
    /// From the time a message was meant to be sent to each of its live deliveries.
    pub latency_us: Quantiles,
    /// All clients at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// How long it went on.
    pub seconds: f64,
    /// What it cost.
    pub cost: Cost,
}

/// Cuts the connected clients and lets them come back, as asked.
pub fn run(session: &mut Session<'_, Book>, options: &Resume) -> Result<Resumed, Error> {
    let server = &options.server;
    let app = session.crowd.target.scene.app.clone();
    // Each time on a connection of its own: a server may hang up on one that says nothing for long.
    let ask = || app.as_ref().map(|_| server.caller()?.metrics()).transpose();
    let clean = session.crowd.outcome.clean;
    let mut stage = Stage::set(session)?;
    stage.session.sink.heard = Heard::default();
    let before = ask()?;
    if before.is_some() && !server.pid.is_empty() {
        stage.sampler = Some(Sampler::new(&server.pid));
    }
    before.iter().for_each(|metrics| stage.note(metrics));
    let start = stage.session.now();
    let (burst, cost) = stage.measured(|stage| match options.burst {
        true => burst::run(stage, options, &ask).map(Some),
        false => cut_some(stage, options).map(|()| None),
    })?;
    let end = stage.session.now();
    let cuts = stage.cuts;
    let mut burst = burst;
    if let Some((burst, sampler)) = burst.as_mut().zip(stage.sampler.take()) {
        burst.peak = Some(sampler.peak());
    }
    let Session { crowd, sink, .. } = session;
    sink.conclude();
    // Those that were cut ended as they should, but are not those that are closed in the end.
    crowd.outcome.clean = clean;
    let clients = crowd.target.seating.clients();
    let mut resumed = Resumed {
        clients: options.connections,
        rate: options.rate(),
        size: options.size as usize,
        sent: sink.sent(),
        answered: sink.answered(),
        cuts,
        not_back: clients - sink.open(),
        failures: crowd.outcome.failed.clone(),
        heard: sink.heard,
        latency_us: Quantiles::from(&sink.latency_us[0]),
        burst,
        seconds: seconds(end.since(start)),
        cost,
        ..Resumed::default()
    };
    if let (Some(app), Some((before, after))) = (&app, before.zip(ask()?)) {
        resumed.books = Some(resumed.balance(&before, &after, app, clients));
    }
    Ok(resumed)
}

/// Cuts some of the clients each second, at random.
fn cut_some(stage: &mut Stage<'_, '_>, options: &Resume) -> Result<(), Error> {
    let start = stage.session.now();
    let end = after(start, options.duration()).min(stage.session.deadline);
    let clients = options.connections;
    let cutting = Schedule::new(start, f64::from(clients) * options.cut / 100.0);
    stage.publish(Some((options.rate(), Phase::Quiet)));
    let (mut drawn, mut chance) = (0, 0x9e37_79b9_u32);
    // Spread is all that chance is for.
    let mut draw = |below: u32| {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(chance >> 8) * u64::from(below)) >> 24) as u32
    };
    let away_us = u32::try_from(options.away.as_micros()).unwrap_or(u32::MAX);
    while stage.session.now() < end {
        let now = stage.session.now();
        while cutting.due(drawn) <= now {
            drawn += 1;
            let client = draw(clients);
            let away = Duration::from_micros(draw(away_us).into());
            // Whoever is away when it is drawn is passed over.
            if stage.session.sink.is_settled(client) {
                stage.hang_up(client, after(now, away));
            }
        }
        stage.turn(cutting.due(drawn).min(end))?;
    }
    stage.publish(None);
    stage.wait_until_all_have_all()
}

impl Resumed {
    fn balance(&self, before: &Metrics, after: &Metrics, app: &str, clients: u32) -> Books {
        let published = after.since(before);
        Books {
            server: ServerBooks::between(before, after, app),
            published: published.of_app("roomcast_messages_published_total", app),
            sent: self.sent.into(),
            expected: u64::from(self.sent) * u64::from(clients),
            cuts: self.cuts.into(),
            heard: self.heard,
        }
    }
}

impl Judge for Resumed {
    fn judge(&self, problems: &mut Problems) {
        self.heard.judge(problems);
        self.books.judge(problems);
        self.burst.judge(problems);
        // Whoever is told to come later has come later; that it came at all is checked.
        let mut failures = self.failures.clone();
        failures.remove(&Failure::Status(503).to_string());
        problems.no_kinds("attempts to come back failed", &failures);
        let untaken = self.sent - self.answered;
        problems.none_of(&[
            (self.not_back, "clients are not here in the end"),
            (untaken, "messages were not taken by the server"),
        ]);
    }
}
