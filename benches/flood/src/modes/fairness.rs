//! Whether one client can starve the others: the latencies of ordinary members in quiet rounds, and in rounds in which
//! one more client sends as fast as the server takes it and another reads nothing.
//!
//! Quiet and disturbed rounds alternate, so that both see the same machine; a ratio is that of the two rounds of a pair.
//! The two that disturb are members of the same room and so get everything, but nobody waits for them and they are
//! not timed. All of it runs on one thread: what the flooder writes is put together beforehand, and costs it little.

use serde::Serialize;

use crate::client::flooder::Flooder;
use crate::command::options;
use crate::error::Error;
use crate::measure::counts::{Counts, Missing};
use crate::measure::histogram::{Latencies, Quantiles};
use crate::measure::ledger::Ledger;
use crate::measure::meter::Cost;
use crate::measure::problems::{Judge, Problems};
use crate::measure::spans::Spans;
use crate::measure::spread::Spread;
use crate::modes::broadcast::Broadcast;
use crate::modes::broadcasted::Broadcasted;
use crate::modes::plan::Plan;
use crate::modes::progress;
use crate::modes::session::Session;
use crate::target::caller::Caller;
use crate::target::metrics::Metrics;

/// Clients beside the ordinary members: one floods, one does not read.
pub const DISTURBERS: u32 = 2;

/// What the server measures itself of how long members wait.
pub const PUBLISH_TO_WRITE: &str = "roomcast_publish_to_write_seconds";
/// The same of how long it is at work before it looks again.
pub const LOOP_TURN: &str = "roomcast_loop_turn_seconds";

/// What was found.
#[derive(Debug, Serialize)]
pub struct Fairness {
    /// Ordinary members.
    pub members: u32,
    /// Messages a second that were published.
    pub rate: f64,
    /// Bytes of each.
    pub size: usize,
    /// How many they were in all.
    pub sent: u32,
    /// Those that the server said it took.
    pub accepted: u32,
    /// Why publishing stopped, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
    /// What the checks of all deliveries counted.
    pub counts: Counts,
    /// Rounds of each kind.
    pub rounds: usize,
    /// The quiet rounds.
    pub quiet: Rounds,
    /// The disturbed ones.
    pub disturbed: Rounds,
    /// Disturbed by quiet p50, of each pair of rounds.
    pub ratio_p50: Spread,
    /// Disturbed by quiet p99, of each pair of rounds.
    pub ratio_p99: Spread,
    /// Bytes of each message of the flooder.
    pub flood_bytes: usize,
    /// Messages that it sent.
    pub flooded: u64,
    /// The same for each second.
    pub flooded_per_second: f64,
    /// Deliveries that ordinary members missed.
    pub lost_by_members: u64,
    /// Disturbers that the server gave up.
    pub given_up: u32,
    #[serde(skip)]
    ratio_max: Option<f64>,
}

/// All rounds of one kind.
#[derive(Debug, Default, Serialize)]
pub struct Rounds {
    /// From the time a message was meant to be sent to each of its deliveries to an ordinary member.
    pub latency_us: Quantiles,
    /// From a publish to its write, as the server measured it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_to_write: Option<Spans>,
    /// The turns of the server's loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loop_turn: Option<Spans>,
    /// The server's CPU time as a share of a core.
    pub server_cpu_share: Spread,
    /// The server's CPU time in all.
    pub server_cpu_seconds: f64,
    /// The share of the time in which this client had something to do.
    pub client_busy_share: Spread,
    /// What each round cost.
    pub costs: Vec<Cost>,
    /// All latencies.
    #[serde(skip)]
    pub latencies: Latencies,
    #[serde(skip)]
    each: Vec<Quantiles>,
    /// What the server's metrics grew by.
    #[serde(skip)]
    grown: Metrics,
}

/// Publishes by `plan` in quiet and in disturbed rounds, alternately. The disturbers are the last two clients.
pub fn run(
    session: &mut Session<'_, Ledger>,
    options: &options::Fairness,
    plan: Plan,
) -> Result<Fairness, Error> {
    let deadline = session.deadline;
    let (members, flood_bytes) = (options.connections, options.flood_size as usize);
    let (flooding, sleeping) = (members, members + 1);
    let has_metrics = session.crowd.target.scene.dropped.is_some();
    let mut caller = has_metrics.then(|| options.server.caller()).transpose()?;
    let meter = session.meter.clone();
    let mut broadcast = Broadcast::new(&mut session.crowd, &mut session.sink, plan, deadline)?;
    for client in [flooding, sleeping] {
        broadcast.ledger.set_slow(client);
    }
    let (mut quiet, mut disturbed, mut flooded) = (Rounds::default(), Rounds::default(), 0);
    let bar = progress::bar("publishing", options.rounds);
    for round in 0..=options.rounds {
        // Neither kind is always the one that comes first.
        for is_quiet in [round % 2 == 0, round % 2 != 0] {
            broadcast.forget_latencies();
            if !is_quiet {
                broadcast.crowd.client(sleeping).pause();
                broadcast.flooder = Some(Flooder::new(flooding, flood_bytes));
            }
            let before = ask(&mut caller)?;
            let cost = broadcast.measured(&meter, deadline)?;
            let grown = ask(&mut caller)?.since(&before);
            let flooder = broadcast.flooder.take();
            if !is_quiet {
                broadcast.crowd.resume(sleeping, broadcast.ledger);
                // What the sockets still hold of the flood is no part of the quiet.
                broadcast.wait_until_still(deadline)?;
            }
            if round == 0 {
                continue;
            }
            flooded += flooder.map_or(0, |flooder| flooder.messages());
            let rounds = if is_quiet { &mut quiet } else { &mut disturbed };
            rounds.add(broadcast.ledger.latency_us(), cost, &grown);
        }
        bar.set_position(u64::from(round));
    }
    bar.finish_and_clear();
    let published = broadcast.published;
    let lost = (0..members).map(|member| session.sink.lost_by(member));
    let is_gone = |client: u32| u32::from(!session.crowd.is_open(client));
    let seconds: f64 = disturbed.costs.iter().map(|cost| cost.seconds).sum();
    Ok(Fairness {
        members,
        rate: plan.rate,
        size: plan.size,
        sent: published.sent,
        accepted: published.accepted,
        stopped_by: published.stopped_by(),
        counts: session.sink.counts(),
        rounds: quiet.each.len(),
        ratio_p50: ratio(&quiet, &disturbed, |latency| latency.p50),
        ratio_p99: ratio(&quiet, &disturbed, |latency| latency.p99),
        quiet: quiet.conclude(),
        disturbed: disturbed.conclude(),
        flood_bytes,
        flooded,
        flooded_per_second: flooded as f64 / seconds.max(1e-6),
        lost_by_members: lost.sum(),
        given_up: is_gone(flooding) + is_gone(sleeping),
        ratio_max: options.ratio_max,
    })
}

/// What the server's metrics say now; nothing where its description says of none.
fn ask(caller: &mut Option<Caller>) -> Result<Metrics, Error> {
    match caller {
        Some(caller) => caller.metrics(),
        None => Ok(Metrics::default()),
    }
}

/// What a value of the disturbed rounds is of that of the quiet ones, pair by pair.
fn ratio(quiet: &Rounds, disturbed: &Rounds, value: fn(&Quantiles) -> u64) -> Spread {
    let pairs = quiet.each.iter().zip(&disturbed.each);
    Spread::of(pairs.map(|(quiet, disturbed)| value(disturbed) as f64 / value(quiet).max(1) as f64))
}

impl Judge for Fairness {
    fn judge(&self, problems: &mut Problems) {
        if let Some(reason) = &self.stopped_by {
            problems.check(true, || format!("publishing stopped: {reason}"));
        }
        let untaken = self.sent.saturating_sub(self.accepted);
        problems.none_of(&[(untaken, "messages were not taken by the server")]);
        // What the one that does not read should have got is dropped by design.
        Broadcasted::judge_deliveries(&self.counts, &Missing::default(), problems);
        problems.none_of(&[(
            self.lost_by_members,
            "deliveries to ordinary members were lost",
        )]);
        let given_up = self.given_up;
        problems.check(given_up > 0, || {
            format!(
                "the server gave up {given_up} of those that disturb: does it limit what a client sends, or for how \
                 long it need not read?"
            )
        });
        let ratio = self.ratio_p99.median;
        let max = self.ratio_max.unwrap_or(f64::INFINITY);
        problems.check(ratio > max, || {
            format!("the disturbed p99 is {ratio:.2} times the quiet one, and {max} was asked for at most")
        });
    }
}

impl Rounds {
    fn add(&mut self, latency_us: &Latencies, cost: Cost, grown: &Metrics) {
        self.latencies.add(latency_us);
        self.each.push(Quantiles::from(latency_us));
        self.costs.push(cost);
        self.grown.add(grown);
    }

    fn conclude(mut self) -> Rounds {
        let share = |cost: &Cost| cost.server_cpu_share.unwrap_or(0.0);
        let seconds = |cost: &Cost| cost.server_cpu_seconds.unwrap_or(0.0);
        self.latency_us = Quantiles::from(&self.latencies);
        self.publish_to_write = Spans::of(&self.grown, PUBLISH_TO_WRITE);
        self.loop_turn = Spans::of(&self.grown, LOOP_TURN);
        self.server_cpu_share = Spread::of(self.costs.iter().map(share));
        self.server_cpu_seconds = self.costs.iter().map(seconds).sum();
        self.client_busy_share = Spread::of(self.costs.iter().map(|cost| cost.client_busy_share));
        self
    }
}
