//! The position that a server says last in each message that it numbers: `"position":"EPOCH-NUMBER"`.
//!
//! To a client a position is opaque; the flood reads it, because it holds the server's numbers against its own.

use std::fmt;

/// What stands in front of a position that a message says last.
const FIELD: &[u8] = b",\"position\":\"";

/// What stands behind it.
const END: &[u8] = b"\"}";

/// Digits of a position and its hyphen, at most: 8 of the epoch and 20 of the number.
const BYTES_MAX: usize = 8 + 1 + 20;

/// The place of one message in all that a server numbered together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which life of the numbering it is.
    pub epoch: u32,
    /// The messages are numbered from 1; 0 is before the first.
    pub number: u64,
}

impl Position {
    /// Reads `EPOCH-NUMBER`: eight hexadecimal digits and a decimal number, and no other form of either.
    pub fn parse(text: &str) -> Option<Position> {
        let (epoch, number) = text.split_once('-')?;
        let position = Position {
            epoch: u32::from_str_radix(epoch, 16).ok()?,
            number: number.parse().ok()?,
        };
        (position.to_string() == text).then_some(position)
    }

    /// The position that `text` says last, and the bytes that the whole field takes, the comma before it included.
    pub fn said_last(text: &[u8]) -> Option<(Position, usize)> {
        let text = text.strip_suffix(END)?;
        let tail = &text[text.len().saturating_sub(FIELD.len() + BYTES_MAX)..];
        let at = tail.windows(FIELD.len()).rposition(|part| part == FIELD)?;
        let digits = std::str::from_utf8(&tail[at + FIELD.len()..]).ok()?;
        // The quotation mark is the field's, the brace the message's.
        Some((Position::parse(digits)?, tail.len() - at + 1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.epoch, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_where_it_is_said_last() {
        for number in [0, 7, u64::MAX] {
            let position = Position { epoch: 255, number };
            let field = format!(",\"position\":\"{position}\"");
            let text = format!("{{\"type\":\"a\"{field}}}");
            let said = Position::said_last(text.as_bytes());
            assert_eq!(said, Some((position, field.len())));
        }
    }

    #[test]
    fn what_is_no_position_or_not_the_last_is_none() {
        for text in [
            "",
            r#"{"a":1}"#,
            r#"{"a":1,"position":"000000ff-1","b":2}"#,
            r#"{"a":1,"position":"ff-1"}"#,
            r#"{"a":1,"position":"000000FF-1"}"#,
            r#"{"a":1,"position":"000000ff-01"}"#,
            r#"{"a":1,"position":"000000ff-1"},"#,
        ] {
            assert_eq!(Position::said_last(text.as_bytes()), None, "{text}");
        }
    }
}
