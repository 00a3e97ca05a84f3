//! Positions: the number of a message, in one life of its numbering. To clients they are text, and opaque.

use std::fmt;

use serde::{Serialize, Serializer};

/// The message of a number, in the life of a numbering that this epoch names; number 0 is before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Drawn at random where a numbering begins anew.
    pub epoch: u32,
    /// Counted from 1, without gaps.
    pub number: u64,
}

/// Since when a client asks for what it has not got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// It wants nothing that has been, and only the position.
    Now,
    /// All behind this message.
    At(Position),
    /// What it says is no position.
    Nowhere,
}

impl Position {
    /// The position of the next message but so many.
    pub fn plus(self, messages: u64) -> Position {
        let number = self.number + messages;
        Position { number, ..self }
    }

    /// `EPOCH-NUMBER`: eight hexadecimal digits and a decimal number, as they are written and in no other form.
    fn parse(text: &str) -> Option<Position> {
        let (epoch, number) = text.split_once('-')?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_written = epoch.len() == 8 && epoch.bytes().all(is_hex);
        let is_plain = number == "0" || !number.starts_with('0');
        let is_number = is_plain && number.bytes().all(|byte| byte.is_ascii_digit());
        (is_written && is_number).then_some(())?;
        Some(Position {
            epoch: u32::from_str_radix(epoch, 16).ok()?,
            number: number.parse().ok()?,
        })
    }
}

impl Since {
    /// What a client wrote.
    pub fn parse(text: &str) -> Since {
        match text {
            "now" => Since::Now,
            text => Position::parse(text).map_or(Since::Nowhere, Since::At),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.epoch, self.number)
    }
}

/// It is in every message: it is put together here, and handed on as one piece.
impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const EPOCH_BYTES: usize = 8;
        const NUMBER_BYTES_MAX: usize = 20;
        let mut text = [b'-'; EPOCH_BYTES + 1 + NUMBER_BYTES_MAX];
        for (digit, byte) in text[..EPOCH_BYTES].iter_mut().enumerate() {
            let nibble = self.epoch >> (4 * (EPOCH_BYTES - 1 - digit)) & 0xf;
            *byte = b"0123456789abcdef"[nibble as usize];
        }
        let mut number = itoa::Buffer::new();
        let number = number.format(self.number).as_bytes();
        let text = &mut text[..EPOCH_BYTES + 1 + number.len()];
        text[EPOCH_BYTES + 1..].copy_from_slice(number);
        serializer.serialize_str(str::from_utf8(text).expect("digits are UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_written_and_nothing_else_is_one() {
        for (epoch, number) in [(0, 0), (0xdead_beef, 1), (u32::MAX, u64::MAX)] {
            let position = Position { epoch, number };
            assert_eq!(Since::parse(&position.to_string()), Since::At(position));
        }
        assert_eq!(Since::parse("now"), Since::Now);
        for text in [
            "",
            "-",
            "1",
            "0-1",
            "0000000g-1",
            "DEADBEEF-1",
            "00000000-01",
            "00000000-",
            "00000000-+1",
            "00000000-18446744073709551616",
            "000000000-1",
            "00000000-1 ",
            "Now",
        ] {
            assert_eq!(Since::parse(text), Since::Nowhere, "{text}");
        }
    }
}
