//! What comes in very many pieces is taken as far as it may cost, and counted.

use roomcast::core::protocol::{Event, Limits, Protocol};
use roomcast::wire::buffer::Buffer;
use roomcast::work;

const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
/// An empty frame that continues a message.
const EMPTY: &[u8] = &[0, 0x80, 1, 2, 3, 4];

struct Reader {
    protocol: Protocol,
    buffer: Buffer,
}

impl Reader {
    fn new() -> Reader {
        Reader {
            protocol: Protocol::new(),
            buffer: Buffer::new(64 << 10),
        }
    }

    /// One that has begun a binary message.
    fn of_fragments() -> Reader {
        let mut reader = Reader::new();
        reader.protocol.open();
        assert_eq!(reader.reads([2, 0x80, 1, 2, 3, 4], u64::MAX), "needs more");
        reader.buffer.take_cost();
        reader
    }

    fn reads(&mut self, bytes: impl AsRef<[u8]>, cost_max: u64) -> &'static str {
        let bytes = bytes.as_ref();
        self.buffer.space()[..bytes.len()].copy_from_slice(bytes);
        self.buffer.filled(bytes.len());
        self.goes_on(cost_max)
    }

    fn goes_on(&mut self, cost_max: u64) -> &'static str {
        let limits = Limits {
            body_bytes_max: 1000,
            message_bytes_max: 1000,
            deflate: false,
            cost_max,
        };
        match self.protocol.next(&mut self.buffer, limits).ok().unwrap() {
            None => "needs more",
            Some(Event::Body { .. }) => "begins a body",
            Some(Event::Unfinished) => "goes on",
            Some(Event::Request(_)) => "a request",
            Some(Event::Binary(_)) => "a message",
            Some(_) => "something else",
        }
    }
}

#[test]
fn fragments_are_taken_as_far_as_they_may_cost() {
    let mut reader = Reader::of_fragments();
    let most = 10 * work::FRAGMENT;
    assert_eq!(reader.reads(EMPTY.repeat(25), most), "goes on");
    assert_eq!(reader.buffer.take_cost(), most);
    assert_eq!(reader.buffer.unread().len(), 15 * EMPTY.len());
    assert_eq!(reader.goes_on(most), "goes on");
    assert_eq!(reader.goes_on(most), "needs more");
    assert_eq!(reader.buffer.take_cost(), 15 * work::FRAGMENT);
    let mut last = EMPTY.to_vec();
    last[0] = 0x80;
    assert_eq!(reader.reads(last, most), "a message");
}

#[test]
fn a_message_that_is_whole_costs_nothing_of_its_own() {
    let mut reader = Reader::new();
    reader.protocol.open();
    assert_eq!(reader.reads([0x82, 0x81, 0, 0, 0, 0, b'x'], 1), "a message");
    assert_eq!(reader.buffer.take_cost(), 0);
}

#[test]
fn chunks_are_taken_as_far_as_they_may_cost() {
    let mut reader = Reader::new();
    assert_eq!(reader.reads(CHUNKED, 1), "begins a body");
    reader.buffer.take_cost();
    let chunk = work::CHUNK + "1\r\n".len() as u64 * work::LINE;
    assert_eq!(reader.reads("1\r\nx\r\n".repeat(25), 10 * chunk), "goes on");
    assert_eq!(reader.buffer.take_cost(), 10 * chunk);
    assert_eq!(reader.goes_on(u64::MAX), "needs more");
    assert_eq!(reader.buffer.take_cost(), 15 * chunk);
    assert_eq!(reader.reads("0\r\n", 1), "needs more");
    reader.buffer.take_cost();
    let trailer = "A: b\r\n".repeat(3);
    for _ in 0..2 {
        assert_eq!(reader.reads("", 1), "needs more");
    }
    assert_eq!(reader.reads(&trailer, 1), "needs more");
    assert_eq!(reader.buffer.take_cost(), trailer.len() as u64 * work::HEAD);
    assert_eq!(reader.reads("\r\n", 1), "a request");
}

#[test]
fn half_a_head_is_looked_through_once_for_each_read_that_brings_more() {
    let mut reader = Reader::new();
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}", "x".repeat(500));
    for more in [&*head, "x"] {
        assert_eq!(reader.reads(more, 1), "needs more");
        let cost = reader.buffer.take_cost();
        assert_eq!(cost, reader.buffer.unread().len() as u64 * work::HEAD);
        assert_eq!(reader.goes_on(1), "needs more");
        assert_eq!(reader.buffer.take_cost(), 0);
    }
    assert_eq!(reader.reads(", b; c\r\n\r\n", 1), "a request");
    let bytes = (head.len() + "x, b; c\r\n\r\n".len()) as u64;
    let cost = bytes * work::HEAD + 2 * work::ELEMENT;
    assert_eq!(reader.buffer.take_cost(), cost);
}

#[test]
fn empty_lines_before_a_request_are_counted() {
    let mut reader = Reader::new();
    assert_eq!(reader.reads("\r\n".repeat(10), 1), "needs more");
    assert_eq!(reader.buffer.take_cost(), 20 * work::LINE);
}
