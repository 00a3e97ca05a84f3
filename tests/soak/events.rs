//! `events`: some listen all the time, some come and go, one is slow, and one never reads until the hub gives it up.

use std::thread::JoinHandle;

use serde_json::json;

use crate::member::{Caller, Member};
use crate::tally::{App, Tally};
use crate::world::{Shared, Workers, World, pause};

const PATH: &str = "/ws";
const CALL: &str = "/api/v1/events";
const END: &str = "soak:end";
/// The closes that only those bring about whom the hub gives up.
const QUEUED: &str = "roomcast_queue_bytes ";
const GIVEN_UP: &str = "roomcast_closes_total{app=\"events\",code=\"1006\"}";

/// Those who are there until the end.
pub fn listeners(world: &World) -> Workers {
    let mut workers: Workers = (0..3).map(|_| steady(world, false)).collect();
    workers.push(steady(world, true));
    workers.push(world.worker(come_and_go));
    workers
}

/// Whoever publishes, and whoever does not read.
pub fn publishers(world: &World) -> Workers {
    vec![world.worker(publish), world.worker(never_read)]
}

/// Tells the listeners that this was all.
pub fn end(caller: &mut Caller, tally: &mut Tally) {
    post(caller, tally, END, 0, 0);
}

fn post(caller: &mut Caller, tally: &mut Tally, kind: &str, n: u64, padding: usize) {
    let body = json!({"type": kind, "payload": {"n": n, "pad": "x".repeat(padding)}});
    let answer = caller.get(tally, "POST", CALL, &body.to_string());
    tally.of(App::Events).published += 1;
    tally.of(App::Events).expected += answer["receivers"].as_u64().unwrap();
}

fn publish(shared: &Shared, tally: &mut Tally) {
    let mut caller = Caller::new(shared.address);
    for n in 1.. {
        if !shared.goes_on() {
            return;
        }
        let padding = if n % 2 == 0 { 16 << 10 } else { 64 };
        post(&mut caller, tally, "soak:event", n, padding);
        pause(15);
    }
}

fn welcome(mut member: Member, tally: &mut Tally) -> Member {
    tally.of(App::Events).expected += 1;
    member.expect("connection:status", tally);
    member
}

/// Hears every event in its turn, but for those that it is told it missed.
fn steady(world: &World, is_slow: bool) -> JoinHandle<Tally> {
    world.listener(move |shared, tally| {
        let member = match is_slow {
            true => Member::open_slow(shared.address, App::Events, PATH, tally),
            false => Member::open(shared.address, App::Events, PATH, tally),
        };
        let mut member = welcome(member, tally);
        shared.here_i_am();
        let mut next = 1;
        for read in 1_u64.. {
            let text = member.text(tally);
            match text["type"].as_str().unwrap() {
                END => break,
                "connection:lagged" => next += text["payload"]["missed"].as_u64().unwrap(),
                _ => {
                    assert_eq!(text["payload"]["n"].as_u64(), Some(next), "the next event");
                    next += 1;
                }
            }
            if is_slow && read.is_multiple_of(20) && !shared.is_goodbye() {
                pause(700);
            }
        }
        member.leave(tally);
    })
}

fn come_and_go(shared: &Shared, tally: &mut Tally) {
    loop {
        let member = Member::open(shared.address, App::Events, PATH, tally);
        let mut member = welcome(member, tally);
        // What says the end is published after the sign for it, so whoever does not see the sign hears it.
        let is_over = shared.is_goodbye() || (0..5).any(|_| member.text(tally)["type"] == END);
        member.leave(tally);
        if is_over {
            return;
        }
    }
}

/// Reads nothing until the hub has given it up, and then all that had been written to it.
fn never_read(shared: &Shared, tally: &mut Tally) {
    let mut caller = Caller::new(shared.address);
    // How many were given up, and what waits in queues.
    let mut look = |tally: &mut Tally| {
        let text = caller.ask(tally, "GET", "/metrics", "").text();
        [GIVEN_UP, QUEUED].map(|name| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map_or(0, |count| count.trim().parse::<u64>().unwrap())
        })
    };
    while shared.goes_on() {
        let [before, _] = look(tally);
        let member = Member::open_slow(shared.address, App::Events, PATH, tally);
        tally.of(App::Events).expected += 1;
        loop {
            // Looked at before the rest: once nothing is published any more, who has nothing waiting is not given up.
            let goes_on = shared.goes_on();
            let [given_up, queued] = look(tally);
            if given_up > before {
                member.given_up(tally);
                break;
            }
            if !goes_on && queued == 0 {
                member.leave(tally);
                break;
            }
            pause(200);
        }
    }
}
