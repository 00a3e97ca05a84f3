//! The events dialect, whole.

use serde_json::{Value, json};

use crate::harness::client::assert_timestamp;
use crate::harness::http::Answer;
use crate::harness::server::Server;

/// Every known type with a payload that fits.
fn known() -> Vec<(&'static str, Value)> {
    let artifact = json!({"projectId": "p", "streamId": "s", "artifactId": "a", "phaseName": "plan", "isSharded": false});
    let project = json!({"projectId": "p", "name": "n", "path": "/p"});
    vec![
        (
            "stream:created",
            json!({"projectId": "p", "streamId": "s", "name": "n"}),
        ),
        (
            "stream:archived",
            json!({"projectId": "p", "streamId": "s", "outcome": "merged"}),
        ),
        (
            "stream:updated",
            json!({"projectId": "p", "streamId": "s", "changes": {"a": [1]}}),
        ),
        (
            "stream:phase-changed",
            json!({"projectId": "p", "streamId": "s", "phase": "plan", "artifacts": ["a", "b"]}),
        ),
        ("project:registered", project.clone()),
        ("project:unregistered", project),
        ("artifact:created", artifact.clone()),
        ("artifact:updated", artifact.clone()),
        ("artifact:deleted", artifact),
    ]
}

fn post(server: &Server, body: &str) -> Answer {
    server.ask("POST", "/api/v1/events", "", body)
}

#[test]
fn the_first_message_is_the_status() {
    let server = Server::start("");
    let status = (
        "connection:status".to_owned(),
        json!({"status": "connected"}),
    );
    assert_eq!(server.connect("/ws").event(), status);
}

#[test]
fn an_event_reaches_everybody_and_the_answer_counts_them() {
    let server = Server::start("");
    let mut clients = [server.join(), server.join(), server.join()];
    let answer = server.publish("chat:said", &json!({"text": "hello"}));
    assert_eq!(answer.status, 202);
    assert_eq!(
        (&answer.json()["type"], &answer.json()["receivers"]),
        (&json!("chat:said"), &json!(3))
    );
    for client in &mut clients {
        let message = client.json();
        assert_eq!(message["payload"], json!({"text": "hello"}));
        assert_eq!(message["timestamp"], answer.json()["timestamp"]);
    }
}

#[test]
fn the_answer_to_a_publish_has_three_fields() {
    let answer = Server::start("").publish("chat:said", &json!({}));
    let body = answer.json();
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["type", "timestamp", "receivers"]);
    assert_timestamp(&body["timestamp"]);
    assert_eq!(body["receivers"], 0);
}

#[test]
fn events_come_in_the_order_of_their_publishing() {
    let server = Server::start("");
    let mut client = server.join();
    let mut http = server.http();
    for number in 0..200 {
        let body = json!({"type": "chat:said", "payload": {"number": number}}).to_string();
        assert_eq!(http.ask("POST", "/api/v1/events", "", &body).status, 202);
    }
    assert!((0..200).all(|number| client.event().1["number"] == number));
}

#[test]
fn the_status_comes_before_any_broadcast_however_close() {
    let server = Server::start("");
    let mut http = server.http();
    let body = r#"{"type":"chat:said","payload":{}}"#;
    for _ in 0..50 {
        // The publish may be served before, between or behind the upgrades; it never overtakes the status.
        http.send(crate::harness::http::request(
            "POST",
            "/api/v1/events",
            "",
            body,
        ));
        let mut client = server.connect("/ws");
        http.send(crate::harness::http::request(
            "POST",
            "/api/v1/events",
            "",
            body,
        ));
        assert_eq!(client.event().0, "connection:status");
        assert_eq!((http.answer().status, http.answer().status), (202, 202));
    }
}

#[test]
fn a_client_that_has_left_is_no_receiver() {
    let server = Server::start("");
    let (_stays, leaves) = (server.join(), server.join());
    assert_eq!(leaves.leave(), 1005);
    assert_eq!(
        server.publish("chat:said", &json!({})).json()["receivers"],
        1
    );
}

#[test]
fn every_known_type_passes_with_its_fields() {
    let server = Server::start("");
    let mut client = server.join();
    for (kind, payload) in known() {
        assert_eq!(server.publish(kind, &payload).status, 202, "{kind}");
        assert_eq!(client.event(), (kind.to_owned(), payload));
    }
}

#[test]
fn every_known_type_needs_every_field() {
    let server = Server::start("");
    for (kind, payload) in known() {
        for name in payload.as_object().unwrap().keys() {
            let mut without = payload.clone();
            without.as_object_mut().unwrap().remove(name);
            server.publish(kind, &without).refuses(name);
        }
    }
}

#[test]
fn a_field_of_another_kind_is_refused_by_name() {
    let server = Server::start("");
    for (kind, payload) in known() {
        for name in payload.as_object().unwrap().keys() {
            let mut wrong = payload.clone();
            wrong[name] = json!(7);
            server.publish(kind, &wrong).refuses(name);
        }
    }
}

#[test]
fn a_field_nobody_knows_is_refused_by_name() {
    let server = Server::start("");
    for (kind, mut payload) in known() {
        payload["surprise"] = json!(1);
        server.publish(kind, &payload).refuses("surprise");
    }
}

#[test]
fn an_artifact_may_have_a_parent() {
    let server = Server::start("");
    let (kind, mut payload) = known().remove(6);
    payload["parentId"] = json!("above");
    assert_eq!(server.publish(kind, &payload).status, 202);
    payload["parentId"] = json!(7);
    server.publish(kind, &payload).refuses("parentId");
}

#[test]
fn the_artifacts_of_a_phase_are_strings() {
    let (kind, mut payload) = known().remove(3);
    payload["artifacts"] = json!(["a", 7]);
    Server::start("")
        .publish(kind, &payload)
        .refuses("artifacts");
}

#[test]
fn other_types_pass_with_any_object() {
    let server = Server::start("");
    let mut client = server.join();
    for kind in [
        "chat:message-sent",
        "tool:called",
        "a:b",
        "stream:renamed",
        "project-group:made",
    ] {
        let payload = json!({"any": [1, {"thing": null}], "text": "ü\u{1f600}\n"});
        assert_eq!(server.publish(kind, &payload).status, 202, "{kind}");
        assert_eq!(client.event(), (kind.to_owned(), payload));
    }
}

#[test]
fn a_payload_passes_untouched() {
    let server = Server::start("");
    let mut client = server.join();
    let payload = r#"{"b":1.50,"a":123456789012345678901234567890,"c":"\u00fc"}"#;
    assert_eq!(
        post(
            &server,
            &format!(r#"{{"type":"chat:said","payload":{payload}}}"#)
        )
        .status,
        202
    );
    assert!(client.message().to_text().unwrap().contains(payload));
}

#[test]
fn malformed_types_are_refused() {
    let server = Server::start("");
    for kind in [
        "", ":", "a", "a:", ":a", "A:b", "a:B", "a:b:c", "a1:b", "a:b1", "a:b-", "a:-b", "a--b:c",
        "a:b c", "ä:b", "a:b\n",
    ] {
        server.publish(kind, &json!({})).refuses("type");
    }
}

#[test]
fn the_connection_namespace_is_reserved() {
    let server = Server::start("");
    for kind in [
        "connection:status",
        "connection:lagged",
        "connection:anything",
    ] {
        server.publish(kind, &json!({})).refuses("type");
    }
}

#[test]
fn a_payload_is_an_object() {
    let server = Server::start("");
    for payload in [json!(null), json!([]), json!("text"), json!(1), json!(true)] {
        server.publish("chat:said", &payload).refuses("payload");
    }
}

#[test]
fn a_body_is_refused_by_the_field_that_is_wrong() {
    let server = Server::start("");
    post(&server, r#"{"payload":{}}"#).refuses("type");
    post(&server, r#"{"type":"chat:said"}"#).refuses("payload");
    post(&server, r#"{"type":7,"payload":{}}"#).refuses("type");
    post(&server, r#"{"type":"chat:said","payload":{},"extra":1}"#).refuses("extra");
    post(&server, r#"{"type":"a:b","type":"c:d","payload":{}}"#).refuses("type");
    post(&server, "").refuses("type");
}

#[test]
fn a_body_that_is_no_json_object_is_refused() {
    let server = Server::start("");
    for body in [
        "{",
        "hello",
        "null",
        "7",
        "\"text\"",
        "[]",
        r#"["chat:said",{}]"#,
        r#"{"type":"chat:said","payload":{}} x"#,
        r#"{"type":"chat:said","payload":{"a":}}"#,
    ] {
        assert_eq!(post(&server, body).error(), (400, "bad_request"), "{body}");
    }
}

#[test]
fn a_payload_that_is_not_utf_8_is_refused() {
    let server = Server::start("");
    let mut http = server.http();
    let body = b"{\"type\":\"chat:said\",\"payload\":{\"a\":\"\xff\"}}";
    http.send(format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    assert_eq!(http.send(body).answer().status, 400);
}

#[test]
fn what_a_client_sends_is_ignored() {
    let server = Server::start("");
    let (mut talks, mut listens) = (server.join(), server.join());
    talks
        .send("hello")
        .send("{\"type\":\"chat:said\"}")
        .send(vec![0, 1, 2])
        .send("");
    server.until("four messages came", |server| {
        server.metric("roomcast_messages_received_total{app=\"events\"}") == 4.0
    });
    assert_eq!(
        server.publish("chat:said", &json!({})).json()["receivers"],
        2
    );
    assert_eq!(talks.event().0, "chat:said");
    assert_eq!(listens.event().0, "chat:said");
}

#[test]
fn an_app_that_is_switched_off_has_no_paths() {
    let server = Server::start("--set events.enabled=false");
    assert_eq!(server.get("/ws").error(), (404, "not_found"));
    assert_eq!(server.publish("chat:said", &json!({})).status, 404);
    assert_eq!(server.get("/healthz").status, 200);
}
