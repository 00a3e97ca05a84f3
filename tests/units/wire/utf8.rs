//! Text that comes in pieces is UTF-8 as a whole, and a fault is told at its first byte.

use roomcast::wire::fault::Fault;
use roomcast::wire::utf8::*;

const TEXT: &str = "aé€𝄞z";

#[test]
fn a_text_may_be_cut_anywhere() {
    for first in 0..=TEXT.len() {
        for second in first..=TEXT.len() {
            let bytes = TEXT.as_bytes();
            let mut text = TextBuffer::default();
            for piece in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                text.push(piece).unwrap();
            }
            assert_eq!(text.bytes(), TEXT.len());
            assert_eq!(
                text.finish().as_deref(),
                Ok(TEXT),
                "cut at {first} and {second}"
            );
        }
    }
}

#[test]
fn a_text_ends_with_a_whole_character() {
    for cut in 0..TEXT.len() {
        let mut text = TextBuffer::default();
        text.push(&TEXT.as_bytes()[..cut]).unwrap();
        assert_eq!(
            text.finish().is_ok(),
            TEXT.is_char_boundary(cut),
            "cut at {cut}"
        );
        assert_eq!(
            whole(&TEXT.as_bytes()[..cut]).is_ok(),
            TEXT.is_char_boundary(cut)
        );
    }
}

#[test]
fn a_byte_that_cannot_stand_there_is_a_fault_at_once() {
    // An overlong form, a surrogate, and a code point past the last: each is known by its second byte.
    for bad in [
        b"\xc0".as_slice(),
        b"\xe0\x80",
        b"\xed\xa0",
        b"\xf4\x90",
        b"\x80",
    ] {
        for length in [0, 1, 63, 64, 200] {
            let bytes = [vec![b'x'; length], bad.to_vec()].concat();
            let mut at_once = TextBuffer::default();
            assert_eq!(
                at_once.push(&bytes),
                Err(Fault::NotUtf8),
                "{bad:x?} behind {length}"
            );
            let (last, before) = bytes.split_last().unwrap();
            let mut cut = TextBuffer::default();
            cut.push(before).unwrap();
            assert_eq!(
                cut.push(&[*last]),
                Err(Fault::NotUtf8),
                "{bad:x?} cut behind {length}"
            );
        }
    }
}
