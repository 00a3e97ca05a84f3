//! Votes and actions, and what is answered to anything else.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::Message;

use crate::harness::positions::take_from_text;
use crate::lobby::Lobby;

#[test]
fn a_vote_or_action_passes_untouched_with_its_player_beside_it() {
    let server = Lobby::open("");
    let [(ada, mut to_ada), (_, mut to_bob)] = server.gather(["Ada", "Bob"]);
    let payload = r#"{ "b":1.50, "a":123456789012345678901234567890,"c":"\u00fc\ud83d" }"#;
    for kind in ["vote", "action"] {
        to_ada.send(format!(
            r#"{{"type":"{kind}","correlation_id":"c","payload":{payload}}}"#
        ));
        let start = format!(
            r#"{{"type":"event","event":"{kind}","payload":{payload},"player_id":"{}""#,
            ada.id
        );
        let (heard, position) = take_from_text(&to_bob.text());
        assert_eq!(heard, format!("{start}}}"));
        let own = format!(r#"{start},"correlation_id":"c"}}"#);
        assert_eq!(take_from_text(&to_ada.text()), (own, position));
    }
    assert_eq!(server.messages(&ada, "").json(), json!({"messages": []}));
}

#[test]
fn a_vote_to_some_is_for_them_and_the_sender() {
    let server = Lobby::open("");
    let [(_, mut to_ada), (bob, mut to_bob), (_, mut to_eve)] =
        server.gather(["Ada", "Bob", "Eve"]);
    let secret = json!({"type": "vote", "to": [bob.id], "payload": {"for": "Eve"}});
    to_ada.send(secret.to_string()).say("action", &json!({}));
    for client in [&mut to_ada, &mut to_bob] {
        assert_eq!(client.json()["payload"], json!({"for": "Eve"}));
        assert_eq!(client.json()["event"], "action");
    }
    assert_eq!(to_eve.json()["event"], "action");
}

#[test]
fn other_types_are_not_supported() {
    let server = Lobby::open("");
    let [(_, mut client)] = server.gather(["Ada"]);
    for kind in ["system", "event", "state", "Chat", "", "chat "] {
        let said = json!({"type": kind, "correlation_id": "c", "payload": {}});
        let error = client.send(said.to_string()).error();
        assert_eq!(
            error,
            (String::from("unsupported_type"), json!("c")),
            "{kind}"
        );
    }
    let error = client.say("system", &json!({})).json();
    let fields: Vec<&String> = error.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["type", "event", "payload"]);
}

#[test]
fn what_has_not_the_shape_is_a_bad_message_and_no_reason_to_go() {
    let server = Lobby::open("");
    let [(_, mut client)] = server.gather(["Ada"]);
    for text in [
        "",
        "hello",
        "{",
        "[]",
        "7",
        "{}",
        r#"{"type":"vote"}"#,
        r#"{"type":"vote","payload":[]}"#,
        r#"{"type":"chat","payload":{"message":7}}"#,
        r#"{"type":"chat","payload":{}}"#,
        r#"{"type":"vote","payload":{},"too":["a"]}"#,
        r#"{"type":"vote","payload":{},"correlation_id":{}}"#,
    ] {
        let error = client.send(text).error();
        assert_eq!(error, (String::from("bad_message"), Value::Null), "{text}");
    }
    let error = client.send(Message::binary(vec![0, 159, 146, 150])).error();
    assert_eq!(error.0, "bad_message");
    assert_eq!(client.say("vote", &json!({})).json()["event"], "vote");
}

#[test]
fn a_correlation_id_is_of_128_characters_at_most() {
    let server = Lobby::open("");
    let [(_, mut client)] = server.gather(["Ada"]);
    let with = |id: &str| json!({"type": "vote", "correlation_id": id, "payload": {}}).to_string();
    let longest = "é".repeat(128);
    assert_eq!(
        client.send(with(&longest)).json()["correlation_id"],
        json!(longest)
    );
    let error = client.send(with(&format!("{longest}e"))).error();
    assert_eq!(error, (String::from("bad_message"), Value::Null));
}

#[test]
fn twenty_at_once_pass_and_the_next_is_dropped() {
    let server = Lobby::open("");
    let [(_, mut to_ada), (_, mut to_bob)] = server.gather(["Ada", "Bob"]);
    let began = Instant::now();
    for number in 0..40 {
        let said = json!({"type": "vote", "correlation_id": number, "payload": {}});
        to_ada.send(said.to_string());
    }
    let answers: Vec<Value> = (0..40).map(|_| to_ada.json()).collect();
    // One more for each tenth of a second that it took.
    let extra = began.elapsed().as_millis() as usize / 100 + 1;
    let passed = answers
        .iter()
        .filter(|answer| answer["event"] == "vote")
        .count();
    assert!((20..=20 + extra).contains(&passed), "{passed} passed");
    assert!(answers[..20].iter().all(|answer| answer["event"] == "vote"));
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer["correlation_id"], number, "answers come in order");
        if answer["event"] != "vote" {
            assert_eq!(
                (&answer["type"], &answer["event"]),
                (&json!("error"), &json!("rate_limited"))
            );
        }
    }
    // Another player has a pace of its own, and hears what passed and no more.
    to_bob.say("action", &json!({}));
    for _ in 0..passed {
        assert_eq!(to_bob.json()["event"], "vote");
    }
    assert_eq!(to_bob.json()["event"], "action");
}

#[test]
fn bad_messages_count_and_a_new_connection_saves_up_nothing() {
    let server = Lobby::open("");
    let [(ada, mut client)] = server.gather(["Ada"]);
    let began = Instant::now();
    for _ in 0..19 {
        assert_eq!(client.send("nonsense").error().0, "bad_message");
    }
    assert_eq!(
        client.send(Message::binary(vec![7])).error().0,
        "bad_message"
    );
    let (mut newer, _) = server.enter(&ada);
    newer.say("vote", &json!({}));
    let event = newer.json()["event"].take();
    // Unless all that took so long that one more is due.
    assert!(event == "rate_limited" || began.elapsed() >= Duration::from_millis(100));
}

#[test]
fn who_does_not_read_is_told_how_much_it_missed() {
    let server = Lobby::open("--queue-messages 4 --set rooms.history_messages=0");
    let [(ada, mut to_ada), (_, mut to_bob)] = server.gather(["Ada", "Bob"]);
    // More than the kernel holds for a client that does not read.
    let body = json!({"event": "much", "payload": {"text": "x".repeat(500_000)}}).to_string();
    let path = format!("/api/rooms/{}/events", ada.code);
    let mut sent = 0;
    while server.metric("roomcast_messages_dropped_total{app=\"rooms\"}") == 0.0 {
        let answer = server.ask("POST", &path, "", &body);
        assert_eq!(answer.json()["receivers"], 2);
        assert_eq!(to_ada.json()["event"], "much");
        sent += 1;
        assert!(sent < 200, "the queue never fills");
    }
    // What was published before.
    let (mut heard, mut missed) = (None, None);
    for _ in 0..sent {
        let text = to_bob.text();
        if text.starts_with(r#"{"type":"state""#) {
            missed = Some(text);
            break;
        }
        let (message, position) = take_from_text(&text);
        assert!(message.starts_with(r#"{"type":"event","event":"much""#));
        heard = Some(position);
    }
    let since = heard.unwrap();
    let lagged = format!(
        r#"{{"type":"state","event":"lagged","payload":{{"missed":1,"since":"{since}"}}}}"#
    );
    assert_eq!(missed, Some(lagged));
}
