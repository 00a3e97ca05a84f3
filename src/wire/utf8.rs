//! Text: bytes that are UTF-8 (RFC 6455 §8.1), checked whole or as they come.

use simdutf8::{basic, compat};

use super::fault::Fault;

/// Bytes of one character at most.
const CHARACTER_BYTES_MAX: usize = 4;

/// The text that these bytes are, if they are all of it.
pub fn whole(bytes: &[u8]) -> Result<&str, Fault> {
    basic::from_utf8(bytes).map_err(|_| Fault::NotUtf8)
}

/// A text that comes in pieces. A byte that no text has at its place is a fault at once, however much is still to come.
#[derive(Default)]
pub struct Text {
    whole: String,
    /// The start of a character whose rest is still to come.
    begun: [u8; CHARACTER_BYTES_MAX],
    begun_bytes: usize,
}

impl Text {
    /// Takes the next piece.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), Fault> {
        while self.begun_bytes > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            self.begun[self.begun_bytes] = byte;
            self.begun_bytes += 1;
            piece = rest;
            let (character, _) = split(&self.begun[..self.begun_bytes])?;
            if !character.is_empty() {
                self.whole.push_str(character);
                self.begun_bytes = 0;
            }
        }
        let (text, begun) = split(piece)?;
        self.whole.push_str(text);
        self.begun[..begun.len()].copy_from_slice(begun);
        self.begun_bytes = begun.len();
        Ok(())
    }

    /// Makes room for so many bytes in all.
    pub fn make_room(&mut self, bytes: usize) {
        self.whole.reserve_exact(bytes - self.whole.len());
    }

    /// The text, if it does not end within a character.
    pub fn finish(self) -> Result<String, Fault> {
        match self.begun_bytes {
            0 => Ok(self.whole),
            _ => Err(Fault::NotUtf8),
        }
    }

    /// How many bytes have come.
    pub fn bytes(&self) -> usize {
        self.whole.len() + self.begun_bytes
    }

    /// Bytes of memory that it holds beside itself.
    pub fn held_bytes(&self) -> usize {
        self.whole.capacity()
    }
}

/// The whole characters in front, and the start of one that may stand behind them.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), Fault> {
    match compat::from_utf8(bytes) {
        Ok(text) => Ok((text, &[])),
        Err(error) if error.error_len().is_some() => Err(Fault::NotUtf8),
        Err(error) => {
            let (text, begun) = bytes.split_at(error.valid_up_to());
            Ok((whole(text)?, begun))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "aé€𝄞z";

    #[test]
    fn a_text_may_be_cut_anywhere() {
        for first in 0..=TEXT.len() {
            for second in first..=TEXT.len() {
                let bytes = TEXT.as_bytes();
                let mut text = Text::default();
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
            let mut text = Text::default();
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
                let mut at_once = Text::default();
                assert_eq!(
                    at_once.push(&bytes),
                    Err(Fault::NotUtf8),
                    "{bad:x?} behind {length}"
                );
                let (last, before) = bytes.split_last().unwrap();
                let mut cut = Text::default();
                cut.push(before).unwrap();
                assert_eq!(
                    cut.push(&[*last]),
                    Err(Fault::NotUtf8),
                    "{bad:x?} cut behind {length}"
                );
            }
        }
    }
}
