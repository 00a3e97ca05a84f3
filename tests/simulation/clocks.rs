//! Scenarios of clocks that do not run as they should: a process that was stopped, and a wall clock that somebody sets.

use super::network::Client;
use roomcast::bounds::Bounds;
use roomcast::id::AppId;
use roomcast::time::{Micros, Millis};

use crate::model::runs::rules::KEY;
use crate::model::wire::frames::{self, PING, PONG, TEXT, frame};
use crate::stage::{Stage, text};

const SECOND: Millis = Millis::seconds(1);
const HOUR: Millis = Millis::seconds(3600);

/// Nothing of the process runs for an hour.
fn stop(stage: &mut Stage) {
    stage.sim().pass(HOUR);
    stage.turn();
    stage.settle();
}

/// The same, in the middle of a turn that was to serve this member.
fn stop_midway(stage: &mut Stage, member: Client) {
    stage.sim().set_read_time(Micros(HOUR.0 * 1000));
    stage.send(member, frame(true, PONG, b""));
    stage.sim().set_read_time(Micros(0));
}

#[test]
fn nobody_is_closed_for_a_time_in_which_the_process_did_not_run() {
    let mut stage = Stage::new(|bounds| bounds.app_mut(AppId::Events).queue.messages_max = 4);
    let members = stage.listeners(20);
    let echo = stage.open("/echo");
    stage.send(echo, frame(false, TEXT, b"half a mess"));
    let slow = stage.narrow_listeners(1, 10)[0];
    stage.publish(0, 0);
    let asks = stage.client("GET /healthz HTTP/1.1\r\nHost: local");
    let idle = stage.client("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(stage.statuses(idle), [200]);
    let mute = stage.client("");
    let inside = stage.reactor.connections();
    stage.wait(Millis(9000));
    for _ in 0..3 {
        stop_midway(&mut stage, members[0]);
        assert_eq!(stage.reactor.connections(), inside);
    }
    // Everybody goes on where they were.
    stage.send(asks, "host\r\n\r\n");
    assert_eq!(stage.answer(asks).status, 200);
    stage.send(echo, frame(true, 0, b"age"));
    assert_eq!(stage.frames(echo)[0].payload, b"half a message");
    stage.send(mute, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(stage.statuses(mute), [200]);
    stage.send(idle, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(stage.statuses(idle), [200]);
    stage.sim().resize(slow, 10_000);
    stage.settle();
    assert_eq!(stage.publish(1, 0), 21);
    for client in members {
        assert_eq!(stage.events(client), [0, 1]);
    }
    assert_eq!(stage.events(slow), [0, 1]);
}

#[test]
fn deadlines_are_moved_by_as_long_as_the_process_did_not_run() {
    let mut stage = Stage::new(|_| ());
    let member = stage.open("/ws");
    let asks = stage.client("GET /healthz HTTP/1.1\r\n");
    stage.wait(Millis(5000));
    stop_midway(&mut stage, member);
    // Of the stop a quarter of a second counts, which is what a turn may lag.
    stage.wait(Millis(4700));
    assert_eq!(stage.sim().received(asks), 0);
    stage.wait(Millis(150));
    assert_eq!(stage.answer(asks).status, 408);
}

#[test]
fn a_sleep_that_was_asked_for_counts_although_the_process_was_stopped_in_it() {
    let mut stage = Stage::new(|_| ());
    let (early, late) = (stage.client("GET "), stage.client(""));
    stage.wait(Millis(500));
    let later = stage.client("GET ");
    stage.wait(Millis(4500));
    // It sleeps until the first two are due, and wakes up long after.
    stop(&mut stage);
    stage.wait(Millis(50));
    assert_eq!(stage.answer(early).status, 408);
    assert!(stage.is_ended(late));
    assert_eq!(stage.sim().received(later), 0);
    stage.wait(Millis(300));
    assert_eq!(stage.answer(later).status, 408);
}

#[test]
fn a_member_that_stays_silent_is_given_up_in_the_time_that_is_left() {
    let mut stage = Stage::new(|_| ());
    let silent = stage.open("/ws");
    stage.wait(Millis::seconds(50));
    let other = stage.open("/ws");
    for _ in 0..24 {
        stop_midway(&mut stage, other);
    }
    assert!(!stage.is_ended(silent));
    stage.wait(Millis::seconds(5));
    assert_eq!(stage.close_code(silent), Some(4408));
}

#[test]
fn whoever_answers_its_pings_outlives_any_number_of_stops() {
    let mut stage = Stage::new(|_| ());
    let clients = stage.listeners(3);
    for _ in 0..100 {
        stop(&mut stage);
        for &client in &clients {
            for _ in stage.frames(client) {
                stage.sim().send(client, &frame(true, PONG, b""));
            }
        }
    }
    assert!(clients.iter().all(|&client| !stage.is_ended(client)));
    assert!(stage.reactor.metrics().pings >= 50);
}

#[test]
fn what_clients_said_while_the_process_was_stopped_is_heard_before_they_are_judged() {
    let mut stage = Stage::new(short);
    let members = stage.listeners(8);
    let asks = stage.client("GET /healthz HTTP/1.1\r\nHost: local");
    let echo = stage.open("/echo");
    stage.send(echo, frame(false, TEXT, b"half a mess"));
    stage.wait(Millis(2900));
    let everybody: Vec<Client> = [&members[..], &[echo]].concat();
    // The loop sleeps until the first deadline, and is stopped until long after all of them.
    stage.sim().set_events_max(1);
    for &client in &members {
        stage.frames(client);
        stage.sim().send(client, &frame(true, PONG, b""));
    }
    stage.sim().send(echo, &frame(true, 0, b"age"));
    stage.sim().send(asks, b"host\r\n\r\n");
    stop(&mut stage);
    for client in everybody {
        assert!(!stage.is_ended(client), "nobody is late");
    }
    assert_eq!(stage.answer(asks).status, 200);
    let frames = stage.frames(echo);
    assert_eq!(frames.last().unwrap().payload, b"half a message");
    // They are judged all the same, once there is nothing of theirs left to be heard.
    stage.wait(Millis::seconds(4));
    assert_eq!(stage.close_code(members[0]), Some(4408));
}

/// Three seconds for everything.
fn short(bounds: &mut Bounds) {
    let three = Millis::seconds(3);
    for app in AppId::ALL {
        bounds.app_mut(app).ping_interval = SECOND;
    }
    for deadline in [
        &mut bounds.pong_timeout,
        &mut bounds.write_timeout,
        &mut bounds.header_timeout,
        &mut bounds.message_timeout,
        &mut bounds.keep_alive,
    ] {
        *deadline = three;
    }
}

#[test]
fn what_clients_read_while_the_process_was_stopped_is_seen_before_they_are_judged() {
    let mut stage = Stage::new(|bounds| {
        short(bounds);
        bounds.pong_timeout = Millis::seconds(60);
    });
    let slow = stage.narrow_listeners(8, 10);
    assert_eq!(stage.publish(1, 0), 8);
    stage.wait(Millis(2900));
    stage.sim().set_events_max(1);
    for &client in &slow {
        stage.sim().resize(client, 10_000);
    }
    stop(&mut stage);
    for &client in &slow {
        assert_eq!(stage.events(client), [1]);
    }
    assert!(slow.iter().all(|&client| !stage.is_ended(client)));
}

#[test]
fn a_client_that_sends_a_byte_before_each_judgement_is_judged_all_the_same() {
    let mut stage = Stage::new(short);
    let client = stage.open("/echo");
    stage.send(client, frame(false, TEXT, b"x"));
    let began = stage.now();
    while !stage.is_ended(client) {
        stage.sim().send(client, &frame(true, PING, b""));
        stage.sim().send(client, &frame(false, 0, b"x"));
        stage.wait(Millis(1));
        stage.sim().receive(client, usize::MAX);
        assert!(stage.now().since(began) < Millis::seconds(4), "it goes on");
    }
}

#[test]
fn a_stop_does_not_let_a_crowd_past_the_accept_rate() {
    let mut stage = Stage::new(|bounds| bounds.accept_rate = 100);
    for _ in 0..100 {
        stage.sim().connect();
    }
    stage.settle();
    assert_eq!(stage.reactor.connections(), 2);
    stop(&mut stage);
    assert_eq!(stage.reactor.connections(), 4);
}

#[test]
fn a_turn_in_which_the_process_was_stopped_is_a_lag_of_that_length() {
    let mut stage = Stage::new(|_| ());
    let member = stage.open("/ws");
    let before = stage.reactor.metrics().loop_turn.sum_micros();
    stop_midway(&mut stage, member);
    let took = stage.reactor.metrics().loop_turn.sum_micros() - before;
    assert_eq!(took, HOUR.0 * 1000);
    let late = stage.client(frames::upgrade("/ws"));
    assert_eq!(stage.statuses(late), [503]);
    stage.wait(SECOND);
    assert!(!stage.is_ended(member));
    stage.open("/ws");
}

const DAYS: i64 = 24 * 3_600_000;

#[test]
fn a_wall_clock_that_jumps_moves_no_deadline() {
    for ahead in [-20_000 * DAYS, -DAYS, DAYS, 20_000 * DAYS] {
        let mut stage = Stage::new(|_| ());
        let silent = stage.open("/ws");
        let slow = stage.narrow_listeners(1, 10)[0];
        stage.publish(1, 0);
        let idle = stage.client("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(stage.statuses(idle), [200]);
        let asks = stage.client("GET /healthz HTTP/1.1\r\n");
        stage.wait(Millis(9900));
        stage.sim().set_wall_ahead(ahead);
        stage.wait(Millis(50));
        assert!(
            ![silent, slow, idle, asks]
                .iter()
                .any(|&client| stage.is_ended(client))
        );
        stage.wait(Millis(150));
        assert_eq!(
            (stage.is_ended(slow), stage.answer(asks).status),
            (true, 408)
        );
        stage.sim().set_wall_ahead(-ahead);
        stage.wait(Millis(49_700));
        assert!(!stage.is_ended(silent));
        stage.wait(Millis(300));
        assert_eq!(stage.close_code(silent), Some(4408));
        assert!(!stage.is_ended(idle));
        stage.wait(Millis::seconds(15));
        assert!(stage.is_ended(idle));
    }
}

#[test]
fn timestamps_follow_the_wall_clock() {
    let mut stage = Stage::new(|_| ());
    let client = stage.open("/ws");
    let mut told = |ahead: i64| {
        stage.sim().set_wall_ahead(ahead);
        stage.publish(1, 0);
        let frames = stage.frames(client);
        let event: serde_json::Value = serde_json::from_slice(&frames[0].payload).unwrap();
        event["timestamp"].as_str().unwrap()[..13].to_owned()
    };
    let hours = [0, 5, -5, 24].map(|hours| told(hours * 3_600_000));
    let expected = [
        "2026-01-01T00",
        "2026-01-01T05",
        "2025-12-31T19",
        "2026-01-02T00",
    ];
    assert_eq!(hours, expected);
    // Before 1970 there is nothing.
    assert_eq!(told(-30_000 * DAYS), "1970-01-01T00");
}

/// What a call of the rooms app is answered.
fn call(stage: &mut Stage, line: &str, headers: &str, body: &str) -> (u16, serde_json::Value) {
    let length = body.len();
    let client = stage.client(format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    ));
    let answer = stage.answer(client);
    stage.sim().reset(client);
    stage.settle();
    (
        answer.status,
        serde_json::from_str(&answer.body).unwrap_or_default(),
    )
}

#[test]
fn room_tokens_obey_the_wall_clock_and_rooms_the_process_s_own() {
    let mut stage = Stage::new(|_| ());
    let (status, room) = call(
        &mut stage,
        "POST /api/rooms",
        "",
        r#"{"display_name":"Ada"}"#,
    );
    assert_eq!(status, 201);
    let (code, token) = (
        room["code"].as_str().unwrap(),
        room["token"].as_str().unwrap(),
    );
    let line = format!("GET /api/rooms/{code}/messages");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    // 24 hours and half a minute on the wall: the token is over, and comes to life when the clock is set back.
    for (ahead, expected) in [
        (0, 200),
        (DAYS - 60_000, 200),
        (DAYS + 29_000, 200),
        (DAYS + 31_000, 401),
        (-DAYS, 200),
        (20_000 * DAYS, 401),
        (0, 200),
    ] {
        stage.sim().set_wall_ahead(ahead);
        let (status, _) = call(&mut stage, &line, &bearer, "");
        assert_eq!(status, expected, "{ahead} ms ahead");
    }
    // Somebody enters and leaves: from here on the room is empty.
    let id = room["player_id"].as_str().unwrap();
    let ada = stage.open(&format!("/ws/rooms/{code}?player_id={id}&token={token}"));
    stage.sim().reset(ada);
    stage.settle();
    // It has been empty for a day on the wall, and not by the clock of the process.
    stage.sim().set_wall_ahead(3 * DAYS);
    let join = format!("POST /api/rooms/{code}/join");
    let (status, _) = call(&mut stage, &join, "", r#"{"display_name":"Bob"}"#);
    assert_eq!(status, 201);
    stage.sim().set_wall_ahead(-3 * DAYS);
    stage.wait(Millis(DAYS as u64 - 60_000));
    let (status, _) = call(&mut stage, &join, "", r#"{"display_name":"Cleo"}"#);
    assert_eq!(status, 201);
    stage.wait(Millis(120_000));
    let (status, _) = call(&mut stage, &join, "", r#"{"display_name":"Dan"}"#);
    assert_eq!(status, 404);
}

#[test]
fn records_survive_a_wall_clock_that_jumps() {
    let mut stage = Stage::new(|_| ());
    let mut ids = Vec::new();
    for ahead in [0, 5 * DAYS, -5 * DAYS, -30_000 * DAYS, 20_000 * DAYS, 0] {
        stage.sim().set_wall_ahead(ahead);
        let body = r#"{"repository":"a","title":"t"}"#;
        let (status, task) = call(&mut stage, "POST /api/v1/tasks", "", body);
        assert_eq!(status, 201);
        ids.push(task["id"].as_str().unwrap().to_owned());
        let (status, _) = call(&mut stage, "POST /api/v1/sessions", "", "{}");
        assert_eq!(status, 201);
    }
    // Oldest first, which is the order in which they came and not what the wall said.
    let (_, listed) = call(&mut stage, "GET /api/v1/tasks", "", "");
    let listed: Vec<&str> = listed["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| task["id"].as_str().unwrap())
        .collect();
    assert_eq!(listed, ids);
    let (status, _) = call(
        &mut stage,
        &format!("PATCH /api/v1/tasks/{}", ids[0]),
        "",
        r#"{"title":"u"}"#,
    );
    assert_eq!(status, 200);
}

#[test]
fn a_member_hears_events_whatever_the_clocks_do() {
    let mut stage = Stage::new(|_| ());
    let client = stage.open("/ws");
    for number in 0..50 {
        stage.sim().set_wall_ahead((number - 25) * 700 * DAYS);
        if number % 3 == 0 {
            stop(&mut stage);
        }
        stage.send(client, text("I am here"));
        assert_eq!(stage.publish(number, 0), 1);
        assert_eq!(stage.events(client), [number]);
    }
}
