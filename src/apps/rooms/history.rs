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
pub const MESSAGE_BYTES: u64 = 32;

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

    /// The number of the message that comes next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The number of the oldest message that is kept.
    pub fn oldest(&self) -> u64 {
        self.next - self.kept.len() as u64
    }

    /// The message that comes next has this number. What stands in front of a gap is of no use.
    pub fn begin_at(&mut self, number: u64) {
        if number != self.next {
            *self = History {
                next: number,
                ..History::default()
            };
        }
    }

    /// The latest messages, oldest first.
    pub fn latest(&self, count: usize) -> impl Iterator<Item = &RawValue> {
        let skipped = self.kept.len().saturating_sub(count);
        self.kept.iter().skip(skipped).map(AsRef::as_ref)
    }

    /// The messages before the one of this number, newest first; all of them without one.
    pub fn before(&self, number: Option<u64>) -> impl Iterator<Item = &RawValue> {
        let oldest = self.oldest();
        let older = number.map_or(self.kept.len(), |number| {
            // Never more than there are, so it fits.
            number.clamp(oldest, self.next).saturating_sub(oldest) as usize
        });
        self.kept.iter().take(older).rev().map(AsRef::as_ref)
    }

    /// Messages kept.
    pub fn count(&self) -> usize {
        self.kept.len()
    }

    /// Bytes that they cost.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// An identifier for the message of a number.
pub fn fresh_id(number: u64, chance: &mut impl Rng) -> String {
    format!("{number:0HALF$x}{:0HALF$x}", chance.next_u64())
}

/// What the identifiers of messages from this number on are not less than.
pub fn least_id(number: u64) -> String {
    format!("{number:0HALF$x}")
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
