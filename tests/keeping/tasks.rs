//! Tasks change when what they keep is kept, and are there again in the next process, their events with the same numbers.

use roomcast::engine::Table;
use roomcast::id::AppId;
use serde_json::{Value, json};

use crate::house::{House, refused};
use crate::network::Client;

const ALL: &str = "/api/v1/tasks";
const DRAFT: &str = r#"{"repository":"a","title":"t"}"#;

/// A task that is kept, as a path.
fn create(house: &mut House) -> String {
    let (status, body) = house.ask("POST", ALL, DRAFT);
    assert_eq!(status, 201, "{body}");
    format!("{ALL}/{}", body["id"].as_str().unwrap())
}

fn patch(house: &mut House, task: &str, body: &Value) -> Client {
    house.asks("PATCH", task, &body.to_string())
}

fn titles(house: &mut House) -> Vec<Value> {
    let (_, mut body) = house.ask_now("GET", ALL);
    let tasks = body["tasks"].as_array_mut().unwrap();
    tasks.iter_mut().map(|task| task["title"].take()).collect()
}

/// Somebody who hears of all tasks.
fn listener(house: &mut House) -> Client {
    let client = house.open("/api/v1/tasks/ws?version=1.0");
    house.say(
        client,
        &json!({"type": "subscribe", "data": {"repositories": ["*"]}}),
    );
    let heard = house.heard(client);
    assert_eq!(heard[0]["type"], "subscribed", "{heard:?}");
    client
}

/// The types of what a client has heard.
fn kinds(house: &mut House, client: Client) -> Vec<Value> {
    let heard = house.heard(client);
    heard.into_iter().map(|mut it| it["type"].take()).collect()
}

#[test]
fn a_second_change_waits_for_the_first_and_is_made_to_what_that_has_left() {
    let mut house = House::new(|_| ());
    let task = create(&mut house);
    let hears = listener(&mut house);
    let first = patch(&mut house, &task, &json!({"title": "first"}));
    let second = patch(&mut house, &task, &json!({"priority": "high"}));
    assert_eq!((house.answer(first), house.answer(second)), (None, None));
    assert_eq!(titles(&mut house), ["t"]);
    assert!(house.heard(hears).is_empty());
    house.commit_once();
    assert_eq!(house.answer(first).unwrap().1["title"], "first");
    assert_eq!((house.answer(second), house.hand.waiting()), (None, 1));
    house.commit_once();
    let (_, body) = house.answer(second).unwrap();
    assert_eq!(
        (&body["title"], &body["priority"]),
        (&json!("first"), &json!("high"))
    );
    assert_eq!(kinds(&mut house, hears), ["task.updated", "task.updated"]);
}

#[test]
fn however_many_change_the_same_each_is_answered() {
    let mut house = House::new(|_| ());
    let task = create(&mut house);
    let change = json!({"title": "other"});
    let changes: Vec<Client> = (0..50).map(|_| patch(&mut house, &task, &change)).collect();
    // And nothing of what waits behind this is left to be changed.
    let deleted = house.asks("DELETE", &task, "");
    let late: Vec<Client> = (0..50).map(|_| patch(&mut house, &task, &change)).collect();
    house.commit();
    let statuses = |house: &mut House, clients: Vec<Client>| -> Vec<u16> {
        let answers = clients.into_iter().map(|client| house.answer(client));
        answers.map(|answer| answer.unwrap().0).collect()
    };
    assert_eq!(house.answer(deleted).unwrap().0, 204);
    let answered = [statuses(&mut house, changes), statuses(&mut house, late)].concat();
    let is_true = |status: &u16| [200, 404].contains(status);
    assert!(answered.iter().all(is_true), "{answered:?}");
    assert!(answered.contains(&200) && answered.contains(&404));
}

#[test]
fn a_change_behind_a_deletion_finds_nothing() {
    let mut house = House::new(|_| ());
    let task = create(&mut house);
    let hears = listener(&mut house);
    let deleted = house.asks("DELETE", &task, "");
    let changed = patch(&mut house, &task, &json!({"title": "late"}));
    assert_eq!(house.ask_now("GET", &task).0, 200);
    house.commit();
    assert_eq!(house.answer(deleted).unwrap().0, 204);
    assert_eq!(refused(&house.answer(changed).unwrap()), (404, "not_found"));
    assert_eq!(kinds(&mut house, hears), ["task.deleted"]);
    assert!(house.hand.records(Table::Tasks).is_empty());
}

#[test]
fn what_cannot_be_kept_has_not_happened_and_takes_no_number() {
    let mut house = House::new(|_| ());
    let task = create(&mut house);
    let hears = listener(&mut house);
    let before = house.hand.records(Table::Tasks);
    let clients = [
        house.asks("POST", ALL, DRAFT),
        patch(&mut house, &task, &json!({"title": "other"})),
    ];
    house.fail();
    for client in clients {
        assert_eq!(refused(&house.answer(client).unwrap()), (503, "storage"));
    }
    assert_eq!(
        (titles(&mut house), house.count(AppId::Tasks)),
        (vec![json!("t")], 1)
    );
    assert_eq!(house.hand.records(Table::Tasks), before);
    assert!(house.heard(hears).is_empty());
    create(&mut house);
    let heard = house.heard(hears);
    let position = heard[0]["position"].as_str().unwrap();
    assert!(heard.len() == 1 && position.ends_with("-2"), "{position}");
}

#[test]
fn what_is_asked_for_before_a_failure_is_taken_fails_with_it() {
    // After one event its publishers wait until that is written, and what the engine tells of others does, too.
    let mut house = House::new(|bounds| bounds.app_mut(AppId::Tasks).queue.messages_max = 2);
    create(&mut house);
    let hears = listener(&mut house);
    let later = house.asks("GET", "/healthz", "");
    house.receive(later);
    let (kept, not) = (
        house.asks("POST", ALL, DRAFT),
        house.asks("POST", ALL, DRAFT),
    );
    house.hand.commit_oldest();
    house.hand.fail();
    let asked = "POST /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
    house.send(later, asked.as_bytes());
    assert_eq!(house.answer(kept).unwrap().0, 201);
    assert_eq!(kinds(&mut house, hears), ["task.created"]);
    for client in [not, later] {
        assert_eq!(refused(&house.answer(client).unwrap()), (503, "storage"));
    }
    assert_eq!(house.hand.waiting(), 0);
}

#[test]
fn events_come_in_the_order_in_which_they_were_decided() {
    let mut house = House::new(|_| ());
    let tasks: Vec<String> = (0..3).map(|_| create(&mut house)).collect();
    let hears = listener(&mut house);
    for (number, task) in tasks.iter().enumerate().rev() {
        patch(&mut house, task, &json!({"title": number.to_string()}));
    }
    house.commit_once();
    let heard = house.heard(hears);
    let told: Vec<&Value> = heard
        .iter()
        .map(|it| &it["data"]["task"]["title"])
        .collect();
    assert_eq!(told, ["2", "1", "0"]);
}

#[test]
fn a_change_needs_no_place_though_others_wait() {
    let mut house = House::new(|bounds| bounds.app_mut(AppId::Tasks).records_max = 2);
    let tasks = [create(&mut house), create(&mut house)];
    let clients = tasks.map(|task| patch(&mut house, &task, &json!({"title": "u"})));
    assert_eq!(house.ask_now("POST", ALL).0, 400, "an empty draft");
    assert_eq!(house.ask("POST", ALL, DRAFT).0, 507);
    for client in clients {
        assert_eq!(house.answer(client).unwrap().0, 200);
    }
    let mut house = house.again_bounded(|bounds| {
        bounds.app_mut(AppId::Tasks).records_max = 1;
    });
    let task = house.ask("GET", ALL, "").1["tasks"][0]["id"].take();
    let path = format!("{ALL}/{}", task.as_str().unwrap());
    let client = patch(&mut house, &path, &json!({"title": "v"}));
    house.commit();
    assert_eq!(house.answer(client).unwrap().0, 200);
}

#[test]
fn what_is_being_decided_takes_capacity_until_it_is_known() {
    let mut house = House::new(|bounds| bounds.app_mut(AppId::Tasks).records_max = 2);
    create(&mut house);
    let second = house.asks("POST", ALL, DRAFT);
    let third = house.asks("POST", ALL, DRAFT);
    assert_eq!(house.answer(third).unwrap().0, 507);
    house.fail();
    assert_eq!(house.answer(second).unwrap().0, 503);
    create(&mut house);
    assert_eq!(house.ask("POST", ALL, DRAFT).0, 507);
}

#[test]
fn tasks_are_as_they_were_in_the_next_process_and_their_events_go_on() {
    let mut house = House::new(|_| ());
    let hears = listener(&mut house);
    let tasks: Vec<String> = (0..3).map(|_| create(&mut house)).collect();
    patch(
        &mut house,
        &tasks[1],
        &json!({"title": "ü", "status": "in_progress"}),
    );
    house.asks("DELETE", &tasks[0], "");
    house.commit();
    let events = house.heard(hears);
    assert_eq!(events.len(), 5);
    let before = house.ask("GET", ALL, "");
    let mut house = house.again(5000);
    assert_eq!(house.ask("GET", ALL, ""), before);
    assert_eq!(house.count(AppId::Tasks), 2);
    // Whoever was there before gets what it missed, word for word, and what is new behind that.
    let since = events[1]["position"].as_str().unwrap();
    let client = house.open("/api/v1/tasks/ws?version=1.0");
    let data = json!({"repositories": ["*"], "since": since});
    house.say(client, &json!({"type": "subscribe", "data": data}));
    create(&mut house);
    let heard = house.heard(client);
    let heard: Vec<&Value> = heard
        .iter()
        .filter(|it| it["data"]["task_id"].is_string())
        .collect();
    assert_eq!(heard.len(), 4, "{heard:?}");
    for (heard, event) in heard.iter().zip(&events[2..]) {
        assert_eq!(**heard, *event);
    }
    assert!(heard[3]["position"].as_str().unwrap().ends_with("-6"));
}
