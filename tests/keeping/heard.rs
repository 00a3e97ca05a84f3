//! What another hub has made so is so here: whoever asks is told the same, and whoever listens hears the same messages with the
//! same positions.

use roomcast::engine::{Heard, Outcome, Row};
use roomcast::id::AppId;
use roomcast::time::Unix;
use serde_json::{Value, json};

use crate::house::House;
use crate::network::Client;

/// Two hubs, the second of which hears what is made so at the first.
fn hubs() -> (House, House) {
    let mut one = House::sharing();
    // A log is opened when something is first kept in it.
    one.ask("POST", "/api/v1/tasks", r#"{"repository":"a","title":"t"}"#);
    let other = one.beside();
    (one, other)
}

/// A change at the first hub, and its answer; the other has heard of it.
fn change(hubs: &mut (House, House), method: &str, path: &str, body: &Value) -> Value {
    let (status, answer) = hubs.0.ask(method, path, &body.to_string());
    assert!((200..300).contains(&status), "{status} {answer}");
    hubs.0.tell_other(&mut hubs.1);
    answer
}

/// What both hubs say of this, which is the same.
fn show(hubs: &mut (House, House), path: &str) -> Value {
    let (one, other) = (hubs.0.ask_now("GET", path), hubs.1.ask_now("GET", path));
    assert_eq!(one, other);
    one.1
}

/// A listener at each hub on the same path, that says this first.
fn listen(hubs: &mut (House, House), path: &str, says: &Value) -> (Client, Client) {
    let listen = |house: &mut House| {
        let client = house.open(path);
        if !says.is_null() {
            house.say(client, says);
        }
        house.heard(client);
        client
    };
    (listen(&mut hubs.0), listen(&mut hubs.1))
}

/// What both listeners have heard, which is the same.
fn heard(hubs: &mut (House, House), (one, other): (Client, Client)) -> Vec<Value> {
    let (one, other) = (hubs.0.heard(one), hubs.1.heard(other));
    assert_eq!(one, other);
    one
}

#[test]
fn tasks_are_the_same_at_both_hubs_and_their_events_have_the_same_positions() {
    let mut hubs = hubs();
    let all = json!({"type": "subscribe", "data": {"repositories": ["*"]}});
    let listeners = listen(&mut hubs, "/api/v1/tasks/ws?version=1.0", &all);
    let draft = json!({"repository": "a", "title": "first"});
    let task = change(&mut hubs, "POST", "/api/v1/tasks", &draft);
    let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    assert_eq!(show(&mut hubs, &path)["title"], "first");
    change(&mut hubs, "PATCH", &path, &json!({"title": "second"}));
    assert_eq!(show(&mut hubs, &path)["title"], "second");
    assert_eq!(
        show(&mut hubs, "/api/v1/tasks")["tasks"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    change(&mut hubs, "DELETE", &path, &json!({}));
    assert_eq!(
        show(&mut hubs, "/api/v1/tasks")["tasks"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let events = heard(&mut hubs, listeners);
    let types: Vec<_> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["task.created", "task.updated", "task.deleted"]);
    assert!(events[2]["position"].as_str().unwrap().ends_with("-4"));
    assert_eq!(hubs.0.count(AppId::Tasks), hubs.1.count(AppId::Tasks));
}

#[test]
fn who_waits_for_a_session_at_another_hub_is_told_of_its_result() {
    let mut hubs = hubs();
    let session = change(
        &mut hubs,
        "POST",
        "/api/v1/sessions",
        &json!({"for": "a test"}),
    );
    let id = session["session_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/sessions/{id}");
    let listeners = listen(&mut hubs, &format!("{path}/ws"), &Value::Null);
    let step = json!({"status": "opened"});
    change(&mut hubs, "POST", &format!("{path}/status"), &step);
    assert_eq!(show(&mut hubs, &path)["status"], "opened");
    change(
        &mut hubs,
        "POST",
        &format!("{path}/result"),
        &json!({"is": 7}),
    );
    assert_eq!(
        show(&mut hubs, &format!("{path}/result"))["result"]["is"],
        7
    );
    let (one, other) = (hubs.0.heard(listeners.0), hubs.1.heard(listeners.1));
    let types = |heard: Vec<Value>| -> Vec<Value> {
        heard.into_iter().map(|mut it| it["type"].take()).collect()
    };
    assert_eq!(types(one), types(other));
    change(&mut hubs, "DELETE", &path, &json!({}));
    assert_eq!(hubs.1.ask_now("GET", &path).0, 404);
    assert_eq!(hubs.1.heard(listeners.1), [1000]);
}

/// Posts of an app that another hub has published, numbered from the first on.
fn posts(app: AppId, topic: &str, texts: &[&str]) -> Outcome {
    let post = |text: &&str| Row::Post {
        log: app.name().to_owned(),
        topic: topic.to_owned(),
        at: Unix(0),
        text: (*text).to_owned(),
    };
    Outcome::Heard(Heard {
        app,
        rows: texts.iter().map(post).collect(),
        numbers: (1..=texts.len() as u64).collect(),
    })
}

#[test]
fn an_event_of_another_hub_is_heard_by_everybody() {
    let mut house = House::new(|_| ());
    let client = house.open("/ws");
    house.heard(client);
    house.tell(posts(
        AppId::Events,
        "",
        &[r#"{"type":"a:b","payload":{}}"#],
    ));
    let heard = house.heard(client);
    assert_eq!((heard.len(), &heard[0]["type"]), (1, &json!("a:b")));
    assert!(heard[0]["position"].as_str().unwrap().ends_with("-1"));
}

#[test]
fn a_batch_of_another_hub_is_one_here_and_on_its_channel() {
    let mut house = House::new(|_| ());
    let client = house.open("/v1/stream");
    house.say(
        client,
        &json!({"action": "subscribe", "channels": ["newTxs"]}),
    );
    let of = |n: u32| format!(r#"{{"type":"NewTx","data":{{"n":{n}}}}}"#);
    house.tell(posts(AppId::Stream, "newTxs", &[&of(1), &of(2)]));
    let heard = house.heard(client);
    let numbers: Vec<_> = heard.iter().map(|it| &it["data"]["n"]).collect();
    assert_eq!(numbers, [1, 2]);
    assert!(heard[1]["position"].as_str().unwrap().ends_with("-2"));
    house.tell(posts(AppId::Stream, "newBlocks", &[]));
    assert!(house.heard(client).is_empty());
}

/// A player of a room: its code, its identifier and its token.
struct Player {
    code: String,
    id: String,
    token: String,
}

impl Player {
    fn of(code: &str, entitled: &Value) -> Player {
        let text = |name: &str| entitled[name].as_str().unwrap().to_owned();
        Player {
            code: code.to_owned(),
            id: text("player_id"),
            token: text("token"),
        }
    }

    /// Comes to one of two hubs, and the other hears of it.
    fn comes(&self, to: &mut House, other: &mut House) -> Client {
        let Player { code, id, token } = self;
        let client = to.open(&format!("/ws/rooms/{code}?player_id={id}&token={token}"));
        to.commit();
        to.tell_other(other);
        client
    }
}

/// Says something in a room at one of two hubs, which the other hears of.
fn chat(at: &mut House, other: &mut House, client: Client, message: &str) {
    at.say(
        client,
        &json!({"type": "chat", "payload": {"message": message}}),
    );
    at.commit();
    at.tell_other(other);
}

/// The events that a player has heard, each with what names it.
fn events(house: &mut House, client: Client) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let heard = house.heard(client).into_iter().map(|it| match it {
        Value::Number(code) => (String::from("close"), code.to_string()),
        it if it["event"] == "chat" => (text(&it["payload"]["message"]), text(&it["position"])),
        it => (text(&it["event"]), text(&it["payload"]["display_name"])),
    });
    heard.collect()
}

#[test]
fn two_who_are_at_different_hubs_play_in_one_room() {
    let (mut one, mut other) = hubs();
    let made = one.ask("POST", "/api/rooms", r#"{"display_name":"Ann"}"#).1;
    let code = made["code"].as_str().unwrap().to_owned();
    one.tell_other(&mut other);
    let ann = Player::of(&code, &made);
    // The second joins at the other hub.
    let join = format!("/api/rooms/{code}/join");
    let (status, joined) = other.ask("POST", &join, r#"{"display_name":"Bob"}"#);
    assert_eq!(status, 201, "{joined}");
    other.tell_other(&mut one);
    assert_eq!(one.ask("POST", &join, r#"{"display_name":"bob"}"#).0, 409);
    let bob = Player::of(&code, &joined);
    let at_one = ann.comes(&mut one, &mut other);
    let at_other = bob.comes(&mut other, &mut one);
    let state = &other.heard(at_other)[0]["payload"]["players"];
    assert_eq!(
        (&state[0]["connected"], &state[1]["connected"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(
        events(&mut one, at_one)[1],
        ("player_connected".into(), "Bob".into())
    );
    chat(&mut one, &mut other, at_one, "hello");
    chat(&mut other, &mut one, at_other, "hello yourself");
    let (said, heard) = (events(&mut one, at_one), events(&mut other, at_other));
    assert_eq!(said, heard);
    assert_eq!(
        (said[0].0.as_str(), said[1].0.as_str()),
        ("hello", "hello yourself")
    );
    let page = |house: &mut House, player: &Player| {
        let path = format!("/api/rooms/{code}/messages");
        let token = &player.token;
        let client = house.ground().connect();
        let asked = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        house.send(client, asked.as_bytes());
        house.answer(client).unwrap()
    };
    assert_eq!(page(&mut one, &ann), page(&mut other, &ann));
    assert_eq!(
        page(&mut one, &bob).1["messages"].as_array().unwrap().len(),
        2
    );
    // A newer connection replaces the older one, wherever that is; and nobody hears of it.
    let again = ann.comes(&mut other, &mut one);
    assert_eq!(events(&mut one, at_one), [("close".into(), "4409".into())]);
    assert!(events(&mut other, at_other).is_empty());
    other.heard(again);
    // It goes, and whoever is at the other hub would hear of it.
    let third = bob.comes(&mut one, &mut other);
    assert_eq!(
        events(&mut other, at_other),
        [("close".into(), "4409".into())]
    );
    one.heard(third);
    other.ground().reset(again);
    other.settle();
    other.commit();
    other.tell_other(&mut one);
    assert_eq!(
        events(&mut one, third),
        [("player_disconnected".into(), "Ann".into())]
    );
}

#[test]
fn who_is_put_out_at_one_hub_is_so_at_another_and_so_is_a_room_that_ends() {
    let (mut one, mut other) = hubs();
    let made = one.ask("POST", "/api/rooms", r#"{"display_name":"Ann"}"#).1;
    let code = made["code"].as_str().unwrap().to_owned();
    let joined = one.ask(
        "POST",
        &format!("/api/rooms/{code}/join"),
        r#"{"display_name":"Bob"}"#,
    );
    one.tell_other(&mut other);
    let (ann, bob) = (Player::of(&code, &made), Player::of(&code, &joined.1));
    let (at_one, at_other) = (
        bob.comes(&mut other, &mut one),
        ann.comes(&mut other, &mut one),
    );
    other.heard(at_one);
    other.heard(at_other);
    let put_out = format!("/api/rooms/{code}/players/{}", bob.id);
    assert_eq!(with_token(&mut one, "DELETE", &put_out, &ann.token), 204);
    one.tell_other(&mut other);
    assert_eq!(
        events(&mut other, at_one),
        [("close".into(), "4403".into())]
    );
    assert_eq!(
        events(&mut other, at_other),
        [("player_left".into(), "Bob".into())]
    );
    assert_eq!(
        with_token(
            &mut one,
            "DELETE",
            &format!("/api/rooms/{code}"),
            &ann.token
        ),
        204
    );
    one.tell_other(&mut other);
    assert_eq!(
        events(&mut other, at_other),
        [("close".into(), "4404".into())]
    );
    assert_eq!(one.count(AppId::Rooms), other.count(AppId::Rooms));
}

/// The status of a request that shows a token.
fn with_token(house: &mut House, method: &str, path: &str, token: &str) -> u16 {
    let client = house.ground().connect();
    let asked = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    house.send(client, asked.as_bytes());
    house.commit();
    house.answer(client).unwrap().0
}
