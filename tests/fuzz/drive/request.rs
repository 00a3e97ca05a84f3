//! Requests, and whatever comes after an upgrade: however the stream is cut, it means the same, and what is half
//! received is held within its bounds (the reader counts it after every piece).
//!
//! An input is a way to cut ([`super::input::pieces`]) and a stream in which runs are written short.

use roomcast::core::protocol::Phase;

use super::input::{coarsened, pieces, stretched};
use super::reader::{Seen, read, read_whole};

pub fn drive(input: &[u8]) {
    let (pieces, stream) = pieces(input);
    let stream = stretched(stream);
    let pieces = coarsened(pieces, &stream);
    let whole = read_whole(&stream).blurred();
    let cut = read(&stream, &pieces).blurred();
    assert_eq!(cut, whole, "cut as {pieces:?}");
    // Whoever was refused is not listened to any more, and nobody is refused twice.
    let refused = whole
        .seen
        .iter()
        .position(|seen| matches!(seen, Seen::Fault(_)));
    if let Some(at) = refused {
        assert_eq!(
            (at + 1, whole.phase, whole.is_midway),
            (whole.seen.len(), Phase::Over, false)
        );
    }
}
