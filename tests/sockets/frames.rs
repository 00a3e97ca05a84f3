//! Frames from clients that keep the rules of RFC 6455, and from those that break one of them.

use crate::http::{Frame, Http, frame, request};
use crate::server::Server;

fn echo() -> (Server, Http) {
    let server = Server::start("--echo");
    let raw = server.raw("/echo");
    (server, raw)
}

/// Sends bytes on a fresh connection and returns the close code that answers them.
fn code(server: &Server, bytes: impl AsRef<[u8]>) -> u16 {
    let mut raw = server.raw("/echo");
    let code = raw.send(bytes).close_code();
    assert!(raw.is_over());
    code
}

fn is_echo(raw: &mut Http, first: u8, payload: &[u8]) {
    let payload = payload.to_vec();
    assert_eq!(raw.frame(), Frame { first, payload });
}

#[test]
fn the_handshake_is_accepted_with_the_key_of_the_rfc() {
    let server = Server::start("");
    let answer = server.http().ask("GET", "/ws", crate::http::UPGRADE, "");
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
fn headers_of_an_upgrade_are_lists_in_any_case() {
    let server = Server::start("");
    let headers =
        crate::http::UPGRADE.replace("Connection: Upgrade", "connection: keep-alive, UPGRADE");
    assert_eq!(
        server
            .http()
            .ask("GET", "/ws", &headers.replace("websocket", "WebSocket"), "")
            .status,
        101
    );
}

#[test]
fn frames_may_come_in_one_write_with_the_request() {
    let server = Server::start("--echo");
    let mut raw = server.http();
    let mut bytes = request("GET", "/echo", crate::http::UPGRADE, "").into_bytes();
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
fn a_message_may_come_in_fragments_with_control_frames_between_them() {
    let (_server, mut raw) = echo();
    raw.send(
        [
            frame(0x01, "hel"),
            frame(0x89, "?"),
            frame(0x00, ""),
            frame(0x8a, "unasked"),
            frame(0x80, "lo"),
        ]
        .concat(),
    );
    is_echo(&mut raw, 0x8a, b"?");
    is_echo(&mut raw, 0x81, b"hello");
}

#[test]
fn a_character_may_be_split_between_fragments() {
    let (_server, mut raw) = echo();
    raw.send(
        [
            frame(0x01, b"\xf0\x9f"),
            frame(0x00, b"\x98"),
            frame(0x80, b"\x80"),
        ]
        .concat(),
    );
    is_echo(&mut raw, 0x81, "\u{1f600}".as_bytes());
}

#[test]
fn a_ping_is_answered_with_its_payload() {
    let (_server, mut raw) = echo();
    raw.send(frame(0x89, "")).send(frame(0x89, [7; 125]));
    is_echo(&mut raw, 0x8a, b"");
    is_echo(&mut raw, 0x8a, &[7; 125]);
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
fn a_close_frame_is_answered_with_its_code() {
    let (server, _raw) = echo();
    for number in [
        1000, 1001, 1003, 1007, 1008, 1011, 1012, 1013, 3000, 4999u16,
    ] {
        assert_eq!(code(&server, frame(0x88, number.to_be_bytes())), number);
    }
    assert_eq!(code(&server, frame(0x88, "")), 1005);
    assert_eq!(
        code(&server, frame(0x88, b"\x03\xe8goodbye \xc3\xbc")),
        1000
    );
}

#[test]
fn a_close_frame_that_may_not_be_sent_is_1002() {
    let (server, _raw) = echo();
    for number in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535u16] {
        assert_eq!(
            code(&server, frame(0x88, number.to_be_bytes())),
            1002,
            "{number}"
        );
    }
    assert_eq!(code(&server, frame(0x88, [3])), 1002);
}

#[test]
fn nothing_behind_a_close_frame_has_a_meaning() {
    let (_server, mut raw) = echo();
    raw.send(
        [
            frame(0x88, b"\x03\xe8"),
            frame(0x81, "hello"),
            frame(0x89, "?"),
            vec![0xff; 100],
        ]
        .concat(),
    );
    assert_eq!(raw.close_code(), 1000);
    assert_eq!(raw.rest(), b"");
}

#[test]
fn every_broken_rule_of_framing_is_1002() {
    let (server, _raw) = echo();
    let unmasked = [0x81, 5, b'h', b'e', b'l', b'l', b'o'];
    let long = |bytes: &[u8]| [bytes, &[0; 4]].concat();
    for (rule, bytes) in [
        ("RSV1", frame(0xc1, "x")),
        ("RSV2", frame(0xa1, "x")),
        ("RSV3", frame(0x91, "x")),
        ("opcode 3", frame(0x83, "x")),
        ("opcode 7", frame(0x87, "x")),
        ("opcode 11", frame(0x8b, "x")),
        ("opcode 15", frame(0x8f, "x")),
        ("no mask", unmasked.to_vec()),
        ("long ping", frame(0x89, [0; 126])),
        ("fragmented ping", frame(0x09, "x")),
        ("fragmented close", frame(0x08, "")),
        ("nothing to continue", frame(0x80, "x")),
        ("nothing to continue yet", frame(0x00, "x")),
        (
            "two messages at once",
            [frame(0x01, "a"), frame(0x81, "b")].concat(),
        ),
        (
            "a binary one in a text one",
            [frame(0x01, "a"), frame(0x82, "b")].concat(),
        ),
        ("16 bits for 125", long(&[0x82, 0xfe, 0, 125])),
        (
            "64 bits for 65535",
            long(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        ),
        (
            "the top bit",
            long(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ),
    ] {
        assert_eq!(code(&server, bytes), 1002, "{rule}");
    }
}

#[test]
fn text_that_is_not_utf_8_is_1007() {
    let (server, _raw) = echo();
    assert_eq!(code(&server, frame(0x81, b"\xff")), 1007);
    assert_eq!(code(&server, frame(0x81, b"\xc3")), 1007);
    assert_eq!(code(&server, frame(0x81, b"\xed\xa0\x80")), 1007);
    assert_eq!(
        code(&server, [frame(0x01, b"\xc3"), frame(0x80, "x")].concat()),
        1007
    );
    assert_eq!(code(&server, frame(0x88, b"\x03\xe8\xff")), 1007);
}

#[test]
fn a_bad_byte_ends_the_message_before_the_rest_of_it_comes() {
    let (server, _raw) = echo();
    assert_eq!(
        code(
            &server,
            &frame(0x81, [b"ok \xff".as_slice(), &[b'x'; 1000]].concat())[..20]
        ),
        1007
    );
}

#[test]
fn binary_messages_may_hold_any_bytes() {
    let (_server, mut raw) = echo();
    let every: Vec<u8> = (0..=255).collect();
    raw.send(frame(0x82, &every));
    is_echo(&mut raw, 0x82, &every);
}

#[test]
fn a_message_over_the_limit_is_1009_and_one_just_as_long_is_not() {
    let server = Server::start("--echo --max-message 1000");
    let mut raw = server.raw("/echo");
    raw.send(frame(0x82, [1; 1000]))
        .send([frame(0x02, [1; 999]), frame(0x80, [1])].concat());
    is_echo(&mut raw, 0x82, &[1; 1000]);
    is_echo(&mut raw, 0x82, &[1; 1000]);
    assert_eq!(code(&server, frame(0x82, [1; 1001])), 1009);
    assert_eq!(
        code(
            &server,
            [frame(0x02, [1; 999]), frame(0x80, [1; 2])].concat()
        ),
        1009
    );
    assert_eq!(
        code(
            &server,
            [
                0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0
            ]
        ),
        1009
    );
}

#[test]
fn a_client_that_sends_on_still_reads_its_1009() {
    let server = Server::start("--echo --max-message 1000");
    let mut raw = server.raw("/echo");
    raw.send(frame(0x82, vec![1; 3_000_000]));
    assert_eq!(raw.close_code(), 1009);
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
    let mut bytes = request("GET", "/echo", crate::http::UPGRADE, "hello").into_bytes();
    bytes.extend(frame(0x81, "hello"));
    assert_eq!(raw.send(bytes).answer_to_head().status, 101);
    is_echo(&mut raw, 0x81, b"hello");
}
