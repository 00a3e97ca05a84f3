//! Scenarios of clients that have shown no key: what an address may do, and that nobody else pays for what it does.

use super::network::{Client, Sim};
use roomcast::apps::Apps;
use roomcast::apps::access::Access;
use roomcast::apps::all::{self, Options};
use roomcast::apps::proxies::Proxies;
use roomcast::bounds::Bounds;
use roomcast::reactor::Reactor;
use roomcast::time::Millis;

use crate::model::runs::rules::KEY;
use crate::model::wire::frames;
use crate::stage::Stage;

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A call with this path, body and header lines.
fn call(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
}

/// A call that makes a room, with these header lines.
fn room(headers: &str) -> String {
    call("/api/rooms", headers, r#"{"display_name":"Ada"}"#)
}

/// The statuses of so many calls on one connection, each with how often it came, in their order.
fn ask(stage: &mut Stage, client: Client, call: &str, times: usize) -> Vec<(u16, usize)> {
    let mut counts: Vec<(u16, usize)> = Vec::new();
    for _ in 0..times {
        stage.send(client, call);
        for status in stage.statuses(client) {
            match counts.last_mut() {
                Some((last, count)) if *last == status => *count += 1,
                _ => counts.push((status, 1)),
            }
        }
    }
    counts
}

#[test]
fn a_third_of_a_minutes_calls_pass_at_once_and_a_key_passes_always() {
    let mut stage = Stage::new(|_| ());
    let stranger = stage.client("");
    assert_eq!(
        ask(&mut stage, stranger, &room(""), 25),
        [(201, 20), (429, 5)]
    );
    let key = format!("X-API-Key: {KEY}\r\n");
    assert_eq!(ask(&mut stage, stranger, &room(&key), 30), [(201, 30)]);
    let wrong = "X-API-Key: none of yours\r\n";
    assert_eq!(ask(&mut stage, stranger, &room(wrong), 1), [(429, 1)]);
    assert_eq!(ask(&mut stage, stranger, HEALTH, 30), [(200, 30)]);
    stage.wait(Millis(1000));
    assert_eq!(
        ask(&mut stage, stranger, &room(""), 2),
        [(201, 1), (429, 1)]
    );
}

#[test]
fn a_refused_stranger_is_told_when_to_come_back() {
    let mut stage = Stage::new(|bounds| bounds.guest_calls_per_minute = 6);
    let stranger = stage.client("");
    assert_eq!(ask(&mut stage, stranger, &room(""), 2), [(201, 2)]);
    stage.send(stranger, room(""));
    let answer = stage.answer(stranger);
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (429, Some("10"))
    );
    assert!(answer.body.contains("too_many_requests"), "{}", answer.body);
    assert_eq!(stage.reactor.metrics().guest_refusals, [1, 0, 0, 0]);
}

#[test]
fn wrong_keys_are_429_beyond_the_rate_for_calls_and_upgrades_and_the_right_one_passes() {
    let mut stage = Stage::new(|_| ());
    let stranger = stage.client("");
    let show = |key: &str| call("/api/v1/tasks", key, r#"{"type":"a"}"#);
    let wrong = show("Authorization: Bearer none of yours\r\n");
    assert_eq!(ask(&mut stage, stranger, &show(""), 30), [(401, 30)]);
    assert_eq!(ask(&mut stage, stranger, &wrong, 22), [(401, 20), (429, 2)]);
    assert_eq!(ask(&mut stage, stranger, &show(""), 1), [(401, 1)]);
    let right = format!("Authorization: Bearer {KEY}\r\n");
    let get = format!("GET /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\n{right}\r\n");
    assert_eq!(ask(&mut stage, stranger, &get, 2), [(200, 2)]);
    let upgrade = frames::upgrade("/api/v1/tasks/ws?api_key=none-of-yours");
    stage.send(stranger, upgrade);
    assert_eq!(stage.statuses(stranger), [429]);
}

/// A server that trusts every peer as a proxy.
fn behind_proxies() -> Stage {
    let bounds = Bounds::default();
    let access = Access::new(vec![KEY.into()], Vec::new(), ([127, 0, 0, 1], 8080).into());
    let trusted = Proxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let apps = Apps::new(access, all::enabled(&options(), &bounds)).behind(trusted);
    Stage::of(Reactor::new(Sim::new(7), bounds, apps).unwrap())
}

fn options() -> Options<'static> {
    Options {
        echo: false,
        pages: false,
        secret: b"a secret of the simulation, of 32 bytes or more",
    }
}

#[test]
fn behind_a_trusted_proxy_each_client_has_its_own_rates() {
    let mut stage = behind_proxies();
    let mut visit = |client: &str| {
        let upgrade = frames::upgrade("/v1/stream");
        let line = format!("\r\nX-Forwarded-For: 192.0.2.99, {client}, 127.0.0.1\r\n");
        let visitor = stage.client(upgrade.replacen("\r\n", &line, 1));
        stage.answer(visitor).status
    };
    let visitors: Vec<String> = (0..14).map(|n| format!("203.0.113.{n}")).collect();
    assert!(visitors.iter().all(|client| visit(client) == 101));
    let again: Vec<u16> = (0..11).map(|_| visit("203.0.113.0")).collect();
    assert_eq!((again[8], again[9], again[10]), (101, 429, 429));
    let proxy = stage.client("");
    let as_client = |client: &str| room(&format!("Forwarded: for={client}\r\n"));
    let asked = ask(&mut stage, proxy, &as_client("203.0.113.1"), 21);
    assert_eq!(asked, [(201, 20), (429, 1)]);
    assert_eq!(
        ask(&mut stage, proxy, &as_client("203.0.113.2"), 1),
        [(201, 1)]
    );
    // Whoever says no address is the proxy.
    let asked = ask(&mut stage, proxy, &as_client("unknown"), 20);
    assert_eq!(asked, [(201, 20)]);
    assert_eq!(ask(&mut stage, proxy, &as_client("_hidden"), 1), [(429, 1)]);
}

#[test]
fn in_open_mode_only_calls_of_the_rooms_are_counted() {
    let bounds = Bounds::default();
    let access = Access::new(Vec::new(), Vec::new(), ([127, 0, 0, 1], 8080).into());
    let apps = Apps::new(access, all::enabled(&options(), &bounds));
    let mut stage = Stage::of(Reactor::new(Sim::new(7), bounds, apps).unwrap());
    let stranger = stage.client("");
    let event = call(
        "/api/v1/events",
        "X-API-Key: any\r\n",
        r#"{"type":"a:b","payload":{}}"#,
    );
    assert_eq!(ask(&mut stage, stranger, &event, 100), [(202, 100)]);
    assert_eq!(
        ask(&mut stage, stranger, &room("X-API-Key: any\r\n"), 21),
        [(201, 20), (429, 1)]
    );
    let guess = call(
        "/api/rooms/AAAAAA/events",
        "",
        r#"{"event":"a","payload":{}}"#,
    );
    let asked = ask(&mut stage, stranger, &guess, 22);
    assert_eq!(asked, [(404, 20), (429, 2)]);
}

#[test]
fn a_hundred_thousand_calls_from_one_address_change_nothing_for_another() {
    let mut stage = Stage::new(|_| ());
    // The first two have one address.
    let [stranger, _, other] = [(); 3].map(|()| stage.client(""));
    let many = room("").repeat(100);
    let mut made = 0;
    for round in 0..1000 {
        stage.send(stranger, &many);
        let statuses = stage.statuses(stranger);
        assert_eq!(statuses.len(), 100);
        made += statuses.iter().filter(|status| **status == 201).count();
        if round % 50 == 0 {
            assert_eq!(ask(&mut stage, other, &room(""), 1), [(201, 1)]);
            assert_eq!(ask(&mut stage, other, HEALTH, 1), [(200, 1)]);
        }
    }
    assert_eq!(made, 20);
    assert_eq!(stage.reactor.metrics().guest_refusals[0], 100_000 - 20);
}

/// A server that lets in so many guests.
fn with_guests(guests: u32) -> Stage {
    Stage::new(|bounds| bounds.guests_max = guests)
}

/// A client that has asked for something and been answered.
fn asker(stage: &mut Stage) -> Client {
    let client = stage.client(HEALTH);
    assert_eq!(stage.statuses(client), [200]);
    client
}

/// Which of these have been closed.
fn closed(stage: &mut Stage, clients: &[Client]) -> Vec<usize> {
    let is_closed = |(index, client): (usize, &Client)| stage.is_ended(*client).then_some(index);
    clients.iter().enumerate().filter_map(is_closed).collect()
}

#[test]
fn for_one_guest_too_many_the_one_that_has_been_idle_longest_goes() {
    let mut stage = with_guests(4);
    let mut guests = Vec::new();
    for _ in 0..4 {
        guests.push(asker(&mut stage));
        stage.wait(Millis(400));
    }
    stage.send(guests[0], HEALTH);
    stage.wait(Millis(1000));
    let next = asker(&mut stage);
    assert_eq!(closed(&mut stage, &guests), [1]);
    let last = asker(&mut stage);
    assert_eq!(closed(&mut stage, &guests), [1, 2]);
    assert_eq!(closed(&mut stage, &[next, last]), [0; 0]);
    assert_eq!(stage.reactor.metrics().guest_closes, 2);
}

#[test]
fn those_between_two_requests_go_before_those_that_have_not_spoken() {
    let mut stage = with_guests(3);
    let silent = stage.client("");
    stage.wait(Millis(500));
    let (one, other) = (asker(&mut stage), asker(&mut stage));
    stage.wait(Millis(1000));
    let newcomers = [(); 2].map(|()| asker(&mut stage));
    assert_eq!(closed(&mut stage, &[silent, one, other]), [1, 2]);
    asker(&mut stage);
    assert_eq!(closed(&mut stage, &[silent, newcomers[0]]), [0]);
}

#[test]
fn while_nobody_has_been_idle_for_a_second_nobody_is_accepted_and_the_loop_sleeps() {
    let mut stage = with_guests(3);
    let guests = [(); 3].map(|()| asker(&mut stage));
    let newcomer = stage.client(HEALTH);
    let turns = stage.reactor.metrics().loop_turn.count();
    stage.wait(Millis(990));
    let turns = stage.reactor.metrics().loop_turn.count() - turns;
    assert!(
        turns < 10,
        "{turns} turns in which nobody could be accepted"
    );
    assert_eq!(stage.sim().knocking(), 1);
    stage.wait(Millis(20));
    assert_eq!(stage.statuses(newcomer), [200]);
    assert_eq!(closed(&mut stage, &guests), [0]);
}

#[test]
fn nobody_is_closed_in_the_middle_of_a_request_or_of_its_answer() {
    let mut stage = with_guests(3);
    let half = stage.client("GET /healthz HTTP/1.1\r\n");
    let slow = stage.sim().connect();
    stage.sim().resize(slow, 10);
    stage.send(slow, HEALTH);
    // What it has sent is in its socket, and the loop has not been told.
    let unheard = asker(&mut stage);
    stage.wait(Millis(5000));
    stage.sim().set_events_max(1);
    let newcomer = stage.sim().connect();
    stage.sim().send(newcomer, HEALTH.as_bytes());
    stage.sim().send(unheard, HEALTH.as_bytes());
    stage.settle();
    assert_eq!(stage.statuses(unheard), [200]);
    assert_eq!(closed(&mut stage, &[half, slow, unheard]), [0; 0]);
    assert_eq!(stage.sim().knocking(), 1);
    stage.send(half, "Host: localhost\r\n\r\n");
    assert_eq!(stage.statuses(half), [200]);
    stage.wait(Millis(1010));
    assert_eq!(closed(&mut stage, &[half, slow, unheard]), [2]);
    assert_eq!(stage.statuses(newcomer), [200]);
}

#[test]
fn members_and_who_has_shown_a_key_are_no_guests() {
    let mut stage = with_guests(1);
    let members = stage.listeners(5);
    stage.publish(1, 0);
    stage.wait(Millis(2000));
    let guest = asker(&mut stage);
    stage.wait(Millis(2000));
    let other = asker(&mut stage);
    assert_eq!(closed(&mut stage, &[guest, other]), [0]);
    assert_eq!(closed(&mut stage, &members), [0; 0]);
    assert_eq!(stage.publish(2, 0), 5);
    assert_eq!(stage.reactor.metrics().guest_closes, 1);
}

#[test]
fn health_is_told_with_every_other_descriptor_taken() {
    let mut stage = Stage::new(|bounds| (bounds.guests_max, bounds.sockets_max) = (20, 40));
    stage.sim().set_descriptors_max(60);
    let members = stage.listeners(30);
    let idle = [(); 10].map(|()| asker(&mut stage));
    for second in 1..=20 {
        stage.wait(Millis(1000));
        let client = asker(&mut stage);
        stage.sim().finish_client(client);
        stage.settle();
        assert_eq!(closed(&mut stage, &idle).len(), second.min(1));
    }
    assert_eq!(closed(&mut stage, &members), [0; 0]);
}

#[test]
fn websockets_that_are_refused_count_until_they_are_gone() {
    let mut stage = Stage::new(|bounds| bounds.connections_max = 5);
    let path = "/ws/rooms/AAAAAA";
    let refused = [(); 5].map(|()| stage.open(path));
    let sixth = stage.client(frames::upgrade(path));
    assert_eq!(stage.answer(sixth).status, 503);
    stage.wait(Millis(2100));
    assert_eq!(closed(&mut stage, &refused), [0, 1, 2, 3, 4]);
    stage.open(path);
}

#[test]
fn a_closing_client_that_takes_a_byte_now_and_then_holds_nothing_for_ever() {
    let mut stage = Stage::new(|_| ());
    let member = stage.narrow_listeners(1, 10)[0];
    stage.publish(1, 5000);
    let reads = |stage: &mut Stage, bytes: usize, seconds: u64| {
        for _ in 0..seconds {
            stage.wait(Millis(1000));
            stage.sim().receive(member, bytes);
            stage.settle();
        }
        stage.is_ended(member)
    };
    assert!(!reads(&mut stage, 1, 40), "a member may be slow");
    stage.send(member, frames::frame(true, frames::CLOSE, &[3, 232]));
    assert!(!reads(&mut stage, 1, 8));
    assert!(reads(&mut stage, 1, 15));
}
