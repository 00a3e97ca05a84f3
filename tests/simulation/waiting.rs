//! Scenarios of those who wait: for what others have published, for what is packed, and for who asks for much. Everybody
//! has a turn, and nobody's turn is longer for it.

use super::network::Client;
use roomcast::id::AppId;
use roomcast::time::Millis;
use roomcast::work;
use serde_json::{Value, json};

use crate::model::runs::rules::KEY;
use crate::model::wire::frames;
use crate::stage::{Stage, request, text};

/// A call with a key.
fn keyed(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// The members of a room that many are in, and its number of messages so far.
struct Room {
    members: Vec<Client>,
    told: usize,
}

impl Room {
    fn new(stage: &mut Stage, members: usize) -> Room {
        let key = format!("X-API-Key: {KEY}\r\n");
        let (mut path, mut clients) = (String::from("/api/rooms"), Vec::new());
        let mut code = None;
        for number in 0..members {
            let body = json!({"display_name": number.to_string()}).to_string();
            let answer = stage.ask("POST", &path, &key, &body);
            let player: Value = serde_json::from_str(&answer.body).unwrap();
            let code = code.get_or_insert_with(|| player["code"].as_str().unwrap().to_owned());
            path = format!("/api/rooms/{code}/join");
            let (id, token) = (&player["player_id"], &player["token"]);
            let (id, token) = (id.as_str().unwrap(), token.as_str().unwrap());
            clients.push(stage.open(&format!("/ws/rooms/{code}?player_id={id}&token={token}")));
        }
        stage.settle();
        for &client in &clients {
            stage.frames(client);
            stage.sim().resize(client, 1 << 30);
        }
        Room {
            members: clients,
            told: 0,
        }
    }

    fn says(&self, stage: &mut Stage, member: usize) {
        let chat = r#"{"type":"chat","payload":{"message":"hello"}}"#;
        stage.sim().send(self.members[member], &text(chat));
    }

    /// Whether all members have got what was said since this was last so; then they have read it.
    fn is_told(&mut self, stage: &mut Stage) -> bool {
        let is_told = |client: &Client| stage.reactor.transport().unread(*client) > 0;
        let is_told = self.members.iter().all(is_told);
        if is_told {
            self.told += 1;
            let members = self.members.iter();
            members.for_each(|client| drop(stage.sim().receive(*client, usize::MAX)));
        }
        is_told
    }
}

#[test]
fn who_speaks_in_a_room_does_not_wait_for_what_is_told_to_others_again_and_again() {
    let mut stage = Stage::new(|bounds| {
        bounds.connections_max = 200;
        bounds.turn.flush = 10 * work::WRITE;
    });
    let [mut one, mut other, room] = [40, 40, 40].map(|many| Room::new(&mut stage, many));
    one.says(&mut stage, 0);
    stage.turn();
    stage.turn();
    other.says(&mut stage, 0);
    room.says(&mut stage, 0);
    stage.turn();
    stage.turn();
    // It is being told what the first has said, so this has to wait.
    room.says(&mut stage, 1);
    for _ in 0..50 {
        stage.turn();
        for loud in [&mut one, &mut other] {
            if loud.is_told(&mut stage) {
                let member = loud.told % loud.members.len();
                loud.says(&mut stage, member);
            }
        }
    }
    assert!(one.told >= 4 && other.told >= 4);
    assert_eq!(stage.frames_at_hand(room.members[9]), 2);
}

#[test]
fn a_publisher_that_waits_comes_before_those_who_have_published_since() {
    let mut stage = Stage::new(|bounds| bounds.app_mut(AppId::Events).queue.messages_max = 16);
    let listeners = stage.listeners(2);
    let mut publishers: Vec<_> = (0..20).map(|_| (stage.client(""), 0)).collect();
    for (publisher, _) in &publishers {
        stage.sim().send(*publisher, request(1, 0).as_bytes());
    }
    for _ in 0..200 {
        stage.turn();
        for (publisher, answers) in &mut publishers {
            if stage.sim().unread(*publisher) > 0 {
                stage.answer(*publisher);
                *answers += 1;
                stage.sim().send(*publisher, request(1, 0).as_bytes());
            }
        }
        for &listener in &listeners {
            stage.sim().receive(listener, usize::MAX);
        }
    }
    let answers: Vec<u32> = publishers.iter().map(|(_, answers)| *answers).collect();
    assert!(answers.iter().all(|&each| each > 40), "{answers:?}");
}

#[test]
fn what_is_published_waits_for_what_is_packed() {
    const EVENTS: usize = 30;
    const EVENT_BYTES: usize = 900_000;
    let mut stage = Stage::new(|_| {});
    let listener = stage.client(frames::upgrade_with("/ws", "permessage-deflate"));
    assert_eq!(stage.answer(listener).status, 101);
    stage.sim().resize(listener, 1 << 30);
    let conn = stage.sim().conn(listener).unwrap();
    let publisher = stage.client("");
    let events = request(1, EVENT_BYTES).repeat(EVENTS);
    stage.sim().send(publisher, events.as_bytes());
    let mut most = 0;
    while stage.reactor.is_busy() || stage.reactor.transport().is_restless() {
        stage.turn();
        most = most.max(stage.reactor.backlog_bytes(conn));
    }
    assert_eq!(stage.statuses(publisher), [202; EVENTS]);
    let (bytes, mut at) = (stage.sim().receive(listener, usize::MAX), 0);
    let events = std::iter::from_fn(|| {
        let event = frames::read(&bytes[at..], 15).unwrap()?;
        at += event.bytes;
        (event.opcode == frames::TEXT).then_some(event)
    });
    assert_eq!(events.count(), EVENTS);
    assert!(most < 3 * EVENT_BYTES as u64, "{most} bytes waited");
}

#[test]
fn a_look_through_many_tasks_costs_no_more_for_what_came_with_the_request() {
    const TASKS: usize = 500;
    let mut stage = Stage::new(|_| {});
    let client = stage.client("");
    stage.sim().resize(client, 1 << 30);
    let task = keyed("POST", "/api/v1/tasks", r#"{"repository":"a","title":"t"}"#);
    stage.send(client, task.repeat(TASKS));
    assert_eq!(stage.statuses(client), [201; TASKS]);
    let path = "/api/v1/tasks?repository=b";
    stage
        .sim()
        .send(client, keyed("GET", path, &" ".repeat(900_000)).as_bytes());
    let mut turns = 0;
    while stage.sim().unread(client) == 0 {
        stage.turn();
        turns += 1;
        assert!(turns < 100, "the tasks are looked through in {turns} turns");
    }
    assert_eq!(stage.statuses(client), [200]);
}

#[test]
fn what_is_forgotten_is_paid_for_by_the_turn_that_forgets_it() {
    const ROOMS: usize = 100;
    let mut stage = Stage::new(|bounds| {
        let turn = &mut bounds.turn;
        turn.serve = 40_000;
        turn.tick = 10_000;
        bounds.keep_alive = Millis(u64::MAX);
        bounds.header_timeout = Millis(u64::MAX);
    });
    let clients: Vec<Client> = (0..20).map(|_| stage.client("")).collect();
    let made = keyed("POST", "/api/rooms", r#"{"display_name":"Ada"}"#);
    stage.send(clients[0], made.repeat(ROOMS));
    assert_eq!(stage.statuses(clients[0]), [201; ROOMS]);
    stage.wait(Millis::seconds(15 * 60 - 1));
    stage.sim().pass(Millis::seconds(2));
    for &client in &clients {
        let asks = keyed("GET", "/api/rooms/ABCDEF/messages", "");
        stage.sim().send(client, asks.as_bytes());
    }
    let kept = |stage: &Stage| stage.reactor.metrics().records[AppId::Rooms as usize];
    let mut before = kept(&stage);
    assert_eq!(before, ROOMS as u64);
    while before > 0 {
        stage.turn();
        let forgotten = before - kept(&stage);
        assert!(forgotten <= 32, "{forgotten} in one turn");
        before -= forgotten;
    }
}

#[test]
fn who_is_late_and_asks_at_the_last_moment_is_served_turn_by_turn() {
    let mut stage = Stage::new(|_| {});
    let body = " ".repeat(100_000);
    let asks = keyed("POST", "/api/v1/events", &body);
    let (begin, end) = asks.split_at(asks.len() - 1);
    let late: Vec<Client> = (0..60).map(|_| stage.client(begin)).collect();
    stage.wait(Millis(9_900));
    stage.sim().set_events_max(1);
    stage.sim().pass(Millis(200));
    for &client in &late {
        stage.sim().send(client, end.as_bytes());
    }
    let answered = |stage: &Stage| {
        let has_answer = |client: &&Client| stage.reactor.transport().received(**client) > 0;
        late.iter().filter(has_answer).count()
    };
    let mut before = 0;
    while before < late.len() {
        stage.turn();
        let now = answered(&stage);
        assert!(now - before <= 8, "{} in one turn", now - before);
        before = now;
    }
    for &client in &late {
        assert_eq!(stage.statuses(client), [400]);
    }
}
