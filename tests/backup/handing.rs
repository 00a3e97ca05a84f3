//! How a copy is handed over: to slow clients and to those that go away, to one at a time, and in its place among answers.

use std::net::Shutdown;

use serde_json::json;

use crate::harness::http::{Http, request};
use crate::harness::socket::narrow;
use crate::hub::{BACKUP, Hub, KEY, rows_of};

/// What a connection may have in memory: two pieces, and what is around them.
const HELD_BYTES: f64 = (3 * (256 << 10)) as f64;

/// A client that asks for a copy and reads no more than the head of the answer; how long the copy is.
fn begins(hub: &Hub) -> (Http, usize) {
    let mut http = Http::new(narrow(hub.server.address()));
    let head = http.send(request("GET", BACKUP, KEY, "")).answer_to_head();
    assert_eq!(head.status, 200);
    (
        http,
        head.header("content-length").unwrap().parse().unwrap(),
    )
}

/// Waits until no copy is being made or sent.
fn until_free(hub: &Hub) {
    hub.server.until("the copy is dropped", |server| {
        server.ask("GET", BACKUP, KEY, "").status == 200
    });
}

#[test]
fn a_slow_client_gets_all_of_it_and_takes_little_memory() {
    let (hub, bytes) = Hub::heavy("");
    let (mut http, length) = begins(&hub);
    assert!(length > bytes);
    let mut most: f64 = 0.0;
    let mut copy = Vec::new();
    while copy.len() < length {
        let piece = http.some();
        assert!(!piece.is_empty());
        // A narrow client's kernel takes some kilobytes at a time, so that these are many.
        if copy.len() >> 20 != (copy.len() + piece.len()) >> 20 {
            let held = hub.call("GET", "/metrics", &json!(null));
            most = most.max(held.metric("roomcast_queue_bytes").unwrap());
        }
        copy.extend(piece);
    }
    assert_eq!(copy.len(), length);
    assert!(most > 0.0 && most < HELD_BYTES, "{most}");
    let found = rows_of(
        &copy,
        "SELECT length(value) FROM meta WHERE name = 'ballast'",
    );
    assert_eq!(found, json!([[bytes]]));
    // The connection stays, and is answered what it asks next.
    assert_eq!(http.ask("GET", "/healthz", "", "").status, 200);
}

#[test]
fn there_is_one_at_a_time() {
    let (hub, _) = Hub::heavy("");
    let (mut http, length) = begins(&hub);
    let other = hub.call("GET", BACKUP, &json!(null));
    assert_eq!(other.error(), (409, "conflict"));
    // Its head is to be had none the less.
    assert_eq!(hub.server.ask("HEAD", BACKUP, KEY, "").status, 200);
    let mut come = 0;
    while come < length {
        come += http.some().len();
    }
    assert_eq!(hub.call("GET", BACKUP, &json!(null)).status, 200);
}

#[test]
fn a_copy_goes_with_the_client_that_goes_away() {
    let (hub, _) = Hub::heavy("");
    let (http, _) = begins(&hub);
    drop(http);
    until_free(&hub);
    assert_eq!(hub.folder.names(), ["roomcast.db", "roomcast.db-wal"]);
}

#[test]
fn a_client_that_takes_nothing_any_more_is_left() {
    let (hub, _) = Hub::heavy("--write-timeout 300ms");
    let (mut http, length) = begins(&hub);
    until_free(&hub);
    assert!(http.rest().len() < length, "it was cut");
}

#[test]
fn what_is_asked_behind_it_is_answered_behind_it() {
    let (hub, bytes) = Hub::heavy("");
    let mut http = hub.server.http();
    let asked = [
        request("GET", "/healthz", "", ""),
        request("GET", BACKUP, KEY, ""),
        request(
            "POST",
            "/api/v1/tasks",
            KEY,
            r#"{"repository":"r","title":"t"}"#,
        ),
        request("GET", BACKUP, KEY, ""),
        request("GET", "/readyz", "", ""),
    ];
    http.send(asked.concat());
    assert_eq!(http.answer().text(), r#"{"status":"ok"}"#);
    assert!(http.answer().body.len() > bytes);
    assert_eq!(http.answer().status, 201);
    let second = http.answer();
    assert_eq!(
        rows_of(&second.body, "SELECT count(*) FROM tasks"),
        json!([[1]])
    );
    assert_eq!(http.answer().text(), r#"{"status":"ready"}"#);
}

#[test]
fn a_connection_that_is_to_end_does_so_behind_the_last_byte() {
    let (hub, _) = Hub::heavy("");
    let old = |more: &str| format!("GET {BACKUP} HTTP/1.0\r\nHost: localhost\r\n{KEY}{more}\r\n");
    let closing = request("GET", BACKUP, &format!("{KEY}Connection: close\r\n"), "");
    for asked in [old(""), closing] {
        let mut http = hub.server.http();
        let head = http.send(&asked).answer_to_head();
        assert_eq!(head.header("connection"), Some("close"), "{asked}");
        let length: usize = head.header("content-length").unwrap().parse().unwrap();
        assert_eq!(http.rest().len(), length);
    }
    let mut http = hub.server.http();
    let stays = http.send(old("Connection: keep-alive\r\n")).answer();
    assert_eq!(stays.header("connection"), Some("keep-alive"));
    assert_eq!(http.ask("GET", "/healthz", "", "").status, 200);
}

#[test]
fn a_client_that_says_no_more_gets_all_of_it() {
    let (hub, _) = Hub::heavy("");
    let stream = narrow(hub.server.address());
    let mut http = Http::new(stream.try_clone().unwrap());
    http.send(request("GET", BACKUP, KEY, ""));
    stream.shutdown(Shutdown::Write).unwrap();
    let head = http.answer_to_head();
    let length: usize = head.header("content-length").unwrap().parse().unwrap();
    assert_eq!(http.rest().len(), length);
}

#[test]
fn a_hub_that_goes_away_hands_over_the_rest() {
    let (hub, _) = Hub::heavy("");
    let (mut http, length) = begins(&hub);
    hub.server.signal("TERM");
    hub.server.says("going away");
    let mut come = 0;
    while come < length {
        come += http.some().len();
    }
    assert_eq!(come, length);
    let Hub { server, folder } = hub;
    let (status, said) = server.end();
    assert!(status.success(), "{said}");
    assert_eq!(folder.names(), ["roomcast.db"]);
}
