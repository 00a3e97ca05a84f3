//! Bytes in and bytes out, without any connection around them.

use std::hint::black_box;

use roomcast::core::protocol::{Limits, Protocol};
use roomcast::time::Unix;
use roomcast::wire::buffer::Buffer;
use roomcast::wire::deflate::{Deflater, Inflater};
use roomcast::wire::frame::{Encoder, Frame, Header, unmask};
use roomcast::wire::request::Head;
use roomcast::wire::response::Response;
use roomcast::wire::upgrade::Upgrade;
use serde_json::json;

use crate::harness::Table;

/// What a browser sends to open a WebSocket.
pub const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: Upgrade\r\nPragma: no-cache\r\n\
    Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n\
    Upgrade: websocket\r\nOrigin: http://127.0.0.1:8080\r\nSec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const LIMITS: Limits = Limits {
    body_bytes_max: 1 << 20,
    message_bytes_max: 1 << 20,
    deflate: true,
    cost_max: u64::MAX,
};

/// A client's frame.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ ..126 => bytes.push(0x80 | length as u8),
        length => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    let masked = payload.iter().zip(MASK.iter().cycle());
    bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Puts bytes into the buffer as one read does.
fn fill(buffer: &mut Buffer, bytes: &[u8]) {
    buffer.restore(&[]);
    buffer.space()[..bytes.len()].copy_from_slice(bytes);
    buffer.filled(bytes.len());
}

pub fn measure(table: &mut Table) {
    for (name, bytes) in [("16 B", 16), ("1 KiB", 1 << 10), ("64 KiB", 64 << 10)] {
        let mut payload = vec![7; bytes];
        table.row(&format!("unmask {name}"), 1, 0.0, || {
            unmask(black_box(&mut payload), MASK, 0);
        });
    }
    let message = frame(0x81, &[b'x'; 100]);
    table.row("frame header", 1, 0.0, || {
        black_box(Header::parse(black_box(&message), true)).unwrap();
    });
    table.row("request head of a browser", 1, 0.0, || {
        black_box(Head::parse(black_box(UPGRADE)).is_ok());
    });
    table.row("upgrade: head, rules and 101", 1, 6.0, || {
        let (head, _) = Head::parse(black_box(UPGRADE)).unwrap().unwrap();
        let answer = Upgrade::parse(&head, true).ok().unwrap().accept();
        black_box(answer.encode(Unix(0), false, false));
    });
    table.row("answer with a JSON body, encoded", 1, 8.0, || {
        let answer = Response::json(200, &json!({"status": "ok"}));
        black_box(answer.encode(Unix(0), false, false));
    });
    measure_protocol(table);
    measure_frames(table);
    measure_deflate(table);
}

fn measure_protocol(table: &mut Table) {
    let mut buffer = Buffer::new(64 << 10);
    let mut events = |name: &str, bytes: &[u8], count: usize, opens: bool, may: f64| {
        let mut protocol = Protocol::new();
        if opens {
            protocol.open();
        }
        table.row(name, count, may, || {
            fill(&mut buffer, bytes);
            for _ in 0..count {
                black_box(protocol.next(&mut buffer, LIMITS).unwrap().is_some());
            }
        });
    };
    let request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
    events("protocol: a request", request, 1, false, 0.0);
    let messages = frame(0x81, &[b'x'; 100]).repeat(100);
    events(
        "protocol: a message of 100 B, of 100 at once",
        &messages,
        100,
        true,
        0.0,
    );
    let messages = frame(0x81, &[b'x'; 128]).repeat(100);
    let name = "protocol: a message of 128 B, of 100 at once";
    events(name, &messages, 100, true, 0.0);
    let fragments = [frame(0x01, b"a"), frame(0x00, b"b"), frame(0x80, b"c")].concat();
    events(
        "protocol: a message in three fragments",
        &fragments,
        1,
        true,
        2.0,
    );
}

fn measure_frames(table: &mut Table) {
    let text = "x".repeat(100);
    table.row("encode a text of 100 B", 1, 1.0, || {
        black_box(Frame::text(black_box(&text)));
    });
    let mut encoder = Encoder::new();
    let event = json!({"type": "chat:said", "payload": {"text": text}, "timestamp": Unix(0)});
    table.row("encode an event as JSON", 1, 1.0, || {
        black_box(encoder.json(black_box(&event)));
    });
}

fn measure_deflate(table: &mut Table) {
    let transaction = |number: u64| {
        let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        json!({"hash": format!("0x{hash:016x}"), "value_wei": hash.to_string(), "block_height": number / 100})
    };
    let messages = (0..50).map(transaction).collect::<Vec<_>>();
    let message = serde_json::to_vec(&messages).unwrap();
    let mut deflater = Deflater::default();
    let compressed = deflater.deflate(&message).to_vec();
    let name = format!("deflate {} B of transactions", message.len());
    table.row(&name, 1, 0.0, || {
        black_box(deflater.deflate(black_box(&message)));
    });
    let mut inflater = Inflater::new();
    let name = format!("inflate {} B to them", compressed.len());
    table.row(&name, 1, 6.0, || {
        black_box(inflater.inflate(black_box(&compressed), 1 << 20)).unwrap();
    });
}
