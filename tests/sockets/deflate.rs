//! permessage-deflate (RFC 7692) over real sockets, with bytes made and read by the library itself.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::{Value, json};

use crate::harness::http::{Frame, Http, UPGRADE, frame};
use crate::harness::server::Server;

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

/// A WebSocket with compression agreed on.
fn agree(server: &Server, path: &str) -> Http {
    let mut raw = server.http();
    let answer = raw.ask("GET", path, &format!("{UPGRADE}{OFFER}"), "");
    let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert_eq!(answer.header("sec-websocket-extensions"), Some(agreed));
    raw
}

fn deflate(message: &[u8]) -> Vec<u8> {
    let mut deflated = Vec::with_capacity(message.len() + 100);
    let mut compress = Compress::new(Compression::best(), false);
    let status = compress.compress_vec(message, &mut deflated, FlushCompress::Sync);
    status.unwrap();
    deflated.truncate(deflated.len() - 4);
    deflated
}

fn inflate(frame: &Frame) -> Vec<u8> {
    let mut message = Vec::with_capacity(1 << 20);
    let whole = [&frame.payload[..], &[0, 0, 0xff, 0xff]].concat();
    let status = Decompress::new(false).decompress_vec(&whole, &mut message, FlushDecompress::Sync);
    status.unwrap();
    message
}

#[test]
fn a_compressed_message_is_echoed_compressed() {
    let server = Server::start("--echo");
    let mut raw = agree(&server, "/echo");
    let message = "over and ".repeat(1000).into_bytes();
    for _ in 0..3 {
        let echo = raw.send(frame(0xc1, deflate(&message))).frame();
        assert_eq!((echo.first, inflate(&echo)), (0xc1, message.clone()));
        assert!(echo.payload.len() < 200);
    }
}

#[test]
fn a_compressed_message_may_come_in_fragments_and_byte_by_byte() {
    let server = Server::start("--echo --deflate-min 10MiB");
    let mut raw = agree(&server, "/echo");
    let deflated = deflate(b"hello, hello, hello");
    let (begin, end) = deflated.split_at(deflated.len() / 2);
    raw.trickle([frame(0x41, begin), frame(0x89, "?"), frame(0x80, end)].concat());
    assert_eq!(raw.frame().first, 0x8a);
    assert_eq!(raw.frame().payload, b"hello, hello, hello");
}

#[test]
fn whoever_agreed_may_still_send_plain_messages() {
    let server = Server::start("--echo");
    let mut raw = agree(&server, "/echo");
    raw.send(frame(0x81, "plain"));
    assert_eq!(
        raw.frame(),
        Frame {
            first: 0x81,
            payload: b"plain".to_vec()
        }
    );
}

#[test]
fn a_broadcast_is_compressed_for_whoever_agreed_and_for_nobody_else() {
    let server = Server::start("");
    let (mut agreed, mut plain) = (agree(&server, "/ws"), server.raw("/ws"));
    let (short, long) = (
        json!({"text": "short"}),
        json!({"text": "long ".repeat(500)}),
    );
    assert_eq!([agreed.frame().first, plain.frame().first], [0x81, 0x81]);
    for payload in [&short, &long] {
        assert_eq!(server.publish("chat:said", payload).json()["receivers"], 2);
    }
    assert_eq!(agreed.frame(), plain.frame());
    let (deflated, whole) = (agreed.frame(), plain.frame());
    assert_eq!((deflated.first, whole.first), (0xc1, 0x81));
    assert_eq!(inflate(&deflated), whole.payload);
    let event: Value = serde_json::from_slice(&whole.payload).unwrap();
    assert_eq!(event["payload"], long);
}

#[test]
fn what_is_replayed_is_compressed_for_whoever_agreed_and_so_is_the_rest_of_an_array() {
    let server = Server::start("");
    let subscribe = |since: &str| {
        let channels = ["newTxs"];
        json!({"action": "subscribe", "channels": channels, "since": since}).to_string()
    };
    let begin = server
        .connect("/v1/stream")
        .send(subscribe("now"))
        .numbered();
    let tx = |number: u64| json!({"hash": format!("0x{number}"), "from_addr": "f".repeat(1000), "to_addr": "t", "value_wei": "1", "block_height": 7});
    for array in [json!([tx(1), tx(2), tx(3)]), json!([tx(4)])] {
        let answer = server.ask("POST", "/v1/txs", "", &array.to_string());
        assert_eq!(answer.status, 202);
    }
    for since in [0, 1, 2, 3] {
        let mut agreed = agree(&server, "/v1/stream");
        let said = subscribe(&begin.1.at(since).to_string());
        let outcome = agreed.send(frame(0x81, said)).frame();
        let outcome: Value = serde_json::from_slice(&outcome.payload).unwrap();
        assert_eq!(outcome["data"]["sent"], 4 - since);
        for number in since + 1..=4 {
            let replayed = agreed.frame();
            assert_eq!(replayed.first, 0xc1, "{number} since {since}");
            let replayed: Value = serde_json::from_slice(&inflate(&replayed)).unwrap();
            assert_eq!(replayed["data"], tx(number));
            assert_eq!(replayed["position"], begin.1.at(number).to_string());
        }
    }
}

#[test]
fn compression_can_be_switched_off() {
    let server = Server::start("--echo --deflate off");
    let answer = server
        .http()
        .ask("GET", "/echo", &format!("{UPGRADE}{OFFER}"), "");
    assert_eq!(
        (answer.status, answer.header("sec-websocket-extensions")),
        (101, None)
    );
}
