//! One connection's queue as plainly as it can be kept: the outbox's twin.
//!
//! It copies every message, compresses it anew for each connection, and walks the queue for whatever it wants to know.

use std::collections::VecDeque;

use roomcast::bounds::QueueBounds;
use roomcast::core::outbox::Offer;
use roomcast::time::{Micros, Millis};
use roomcast::wire::frame::Class;
use roomcast::wire::packing::Packing;

pub const BOUNDS: QueueBounds = QueueBounds {
    messages_max: 6,
    bytes_max: 400,
};
/// Shorter messages are never compressed.
pub const DEFLATE_BYTES_MIN: u32 = 100;
/// Longer messages are compressed in slices, and count as what they are until they are gone.
pub const SLICE_BYTES: usize = 64 << 10;
/// Pongs that wait for a client that reads.
const PONGS_MAX: usize = 16;

/// One message, as one connection has it.
#[derive(Clone)]
pub struct Waiting {
    /// Which message it is a copy of, and whether it is compressed.
    pub form: (u64, bool),
    pub bytes: Vec<u8>,
    /// Bytes that it counts as.
    pub weight: usize,
    /// More than one for a batch.
    pub messages: u32,
    pub class: Class,
    pub stored: Micros,
}

impl Waiting {
    /// The same for a client that agreed on compression, or did not.
    pub fn compressed(&self, packs: bool) -> Waiting {
        let mut copy = self.clone();
        if packs && self.class.is_message() && Packing::gains(&self.bytes, DEFLATE_BYTES_MIN) {
            let mut packing = Packing::default();
            packing.begin(DEFLATE_BYTES_MIN);
            assert!(packing.take(&self.bytes, usize::MAX));
            let is_long = self.bytes.len() > SLICE_BYTES;
            if let Some(bytes) = packing.end() {
                (copy.bytes, copy.form.1) = (bytes.into(), true);
                copy.weight = if is_long {
                    self.weight
                } else {
                    copy.bytes.len()
                };
            } else if is_long {
                copy.form.1 = true;
            }
        }
        copy
    }
}

/// One connection's queue.
#[derive(Default)]
pub struct Queue {
    pub generation: u32,
    pub waits: VecDeque<Waiting>,
    /// Bytes of the first one that are out.
    pub written: usize,
    pub missed: Option<u32>,
    pub is_blocked: bool,
    /// Some of what waits has been refused.
    pub is_slow: bool,
    pub inflates: bool,
    pub packs: bool,
    pub is_finishing: bool,
    pub progress: Millis,
}

impl Queue {
    fn count(&self, is_counted: impl Fn(Class) -> bool) -> usize {
        let counted = self.waits.iter().filter(|copy| is_counted(copy.class));
        counted.count()
    }

    pub fn bytes(&self) -> Vec<u8> {
        let all = self.waits.iter().flat_map(|copy| copy.bytes.iter());
        all.skip(self.written).copied().collect()
    }

    /// Messages that wait, each of a batch.
    pub fn messages(&self) -> u64 {
        let messages = self.waits.iter().filter(|copy| copy.class.is_message());
        messages.map(|copy| u64::from(copy.messages)).sum()
    }

    pub fn backlog(&self) -> usize {
        let all: usize = self.waits.iter().map(|copy| copy.weight).sum();
        all - self.written
    }

    pub fn offer(&mut self, copy: Waiting, lag: bool) -> Offer {
        if self.is_finishing {
            return Offer::Gone;
        }
        let messages = self.count(Class::is_message);
        let bytes = self.backlog() + copy.weight;
        let fits = messages < BOUNDS.messages_max as usize && bytes <= BOUNDS.bytes_max as usize;
        let is_refused = self.missed.is_some() || messages > 0 && self.is_slow && !fits;
        if copy.class == Class::Message && is_refused {
            if lag {
                *self.missed.get_or_insert(0) += copy.messages;
            }
            return if lag { Offer::Dropped } else { Offer::Full };
        }
        self.is_finishing = copy.class == Class::Close;
        if self.waits.is_empty() {
            self.is_slow = false;
            self.progress = copy.stored.millis();
        }
        match self.replaceable(copy.class) {
            Some(at) => self.waits[at] = copy,
            None => self.waits.push_back(copy),
        }
        Offer::Queued
    }

    /// The pong whose place a newer one takes: the newest that waits, if that is enough and it has not begun to go out.
    fn replaceable(&self, class: Class) -> Option<usize> {
        let pongs_max = if self.is_blocked { 1 } else { PONGS_MAX };
        let mut pongs = self.waits.iter();
        let newest = pongs.rposition(|copy| copy.class == Class::Pong)?;
        let is_enough =
            class == Class::Pong && self.count(|class| class == Class::Pong) >= pongs_max;
        (is_enough && (newest > 0 || self.written == 0)).then_some(newest)
    }

    /// Whether it has something to write, and a socket that may take it.
    pub fn is_dirty(&self) -> bool {
        !self.waits.is_empty() && !self.is_blocked
    }

    pub fn is_half_full(&self) -> bool {
        self.count(Class::is_message) <= BOUNDS.messages_max as usize / 2
            && self.backlog() <= BOUNDS.bytes_max as usize / 2
    }
}
