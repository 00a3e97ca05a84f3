//! Frames from clients that keep the rules of RFC 6455; those that break one are in `tests/hostile`.

use crate::harness::http::{Frame, Http, frame, request};
use crate::harness::server::Server;

fn echo() -> (Server, Http) {
    let server = Server::start("--echo");
    let raw = server.raw("/echo");
    (server, raw)
}

fn is_echo(raw: &mut Http, first: u8, payload: &[u8]) {
    let payload = payload.to_vec();
    assert_eq!(raw.frame(), Frame { first, payload });
}

#[test]
fn the_handshake_is_accepted_with_the_key_of_the_rfc() {
    let server = Server::start("");
    let answer = server
        .http()
        .ask("GET", "/ws", crate::harness::http::UPGRADE, "");
    assert_eq!(answer.status, 101);
    assert_eq!(
        answer.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(
        answer.header("upgrade").map(str::to_lowercase).as_deref(),
        Some("websocket")
    );
}

#[test]
fn frames_may_come_in_one_write_with_the_request() {
    let server = Server::start("--echo");
    let mut raw = server.http();
    let mut bytes = request("GET", "/echo", crate::harness::http::UPGRADE, "").into_bytes();
    bytes.extend(frame(0x81, "hello"));
    assert_eq!(raw.send(bytes).answer_to_head().status, 101);
    is_echo(&mut raw, 0x81, b"hello");
}

#[test]
fn frames_may_come_byte_by_byte() {
    let (_server, mut raw) = echo();
    for payload in [&b""[..], b"hello", &[b'x'; 126]] {
        raw.trickle(frame(0x81, payload));
        is_echo(&mut raw, 0x81, payload);
    }
}

#[test]
fn the_newest_of_many_pings_is_answered() {
    let (_server, mut raw) = echo();
    let pings: Vec<u8> = (0..1000u16)
        .flat_map(|number| frame(0x89, number.to_be_bytes()))
        .collect();
    raw.send(pings);
    while raw.frame().payload != 999u16.to_be_bytes() {}
}

#[test]
fn the_events_app_takes_binary_messages_and_ignores_them() {
    let server = Server::start("");
    let mut raw = server.raw("/ws");
    raw.send(frame(0x82, [1, 2, 3]))
        .send(frame(0x88, b"\x03\xe8"));
    assert_eq!(raw.close_code(), 1000);
}

#[test]
fn a_body_with_the_handshake_is_no_frame() {
    let server = Server::start("--echo");
    let mut raw = server.http();
    let mut bytes = request("GET", "/echo", crate::harness::http::UPGRADE, "hello").into_bytes();
    bytes.extend(frame(0x81, "hello"));
    assert_eq!(raw.send(bytes).answer_to_head().status, 101);
    is_echo(&mut raw, 0x81, b"hello");
}
