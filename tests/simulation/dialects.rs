//! Scenarios of each dialect: what a client hears that does not read while its app has more to say than a queue takes.

use super::network::Client;
use roomcast::bounds::{Bounds, OnFull};
use roomcast::id::AppId;
use roomcast::time::Millis;
use serde_json::{Value, json};

use crate::model::runs::rules::KEY;
use crate::model::wire::frames::{self, PONG, TEXT, frame};
use crate::stage::{Stage, text};

/// A queue of two messages in every app.
fn two_messages(bounds: &mut Bounds) {
    for app in AppId::ALL {
        bounds.app_mut(app).queue.messages_max = 2;
    }
}

/// Asks with a key, and gives the body of an answer that is no error.
fn call(stage: &mut Stage, method: &str, path: &str, body: &Value) -> Value {
    let body = body.to_string();
    let length = body.len();
    let client = stage.client(format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    let answer = stage.answer(client);
    assert!(answer.status < 300, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap_or_default()
}

/// Everything a client was told, by its type.
fn told(stage: &mut Stage, client: Client) -> Vec<Value> {
    let frames = stage.frames(client);
    let texts = frames.iter().filter(|frame| frame.opcode == TEXT);
    texts
        .map(|frame| serde_json::from_slice(&frame.payload).unwrap())
        .collect()
}

/// Lets a client, which has read nothing for a while, read everything.
fn reads_again(stage: &mut Stage, client: Client) -> Vec<Value> {
    stage.sim().resize(client, 1 << 20);
    stage.settle();
    told(stage, client)
}

fn keyed(path: &str) -> String {
    format!("{path}?version=1.0&api_key={}", KEY.replace(' ', "%20"))
}

#[test]
fn a_member_who_is_never_read_to_the_end_hears_the_pings_of_its_app() {
    let mut stage = Stage::new(|_| ());
    let client = stage.open(&keyed("/api/v1/tasks/ws"));
    let is_pinged = |stage: &mut Stage| {
        told(stage, client)
            .iter()
            .any(|said| said["type"] == "ping")
    };
    // The first comes within an interval, and the others after an interval each.
    while !is_pinged(&mut stage) {
        stage.wait(Millis(100));
    }
    stage.wait(Millis(29_500));
    let flood = frame(true, PONG, b"").repeat(200_000);
    stage.sim().send(client, &flood);
    let mut waited = 0;
    while !is_pinged(&mut stage) {
        stage.sim().pass(Millis(1));
        stage.turn();
        assert!(stage.reactor.is_busy(), "the flood goes on");
        waited += 1;
    }
    assert!((300..=600).contains(&waited), "pinged after {waited} ms");
}

/// How many of these clients were pinged by their app in each second, for so long.
fn pings(stage: &mut Stage, clients: &[Client], seconds: usize) -> Vec<usize> {
    let pinged = |stage: &mut Stage, client: &Client| {
        let said = told(stage, *client);
        said.iter().filter(|said| said["type"] == "ping").count()
    };
    let mut second = |_| {
        stage.wait(Millis::seconds(1));
        clients.iter().map(|client| pinged(stage, client)).sum()
    };
    (0..seconds).map(&mut second).collect()
}

#[test]
fn clients_that_came_as_soon_as_the_server_had_started_are_never_pinged_together() {
    let mut stage = Stage::new(|bounds| bounds.pong_timeout = Millis::seconds(600));
    let path = keyed("/api/v1/tasks/ws");
    let clients: Vec<Client> = (0..60).map(|_| stage.open(&path)).collect();
    let pings = pings(&mut stage, &clients, 150);
    for interval in pings.chunks(30).skip(1) {
        assert_eq!(interval.iter().sum::<usize>(), 60, "each once: {pings:?}");
        let busiest = interval.iter().max().unwrap();
        assert!(*busiest < 15, "{busiest} in one second: {pings:?}");
    }
}

#[test]
fn a_slow_client_of_tasks_is_told_how_many_changes_it_missed() {
    let mut stage = Stage::forgetful(two_messages);
    let client = stage.open(&keyed("/api/v1/tasks/ws"));
    stage.send(
        client,
        text(r#"{"type":"subscribe","data":{"repositories":["*","web"]}}"#),
    );
    assert_eq!(told(&mut stage, client)[0]["type"], "subscribed");
    stage.sim().resize(client, 10);
    for number in 0..5 {
        let task = json!({"repository": "web", "title": format!("task {number}")});
        call(&mut stage, "POST", "/api/v1/tasks", &task);
    }
    let told = reads_again(&mut stage, client);
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[1]["type"], "lagged");
    assert_eq!(
        told[1]["data"],
        json!({"missed": 3, "since": told[0]["position"]})
    );
    assert_eq!(told[2]["data"]["task"]["title"], "task 4");
}

#[test]
fn a_slow_client_of_the_stream_is_told_of_every_message_of_a_batch_that_it_missed() {
    let mut stage = Stage::forgetful(two_messages);
    let client = stage.open("/v1/stream");
    stage.send(
        client,
        text(r#"{"action":"subscribe","channels":["newTxs"]}"#),
    );
    stage.sim().resize(client, 10);
    let tx = |number: u64| json!({"hash": format!("0x{number}"), "from_addr": "0xf", "value_wei": "1", "block_height": number});
    for first in [0, 10, 20, 30] {
        let batch: Vec<Value> = (first..first + 5).map(tx).collect();
        call(&mut stage, "POST", "/v1/txs", &Value::from(batch));
    }
    let told = reads_again(&mut stage, client);
    let hashes: Vec<&str> = told
        .iter()
        .filter_map(|message| message["data"]["hash"].as_str())
        .collect();
    assert_eq!(
        hashes,
        [
            "0x0", "0x1", "0x2", "0x3", "0x4", "0x30", "0x31", "0x32", "0x33", "0x34"
        ]
    );
    assert_eq!(
        told[5],
        json!({"type": "lagged", "data": {"missed": 10, "since": told[4]["position"]}})
    );
}

#[test]
fn what_another_client_is_too_far_behind_for_is_no_reason_to_miss_anything() {
    let mut stage = Stage::new(|bounds| {
        let stream = bounds.app_mut(AppId::Stream);
        stream.queue.bytes_max = 2000;
        (stream.history.bytes_max, stream.history.total_max) = (30_000, 30_000);
    });
    let [behind, within] = ["newTxs", "newBlocks"].map(|channel| {
        let client = stage.open("/v1/stream");
        let said = json!({"action": "subscribe", "channels": [channel]});
        stage.send(client, text(&said.to_string()));
        stage.sim().resize(client, 10);
        client
    });
    let block = |number: u64| json!({"height": number, "hash": format!("0x{number}"), "tx_count": 0, "timestamp": 7, "miner": "m", "gas_used": 0});
    let tx = |number: u64| json!({"hash": format!("0x{number}"), "from_addr": "0xf", "value_wei": "1", "block_height": number});
    // The first has begun to go out, and the second waits.
    for number in 1..=2 {
        call(&mut stage, "POST", "/v1/blocks", &block(number));
    }
    for number in 0..200 {
        call(&mut stage, "POST", "/v1/txs", &tx(number));
    }
    // What makes the log of both too long is what the other has waited for, as far as the history reached.
    let batch: Vec<Value> = (200..300).map(tx).collect();
    call(&mut stage, "POST", "/v1/txs", &Value::from(batch));
    let is_lagged = |message: &Value| message["type"] == "lagged";
    assert!(reads_again(&mut stage, behind).iter().any(is_lagged));
    let told = reads_again(&mut stage, within);
    let blocks: Vec<&Value> = told
        .iter()
        .map(|message| &message["data"]["hash"])
        .collect();
    assert_eq!(blocks, ["0x1", "0x2"]);
}

#[test]
fn a_slow_player_is_told_how_many_events_of_the_room_it_missed() {
    let mut stage = Stage::forgetful(two_messages);
    let player = call(
        &mut stage,
        "POST",
        "/api/rooms",
        &json!({"display_name": "Ada"}),
    );
    let field = |name: &str| player[name].as_str().unwrap().to_owned();
    let (code, id, token) = (field("code"), field("player_id"), field("token"));
    let client = stage.open(&format!("/ws/rooms/{code}?player_id={id}&token={token}"));
    stage.sim().resize(client, 10);
    for number in 0..4 {
        let event = json!({"event": "tick", "payload": {"n": number}});
        call(
            &mut stage,
            "POST",
            &format!("/api/rooms/{code}/events"),
            &event,
        );
    }
    let told = reads_again(&mut stage, client);
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(
        told[1],
        json!({"type": "state", "event": "lagged", "payload": {"missed": 2, "since": told[0]["position"]}})
    );
    assert_eq!(told[2]["payload"], json!({"n": 3}));
}

/// A subscriber whose queue is full of one message, and the path of its session.
fn slow_subscriber(stage: &mut Stage) -> (Client, String) {
    let session = call(stage, "POST", "/api/v1/sessions", &json!({}));
    let path = format!(
        "/api/v1/sessions/{}",
        session["session_id"].as_str().unwrap()
    );
    let client = stage.open(&keyed(&format!("{path}/ws")));
    stage.sim().resize(client, 10);
    call(
        stage,
        "POST",
        &format!("{path}/status"),
        &json!({"status": "opened"}),
    );
    call(
        stage,
        "POST",
        &format!("{path}/status"),
        &json!({"status": "action_started"}),
    );
    (client, path)
}

#[test]
fn a_status_that_does_not_fit_ends_a_session_s_subscriber_with_1013_behind_what_waits() {
    let mut stage = Stage::new(|bounds| bounds.app_mut(AppId::Sessions).queue.messages_max = 1);
    let (client, path) = slow_subscriber(&mut stage);
    stage.sim().resize(client, 1 << 20);
    stage.settle();
    let frames = stage.frames(client);
    assert_eq!(frames.len(), 2);
    assert!(String::from_utf8_lossy(&frames[0].payload).contains("\"opened\""));
    assert_eq!(frames::close_code(&frames[1].payload), Ok(1013));
    // Whoever comes back hears how things stand.
    let client = stage.sim().connect();
    stage.send(client, frames::upgrade(&keyed(&format!("{path}/ws"))));
    let bytes = stage.sim().receive(client, usize::MAX);
    assert!(String::from_utf8_lossy(&bytes).contains("\"action_started\""));
}

#[test]
fn under_the_policy_drop_a_session_s_subscriber_is_told_and_still_hears_the_completion() {
    let mut stage = Stage::new(|bounds| {
        let sessions = bounds.app_mut(AppId::Sessions);
        (sessions.queue.messages_max, sessions.queue.on_full) = (1, OnFull::Drop);
    });
    let (client, path) = slow_subscriber(&mut stage);
    call(
        &mut stage,
        "POST",
        &format!("{path}/result"),
        &json!({"paid": true}),
    );
    let told = reads_again(&mut stage, client);
    let types: Vec<&str> = told
        .iter()
        .filter_map(|message| message["type"].as_str())
        .collect();
    assert_eq!(types, ["status_update", "lagged", "completed"]);
    assert_eq!(told[1]["missed"], 1);
}
