//! Scenarios of the dashboard's own WebSocket: what it tells, when, and whom it does not disturb.

mod storing;

use super::network::Client;
use roomcast::id::AppId;
use roomcast::time::Millis;
use serde_json::{Value, json};

use crate::model::runs::rules::KEY;
use crate::model::wire::answers;
use crate::model::wire::frames::{self, PONG, TEXT, frame};
use crate::stage::Stage;

const SECOND: Millis = Millis::seconds(1);

impl Stage {
    fn look(&mut self) -> Client {
        let key = KEY.replace(' ', "%20");
        self.open(&format!("/api/v1/stats/ws?api_key={key}"))
    }

    /// What has been told, every ping answered.
    fn told(&mut self, client: Client) -> Vec<Value> {
        let frames = self.frames(client);
        let (texts, others): (Vec<_>, Vec<_>) =
            frames.into_iter().partition(|frame| frame.opcode == TEXT);
        if !others.is_empty() {
            self.send(client, frame(true, PONG, b""));
        }
        let parse = |frame: &frames::Received| serde_json::from_slice(&frame.payload).unwrap();
        texts.iter().map(parse).collect()
    }

    /// What is told next, if it is one report.
    fn report(&mut self, client: Client) -> Value {
        self.told(client);
        self.wait(SECOND);
        let told = self.told(client);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["type"], "stats");
        told[0].clone()
    }
}

/// The numbers of one app in a report.
fn of_app(report: &Value, app: &str) -> Value {
    let apps = report["apps"].as_array().unwrap();
    let found = apps.iter().find(|numbers| numbers["app"] == app);
    found.unwrap().clone()
}

#[test]
fn a_report_comes_at_once_and_then_one_a_second_however_long() {
    let mut stage = Stage::new(|_| ());
    let key = KEY.replace(' ', "%20");
    let path = format!("/api/v1/stats/ws?api_key={key}");
    let client = stage.client(frames::upgrade(&path));
    let first = stage.sim().receive(client, usize::MAX);
    let answer = answers::read(&first, false).unwrap().unwrap();
    let report = frames::read(&first[answer.bytes..], 0).unwrap().unwrap();
    let report: Value = serde_json::from_slice(&report.payload).unwrap();
    let began = report["uptime_ms"].as_u64().unwrap();
    for second in 1..=100 {
        stage.wait(SECOND);
        let told = stage.told(client);
        assert_eq!(told.len(), 1, "in second {second}: {told:?}");
        assert_eq!(told[0]["uptime_ms"], began + second * 1000);
    }
}

#[test]
fn all_who_look_are_told_the_same_and_nobody_else_is() {
    let mut stage = Stage::new(|_| ());
    let clients = [stage.look(), stage.look(), stage.look()];
    let others = [stage.open("/ws"), stage.open("/echo")];
    stage.wait(SECOND);
    for client in clients {
        stage.told(client);
    }
    stage.wait(SECOND);
    let reports = clients.map(|client| stage.told(client));
    assert_eq!(reports[0].len(), 1);
    assert!(reports[1] == reports[0] && reports[2] == reports[0]);
    assert!(others.map(|other| stage.told(other).len()) == [0, 0]);
}

#[test]
fn while_nobody_looks_the_loop_sleeps() {
    let mut stage = Stage::new(|bounds| {
        let hour = Millis::seconds(3600);
        bounds.pong_timeout = hour + hour;
        for app in AppId::ALL {
            bounds.app_mut(app).ping_interval = hour + hour;
        }
    });
    let member = stage.open("/ws");
    let client = stage.look();
    stage.wait(Millis::seconds(10));
    assert_eq!(stage.told(client).len(), 10);
    stage.sim().reset(client);
    stage.wait(Millis::seconds(2));
    let published = stage.reactor.metrics().messages_published;
    let turns = stage.reactor.metrics().loop_turn.count();
    stage.wait(Millis::seconds(600));
    let slept = stage.reactor.metrics().loop_turn.count() - turns;
    // The wheel itself wakes once a round, for those whose deadline is further ahead.
    assert!(
        slept < 30,
        "{slept} turns in ten minutes without anything to do"
    );
    assert_eq!(stage.reactor.metrics().messages_published, published);
    assert!(!stage.is_ended(member));
    let again = stage.look();
    assert_eq!(stage.report(again)["type"], "stats");
}

#[test]
fn a_report_tells_the_numbers_of_the_metrics() {
    let mut stage = Stage::forgetful(|bounds| bounds.app_mut(AppId::Events).queue.messages_max = 4);
    let slow = stage.narrow_listeners(1, 10)[0];
    let [fast, gone] = [stage.open("/ws"), stage.open("/ws")];
    stage.send(fast, frame(true, TEXT, b"never mind"));
    stage.send(gone, frames::close(1000, ""));
    for number in 1..=9 {
        stage.publish(number, 0);
    }
    let asks = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n\r\n");
    let operator = stage.client("");
    let client = stage.look();
    let report = stage.report(client);
    stage.send(operator, &asks);
    let text = stage.answer(operator).body;
    let metric = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|value| value.strip_prefix(' '));
        value.expect(name).parse().unwrap()
    };

    let mut compared = 0;
    for app in AppId::ALL.map(AppId::name) {
        let mut numbers = of_app(&report, app);
        let numbers = numbers.as_object_mut().unwrap();
        numbers.remove("app");
        for (code, count) in numbers.remove("closes").unwrap().as_object().unwrap() {
            let name = format!("roomcast_closes_total{{app=\"{app}\",code=\"{code}\"}}");
            assert_eq!(*count, metric(&name), "{name}");
        }
        for (name, number) in numbers.iter().filter(|_| app != "ops") {
            let of = |total: &str| text.contains(&format!("\nroomcast_{name}{total}{{"));
            let total = if of("_total") { "_total" } else { "" };
            let name = format!("roomcast_{name}{total}{{app=\"{app}\"}}");
            assert_eq!(*number, metric(&name), "{name}");
            compared += 1;
        }
    }
    let families = text.matches("{app=\"events\"} ").count();
    assert_eq!(compared, families * 5, "every family of the apps is told");

    let events = of_app(&report, "events");
    for (name, number) in [
        ("connections", 2),
        ("rooms", 1),
        ("messages_received", 1),
        ("messages_published", 9),
        ("messages_dropped", 5),
    ] {
        assert_eq!(events[name], number, "{name}");
    }
    assert_eq!(events["closes"], json!({"1000": 1}));
    let budget = metric("roomcast_memory_budget_bytes");
    assert_eq!(report["memory_budget_bytes"], budget);
    assert_eq!(report["queue_messages"], 4);
    assert_eq!(report["accepts"]["accepted"], 6);
    let requests = report["http_requests"].as_array().unwrap();
    assert!(requests.contains(&json!({"route": "/ws", "status": 101, "count": 3})));
    assert!(requests.contains(&json!({"route": "/api/v1/events", "status": 202, "count": 9})));
    let backlog = stage.reactor.transport().conn(slow).unwrap().to_string();
    let shown = &report["backlogs"][0];
    assert_eq!(
        (&shown["app"], &shown["connection"], &shown["messages"]),
        (&json!("events"), &json!(backlog), &json!(4))
    );
    let rooms = &report["biggest_rooms"];
    let room = json!({"app": "events", "room": "events", "members": 2});
    assert_eq!(rooms[0], room, "{rooms}");
}

#[test]
fn percentiles_are_of_the_last_second_alone() {
    let mut stage = Stage::new(|_| ());
    let [listener, client] = [stage.open("/ws"), stage.look()];
    for number in 1..=5 {
        stage.publish(number, 0);
    }
    let busy = stage.report(client)["publish_to_write"].clone();
    assert_eq!((&busy["recent"], &busy["count"]), (&json!(6), &json!(7)));
    assert!(busy["p99_micros"].is_u64(), "{busy}");
    // The report itself is a message too.
    let quiet = stage.report(client)["publish_to_write"].clone();
    assert_eq!((&quiet["recent"], &quiet["count"]), (&json!(1), &json!(8)));
    assert_eq!(stage.events(listener), [1, 2, 3, 4, 5]);
}

#[test]
fn a_slow_dashboard_is_told_what_it_missed_and_delays_nobody() {
    let mut stage = Stage::new(|bounds| bounds.app_mut(AppId::Ops).queue.messages_max = 4);
    let [slow, fast, listener] = [stage.look(), stage.look(), stage.open("/ws")];
    stage.sim().resize(slow, 10);
    for second in 1..=9 {
        stage.wait(SECOND);
        assert_eq!(stage.told(fast).len(), 1, "in second {second}");
        stage.publish(second, 0);
        assert_eq!(stage.events(listener), [second]);
    }
    stage.sim().resize(slow, 1 << 20);
    stage.settle();
    stage.wait(SECOND);
    let told = stage.told(slow);
    let kinds: Vec<&str> = told
        .iter()
        .map(|one| one["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["stats", "stats", "stats", "stats", "lagged", "stats"]
    );
    assert_eq!(told[4]["missed"], 5);
}

#[test]
fn a_dashboard_that_reads_nothing_is_cut_after_the_write_timeout() {
    let mut stage = Stage::new(|_| ());
    let [stuck, fast] = [stage.look(), stage.look()];
    stage.sim().resize(stuck, 10);
    stage.wait(Millis::seconds(10));
    assert!(!stage.is_ended(stuck));
    stage.wait(Millis::seconds(2));
    assert!(stage.is_ended(stuck));
    assert_eq!(stage.told(fast).len(), 12);
}

#[test]
fn what_a_dashboard_says_is_ignored() {
    let mut stage = Stage::new(|_| ());
    let client = stage.look();
    stage.told(client);
    stage.send(client, frame(true, TEXT, b"{\"type\":\"ping\"}"));
    assert!(stage.told(client).is_empty());
    stage.report(client);
}
