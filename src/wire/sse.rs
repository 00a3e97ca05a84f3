//! Server-Sent Events (HTML Living Standard §9.2): the form that frames have in a stream of events.
//!
//! A text message is `data:` with its position as `id:`, a close frame the event `close`, and anything else a comment. What a
//! message says last is its position, if it says one, so that nothing else has to be known of it.

use std::io::Write;

use serde_json::json;

use super::packing::parts;
use super::response::Response;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The type of the answer.
const CONTENT_TYPE: &str = "text/event-stream";
/// What a browser waits before it comes back, in milliseconds: from this on, and so much longer at most, at random, so that clients
/// that were cut off together do not come back together.
const RETRY_MILLIS: u64 = 1000;
const RETRY_SPREAD_MILLIS: u64 = 4000;
/// The longest that a message ends with, if that is its position.
const POSITION_BYTES_MAX: usize = 64;
/// What a position has in front of it.
const POSITION: &[u8] = b"\"position\":\"";

/// The answer that begins a stream, of which there is no end: it is told by the end of the connection (RFC 9112 §6.3).
pub fn accept(random: u64) -> Response {
    let retry = RETRY_MILLIS + random % (RETRY_SPREAD_MILLIS + 1);
    Response::body(
        200,
        CONTENT_TYPE,
        format!("retry: {retry}\n\n").into_bytes(),
    )
    .with("Cache-Control", "no-store")
    .with("X-Accel-Buffering", "no")
    .endless()
}

/// A block that says a position and nothing else.
pub fn id(position: impl std::fmt::Display) -> Vec<u8> {
    format!("id: {position}\n\n").into_bytes()
}

/// Whether this is frames, and not an answer of HTTP or a part of a stream, which begin with a letter.
fn is_frames(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first & 0x80 != 0)
}

/// The same frames as a part of a stream; nothing if they are no frames, and go out as they are.
pub fn events(frames: &[u8]) -> Option<Box<[u8]>> {
    if !is_frames(frames) {
        return None;
    }
    let mut out = Vec::with_capacity(frames.len() + POSITION_BYTES_MAX);
    for (header, payload) in parts(frames) {
        match header.opcode {
            OpCode::Data(Data::Text) => message(payload, &mut out),
            OpCode::Control(Control::Close) => close(payload, &mut out),
            _ => out.extend_from_slice(b":\n\n"),
        }
    }
    Some(out.into())
}

fn message(payload: &[u8], out: &mut Vec<u8>) {
    if let Some(position) = position(payload) {
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(position);
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    let from = out.len();
    out.extend_from_slice(payload);
    // JSON has line ends between its values only, where a blank is as good, and is no end of a line of data.
    for byte in &mut out[from..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\n\n");
}

fn close(payload: &[u8], out: &mut Vec<u8>) {
    let (code, reason) = match payload.split_first_chunk() {
        Some((code, reason)) => (u16::from_be_bytes(*code), reason),
        None => (super::frame::close::NO_STATUS, payload),
    };
    let reason = String::from_utf8_lossy(reason);
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "event: close\ndata: {}\n\n",
        json!({"code": code, "reason": reason})
    );
}

/// The position that a message says last.
fn position(payload: &[u8]) -> Option<&[u8]> {
    let tail = &payload[payload.len().saturating_sub(POSITION_BYTES_MAX)..];
    let braces = tail.iter().rev().take_while(|byte| **byte == b'}').count();
    let tail = tail[..tail.len() - braces].strip_suffix(b"\"")?;
    let at = tail
        .windows(POSITION.len())
        .rposition(|it| it == POSITION)?;
    let position = &tail[at + POSITION.len()..];
    let is_written = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
    position.iter().all(is_written).then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::{Encoder, Frame};

    fn text(frames: &[u8]) -> String {
        String::from_utf8(events(frames).unwrap().into()).unwrap()
    }

    #[test]
    fn each_message_of_a_batch_is_a_block_with_its_position() {
        let said = [
            json!({"type": "a", "position": "000000ff-9"}),
            json!({"type": "b", "data": {"position": "000000ff-10"}}),
            json!({"position": "000000ff-11", "type": "c"}),
        ];
        let batch = Encoder::new().json_batch(&said).unwrap();
        let [first, second, third] = said.map(|said| said.to_string());
        let expected = format!(
            "id: 000000ff-9\ndata: {first}\n\nid: 000000ff-10\ndata: {second}\n\ndata: {third}\n\n"
        );
        assert_eq!(text(batch.bytes()), expected);
    }

    #[test]
    fn a_line_end_within_a_message_is_no_end_of_its_line_of_data() {
        let frame = Frame::text("{\"a\":\n1,\r\n\"b\":2}");
        assert_eq!(text(frame.bytes()), "data: {\"a\": 1,  \"b\":2}\n\n");
    }

    #[test]
    fn a_close_frame_is_an_event_and_a_ping_a_comment() {
        let close = Frame::close(1001, "the \"server\"");
        let expected = "event: close\ndata: {\"code\":1001,\"reason\":\"the \\\"server\\\"\"}\n\n";
        assert_eq!(text(close.bytes()), expected);
        assert_eq!(text(Frame::ping().bytes()), ":\n\n");
    }

    #[test]
    fn what_is_no_frame_goes_as_it_is() {
        assert_eq!(events(b"HTTP/1.1 200 OK\r\n\r\n"), None);
        assert_eq!(events(&id(7)), None);
    }

    #[test]
    fn a_position_is_what_a_message_says_last_and_nothing_else() {
        for said in [
            r#"{"payload":{"position":"00000000-1"},"timestamp":"t"}"#,
            r#"{"error":"\"position\":\"00000000-1"}"#,
            r#"{"position":"not one"}"#,
            r#"{"position":7}"#,
        ] {
            assert_eq!(position(said.as_bytes()), None, "{said}");
        }
    }
}
