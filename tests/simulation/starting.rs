//! Scenarios of a hub that begins, and of one that lets go: who is served when, and what it goes on with.

use roomcast::bounds::Bounds;
use roomcast::engine::{Engine, Job, Outcome, Row};
use roomcast::time::Millis;
use serde_json::json;

use crate::kept::disk::Habits;
use crate::kept::hub::{Hub, call, task};
use crate::model::runs::world;
use crate::model::wire::frames;
use crate::network::{Client, Sim};
use crate::stage::{request, text};

const ALL: &str = "/api/v1/tasks";
const SYNC: Millis = Millis(100);

fn hub() -> Hub {
    Hub::new(Habits::taking(&[SYNC.0]), |bounds| {
        bounds.drain = Millis(0);
    })
}

/// What a listener of the events is told first, who comes at this path.
fn welcome(hub: &mut Hub, path: &str) -> (Client, serde_json::Value) {
    let client = hub.stage.client(frames::upgrade(path));
    let bytes = hub.stage.sim().receive(client, usize::MAX);
    let head = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let first = frames::read(&bytes[head + 4..], 0).unwrap().unwrap();
    let rest = &bytes[head + 4 + first.bytes..];
    let mut told: serde_json::Value = serde_json::from_slice(&first.payload).unwrap();
    let mut follows = Vec::new();
    let mut at = 0;
    while let Some(frame) = frames::read(&rest[at..], 0).unwrap() {
        let event: serde_json::Value = serde_json::from_slice(&frame.payload).unwrap();
        follows.push(event["payload"]["n"].clone());
        at += frame.bytes;
    }
    told["follows"] = follows.into();
    (client, told)
}

#[test]
fn who_asks_before_it_has_begun_is_answered_when_it_has() {
    let mut hub = hub();
    let path = hub.create("a");
    hub.create("b");
    hub.behave(|habits| (habits.sync, habits.piece) = (&[1000], 1));
    hub.stage.sim().power().cut_after(0);
    hub.succeed();
    let asked = [
        call("GET", &path, "") + &call("GET", ALL, ""),
        call("PATCH", &path, &json!({"title": "c"}).to_string()),
        request(1, 0),
        frames::upgrade("/ws"),
    ];
    let clients = asked.map(|request| hub.stage.client(request));
    // Two tasks, a log and its two messages, each of which takes a second to read.
    hub.stage.wait(Millis(4900));
    for client in clients {
        assert_eq!(hub.stage.sim().unread(client), 0);
        assert!(!hub.stage.is_ended(client));
    }
    let ready = hub.get("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("starting"), "{}", ready.body);
    assert_eq!(hub.get("/healthz").status, 200);
    hub.start();
    assert_eq!(hub.get("/readyz").status, 200);
    hub.stage.wait(Millis(1100));
    let [reads, changes, publishes, opens] = clients;
    assert_eq!(hub.stage.statuses(reads), [200, 200]);
    assert_eq!(hub.stage.statuses(changes), [200]);
    assert_eq!(hub.stage.statuses(publishes), [202]);
    assert_eq!(hub.stage.answer(opens).status, 101);
    assert_eq!(hub.shown(&path)["title"], "c");
}

#[test]
fn who_leaves_before_it_has_begun_is_not_waited_for() {
    let mut hub = Hub::beginning(Habits::taking(&[1000]), |_| {});
    let leaves = hub.ask("GET", ALL, "");
    hub.stage.sim().reset(leaves);
    hub.stage.settle();
    hub.stage.sim().forget(leaves);
    let newcomer = hub.stage.client("");
    hub.start();
    assert_eq!(hub.stage.sim().unread(newcomer), 0);
    assert_eq!(hub.get(ALL).status, 200);
}

#[test]
fn a_drain_settles_what_waits_and_lets_go_before_the_first_is_closed() {
    let mut hub = hub();
    let path = hub.create("a");
    let (member, _) = hub.member(None);
    let listener = hub.stage.open("/ws");
    hub.behave(|habits| habits.sync = &[1000]);
    let asker = hub.ask("PATCH", &path, &json!({"title": "b"}).to_string());
    let behind = hub.ask("PATCH", &path, &json!({"title": "c"}).to_string());
    hub.stage.shut_down();
    hub.stage.settle();
    // What is not decided yet is refused, and what reads is not.
    let refused = [
        hub.ask("POST", ALL, &task("late")),
        hub.stage.client(request(1, 0)),
    ];
    for client in refused {
        let answer = hub.stage.answer(client);
        assert_eq!(answer.status, 503);
        assert!(answer.body.contains(r#""draining""#), "{}", answer.body);
    }
    assert_eq!(hub.shown(&path)["title"], "a");
    hub.stage.wait(Millis(999));
    assert_eq!(hub.titles(member), []);
    hub.stage.wait(Millis(20));
    assert_eq!(hub.titles(member), [("b".into(), 2)]);
    assert_eq!(hub.stage.answer(asker).status, 200);
    assert_eq!(hub.stage.answer(behind).status, 503);
    // What is written last takes another second.
    assert!(hub.disk.borrow().is_held());
    hub.stage.wait(Millis(900));
    assert!(hub.stage.frames(member).is_empty() && hub.stage.frames(listener).is_empty());
    assert!(hub.disk.borrow().is_held());
    hub.stage.wait(Millis(200));
    assert!(!hub.disk.borrow().is_held());
    let told = [member, listener].map(|client| hub.stage.close_code(client));
    assert_eq!(told, [Some(1001); 2]);
}

#[test]
fn a_disk_that_does_not_come_back_ends_no_drain() {
    let mut hub = hub();
    let (member, _) = hub.member(None);
    hub.behave(|habits| habits.sync = &[1_000_000]);
    hub.ask("POST", ALL, &task("a"));
    hub.stage.shut_down();
    hub.stage.wait(Millis(9_900));
    assert!(hub.stage.frames(member).is_empty());
    hub.stage.wait(Millis(200));
    assert_eq!(hub.stage.close_code(member), Some(1001));
    hub.stage.wait(Millis::seconds(20));
    assert!(hub.stage.exited);
}

#[test]
fn the_events_go_on_after_a_stop_and_begin_anew_after_a_crash() {
    let mut hub = hub();
    let (_, told) = welcome(&mut hub, "/ws");
    let since = told["position"].as_str().unwrap().to_owned();
    for number in 1..=3 {
        hub.stage.publish(number, 0);
    }
    hub.restart();
    let path = format!("/ws?since={since}");
    let (listener, told) = welcome(&mut hub, &path);
    assert_eq!(told["payload"]["resumed"], json!({"sent": 3, "missed": 0}));
    assert_eq!(told["follows"], json!([1, 2, 3]));
    hub.stage.publish(4, 0);
    let last = hub.heard(listener).pop().unwrap();
    let (epoch, _) = since.split_once('-').unwrap();
    assert_eq!(last["position"], format!("{epoch}-4"));
    // What was taken up is not in the file any more: a crash takes all of it, and the numbers with it.
    hub.crash();
    let (_, told) = welcome(&mut hub, &path);
    assert_eq!(
        told["payload"]["resumed"],
        json!({"sent": 0, "missed": null})
    );
    let position = told["position"].as_str().unwrap();
    assert!(
        position.ends_with("-0") && !position.starts_with(epoch),
        "{position}"
    );
}

#[test]
fn the_channels_of_the_stream_are_resumed_by_their_topics() {
    let mut hub = hub();
    let follow = |hub: &mut Hub, since: &str, channels: &str| {
        let client = hub.stage.open("/v1/stream");
        let says = format!(r#"{{"action":"subscribe","channels":{channels},"since":"{since}"}}"#);
        hub.stage.send(client, text(&says));
        hub.heard(client)
    };
    let both = r#"["newBlocks","newTxs"]"#;
    let told = follow(&mut hub, "now", both);
    let since = told[0]["data"]["position"].as_str().unwrap().to_owned();
    let block = r#"{"height":1,"hash":"b","tx_count":1,"timestamp":7,"miner":"m","gas_used":1}"#;
    let tx = r#"{"hash":"t","from_addr":"f","to_addr":null,"value_wei":"1","block_height":1}"#;
    for (path, body) in [("/v1/blocks", block), ("/v1/txs", tx), ("/v1/txs", tx)] {
        let answer = hub.change("POST", path, body);
        assert_eq!(answer.status, 202, "{}", answer.body);
    }
    hub.restart();
    let channels = [(both, 3), (r#"["newBlocks"]"#, 1), (r#"["newTxs"]"#, 2)];
    for (channels, count) in channels {
        let told = follow(&mut hub, &since, channels);
        let data = &told[0]["data"];
        assert_eq!((&data["sent"], &data["missed"]), (&json!(count), &json!(0)));
        assert_eq!(told.len(), 1 + count, "{channels}: {told:?}");
    }
}

/// An engine that cannot begin.
struct Broken;

impl Engine for Broken {
    fn keeps(&self) -> bool {
        true
    }

    fn submit(&mut self, _: Job) {
        unreachable!("nothing is submitted before the start");
    }

    fn send(&mut self) {}

    fn next(&mut self) -> Option<Outcome> {
        Some(Outcome::Broken("the file is of a newer version".into()))
    }

    fn stop(&mut self, _: Vec<Row>) {}
}

#[test]
fn what_cannot_be_taken_up_ends_the_loop_with_a_sentence() {
    let hub = world::reactor(Sim::new(7), Bounds::default());
    let mut hub = hub.keeping(Box::new(Broken));
    let error = hub.turn().unwrap_err();
    assert_eq!(error.to_string(), "the file is of a newer version");
}

#[test]
fn a_record_that_cannot_be_read_ends_the_loop_and_is_left_as_it_is() {
    let mut hub = hub();
    hub.create("a");
    let power = hub.stage.sim().power();
    hub.disk.borrow_mut().spoil("no JSON");
    power.cut_after(0);
    hub.succeed();
    hub.stage.sim().set_horizon(Millis::seconds(60));
    let error = loop {
        if let Err(error) = hub.stage.reactor.turn() {
            break error.to_string();
        }
    };
    let begins = error.starts_with("the record of the task ");
    assert!(begins && error.contains("cannot be read"), "{error}");
    let disk = hub.disk.borrow();
    assert!(!disk.has_started && disk.state().records.values().eq(["no JSON"]));
}
