//! A message that comes in pieces: what has come of it, and what is still to come of the frame that is on its way.

use crate::wire::buffer::Buffer;
use crate::wire::fault::Fault;
use crate::wire::frame::{Header, Kind, unmask};
use crate::wire::growth::{self, Rest};
use crate::wire::utf8::TextBuffer;

/// What a half-received frame needs at the least for its room to be measured out: below that, what a vector gives too
/// much is little, and measuring costs a short message more than it saves.
const MEASURED_BYTES_MIN: u64 = 4 << 10;

/// A message that did not come in one piece.
pub(super) struct Assembly {
    pub(super) gathered: Gathered,
    /// The frame that is being received.
    pub(super) frame: Option<Partial>,
}

/// What has come of a message.
pub(super) enum Gathered {
    /// Plain text is checked as it comes.
    Text(TextBuffer),
    Binary(Vec<u8>),
    /// What is looked at once it is inflated.
    Compressed {
        text: bool,
        bytes: Vec<u8>,
    },
}

/// A frame whose payload has not come whole.
pub(super) struct Partial {
    pub(super) header: Header,
    pub(super) taken_bytes: u64,
}

/// What has been taken of a frame that had not come whole.
pub(super) enum Piece {
    /// None of it is there.
    Nothing,
    /// More of the message is still to come.
    OfMore,
    /// With this one the message is whole.
    Last,
}

impl Assembly {
    /// Takes what is there of the frame that is on its way.
    pub(super) fn take(&mut self, buffer: &mut Buffer) -> Result<Piece, Fault> {
        let Some(frame) = &mut self.frame else {
            return Ok(Piece::OfMore);
        };
        let left = frame.header.payload_bytes - frame.taken_bytes;
        let piece = left.min(buffer.unread().len() as u64) as usize;
        if piece == 0 && left > 0 {
            return Ok(Piece::Nothing);
        }
        let range = buffer.consume(piece);
        let offset = (frame.taken_bytes % 4) as usize;
        unmask(buffer.at_mut(range.clone()), frame.header.mask, offset);
        frame.taken_bytes += piece as u64;
        let ended = piece as u64 == left;
        let is_last = frame.header.last;
        if ended {
            self.frame = None;
        }
        let rest = match is_last {
            true => Rest::Whole(left),
            false => Rest::Part(left),
        };
        self.gathered.reserve(piece, rest);
        self.gathered.append(buffer.at(range))?;
        Ok(match ended && is_last {
            true => Piece::Last,
            false => Piece::OfMore,
        })
    }
}

impl Gathered {
    /// Nothing yet of the message that this header begins.
    pub(super) fn new(header: &Header) -> Gathered {
        let text = header.kind == Kind::Text;
        match (header.compressed, text) {
            (true, _) => Gathered::Compressed {
                text,
                bytes: Vec::new(),
            },
            (false, true) => Gathered::Text(TextBuffer::default()),
            (false, false) => Gathered::Binary(Vec::new()),
        }
    }

    /// Has capacity for a piece of what is left of a frame. A little is left to the vector.
    fn reserve(&mut self, piece: usize, rest: Rest) {
        let (Rest::Whole(left) | Rest::Part(left)) = rest;
        let used = self.bytes();
        if used as u64 + left < MEASURED_BYTES_MIN {
            return;
        }
        match self {
            Gathered::Text(text) => {
                if let Some(wanted) = growth::wanted(text.held_bytes(), used, piece, rest) {
                    text.reserve(wanted);
                }
            }
            Gathered::Binary(bytes) | Gathered::Compressed { bytes, .. } => {
                growth::reserve(bytes, piece, rest);
            }
        }
    }

    /// Takes an unmasked piece.
    fn append(&mut self, piece: &[u8]) -> Result<(), Fault> {
        match self {
            Gathered::Text(text) => text.push(piece)?,
            Gathered::Binary(bytes) | Gathered::Compressed { bytes, .. } => {
                bytes.extend_from_slice(piece);
            }
        }
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Gathered::Text(text) => text.bytes(),
            Gathered::Binary(bytes) | Gathered::Compressed { bytes, .. } => bytes.len(),
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Gathered::Text(text) => text.held_bytes(),
            Gathered::Binary(bytes) | Gathered::Compressed { bytes, .. } => bytes.capacity(),
        }
    }

    pub(super) fn is_compressed(&self) -> bool {
        matches!(self, Gathered::Compressed { .. })
    }
}
