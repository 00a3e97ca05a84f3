//! What was said in one room: chat messages as they were sent, oldest first, for who comes later.
//!
//! Messages are numbered as they come, without gaps, so that *before this one* is arithmetic and stays true when the
//! message itself is gone. The number is the first half of the identifier, and chance the second. It never decides how
//! much to keep: who owns it does.

use std::collections::VecDeque;

use rand_chacha::rand_core::Rng;
use serde_json::value::RawValue;

/// Digits of each half of an identifier.
const HALF: usize = 16;
/// What a message costs beside its text: the place in the list and the allocator's own.
const MESSAGE_BYTES: u64 = 32;

/// One room's messages.
#[derive(Default)]
pub struct History {
    kept: VecDeque<Box<RawValue>>,
    /// The number of the message that comes next.
    next: u64,
    bytes: u64,
}

impl History {
    /// Keeps the next message.
    pub fn push(&mut self, message: Box<RawValue>) {
        self.bytes += bytes(&message);
        self.kept.push_back(message);
        self.next += 1;
    }

    /// Forgets the oldest message.
    pub fn pop(&mut self) {
        if let Some(message) = self.kept.pop_front() {
            self.bytes -= bytes(&message);
        }
    }

    /// An identifier for the message that comes next; kept to oneself if that message is not to be pushed.
    pub fn next_id(&self, chance: &mut impl Rng) -> String {
        format!("{:0HALF$x}{:0HALF$x}", self.next, chance.next_u64())
    }

    /// The latest messages, oldest first.
    pub fn latest(&self, count: usize) -> impl Iterator<Item = &RawValue> {
        let skipped = self.kept.len().saturating_sub(count);
        self.kept.iter().skip(skipped).map(AsRef::as_ref)
    }

    /// The messages before the one of this number, newest first; all of them without one.
    pub fn before(&self, number: Option<u64>) -> impl Iterator<Item = &RawValue> {
        let oldest = self.next - self.kept.len() as u64;
        let older = number.map_or(self.kept.len(), |number| {
            // Never more than there are, so it fits.
            number.clamp(oldest, self.next).saturating_sub(oldest) as usize
        });
        self.kept.iter().take(older).rev().map(AsRef::as_ref)
    }

    /// Messages kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Bytes that they cost.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The number of the message that an identifier names; `None` if it is none of ours.
pub fn number(message_id: &str) -> Option<u64> {
    let is_ours =
        message_id.len() == 2 * HALF && message_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (number, _) = message_id.split_at_checked(HALF).filter(|_| is_ours)?;
    u64::from_str_radix(number, 16).ok()
}

fn bytes(message: &RawValue) -> u64 {
    message.get().len() as u64 + MESSAGE_BYTES
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha12Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    /// Messages 0 to `count`, of which `gone` are forgotten.
    fn history(count: u64, gone: u64) -> History {
        let mut history = History::default();
        (0..count).for_each(|message| history.push(raw(&message.to_string())));
        (0..gone).for_each(|_| history.pop());
        history
    }

    fn texts<'a>(messages: impl Iterator<Item = &'a RawValue>) -> Vec<&'a str> {
        messages.map(RawValue::get).collect()
    }

    #[test]
    fn the_latest_come_oldest_first_and_pages_newest_first() {
        let history = history(5, 1);
        assert_eq!(texts(history.latest(2)), ["3", "4"]);
        assert_eq!(texts(history.latest(9)), ["1", "2", "3", "4"]);
        assert_eq!(texts(history.before(None)), ["4", "3", "2", "1"]);
        assert_eq!(texts(history.before(Some(3))), ["2", "1"]);
    }

    #[test]
    fn a_page_before_what_is_gone_is_empty_and_before_what_is_to_come_is_all() {
        let history = history(5, 3);
        assert_eq!(texts(history.before(Some(3))), [""; 0]);
        assert_eq!(texts(history.before(Some(0))), [""; 0]);
        assert_eq!(texts(history.before(Some(u64::MAX))), ["4", "3"]);
    }

    #[test]
    fn an_identifier_names_its_number() {
        let mut chance = ChaCha12Rng::from_seed([7; 32]);
        let history = history(300, 0);
        let (one, other) = (history.next_id(&mut chance), history.next_id(&mut chance));
        assert_ne!(one, other);
        assert_eq!((number(&one), number(&other)), (Some(300), Some(300)));
        for text in [
            "",
            "300",
            &one[1..],
            &format!("+{}", &one[1..]),
            &"é".repeat(16),
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn bytes_are_those_of_what_is_kept() {
        assert_eq!(history(20, 10).bytes(), 10 * (2 + MESSAGE_BYTES));
        assert_eq!(history(5, 9).bytes(), 0);
    }
}
