//! What was missed comes by itself: against the real hub over a wire that is cut, and against small servers that say what
//! the real one seldom does.

use serde_json::{Value, json};

use crate::fake::{Fake, Peer, read, tell};
use crate::hub::Hub;
use crate::watch::Watch;
use crate::wire::Wire;

const UNKNOWN: &str = "nobody can tell what was missed";

/// How an app is watched, and how something of a number is published there.
struct App {
    arguments: String,
    path: String,
    body: fn(u64) -> Value,
    /// Where the number stands.
    number: &'static str,
}

fn apps(hub: &Hub) -> [App; 4] {
    let room = hub.call("/api/rooms", &json!({"display_name": "Ada"}));
    let of = |name: &str| room[name].as_str().unwrap().to_owned();
    let (code, player, token) = (of("code"), of("player_id"), of("token"));
    [
        App {
            arguments: "/ws".to_owned(),
            path: "/api/v1/events".to_owned(),
            body: |number| json!({"type": "a:b", "payload": {"number": number}}),
            number: "/payload/number",
        },
        App {
            arguments: "/api/v1/tasks/ws --key k".to_owned(),
            path: "/api/v1/tasks".to_owned(),
            body: |number| json!({"repository": "r", "title": "t", "description": number.to_string()}),
            number: "/data/task/description",
        },
        App {
            arguments: "/v1/stream".to_owned(),
            path: "/v1/blocks".to_owned(),
            body: |height| json!({"height": height, "hash": "h", "tx_count": 0, "timestamp": 1, "miner": "m", "gas_used": 0}),
            number: "/data/height",
        },
        App {
            arguments: format!("/ws/rooms/{code} --player {player} --token {token}"),
            path: format!("/api/rooms/{code}/events"),
            body: |number| json!({"event": "phase", "payload": {"number": number}}),
            number: "/payload/number",
        },
    ]
}

impl App {
    fn publish(&self, hub: &Hub, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            hub.call(&self.path, &(self.body)(number));
        }
    }

    /// Publishes until that is heard, for nothing says when a stream is subscribed to; the last number.
    fn begin(&self, hub: &Hub, watch: &Watch) -> u64 {
        let mut last = 0;
        let mut heard = None;
        while heard.is_none() {
            last += 1;
            self.publish(hub, [last]);
            heard = watch.line_so_far().and_then(|line| self.number(&line));
        }
        while heard != Some(last) {
            heard = Some(self.next(watch));
        }
        last
    }

    /// The number of the next line that has one.
    fn next(&self, watch: &Watch) -> u64 {
        loop {
            if let Some(number) = self.number(&watch.line()) {
                return number;
            }
        }
    }

    /// The number of a line, which a greeting has not.
    fn number(&self, line: &str) -> Option<u64> {
        let line: Value = serde_json::from_str(line).unwrap();
        match line.pointer(self.number)? {
            Value::String(text) => text.parse().ok(),
            number => number.as_u64(),
        }
    }
}

#[test]
fn ten_that_were_published_while_the_line_was_cut_come_once_and_in_order() {
    let hub = Hub::start();
    for app in apps(&hub) {
        let wire = Wire::to(hub.address());
        let watch = Watch::start(&wire.url(&app.arguments));
        let link = wire.link();
        let first = app.begin(&hub, &watch);
        link.cut();
        watch.says("trying again in");
        app.publish(&hub, first + 1..=first + 10);
        let _link = wire.link();
        watch.says("resumed: 10 messages, 0 missed");
        app.publish(&hub, [first + 11]);
        let numbers: Vec<u64> = (0..11).map(|_| app.next(&watch)).collect();
        let expected: Vec<u64> = (first + 1..=first + 11).collect();
        assert_eq!(numbers, expected, "{}", app.path);
    }
}

#[test]
fn what_is_kept_no_more_is_told() {
    let hub = Hub::with("--listen 127.0.0.1:0 --set events.history_messages=3");
    let wire = Wire::to(hub.address());
    let watch = Watch::start(&wire.url("/ws"));
    let link = wire.link();
    assert_eq!(watch.kind(), "connection:status");
    link.cut();
    watch.says("trying again in");
    (0..10).for_each(|_| hub.say("a:b"));
    let _link = wire.link();
    watch.says("resumed: 3 messages, 7 missed");
    let kinds: Vec<String> = (0..4).map(|_| watch.kind()).collect();
    assert_eq!(kinds, ["connection:status", "a:b", "a:b", "a:b"]);
}

#[test]
fn a_hub_that_begins_anew_cannot_tell_and_neither_can_one_of_before_positions() {
    let fake = Fake::new();
    let watch = Watch::start(&fake.url("/ws"));
    let status = |peer: &mut Peer, resumed: Value, position: &str| {
        let mut message = json!({"type": "connection:status", "payload": {"status": "connected"}, "timestamp": ""});
        if !position.is_empty() {
            message["position"] = json!(position);
        }
        if !resumed.is_null() {
            message["payload"]["resumed"] = resumed;
        }
        tell(peer, &message.to_string());
        watch.line();
    };
    for (position, resumed, since, words) in [
        ("0000000a-9", Value::Null, None, None),
        (
            "0000000b-2",
            json!({"sent": 0, "missed": null}),
            Some("0000000a-9"),
            Some(UNKNOWN),
        ),
        ("", Value::Null, Some("0000000b-2"), Some(UNKNOWN)),
        ("", Value::Null, None, Some(UNKNOWN)),
        ("0000000c-0", Value::Null, None, Some(UNKNOWN)),
        (
            "0000000c-0",
            json!({"sent": 0, "missed": 0}),
            Some("0000000c-0"),
            Some("0 messages, 0 missed"),
        ),
    ] {
        let (mut peer, asked) = fake.accept();
        let query = since.map(|since| format!("since={since}"));
        assert_eq!(asked.uri().query(), query.as_deref());
        status(&mut peer, resumed, position);
        if let Some(words) = words {
            watch.says(words);
        }
    }
}

#[test]
fn what_was_skipped_is_asked_for_and_comes_behind_what_is_newer() {
    let fake = Fake::new();
    let watch = Watch::start(&fake.url("/ws"));
    let (mut peer, _) = fake.accept();
    let event = |number: u64| {
        json!({"type": "a:b", "payload": {"number": number}, "timestamp": "", "position": format!("0000000a-{number}")}).to_string()
    };
    tell(&mut peer, &event(1));
    tell(
        &mut peer,
        r#"{"type":"connection:lagged","payload":{"missed":3,"since":"0000000a-1"},"timestamp":""}"#,
    );
    tell(&mut peer, &event(5));
    assert_eq!(read(&mut peer), r#"{"type":"resume","since":"0000000a-1"}"#);
    tell(
        &mut peer,
        r#"{"type":"connection:resumed","payload":{"sent":2,"missed":1},"timestamp":"","position":"0000000a-2"}"#,
    );
    tell(&mut peer, &event(3));
    // Cut in the middle: the rest comes on the next line, without what was heard already.
    let numbers: Vec<Value> = (0..4)
        .map(|_| watch.json()["payload"]["number"].clone())
        .collect();
    assert_eq!(numbers, [json!(1), Value::Null, json!(5), json!(3)]);
    watch.says("resumed: 2 messages, 1 missed");
    drop(peer);
    let (mut peer, asked) = fake.accept();
    assert_eq!(asked.uri().query(), Some("since=0000000a-3"));
    let resumed = json!({"status": "connected", "resumed": {"sent": 3, "missed": 0}});
    let status = json!({"type": "connection:status", "payload": resumed, "timestamp": "", "position": "0000000a-3"});
    tell(&mut peer, &status.to_string());
    [4, 5, 6]
        .iter()
        .for_each(|&number| tell(&mut peer, &event(number)));
    assert_eq!(watch.kind(), "connection:status");
    for number in [4, 6] {
        assert_eq!(watch.json()["payload"]["number"], number);
    }
}

#[test]
fn tasks_stream_and_rooms_are_asked_in_their_own_words() {
    let lagged = r#"{"type":"lagged","timestamp":"","data":{"missed":3,"since":"0000000a-1"}}"#;
    let cases = [
        (
            "/api/v1/tasks/ws --subscribe r",
            json!({"type": "subscribe", "data": {"repositories": ["r"]}}),
            lagged,
            json!({"type": "subscribe", "data": {"repositories": ["r"], "since": "0000000a-1"}}),
        ),
        (
            "/v1/stream --subscribe newTxs",
            json!({"action": "subscribe", "channels": ["newTxs"], "since": "now"}),
            lagged,
            json!({"action": "subscribe", "channels": ["newTxs"], "since": "0000000a-1"}),
        ),
        (
            "/ws/rooms/ABC234 --player p --token t",
            Value::Null,
            r#"{"type":"state","event":"lagged","payload":{"missed":3,"since":"0000000a-1"}}"#,
            json!({"type": "resume", "correlation_id": "roomcast watch: resume", "payload": {"since": "0000000a-1"}}),
        ),
    ];
    for (arguments, first, lagged, question) in cases {
        let fake = Fake::new();
        let watch = Watch::start(&fake.url(arguments));
        let (mut peer, _) = fake.accept();
        let said = |peer: &mut Peer| -> Value { serde_json::from_str(&read(peer)).unwrap() };
        if !first.is_null() {
            assert_eq!(said(&mut peer), first);
        }
        tell(&mut peer, lagged);
        assert_eq!(watch.line(), lagged);
        assert_eq!(said(&mut peer), question);
        drop(peer);
        let (mut peer, asked) = fake.accept();
        match first.is_null() {
            true => assert_eq!(asked.uri().query(), Some("since=0000000a-1")),
            false => assert_eq!(said(&mut peer), question),
        }
    }
}

#[test]
fn it_begins_where_it_is_told_to() {
    let hub = Hub::start();
    (0..3).for_each(|_| hub.say("a:b"));
    let url = format!("{}/ws", hub.address());
    let watch = Watch::start(&format!("{url} --since now"));
    let position = watch.json()["position"].as_str().unwrap().to_owned();
    let (epoch, _) = position.split_once('-').unwrap();
    for (arguments, words, lines) in [
        (
            format!("{url} --since {epoch}-1"),
            "resumed: 2 messages, 0 missed",
            2,
        ),
        (
            format!("{url}?since={epoch}-2"),
            "resumed: 1 messages, 0 missed",
            1,
        ),
        (format!("{url} --since 00000000-1"), UNKNOWN, 0),
    ] {
        let watch = Watch::start(&format!("{arguments} --count {}", lines + 1));
        watch.says(words);
        let (status, out, err) = watch.end();
        assert_eq!(status.code(), Some(0), "{err}");
        assert_eq!(out.lines().count(), lines + 1, "{out}");
    }
}
