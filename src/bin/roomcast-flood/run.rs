//! One run from beginning to end, the same for every mode: connect, hold, publish, close, report.
//!
//! A mode is only a choice of parts. The run never outlasts its timeout by more than a turn.

use std::time::Duration;

use roomcast::time::Micros;

use crate::broadcast::{Broadcast, Plan, Published};
use crate::clock::{Clock, after, seconds};
use crate::crowd::{Crowd, Pace};
use crate::error::Error;
use crate::histogram::Quantiles;
use crate::ledger::Ledger;
use crate::meter::{Cost, Meter};
use crate::options::Common;
use crate::progress;
use crate::report::{Broadcasted, Closed, Connected, Held, Report, ServerMemory};
use crate::schedule::Schedule;
use crate::sources::{self, Sources};
use crate::target::Target;

/// Frames may be so much longer than our payloads: for the envelope, and for messages that others publish.
const FRAME_BYTES_SPARE: usize = 1 << 20;

/// How long the close handshakes may take all together.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// The mode's name.
    pub mode: &'static str,
    /// Connections a second; 0 is as fast as they go.
    pub connect_rate: f64,
    /// How long to hold the connections.
    pub hold: Option<Duration>,
    /// What to publish.
    pub plan: Option<Plan>,
}

/// A run under way.
struct Run<'a> {
    options: &'a Common,
    script: Script,
    meter: Meter,
    crowd: Crowd,
    ledger: Ledger,
    sources: Sources,
    deadline: Micros,
}

/// Runs `script` against the server of `options`.
pub fn run(options: &Common, script: Script) -> Result<Report, Error> {
    let publishers = script.plan.map_or(0, |plan| plan.publishers);
    sources::reserve_descriptors(u64::from(options.connections) + u64::from(publishers))?;
    let clock = Clock::start();
    let target = Target::events(options.server, &options.path, options.key.as_deref());
    let payload_max = script.plan.map_or(0, |plan| plan.size) + FRAME_BYTES_SPARE;
    let run = Run {
        options,
        script,
        meter: Meter::new(options.pid)?,
        ledger: Ledger::new(options.connections, target.greets(), std::process::id()),
        crowd: Crowd::new(target, options.connections, payload_max, clock)?,
        sources: Sources::new(options.server, options.connections, options.sources),
        deadline: after(clock.now(), options.timeout),
    };
    run.go()
}

impl Run<'_> {
    fn go(mut self) -> Result<Report, Error> {
        let before = self.meter.server_memory();
        let connect_cost = self.connect()?;
        let hold = self.hold()?;
        let connected = self.meter.server_memory();
        let published = self.publish()?;
        let after_publishing = published.as_ref().and_then(|_| self.meter.server_memory());
        let timed_out = self.is_over();
        let close_seconds = self.close()?;
        let opened = self.crowd.outcome().opened;
        let report = Report {
            mode: self.script.mode,
            url: self.crowd.target().url(),
            passed: false,
            problems: Vec::new(),
            connect: self.connected(connect_cost),
            hold,
            // Counted only now: a duplicate may come as late as just before the close.
            broadcast: published
                .map(|(plan, published, cost)| self.broadcasted(plan, &published, cost)),
            close: self.closed(close_seconds),
            memory: before.zip(connected).map(|(before, connected)| {
                ServerMemory::new(before, connected, after_publishing, opened)
            }),
        };
        Ok(report.conclude(timed_out))
    }

    fn connect(&mut self) -> Result<Cost, Error> {
        let start = self.meter.start(&self.crowd)?;
        let bar = progress::bar("connecting", self.options.connections);
        let pace = Pace {
            schedule: Schedule::new(self.now(), self.script.connect_rate),
            in_flight_max: self.options.in_flight as usize,
            handshake_timeout: self.options.handshake_timeout,
        };
        let advance = |opened| bar.set_position(u64::from(opened));
        self.crowd
            .connect(pace, self.sources, self.deadline, &mut self.ledger, advance)?;
        let cost = self.meter.finish(&self.crowd, start)?;
        let settled = after(self.now(), self.options.settle).min(self.deadline);
        while self.ledger.ungreeted() > 0 && self.now() < settled {
            self.crowd.turn(settled, &mut self.ledger)?;
        }
        bar.finish_and_clear();
        Ok(cost)
    }

    fn hold(&mut self) -> Result<Option<Held>, Error> {
        let Some(hold) = self.script.hold else {
            return Ok(None);
        };
        let bar = progress::bar("holding", self.ledger.open());
        let start = self.now();
        let end = after(start, hold).min(self.deadline);
        while self.now() < end && self.ledger.open() > 0 {
            bar.set_position(u64::from(self.ledger.open()));
            self.crowd.turn(end, &mut self.ledger)?;
        }
        bar.finish_and_clear();
        Ok(Some(Held {
            seconds: seconds(self.now().since(start)),
            open: self.crowd.open(),
        }))
    }

    /// Publishes if there is a plan and somebody to hear it.
    fn publish(&mut self) -> Result<Option<(Plan, Published, Cost)>, Error> {
        let plan = self.script.plan.filter(|_| self.ledger.open() > 0);
        let Some(plan) = plan.filter(|_| !self.is_over()) else {
            return Ok(None);
        };
        let bar = progress::bar("publishing", plan.messages);
        let mut broadcast = Broadcast::new(&mut self.crowd, &mut self.ledger, plan)?;
        let start = self.meter.start(broadcast.crowd())?;
        broadcast.run(self.deadline, |done| bar.set_position(u64::from(done)))?;
        let cost = self.meter.finish(broadcast.crowd(), start)?;
        broadcast.remind(self.deadline)?;
        let published = broadcast.finish();
        bar.finish_and_clear();
        Ok(Some((plan, published, cost)))
    }

    /// Closes all connections; says how many seconds that took.
    fn close(&mut self) -> Result<f64, Error> {
        let bar = progress::bar("closing", self.ledger.open());
        let start = self.now();
        let deadline = after(start, CLOSE_TIMEOUT).min(self.deadline);
        let in_flight_max = self.options.in_flight as usize;
        let advance = |closed| bar.set_position(u64::from(closed));
        self.crowd
            .close(in_flight_max, deadline, &mut self.ledger, advance)?;
        bar.finish_and_clear();
        Ok(seconds(self.now().since(start)))
    }

    fn connected(&self, cost: Cost) -> Connected {
        let outcome = self.crowd.outcome();
        Connected {
            asked: self.options.connections,
            opened: outcome.opened,
            greeted: self.crowd.target().greets().then(|| self.ledger.greeted()),
            failed: outcome.failed.clone(),
            sources: self.sources.count(),
            per_second: f64::from(outcome.opened) / cost.seconds,
            handshake_us: Quantiles::from(&outcome.handshake_us),
            cost,
        }
    }

    fn broadcasted(&self, plan: Plan, published: &Published, cost: Cost) -> Broadcasted {
        let timed = self.ledger.latency_us().len() as f64;
        let span = seconds(published.elapsed_us).max(1e-6);
        let refused = published.refused.map(|status| format!("status {status}"));
        let broken = published.broken.map(|failure| failure.to_string());
        let server_cpu = cost.server_cpu_seconds.filter(|&seconds| seconds > 0.0);
        Broadcasted {
            messages: plan.messages,
            size: plan.size,
            rate: plan.rate,
            window: (plan.rate == 0.0).then_some(plan.window),
            publishers: plan.publishers,
            sent: published.sent,
            accepted: published.accepted,
            receivers_wrong: published.receivers_wrong,
            stopped_by: refused.or(broken),
            stalls: published.stalls,
            seconds: seconds(published.elapsed_us),
            messages_per_second: f64::from(published.sent) / span,
            deliveries_per_second: timed / span,
            deliveries_per_server_cpu_second: server_cpu.map(|seconds| timed / seconds),
            counts: self.ledger.counts(),
            missing: self.ledger.missing(),
            latency_us: Quantiles::from(self.ledger.latency_us()),
            last_member_us: Quantiles::from(self.ledger.flights().last_member_us()),
            answer_us: Quantiles::from(&published.answer_us),
            late_us: Quantiles::from(&published.late_us),
            cost,
        }
    }

    fn closed(&self, seconds: f64) -> Closed {
        let outcome = self.crowd.outcome();
        Closed {
            clean: outcome.clean,
            unclean: outcome.unclean.clone(),
            lost: outcome.lost.clone(),
            seconds,
        }
    }

    fn now(&self) -> Micros {
        self.crowd.clock().now()
    }

    fn is_over(&self) -> bool {
        self.now() >= self.deadline
    }
}
