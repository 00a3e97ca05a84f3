//! Scenarios of clients that come back, or catch up where they are: what they are sent, what is lost, and what they are told
//! of that.

use super::network::Client;
use roomcast::bounds::{Bounds, OnFull};
use roomcast::id::AppId;
use roomcast::time::Millis;
use roomcast::work::Phase;
use serde_json::{Value, json};

use crate::model::runs::rules::KEY;
use crate::model::wire::frames::{self, TEXT};
use crate::stage::{Stage, text};

/// Asks with a key, and gives the body of an answer that is no error.
fn call(stage: &mut Stage, method: &str, path: &str, body: &Value) -> Value {
    let key = format!("X-API-Key: {KEY}\r\n");
    let answer = stage.ask(method, path, &key, &body.to_string());
    assert!(answer.status < 300, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap_or_default()
}

/// Everything that a client has been told.
fn told(stage: &mut Stage, client: Client) -> Vec<Value> {
    let frames = stage.frames(client);
    let texts = frames.iter().filter(|frame| frame.opcode == TEXT);
    let parsed = texts.map(|frame| serde_json::from_slice(&frame.payload).unwrap());
    parsed.collect()
}

fn says(stage: &mut Stage, client: Client, said: &Value) {
    stage.send(client, text(&said.to_string()));
}

/// A client that has read nothing for a while reads everything.
fn reads_again(stage: &mut Stage, client: Client) -> Vec<Value> {
    stage.sim().resize(client, 1 << 20);
    stage.settle();
    told(stage, client)
}

/// The number of a position.
fn number(position: &Value) -> u64 {
    let (_, number) = position.as_str().unwrap().split_once('-').unwrap();
    number.parse().unwrap()
}

/// The position of this number in the epoch of another.
fn at(position: &Value, number: u64) -> Value {
    let (epoch, _) = position.as_str().unwrap().split_once('-').unwrap();
    format!("{epoch}-{number}").into()
}

/// Queues of one message, and no history of what tasks tell.
fn one_message(bounds: &mut Bounds) {
    let tasks = bounds.app_mut(AppId::Tasks);
    tasks.queue.messages_max = 1;
    tasks.history.messages_max = 0;
}

/// A member of tasks.
struct Tasks {
    stage: Stage,
    client: Client,
}

impl Tasks {
    fn new(change: impl FnOnce(&mut Bounds)) -> Tasks {
        let mut stage = Stage::new(|bounds| {
            bounds.pong_timeout = Millis(u64::MAX);
            bounds.write_timeout = Millis::seconds(1000);
            bounds.app_mut(AppId::Tasks).ping_interval = Millis::seconds(10_000);
            change(bounds);
        });
        let path = "/api/v1/tasks/ws?version=1.0&api_key=a%20key%20of%20the%20simulation";
        let client = stage.open(path);
        Tasks { stage, client }
    }

    fn create(&mut self, repository: &str) {
        let task = json!({"repository": repository, "title": "t"});
        call(&mut self.stage, "POST", "/api/v1/tasks", &task);
    }

    fn subscribe(&mut self, repositories: &[&str], since: Option<&Value>) {
        let mut data = json!({"repositories": repositories});
        if let Some(since) = since {
            data["since"] = since.clone();
        }
        let said = json!({"type": "subscribe", "data": data});
        says(&mut self.stage, self.client, &said);
    }

    /// What the client is answered that subscribes and reads at once, and the messages behind that.
    fn subscribed(&mut self, repositories: &[&str], since: Option<&Value>) -> (Value, Vec<Value>) {
        self.subscribe(repositories, since);
        let mut told = told(&mut self.stage, self.client);
        assert_eq!(told[0]["type"], "subscribed", "{told:?}");
        let answer = told.remove(0)["data"].take();
        (answer, told)
    }

    /// The client is told of one gap: how many it missed, and since when.
    fn lag(&mut self, repository: &str) -> (u64, Value) {
        self.stage.sim().resize(self.client, 10);
        (0..3).for_each(|_| self.create(repository));
        let told = reads_again(&mut self.stage, self.client);
        let lagged = told.iter().find(|told| told["type"] == "lagged").unwrap();
        let data = &lagged["data"];
        (data["missed"].as_u64().unwrap(), data["since"].clone())
    }
}

#[test]
fn a_gap_that_is_forgotten_does_not_bring_back_the_time_before_the_subscription() {
    let mut tasks = Tasks::new(one_message);
    tasks.subscribed(&["web"], None);
    let (_, first) = tasks.lag("web");
    (0..5).for_each(|_| tasks.create("api"));
    let (answer, _) = tasks.subscribed(&["*"], None);
    let changed = number(&answer["position"]);
    for _ in 0..8 {
        tasks.lag("web");
    }
    // Between the first gap and the change it has heard nothing of the other repository.
    let since = at(&first, changed - 1);
    let (answer, sent) = tasks.subscribed(&["*"], Some(&since));
    assert_eq!(answer["resumed"], json!({"sent": 0, "missed": null}));
    assert!(sent.is_empty(), "{sent:?}");
}

#[test]
fn the_last_eight_gaps_are_answered_exactly_and_none_before_them() {
    let mut tasks = Tasks::new(one_message);
    tasks.subscribed(&["*"], None);
    let gaps: Vec<(u64, Value)> = (0..10).map(|_| tasks.lag("web")).collect();
    let (_, forgotten) = &gaps[1];
    tasks.subscribe(&["*"], Some(forgotten));
    let answer = told(&mut tasks.stage, tasks.client).remove(0);
    assert_eq!(answer["data"]["resumed"]["missed"], Value::Null);

    let mut tasks = Tasks::new(one_message);
    tasks.subscribed(&["*"], None);
    let gaps: Vec<(u64, Value)> = (0..10).map(|_| tasks.lag("web")).collect();
    let missed: u64 = gaps[2..].iter().map(|(missed, _)| missed).sum();
    let (answer, _) = tasks.subscribed(&["*"], Some(&gaps[2].1));
    assert_eq!(answer["resumed"], json!({"sent": 0, "missed": missed}));
    let (answer, _) = tasks.subscribed(&["*"], Some(&gaps[2].1));
    assert_eq!(
        answer["resumed"],
        json!({"sent": 0, "missed": 0}),
        "it is told once"
    );
}

#[test]
fn who_resumes_with_a_full_queue_is_told_the_outcome_before_what_follows() {
    let mut tasks = Tasks::new(|bounds| {
        let tasks = bounds.app_mut(AppId::Tasks);
        tasks.queue.messages_max = 1;
        tasks.history.age = Millis::seconds(5);
    });
    let (answer, _) = tasks.subscribed(&["web"], None);
    let since = answer["position"].clone();
    (0..3).for_each(|_| tasks.create("api"));
    tasks.stage.sim().resize(tasks.client, 10);
    (0..4).for_each(|_| tasks.create("web"));
    tasks.subscribe(&["web", "api"], Some(&since));
    let heard = reads_again(&mut tasks.stage, tasks.client);
    let numbers: Vec<u64> = heard
        .iter()
        .filter_map(|heard| heard.get("position").map(number))
        .collect();
    assert_eq!(numbers, [4, 5, 6, 7, 1, 2, 3]);
    assert_eq!(heard[4]["type"], "subscribed", "{heard:?}");
    assert_eq!(heard[4]["data"]["resumed"], json!({"sent": 3, "missed": 0}));
}

#[test]
fn what_was_to_be_replayed_and_is_kept_no_longer_is_told_behind_what_came_before_it() {
    let mut tasks = Tasks::new(|bounds| {
        let tasks = bounds.app_mut(AppId::Tasks);
        tasks.queue.messages_max = 1;
        tasks.history.age = Millis::seconds(5);
    });
    let (answer, _) = tasks.subscribed(&["web"], None);
    let since = answer["position"].clone();
    (0..3).for_each(|_| tasks.create("api"));
    tasks.stage.sim().resize(tasks.client, 10);
    (0..4).for_each(|_| tasks.create("web"));
    tasks.subscribe(&["web", "api"], Some(&since));
    tasks.stage.wait(Millis::seconds(10));
    let heard = reads_again(&mut tasks.stage, tasks.client);
    let gaps: Vec<&Value> = heard
        .iter()
        .filter(|heard| heard["type"] == "lagged")
        .map(|heard| &heard["data"])
        .collect();
    // Four has begun to go out. Of the others as many are skipped as are more than one.
    assert_eq!(
        gaps,
        [
            &json!({"missed": 3, "since": at(&since, 4)}),
            &json!({"missed": 3, "since": at(&since, 0)})
        ]
    );
}

#[test]
fn a_gap_of_which_something_is_kept_is_filled_once() {
    let mut stage = Stage::new(|bounds| {
        let events = bounds.app_mut(AppId::Events);
        (events.queue.messages_max, events.queue.on_full) = (2, OnFull::Latest);
        events.history.messages_max = 3;
    });
    let client = stage.narrow_listeners(1, 10)[0];
    (1..=6).for_each(|number| _ = stage.publish(number, 0));
    let heard = reads_again(&mut stage, client);
    let lagged = &heard[1];
    assert_eq!(lagged["type"], "connection:lagged", "{heard:?}");
    let since = &lagged["payload"]["since"];
    let missed = lagged["payload"]["missed"].as_u64().unwrap();
    assert_eq!(number(since), 1);
    let resume = json!({"type": "resume", "since": since});
    says(&mut stage, client, &resume);
    let heard = told(&mut stage, client);
    let kept: Vec<u64> = heard[1..]
        .iter()
        .map(|it| number(&it["position"]))
        .collect();
    let outcome = json!({"sent": kept.len(), "missed": missed - kept.len() as u64});
    assert_eq!(
        (&heard[0]["payload"], &heard[0]["type"]),
        (&outcome, &json!("connection:resumed"))
    );
    assert!(!kept.is_empty(), "{heard:?}");
    says(&mut stage, client, &resume);
    let heard = told(&mut stage, client);
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(heard[0]["payload"], json!({"sent": 0, "missed": 0}));
}

#[test]
fn what_is_missed_twice_is_lost_once() {
    let mut stage = Stage::new(|bounds| {
        let stream = bounds.app_mut(AppId::Stream);
        (stream.queue.messages_max, stream.queue.on_full) = (1, OnFull::Latest);
        stream.history.messages_max = 6;
    });
    let client = stage.open("/v1/stream");
    let subscribe = |channels: &[&str]| json!({"action": "subscribe", "channels": channels});
    let since = |channels: &[&str], position: &Value| {
        let mut said = subscribe(channels);
        said["since"] = position.clone();
        said
    };
    let block = |stage: &mut Stage| {
        let block = json!({"height": 1, "hash": "0x1", "tx_count": 0, "timestamp": 7, "miner": "m", "gas_used": 0});
        call(stage, "POST", "/v1/blocks", &block);
    };
    says(&mut stage, client, &subscribe(&["newBlocks", "newTxs"]));
    stage.sim().resize(client, 10);
    (0..8).for_each(|_| block(&mut stage));
    let heard = reads_again(&mut stage, client);
    let first = heard[0]["position"].clone();
    assert_eq!(heard[1]["data"], json!({"missed": 6, "since": first}));
    // It asks for the rest of that on one channel, and is too slow for it.
    let position = at(&first, 2);
    stage.sim().resize(client, 10);
    says(&mut stage, client, &since(&["newBlocks"], &position));
    block(&mut stage);
    let heard = reads_again(&mut stage, client);
    assert_eq!(heard[0]["data"]["sent"], 5, "{heard:?}");
    assert_eq!(heard[1]["data"], json!({"missed": 5, "since": position}));
    (0..5).for_each(|_| block(&mut stage));
    told(&mut stage, client);
    says(
        &mut stage,
        client,
        &since(&["newBlocks", "newTxs"], &position),
    );
    let heard = told(&mut stage, client);
    let data = &heard[0]["data"];
    assert_eq!((&data["sent"], &data["missed"]), (&json!(0), &json!(5)));
}

#[test]
fn what_nobody_has_had_compressed_is_compressed_in_many_turns() {
    let mut stage = Stage::new(|bounds| bounds.pong_timeout = Millis(u64::MAX));
    let first = stage.open("/ws?since=now");
    (0..800).for_each(|number| _ = stage.publish(number, 4000));
    let heard = told(&mut stage, first);
    let since = at(&heard[0]["position"], 0);
    let path = format!("/ws?since={}", since.as_str().unwrap());
    let client = stage.sim().connect();
    let asks = frames::upgrade_with(&path, "permessage-deflate");
    stage.sim().send(client, asks.as_bytes());
    for _ in 0..200 {
        stage.turn();
        let left = stage.reactor.work().purse(Phase::Flush);
        assert!(left > -1_000_000, "{left} is left of a turn");
        stage.sim().receive(client, usize::MAX);
    }
    assert!(!stage.reactor.is_busy());
}

/// A room with two players, of whom one is connected.
struct Room {
    stage: Stage,
    code: String,
    players: [(String, String); 2],
}

impl Room {
    fn new(change: impl FnOnce(&mut Bounds)) -> Room {
        let mut stage = Stage::new(change);
        let made = call(
            &mut stage,
            "POST",
            "/api/rooms",
            &json!({"display_name": "Ada"}),
        );
        let field = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
        let player = |body: &Value| (field(body, "player_id"), field(body, "token"));
        let code = field(&made, "code");
        let path = format!("/api/rooms/{code}/join");
        let joined = call(&mut stage, "POST", &path, &json!({"display_name": "Bob"}));
        Room {
            stage,
            code,
            players: [player(&made), player(&joined)],
        }
    }

    /// A player comes in, and the state that it is told.
    fn enter(&mut self, player: usize, since: &str) -> (Client, Vec<Value>) {
        let (id, token) = &self.players[player];
        let path = format!(
            "/ws/rooms/{}?player_id={id}&token={token}{since}",
            self.code
        );
        let client = self.stage.client(frames::upgrade(&path));
        let bytes = self.stage.sim().receive(client, usize::MAX);
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap()
            + 4;
        let (mut rest, mut told) = (&bytes[end..], Vec::new());
        while let Some(frame) = frames::read(rest, 0).unwrap() {
            told.push(serde_json::from_slice(&frame.payload).unwrap());
            rest = &rest[frame.bytes..];
        }
        (client, told)
    }

    fn chat(&mut self, client: Client, message: &str) {
        let said = json!({"type": "chat", "correlation_id": "c", "payload": {"message": message}});
        says(&mut self.stage, client, &said);
    }
}

#[test]
fn a_player_that_comes_back_hears_what_it_missed_but_for_its_own_coming_and_going() {
    let mut room = Room::new(|_| ());
    let (ada, _) = room.enter(0, "");
    let (bob, state) = room.enter(1, "");
    let since = state[0]["payload"]["position"].as_str().unwrap().to_owned();
    room.chat(ada, "one");
    assert_eq!(number(&told(&mut room.stage, bob)[0]["position"]), 3);
    room.stage.sim().reset(bob);
    room.stage.settle();
    room.chat(ada, "two");
    // Its coming is 2, its going 4.
    let (bob, state) = room.enter(1, &format!("&since={since}"));
    let payload = &state[0]["payload"];
    assert_eq!(payload["resumed"], json!({"sent": 2, "missed": 0}));
    assert_eq!(number(&payload["position"]), 2);
    let numbers: Vec<u64> = state[1..]
        .iter()
        .map(|it| number(&it["position"]))
        .collect();
    assert_eq!(numbers, [3, 5]);
    room.chat(ada, "three");
    let live = told(&mut room.stage, bob);
    assert_eq!((live.len(), number(&live[0]["position"])), (1, 7));
}

#[test]
fn a_room_that_is_made_anew_is_another_numbering() {
    let mut room = Room::new(|_| ());
    let (_, state) = room.enter(0, "");
    let since = state[0]["payload"]["position"].as_str().unwrap().to_owned();
    let path = format!("/api/rooms/{}", room.code);
    call(&mut room.stage, "DELETE", &path, &Value::Null);
    let made = call(
        &mut room.stage,
        "POST",
        "/api/rooms",
        &json!({"display_name": "Ada"}),
    );
    let field = |name: &str| made[name].as_str().unwrap().to_owned();
    room.code = field("code");
    room.players[0] = (field("player_id"), field("token"));
    let (_, state) = room.enter(0, &format!("&since={since}"));
    let payload = &state[0]["payload"];
    assert_eq!(payload["resumed"], json!({"sent": 0, "missed": null}));
    assert_ne!(payload["position"], json!(since));
}

#[test]
fn a_senders_own_words_that_it_missed_have_their_number_in_the_gap() {
    let mut room = Room::new(|bounds| {
        let rooms = bounds.app_mut(AppId::Rooms);
        rooms.queue.messages_max = 1;
    });
    let (ada, _) = room.enter(0, "");
    room.stage.sim().resize(ada, 10);
    for message in ["one", "two", "three"] {
        room.chat(ada, message);
    }
    let heard = reads_again(&mut room.stage, ada);
    assert_eq!(number(&heard[0]["position"]), 2, "{heard:?}");
    let since = at(&heard[0]["position"], 2);
    let lagged = json!({"missed": 2, "since": since});
    assert_eq!(heard[1]["payload"], lagged, "{heard:?}");
    let resume = json!({"type": "resume", "payload": {"since": since}});
    says(&mut room.stage, ada, &resume);
    let heard = told(&mut room.stage, ada);
    assert_eq!(heard[0]["event"], "resumed", "{heard:?}");
    let words: Vec<&Value> = heard[1..]
        .iter()
        .map(|it| &it["payload"]["message"])
        .collect();
    assert_eq!(words, ["two", "three"]);
}
