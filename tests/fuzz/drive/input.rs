//! What the bytes of an input mean before they mean anything to the server: ways to cut a stream, and long runs.

use super::reader::Piece;

/// Bytes of a stretched input at most: half again as many as a head may have, and a body that is too large.
const STRETCHED_BYTES_MAX: usize = 40 << 10;
/// What begins a run in [`stretched`]: a byte that no request, header or text has a use for.
const RUN: u8 = 0x01;

/// The way to cut a stream that stands at the front of an input, and the rest: so many pieces, then a byte for each.
pub fn pieces(input: &[u8]) -> (Vec<Piece>, &[u8]) {
    let Some((&count, rest)) = input.split_first() else {
        return (vec![piece(0)], &[]);
    };
    let count = usize::from(count % 8).min(rest.len());
    let (pieces, stream) = rest.split_at(count);
    let pieces: Vec<Piece> = pieces.iter().map(|&byte| piece(byte)).collect();
    match pieces.is_empty() {
        true => (vec![piece(0)], stream),
        false => (pieces, stream),
    }
}

/// The same pieces, but few enough that a long stream, whose head is looked at with each, takes no time.
pub fn coarsened(mut pieces: Vec<Piece>, stream: &[u8]) -> Vec<Piece> {
    for piece in &mut pieces {
        piece.bytes = piece.bytes.max(stream.len() / 256);
    }
    pieces
}

/// A byte at a time up to more than any read moves.
fn piece(byte: u8) -> Piece {
    let bytes = match usize::from(byte >> 1) {
        size @ 0..96 => size + 1,
        size => (size - 95) * (size - 95) * 65,
    };
    let ends_turn = byte & 1 != 0;
    Piece { bytes, ends_turn }
}

/// The input with every run written out, so that a short one can break a limit on length: after the mark comes how many
/// times 64 the byte before it is repeated. What comes out is cut where it gets longer than anything that is taken.
pub fn stretched(input: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(input.len());
    let mut rest = input.iter().copied();
    while bytes.len() < STRETCHED_BYTES_MAX
        && let Some(byte) = rest.next()
    {
        match (byte, bytes.last().copied()) {
            (RUN, Some(last)) => {
                let count = usize::from(rest.next().unwrap_or(0)) * 64;
                bytes.resize(bytes.len() + count, last);
            }
            _ => bytes.push(byte),
        }
    }
    bytes.truncate(STRETCHED_BYTES_MAX);
    bytes
}
