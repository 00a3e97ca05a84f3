//! The modes: which steps a run takes, and what of it is reported.

use std::time::Duration;

use crate::client::sources;
use crate::command::options::{Churn, Connect, Echo, Fairness, Fanout, Idle, Joins, Slow, Storm};
use crate::command::resume::Resume;
use crate::command::server::Server;
use crate::error::Error;
use crate::measure::clock::after;
use crate::measure::ledger::Ledger;
use crate::modes::broadcasted::Broadcasted;
use crate::modes::phases::ServerMemory;
use crate::modes::plan::Plan;
use crate::modes::remains::Inventory;
use crate::modes::session::{Session, prepare, run_number};
use crate::modes::{churn, echo, fairness, joins, resume, slow, storm};
use crate::report::findings::Report;
use crate::target::description::Scene;
use crate::target::group::Group;
use crate::target::seating::Seating;
use crate::target::way::Way;

/// Bytes of the payloads that `connect --broadcast` and `storm` publish.
const BROADCAST_BYTES: usize = 128;

/// Requests without an answer while the rounds of `fairness` publish.
const PIPELINE: usize = 64;

/// Runs `connect`.
pub fn connect(options: &Connect) -> Result<Report, Error> {
    let clients = &options.clients;
    let plan = Plan::one_by_one(1, BROADCAST_BYTES, clients.server.common.settle);
    let steps = Steps {
        mode: "connect",
        rate: options.rate,
        hold: Some(options.hold),
        plan: options.broadcast.then_some(plan),
        way: Way::WebSocket,
    };
    steps.run(&clients.server, Seating::one_room(clients.connections))
}

/// Runs `idle`.
pub fn idle(options: &Idle) -> Result<Report, Error> {
    let clients = &options.clients;
    let steps = Steps {
        mode: "idle",
        rate: 0.0,
        hold: Some(options.hold),
        plan: None,
        way: Way::WebSocket,
    };
    steps.run(&clients.server, Seating::one_room(clients.connections))
}

/// Runs `fanout`.
pub fn fanout(options: &Fanout) -> Result<Report, Error> {
    let steps = Steps {
        mode: "fanout",
        rate: options.connect_rate,
        hold: None,
        plan: Some(Plan::of(&options.load, options.server.common.settle)),
        way: Way::by_events(options.sse),
    };
    steps.run(&options.server, options.seating()?)
}

/// Runs `slow`.
pub fn slow(options: &Slow) -> Result<Report, Error> {
    let plan = Plan::of(&options.load, options.server.common.settle);
    let seating = options.seating()?;
    let mut session = listeners(&options.server, seating, &plan)?;
    let mut report = Report::new("slow", &session.crowd.target);
    let memory = session.meter.server_memory();
    let slow = Group::new(seating, options.share, options.forsaken.unwrap_or(0.0));
    session
        .crowd
        .shrink_buffers(slow, options.receive_buffer as usize);
    report.connect = Some(session.connect_as_asked(0.0)?);
    let connected = session.meter.server_memory();
    let (published, slowed, cost) =
        slow::run(&mut session, slow, (plan, options.rounds), &options.server)?;
    report.memory = ServerMemory::new(memory, connected, slowed.memory, options.connections);
    report.close = Some(session.close()?);
    let mut broadcast = Broadcasted::new(&plan, &session.sink, &published, cost);
    // What a client that does not read should have got is dropped by design, and reconciled instead.
    broadcast.forgive_drops(slowed.dropped_by_count);
    report.broadcast = Some(broadcast);
    report.slow = Some(slowed);
    report.curve("delivery to readers", session.sink.latency_us());
    report.curve("last reader", session.sink.flights.last_member_us());
    Ok(report.conclude())
}

/// Runs `fairness`.
pub fn fairness(options: &Fairness) -> Result<Report, Error> {
    let plan = Plan {
        duration: Some(options.slice),
        messages: None,
        rate: options.rate,
        pipeline: PIPELINE,
        ..Plan::one_by_one(0, options.size as usize, options.server.common.settle)
    };
    let members = options.connections;
    let seating = Seating::one_room(members + fairness::DISTURBERS);
    let mut session = listeners(&options.server, seating, &plan)?;
    // The timeout is for what may take too long, and the rounds take what they were given.
    let rounds = 2 * (options.rounds + 1);
    session.deadline = after(session.deadline, options.slice.saturating_mul(rounds));
    let mut report = Report::new("fairness", &session.crowd.target);
    // However small the share is, one of them is in it: the last.
    let sleeper = Group::new(seating, 0.0, 0.0);
    session
        .crowd
        .shrink_buffers(sleeper, options.receive_buffer as usize);
    report.connect = Some(session.connect_as_asked(0.0)?);
    let found = fairness::run(&mut session, options, plan)?;
    report.close = Some(session.close()?);
    report.curve("quiet", &found.quiet.latencies);
    report.curve("disturbed", &found.disturbed.latencies);
    report.fairness = Some(found);
    Ok(report.conclude())
}

/// Runs `storm`.
pub fn storm(options: &Storm) -> Result<Report, Error> {
    let (server, connections) = (&options.clients.server, options.clients.connections);
    let plan = Plan::one_by_one(1, BROADCAST_BYTES, server.common.settle);
    let mut session = listeners(server, Seating::one_room(connections), &plan)?;
    let mut report = Report::new("storm", &session.crowd.target);
    let inventory = Inventory::take(server, &session.crowd.target.scene)?;
    report.connect = Some(session.connect_as_asked(0.0)?);
    report.curve("handshake", &session.crowd.outcome.handshake_us);
    report.storm = Some(storm::run(&mut session, options.rounds, plan)?);
    report.curve("last storm", &session.crowd.outcome.handshake_us);
    report.close = Some(session.close()?);
    report.remains = Inventory::compare(inventory, server, connections)?;
    Ok(report.conclude())
}

/// Runs `churn`.
pub fn churn(options: &Churn) -> Result<Report, Error> {
    let server = &options.server;
    sources::reserve_descriptors(churn::AT_ONCE_MAX as u64 + 4)?;
    let scene = Scene::of(server.target.as_deref(), "room")?;
    let (Some(app), Some(_)) = (scene.app.clone(), scene.publish.as_ref()) else {
        let sentence = "churn needs a target with [room.publish] and an app: it holds the server's counts against its own";
        return Err(Error::Usage(sentence.to_owned()));
    };
    let target = prepare(server, scene, Seating::one_room(1))?;
    let mut report = Report::new("churn", &target);
    let Some(inventory) = Inventory::take(server, &target.scene)? else {
        let sentence = "churn needs --pid: it looks for what is left in the server's process";
        return Err(Error::Usage(sentence.to_owned()));
    };
    let mut churned = churn::run(target, options.rate, options.duration)?;
    let (remains, metrics) = inventory.look_again(server, churned.at_once)?;
    // One more connection published.
    let looks = u64::from(remains.looks) + 1;
    churned.server = churn::Counted::between(&inventory.metrics, &metrics, &app, looks);
    report.churn = Some(churned);
    report.remains = Some(remains);
    Ok(report.conclude())
}

/// Runs `joins`.
pub fn joins(options: &Joins) -> Result<Report, Error> {
    let (server, connections) = (&options.clients.server, options.clients.connections);
    sources::reserve_descriptors(u64::from(connections) + 4)?;
    let scene = Scene::of(server.target.as_deref(), "room")?;
    if scene.unsubscribe.is_none() || scene.publish.is_none() || scene.greeting.is_none() {
        let sentence = "joins needs a target with an unsubscribe, a greeting that answers it, and [room.publish]: \
                        scripts/targets/roomcast-tasks.toml is one";
        return Err(Error::Usage(sentence.to_owned()));
    }
    let target = prepare(server, scene, Seating::one_room(connections))?;
    let inventory = Inventory::take(server, &target.scene)?;
    let book = joins::Book::new(target.clone(), run_number());
    let mut session = Session::new(server, target, BROADCAST_BYTES, book)?;
    let mut report = Report::new("joins", &session.crowd.target);
    report.connect = Some(session.connect_as_asked(0.0)?);
    let deadline = session.deadline;
    let (crowd, book) = (&mut session.crowd, &mut session.sink);
    report.joins = Some(joins::run(crowd, book, options, deadline)?);
    report.close = Some(session.close()?);
    report.remains = Inventory::compare(inventory, server, connections)?;
    Ok(report.conclude())
}

/// Runs `resume`.
pub fn resume(options: &Resume) -> Result<Report, Error> {
    let (server, clients, size) = (&options.server, options.clients(), options.size as usize);
    sources::reserve_descriptors(u64::from(clients) + 4)?;
    let scene = Scene::of(server.target.as_deref(), "room")?;
    if scene.resume.is_none() || scene.publish.is_none() || scene.greeting.is_none() {
        let sentence = "resume needs a target with a resume, a greeting that says a position, and [room.publish]: \
                        the one that is built in has them";
        return Err(Error::Usage(sentence.to_owned()));
    }
    let mut target = prepare(server, scene, Seating::one_room(clients))?;
    target.way = Way::by_events(options.sse);
    // In a burst only those that stay are timed, who are the last.
    let timed_from = if options.burst {
        options.connections
    } else {
        0
    };
    let book = resume::Book::new(target.clone(), run_number(), size, timed_from);
    let mut session = Session::new(server, target, size, book)?;
    session.expect_connections(options.connections_in_all());
    if options.burst {
        session.crowd.put_first(timed_from)?;
    }
    let mut report = Report::new("resume", &session.crowd.target);
    let before = session.meter.server_memory();
    report.connect = Some(session.connect_as_asked(0.0)?);
    let connected = session.meter.server_memory();
    let found = resume::run(&mut session, options)?;
    let after = session.meter.server_memory();
    report.memory = ServerMemory::new(before, connected, after, clients);
    let [quiet, disturbed] = &session.sink.latency_us;
    report.curve("quiet", quiet);
    report.curve("disturbed", disturbed);
    report.close = Some(session.close()?);
    report.resume = Some(found);
    Ok(report.conclude())
}

/// Runs `echo`.
pub fn echo(options: &Echo) -> Result<Report, Error> {
    let (server, size) = (&options.server, options.size as usize);
    sources::reserve_descriptors(u64::from(options.connections))?;
    let scene = Scene::of(server.target.as_deref(), "echo")?;
    let target = prepare(server, scene, Seating::one_room(options.connections))?;
    let messages = options.messages;
    let plan = Plan {
        messages: messages.or(options.duration.is_none().then_some(10_000)),
        duration: options.duration,
        ..Plan::one_by_one(0, size, server.common.settle)
    };
    let book = echo::Book::new(options.connections, size, run_number());
    let mut session = Session::new(server, target, size, book)?;
    let mut report = Report::new("echo", &session.crowd.target);
    report.connect = Some(session.connect_as_asked(0.0)?);
    let start = session.meter.start(session.crowd.moment())?;
    let (crowd, book) = (&mut session.crowd, &mut session.sink);
    let elapsed_us = echo::run(crowd, book, plan, session.deadline)?;
    let cost = session.meter.finish(session.crowd.moment(), start)?;
    report.close = Some(session.close()?);
    report.echo = Some(session.sink.report(elapsed_us, cost));
    report.curve("round trip", &session.sink.round_trip_us);
    Ok(report.conclude())
}

/// What most runs are made of.
struct Steps {
    mode: &'static str,
    /// Connections a second; 0 is as fast as they go.
    rate: f64,
    hold: Option<Duration>,
    plan: Option<Plan>,
    way: Way,
}

impl Steps {
    fn run(self, server: &Server, seating: Seating) -> Result<Report, Error> {
        let plan = self.plan.unwrap_or(Plan::one_by_one(0, 0, Duration::ZERO));
        let mut session = listeners(server, seating, &plan)?;
        session.crowd.target.way = self.way;
        let mut report = Report::new(self.mode, &session.crowd.target);
        let before = session.meter.server_memory();
        report.connect = Some(session.connect_as_asked(self.rate)?);
        report.curve("handshake", &session.crowd.outcome.handshake_us);
        // What the handshakes left behind is gone by the end of the hold, and what stays is what holding costs.
        report.hold = self.hold.map(|hold| session.hold(hold)).transpose()?;
        let connected = session.meter.server_memory();
        let published = match self.plan {
            Some(plan) => session.publish(plan)?,
            None => None,
        };
        let after_publishing = published
            .as_ref()
            .and_then(|_| session.meter.server_memory());
        report.close = Some(session.close()?);
        // Counted only now: a duplicate may come as late as just before the close.
        if let Some((published, cost)) = published {
            report.broadcast = Some(Broadcasted::new(&plan, &session.sink, &published, cost));
            report.curve("delivery", session.sink.latency_us());
            report.curve("last member", session.sink.flights.last_member_us());
        }
        report.memory = ServerMemory::new(before, connected, after_publishing, seating.clients());
        Ok(report.conclude())
    }
}

/// A session whose clients are members of rooms.
fn listeners<'a>(
    server: &'a Server,
    seating: Seating,
    plan: &Plan,
) -> Result<Session<'a, Ledger>, Error> {
    // A few more for the calls that are made beside the run, and to look at the server meanwhile.
    sources::reserve_descriptors(u64::from(seating.clients()) + u64::from(plan.publishers) + 4)?;
    let scene = Scene::of(server.target.as_deref(), seating.part())?;
    let target = prepare(server, scene, seating)?;
    let ledger = Ledger::new(target.clone(), run_number());
    Session::new(server, target, plan.size, ledger)
}
