//! However a stream is cut, it means the same.

use std::io::{self, Cursor, Read, Write};

use proptest::prelude::*;
use roomcast::core::protocol::Phase;
use roomcast::wire::fault::Fault;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use crate::conversation::{
    Conversation, babble, conversations, frames, pieces, rude_frames, spoil, spoils, upgrade,
};
use crate::reader::{MESSAGE_BYTES_MAX, Outcome, Seen, read, read_whole};

proptest! {
    #[test]
    fn a_valid_stream_means_what_it_says_however_it_is_cut(
        conversation in conversations(),
        pieces in pieces(),
    ) {
        let Conversation { bytes, means } = conversation;
        let outcome = read(&bytes, &pieces);
        prop_assert_eq!(&outcome.seen, &means);
        let is_over = matches!(means.last(), Some(Seen::Close(_)));
        prop_assert_eq!(outcome.phase == Phase::Over, is_over);
        prop_assert!(!outcome.is_midway);
    }

    #[test]
    fn a_spoiled_stream_means_the_same_however_it_is_cut(
        conversation in conversations(),
        spoils in spoils(),
        pieces in pieces(),
    ) {
        let bytes = spoil(conversation.bytes, &spoils);
        prop_assert_eq!(blurred(read(&bytes, &pieces)), blurred(read_whole(&bytes)));
    }

    #[test]
    fn babble_means_the_same_however_it_is_cut(bytes in babble(), pieces in pieces()) {
        prop_assert_eq!(blurred(read(&bytes, &pieces)), blurred(read_whole(&bytes)));
    }

    #[test]
    fn frames_of_babble_mean_the_same_however_they_are_cut(
        deflate in any::<bool>(),
        frames in prop_oneof![rude_frames(), prop::collection::vec(any::<u8>(), 0..300)],
        pieces in pieces(),
    ) {
        let bytes = [upgrade(deflate).bytes, frames].concat();
        prop_assert_eq!(blurred(read(&bytes, &pieces)), blurred(read_whole(&bytes)));
    }

    #[test]
    fn valid_frames_mean_what_another_reader_makes_of_them(frames in frames(false)) {
        let theirs = read_by_tungstenite(&frames.bytes);
        prop_assert_eq!(theirs.messages, frames.means);
        prop_assert_eq!(theirs.is_refused, false);
    }

    #[test]
    fn spoiled_frames_are_refused_where_another_reader_refuses_them(
        frames in frames(false),
        spoils in spoils(),
    ) {
        let frames = spoil(frames.bytes, &spoils);
        compare_with_tungstenite(&frames)?;
    }

    #[test]
    fn rude_frames_are_refused_where_another_reader_refuses_them(
        frames in rude_frames(),
    ) {
        compare_with_tungstenite(&frames)?;
    }
}

proptest! {
    // A head is looked at again with each piece of it, so byte by byte a long one takes its time.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_head_over_its_limits_is_refused_however_it_is_cut(
        parts in (0..9000usize, 0..18_000usize, 0..110usize),
        spoils in prop_oneof![Just(Vec::new()), spoils()],
        pieces in pieces(),
    ) {
        let (line, value, headers) = parts;
        let head = format!("GET /{} HTTP/1.1\r\nHost: a\r\n", "x".repeat(line));
        let headers = format!("A: {}\r\n{}\r\n", "b".repeat(value), "C: d\r\n".repeat(headers));
        let bytes = spoil((head + &headers).into_bytes(), &spoils);
        prop_assert_eq!(blurred(read(&bytes, &pieces)), blurred(read_whole(&bytes)));
    }
}

/// Which of the rules for a head was broken first depends on how much of it is there to be looked at; that one was, and
/// what came before, does not.
fn blurred(mut outcome: Outcome) -> Outcome {
    for seen in &mut outcome.seen {
        if let Seen::Fault(Fault::LineTooLong | Fault::HeadersTooLarge | Fault::Head(_)) = seen {
            *seen = Seen::Fault(Fault::Head("it is refused"));
        }
    }
    outcome
}

/// We may refuse earlier, for what has come of a message, or for what only we forbid; never later, and never another
/// message than they.
fn compare_with_tungstenite(frames: &[u8]) -> Result<(), TestCaseError> {
    let theirs = read_by_tungstenite(frames);
    let mut ours = read_whole(&[&upgrade(false).bytes, frames].concat()).seen;
    ours.remove(0);
    let is_refused = matches!(ours.last(), Some(Seen::Fault(_)));
    ours.retain(|seen| !matches!(seen, Seen::Fault(_)));
    let messages = theirs.messages;
    prop_assert!(messages.starts_with(&ours), "{messages:?} and {ours:?}");
    prop_assert!(is_refused || !theirs.is_refused && messages == ours);
    Ok(())
}

struct Theirs {
    messages: Vec<Seen>,
    is_refused: bool,
}

/// Input from memory; whatever is answered is lost.
struct Input(Cursor<Vec<u8>>);

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            bytes => Ok(bytes),
        }
    }
}

impl Write for Input {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn read_by_tungstenite(frames: &[u8]) -> Theirs {
    let bytes_max = Some(MESSAGE_BYTES_MAX as usize);
    let config = WebSocketConfig::default()
        .max_message_size(bytes_max)
        .max_frame_size(bytes_max);
    let input = Input(Cursor::new(frames.to_vec()));
    let mut socket = WebSocket::from_raw_socket(input, Role::Server, Some(config));
    let mut messages = Vec::new();
    loop {
        let seen = match socket.read() {
            Ok(Message::Text(text)) => Seen::Text(text.to_string()),
            Ok(Message::Binary(bytes)) => Seen::Binary(bytes.to_vec()),
            Ok(Message::Ping(payload)) => Seen::Ping(payload.to_vec()),
            Ok(Message::Pong(_)) => Seen::Pong,
            Ok(Message::Close(frame)) => Seen::Close(frame.map_or(1005, |frame| frame.code.into())),
            Ok(Message::Frame(_)) => unreachable!("no frame is read alone"),
            Err(error) => {
                let is_hungry = matches!(&error, tungstenite::Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock);
                let is_closed = matches!(error, tungstenite::Error::ConnectionClosed);
                return Theirs {
                    messages,
                    is_refused: !is_hungry && !is_closed,
                };
            }
        };
        messages.push(seen);
    }
}
