//! What a server wraps around a mark, learned from the first message that it delivered.
//!
//! The bytes before the mark are the same in every message of a room, but for those of a JSON field `timestamp`; those
//! behind it may hold a time and differ, but not in number. So a message is whole if it has the size that was asked for,
//! the same beginning, an undamaged mark, and, where the envelope is JSON, reads as JSON.
//!
//! A position, which a server may say last, gets longer as its number does, so it is not counted in any size.

use std::ops::Range;

use serde::de::IgnoredAny;

use crate::target::mark::{MARK_BYTES, Mark};
use crate::target::position::Position;

/// What is around the mark in one room's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    before: Vec<u8>,
    /// Where a time stands in it, if one does.
    time: Range<usize>,
    after_bytes: usize,
}

/// How one delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As it must be.
    Whole,
    /// Undamaged, but longer or shorter than it should be.
    WrongSize,
    /// Not what was published.
    Damaged,
}

impl Envelope {
    /// Learns from a delivery whose mark has no padding and starts at `at`; `None` if that is damaged itself.
    pub fn learn(text: &[u8], at: usize) -> Option<Envelope> {
        let envelope = Envelope {
            before: text[..at].to_vec(),
            time: time_in(&text[..at]),
            after_bytes: sized(text).checked_sub(at + MARK_BYTES)?,
        };
        let is_whole = Mark::is_whole(&text[at..], 0) && envelope.reads(text);
        is_whole.then_some(envelope)
    }

    /// Bytes that a server adds to a mark without padding, and those of the mark.
    pub fn size_min(&self) -> usize {
        self.before.len() + MARK_BYTES + self.after_bytes
    }

    /// Padding that makes a delivery `size` bytes long, if it can be.
    pub fn pad(&self, size: usize) -> Option<usize> {
        size.checked_sub(self.size_min())
    }

    /// Where the mark starts.
    pub fn mark_at(&self) -> usize {
        self.before.len()
    }

    /// Checks a delivery that should have `size` bytes and whose mark starts at `at`, from its first byte to its last.
    pub fn check(&self, text: &[u8], at: usize, size: usize) -> Shape {
        let Some(pad) = self.pad(size) else {
            return Shape::Damaged;
        };
        if !self.begins(&text[..at]) || !Mark::is_whole(&text[at..], pad) || !self.reads(text) {
            return Shape::Damaged;
        }
        match sized(text) == size {
            true => Shape::Whole,
            false => Shape::WrongSize,
        }
    }

    /// Whether this is what comes before the mark, at another time perhaps.
    fn begins(&self, text: &[u8]) -> bool {
        let Range { start, end } = self.time;
        text.len() == self.before.len()
            && text[..start] == self.before[..start]
            && text[end..] == self.before[end..]
            && text[start..end]
                .iter()
                .all(|byte| !matches!(byte, b'"' | b'\\'))
    }

    /// Whether `text` is JSON, if it should be.
    pub fn reads(&self, text: &[u8]) -> bool {
        self.before.first() != Some(&b'{') || serde_json::from_slice::<IgnoredAny>(text).is_ok()
    }
}

/// Bytes of a message beside its position.
fn sized(text: &[u8]) -> usize {
    let position = Position::said_last(text);
    text.len() - position.map_or(0, |(_, bytes)| bytes)
}

/// Where the first field `timestamp` has its value; an empty range if there is none.
fn time_in(text: &[u8]) -> Range<usize> {
    let name = br#""timestamp":""#;
    let found = text.windows(name.len()).position(|part| part == name);
    let value = found.and_then(|found| {
        let start = found + name.len();
        let length = text[start..].iter().position(|&byte| byte == b'"')?;
        Some(start..start + length)
    });
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(pad: usize, after: &str) -> Vec<u8> {
        let mark = Mark::new(1, 0, 5, 9);
        let mut text = b"{\"m\":\"".to_vec();
        mark.write(&mut text, pad);
        text.extend_from_slice(after.as_bytes());
        text
    }

    #[test]
    fn what_was_learned_makes_every_message_the_size_asked_for() {
        let envelope = Envelope::learn(&wrapped(0, "\",\"t\":1}"), 6).unwrap();
        assert_eq!(envelope.size_min(), 6 + MARK_BYTES + 8);
        assert_eq!(envelope.pad(envelope.size_min() - 1), None);
        let pad = envelope.pad(128).unwrap();
        let text = wrapped(pad, "\",\"t\":2}");
        assert_eq!(text.len(), 128);
        assert_eq!(envelope.check(&text, 6, 128), Shape::Whole);
    }

    #[test]
    fn damage_before_in_and_behind_the_mark_is_found() {
        let envelope = Envelope::learn(&wrapped(0, "\",\"t\":1}"), 6).unwrap();
        let pad = envelope.pad(128).unwrap();
        let text = wrapped(pad, "\",\"t\":2}");
        for at in [1, 6 + MARK_BYTES, 121, 127] {
            let mut damaged = text.clone();
            damaged[at] = b'?';
            let at = damaged
                .windows(6)
                .position(|part| part == b"flood=")
                .unwrap();
            assert_eq!(envelope.check(&damaged, at, 128), Shape::Damaged);
        }
        let longer = wrapped(pad, "\",\"t\":22}");
        assert_eq!(envelope.check(&longer, 6, 128), Shape::WrongSize);
    }

    #[test]
    fn a_time_before_the_mark_may_be_another() {
        let text = |time: &str, kind: &str| {
            let mut text = format!(r#"{{"timestamp":"{time}","{kind}":""#).into_bytes();
            text.extend_from_slice(&wrapped(0, "\"}")[6..]);
            text
        };
        let first = text("12:00", "x");
        let at = first.len() - MARK_BYTES - 2;
        let envelope = Envelope::learn(&first, at).unwrap();
        let check = |text: &[u8]| envelope.check(text, at, first.len());
        assert_eq!(check(&text("23:59", "x")), Shape::Whole);
        assert_eq!(check(&text("23:59", "y")), Shape::Damaged);
        assert_eq!(check(&text("23\":9", "x")), Shape::Damaged);
    }

    #[test]
    fn a_position_counts_in_no_size() {
        let after = |number: u64| format!("\"}},\"position\":\"0000000a-{number}\"}}");
        let text = |pad, number| {
            let text = String::from_utf8(wrapped(pad, &after(number))).unwrap();
            text.replace("{\"m\"", "{\"p\":{\"m\"").into_bytes()
        };
        let envelope = Envelope::learn(&text(0, 9), 11).unwrap();
        assert_eq!(envelope.size_min(), 11 + MARK_BYTES + 3);
        for number in [9, 10, 12_345] {
            let text = text(20, number);
            assert_eq!(
                envelope.check(&text, 11, envelope.size_min() + 20),
                Shape::Whole
            );
        }
    }

    #[test]
    fn a_bare_mark_is_an_envelope_of_nothing() {
        let text = &wrapped(0, "")[6..];
        let envelope = Envelope::learn(text, 0).unwrap();
        assert_eq!(envelope.size_min(), MARK_BYTES);
        assert_eq!(Envelope::learn(&text[..text.len() - 1], 0), None);
    }
}
