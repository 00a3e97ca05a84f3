//! Some members stop reading while messages are published, then read again; what was dropped for them is reconciled.
//!
//! Three counts must be one: what the server's metrics say it dropped, what its notices told the clients that they
//! missed, and what each client finds missing by the numbers of the messages. Whoever went on reading must miss nothing.
//! Some may never read again: the server closes them sooner or later, and then they read what it had written to them
//! until then, so that both ends' books can be held against each other to the last message.

use std::time::Duration;

use serde::Serialize;

use crate::command::server::Server;
use crate::error::Error;
use crate::measure::books::{Books, ServerBooks};
use crate::measure::clock::{Micros, after};
use crate::measure::ledger::Ledger;
use crate::measure::meter::Cost;
use crate::measure::problems::{Judge, Problems};
use crate::measure::process::Memory;
use crate::measure::sampler::{Peak, Sampler};
use crate::modes::broadcast::Broadcast;
use crate::modes::plan::Plan;
use crate::modes::progress;
use crate::modes::published::Published;
use crate::modes::session::Session;
use crate::target::group::Group;
use crate::target::metrics::Metrics;

/// How often a message is published to have the server tell what it dropped: a queue must be half empty first.
const REMINDERS_MAX: u32 = 5;

/// Between two questions whether the server has closed those that never read again.
const ASK_INTERVAL: Duration = Duration::from_millis(200);

/// What became of those that stopped reading.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Slowed {
    /// Members that stopped reading.
    pub connections: u32,
    /// Those of them that never read again.
    pub forsaken: u32,
    /// Those of them that the server gave up on.
    pub given_up: u32,
    /// Deliveries dropped, as the server's metrics have it; absent where the target file names no metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_by_metrics: Option<u64>,
    /// The same as the clients were told.
    pub dropped_by_notices: u64,
    /// The same as the clients find by counting.
    pub dropped_by_count: u64,
    /// How far the two are apart, summed over the clients that are still connected.
    pub unexplained: u64,
    /// Deliveries that members missed who went on reading.
    pub lost_by_readers: u64,
    /// Both ends' books; absent where the target file names no app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub books: Option<Books>,
    /// The server's memory while its queues were full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// The most that its memory and its queues were at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak: Option<Peak>,
}

/// Publishes while `group` does not read, then lets it read, as often as asked, and reconciles.
pub fn run(
    session: &mut Session<'_, Ledger>,
    group: Group,
    (plan, rounds): (Plan, u32),
    server: &Server,
) -> Result<(Published, Slowed, Cost), Error> {
    let deadline = session.deadline;
    let clock = session.crowd.clock();
    let scene = &session.crowd.target.scene;
    let teller = Teller {
        server,
        metric: scene.dropped.clone(),
        app: scene.app.clone(),
    };
    let meter = session.meter.clone();
    let mut broadcast = Broadcast::new(&mut session.crowd, &mut session.sink, plan, deadline)?;
    let before = teller.ask()?;
    let mut sampler = match (&before, &server.pid[..]) {
        (None, _) | (_, []) => None,
        (Some(_), pids) => Some(Sampler::new(pids)),
    };
    for client in group.members() {
        broadcast.ledger.set_slow(client);
        broadcast.crowd.client(client).mute(true);
    }
    let bar = progress::bar("publishing", plan.messages.unwrap_or(0));
    let start = meter.start(broadcast.crowd.moment())?;
    let mut memory = None;
    for _ in 0..rounds {
        for client in group.members() {
            broadcast.crowd.client(client).pause();
        }
        broadcast.run(deadline, |done| {
            bar.set_position(u64::from(done));
            if let Some(sampler) = &mut sampler {
                sampler.look(clock.now());
            }
        })?;
        memory = meter.server_memory();
        if let Some((sampler, metrics)) = sampler.as_mut().zip(teller.ask()?) {
            sampler.note(&metrics);
        }
        for client in group.members().filter(|&client| !group.forsakes(client)) {
            broadcast.crowd.resume(client, broadcast.ledger);
        }
        broadcast.wait_until_still(deadline)?;
    }
    let cost = meter.finish(broadcast.crowd.moment(), start)?;
    bar.finish_and_clear();
    bury(&mut broadcast, group, &teller, deadline)?;
    for _ in 0..REMINDERS_MAX {
        broadcast.wait_until_still(deadline)?;
        if broadcast.ledger.missing().unexplained == 0 {
            break;
        }
        broadcast.remind(deadline)?;
    }
    broadcast.wait_until_still(after(broadcast.moved(), plan.settle).min(deadline))?;
    for client in group.members() {
        broadcast.crowd.client(client).mute(false);
    }
    let published = broadcast.published;
    let mut slowed = reconcile(session, group, &teller, before.as_ref())?;
    (slowed.memory, slowed.peak) = (memory, sampler.map(|sampler| sampler.peak()));
    Ok((published, slowed, cost))
}

/// What both ends counted since `before`.
fn reconcile(
    session: &Session<'_, Ledger>,
    group: Group,
    teller: &Teller<'_>,
    before: Option<&Metrics>,
) -> Result<Slowed, Error> {
    let ledger = &session.sink;
    let mut slowed = Slowed {
        connections: group.len(),
        forsaken: group.forsaken(),
        dropped_by_notices: ledger.counts().missed,
        unexplained: ledger.missing().unexplained,
        ..Slowed::default()
    };
    for client in 0..ledger.seating().clients() {
        match group.has(client) {
            false => slowed.lost_by_readers += ledger.lost_by(client),
            true => {
                slowed.dropped_by_count += ledger.lost_by(client);
                slowed.given_up += u32::from(!session.crowd.is_open(client));
            }
        }
    }
    if let Some((before, after)) = before.zip(teller.ask()?) {
        let metric = teller.metric.as_ref();
        slowed.dropped_by_metrics = metric.map(|name| after.since(before).get(name));
        slowed.books = teller.app.as_ref().map(|app| Books {
            server: ServerBooks::between(before, &after, app),
            clients: ledger.books(),
        });
    }
    Ok(slowed)
}

/// Waits until the server has closed those that never read again, and has them read what it had written until then.
fn bury(
    broadcast: &mut Broadcast<'_>,
    group: Group,
    teller: &Teller<'_>,
    deadline: Micros,
) -> Result<(), Error> {
    if group.forsaken() == 0 {
        return Ok(());
    }
    let forsaken = || group.members().filter(|&client| group.forsakes(client));
    let bar = progress::bar("forsaking", group.forsaken());
    loop {
        let now = broadcast.crowd.clock().now();
        let crowd = &*broadcast.crowd;
        let still = forsaken().filter(|&client| crowd.is_open(client)).count();
        let others = u64::from(crowd.open() - still as u32);
        let connections = teller.connections()?;
        if connections.is_none_or(|connections| connections <= others) || now >= deadline {
            break;
        }
        broadcast.turn_until(after(now, ASK_INTERVAL).min(deadline))?;
    }
    bar.finish_and_clear();
    forsaken().for_each(|client| broadcast.crowd.resume(client, broadcast.ledger));
    broadcast.wait_until_still(deadline)
}

/// Asks the server what it counted.
struct Teller<'a> {
    server: &'a Server,
    metric: Option<String>,
    app: Option<String>,
}

impl Teller<'_> {
    /// Each time on a connection of its own: a server may hang up on one that says nothing for the length of a round.
    fn ask(&self) -> Result<Option<Metrics>, Error> {
        if self.metric.is_none() && self.app.is_none() {
            return Ok(None);
        }
        self.server.caller()?.metrics().map(Some)
    }

    /// Connections of the app, if it says so.
    fn connections(&self) -> Result<Option<u64>, Error> {
        let both = self.ask()?.zip(self.app.as_ref());
        Ok(both.map(|(metrics, app)| metrics.of_app("roomcast_connections", app)))
    }
}

impl Slowed {
    /// Connections that the server was to give up on: those that never read again, and those that its budget had no
    /// room for.
    pub fn excused(&self) -> u32 {
        let evicted = self.books.map_or(0, |books| books.server.evicted);
        match self.forsaken > 0 || evicted > 0 {
            true => self.given_up,
            false => 0,
        }
    }
}

impl Judge for Slowed {
    fn judge(&self, problems: &mut Problems) {
        self.books.judge(problems);
        self.peak.judge(problems);
        let unexplained = self.unexplained;
        problems.check(unexplained > 0, || {
            format!(
                "slow clients were told of {unexplained} drops more or less than they miss messages"
            )
        });
        // Whoever was closed could not be told of all, which is what the books are for.
        let counted = self.dropped_by_count;
        let metrics = self.dropped_by_metrics.filter(|_| self.excused() == 0);
        if let Some(metrics) = metrics {
            problems.check(metrics != counted, || {
                format!("the server's metrics count {metrics} drops, but slow clients miss {counted} messages")
            });
        }
        problems.none_of(&[(
            self.lost_by_readers,
            "deliveries to clients that read were lost",
        )]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_differ_are_a_problem_each() {
        let mut slowed = Slowed {
            dropped_by_metrics: Some(5),
            dropped_by_count: 5,
            ..Slowed::default()
        };
        assert_eq!(slowed.problems().len(), 0);
        slowed.dropped_by_metrics = Some(4);
        assert_eq!(slowed.problems().len(), 1);
        slowed.unexplained = 1;
        assert_eq!(slowed.problems().len(), 2);
        slowed.lost_by_readers = 1;
        assert_eq!(slowed.problems().len(), 3);
        slowed.books = Some(Books::default());
        slowed.books.as_mut().unwrap().server.offered = 1;
        assert!(slowed.problems().len() > 3);
    }
}
