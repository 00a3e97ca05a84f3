//! Some members stop reading while messages are published, then read again; what was dropped for them is reconciled.
//!
//! Three counts must be one: what the server's metrics say it dropped, what its notices told the clients that they
//! missed, and what each client finds missing by the numbers of the messages. Whoever went on reading must miss nothing.

use serde::Serialize;

use crate::broadcast::Broadcast;
use crate::caller::Caller;
use crate::clock::after;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::meter::Cost;
use crate::options::Server;
use crate::plan::Plan;
use crate::process::Memory;
use crate::progress;
use crate::published::Published;
use crate::session::Session;

/// How often a message is published to have the server tell what it dropped: a queue must be half empty first.
const REMINDERS_MAX: u32 = 5;

/// The members that stop reading: the last of all.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    clients: u32,
    first: u32,
}

/// What became of those that stopped reading.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Slowed {
    /// Members that stopped reading.
    pub connections: u32,
    /// Those of them that the server gave up on.
    pub given_up: u32,
    /// Deliveries dropped, as the server's metrics have it; absent where the target file names no metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_by_metrics: Option<u64>,
    /// The same as the clients were told.
    pub dropped_by_notices: u64,
    /// The same as the clients find by counting.
    pub dropped_by_count: u64,
    /// Deliveries that members missed who went on reading.
    pub lost_by_readers: u64,
    /// The server's memory while its queues were full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
}

impl Group {
    /// That share of `clients`, at least one, and never all.
    pub fn new(clients: u32, share: f64) -> Group {
        let slow = (f64::from(clients) * share).round() as u32;
        Group {
            clients,
            first: clients - slow.clamp(1, clients - 1),
        }
    }

    /// The first of them.
    pub fn first(self) -> u32 {
        self.first
    }

    fn members(self) -> std::ops::Range<u32> {
        self.first..self.clients
    }
}

/// Publishes while `group` does not read, then lets it read and reconciles.
pub fn run(
    session: &mut Session<'_, Ledger>,
    group: Group,
    plan: Plan,
    server: &Server,
) -> Result<(Published, Slowed, Cost), Error> {
    let deadline = session.deadline;
    let metric = session.crowd.target().scene().dropped.clone();
    let mut caller = match metric {
        Some(_) => Some(Caller::connect(
            server.server,
            server.common.key.as_deref(),
        )?),
        None => None,
    };
    let mut dropped = || match (&mut caller, &metric) {
        (Some(caller), Some(metric)) => caller.metric(metric).map(Some),
        _ => Ok(None),
    };
    let meter = session.meter.clone();
    let mut broadcast = Broadcast::new(&mut session.crowd, &mut session.sink, plan, deadline)?;
    let dropped_before = dropped()?;
    for client in group.members() {
        broadcast.crowd().pause(client);
        broadcast.ledger().set_slow(client);
    }
    let bar = progress::bar("publishing", plan.messages.unwrap_or(0));
    let start = meter.start(broadcast.crowd())?;
    broadcast.run(deadline, |done| bar.set_position(u64::from(done)))?;
    let cost = meter.finish(broadcast.crowd(), start)?;
    bar.finish_and_clear();
    let memory = meter.server_memory();
    for client in group.members() {
        broadcast.resume(client);
    }
    for _ in 0..REMINDERS_MAX {
        broadcast.wait_until_still(deadline)?;
        if broadcast.ledger().missing().unexplained == 0 {
            break;
        }
        broadcast.remind(deadline)?;
    }
    broadcast.wait_until_still(after(broadcast.moved(), plan.settle).min(deadline))?;
    let published = broadcast.finish();
    let dropped_after = dropped()?;
    let ledger = &session.sink;
    let (mut lost_by_readers, mut dropped_by_count) = (0, 0);
    for client in 0..group.clients {
        match client < group.first {
            true => lost_by_readers += ledger.lost_by(client),
            false => dropped_by_count += ledger.lost_by(client),
        }
    }
    let given_up = group
        .members()
        .filter(|&client| !session.crowd.is_open(client));
    let slowed = Slowed {
        connections: group.clients - group.first,
        given_up: given_up.count() as u32,
        dropped_by_metrics: dropped_before
            .zip(dropped_after)
            .map(|(before, after)| after.saturating_sub(before)),
        dropped_by_notices: ledger.counts().missed,
        dropped_by_count,
        lost_by_readers,
        memory,
    };
    Ok((published, slowed, cost))
}

impl Slowed {
    /// Adds a sentence for each count that does not agree with the others.
    pub fn judge(&self, problems: &mut Vec<String>) {
        let (told, counted) = (self.dropped_by_notices, self.dropped_by_count);
        if told != counted {
            problems.push(format!(
                "the server told slow clients of {told} drops, but they miss {counted} messages"
            ));
        }
        if let Some(metrics) = self
            .dropped_by_metrics
            .filter(|&metrics| metrics != counted)
        {
            problems.push(format!(
                "the server's metrics count {metrics} drops, but slow clients miss {counted} messages"
            ));
        }
        if self.lost_by_readers > 0 {
            let lost = self.lost_by_readers;
            problems.push(format!("{lost} deliveries to clients that read were lost"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_never_empty_and_never_everybody() {
        assert_eq!(Group::new(10, 0.2).members(), 8..10);
        assert_eq!(Group::new(10, 0.001).members(), 9..10);
        assert_eq!(Group::new(2, 0.99).members(), 1..2);
    }

    #[test]
    fn counts_that_differ_are_a_problem_each() {
        let mut slowed = Slowed {
            connections: 1,
            given_up: 0,
            dropped_by_metrics: Some(5),
            dropped_by_notices: 5,
            dropped_by_count: 5,
            lost_by_readers: 0,
            memory: None,
        };
        let problems = |slowed: &Slowed| {
            let mut problems = Vec::new();
            slowed.judge(&mut problems);
            problems.len()
        };
        assert_eq!(problems(&slowed), 0);
        slowed.dropped_by_metrics = Some(4);
        assert_eq!(problems(&slowed), 1);
        slowed.dropped_by_count = 6;
        assert_eq!(problems(&slowed), 2);
        slowed.lost_by_readers = 1;
        assert_eq!(problems(&slowed), 3);
    }
}
