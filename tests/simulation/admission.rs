//! Scenarios of a server that has enough to do: who is refused and told when to come back, who is not harmed by it, and
//! when it is over.

use std::collections::BTreeSet;

use super::network::Client;
use roomcast::bounds::Bounds;
use roomcast::time::{Micros, Millis};

use crate::model::wire::frames::{self, PING, PONG, TEXT, frame};
use crate::stage::{Stage, request};

const SECOND: Millis = Millis::seconds(1);
const READY: &str = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What an upgrade is answered: its status, why if it is refused, and when to come back.
fn knock(stage: &mut Stage) -> (u16, String, u64) {
    let client = stage.client(frames::upgrade("/ws"));
    let answer = stage.answer(client);
    stage.sim().reset(client);
    stage.settle();
    if answer.status == 101 {
        return (101, String::new(), 0);
    }
    let error: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let code = error["error"]["code"].as_str().unwrap();
    let seconds = answer.header("retry-after").unwrap().parse().unwrap();
    (answer.status, code.to_owned(), seconds)
}

fn is_admitted(stage: &mut Stage) -> bool {
    knock(stage).0 == 101
}

fn reasons(stage: &mut Stage) -> Vec<String> {
    let client = stage.client(READY);
    let answer = stage.answer(client);
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let reasons = body["reasons"].as_array().cloned().unwrap_or_default();
    assert_eq!(answer.status == 200, reasons.is_empty(), "{}", answer.body);
    reasons
        .iter()
        .map(|reason| reason.as_str().unwrap().to_owned())
        .collect()
}

/// A turn that takes so long.
fn long_turn(stage: &mut Stage, member: Client, micros: u64) {
    stage.sim().set_read_time(Micros(micros));
    stage.send(member, frame(true, PONG, b""));
    stage.sim().set_read_time(Micros(0));
}

/// Whoever is in is heard, told, and asked as ever; others may read and publish.
fn serves(stage: &mut Stage, member: Client, number: i64) {
    stage.send(member, frame(true, PING, b"still there?"));
    assert_eq!(stage.frames(member)[0].payload, b"still there?");
    assert_eq!(stage.publish(number, 0), 1);
    assert_eq!(stage.events(member), [number]);
    let reader = stage.client("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(stage.statuses(reader), [200]);
}

#[test]
fn a_turn_over_the_limit_refuses_upgrades_and_nothing_else() {
    let mut stage = Stage::new(|_| ());
    let member = stage.open("/ws");
    long_turn(&mut stage, member, 250_000);
    assert_eq!(
        (is_admitted(&mut stage), reasons(&mut stage)),
        (true, vec![])
    );
    long_turn(&mut stage, member, 250_001);
    let (status, code, _) = knock(&mut stage);
    assert_eq!((status, code.as_str()), (503, "lagging"));
    assert_eq!(reasons(&mut stage), ["lagging"]);
    serves(&mut stage, member, 1);
    assert!(!is_admitted(&mut stage), "the second is not over");
}

#[test]
fn the_limit_is_the_one_that_was_set() {
    let mut stage = Stage::new(|bounds| bounds.loop_lag_limit = Millis(10));
    let member = stage.open("/ws");
    long_turn(&mut stage, member, 10_000);
    assert!(is_admitted(&mut stage));
    long_turn(&mut stage, member, 10_001);
    assert!(!is_admitted(&mut stage));
}

#[test]
fn a_lag_is_over_after_a_second_of_turns_below_half_the_limit() {
    let mut stage = Stage::new(|_| ());
    let member = stage.open("/ws");
    long_turn(&mut stage, member, 251_000);
    stage.sim().pass(Millis(999));
    assert!(!is_admitted(&mut stage));
    stage.sim().pass(Millis(1));
    assert!(is_admitted(&mut stage));
    assert_eq!(reasons(&mut stage), Vec::<String>::new());
}

#[test]
fn a_turn_of_half_the_limit_keeps_a_lag_going_and_makes_none() {
    let mut stage = Stage::new(|_| ());
    let member = stage.open("/ws");
    long_turn(&mut stage, member, 125_000);
    assert!(is_admitted(&mut stage), "it makes none");
    long_turn(&mut stage, member, 251_000);
    stage.sim().pass(Millis(800));
    long_turn(&mut stage, member, 125_000);
    stage.sim().pass(Millis(999));
    assert!(!is_admitted(&mut stage), "the second began anew");
    // A shorter one changes nothing: the loop comes to itself when it began to.
    stage.sim().pass(Millis(1));
    long_turn(&mut stage, member, 124_000);
    assert!(is_admitted(&mut stage));
}

/// Bytes that a message costs beside its payload, while it is half received.
const HELD_BESIDE: u64 = 64;
/// A longer one comes in more than one read, and is given room for more than it needs.
const HELD_MAX: u64 = 8000;

/// Clients that have half sent a message each, of so many bytes in all, as the memory budget counts them.
fn half_messages(stage: &mut Stage, held: u64) -> Vec<Client> {
    let (before, mut clients) = (stage.reactor.budgeted_bytes(), Vec::new());
    let mut left = held;
    while left > 0 {
        // The last two share what is left, so that neither is too short to be a message.
        let bytes = match left {
            left if left <= HELD_MAX => left,
            left if left < 2 * HELD_MAX => left / 2,
            _ => HELD_MAX,
        };
        left -= bytes;
        let payload = "x".repeat((bytes - HELD_BESIDE) as usize);
        clients.push(stage.open("/ws"));
        stage.send(
            clients[clients.len() - 1],
            frame(false, TEXT, payload.as_bytes()),
        );
    }
    assert_eq!(stage.reactor.budgeted_bytes() - before, held);
    clients
}

#[test]
fn nine_tenths_of_the_memory_budget_refuse_upgrades_and_nothing_else() {
    let mut stage = Stage::new(|bounds| bounds.memory_budget_bytes = 60_000);
    let member = stage.open("/ws");
    let halves = half_messages(&mut stage, 54_000);
    assert_eq!(
        (is_admitted(&mut stage), reasons(&mut stage)),
        (true, vec![])
    );
    let one_more = stage.open("/ws");
    stage.send(one_more, frame(false, TEXT, b"x"));
    let (status, code, _) = knock(&mut stage);
    assert_eq!((status, code.as_str()), (503, "memory"));
    assert_eq!(reasons(&mut stage), ["memory"]);
    stage.send(member, frame(true, PING, b"still there?"));
    assert_eq!(stage.frames(member)[0].payload, b"still there?");
    assert_eq!(stage.publish(1, 0), halves.len() as u64 + 2);
    assert_eq!(stage.events(member), [1]);
}

#[test]
fn memory_is_short_until_less_than_three_quarters_are_held() {
    for (stays, is_over) in [(45_000, false), (44_999, true)] {
        let mut stage = Stage::new(|bounds| bounds.memory_budget_bytes = 60_000);
        half_messages(&mut stage, stays);
        let others = half_messages(&mut stage, 57_000 - stays);
        assert!(!is_admitted(&mut stage));
        for other in others {
            stage.send(other, frame(true, 0, b""));
        }
        assert_eq!(stage.reactor.budgeted_bytes(), stays);
        assert_eq!(is_admitted(&mut stage), is_over, "{stays} bytes");
        assert_eq!(reasons(&mut stage).is_empty(), is_over, "{stays} bytes");
    }
}

#[test]
fn every_reason_is_named_at_once() {
    let mut stage = Stage::new(|bounds| {
        bounds.memory_budget_bytes = 60_000;
        bounds.connections_max = 9;
    });
    let member = stage.open("/ws");
    assert_eq!(half_messages(&mut stage, 57_000).len(), 8);
    long_turn(&mut stage, member, 300_000);
    stage.shut_down();
    let all = ["draining", "full", "lagging", "memory"];
    assert_eq!(reasons(&mut stage), all);
}

/// Refuses upgrades for one reason.
type Refuses = (&'static str, fn(&mut Bounds), fn(&mut Stage, Client));

#[test]
fn those_who_are_refused_are_told_different_times_to_come_back() {
    let refuses: [Refuses; 4] = [
        ("full", |bounds| bounds.connections_max = 1, |_, _| ()),
        ("draining", |_| (), |stage, _| stage.shut_down()),
        (
            "lagging",
            |_| (),
            |stage, member| long_turn(stage, member, 300_000),
        ),
        (
            "memory",
            |bounds| bounds.memory_budget_bytes = 60_000,
            |stage, _| drop(half_messages(stage, 57_000)),
        ),
    ];
    for (reason, bounds, happens) in refuses {
        let mut stage = Stage::new(bounds);
        let member = stage.open("/ws");
        happens(&mut stage, member);
        let mut told = BTreeSet::new();
        for _ in 0..200 {
            let (status, code, seconds) = knock(&mut stage);
            assert_eq!((status, code.as_str()), (503, reason));
            told.insert(seconds);
        }
        assert_eq!(told, (2..=10).collect(), "{reason}");
    }
}

#[test]
fn a_publisher_that_a_drain_refuses_is_told_when_to_come_back() {
    let mut stage = Stage::new(|_| ());
    stage.shut_down();
    let mut told = BTreeSet::new();
    for number in 0..100 {
        let publisher = stage.client(request(number, 0));
        let answer = stage.answer(publisher);
        assert_eq!(answer.status, 503);
        told.insert(
            answer
                .header("retry-after")
                .unwrap()
                .parse::<u64>()
                .unwrap(),
        );
    }
    assert_eq!(told, (2..=10).collect());
}

/// Turns that the loop has made.
fn turns(stage: &Stage) -> u64 {
    stage.reactor.metrics().loop_turn.count()
}

#[test]
fn no_more_are_accepted_than_the_rate_allows_and_all_of_them_in_the_end() {
    let mut stage = Stage::new(|bounds| bounds.accept_rate = 200);
    let crowd: Vec<Client> = (0..1000).map(|_| stage.sim().connect()).collect();
    stage.settle();
    // The bucket's depth at once.
    assert_eq!(stage.reactor.connections(), 2);
    for second in 1..=4 {
        let before = turns(&stage);
        stage.wait(SECOND);
        assert_eq!(stage.reactor.connections(), 2 + 200 * second);
        let turns = turns(&stage) - before;
        assert!(turns <= 410, "{turns} turns for 200 connections");
    }
    assert_eq!(stage.sim().knocking(), 198);
    stage.wait(SECOND);
    assert_eq!(stage.reactor.connections(), 1000);
    let before = turns(&stage);
    stage.wait(SECOND);
    assert!(turns(&stage) - before < 10, "nobody waits any more");
    for &client in &crowd {
        stage.send(client, frames::upgrade("/ws"));
        stage.sim().reset(client);
    }
    assert!(stage.reactor.metrics().accept_waits > 100);
}

#[test]
fn whoever_comes_slowly_enough_does_not_wait_for_the_rate() {
    let mut stage = Stage::new(|bounds| bounds.accept_rate = 10);
    for round in 1..=30 {
        stage.open("/ws");
        assert_eq!(stage.reactor.connections(), round);
        stage.wait(Millis(100));
    }
    assert_eq!(stage.reactor.metrics().accept_waits, 0);
}

#[test]
fn a_knock_that_came_while_the_rate_was_used_up_is_not_forgotten() {
    let mut stage = Stage::new(|bounds| bounds.accept_rate = 1);
    for _ in 0..3 {
        stage.sim().connect();
    }
    stage.settle();
    stage.wait(Millis(999));
    assert_eq!(stage.reactor.connections(), 2);
    stage.wait(Millis(1));
    assert_eq!(stage.reactor.connections(), 3);
    // The listener was found empty only when the next token came, and tells of the next one again.
    stage.wait(Millis(1500));
    stage.sim().connect();
    stage.settle();
    assert_eq!(stage.reactor.connections(), 4);
}

#[test]
fn those_inside_are_served_while_others_wait_to_be_accepted() {
    let mut stage = Stage::new(|bounds| bounds.accept_rate = 3);
    let member = stage.open("/ws");
    stage.wait(SECOND);
    assert_eq!(stage.publish(1, 0), 1);
    for _ in 0..20 {
        stage.sim().connect();
    }
    for number in 2..6 {
        assert_eq!(stage.publish(number, 0), 1);
        stage.send(member, frame(true, PING, b"still there?"));
        stage.wait(Millis(500));
    }
    assert_eq!(stage.sim().knocking(), 13);
    let frames = stage.frames(member);
    let count = |opcode| frames.iter().filter(|frame| frame.opcode == opcode).count();
    assert_eq!((count(TEXT), count(PONG)), (5, 4));
}
