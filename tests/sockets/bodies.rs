//! Request bodies: by length, by chunks, in pieces, and with somebody who asks before sending.

use crate::harness::http::{Answer, request};
use crate::harness::server::Server;

const EVENT: &str = r#"{"type":"chat:said","payload":{}}"#;

fn chunked(chunks: &str) -> String {
    request(
        "POST",
        "/api/v1/events",
        "Transfer-Encoding: chunked\r\n",
        "",
    ) + chunks
}

fn send(server: &Server, bytes: impl AsRef<[u8]>) -> Answer {
    server.http().send(bytes).answer()
}

/// The event in chunks of this many bytes.
fn chunks_of(bytes: usize) -> String {
    let chunk = |piece: &[u8]| {
        format!(
            "{:x}\r\n{}\r\n",
            piece.len(),
            str::from_utf8(piece).unwrap()
        )
    };
    EVENT
        .as_bytes()
        .chunks(bytes)
        .map(chunk)
        .collect::<String>()
        + "0\r\n\r\n"
}

#[test]
fn a_body_may_come_in_chunks() {
    let server = Server::start("");
    for bytes in [1, 2, 7, 100] {
        assert_eq!(send(&server, chunked(&chunks_of(bytes))).status, 202);
    }
}

#[test]
fn chunks_may_come_byte_by_byte() {
    let server = Server::start("");
    let mut http = server.http();
    for _ in 0..3 {
        http.trickle(chunked(&chunks_of(5)));
        assert_eq!(http.answer().status, 202);
    }
}

#[test]
fn a_body_may_come_byte_by_byte_and_the_next_request_right_behind_it() {
    let server = Server::start("");
    let mut http = server.http();
    let two = request("POST", "/api/v1/events", "", EVENT) + &request("GET", "/healthz", "", "");
    http.trickle(two);
    assert_eq!((http.answer().status, http.answer().status), (202, 200));
}

#[test]
fn bodies_of_both_kinds_may_be_pipelined() {
    let server = Server::start("");
    let mut http = server.http();
    let (length, chunks) = (
        request("POST", "/api/v1/events", "", EVENT),
        chunked(&chunks_of(9)),
    );
    http.send(
        [
            length.as_str(),
            &chunks,
            &chunks,
            &length,
            &request("GET", "/healthz", "", ""),
        ]
        .concat(),
    );
    assert_eq!(
        [(); 5].map(|()| http.answer().status),
        [202, 202, 202, 202, 200]
    );
}

#[test]
fn a_large_body_is_taken_whole() {
    let server = Server::start("");
    let body = format!(
        r#"{{"type":"chat:said","payload":{{"pad":"{}"}}}}"#,
        "x".repeat(1_000_000)
    );
    assert_eq!(server.ask("POST", "/api/v1/events", "", &body).status, 202);
    let chunks: String = body
        .as_bytes()
        .chunks(10_000)
        .map(|piece| format!("2710\r\n{}\r\n", str::from_utf8(piece).unwrap()))
        .collect();
    let whole = chunks.split_at(chunks.rfind("2710").unwrap());
    let last = &whole.1[6..whole.1.len() - 2];
    let chunks = format!("{}{:x}\r\n{last}\r\n0\r\n\r\n", whole.0, last.len());
    assert_eq!(send(&server, chunked(&chunks)).status, 202);
}

#[test]
fn somebody_who_asks_first_is_told_to_go_on() {
    let server = Server::start("");
    let mut http = server.http();
    let headers = format!(
        "Expect: 100-continue\r\nContent-Length: {}\r\n",
        EVENT.len()
    );
    http.send(request("POST", "/api/v1/events", &headers, ""));
    assert_eq!(http.answer().status, 100);
    assert_eq!(http.send(EVENT).answer().status, 202);
    assert_eq!(http.ask("GET", "/healthz", "", "").status, 200);
}

#[test]
fn somebody_who_asks_and_does_not_wait_is_answered_once() {
    let server = Server::start("");
    let answer = server.ask("POST", "/api/v1/events", "Expect: 100-Continue\r\n", EVENT);
    assert_eq!(answer.status, 202);
}

#[test]
fn a_half_close_behind_a_pipeline_still_gets_every_answer() {
    let server = Server::start("");
    let mut http = server.http();
    http.send(request("GET", "/", "", "").repeat(100)).finish();
    assert!((0..100).all(|_| http.answer().status == 200));
    assert!(http.is_over());
}
