//! Whole messages out of a stream in memory: header, limits, unmasking, and UTF-8 where it is text.

use std::hint::black_box;
use std::io::Read;
use std::time::Instant;

use roomcast::core::protocol::{Event, Limits, Protocol};
use roomcast::wire::buffer::Buffer;
use roomcast::wire::frame::unmask;
use tungstenite::Message;
use tungstenite::protocol::{Role, WebSocket};

use crate::duel::{Contender, compare, print_head};
use crate::rival::Rival;
use crate::stream::Frames;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
/// Bytes that one turn reads, about.
const TURN_BYTES: usize = 8 << 20;
/// As large as the hub's own.
const READ_BUFFER_BYTES: usize = 64 << 10;
const LIMITS: Limits = Limits {
    body_bytes_max: 1 << 20,
    message_bytes_max: 1 << 20,
    deflate: false,
    cost_max: u64::MAX,
};

/// Prints the table.
pub fn measure() {
    let mut rival = Rival::start();
    print_head();
    let ascii =
        |bytes: usize| "a quick brown fox, ".repeat(bytes / 19 + 1).into_bytes()[..bytes].to_vec();
    let greek = |times: usize| "καλημέρα κόσμε. ".repeat(times).into_bytes();
    let (text, binary) = (Some("fastwebsockets"), Some("fastwebsockets-parse"));
    read(&mut rival, "text, 16 B", text, TEXT, &ascii(16));
    read(&mut rival, "text, 128 B", text, TEXT, &ascii(128));
    read(&mut rival, "text, 1 KiB", text, TEXT, &ascii(1 << 10));
    read(&mut rival, "text in Greek, 116 B", None, TEXT, &greek(4));
    read(
        &mut rival,
        "text in Greek, 2,900 B",
        None,
        TEXT,
        &greek(100),
    );
    read(&mut rival, "binary, 128 B", binary, BINARY, &[7; 128]);
    read(&mut rival, "binary, 16 KiB", binary, BINARY, &[7; 16 << 10]);
    for bytes in [16, 128, 1 << 10, 64 << 10] {
        unmasking(&mut rival, bytes);
    }
}

/// Everybody reads messages with this payload; the rival, if it has such work, messages of its own of that length.
fn read(rival: &mut Rival, name: &str, work: Option<&str>, opcode: u8, payload: &[u8]) {
    let bytes = payload.len();
    let messages = TURN_BYTES / (bytes + 64);
    let mut own = Own::new(Frames::new(opcode, payload));
    let mut other = tungstenite(Frames::new(opcode, payload));
    let mut contenders = vec![
        Contender {
            name: "roomcast",
            turn: Box::new(|| nanos(messages, || own.read(bytes))),
        },
        Contender {
            name: "tungstenite",
            turn: Box::new(|| nanos(messages, || expect(other.read().unwrap(), bytes))),
        },
    ];
    if let Some(work) = work {
        contenders.push(Contender {
            name: "fastwebsockets",
            turn: Box::new(|| rival.turn(work, bytes, messages)),
        });
    }
    compare(&format!("read a message: {name}"), "ns", &mut contenders);
}

/// Everybody takes the mask off a payload.
fn unmasking(rival: &mut Rival, bytes: usize) {
    let times = TURN_BYTES / (bytes + 64);
    let mut payload = vec![7; bytes];
    let mut contenders = [
        Contender {
            name: "roomcast",
            turn: Box::new(|| nanos(times, || unmask(black_box(&mut payload), [1, 2, 3, 4], 0))),
        },
        Contender {
            name: "fastwebsockets",
            turn: Box::new(|| rival.turn("fastwebsockets-unmask", bytes, times)),
        },
    ];
    compare(
        &format!("take the mask off {bytes} B"),
        "ns",
        &mut contenders,
    );
}

/// Our own reader: the shared buffer and the protocol, as the reactor uses them.
struct Own {
    frames: Frames,
    buffer: Buffer,
    protocol: Protocol,
}

impl Own {
    fn new(frames: Frames) -> Own {
        let mut protocol = Protocol::new();
        protocol.open();
        let mut buffer = Buffer::new(READ_BUFFER_BYTES);
        buffer.restore(&[]);
        Own {
            frames,
            buffer,
            protocol,
        }
    }

    fn read(&mut self, bytes: usize) {
        loop {
            match self.protocol.next(&mut self.buffer, LIMITS).unwrap() {
                Some(Event::Text(text)) => return assert_eq!(black_box(text).len(), bytes),
                Some(Event::Binary(binary)) => return assert_eq!(black_box(binary).len(), bytes),
                Some(_) => panic!("only messages are in the stream"),
                None => {
                    let bytes = self.frames.read(self.buffer.space()).unwrap();
                    self.buffer.filled(bytes);
                }
            }
        }
    }
}

fn tungstenite(frames: Frames) -> WebSocket<Frames> {
    WebSocket::from_raw_socket(frames, Role::Server, None)
}

fn expect(message: Message, bytes: usize) {
    assert_eq!(black_box(message).len(), bytes);
}

/// What each of so many calls took.
fn nanos(calls: usize, mut call: impl FnMut()) -> f64 {
    let started = Instant::now();
    (0..calls).for_each(|_| call());
    started.elapsed().as_secs_f64() * 1e9 / calls as f64
}
