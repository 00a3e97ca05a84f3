//! Frames and headers beside a codec that others wrote.

use std::io::Cursor;

use proptest::collection::vec;
use proptest::prelude::*;
use roomcast::wire::deflate::{Deflater, Inflater};
use roomcast::wire::fault::Fault;
use roomcast::wire::frame::{Encoder, Frame, Header, Kind, close, unmask};
use serde_json::{Value, json};
use tungstenite::protocol::Role;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::frame::{self, FrameHeader};
use tungstenite::{Message, WebSocket};

/// Payloads of every length that a header writes differently.
fn payloads() -> impl Strategy<Value = Vec<u8>> {
    let long = prop_oneof![124..128usize, 65_533..65_538usize];
    let long = (any::<u8>(), long).prop_map(|(byte, length)| vec![byte; length]);
    prop_oneof![4 => vec(any::<u8>(), 0..200), 1 => long]
}

fn kinds() -> impl Strategy<Value = (Kind, OpCode)> {
    prop::sample::select(vec![
        (Kind::Continuation, OpCode::Data(Data::Continue)),
        (Kind::Text, OpCode::Data(Data::Text)),
        (Kind::Binary, OpCode::Data(Data::Binary)),
        (Kind::Close, OpCode::Control(Control::Close)),
        (Kind::Ping, OpCode::Control(Control::Ping)),
        (Kind::Pong, OpCode::Control(Control::Pong)),
    ])
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        (65_500..65_560usize).prop_map(|length| Value::from("x".repeat(length))),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(".{0,5}", inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

/// What a client that others wrote reads from these bytes.
fn read_by_client(frame: &Frame) -> Message {
    let input = Cursor::new(frame.bytes().to_vec());
    let mut client = WebSocket::from_raw_socket(input, Role::Client, None);
    client.read().unwrap()
}

proptest! {
    #[test]
    fn a_client_s_frame_is_read_as_it_was_written(
        mut payload in payloads(),
        (kind, opcode) in kinds(),
        last in any::<bool>(),
        mask in any::<[u8; 4]>(),
        deflate in any::<bool>(),
        compressed in any::<bool>(),
        behind in vec(any::<u8>(), 0..4),
    ) {
        let last = last || kind.is_control();
        if kind.is_control() {
            payload.truncate(125);
        }
        let header = FrameHeader { is_final: last, opcode, rsv1: compressed, mask: Some(mask), ..FrameHeader::default() };
        let mut bytes = Vec::new();
        frame::Frame::from_payload(header, payload.clone().into()).format(&mut bytes).unwrap();
        bytes.extend(behind);
        // The bit has a meaning at the beginning of a message, if there was an agreement.
        if compressed && !(deflate && matches!(kind, Kind::Text | Kind::Binary)) {
            prop_assert_eq!(Header::parse(&bytes, deflate), Err(Fault::ReservedBits));
            return Ok(());
        }
        let (header, header_bytes) = Header::parse(&bytes, deflate).unwrap().unwrap();
        let payload_bytes = payload.len() as u64;
        prop_assert_eq!(header, Header { last, kind, compressed, mask, payload_bytes });
        for cut in 0..header_bytes {
            prop_assert_eq!(Header::parse(&bytes[..cut], deflate), Ok(None));
        }
        let read = &mut bytes[header_bytes..][..payload.len()];
        unmask(read, mask, 0);
        prop_assert_eq!(read, &payload[..]);
    }

    #[test]
    fn any_bytes_are_a_header_or_a_fault_and_a_fault_is_not_taken_back(
        bytes in vec(any::<u8>(), 0..20),
        deflate in any::<bool>(),
    ) {
        let whole = Header::parse(&bytes, deflate);
        for cut in 0..bytes.len() {
            match Header::parse(&bytes[..cut], deflate) {
                Ok(None) => {}
                early => prop_assert_eq!(early, whole),
            }
        }
    }

    #[test]
    fn unmasking_twice_is_nothing_and_in_pieces_is_the_same(
        payload in vec(any::<u8>(), 0..200),
        mask in any::<[u8; 4]>(),
        cut in any::<prop::sample::Index>(),
        offset in 0..9usize,
    ) {
        let mut whole = payload.clone();
        unmask(&mut whole, mask, offset);
        let slow = payload.iter().enumerate().map(|(i, byte)| byte ^ mask[(i + offset) % 4]);
        prop_assert!(whole.iter().copied().eq(slow));
        let mut pieces = payload.clone();
        let (first, second) = pieces.split_at_mut(cut.index(payload.len() + 1));
        unmask(first, mask, offset);
        unmask(second, mask, offset + first.len());
        prop_assert_eq!(&pieces, &whole);
        unmask(&mut whole, mask, offset);
        prop_assert_eq!(whole, payload);
    }

    #[test]
    fn our_messages_are_read_by_another_client(payload in payloads(), text in ".{0,200}") {
        prop_assert_eq!(read_by_client(&Frame::text(&text)), Message::text(text));
        prop_assert_eq!(read_by_client(&Frame::binary(&payload)), Message::binary(payload));
    }

    #[test]
    fn our_control_frames_are_read_by_another_client(
        payload in vec(any::<u8>(), 0..126),
        code in prop_oneof![Just(1000u16), Just(1001), Just(1013), 3000..5000u16],
        reason in ".{0,200}",
    ) {
        prop_assert_eq!(read_by_client(&Frame::ping()), Message::Ping(Vec::new().into()));
        prop_assert_eq!(read_by_client(&Frame::pong(&payload)), Message::Pong(payload.into()));
        prop_assert_eq!(read_by_client(&Frame::close(close::NO_STATUS, &reason)), Message::Close(None));
        let Message::Close(Some(frame)) = read_by_client(&Frame::close(code, &reason)) else {
            panic!("a close frame with a code is read as one");
        };
        prop_assert_eq!(u16::from(frame.code), code);
        prop_assert!(reason.starts_with(frame.reason.as_str()));
        prop_assert!(frame.reason.len() == reason.len() || frame.reason.len() > 123 - 4);
    }

    #[test]
    fn a_compressed_message_comes_back_as_it_was(
        payload in prop_oneof![payloads(), "[ab ]{0,3000}".prop_map(String::into_bytes)],
    ) {
        let compressed = Deflater::default().deflate(&payload).to_vec();
        let mut theirs = Vec::new();
        let mut whole = &[&compressed[..], &[0, 0, 0xff, 0xff]].concat()[..];
        let mut reader = flate2::Decompress::new(false);
        while !whole.is_empty() {
            let consumed = reader.total_in();
            theirs.reserve(100_000);
            reader.decompress_vec(whole, &mut theirs, flate2::FlushDecompress::Sync).unwrap();
            whole = &whole[(reader.total_in() - consumed) as usize..];
        }
        prop_assert_eq!(&theirs, &payload);
        let bytes_max = payload.len() as u32;
        prop_assert_eq!(Inflater::new().inflate(&compressed, bytes_max), Ok(payload));
        if let Some(less) = bytes_max.checked_sub(1) {
            let refused = Inflater::new().inflate(&compressed, less);
            prop_assert_eq!(refused, Err(Fault::MessageTooBig(less)));
        }
    }

    #[test]
    fn any_bytes_inflate_to_a_bounded_message_or_are_a_fault(
        bytes in vec(any::<u8>(), 0..300),
        bytes_max in 0..5000u32,
    ) {
        let mut inflater = Inflater::new();
        if let Ok(message) = inflater.inflate(&bytes, bytes_max) {
            prop_assert!(message.len() <= bytes_max as usize);
        }
        // Whatever came before, the next message stands alone.
        let hello = Deflater::default().deflate(b"hello").to_vec();
        prop_assert_eq!(inflater.inflate(&hello, 5), Ok(b"hello".to_vec()));
    }

    #[test]
    fn json_is_encoded_as_its_text_is(values in vec(values(), 1..4)) {
        let mut encoder = Encoder::new();
        for value in values {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(encoder.json(&value), Frame::text(&text));
        }
    }
}
