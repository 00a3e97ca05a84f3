//! Chat: what is kept and who hears it.

use serde_json::{Value, json};

use crate::lobby::Lobby;
use crate::player::Player;

/// RFC 3339, UTC, millisecond precision, `Z`.
fn assert_timestamp(value: &Value) {
    let text = value.as_str().unwrap();
    assert!(
        text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.',
        "{text}"
    );
    assert!(humantime::parse_rfc3339(text).is_ok(), "{text}");
}

fn chat_to(to: &[&Player], message: &str, correlation_id: Option<&str>) -> String {
    let to: Vec<&str> = to.iter().map(|player| player.id.as_str()).collect();
    let mut said = json!({"type": "chat", "to": to, "payload": {"message": message}});
    if let Some(id) = correlation_id {
        said["correlation_id"] = json!(id);
    }
    said.to_string()
}

#[test]
fn everybody_hears_a_message_and_who_says_it_too() {
    let server = Lobby::open("");
    let [(ada, mut to_ada), (_, mut to_bob)] = server.gather(["Ada", "Bob"]);
    to_ada.chat("  hello\nworld \n");
    let told = to_ada.json();
    assert_eq!(told, to_bob.json());
    let fields: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["type", "event", "payload"]);
    assert_eq!(
        (&told["type"], &told["event"]),
        (&json!("event"), &json!("chat"))
    );
    let payload = &told["payload"];
    assert_eq!(payload["player_id"], json!(ada.id));
    assert_eq!(payload["display_name"], "Ada");
    assert_eq!(payload["message"], "hello\nworld");
    assert!(payload["message_id"].is_string());
    assert_timestamp(&payload["sent_at"]);
}

#[test]
fn only_the_senders_copy_carries_the_correlation_id() {
    let server = Lobby::open("");
    let [(_, mut to_ada), (_, mut to_bob)] = server.gather(["Ada", "Bob"]);
    for id in [json!("c 1"), json!(""), json!(7), json!("\u{1f600}\"")] {
        let said = json!({"type": "chat", "correlation_id": id, "payload": {"message": "hello"}});
        let mut own = to_ada.send(said.to_string()).json();
        assert_eq!(own["correlation_id"], id);
        own.as_object_mut().unwrap().shift_remove("correlation_id");
        assert_eq!(to_bob.json(), own);
    }
}

#[test]
fn a_message_is_of_1_to_2000_characters() {
    let server = Lobby::open("");
    let [(_, mut client)] = server.gather(["Ada"]);
    for longest in ["a".repeat(2000), "é".repeat(2000), "\u{1f600}".repeat(2000)] {
        assert_eq!(
            client.chat(&format!(" {longest} ")).json()["payload"]["message"],
            json!(longest)
        );
        let error = client.chat(&format!("{longest}b")).error();
        assert_eq!(error, (String::from("bad_message"), Value::Null));
    }
    assert_eq!(client.chat("x").json()["payload"]["message"], "x");
    for empty in ["", " ", "\n\n"] {
        assert_eq!(client.chat(empty).error().0, "bad_message");
    }
}

#[test]
fn a_message_has_no_control_character_but_newline() {
    let server = Lobby::open("");
    let [(_, mut client)] = server.gather(["Ada"]);
    assert_eq!(client.chat("a\nb").json()["payload"]["message"], "a\nb");
    for text in [
        "a\tb", "a\rb", "a\u{0}b", "a\u{1b}b", "a\u{7f}b", "a\u{9b}b",
    ] {
        assert_eq!(client.chat(text).error().0, "bad_message", "{text:?}");
    }
}

#[test]
fn markup_is_text() {
    let server = Lobby::open("");
    let [(ada, mut client)] = server.gather(["<b>Ada</b>"]);
    let text = "<script>alert('\u{2028}')</script>";
    assert_eq!(client.chat(text).json()["payload"]["message"], text);
    assert_eq!(
        server.messages(&ada, "").json()["messages"][0]["message"],
        text
    );
}

#[test]
fn a_message_to_some_is_for_them_and_the_sender_and_not_kept() {
    let server = Lobby::open("");
    let [(ada, mut to_ada), (bob, mut to_bob), (_, mut to_eve)] =
        server.gather(["Ada", "Bob", "Eve"]);
    let absent = server.join(&ada.code, "Zoe");
    let own = to_ada
        .send(chat_to(&[&bob, &bob, &absent], "psst", Some("c")))
        .json();
    assert_eq!(
        (&own["payload"]["message"], &own["correlation_id"]),
        (&json!("psst"), &json!("c"))
    );
    let theirs = to_bob.json();
    assert_eq!(theirs["payload"], own["payload"]);
    assert!(theirs.get("correlation_id").is_none());
    // Named or not, the sender hears it once.
    to_ada.send(chat_to(&[&ada, &bob], "both", None));
    to_ada.send(chat_to(&[], "alone", None));
    to_ada.chat("aloud");
    for text in ["both", "alone", "aloud"] {
        assert_eq!(to_ada.json()["payload"]["message"], text);
    }
    for text in ["both", "aloud"] {
        assert_eq!(to_bob.json()["payload"]["message"], text);
    }
    let aloud = to_eve.json();
    assert_eq!(aloud["payload"]["message"], "aloud");
    let kept = server.messages(&ada, "").json();
    assert_eq!(kept["messages"], json!([aloud["payload"]]));
}

#[test]
fn an_unknown_player_is_nobody_to_speak_to() {
    let server = Lobby::open("");
    let [(ada, mut to_ada), (bob, mut to_bob)] = server.gather(["Ada", "Bob"]);
    let stranger = server.create("Eve");
    let mut nobody = ada;
    nobody.id = String::from("nobody");
    for unknown in [&stranger, &nobody] {
        let error = to_ada
            .send(chat_to(&[&bob, unknown], "psst", Some("c")))
            .error();
        assert_eq!(error, (String::from("bad_message"), json!("c")));
    }
    to_ada.chat("aloud");
    assert_eq!(to_bob.json()["payload"]["message"], "aloud");
}

#[test]
fn every_message_has_an_identifier_of_its_own() {
    let server = Lobby::open("");
    let [(ada, mut client)] = server.gather(["Ada"]);
    let mut ids: Vec<String> = Vec::new();
    for number in 0..20 {
        let message = match number % 2 {
            0 => chat_to(&[&ada], "to myself", None),
            _ => json!({"type": "chat", "payload": {"message": "aloud"}}).to_string(),
        };
        let told = client.send(message).json();
        ids.push(told["payload"]["message_id"].as_str().unwrap().to_owned());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}
