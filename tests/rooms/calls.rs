//! Rooms made, joined and read, and the back-end that speaks to them.

use serde_json::{Value, json};

use crate::lobby::Lobby;
use crate::player::Player;

fn keys(value: &Value) -> Vec<&str> {
    let fields = value.as_object().unwrap();
    fields.keys().map(String::as_str).collect()
}

/// The texts of a page.
fn texts(messages: &Value) -> Vec<&str> {
    let messages = messages.as_array().unwrap().iter();
    messages
        .map(|message| message["message"].as_str().unwrap())
        .collect()
}

/// A room in which so many players have said 20 messages each, numbered in their order.
fn talkative(server: &Lobby, players: usize) -> Player {
    let first = server.create("0");
    for number in 0..players {
        let player = match number {
            0 => first.clone(),
            _ => server.join(&first.code, &number.to_string()),
        };
        let mut client = server.enter(&player).0;
        for message in 0..20 {
            client.chat(&(number * 20 + message).to_string());
            assert_eq!(client.json()["event"], "chat");
        }
        client.say_goodbye(None);
    }
    first
}

#[test]
fn a_room_is_made_with_its_first_player() {
    let server = Lobby::open("");
    let answer = server.post("/api/rooms", &json!({"display_name": "Ada"}));
    assert_eq!(answer.status, 201);
    assert_eq!(
        keys(&answer.json()),
        ["code", "room_id", "player_id", "token"]
    );
    let room = answer.json();
    let code = room["code"].as_str().unwrap();
    let is_known = |letter| "ABCDEFGHJKMNPQRSTUVWXYZ23456789".contains(letter);
    assert!(code.len() == 6 && code.chars().all(is_known), "{code}");
    let joined = server.try_join(code, "Bob");
    assert_eq!(joined.status, 201);
    assert_eq!(keys(&joined.json()), ["room_id", "player_id", "token"]);
    assert_eq!(joined.json()["room_id"], answer.json()["room_id"]);
    assert_ne!(joined.json()["player_id"], answer.json()["player_id"]);
}

#[test]
fn a_code_is_read_in_either_case() {
    let server = Lobby::open("");
    let first = server.create("Ada");
    let lower = first.code.to_ascii_lowercase();
    let second = server.join(&lower, "Bob");
    assert_eq!(second.room_id, first.room_id);
    assert_eq!(server.messages(&second, "").status, 200);
    assert_eq!(server.enter(&second).1["code"], json!(first.code));
}

#[test]
fn nobody_joins_a_room_that_is_not() {
    let server = Lobby::open("");
    for code in ["ABCDEF", "abc", "ABCDE0", "%20", "ABCDEFG"] {
        let answer = server.try_join(code, "Ada");
        assert_eq!(answer.error(), (404, "not_found"), "{code}");
    }
}

#[test]
fn a_name_is_taken_in_any_case_and_spelling_and_only_in_its_room() {
    let server = Lobby::open("");
    let room = server.create("José");
    for name in [" jOSÉ ", "Jose\u{301}", "Ｊosé"] {
        let answer = server.try_join(&room.code, name);
        assert_eq!(answer.error(), (409, "conflict"), "{name:?}");
    }
    assert_eq!(server.try_join(&room.code, "Jose").status, 201);
    server.create("José");
}

#[test]
fn a_name_that_cannot_be_seen_or_is_too_long_is_refused() {
    let server = Lobby::open("");
    let room = server.create("Ada");
    let too_long = "a".repeat(33);
    for name in [&too_long, "", "   ", "a\nb", "\u{3164}", "\u{202e}adA"] {
        let body = json!({"display_name": name});
        server.post("/api/rooms", &body).refuses("display_name");
        server.try_join(&room.code, name).refuses("display_name");
    }
}

#[test]
fn a_body_is_refused_by_the_field_that_is_wrong() {
    let server = Lobby::open("");
    let post = |body: &str| server.ask("POST", "/api/rooms", "", body);
    post("").refuses("display_name");
    post("{}").refuses("display_name");
    post(r#"{"display_name":7}"#).refuses("display_name");
    post(r#"{"display_name":null}"#).refuses("display_name");
    post(r#"{"display_name":"Ada","age":7}"#).refuses("age");
    post(r#"["Ada"]"#).refuses("object");
    post(r#"{"display_name":"Ada""#).refuses("EOF");
}

#[test]
fn one_room_more_than_may_be_kept_is_refused() {
    let server = Lobby::open("--set rooms.max_records=2");
    server.create("Ada");
    let second = server.create("Ada");
    let third = server.post("/api/rooms", &json!({"display_name": "Ada"}));
    assert_eq!(third.error(), (507, "insufficient_storage"));
    server.join(&second.code, "Bob");
}

#[test]
fn messages_come_newest_first_in_pages() {
    let server = Lobby::open("");
    let player = talkative(&server, 3);
    let page = server.messages(&player, "");
    let all: Vec<String> = (0..60).rev().map(|number| number.to_string()).collect();
    assert_eq!(texts(&page.json()["messages"]), all[..50]);
    let last = page.json()["messages"][49]["message_id"].take();
    let last = last.as_str().unwrap();
    let next = server.messages(&player, &format!("?before={last}&limit=4"));
    assert_eq!(texts(&next.json()["messages"]), all[50..54]);
    let last = next.json()["messages"][3]["message_id"].take();
    let last = last.as_str().unwrap();
    let next = server.messages(&player, &format!("?before={last}"));
    assert_eq!(texts(&next.json()["messages"]), all[54..]);
    let last = next.json()["messages"][5]["message_id"].take();
    let last = last.as_str().unwrap();
    let next = server.messages(&player, &format!("?before={last}"));
    assert_eq!(next.json(), json!({"messages": []}));
}

#[test]
fn a_message_is_kept_as_it_was_told() {
    let server = Lobby::open("");
    let [(player, mut client)] = server.gather(["Ada"]);
    let told = client.chat("hello").json();
    let page = server.messages(&player, "");
    assert_eq!(page.json()["messages"], json!([told["payload"]]));
    assert_eq!(
        keys(&told["payload"]),
        [
            "message_id",
            "player_id",
            "display_name",
            "message",
            "sent_at"
        ]
    );
}

#[test]
fn a_page_is_of_1_to_200() {
    let server = Lobby::open("");
    let player = talkative(&server, 11);
    let count = |query: &str| texts(&server.messages(&player, query).json()["messages"]).len();
    assert_eq!(count("?limit=1"), 1);
    assert_eq!(count("?limit=200"), 200);
    for limit in ["0", "201", "-1", "x"] {
        server
            .messages(&player, &format!("?limit={limit}"))
            .refuses("limit");
    }
    for before in ["x", "%C3%A9"] {
        server
            .messages(&player, &format!("?before={before}"))
            .refuses("before");
    }
    server.messages(&player, "?offset=1").refuses("offset");
    server
        .messages(&player, "?limit=1&limit=2")
        .refuses("limit");
}

#[test]
fn a_room_keeps_as_many_messages_as_it_may() {
    let server = Lobby::open("--set rooms.max_messages=50");
    let player = talkative(&server, 3);
    let page = server.messages(&player, "?limit=200").json();
    let kept: Vec<String> = (10..60).rev().map(|number| number.to_string()).collect();
    assert_eq!(texts(&page["messages"]), kept);
}

#[test]
fn messages_are_for_those_who_show_a_token_of_the_room() {
    let server = Lobby::open("");
    let (player, stranger) = (server.create("Ada"), server.create("Eve"));
    let path = format!("/api/rooms/{}/messages", player.code);
    let without = server.ask("GET", &path, "", "");
    assert_eq!(without.error(), (401, "unauthorized"));
    assert!(
        without
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    let with = |player: &Player, token: &str| {
        let player = Player {
            token: token.to_owned(),
            ..player.clone()
        };
        server.messages(&player, "").status
    };
    assert_eq!(with(&player, &player.token), 200);
    assert_eq!(with(&player, "nonsense"), 401);
    assert_eq!(with(&player, &stranger.token), 403);
    let nowhere = Player {
        code: String::from("ABCDEF"),
        ..player.clone()
    };
    assert_eq!(with(&nowhere, &player.token), 404);
}

#[test]
fn the_back_end_speaks_to_everybody_who_is_there() {
    let server = Lobby::open("");
    let mut players = server.gather(["Ada", "Bob"]);
    let code = players[0].0.code.clone();
    server.join(&code, "Eve");
    let payload = json!({"phase": "night", "deep": [1, {"a": null}]});
    let answer = server.event(
        &code,
        &json!({"event": "phase_changed", "payload": payload}),
    );
    assert_eq!(
        (answer.status, answer.json()),
        (202, json!({"receivers": 2}))
    );
    let told = json!({"type": "event", "event": "phase_changed", "payload": payload});
    for (_, client) in &mut players {
        assert_eq!(client.json(), told);
    }
}

#[test]
fn the_back_end_speaks_to_some() {
    let server = Lobby::open("");
    let [(ada, mut to_ada), (bob, mut to_bob)] = server.gather(["Ada", "Bob"]);
    let absent = server.join(&ada.code, "Eve");
    let say = |event: &str, to: Value| {
        let body = json!({"event": event, "payload": {}, "to": to});
        server.event(&ada.code, &body)
    };
    let receivers = |event: &str, to: Value| say(event, to).json()["receivers"].take();
    assert_eq!(receivers("one", json!([bob.id, absent.id, bob.id])), 1);
    assert_eq!(receivers("none", json!([])), 0);
    assert_eq!(receivers("two", json!([bob.id, ada.id])), 2);
    assert_eq!(receivers("all", json!(null)), 2);
    for event in ["one", "two", "all"] {
        assert_eq!(to_bob.json()["event"], event);
    }
    for event in ["two", "all"] {
        assert_eq!(to_ada.json()["event"], event);
    }
    let stranger = server.create("Mallory");
    say("one", json!([ada.id, stranger.id])).refuses("to[1]");
    say("one", json!("x")).refuses("to");
}

#[test]
fn the_back_end_is_refused_by_the_field_that_is_wrong() {
    let server = Lobby::open("");
    let code = server.create("Ada").code;
    let say = |body: Value| server.event(&code, &body);
    for event in ["", "Phase", "phase-changed", "_a", "a_", "a__b", "a1"] {
        say(json!({"event": event, "payload": {}})).refuses("event");
    }
    say(json!({"payload": {}})).refuses("event");
    say(json!({"event": "a"})).refuses("payload");
    for payload in [json!(null), json!([]), json!(7), json!("x")] {
        say(json!({"event": "a", "payload": payload})).refuses("payload");
    }
    say(json!({"event": "a", "payload": {}, "more": 1})).refuses("more");
    let answer = server.event("ABCDEF", &json!({"event": "a", "payload": {}}));
    assert_eq!(answer.error(), (404, "not_found"));
}

#[test]
fn only_the_back_end_needs_a_key() {
    let server = Lobby::open("--key sesame");
    let player = server.create("Ada");
    server.join(&player.code, "Bob");
    server.enter(&player);
    let body = json!({"event": "a", "payload": {}});
    assert_eq!(
        server.event(&player.code, &body).error(),
        (401, "unauthorized")
    );
    let path = format!("/api/rooms/{}/events", player.code);
    let with = |headers: &str| server.ask("POST", &path, headers, &body.to_string()).status;
    assert_eq!(with("X-API-Key: sesame\r\n"), 202);
    assert_eq!(with("Authorization: Bearer sesame\r\n"), 202);
    let token = format!("Authorization: Bearer {}\r\n", player.token);
    assert_eq!(with(&token), 401);
}
