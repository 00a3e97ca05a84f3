//! A hub is killed, and the next goes on with all that was answered.

use serde_json::{Value, json};

use crate::harness::positions::{Position, outcome};
use crate::harness::stream::Stream;
use crate::place::{Place, create, enter, hear, join, kill, make, messages, say, task};

#[test]
fn the_talk_in_a_room_goes_on_with_the_same_tokens_at_the_next_number() {
    let place = Place::new();
    let hub = place.serve("");
    let ann = make(&hub, "Ann");
    let bob = join(&hub, &ann, "Bob");
    let (mut at_ann, _) = enter(&hub, &ann, "");
    let (mut at_bob, _) = enter(&hub, &bob, "");
    assert_eq!(hear(&mut at_ann)["event"], "player_connected");
    say(&mut at_ann, "one");
    let one = hear(&mut at_bob);
    hear(&mut at_ann);
    say(&mut at_bob, "two");
    hear(&mut at_bob);
    let two = hear(&mut at_ann);
    let before = messages(&hub, &ann).json();
    assert_eq!(before["messages"].as_array().unwrap().len(), 2);
    kill(hub);

    let hub = place.start("");
    let answer = messages(&hub, &bob);
    let position = two["position"].as_str().unwrap();
    assert_eq!(answer.header("roomcast-position"), Some(position));
    assert_eq!(answer.json(), before);
    // Bob has not heard the last, and both come back as who they were: nobody is told that either has.
    let (mut at_bob, state) = enter(&hub, &bob, one["position"].as_str().unwrap());
    assert_eq!(state["resumed"], outcome(1, 0));
    let told = hear(&mut at_bob);
    assert_eq!(told, two);
    let (mut at_ann, state) = enter(&hub, &ann, position);
    assert_eq!(state["resumed"], outcome(0, 0));
    let players = state["players"].as_array().unwrap();
    assert!(
        players.iter().all(|player| player["connected"] == true),
        "{players:?}"
    );
    say(&mut at_ann, "three");
    let three = hear(&mut at_bob);
    assert_eq!(three["payload"]["message"], "three");
    let next = Position::read(position).plus(1).to_string();
    assert_eq!(three["position"], next.as_str());
    assert_eq!(hear(&mut at_ann)["position"], next.as_str());
    let now = messages(&hub, &ann).json();
    let [two, one] = [&before["messages"][0], &before["messages"][1]];
    assert_eq!(now["messages"], json!([three["payload"], two, one]));
}

#[test]
fn tasks_are_as_they_were_answered_and_their_events_go_on() {
    let place = Place::new();
    let hub = place.serve("");
    let mut stream = Stream::open(hub.address(), "/api/v1/tasks/ws?version=1.0", None);
    stream.next();
    let (kept, changed, deleted) = (create(&hub, "1"), create(&hub, "2"), create(&hub, "3"));
    let path = |task: &Value| format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    let patched = hub.ask("PATCH", &path(&changed), "", r#"{"status":"completed"}"#);
    assert_eq!(patched.status, 200);
    assert_eq!(hub.ask("DELETE", &path(&deleted), "", "").status, 204);
    let heard: Vec<(String, Value)> = (0..5).map(|_| stream.next()).collect();
    kill(hub);

    let hub = place.start("");
    assert_eq!(task(&hub, &kept).json(), kept);
    assert_eq!(task(&hub, &changed).json(), patched.json());
    assert_eq!(task(&hub, &deleted).error(), (404, "not_found"));
    let listed = hub.get("/api/v1/tasks");
    assert_eq!(listed.header("roomcast-position"), Some(&*heard[4].0));
    assert_eq!(listed.json()["tasks"], json!([kept, patched.json()]));
    let mut stream = Stream::open(
        hub.address(),
        "/api/v1/tasks/ws?version=1.0",
        Some(&heard[2].0),
    );
    assert_eq!(stream.next().1["data"]["resumed"], outcome(2, 0));
    assert_eq!([stream.next(), stream.next()], heard[3..]);
    let next = create(&hub, "4");
    let (position, event) = stream.next();
    assert_eq!(event["data"]["task"], next);
    assert_eq!(position, Position::read(&heard[4].0).plus(1).to_string());
}

#[test]
fn sessions_are_where_they_were() {
    let place = Place::new();
    let hub = place.serve("");
    let mut session = hub
        .ask("POST", "/api/v1/sessions", "", r#"{"a":[1]}"#)
        .json();
    let path = format!(
        "/api/v1/sessions/{}",
        session["session_id"].as_str().unwrap()
    );
    let opened = hub.ask(
        "POST",
        &format!("{path}/status"),
        "",
        r#"{"status":"opened"}"#,
    );
    assert_eq!(opened.status, 200);
    kill(hub);
    let hub = place.start("");
    session["status"] = json!("opened");
    assert_eq!(hub.get(&path).json(), session);
    let completed = hub.ask("POST", &format!("{path}/result"), "", r#"{"b":2}"#);
    assert_eq!(completed.status, 201);
    kill(hub);
    let hub = place.start("");
    let result = hub.get(&format!("{path}/result")).json();
    assert_eq!(
        (&result["status"], &result["result"]),
        (&json!("completed"), &json!({"b": 2}))
    );
    let mut stream = Stream::open(hub.address(), &format!("{path}/ws"), None);
    assert_eq!(stream.next().1["status"], "completed");
    assert_eq!(stream.next().1["result"], json!({"b": 2}));
}

#[test]
fn events_and_the_stream_begin_a_new_life_and_say_so() {
    let place = Place::new();
    let hub = place.serve("");
    hub.publish("chat:said", &json!({}));
    let mut events = Stream::open(hub.address(), "/ws", None);
    let (events_at, _) = events.next();
    let mut blocks = Stream::open(hub.address(), "/v1/stream?channels=newTxs", None);
    hub.ask("POST", "/v1/txs", "", TX);
    let (stream_at, _) = blocks.next();
    kill(hub);
    let hub = place.serve("");
    let (now, status) = Stream::open(hub.address(), "/ws", Some(&events_at)).next();
    assert_eq!(status["payload"]["resumed"], outcome(0, None));
    assert_ne!(Position::read(&now).epoch, Position::read(&events_at).epoch);
    let (now, resumed) = Stream::open(
        hub.address(),
        "/v1/stream?channels=newTxs",
        Some(&stream_at),
    )
    .next();
    assert_eq!(resumed["data"]["missed"], Value::Null, "{resumed}");
    assert_ne!(Position::read(&now).epoch, Position::read(&stream_at).epoch);
}

/// A transaction.
const TX: &str = r#"{"hash":"0x1","from_addr":"a","to_addr":"b","value_wei":"1","block_height":1}"#;
