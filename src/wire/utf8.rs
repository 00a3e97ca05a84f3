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
pub struct TextBuffer {
    whole: String,
    /// The start of a character whose rest is still to come.
    begun: [u8; CHARACTER_BYTES_MAX],
    begun_bytes: usize,
}

impl TextBuffer {
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

    /// Has capacity for so many bytes in all.
    pub fn reserve(&mut self, bytes: usize) {
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
