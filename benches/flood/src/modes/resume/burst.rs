//! All clients are cut at once and come back at once, each to resume the same messages, while others stay.
//!
//! A round has five parts. *Live*: so many messages are published at once, to everybody. *Back*: all are cut and come
//! back, and have missed nothing, which is what coming back costs by itself. *Resumed*: all are cut, so many messages are
//! published at once, and all come back; what this costs more than the second part is what the messages cost that were
//! resumed. *Quiet*: messages are published at a rate to everybody, and those that stay are timed. *Disturbed*: the same,
//! while all come back as in the third part. The parts in which CPU time is compared are not timed, and the other way round.

use serde::Serialize;

use crate::command::resume::Resume;
use crate::error::Error;
use crate::measure::clock::after;
use crate::measure::histogram::{Latencies, Quantiles};
use crate::measure::meter::Cost;
use crate::measure::problems::{Judge, Problems};
use crate::measure::sampler::Peak;
use crate::measure::spans::Spans;
use crate::measure::spread::Spread;
use crate::modes::fairness::{LOOP_TURN, PUBLISH_TO_WRITE};
use crate::modes::resume::book::Phase;
use crate::modes::resume::stage::Stage;
use crate::target::metrics::Metrics;

/// A disturbed part is over after so many times the length of a quiet one, whoever is not back then.
const DISTURBED_MAX: u32 = 10;

/// What the bursts did.
#[derive(Debug, Default, Serialize)]
pub struct Burst {
    /// Clients that stayed.
    pub stayed: u32,
    /// Messages that each of the others resumed, each time.
    pub missed: u32,
    /// Rounds.
    pub rounds: Vec<Round>,
    /// Server CPU time for a live delivery, in microseconds, of each round.
    pub live_us: Spread,
    /// The same for a message that was resumed, without what coming back costs.
    pub resumed_us: Spread,
    /// The one by the other.
    pub ratio_cpu: Spread,
    /// From the time a message was meant to be sent to each of its deliveries to those who stayed, in quiet rounds.
    pub quiet_us: Quantiles,
    /// The same while the others came back.
    pub disturbed_us: Quantiles,
    /// Disturbed by quiet, of each round.
    pub ratio_p50: Spread,
    /// The same for the p99.
    pub ratio_p99: Spread,
    /// The server's memory at its largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak: Option<Peak>,
    #[serde(skip)]
    ratio_max: Option<f64>,
}

/// One round.
#[derive(Debug, Serialize)]
pub struct Round {
    /// Messages published at once to everybody, until everybody had them.
    pub live: Cost,
    /// Everybody came back and had missed nothing, until the last was told so.
    pub back: Cost,
    /// Everybody came back, until everybody had what was missed.
    pub resumed: Cost,
    /// Messages at the rate.
    pub quiet: Cost,
    /// The same, until everybody had come back and had what was missed.
    pub disturbed: Cost,
    /// Those who stayed, in the quiet.
    pub quiet_us: Quantiles,
    /// The same while the others came back.
    pub disturbed_us: Quantiles,
    /// What the server measured itself in the quiet.
    pub quiet_server: OwnTimes,
    /// The same while the others came back.
    pub disturbed_server: OwnTimes,
}

/// What the server measures itself: what the core of this client adds to a latency is not in it.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct OwnTimes {
    /// From a publish to its write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_to_write: Option<Spans>,
    /// The turns of its loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loop_turn: Option<Spans>,
}

/// Plays the rounds. `ask` asks the server for its metrics, if it has any.
pub fn run(
    stage: &mut Stage<'_, '_>,
    options: &Resume,
    ask: &impl Fn() -> Result<Option<Metrics>, Error>,
) -> Result<Burst, Error> {
    let (clients, stay) = (options.connections, options.stay);
    let mut burst = Burst {
        stayed: stay,
        missed: options.missed,
        ratio_max: options.ratio_max,
        ..Burst::default()
    };
    let (mut quiet, mut disturbed) = (Latencies::default(), Latencies::default());
    for _ in 0..options.rounds {
        if stage.is_over() {
            break;
        }
        let ((), live) = stage.measured(|stage| stage.publish_at_once(options.missed))?;
        cut(stage, options, ask)?;
        let ((), back) = stage.measured(|stage| come_back(stage, clients))?;
        cut(stage, options, ask)?;
        stage.publish_at_once(options.missed)?;
        ask()?.iter().for_each(|metrics| stage.note(metrics));
        let ((), resumed) = stage.measured(|stage| come_back(stage, clients))?;
        stage.session.sink.latency_us = Default::default();
        let before = ask()?;
        let ((), quiet_cost) = stage.measured(|stage| publish_for(stage, options))?;
        let quiet_server = own_times(before, ask()?);
        cut(stage, options, ask)?;
        stage.publish_at_once(options.missed)?;
        let before = ask()?;
        let ((), disturbed_cost) = stage.measured(|stage| {
            stage.publish(Some((options.rate(), Phase::Burst)));
            let_all_back(stage, clients);
            stage.wait_until_all_have_resumed(options.duration() * DISTURBED_MAX)?;
            stage.publish(None);
            Ok(())
        })?;
        let disturbed_server = own_times(before, ask()?);
        stage.wait_until_all_have_all()?;
        let [quiet_us, disturbed_us] = &stage.session.sink.latency_us;
        quiet.add(quiet_us);
        disturbed.add(disturbed_us);
        burst.rounds.push(Round {
            live,
            back,
            resumed,
            quiet: quiet_cost,
            disturbed: disturbed_cost,
            quiet_us: Quantiles::from(quiet_us),
            disturbed_us: Quantiles::from(disturbed_us),
            quiet_server,
            disturbed_server,
        });
    }
    (burst.quiet_us, burst.disturbed_us) = (Quantiles::from(&quiet), Quantiles::from(&disturbed));
    stage.session.sink.latency_us = [quiet, disturbed];
    Ok(burst.conclude(clients))
}

/// Cuts all clients but those that stay, and waits until the server knows.
fn cut(
    stage: &mut Stage<'_, '_>,
    options: &Resume,
    ask: &impl Fn() -> Result<Option<Metrics>, Error>,
) -> Result<(), Error> {
    (0..options.connections).for_each(|client| stage.cut(client));
    let app = stage.session.crowd.target.scene.app.clone();
    let app = app.unwrap_or_default();
    let stay = u64::from(options.stay);
    let left = |metrics: Metrics| metrics.of_app("roomcast_connections", &app);
    stage.wait_for(|| Ok(ask()?.map(left).is_none_or(|left| left <= stay)))
}

/// What the server measured itself between two looks.
fn own_times(before: Option<Metrics>, after: Option<Metrics>) -> OwnTimes {
    let grown = before
        .zip(after)
        .map(|(before, after)| after.since(&before));
    let spans = |name| Spans::of(grown.as_ref()?, name);
    OwnTimes {
        publish_to_write: spans(PUBLISH_TO_WRITE),
        loop_turn: spans(LOOP_TURN),
    }
}

/// Publishes at the rate for as long as a quiet round is.
fn publish_for(stage: &mut Stage<'_, '_>, options: &Resume) -> Result<(), Error> {
    let start = stage.session.now();
    let end = after(start, options.duration()).min(stage.session.deadline);
    stage.publish(Some((options.rate(), Phase::Quiet)));
    while stage.session.now() < end {
        stage.turn(end)?;
    }
    stage.publish(None);
    stage.wait_until_all_have_all()
}

/// All clients that were cut come back at once, until everybody has everything.
fn come_back(stage: &mut Stage<'_, '_>, clients: u32) -> Result<(), Error> {
    let_all_back(stage, clients);
    stage.wait_until_all_have_all()
}

fn let_all_back(stage: &mut Stage<'_, '_>, clients: u32) {
    let now = stage.session.now();
    (0..clients).for_each(|client| stage.let_back(client, now));
}

impl Burst {
    fn conclude(mut self, clients: u32) -> Burst {
        let messages = f64::from(self.missed);
        let (all, cut) = (f64::from(clients + self.stayed), f64::from(clients));
        let us = |cost: &Cost| cost.server_cpu_seconds.map(|seconds| seconds * 1e6);
        let live = |round: &Round| Some(us(&round.live)? / (messages * all));
        let resumed =
            |round: &Round| Some((us(&round.resumed)? - us(&round.back)?) / (messages * cut));
        let ratio = |round: &Round| Some(resumed(round)? / live(round)?.max(1e-9));
        let rounds = &self.rounds;
        self.live_us = Spread::of(rounds.iter().filter_map(live));
        self.resumed_us = Spread::of(rounds.iter().filter_map(resumed));
        self.ratio_cpu = Spread::of(rounds.iter().filter_map(ratio));
        let of = |value: fn(&Quantiles) -> u64| {
            Spread::of(rounds.iter().map(|round| {
                value(&round.disturbed_us) as f64 / value(&round.quiet_us).max(1) as f64
            }))
        };
        (self.ratio_p50, self.ratio_p99) = (of(|times| times.p50), of(|times| times.p99));
        self
    }
}

impl Judge for Burst {
    fn judge(&self, problems: &mut Problems) {
        self.peak.judge(problems);
        problems.check(self.rounds.is_empty(), || "no round was played".to_owned());
        let max = self.ratio_max.unwrap_or(f64::INFINITY);
        let ratios = [
            (
                "a resumed message costs",
                "a live one",
                self.ratio_cpu.median,
            ),
            (
                "the p99 during the burst is",
                "the quiet one",
                self.ratio_p99.median,
            ),
        ];
        for (what, of, ratio) in ratios {
            problems.check(ratio > max, || {
                format!("{what} {ratio:.2} times {of}, and {max} was asked for at most")
            });
        }
    }
}
