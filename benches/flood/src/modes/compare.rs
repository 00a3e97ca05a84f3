//! Several servers, all of them connected all the time, loaded in turn in short slices.
//!
//! Each round gives every server one slice, and begins with another server, so that nobody is always first. A slice ends
//! when all that it published is delivered. The first round only warms up. While a server is not loaded its clients
//! answer its pings after each slice of another.

use crate::client::sources;
use crate::command::options::{Compare, Work};
use crate::command::server::Server;
use crate::error::Error;
use crate::measure::clock::{Micros, after, seconds};
use crate::measure::histogram::{Latencies, Quantiles};
use crate::measure::ledger::Ledger;
use crate::measure::meter::Meter;
use crate::measure::problems::{Judge, Problems};
use crate::measure::sink::Sink;
use crate::modes::broadcast::Broadcast;
use crate::modes::broadcasted::Broadcasted;
use crate::modes::comparison::{Arrived, Comparison, Contended, Slice};
use crate::modes::echo;
use crate::modes::plan::Plan;
use crate::modes::progress;
use crate::modes::session::{Session, prepare, run_number};
use crate::target::description::Description;
use crate::target::seating::Seating;
use crate::target::server::Target;

/// A server that can be loaded for a while.
trait Load {
    fn slice(&mut self) -> Result<Slice, Error>;
    /// Forgets how long everything took so far.
    fn forget_latencies(&mut self);
    /// Has the clients answer what they were asked meanwhile.
    fn attend(&mut self) -> Result<(), Error>;
}

struct Fanout<'a> {
    broadcast: Broadcast<'a>,
    meter: Meter,
    deadline: Micros,
}

struct Echo<'s, 'a> {
    session: &'s mut Session<'a, echo::Book>,
    plan: Plan,
}

/// All servers, connected, by the names that they have in the report.
struct Field<'a, S> {
    names: Vec<String>,
    sessions: Vec<Session<'a, S>>,
}

/// Runs `compare`.
pub fn run(options: &Compare) -> Result<Comparison, Error> {
    let (connections, rooms) = (options.connections, options.rooms);
    let servers = options.targets.len() as u64;
    sources::reserve_descriptors(servers * (u64::from(connections) + 1))?;
    if !connections.is_multiple_of(rooms) {
        let sentence = format!("{connections} connections cannot be seated in {rooms} rooms");
        return Err(Error::Usage(sentence));
    }
    let servers = options.targets.iter().map(|contender| Server {
        server: contender.server,
        target: contender.file.clone(),
        pid: contender.pids.clone(),
        common: options.common.clone(),
    });
    let servers: Vec<Server> = servers.collect();
    match options.work {
        Work::Fanout => fanout(options, &servers),
        Work::Echo => echo(options, &servers),
    }
}

fn fanout(options: &Compare, servers: &[Server]) -> Result<Comparison, Error> {
    let plan = Plan {
        messages: None,
        duration: Some(options.slice),
        rate: options.rate,
        window: options.window,
        pipeline: options.window.max(64) as usize,
        ..Plan::one_by_one(0, options.size as usize, options.common.settle)
    };
    let seating = Seating {
        rooms: options.rooms,
        members: options.connections / options.rooms,
    };
    let book = |target: &Target| Ledger::new(target.clone(), run_number());
    let mut field = Field::connect(options, servers, seating.part(), seating, book)?;
    let mut loads = Vec::new();
    for (name, session) in field.names.iter().zip(&mut field.sessions) {
        let (meter, deadline) = (session.meter.clone(), session.deadline);
        let (crowd, ledger) = (&mut session.crowd, &mut session.sink);
        let broadcast = Broadcast::new(crowd, ledger, plan, deadline);
        loads.push(Fanout {
            broadcast: broadcast.map_err(|error| error.of(name))?,
            meter,
            deadline,
        });
    }
    let slices = take_turns(&mut loads, &field.names, options.rounds)?;
    let late = |load: Fanout<'_>| Quantiles::from(&load.broadcast.published.late_us);
    let late: Vec<Quantiles> = loads.into_iter().map(late).collect();
    field.conclude(options, "fanout", &slices, move |ledger, server| {
        let (counts, missing) = (ledger.counts(), ledger.missing());
        let mut problems = Problems::default();
        Broadcasted::judge_deliveries(&counts, &missing, &mut problems);
        let arrived = Arrived {
            latency_us: ledger.latency_us(),
            last_member_us: Some(ledger.flights.last_member_us()),
            late_us: Some(late[server]),
            lost: missing.lost,
            told: counts.missed,
        };
        (problems, arrived)
    })
}

fn echo(options: &Compare, servers: &[Server]) -> Result<Comparison, Error> {
    let size = options.size as usize;
    let plan = Plan {
        messages: None,
        duration: Some(options.slice),
        ..Plan::one_by_one(0, size, options.common.settle)
    };
    let seating = Seating::one_room(options.connections);
    let book = |_: &Target| echo::Book::new(options.connections, size, run_number());
    let mut field = Field::connect(options, servers, "echo", seating, book)?;
    let loads = field
        .sessions
        .iter_mut()
        .map(|session| Echo { session, plan });
    let slices = take_turns(&mut loads.collect::<Vec<_>>(), &field.names, options.rounds)?;
    field.conclude(options, "echo", &slices, |book, server| {
        let report = book.report(0, slices[server][0].cost);
        let arrived = Arrived {
            latency_us: &book.round_trip_us,
            last_member_us: None,
            late_us: None,
            lost: u64::from(report.lost),
            told: 0,
        };
        (report.problems(), arrived)
    })
}

impl Load for Fanout<'_> {
    fn slice(&mut self) -> Result<Slice, Error> {
        let broadcast = &mut self.broadcast;
        let before = broadcast.ledger.counts().deliveries;
        let before_us = broadcast.published.elapsed_us;
        broadcast.reconnect()?;
        let cost = broadcast.measured(&self.meter, self.deadline)?;
        if let Some(reason) = broadcast.published.stopped_by() {
            return Err(Error::Server(format!("publishing stopped: {reason}")));
        }
        Ok(Slice {
            done: broadcast.ledger.counts().deliveries - before,
            seconds: seconds(broadcast.published.elapsed_us - before_us),
            cost,
        })
    }

    fn forget_latencies(&mut self) {
        self.broadcast.forget_latencies();
    }

    fn attend(&mut self) -> Result<(), Error> {
        self.broadcast.crowd.attend(self.broadcast.ledger)
    }
}

impl Load for Echo<'_, '_> {
    fn slice(&mut self) -> Result<Slice, Error> {
        let session = &mut *self.session;
        let before = session.sink.returned;
        let start = session.meter.start(session.crowd.moment())?;
        let (crowd, book) = (&mut session.crowd, &mut session.sink);
        let elapsed_us = echo::run(crowd, book, self.plan, session.deadline)?;
        Ok(Slice {
            done: u64::from(session.sink.returned - before),
            seconds: seconds(elapsed_us),
            cost: session.meter.finish(session.crowd.moment(), start)?,
        })
    }

    fn forget_latencies(&mut self) {
        self.session.sink.round_trip_us = Latencies::default();
    }

    fn attend(&mut self) -> Result<(), Error> {
        self.session.crowd.attend(&mut self.session.sink)
    }
}

/// So many slices of each server, and one more before, which is not counted.
fn take_turns(
    loads: &mut [impl Load],
    names: &[String],
    rounds: u32,
) -> Result<Vec<Vec<Slice>>, Error> {
    let mut slices = vec![Vec::new(); loads.len()];
    let bar = progress::bar("comparing", rounds);
    for round in 0..=rounds as usize {
        for turn in 0..loads.len() {
            let server = (round + turn) % loads.len();
            let slice = loads[server].slice();
            let slice = slice.map_err(|error| error.of(&names[server]))?;
            match round {
                0 => loads[server].forget_latencies(),
                _ => slices[server].push(slice),
            }
            for load in loads.iter_mut() {
                load.attend()?;
            }
        }
        bar.set_position(round as u64);
    }
    bar.finish_and_clear();
    Ok(slices)
}

impl<'a, S: Sink> Field<'a, S> {
    /// Connects the clients of all servers, one server after the other. One that does not take them all cannot be
    /// compared.
    fn connect(
        options: &Compare,
        servers: &'a [Server],
        part: &str,
        seating: Seating,
        sink: impl Fn(&Target) -> S,
    ) -> Result<Field<'a, S>, Error> {
        let (mut names, mut sessions) = (Vec::new(), Vec::new());
        for (contender, server) in options.targets.iter().zip(servers) {
            let description = Description::load(server.target.as_deref())?;
            let name = contender.name.as_ref().unwrap_or(&description.name).clone();
            let open = || {
                let target = prepare(server, description.scene(part)?, seating)?;
                let sink = sink(&target);
                let mut session = Session::new(server, target, options.size as usize, sink)?;
                // The timeout is for what may take too long, and the slices take what they were given.
                let slices = (options.rounds + 1) * options.targets.len() as u32;
                let all = options.slice.saturating_mul(slices);
                session.deadline = after(session.deadline, all);
                let problems = session.connect_as_asked(0.0)?.problems();
                match problems.is_empty() {
                    true => Ok(session),
                    false => Err(Error::Server(problems.join("; "))),
                }
            };
            sessions.push(open().map_err(|error: Error| error.of(&name))?);
            names.push(name);
        }
        Ok(Field { names, sessions })
    }

    /// Closes all connections, and says what was `found` of each server.
    fn conclude(
        self,
        options: &Compare,
        work: &'static str,
        slices: &[Vec<Slice>],
        found: impl for<'s> Fn(&'s S, usize) -> (Problems, Arrived<'s>),
    ) -> Result<Comparison, Error> {
        let mut comparison = Comparison {
            mode: "compare",
            work,
            connections: options.connections,
            rooms: options.rooms,
            size: options.size,
            window: (options.rate == 0.0 && work == "fanout").then_some(options.window),
            rate: options.rate,
            slice_seconds: options.slice.as_secs_f64(),
            rounds: options.rounds,
            passed: false,
            problems: Problems::default(),
            targets: Vec::new(),
            curves: Vec::new(),
        };
        for (server, (name, mut session)) in self.names.into_iter().zip(self.sessions).enumerate() {
            let closed = session.close()?;
            let (problems, arrived) = found(&session.sink, server);
            comparison.problems.of(&name, closed.problems());
            comparison.problems.of(&name, problems);
            let curve = (name.clone(), arrived.latency_us.clone());
            comparison.curves.push(curve);
            let url = session.crowd.target.url();
            let (mine, first) = (&slices[server], &slices[0]);
            let contended = Contended::new(name, url, mine, first, arrived);
            comparison.targets.push(contended);
        }
        comparison.passed = comparison.problems.is_empty();
        Ok(comparison)
    }
}
