//! Sessions change when what they keep is kept, and are there again in the next process.

use roomcast::bounds::Bounds;
use roomcast::engine::Table;
use roomcast::id::AppId;
use roomcast::time::Millis;
use serde_json::{Value, json};

use crate::engine::Kept;
use crate::house::{House, refused};
use crate::network::Client;

const HOUR: Millis = Millis::seconds(3600);
const ALL: &str = "/api/v1/sessions";

/// A session that is kept, as a path.
fn create(house: &mut House) -> String {
    let (status, body) = house.ask("POST", ALL, r#"{"user":"u-1"}"#);
    assert_eq!(status, 201, "{body}");
    format!("{ALL}/{}", body["session_id"].as_str().unwrap())
}

fn report(house: &mut House, session: &str, status: &str) -> Client {
    let body = json!({"status": status}).to_string();
    house.asks("POST", &format!("{session}/status"), &body)
}

fn complete(house: &mut House, session: &str, result: &str) -> Client {
    house.asks("POST", &format!("{session}/result"), result)
}

fn status(house: &mut House, session: &str) -> Value {
    let (status, mut body) = house.ask("GET", session, "");
    assert_eq!(status, 200, "{body}");
    body["status"].take()
}

/// The statuses that a subscriber has heard of.
fn statuses(house: &mut House, client: Client) -> Vec<Value> {
    let heard = house.heard(client);
    heard
        .into_iter()
        .map(|mut it| it["status"].take())
        .collect()
}

fn quiet(bounds: &mut Bounds) {
    bounds.app_mut(AppId::Sessions).ping_interval = Millis(1 << 40);
    bounds.keep_alive = Millis(1 << 40);
}

#[test]
fn a_second_result_waits_for_the_first_and_is_refused_once_that_is_kept() {
    let mut house = House::new(|_| ());
    let session = create(&mut house);
    let first = complete(&mut house, &session, r#"{"n":1}"#);
    let second = complete(&mut house, &session, r#"{"n":2}"#);
    assert_eq!((house.answer(first), house.answer(second)), (None, None));
    assert_eq!(house.hand.waiting(), 1, "the second is not decided");
    assert_eq!(house.ask_now("GET", &format!("{session}/result")).0, 202);
    house.commit_once();
    assert_eq!(house.answer(first).unwrap().0, 201);
    assert_eq!(refused(&house.answer(second).unwrap()), (409, "conflict"));
    let (status, result) = house.ask("GET", &format!("{session}/result"), "");
    assert_eq!((status, &result["result"]), (200, &json!({"n": 1})));
}

#[test]
fn a_result_that_cannot_be_kept_is_none_and_the_next_may_be() {
    let mut house = House::new(|_| ());
    let session = create(&mut house);
    let subscriber = house.open(&format!("{session}/ws"));
    assert_eq!(statuses(&mut house, subscriber), ["pending"]);
    let before = house.hand.records(Table::Sessions);
    let first = complete(&mut house, &session, r#"{"n":1}"#);
    let second = complete(&mut house, &session, r#"{"n":2}"#);
    house.fail();
    assert_eq!(refused(&house.answer(first).unwrap()), (503, "storage"));
    assert_eq!(status_now(&mut house, &session), "pending");
    assert_eq!(house.hand.records(Table::Sessions), before);
    assert!(house.heard(subscriber).is_empty());
    // The one that waited is decided now, by itself.
    assert_eq!((house.answer(second), house.hand.waiting()), (None, 1));
    house.commit_once();
    assert_eq!(house.answer(second).unwrap().0, 201);
    let heard = house.heard(subscriber);
    assert_eq!((heard.len(), &heard[0]["result"]), (1, &json!({"n": 2})));
}

#[test]
fn whoever_comes_in_while_a_step_is_decided_hears_the_old_status_and_then_the_new() {
    let mut house = House::new(|_| ());
    let session = create(&mut house);
    let opened = report(&mut house, &session, "opened");
    let before = house.open(&format!("{session}/ws"));
    assert_eq!(statuses(&mut house, before), ["pending"]);
    let started = report(&mut house, &session, "action_started");
    house.commit_once();
    assert_eq!(house.answer(opened).unwrap().1["status"], "opened");
    assert_eq!(house.answer(started), None);
    assert_eq!(statuses(&mut house, before), ["opened"]);
    let between = house.open(&format!("{session}/ws"));
    house.commit_once();
    assert_eq!(house.answer(started).unwrap().1["status"], "action_started");
    assert_eq!(statuses(&mut house, before), ["action_started"]);
    assert_eq!(statuses(&mut house, between), ["opened", "action_started"]);
}

#[test]
fn a_session_is_nobodys_until_it_is_kept() {
    let mut house = House::new(|_| ());
    let client = house.asks("POST", ALL, "{}");
    assert_eq!(
        (house.answer(client), house.count(AppId::Sessions)),
        (None, 0)
    );
    house.fail();
    assert_eq!(refused(&house.answer(client).unwrap()), (503, "storage"));
    assert_eq!(house.count(AppId::Sessions), 0);
    assert!(house.hand.records(Table::Sessions).is_empty());
    create(&mut house);
    assert_eq!(house.count(AppId::Sessions), 1);
}

#[test]
fn what_is_being_decided_takes_capacity_until_it_is_known() {
    let mut house = House::new(|bounds| bounds.app_mut(AppId::Sessions).records_max = 2);
    create(&mut house);
    let second = house.asks("POST", ALL, "{}");
    let third = house.asks("POST", ALL, "{}");
    assert_eq!(house.answer(second), None);
    assert_eq!(house.answer(third).unwrap().0, 507);
    house.fail();
    assert_eq!(house.answer(second).unwrap().0, 503);
    create(&mut house);
    assert_eq!(house.ask("POST", ALL, "{}").0, 507);
}

#[test]
fn results_that_are_being_decided_share_the_bytes_there_are() {
    let mut house = House::new(|bounds| bounds.app_mut(AppId::Sessions).records_bytes_max = 50);
    let [one, other] = [create(&mut house), create(&mut house)];
    // Of the 50 bytes 28 are taken.
    let result = r#"{"long":"12345"}"#;
    let first = complete(&mut house, &one, result);
    let second = complete(&mut house, &other, result);
    assert_eq!(house.answer(second).unwrap().0, 507);
    // A step needs nothing more.
    let step = report(&mut house, &other, "opened");
    house.commit();
    assert_eq!(house.answer(first).unwrap().0, 201);
    assert_eq!(house.answer(step).unwrap().0, 200);
}

#[test]
fn a_session_is_deleted_and_its_sockets_are_closed_when_that_is_kept() {
    let mut house = House::new(|_| ());
    let session = create(&mut house);
    let subscriber = house.open(&format!("{session}/ws"));
    assert_eq!(statuses(&mut house, subscriber), ["pending"]);
    let deleted = house.asks("DELETE", &session, "");
    let again = house.asks("DELETE", &session, "");
    assert!(house.heard(subscriber).is_empty());
    assert_eq!(status_now(&mut house, &session), "pending");
    house.commit_once();
    assert_eq!(house.answer(deleted).unwrap().0, 204);
    assert_eq!(house.answer(again).unwrap().0, 404);
    assert_eq!(house.heard(subscriber), [json!(1000)]);
    assert!(house.hand.records(Table::Sessions).is_empty());
    assert_eq!(house.count(AppId::Sessions), 0);
}

#[test]
fn a_session_that_is_too_old_before_its_result_is_kept_is_gone_and_its_number_nobodys() {
    let mut house = House::new(quiet);
    let session = create(&mut house);
    house.wait(Millis(24 * HOUR.0 - 1));
    let changes = [
        complete(&mut house, &session, "{}"),
        report(&mut house, &session, "opened"),
    ];
    house.wait(Millis(1));
    assert_eq!(house.ask_now("GET", &session).0, 404);
    // Others come before that is known.
    let others = [(); 3].map(|()| house.asks("POST", ALL, "{}"));
    house.commit();
    for client in changes {
        assert_eq!(refused(&house.answer(client).unwrap()), (404, "not_found"));
    }
    for client in others {
        let (status, body) = house.answer(client).unwrap();
        assert_eq!((status, &body["status"]), (201, &json!("pending")));
    }
    // It is not kept either.
    assert_eq!(house.hand.records(Table::Sessions).len(), 3);
    let house = house.again(0);
    assert_eq!(house.count(AppId::Sessions), 3);
}

#[test]
fn sessions_are_as_they_were_in_the_next_process() {
    let mut house = House::new(quiet);
    let sessions: Vec<String> = (0..4).map(|_| create(&mut house)).collect();
    let clients = [
        report(&mut house, &sessions[1], "opened"),
        report(&mut house, &sessions[2], "action_started"),
        complete(&mut house, &sessions[3], r#"{"b": 1.50,"a":[1e3]}"#),
    ];
    house.commit();
    for client in clients {
        assert!(house.answer(client).unwrap().0 < 300);
    }
    let shown = |house: &mut House| -> Vec<_> {
        let paths = sessions.iter();
        let asked = paths.flat_map(|path| [path.clone(), format!("{path}/result")]);
        asked.map(|path| house.ask("GET", &path, "")).collect()
    };
    let before = shown(&mut house);
    let mut house = house.again(5000);
    assert_eq!(shown(&mut house), before);
    assert_eq!(house.count(AppId::Sessions), 4);
    // They go on from there.
    let subscriber = house.open(&format!("{}/ws", sessions[3]));
    assert_eq!(statuses(&mut house, subscriber), ["completed", "completed"]);
    let back = report(&mut house, &sessions[2], "opened");
    assert_eq!(refused(&house.answer(back).unwrap()).0, 409);
    let on = complete(&mut house, &sessions[2], "{}");
    house.commit();
    assert_eq!(house.answer(on).unwrap().0, 201);
}

#[test]
fn what_is_kept_of_a_session_can_be_read() {
    let mut house = House::new(quiet);
    let session = create(&mut house);
    house.wait(Millis(1500));
    complete(&mut house, &session, r#"{"approved": true}"#);
    house.commit();
    let id = session.rsplit('/').next().unwrap();
    let record = format!(
        "{{\"session_id\":\"{id}\",\"status\":\"completed\",\"created_at\":\"2026-01-01T00:00:00.000Z\",\
         \"metadata\":{{\"user\":\"u-1\"}},\"changed_at\":\"2026-01-01T00:00:01.500Z\",\
         \"result\":{{\"approved\": true}},\"completed_at\":\"2026-01-01T00:00:01.500Z\"}}"
    );
    assert_eq!(
        house.hand.records(Table::Sessions),
        [(id.to_owned(), record)]
    );
}

#[test]
fn ages_go_on_where_they_were_in_the_next_process() {
    let mut house = House::new(quiet);
    let old = create(&mut house);
    house.wait(Millis(10 * HOUR.0));
    let young = create(&mut house);
    // Nothing runs for eight hours: the old one has six left.
    let mut house = house.again(8 * HOUR.0 as i64);
    assert_eq!(status(&mut house, &old), "pending");
    house.wait(Millis(6 * HOUR.0 - 1));
    assert_eq!(status_now(&mut house, &old), "pending");
    house.wait(Millis(1));
    assert_eq!(
        (house.ask("GET", &old, "").0, house.count(AppId::Sessions)),
        (404, 1)
    );
    let keys = house.hand.records(Table::Sessions);
    assert!(keys.len() == 1 && young.ends_with(&keys[0].0), "{keys:?}");
    // While nothing runs, the other becomes too old.
    let mut house = house.again(10 * HOUR.0 as i64);
    house.wait(Millis(10));
    house.commit();
    assert_eq!(house.count(AppId::Sessions), 0, "nobody had to ask");
    assert!(house.hand.records(Table::Sessions).is_empty());
}

#[test]
fn the_oldest_is_forgotten_first_in_the_next_process_too() {
    let mut house = House::new(|bounds| {
        quiet(bounds);
        bounds.app_mut(AppId::Sessions).records_max = 8;
    });
    let mut sessions = Vec::new();
    for _ in 0..8 {
        let session = create(&mut house);
        complete(&mut house, &session, "{}");
        house.commit();
        sessions.push(session);
        house.wait(Millis::seconds(60));
    }
    let mut house = house.again(HOUR.0 as i64);
    for (gone, left) in sessions.iter().zip(&sessions[1..]) {
        create(&mut house);
        assert_eq!(house.ask("GET", gone, "").0, 404);
        assert_eq!(status(&mut house, left), "completed");
        assert_eq!(house.hand.records(Table::Sessions).len(), 8);
    }
}

#[test]
fn what_lies_in_the_future_by_a_clock_that_was_set_back_counts_as_now() {
    let mut house = House::new(quiet);
    let session = create(&mut house);
    let mut house = house.again(-1000 * HOUR.0 as i64);
    house.wait(Millis(24 * HOUR.0 - 1));
    assert_eq!(status(&mut house, &session), "pending");
    house.wait(Millis(1));
    assert_eq!(house.ask("GET", &session, "").0, 404);
}

#[test]
fn a_completed_session_that_makes_room_is_kept_no_longer() {
    let mut house = House::new(|bounds| {
        quiet(bounds);
        bounds.app_mut(AppId::Sessions).records_max = 1;
    });
    let session = create(&mut house);
    complete(&mut house, &session, "{}");
    house.commit();
    house.wait(HOUR);
    let client = house.asks("POST", ALL, "{}");
    assert_eq!(house.ask_now("GET", &session).0, 404);
    house.fail();
    assert_eq!(house.answer(client).unwrap().0, 503);
    assert!(house.hand.records(Table::Sessions).is_empty());
}

#[test]
fn a_completed_session_that_is_being_deleted_makes_no_room_twice() {
    let mut house = House::new(|bounds| {
        quiet(bounds);
        bounds.app_mut(AppId::Sessions).records_max = 1;
    });
    let session = create(&mut house);
    complete(&mut house, &session, "{}");
    house.commit();
    house.wait(HOUR);
    let deleted = house.asks("DELETE", &session, "");
    assert_eq!(house.ask_now("POST", ALL).0, 507);
    house.commit();
    assert_eq!(house.answer(deleted).unwrap().0, 204);
    create(&mut house);
}

#[test]
fn a_store_that_has_become_too_small_forgets_nothing_and_takes_what_needs_no_place() {
    let mut house = House::new(|_| ());
    let sessions: Vec<String> = (0..3).map(|_| create(&mut house)).collect();
    let mut house = house.again_bounded(|bounds| {
        bounds.app_mut(AppId::Sessions).records_max = 2;
    });
    let done = [
        complete(&mut house, &sessions[0], "{}"),
        report(&mut house, &sessions[1], "opened"),
        house.asks("DELETE", &sessions[2], ""),
    ];
    assert_eq!(house.ask("POST", ALL, "{}").0, 507);
    let answered = done.map(|client| house.answer(client).unwrap().0);
    assert_eq!(answered, [201, 200, 204]);
}

#[test]
fn a_record_that_cannot_be_read_is_told_and_nothing_begins() {
    let whole = json!({
        "session_id": "a", "status": "completed", "created_at": "2026-01-01T00:00:00.000Z", "metadata": {},
        "changed_at": "2026-01-01T00:00:00.000Z", "result": {}, "completed_at": "2026-01-01T00:00:00.000Z",
    });
    let begin = |key: &str, record: &Value| {
        let kept = Kept::default().with(Table::Sessions, key, &record.to_string());
        House::new(|_| ()).again_with(kept, 0)
    };
    assert_eq!(begin("a", &whole).unwrap().count(AppId::Sessions), 1);
    let mut broken: Vec<(&str, Value)> = vec![("b", whole.clone())];
    for (name, value) in [
        ("status", json!("pending")),
        ("status", json!("done")),
        ("created_at", json!("yesterday")),
        ("result", Value::Null),
        ("completed_at", Value::Null),
    ] {
        let mut record = whole.clone();
        record[name] = value;
        broken.push(("a", record));
    }
    for (key, record) in broken {
        let sentence = begin(key, &record).err().unwrap_or_default();
        let start = format!("the record of the session {key} cannot be read: ");
        assert!(sentence.starts_with(&start), "{record}: {sentence}");
    }
}

/// The status while something is being decided.
fn status_now(house: &mut House, session: &str) -> Value {
    let (status, mut body) = house.ask_now("GET", session);
    assert_eq!(status, 200, "{body}");
    body["status"].take()
}
