//! WebSocket frames (RFC 6455 §5): headers read and checked, payloads unmasked in place, messages encoded once.
//!
//! A [`Header`] obeys every rule that can be seen in it alone; the order of frames is the protocol's business.

use std::io::Write;

use serde::Serialize;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::fault::Fault;

/// Close codes (RFC 6455 §7.4.1, and the private ones of the apps).
pub mod close {
    /// The purpose is fulfilled.
    pub const NORMAL: u16 = 1000;
    /// The server drains.
    pub const GOING_AWAY: u16 = 1001;
    /// Not what the RFC says.
    pub const PROTOCOL: u16 = 1002;
    /// What is counted for a close frame without a code; never sent.
    pub const NO_STATUS: u16 = 1005;
    /// What is counted for a connection that just broke; never sent.
    pub const ABNORMAL: u16 = 1006;
    /// A client over its message rate.
    pub const POLICY: u16 = 1008;
    /// The queue is full, or the memory budget spent.
    pub const TRY_AGAIN: u16 = 1013;
    /// What a proxy says that got no good answer; never sent. Registered after the others (RFC 6455 §11.7), so that
    /// tungstenite knows it not.
    pub const BAD_GATEWAY: u16 = 1014;
    /// No or wrong token.
    pub const UNAUTHORIZED: u16 = 4401;
    /// The player was put out of the room.
    pub const PUT_OUT: u16 = 4403;
    /// No such room.
    pub const NO_ROOM: u16 = 4404;
    /// Silent for too long.
    pub const PONG_TIMEOUT: u16 = 4408;
    /// The same player came in again.
    pub const REPLACED: u16 = 4409;
}

/// The longest header that a server writes: no mask.
const HEADER_BYTES_MAX: usize = 10;
/// What is in a frame's first byte: the last frame of a message, three reserved bits, the opcode.
const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2: u8 = 0x20;
const RSV3: u8 = 0x10;
const OPCODE: u8 = 0x0f;
/// What is in its second byte beside a length: the mask bit; and the lengths that say how many bytes of length follow.
const MASKED: u8 = 0x80;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;
/// The longest payload of a control frame.
pub const CONTROL_BYTES_MAX: usize = 125;

/// A frame header that obeys the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The last frame of its message.
    pub last: bool,
    /// What it carries.
    pub kind: Kind,
    /// The message that it begins is compressed (RFC 7692 §6).
    pub compressed: bool,
    /// The mask of its payload.
    pub mask: [u8; 4],
    /// Bytes of its payload.
    pub payload_bytes: u64,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// More of a message.
    Continuation,
    /// The start of a text message.
    Text,
    /// The start of a binary message.
    Binary,
    /// The end of the conversation.
    Close,
    /// A question whether the peer is there.
    Ping,
    /// The answer.
    Pong,
}

impl Kind {
    /// What an opcode stands for (RFC 6455 §5.2).
    fn of(opcode: u8) -> Result<Kind, Fault> {
        match opcode {
            0 => Ok(Kind::Continuation),
            1 => Ok(Kind::Text),
            2 => Ok(Kind::Binary),
            8 => Ok(Kind::Close),
            9 => Ok(Kind::Ping),
            10 => Ok(Kind::Pong),
            reserved => Err(Fault::ReservedOpcode(reserved)),
        }
    }

    /// Close, ping or pong.
    pub fn is_control(self) -> bool {
        matches!(self, Kind::Close | Kind::Ping | Kind::Pong)
    }
}

impl Header {
    /// Reads a client's frame header from the front of `bytes`, and says how long it is; `None` while it is not whole.
    /// `deflate` says whether compression was agreed on, which gives the first reserved bit a meaning.
    pub fn parse(bytes: &[u8], deflate: bool) -> Result<Option<(Header, usize)>, Fault> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        // Whatever is wrong is told with the first byte that shows it: no need to wait for the rest of the header.
        let compressed = first & RSV1 != 0;
        let may_be_compressed = deflate && matches!(first & OPCODE, 1 | 2);
        if first & (RSV2 | RSV3) != 0 || compressed && !may_be_compressed {
            return Err(Fault::ReservedBits);
        }
        let kind = Kind::of(first & OPCODE)?;
        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        if second & MASKED == 0 {
            return Err(Fault::Unmasked);
        }
        let last = first & FIN != 0;
        let length = second & !MASKED;
        if kind.is_control() && !last {
            return Err(Fault::ControlFragmented);
        }
        let rest = &bytes[2..];
        let (payload_bytes, length_bytes) = match length {
            LENGTH_16 => match rest.first_chunk() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 2),
                None => return Ok(None),
            },
            LENGTH_64 => match rest.first_chunk() {
                Some(length) => (u64::from_be_bytes(*length), 8),
                None => return Ok(None),
            },
            length => (u64::from(length), 0),
        };
        if kind.is_control() && payload_bytes > CONTROL_BYTES_MAX as u64 {
            return Err(Fault::ControlTooLong);
        }
        let is_shortest = match length {
            LENGTH_16 => payload_bytes >= u64::from(LENGTH_16),
            LENGTH_64 => payload_bytes > u64::from(u16::MAX) && payload_bytes >> 63 == 0,
            _ => true,
        };
        if !is_shortest {
            return Err(Fault::LengthForm);
        }
        let Some(&mask) = rest[length_bytes..].first_chunk() else {
            return Ok(None);
        };
        let header = Header {
            last,
            kind,
            compressed,
            mask,
            payload_bytes,
        };
        Ok(Some((header, 2 + length_bytes + mask.len())))
    }
}

/// Takes the mask off a piece of payload that begins `offset` bytes into its frame (RFC 6455 §5.3).
pub fn unmask(piece: &mut [u8], mask: [u8; 4], offset: usize) {
    let mut key = mask;
    key.rotate_left(offset % 4);
    let [a, b, c, d] = key;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = piece.chunks_exact_mut(8);
    for eight in &mut words {
        let eight: &mut [u8; 8] = eight
            .try_into()
            .expect("chunks_exact_mut(8) gives eight bytes");
        *eight = (u64::from_ne_bytes(*eight) ^ word).to_ne_bytes();
    }
    for (byte, key) in words.into_remainder().iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}

/// Something to be written, encoded once: a server's frame, an HTTP answer, or a batch: several whole messages, one
/// frame each, that are published as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    bytes: Box<[u8]>,
    class: Class,
    messages: u32,
    is_tagged: bool,
}

/// What a queue makes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A message: may be dropped when a queue is full.
    Message,
    /// A message that must not be lost: always fits.
    Vital,
    /// An HTTP answer, a lagged notice, a ping: always fits.
    Answer,
    /// A pong: always fits, and only the newest waits.
    Pong,
    /// A close frame: always fits, and nothing follows it.
    Close,
}

impl Class {
    /// Whether it is one of an app's own messages, which are counted.
    pub fn is_message(self) -> bool {
        matches!(self, Class::Message | Class::Vital)
    }
}

impl Frame {
    /// A whole text message.
    pub fn text(payload: &str) -> Frame {
        Frame::encode(OpCode::Data(Data::Text), Class::Message, payload.as_bytes())
    }

    /// A whole binary message.
    pub fn binary(payload: &[u8]) -> Frame {
        Frame::encode(OpCode::Data(Data::Binary), Class::Message, payload)
    }

    /// A ping without payload.
    pub fn ping() -> Frame {
        Frame::encode(OpCode::Control(Control::Ping), Class::Answer, b"")
    }

    /// The pong to a ping with this payload.
    pub fn pong(payload: &[u8]) -> Frame {
        Frame::encode(OpCode::Control(Control::Pong), Class::Pong, payload)
    }

    /// A close frame; a reason that does not fit is cut at a character. [`close::NO_STATUS`] sends an empty one.
    pub fn close(code: u16, reason: &str) -> Frame {
        if code == close::NO_STATUS {
            return Frame::encode(OpCode::Control(Control::Close), Class::Close, b"");
        }
        let fits = reason.floor_char_boundary(CONTROL_BYTES_MAX - 2);
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(&reason.as_bytes()[..fits]);
        Frame::encode(OpCode::Control(Control::Close), Class::Close, &payload)
    }

    /// An HTTP answer, or part of one, as it goes out.
    pub fn answer(bytes: Vec<u8>) -> Frame {
        Frame {
            bytes: bytes.into(),
            class: Class::Answer,
            messages: 1,
            is_tagged: false,
        }
    }

    /// So many whole messages, one frame each, that are encoded already.
    pub fn batch(bytes: Box<[u8]>, messages: u32) -> Frame {
        Frame {
            bytes,
            class: Class::Message,
            messages,
            is_tagged: false,
        }
    }

    /// The same message, which must not be lost: it fits any queue, and is counted like the others.
    pub fn vital(self) -> Frame {
        Frame {
            class: Class::Vital,
            ..self
        }
    }

    /// The same frame, exempt from the bounds of a queue and from what is counted as messages.
    pub fn exempt(self) -> Frame {
        Frame {
            class: Class::Answer,
            messages: 0,
            ..self
        }
    }

    /// The same frame, of the second of an app's two kinds: how many of them have gone out is counted apart.
    pub fn tagged(self) -> Frame {
        Frame {
            is_tagged: true,
            ..self
        }
    }

    fn encode(opcode: OpCode, class: Class, payload: &[u8]) -> Frame {
        let mut bytes = Vec::with_capacity(header_bytes(opcode, payload.len()) + payload.len());
        write_header(opcode, payload.len(), &mut bytes);
        bytes.extend_from_slice(payload);
        Frame {
            bytes: bytes.into(),
            class,
            messages: 1,
            is_tagged: false,
        }
    }

    /// Header and payload.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What a queue makes of it.
    pub fn class(&self) -> Class {
        self.class
    }

    /// How many messages it is: one, as many as the batch has, or none if it is exempt.
    pub fn messages(&self) -> u32 {
        self.messages
    }

    /// Whether it is of the second of an app's two kinds.
    pub fn is_tagged(&self) -> bool {
        self.is_tagged
    }

    /// The bytes alone.
    pub fn into_bytes(self) -> Box<[u8]> {
        self.bytes
    }
}

fn header_bytes(opcode: OpCode, payload_bytes: usize) -> usize {
    FrameHeader {
        opcode,
        ..FrameHeader::default()
    }
    .len(payload_bytes as u64)
}

fn write_header(opcode: OpCode, payload_bytes: usize, mut into: impl Write) {
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    header
        .format(payload_bytes as u64, &mut into)
        .expect("a header fits where ten bytes do");
}

/// Serializes messages straight into frames: one allocation a message, whatever its shape.
pub struct Encoder {
    scratch: Vec<u8>,
}

/// Scratch that a huge message has grown beyond this is given back.
const SCRATCH_BYTES_KEPT: usize = 64 << 10;

impl Encoder {
    /// An encoder with its scratch.
    pub fn new() -> Encoder {
        Encoder {
            scratch: Vec::with_capacity(SCRATCH_BYTES_KEPT),
        }
    }

    /// A text message of this value as JSON.
    ///
    /// # Panics
    /// When the value cannot be JSON (a map with keys that are not strings), which is a programmer's error.
    pub fn json(&mut self, value: &impl Serialize) -> Frame {
        let bytes = self.encode(value).into();
        self.give_back();
        Frame {
            bytes,
            class: Class::Message,
            messages: 1,
            is_tagged: false,
        }
    }

    /// A batch: a text message for each of these values as JSON, in their order, as one frame buffer; `None` if there
    /// is no value.
    ///
    /// # Panics
    /// Like [`Encoder::json`].
    pub fn json_batch<T: Serialize>(
        &mut self,
        values: impl IntoIterator<Item = T>,
    ) -> Option<Frame> {
        let mut bytes = Vec::new();
        let mut messages = 0;
        for value in values {
            bytes.extend_from_slice(self.encode(&value));
            messages += 1;
        }
        self.give_back();
        (messages > 0).then(|| Frame {
            is_tagged: false,
            bytes: bytes.into(),
            class: Class::Message,
            messages,
        })
    }

    /// The frame of one text message, in the scratch.
    fn encode(&mut self, value: &impl Serialize) -> &[u8] {
        self.scratch.clear();
        self.scratch.resize(HEADER_BYTES_MAX, 0);
        serde_json::to_writer(&mut self.scratch, value)
            .expect("our own messages are JSON, and a vector takes all");
        // The payload stands behind space for the longest header; the header is written right in front of it.
        let opcode = OpCode::Data(Data::Text);
        let payload_bytes = self.scratch.len() - HEADER_BYTES_MAX;
        let start = HEADER_BYTES_MAX - header_bytes(opcode, payload_bytes);
        write_header(
            opcode,
            payload_bytes,
            &mut self.scratch[start..HEADER_BYTES_MAX],
        );
        &self.scratch[start..]
    }

    /// Lets the scratch go if a huge message has grown it.
    fn give_back(&mut self) {
        if self.scratch.capacity() > SCRATCH_BYTES_KEPT {
            self.scratch = Vec::with_capacity(SCRATCH_BYTES_KEPT);
        }
    }
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder::new()
    }
}
