//! The protocol, driven as the reactor drives it: restored, filled, asked until it is hungry, and spilled.

use roomcast::core::protocol::{Event, Limits, Phase, Protocol};
use roomcast::wire::buffer::Buffer;
use roomcast::wire::fault::Fault;
use roomcast::wire::upgrade::Upgrade;

/// As large as the reactor's.
const BUFFER_BYTES: usize = 64 << 10;
pub const BODY_BYTES_MAX: u32 = 2000;
pub const MESSAGE_BYTES_MAX: u32 = 70_000;
/// A head and a body, or a message, in a vector that has grown by doubling.
const HELD_BYTES_MAX: usize = 2 * (MESSAGE_BYTES_MAX as usize + (25 << 10));

/// What a client did, without borrowing from anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Request { line: String, body: Vec<u8> },
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(u16),
    Fault(Fault),
}

/// How a piece of input arrives.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    pub bytes: usize,
    /// The last one of its turn: what is left over is spilled behind it.
    pub ends_turn: bool,
}

/// What was read, and how it stands at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub seen: Vec<Seen>,
    pub phase: Phase,
    /// Whether something has begun and is not whole.
    pub is_midway: bool,
}

impl Outcome {
    /// Which of the rules for a head was broken first depends on how much of it is there to be looked at; that one was,
    /// and what came before, does not.
    pub fn blurred(mut self) -> Outcome {
        for seen in &mut self.seen {
            if let Seen::Fault(Fault::LineTooLong | Fault::HeadersTooLarge | Fault::Head(_)) = seen
            {
                *seen = Seen::Fault(Fault::Head("it is refused"));
            }
        }
        self
    }
}

struct Reader {
    protocol: Protocol,
    buffer: Buffer,
    deflate: bool,
    seen: Vec<Seen>,
}

/// Reads a stream as few large reads.
pub fn read_whole(stream: &[u8]) -> Outcome {
    let all = Piece {
        bytes: usize::MAX,
        ends_turn: false,
    };
    read(stream, &[all])
}

/// Reads a stream in such pieces, again and again the same ones until it ends.
pub fn read(stream: &[u8], pieces: &[Piece]) -> Outcome {
    let mut reader = Reader {
        protocol: Protocol::new(),
        buffer: Buffer::new(BUFFER_BYTES),
        deflate: false,
        seen: Vec::new(),
    };
    let mut leftover = Vec::new();
    let mut rest = stream;
    reader.buffer.restore(&leftover);
    for piece in pieces.iter().cycle() {
        let (now, later) = rest.split_at(piece.bytes.min(rest.len()));
        reader.take(now);
        rest = later;
        if piece.ends_turn || rest.is_empty() {
            leftover = reader.buffer.unread().to_vec();
            assert!(leftover.len() < BUFFER_BYTES / 2, "little is left over");
            reader.buffer.restore(&leftover);
        }
        if rest.is_empty() {
            break;
        }
    }
    Outcome {
        seen: reader.seen,
        phase: reader.protocol.phase(),
        is_midway: reader.protocol.is_midway() || !leftover.is_empty(),
    }
}

impl Reader {
    fn take(&mut self, mut bytes: &[u8]) {
        self.react();
        while !bytes.is_empty() {
            let space = self.buffer.space();
            assert!(!space.is_empty(), "there is always room for more");
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            self.buffer.filled(count);
            bytes = &bytes[count..];
            self.react();
        }
    }

    /// Takes every event that is whole, and does to the protocol what the reactor would.
    fn react(&mut self) {
        loop {
            let limits = Limits {
                body_bytes_max: BODY_BYTES_MAX,
                message_bytes_max: match self.protocol.phase() {
                    Phase::Open => MESSAGE_BYTES_MAX,
                    _ => 0,
                },
                deflate: self.deflate,
                // Every other message is taken in slices, if it is long or comes in pieces.
                cost_max: [1, u64::MAX][self.seen.len() % 2],
            };
            let (mut opens, mut ends) = (false, false);
            let seen = match self.protocol.next(&mut self.buffer, limits) {
                Ok(None) => break,
                // It comes or not, depending on the cuts, and says nothing that the request does not say later.
                Ok(Some(Event::Body { .. } | Event::Unfinished)) => continue,
                Ok(Some(Event::Request(request))) => {
                    let head = &request.head;
                    let upgrade = Upgrade::parse(head, true);
                    opens = upgrade.is_ok();
                    self.deflate = upgrade.is_ok_and(|upgrade| upgrade.deflate().is_some());
                    ends = !opens && !head.keeps_alive();
                    Seen::Request {
                        line: format!("{} {}?{}", head.method, head.path, head.query),
                        body: request.body.to_vec(),
                    }
                }
                Ok(Some(Event::Text(text))) => Seen::Text(text.to_owned()),
                Ok(Some(Event::Binary(bytes))) => Seen::Binary(bytes.to_vec()),
                Ok(Some(Event::Ping(payload))) => Seen::Ping(payload.to_vec()),
                Ok(Some(Event::Pong(_))) => Seen::Pong,
                Ok(Some(Event::Close(code))) => {
                    ends = true;
                    Seen::Close(code)
                }
                Err(fault) => {
                    ends = true;
                    Seen::Fault(fault)
                }
            };
            self.seen.push(seen);
            if opens {
                self.protocol.open();
            }
            if ends {
                self.protocol.over();
            }
        }
        let held_bytes = self.protocol.held_bytes();
        assert!(held_bytes < HELD_BYTES_MAX, "{held_bytes} bytes are held");
    }
}
