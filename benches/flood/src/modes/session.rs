//! The crowd of one server and who listens to it, from the first connection to the last close; a mode goes through it
//! step by step.
//!
//! A session never outlasts its timeout by more than a turn and the close.

use std::time::Duration;

use crate::client::crowd::{Crowd, Pace};
use crate::client::schedule::Schedule;
use crate::client::sources::Sources;
use crate::command::server::{Common, Server};
use crate::error::Error;
use crate::measure::clock::{Clock, Micros, after, seconds};
use crate::measure::histogram::Quantiles;
use crate::measure::ledger::Ledger;
use crate::measure::meter::{Cost, Meter};
use crate::measure::sink::Sink;
use crate::modes::broadcast::Broadcast;
use crate::modes::phases::{Closed, Connected, Held};
use crate::modes::plan::Plan;
use crate::modes::progress;
use crate::modes::published::Published;
use crate::target::description::Scene;
use crate::target::seating::Seating;
use crate::target::server::Target;

/// Frames may be so much longer than our payloads: for the envelope, and for messages that others publish.
const FRAME_BYTES_SPARE: usize = 1 << 20;

/// How long the close handshakes may take all together.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// A session under way.
#[derive(Debug)]
pub struct Session<'a, S> {
    /// What every run takes.
    pub options: &'a Common,
    sources: Sources,
    /// The processes that are watched.
    pub meter: Meter,
    /// The clients.
    pub crowd: Crowd,
    /// Who is told what happens to them.
    pub sink: S,
    /// When the run is over.
    pub deadline: Micros,
}

impl<'a, S: Sink> Session<'a, S> {
    /// The clients of `target`, none of them connected; they take messages of `size` bytes and more.
    pub fn new(
        server: &'a Server,
        target: Target,
        size: usize,
        sink: S,
    ) -> Result<Session<'a, S>, Error> {
        let (clock, options) = (Clock::start(), &server.common);
        let clients = target.seating.clients();
        Ok(Session {
            options,
            sources: Sources::new(target.server, clients, options.sources),
            meter: Meter::new(&server.pid)?,
            crowd: Crowd::new(target, size + FRAME_BYTES_SPARE, clock)?,
            sink,
            deadline: after(clock.now(), options.timeout),
        })
    }

    /// Connects the clients that wait for it, at most `in_flight_max` at a time, and waits until they are greeted.
    pub fn connect(&mut self, rate: f64, in_flight_max: usize) -> Result<Connected, Error> {
        let start = self.meter.start(self.crowd.moment())?;
        let asked = self.crowd.target.seating.clients();
        let sources = self.sources.count();
        log::debug!("connecting {asked} clients; source addresses: {sources}");
        let bar = progress::bar("connecting", asked);
        let pace = Pace {
            schedule: Schedule::new(self.now(), rate),
            in_flight_max,
            handshake_timeout: self.options.handshake_timeout,
        };
        let advance = |opened| bar.set_position(u64::from(opened));
        self.crowd
            .connect(pace, self.sources, self.deadline, &mut self.sink, advance)?;
        let cost = self.meter.finish(self.crowd.moment(), start)?;
        let settled = after(self.now(), self.options.settle).min(self.deadline);
        while self.sink.ungreeted() > 0 && self.now() < settled {
            self.crowd.turn(settled, &mut self.sink)?;
        }
        bar.finish_and_clear();
        let outcome = &self.crowd.outcome;
        let (opened, failed) = (outcome.opened, outcome.failed.values().sum::<u32>());
        log::debug!("{opened} of {asked} clients are connected, {failed} failed");
        let greets = self.crowd.target.greets();
        Ok(Connected {
            asked,
            opened: outcome.opened,
            greeted: greets.then(|| outcome.opened - self.sink.ungreeted()),
            failed: outcome.failed.clone(),
            sources: self.sources.count(),
            per_second: f64::from(outcome.opened) / cost.seconds,
            handshake_us: Quantiles::from(&outcome.handshake_us),
            cost,
        })
    }

    /// The same as the command line says.
    pub fn connect_as_asked(&mut self, rate: f64) -> Result<Connected, Error> {
        self.connect(rate, self.options.in_flight as usize)
    }

    /// Spreads so many connections over the source addresses, one after the other: a port is not free again at once.
    pub fn expect_connections(&mut self, connections: u64) {
        let connections = connections.try_into().unwrap_or(u32::MAX);
        let server = self.crowd.target.server;
        self.sources = Sources::new(server, connections, self.options.sources);
    }

    /// Begins to connect one client again.
    pub fn start(&mut self, client: u32) {
        self.crowd.start(client, self.sources);
    }

    /// Holds the connections.
    pub fn hold(&mut self, hold: Duration) -> Result<Held, Error> {
        let open = self.crowd.open();
        log::debug!("holding {open} connections for {hold:?}");
        let bar = progress::bar("holding", open);
        let meter = self.meter.start(self.crowd.moment())?;
        let start = self.now();
        let end = after(start, hold).min(self.deadline);
        while self.now() < end {
            bar.tick();
            self.crowd.turn(end, &mut self.sink)?;
        }
        bar.finish_and_clear();
        Ok(Held {
            seconds: seconds(self.now().since(start)),
            open: self.crowd.open(),
            cost: self.meter.finish(self.crowd.moment(), meter)?,
        })
    }

    /// Closes all connections.
    pub fn close(&mut self) -> Result<Closed, Error> {
        let open = self.crowd.open();
        log::debug!("closing {open} connections");
        let bar = progress::bar("closing", open);
        let (start, timed_out) = (self.now(), self.is_over());
        let deadline = after(start, CLOSE_TIMEOUT).min(self.deadline);
        let in_flight_max = self.options.in_flight as usize;
        let advance = |closed| bar.set_position(u64::from(closed));
        self.crowd
            .close(in_flight_max, deadline, &mut self.sink, advance)?;
        bar.finish_and_clear();
        let outcome = &self.crowd.outcome;
        Ok(Closed {
            timed_out,
            excused: 0,
            clean: outcome.clean,
            unclean: outcome.unclean.clone(),
            lost: outcome.lost.clone(),
            seconds: seconds(self.now().since(start)),
        })
    }

    /// What time it is.
    pub fn now(&self) -> Micros {
        self.crowd.clock().now()
    }

    /// Whether the time is over.
    pub fn is_over(&self) -> bool {
        self.now() >= self.deadline
    }
}

impl Session<'_, Ledger> {
    /// Publishes if there is somebody to hear it.
    pub fn publish(&mut self, plan: Plan) -> Result<Option<(Published, Cost)>, Error> {
        if self.sink.open() == 0 || self.is_over() {
            return Ok(None);
        }
        let bar = progress::bar("publishing", plan.messages.unwrap_or(0));
        let deadline = self.deadline;
        let mut broadcast = Broadcast::new(&mut self.crowd, &mut self.sink, plan, deadline)?;
        let start = self.meter.start(broadcast.crowd.moment())?;
        broadcast.run(deadline, |done| bar.set_position(u64::from(done)))?;
        let cost = self.meter.finish(broadcast.crowd.moment(), start)?;
        broadcast.remind(deadline)?;
        bar.finish_and_clear();
        Ok(Some((broadcast.published, cost)))
    }
}

/// [`Target::prepare`] with a progress bar.
pub fn prepare(server: &Server, scene: Scene, seating: Seating) -> Result<Target, Error> {
    let (name, address) = (&scene.name, server.server);
    log::debug!("preparing what the clients of {name} at {address} need");
    let bar = progress::bar("preparing", seating.clients());
    let key = server.common.key.as_deref();
    let target = Target::prepare(server.server, key, scene, seating, |done| {
        bar.set_position(u64::from(done));
    });
    bar.finish_and_clear();
    target
}

/// Tells this run from others against the same server.
pub fn run_number() -> u16 {
    std::process::id() as u16
}
