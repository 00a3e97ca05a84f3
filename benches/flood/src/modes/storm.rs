//! All connections are cut at once and come back at once; how long until everybody is served again.
//!
//! Served means: upgraded, greeted if the server greets, and reached by a message that was published afterwards. Who
//! fails tries again when all others have been tried, for as long as the run lasts.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::error::Error;
use crate::measure::clock::{after, seconds};
use crate::measure::histogram::Quantiles;
use crate::measure::ledger::Ledger;
use crate::measure::meter::Cost;
use crate::measure::problems::{Judge, Problems};
use crate::measure::sink::Sink;
use crate::modes::broadcast::Broadcast;
use crate::modes::plan::Plan;
use crate::modes::session::Session;

/// How long those that failed wait before they try again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// What the storms did.
#[derive(Debug, Serialize)]
pub struct Stormed {
    /// Connections cut at once, each time.
    pub connections: u32,
    /// Each time that they were.
    pub rounds: Vec<Round>,
    /// Attempts that failed, by kind, over all rounds.
    pub failures: BTreeMap<String, u32>,
}

/// One cut.
#[derive(Debug, Serialize)]
pub struct Round {
    /// From the cut until everybody was upgraded again.
    pub upgraded_seconds: f64,
    /// Until everybody was greeted, too.
    pub greeted_seconds: f64,
    /// Until everybody had heard a message, too.
    pub served_seconds: f64,
    /// Connections that were served in the end.
    pub served: u32,
    /// Attempts to connect.
    pub attempts: u32,
    /// From `connect` to a valid 101, of those that succeeded at the first attempt.
    pub handshake_us: Quantiles,
    /// What it cost.
    pub cost: Cost,
}

/// Cuts all connections `rounds` times.
pub fn run(session: &mut Session<'_, Ledger>, rounds: u32, plan: Plan) -> Result<Stormed, Error> {
    let connections = session.crowd.target.seating.clients();
    let mut stormed = Stormed {
        connections,
        rounds: Vec::new(),
        failures: BTreeMap::new(),
    };
    for _ in 0..rounds {
        if session.is_over() {
            break;
        }
        let round = round(session, plan, &mut stormed.failures)?;
        stormed.rounds.push(round);
    }
    Ok(stormed)
}

fn round(
    session: &mut Session<'_, Ledger>,
    plan: Plan,
    failures: &mut BTreeMap<String, u32>,
) -> Result<Round, Error> {
    let everybody = session.crowd.target.seating.clients();
    let start = session.now();
    let meter = session.meter.start(session.crowd.moment())?;
    let since = |session: &Session<'_, Ledger>| seconds(session.now().since(start));
    session.crowd.cut();
    session.sink.cut();
    let mut connected = session.connect(0.0, everybody as usize)?;
    let handshake_us = connected.handshake_us;
    let mut attempts = everybody;
    let mut upgraded_seconds = connected.cost.seconds;
    loop {
        for (kind, count) in &connected.failed {
            *failures.entry(kind.clone()).or_default() += count;
        }
        if session.sink.open() == everybody || session.is_over() {
            break;
        }
        let pause = after(session.now(), RETRY_PAUSE).min(session.deadline);
        while session.now() < pause {
            session.crowd.turn(pause, &mut session.sink)?;
        }
        session.crowd.retry();
        attempts += everybody - session.sink.open();
        connected = session.connect(0.0, everybody as usize)?;
        upgraded_seconds = since(session);
    }
    let greeted_seconds = since(session);
    if session.sink.open() > 0 && !session.is_over() {
        let deadline = session.deadline;
        Broadcast::new(&mut session.crowd, &mut session.sink, plan, deadline)?;
    }
    Ok(Round {
        upgraded_seconds,
        greeted_seconds,
        served_seconds: since(session),
        served: session.sink.open() - session.sink.ungreeted(),
        attempts,
        handshake_us,
        cost: session.meter.finish(session.crowd.moment(), meter)?,
    })
}

impl Judge for Stormed {
    fn judge(&self, problems: &mut Problems) {
        problems.no_kinds("attempts to come back failed", &self.failures);
        for round in &self.rounds {
            let left = self.connections - round.served;
            problems.none_of(&[(left, "connections were not served again")]);
        }
    }
}
