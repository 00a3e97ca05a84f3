//! RESP3: what a server may send is read within its bounds as a slow reader does it, however it comes; what was read can be
//! written and read again.
//!
//! An input is a byte for the bounds, a way to cut ([`super::input::pieces`]) and a stream.

use roomcast::wire::resp::{Bounds, Fault, Scanner, Value, read};

use super::input::pieces;
use super::reader::Piece;
use super::resp_twin as twin;

/// Roomy ones, so that a value that was written anew fits whatever length it has.
const ROOMY: Bounds = Bounds {
    bytes_max: 1 << 20,
    elements_max: 4000,
    depth_max: 16,
};

pub fn drive(input: &[u8]) {
    let Some((&size, input)) = input.split_first() else {
        return;
    };
    let (pieces, stream) = pieces(input);
    let bounds = bounds(size);
    let ours = ours(stream, &pieces, bounds);
    assert_eq!(ours, twin::seen(stream, bounds), "within {bounds:?}");
}

/// From none to roomy ones, each by itself.
fn bounds(size: u8) -> Bounds {
    let bound = |shift: u8, small: usize, roomy| match (size >> shift) & 3 {
        3 => roomy,
        step => small * usize::from(step + 1),
    };
    Bounds {
        bytes_max: bound(0, 16, ROOMY.bytes_max),
        elements_max: bound(2, 4, ROOMY.elements_max),
        depth_max: bound(4, 1, ROOMY.depth_max),
    }
}

/// The values of a stream that comes in pieces, as text, and the fault that ends it.
fn ours(stream: &[u8], pieces: &[Piece], bounds: Bounds) -> (Vec<String>, Option<Fault>) {
    let (mut scanner, mut from, mut to, mut seen) = (Scanner::new(bounds), 0, 0, Vec::new());
    let mut pieces = pieces.iter().cycle();
    while to < stream.len() {
        to += pieces.next().unwrap().bytes.min(stream.len() - to);
        loop {
            match scanner.read(&stream[from..to]) {
                Ok(Some((value, length))) => {
                    again(&value);
                    seen.push(format!("{value:?}"));
                    from += length;
                }
                Ok(None) => break,
                Err(fault) => {
                    let told_again = scanner.complete(&stream[from..]);
                    assert_eq!(told_again, Err(fault), "a fault stays one");
                    return (seen, Some(twin::plain(fault)));
                }
            }
        }
    }
    (seen, None)
}

/// What was read is read again from what is written of it.
fn again(value: &Value) {
    let mut bytes = Vec::new();
    twin::write(value, &mut bytes);
    let (twice, length) = read(&bytes, &ROOMY).unwrap().unwrap();
    // As text, since what is no number equals nothing.
    assert_eq!(format!("{twice:?}"), format!("{value:?}"));
    assert_eq!(length, bytes.len());
}
