//! Several servers, all of them connected all the time, loaded in turn in short slices.
//!
//! Each round gives every server one slice, and begins with another server, so that nobody is always first. A slice ends
//! when all that it published is delivered. The first round only warms up. While a server is not loaded its clients
//! answer its pings after each slice of another.

use crate::client::sources;
use crate::command::contender::Contender;
use crate::command::options::{Compare, Work};
use crate::error::Error;
use crate::measure::clock::{Clock, after, seconds};
use crate::measure::ledger::Ledger;
use crate::measure::meter::Meter;
use crate::measure::problems::{Judge, Problems};
use crate::modes::broadcast::Broadcast;
use crate::modes::broadcasted::Broadcasted;
use crate::modes::comparison::{Arrived, Comparison, Contended, Slice};
use crate::modes::echo;
use crate::modes::plan::Plan;
use crate::modes::progress;
use crate::modes::session::{Session, prepare, run_number, scene};
use crate::target::description::Description;
use crate::target::seating::Seating;

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
    deadline: crate::measure::clock::Micros,
}

struct Echo<'s, 'a> {
    session: &'s mut Session<'a, echo::Book>,
    plan: echo::Plan,
}

/// Runs `compare`.
pub fn run(options: &Compare) -> Result<Comparison, Error> {
    let servers = options.targets.len() as u64;
    sources::reserve_descriptors(servers * (u64::from(options.connections) + 1))?;
    if !options.connections.is_multiple_of(options.rooms) {
        let (connections, rooms) = (options.connections, options.rooms);
        let sentence = format!("{connections} connections cannot be seated in {rooms} rooms");
        return Err(Error::Usage(sentence));
    }
    match options.work {
        Work::Fanout => fanout(options),
        Work::Echo => echo(options),
    }
}

fn fanout(options: &Compare) -> Result<Comparison, Error> {
    let plan = Plan {
        messages: None,
        duration: Some(options.slice),
        size: options.size as usize,
        rate: options.rate,
        window: options.window,
        publishers: 1,
        pipeline: options.window.max(64) as usize,
        settle: options.common.settle,
    };
    let seating = Seating {
        rooms: options.rooms,
        members: options.connections / options.rooms,
    };
    let (mut names, mut sessions) = (Vec::new(), Vec::new());
    for contender in &options.targets {
        let description = Description::load(contender.file.as_deref())?;
        let name = contender.name.clone().unwrap_or(description.name.clone());
        let of = |error: Error| error.of(&name);
        let way = match seating.rooms {
            1 => scene(description.room, "room"),
            _ => scene(description.rooms, "rooms"),
        };
        let target = prepare(
            contender.server,
            &options.common,
            &description.name,
            way.map_err(of)?,
            seating,
        );
        let target = target.map_err(of)?;
        let ledger = Ledger::new(target.clone(), run_number());
        let mut session = session(options, contender, target, ledger).map_err(of)?;
        all_open(&name, session.connect_as_asked(0.0).map_err(of)?)?;
        names.push(name);
        sessions.push(session);
    }
    let mut late = Vec::new();
    let slices = {
        let mut loads = Vec::new();
        for (name, session) in names.iter().zip(&mut sessions) {
            let (meter, deadline) = (session.meter.clone(), session.deadline);
            let (crowd, ledger) = (&mut session.crowd, &mut session.sink);
            let broadcast = Broadcast::new(crowd, ledger, plan, deadline);
            let broadcast = broadcast.map_err(|error| error.of(name))?;
            loads.push(Fanout {
                broadcast,
                meter,
                deadline,
            });
        }
        let slices = take_turns(&mut loads, &names, options.rounds)?;
        late.extend(
            loads
                .iter()
                .map(|load| load.broadcast.published().late_us.clone()),
        );
        slices
    };
    let mut comparison = Comparison::new(options, "fanout");
    let all = names.into_iter().zip(&mut sessions).zip(&slices).zip(&late);
    for (((name, session), mine), late_us) in all {
        close(&name, session, &mut comparison.problems)?;
        let ledger = &session.sink;
        let mut problems = Problems::default();
        Broadcasted::judge_deliveries(&ledger.counts(), &ledger.missing(), &mut problems);
        comparison.problems.of(&name, problems);
        let curve = (name.clone(), ledger.latency_us().clone());
        comparison.curves.push(curve);
        let arrived = Arrived {
            latency_us: ledger.latency_us(),
            last_member_us: Some(ledger.flights().last_member_us()),
            late_us: Some(late_us),
            lost: ledger.missing().lost,
            told: ledger.counts().missed,
        };
        let (url, first) = (session.crowd.target().url(), &slices[0]);
        let contended = Contended::new(name, url, mine, first, arrived);
        comparison.targets.push(contended);
    }
    Ok(comparison.conclude())
}

fn echo(options: &Compare) -> Result<Comparison, Error> {
    let plan = echo::Plan {
        messages: None,
        duration: Some(options.slice),
        settle: options.common.settle,
    };
    let seating = Seating::one_room(options.connections);
    let (mut names, mut sessions) = (Vec::new(), Vec::new());
    for contender in &options.targets {
        let description = Description::load(contender.file.as_deref())?;
        let name = contender.name.clone().unwrap_or(description.name.clone());
        let of = |error: Error| error.of(&name);
        let way = scene(description.echo, "echo").map_err(of)?;
        let target = prepare(
            contender.server,
            &options.common,
            &description.name,
            way,
            seating,
        );
        let target = target.map_err(of)?;
        let book = echo::Book::new(options.connections, options.size as usize, run_number());
        let mut session = session(options, contender, target, book).map_err(of)?;
        all_open(&name, session.connect_as_asked(0.0).map_err(of)?)?;
        names.push(name);
        sessions.push(session);
    }
    let slices = {
        let loads = sessions.iter_mut().map(|session| Echo { session, plan });
        take_turns(&mut loads.collect::<Vec<_>>(), &names, options.rounds)?
    };
    let mut comparison = Comparison::new(options, "echo");
    for ((name, session), mine) in names.into_iter().zip(&mut sessions).zip(&slices) {
        close(&name, session, &mut comparison.problems)?;
        let (first, book) = (&slices[0], &session.sink);
        let report = book.report(0, mine[0].cost);
        comparison.problems.of(&name, report.problems());
        let curve = (name.clone(), book.round_trip_us().clone());
        comparison.curves.push(curve);
        let arrived = Arrived {
            latency_us: book.round_trip_us(),
            last_member_us: None,
            late_us: None,
            lost: u64::from(report.lost),
            told: 0,
        };
        let url = session.crowd.target().url();
        let contended = Contended::new(name, url, mine, first, arrived);
        comparison.targets.push(contended);
    }
    Ok(comparison.conclude())
}

impl Load for Fanout<'_> {
    fn slice(&mut self) -> Result<Slice, Error> {
        let before = self.broadcast.ledger().counts().deliveries;
        let before_us = self.broadcast.published().elapsed_us;
        self.broadcast.reconnect()?;
        let start = self.meter.start(self.broadcast.crowd().moment())?;
        self.broadcast.run(self.deadline, |_| ())?;
        let cost = self.meter.finish(self.broadcast.crowd().moment(), start)?;
        if let Some(reason) = self.broadcast.published().stopped_by() {
            return Err(Error::Server(format!("publishing stopped: {reason}")));
        }
        Ok(Slice {
            done: self.broadcast.ledger().counts().deliveries - before,
            seconds: seconds(self.broadcast.published().elapsed_us - before_us),
            cost,
        })
    }

    fn forget_latencies(&mut self) {
        self.broadcast.forget_latencies();
    }

    fn attend(&mut self) -> Result<(), Error> {
        self.broadcast.attend()
    }
}

impl Load for Echo<'_, '_> {
    fn slice(&mut self) -> Result<Slice, Error> {
        let session = &mut *self.session;
        let before = session.sink.returned();
        let start = session.meter.start(session.crowd.moment())?;
        let (crowd, book) = (&mut session.crowd, &mut session.sink);
        let elapsed_us = echo::run(crowd, book, self.plan, session.deadline)?;
        Ok(Slice {
            done: u64::from(session.sink.returned() - before),
            seconds: seconds(elapsed_us),
            cost: session.meter.finish(session.crowd.moment(), start)?,
        })
    }

    fn forget_latencies(&mut self) {
        self.session.sink.forget_latencies();
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

fn session<'a, S: crate::measure::sink::Sink>(
    options: &'a Compare,
    contender: &Contender,
    target: crate::target::server::Target,
    sink: S,
) -> Result<Session<'a, S>, Error> {
    let size = options.size as usize;
    let (common, pids) = (&options.common, &contender.pids);
    let mut session = Session::new(common, target, pids, size, sink, Clock::start())?;
    // The timeout is for what may take too long, and the slices take what they were given.
    let slices = (options.rounds + 1) * options.targets.len() as u32;
    session.deadline = after(session.deadline, options.slice.saturating_mul(slices));
    Ok(session)
}

/// A server that does not take all connections cannot be compared.
fn all_open(name: &str, connected: crate::modes::phases::Connected) -> Result<(), Error> {
    let problems = connected.problems();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Error::Server(format!("{name}: {}", problems.join("; ")))),
    }
}

fn close<S: crate::measure::sink::Sink>(
    name: &str,
    session: &mut Session<'_, S>,
    problems: &mut Problems,
) -> Result<(), Error> {
    let mut mine = Problems::default();
    mine.check(session.is_over(), || "the run timed out".to_owned());
    let closed = session.close()?;
    mine.no_kinds("open connections went away", &closed.lost);
    mine.no_kinds("connections did not close cleanly", &closed.unclean);
    problems.of(name, mine);
    Ok(())
}

impl Comparison {
    fn new(options: &Compare, work: &'static str) -> Comparison {
        Comparison {
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
        }
    }

    fn conclude(mut self) -> Comparison {
        self.passed = self.problems.is_empty();
        self
    }
}
