//! What the transcripts would repeat too often: every field of every body missing, of another type, or unknown; and
//! every method that a path does not have.

use serde_json::{Map, Value, json};

use crate::exchange::exchange;
use crate::ground::Ground;
use crate::harness::http::{Answer, Http};
use crate::script::{CONNECT, Request};
use crate::simulated::Simulated;

/// A body that is taken.
struct Good {
    method: &'static str,
    path: String,
    /// Where its fields are: the body itself, or what this leads to.
    at: &'static str,
    body: Value,
    optional: &'static [&'static str],
}

fn good(method: &'static str, path: &str, body: Value, optional: &'static [&'static str]) -> Good {
    Good {
        method,
        path: path.to_owned(),
        at: "",
        body,
        optional,
    }
}

fn event(kind: &str, payload: Value, optional: &'static [&'static str]) -> Good {
    Good {
        at: "/payload",
        ..good(
            "POST",
            "/api/v1/events",
            json!({"type": kind, "payload": payload}),
            optional,
        )
    }
}

fn ask(hub: &Simulated, method: &str, path: &str, body: &str) -> Answer {
    let request = Request {
        method: method.to_owned(),
        target: path.to_owned(),
        body: body.to_owned(),
        ..Request::default()
    };
    exchange(&mut Http::over(hub.connect()), &hub.host(), &request).unwrap()
}

/// A field of the answer to a call that makes something.
fn made(hub: &Simulated, path: &str, body: &str, field: &str) -> String {
    let answer = ask(hub, "POST", path, body);
    let made: Value = serde_json::from_slice(&answer.body).unwrap();
    made[field].as_str().unwrap().to_owned()
}

/// The body with its fields changed.
fn changed(good: &Good, change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let mut body = good.body.clone();
    let fields = body.pointer_mut(good.at).unwrap();
    change(fields.as_object_mut().unwrap());
    body.to_string()
}

#[track_caller]
fn refused(hub: &Simulated, good: &Good, body: &str, field: &str) {
    let answer = ask(hub, good.method, &good.path, body);
    let error: Value = serde_json::from_slice(&answer.body).unwrap();
    let sentence = error["error"]["message"].as_str().unwrap_or_default();
    let place = format!(
        "{} {} {body}: {} {sentence}",
        good.method, good.path, answer.status
    );
    assert_eq!(answer.status, 400, "{place}");
    assert!(sentence.contains(field), "{field} is not named: {place}");
}

/// Every body that has fields of its own; a path with a task, a session and a room in it is made on this hub.
fn all(hub: &Simulated) -> Vec<Good> {
    let task = made(
        hub,
        "/api/v1/tasks",
        r#"{"repository":"a","title":"t"}"#,
        "id",
    );
    let session = made(hub, "/api/v1/sessions", "{}", "session_id");
    let room = made(hub, "/api/rooms", r#"{"display_name":"Ada"}"#, "code");
    let artifact = json!({
        "projectId": "p", "streamId": "s", "artifactId": "a", "phaseName": "n", "isSharded": true, "parentId": "b",
    });
    let project = json!({"projectId": "p", "name": "n", "path": "/"});
    let block = json!({
        "height": 1, "hash": "h", "tx_count": 0, "timestamp": 1, "miner": "m", "gas_used": 0,
    });
    let tx = json!({
        "hash": "h", "from_addr": "f", "to_addr": "t", "value_wei": "1", "block_height": 1,
    });
    let second = |path: &str, item: &Value, optional| Good {
        at: "/1",
        ..good("POST", path, json!([item, item]), optional)
    };
    let changes =
        json!({"title": "u", "description": "d", "status": "completed", "priority": "low"});
    let mut task_body = changes.clone();
    task_body["repository"] = json!("a");
    vec![
        good(
            "POST",
            "/api/v1/events",
            json!({"type": "a:b", "payload": {}}),
            &[],
        ),
        event(
            "stream:created",
            json!({"projectId": "p", "streamId": "s", "name": "n"}),
            &[],
        ),
        event(
            "stream:archived",
            json!({"projectId": "p", "streamId": "s", "outcome": "o"}),
            &[],
        ),
        event(
            "stream:updated",
            json!({"projectId": "p", "streamId": "s", "changes": {}}),
            &[],
        ),
        event(
            "stream:phase-changed",
            json!({"projectId": "p", "streamId": "s", "phase": "a", "artifacts": ["b"]}),
            &[],
        ),
        event("project:registered", project.clone(), &[]),
        event("project:unregistered", project, &[]),
        event("artifact:created", artifact.clone(), &["parentId"]),
        event("artifact:updated", artifact.clone(), &["parentId"]),
        event("artifact:deleted", artifact, &["parentId"]),
        good(
            "POST",
            &format!("/api/v1/sessions/{session}/status"),
            json!({"status": "opened"}),
            &[],
        ),
        good(
            "POST",
            "/api/v1/tasks",
            task_body,
            &["description", "status", "priority"],
        ),
        good(
            "PATCH",
            &format!("/api/v1/tasks/{task}"),
            changes,
            &["title", "description", "status", "priority"],
        ),
        good("POST", "/v1/blocks", block.clone(), &[]),
        second("/v1/blocks", &block, &[]),
        good("POST", "/v1/txs", tx.clone(), &["to_addr"]),
        second("/v1/txs", &tx, &["to_addr"]),
        good("POST", "/api/rooms", json!({"display_name": "Bob"}), &[]),
        good(
            "POST",
            &format!("/api/rooms/{room}/join"),
            json!({"display_name": "Bob"}),
            &[],
        ),
        good(
            "POST",
            &format!("/api/rooms/{room}/events"),
            json!({"event": "a", "payload": {}, "to": []}),
            &["to"],
        ),
    ]
}

#[test]
fn every_field_that_is_missing_wrong_or_unknown_is_named() {
    let hub = Simulated::open(&[]);
    for good in all(&hub) {
        let fields = good.body.pointer(good.at).unwrap().as_object().unwrap();
        for (field, value) in fields {
            let missing = changed(&good, |fields| drop(fields.remove(field)));
            if good.optional.contains(&field.as_str()) {
                let null = changed(&good, |fields| fields[field] = Value::Null);
                for body in [missing, null] {
                    let status = ask(&hub, good.method, &good.path, &body).status;
                    assert!(
                        status < 300 || status == 409,
                        "{} {body}: {status}",
                        good.path
                    );
                }
            } else {
                refused(&hub, &good, &missing, field);
            }
            for wrong in [
                json!(-1.5),
                json!("\u{1}"),
                json!([[]]),
                json!({"a": 1}),
                json!(true),
            ] {
                let same_kind = std::mem::discriminant(&wrong) == std::mem::discriminant(value);
                // Some texts are any text, and some objects any object.
                if !same_kind {
                    let body = changed(&good, |fields| fields[field] = wrong);
                    refused(&hub, &good, &body, field);
                }
            }
        }
        let unknown = changed(&good, |fields| {
            drop(fields.insert("colour".to_owned(), json!(1)))
        });
        refused(&hub, &good, &unknown, "colour");
    }
}

#[test]
fn every_field_that_is_given_twice_is_named() {
    let hub = Simulated::open(&[]);
    for good in all(&hub) {
        let whole = good.body.to_string();
        for at in ["", good.at] {
            let Some(object) = good.body.pointer(at).unwrap().as_object() else {
                continue;
            };
            let once = json!(object).to_string();
            for (field, value) in object {
                let twice = format!("{{\"{field}\":{value},{}", &once[1..]);
                refused(&hub, &good, &whole.replacen(&once, &twice, 1), field);
            }
        }
    }
}

#[test]
fn a_call_takes_no_parameter_that_it_does_not_know() {
    let hub = Simulated::open(&[]);
    let session = made(&hub, "/api/v1/sessions", "{}", "session_id");
    let task = made(
        &hub,
        "/api/v1/tasks",
        r#"{"repository":"a","title":"t"}"#,
        "id",
    );
    let asked = |method: &'static str, path: &str| {
        let body = json!({});
        refused(&hub, &good(method, path, body, &[]), "{}", "colour");
    };
    for good in all(&hub) {
        asked(good.method, &format!("{}?colour=red", good.path));
    }
    for path in [
        "/metrics",
        "/api/v1/tasks",
        &format!("/api/v1/tasks/{task}"),
        &format!("/api/v1/sessions/{session}"),
        &format!("/api/v1/sessions/{session}/result"),
    ] {
        asked("GET", &format!("{path}?colour=red"));
    }
    asked("DELETE", &format!("/api/v1/tasks/{task}?colour=&limit=1"));
}

#[test]
fn what_others_add_to_addresses_is_left_alone_where_no_call_is_made() {
    let hub = Simulated::open(&[]);
    for path in ["/healthz", "/readyz", "/", "/demo/"] {
        let answer = ask(&hub, "GET", &format!("{path}?v=1&v=2"), "");
        assert_eq!(answer.status, 200, "{path}");
    }
    let upgrade = Request {
        method: CONNECT.to_owned(),
        target: "/ws?utm_source=mail".to_owned(),
        ..Request::default()
    };
    let answer = exchange(&mut Http::over(hub.connect()), &hub.host(), &upgrade).unwrap();
    assert_eq!(answer.status, 101);
}

#[test]
fn a_body_may_begin_with_a_byte_order_mark_and_must_not_be_packed() {
    let hub = Simulated::open(&[]);
    for good in all(&hub) {
        let body = format!("\u{feff}{}", good.body);
        let status = ask(&hub, good.method, &good.path, &body).status;
        assert!(status < 300, "{} {body}: {status}", good.path);
        for (coding, named) in [
            ("gzip", Some("gzip")),
            ("identity, BR", Some("br")),
            ("Identity", None),
        ] {
            let request = Request {
                method: good.method.to_owned(),
                target: good.path.clone(),
                headers: vec![("Content-Encoding".to_owned(), coding.to_owned())],
                body: good.body.to_string(),
            };
            let answer = exchange(&mut Http::over(hub.connect()), &hub.host(), &request).unwrap();
            let refused = (answer.status == 415).then(|| answer.text());
            assert_eq!(refused.is_some(), named.is_some(), "{coding}");
            let says = |body: &String| named.is_none_or(|named| body.contains(named));
            assert!(refused.as_ref().is_none_or(says), "{refused:?}");
        }
    }
}

#[test]
fn every_good_body_is_taken() {
    let hub = Simulated::open(&[]);
    for good in all(&hub) {
        let status = ask(&hub, good.method, &good.path, &good.body.to_string()).status;
        assert!(status < 300, "{} {}: {status}", good.path, good.body);
    }
}

#[test]
fn a_method_that_a_path_does_not_have_is_answered_with_those_it_has() {
    let hub = Simulated::open(&["--echo".to_owned()]);
    for (path, allowed) in [
        ("/", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/readyz", "GET, HEAD, OPTIONS"),
        ("/metrics", "GET, HEAD, OPTIONS"),
        ("/echo", "GET, OPTIONS"),
        ("/ws", "GET, OPTIONS"),
        ("/api/v1/events", "POST, OPTIONS"),
        ("/api/v1/sessions", "POST, OPTIONS"),
        ("/api/v1/sessions/x", "GET, HEAD, DELETE, OPTIONS"),
        ("/api/v1/sessions/x/status", "POST, OPTIONS"),
        ("/api/v1/sessions/x/result", "POST, GET, HEAD, OPTIONS"),
        ("/api/v1/sessions/x/ws", "GET, OPTIONS"),
        ("/api/v1/tasks", "POST, GET, HEAD, OPTIONS"),
        ("/api/v1/tasks/x", "GET, HEAD, PATCH, DELETE, OPTIONS"),
        ("/v1/stream", "GET, OPTIONS"),
        ("/v1/blocks", "POST, OPTIONS"),
        ("/v1/txs", "POST, OPTIONS"),
        ("/api/rooms", "POST, OPTIONS"),
        ("/api/rooms/x", "DELETE, OPTIONS"),
        ("/api/rooms/x/join", "POST, OPTIONS"),
        ("/api/rooms/x/players/y", "DELETE, OPTIONS"),
        ("/api/rooms/x/token", "POST, OPTIONS"),
        ("/api/rooms/x/messages", "GET, HEAD, OPTIONS"),
        ("/api/rooms/x/events", "POST, OPTIONS"),
        ("/ws/rooms/x", "GET, OPTIONS"),
        ("/ws/rooms/x/connect", "GET, OPTIONS"),
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "BREW"] {
            let answer = ask(&hub, method, path, "");
            // An upgrade is no call that a HEAD could stand for, but it is answered as its GET is, and so with 426.
            let has = allowed.contains(if method == "HEAD" { "GET" } else { method });
            assert_eq!(
                answer.status == 405,
                !has,
                "{method} {path}: {}",
                answer.status
            );
            if !has {
                assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
            }
        }
    }
}
