//! Scenarios of what is too much for one turn: it is done a slice at a time, and everybody else is served as ever.
//!
//! All is counted in turns, and in what a turn does; no time passes.

use crate::network::Client;
use roomcast::id::AppId;
use roomcast::work;
use serde_json::{Value, json};

use crate::model::runs::rules::KEY;
use crate::model::wire::answers;
use crate::model::wire::deflate::compress;
use crate::model::wire::frames::{self, TEXT, frame};
use crate::stage::{Stage, request, text};

/// An empty block of DEFLATE, stored.
const EMPTY_BLOCK: [u8; 5] = [0, 0, 0, 0xff, 0xff];

fn stage() -> Stage {
    Stage::new(|bounds| bounds.connections_max = 4096)
}

/// Turns until it is known of some strangers what work they make: until then they are served like everybody else.
fn shows_who_they_are(stage: &mut Stage) {
    (0..16).for_each(|_| stage.turn());
}

/// Until there is nothing left to do, a message of this client's is answered in the turn behind it; how many turns.
pub fn serves_meanwhile(stage: &mut Stage, ordinary: Client) -> u32 {
    let mut turns = 0;
    while stage.reactor.is_busy() || stage.reactor.transport().is_restless() {
        stage.sim().send(ordinary, &text("hello"));
        stage.turn();
        assert_eq!(stage.frames_at_hand(ordinary), 1, "after {turns} turns");
        turns += 1;
        assert!(turns < 100_000, "it never ends");
    }
    turns
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n\r\n")
}

fn post(path: &str, body: &Value) -> String {
    let (body, key) = (body.to_string(), KEY);
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn keyed(path: &str) -> String {
    format!("{path}?version=1.0&api_key={}", KEY.replace(' ', "%20"))
}

/// Clients that may send compressed messages.
fn compressing(stage: &mut Stage, path: &str, count: usize) -> Vec<Client> {
    let upgrade = frames::upgrade_with(path, "permessage-deflate");
    let mut open = |_| {
        let client = stage.client(&upgrade);
        assert_eq!(stage.answer(client).status, 101);
        client
    };
    (0..count).map(&mut open).collect()
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut message = frame(true, TEXT, bytes);
    message[0] |= 0x40;
    message
}

#[test]
fn a_large_room_is_told_in_slices_and_each_member_in_one_write() {
    let mut stage = stage();
    let listeners = stage.listeners(3000);
    let ordinary = stage.open("/echo");
    let publisher = stage.client("");
    let before = stage.reactor.transport().writes();
    stage.sim().send(publisher, request(1, 0).as_bytes());
    stage.sim().send(publisher, request(2, 0).as_bytes());
    let turns = serves_meanwhile(&mut stage, ordinary);
    assert!((3..=6).contains(&turns), "{turns} turns");
    let writes = stage.reactor.transport().writes() - before;
    // Each member once, and the answers to the ordinary client and the publisher.
    assert!(writes <= 3000 + u64::from(turns) + 2, "{writes} writes");
    for listener in listeners {
        assert_eq!(stage.events(listener), [1, 2]);
    }
}

#[test]
fn what_is_published_while_a_room_is_half_told_waits_and_is_told_together() {
    let mut stage = stage();
    let listeners = stage.listeners(3000);
    let publishers: Vec<Client> = (0..5).map(|_| stage.client("")).collect();
    stage.sim().send(publishers[0], request(0, 0).as_bytes());
    stage.turn();
    let before = stage.reactor.transport().writes();
    for (number, &publisher) in publishers.iter().enumerate().skip(1) {
        stage
            .sim()
            .send(publisher, request(number as i64, 0).as_bytes());
    }
    stage.settle();
    let writes = stage.reactor.transport().writes() - before;
    assert!(writes < 2 * 3000, "{writes} writes");
    for listener in listeners {
        let mut events = stage.events(listener);
        assert_eq!(events.remove(0), 0);
        events.sort_unstable();
        assert_eq!(events, [1, 2, 3, 4]);
    }
    for publisher in publishers {
        assert_eq!(stage.statuses(publisher), [202]);
    }
}

#[test]
fn another_room_is_told_while_a_large_one_is() {
    let mut stage = stage();
    let _listeners = stage.listeners(3000);
    let task_client = stage.open(&keyed("/api/v1/tasks/ws"));
    let subscribe = r#"{"type":"subscribe","data":{"repositories":["*"]}}"#;
    stage.send(task_client, text(subscribe));
    assert_eq!(stage.frames(task_client).len(), 1);
    let (one, other) = (stage.client(""), stage.client(""));
    stage.sim().send(one, request(1, 0).as_bytes());
    stage.turn();
    let task = json!({"repository": "web", "title": "t"});
    stage
        .sim()
        .send(other, post("/api/v1/tasks", &task).as_bytes());
    stage.turn();
    assert!(stage.reactor.is_busy(), "the large one is half told");
    assert_eq!(stage.frames_at_hand(task_client), 1);
}

#[test]
fn one_apps_short_queues_hold_up_no_other_apps_publishers() {
    let turns = |messages_max: u32| {
        let mut stage = Stage::new(|bounds| {
            bounds.app_mut(AppId::Rooms).queue.messages_max = messages_max;
            bounds.app_mut(AppId::Rooms).enabled = messages_max > 1;
        });
        stage.listeners(3);
        let publisher = stage.client("");
        let burst: String = (0..60).map(|number| request(number, 0)).collect();
        let before = stage.reactor.metrics().loop_turn.count();
        stage.send(publisher, burst);
        stage.reactor.metrics().loop_turn.count() - before
    };
    assert_eq!(turns(256), turns(2));
    assert_eq!(turns(256), turns(1));
}

#[test]
fn listings_look_through_all_tasks_over_many_turns_and_find_what_is_there() {
    let mut stage = stage();
    let ordinary = stage.open("/echo");
    let publisher = stage.client("");
    for number in 0..20_000 {
        let repository = if number % 10_000 == 9999 {
            "rare"
        } else {
            "web"
        };
        let task = json!({"repository": repository, "title": number.to_string()});
        let task = post("/api/v1/tasks", &task);
        stage.sim().send(publisher, task.as_bytes());
        if number % 100 == 99 {
            stage.settle();
            assert_eq!(stage.statuses(publisher), [201; 100]);
        }
    }
    let asks = stage.client("");
    let listing = get("/api/v1/tasks?repository=rare");
    stage.sim().send(asks, listing.repeat(20).as_bytes());
    let turns = serves_meanwhile(&mut stage, ordinary);
    assert!(turns > 20, "20 listings of 20,000 tasks took {turns} turns");
    let bytes = stage.sim().receive(asks, usize::MAX);
    let answer = answers::read(&bytes, false).unwrap().unwrap();
    assert_eq!(bytes, bytes[..answer.bytes].repeat(20));
    let page: Value = serde_json::from_str(&answer.body).unwrap();
    let tasks = page["tasks"].as_array().unwrap();
    let titles: Vec<&Value> = tasks.iter().map(|task| &task["title"]).collect();
    assert_eq!(titles, ["9999", "19999"]);
    assert_eq!(page["next"], Value::Null);
}

#[test]
fn a_listing_goes_on_with_the_next_request_behind_it_once_it_has_ended() {
    let mut stage = Stage::forgetful(|bounds| bounds.connections_max = 4096);
    let publisher = stage.client("");
    for number in 0..12_000 {
        let task = json!({"repository": "web", "title": number.to_string()});
        let task = post("/api/v1/tasks", &task);
        stage.sim().send(publisher, task.as_bytes());
        if number % 100 == 99 {
            stage.settle();
            stage.sim().receive(publisher, usize::MAX);
        }
    }
    let asks = stage.client("");
    let rare = get("/api/v1/tasks?repository=none");
    let both = format!("{rare}{}", get("/healthz"));
    // The second half comes while the first is looked for, and the client is gone in the middle of another.
    stage.sim().send(asks, &both.as_bytes()[..rare.len() + 9]);
    stage.turn();
    stage.turn();
    assert_eq!(stage.sim().unread(asks), 0);
    stage.sim().send(asks, &both.as_bytes()[rare.len() + 9..]);
    stage.settle();
    assert_eq!(stage.statuses(asks), [200, 200]);
    stage.sim().send(asks, rare.as_bytes());
    stage.turn();
    stage.sim().reset(asks);
    stage.settle();
    assert_eq!(stage.reactor.budgeted_bytes(), 0);
}

#[test]
fn a_client_that_asks_and_does_not_read_is_answered_once_and_then_waits() {
    let mut stage = stage();
    let client = stage.open(&keyed("/api/v1/tasks/ws"));
    let conn = stage.sim().conn(client).unwrap();
    let names: Vec<String> = (0..1000).map(|n| format!("{n:0>200}")).collect();
    let subscribe = json!({"type": "subscribe", "data": {"repositories": names}});
    stage.send(client, text(&subscribe.to_string()));
    let answer = stage.frames(client)[0].payload.len() as u64;
    stage.sim().resize(client, 1000);
    let ask = text(r#"{"type":"unsubscribe","data":{"repositories":[]}}"#);
    stage.send(client, ask.repeat(127));
    let waits = stage.reactor.backlog_bytes(conn);
    assert!(waits < 2 * answer, "{waits} bytes wait");
    stage.sim().resize(client, 1 << 20);
    let mut answers = 0;
    while answers < 127 {
        stage.settle();
        let got = stage.frames(client).len();
        assert!(got > 0, "{answers} answers came");
        answers += got;
    }
    assert_eq!(answers, 127);
}

#[test]
fn empty_blocks_are_inflated_in_slices_whoever_sends_them() {
    let mut stage = stage();
    let ordinary = stage.open("/echo");
    let strangers = compressing(&mut stage, "/ws", 64);
    // And what is left of the last one without the tail that is not sent.
    let message = compressed(&[EMPTY_BLOCK.repeat(100_000), vec![0]].concat());
    let before = stage.reactor.metrics().messages_received[AppId::Events as usize];
    let (most, rest) = message.split_at(message.len() - 10);
    for &stranger in &strangers {
        stage.sim().send(stranger, most);
    }
    stage.settle();
    for &stranger in &strangers {
        stage.sim().send(stranger, rest);
    }
    shows_who_they_are(&mut stage);
    let turns = serves_meanwhile(&mut stage, ordinary);
    assert!(turns > 30, "{turns} turns for 32 MB of blocks");
    let after = stage.reactor.metrics().messages_received[AppId::Events as usize];
    assert_eq!(after - before, 64);
    assert!(strangers.iter().all(|stranger| !stage.is_ended(*stranger)));
}

#[test]
fn a_list_of_channels_is_read_no_further_than_it_may_be_long() {
    let mut stage = Stage::new(|bounds| {
        bounds.app_mut(AppId::Stream).connections_per_minute = 0;
        bounds.app_mut(AppId::Stream).message_bytes_max = 1 << 20;
    });
    let ordinary = stage.open("/echo");
    let strangers = compressing(&mut stage, "/v1/stream", 10);
    let names = vec![""; 300_000];
    let bomb = json!({"action": "subscribe", "channels": names}).to_string();
    let bomb = compressed(&compress(bomb.as_bytes()));
    for &stranger in &strangers {
        stage.sim().send(stranger, &bomb.repeat(5));
    }
    shows_who_they_are(&mut stage);
    serves_meanwhile(&mut stage, ordinary);
    // Sixteen are looked at, and one more is one too many.
    for (count, receivers) in [(16, 1), (17, 0)] {
        let client = compressing(&mut stage, "/v1/stream", 1)[0];
        let said = json!({"action": "subscribe", "channels": vec!["newBlocks"; count]});
        stage.send(client, text(&said.to_string()));
        let block = json!({"height": 1, "hash": "h", "tx_count": 0, "timestamp": 1, "miner": "m", "gas_used": 0});
        let publisher = stage.client(post("/v1/blocks", &block));
        assert_eq!(stage.statuses(publisher), [202]);
        assert_eq!(stage.frames(client).len(), receivers, "{count} channels");
        stage.sim().reset(client);
        stage.settle();
    }
}

#[test]
fn a_long_message_is_compressed_in_slices_and_those_who_take_it_plain_do_not_wait() {
    let mut stage = stage();
    let ordinary = stage.open("/echo");
    let packed = compressing(&mut stage, "/ws", 3);
    let plain = stage.open("/ws");
    for &client in packed.iter().chain([&plain]) {
        stage.sim().resize(client, 1 << 30);
    }
    let publisher = stage.client("");
    stage.sim().send(publisher, request(1, 900_000).as_bytes());
    stage.turn();
    stage.turn();
    let unread = |stage: &mut Stage, client| stage.sim().unread(client);
    assert!(unread(&mut stage, plain) > 900_000);
    assert_eq!(unread(&mut stage, packed[0]), 0);
    let turns = serves_meanwhile(&mut stage, ordinary);
    assert!(turns > 10, "{turns} turns for 900 kB");
    for client in packed {
        let bytes = unread(&mut stage, client);
        assert!((1..50_000).contains(&bytes), "{bytes} bytes");
    }
}

#[test]
fn a_long_message_is_compressed_no_faster_than_is_paid_for() {
    let slice = (64 << 10) * work::PACKED;
    let mut stage = Stage::new(|bounds| bounds.turn.flush = slice / 8);
    let packed = compressing(&mut stage, "/ws", 1)[0];
    stage.settle();
    let before = stage.sim().unread(packed);
    let publisher = stage.client("");
    stage.sim().send(publisher, request(1, 900_000).as_bytes());
    let mut turns = 0;
    while stage.sim().unread(packed) == before {
        stage.turn();
        let purse = stage.reactor.work().purse(work::Phase::Flush);
        assert!(
            purse + 2 * slice as i64 > 0,
            "{purse} is still to be paid off"
        );
        turns += 1;
        assert!(turns < 100_000, "it never ends");
    }
}

#[test]
fn a_client_that_takes_no_large_window_is_sent_plain_messages() {
    for (bits, is_packed) in [(8, false), (9, false), (14, false), (15, true)] {
        let mut stage = stage();
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        let client = stage.client(frames::upgrade_with("/ws", &offer));
        let answer = stage.answer(client);
        let agreed = answer.header("sec-websocket-extensions").unwrap();
        let named = format!("server_max_window_bits={bits}");
        assert!(agreed.contains(&named), "{agreed}");
        stage.publish(1, 5000);
        let bytes = stage.sim().receive(client, usize::MAX);
        assert_eq!(bytes.len() < 2000, is_packed, "{bits} bits");
    }
}
