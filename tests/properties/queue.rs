//! One connection's queue as plainly as it can be kept: the outbox's twin.
//!
//! It copies every message, compresses it anew for each connection, and walks the queue for whatever it wants to know.

use std::collections::VecDeque;

use roomcast::bounds::{OnFull, QueueBounds};
use roomcast::core::outbox::Offer;
use roomcast::time::{Micros, Millis};
use roomcast::wire::frame::Class;
use roomcast::wire::packing::Packing;

pub const BOUNDS: QueueBounds = QueueBounds {
    messages_max: 6,
    bytes_max: 400,
    on_full: OnFull::Drop,
};
/// Shorter messages are never compressed.
pub const DEFLATE_BYTES_MIN: u32 = 100;
/// Longer messages are compressed in slices.
pub const SLICE_BYTES: usize = 64 << 10;
/// Pongs that wait for a client that reads.
const PONGS_MAX: usize = 16;

/// One message, as one connection has it.
#[derive(Clone)]
pub struct Waiting {
    /// Which message it is a copy of.
    pub number: u64,
    pub bytes: Vec<u8>,
    pub is_packed: bool,
    /// Bytes that it counts as.
    pub weight: usize,
    /// More than one for a batch.
    pub messages: u32,
    pub class: Class,
    pub stored: Micros,
    /// It is of a log, and may be skipped.
    pub is_logged: bool,
}

impl Waiting {
    /// The same for a client that agreed on compression, or did not.
    pub fn compressed(&self, packs: bool) -> Waiting {
        let mut copy = self.clone();
        if packs && self.class.is_message() && Packing::gains(&self.bytes, DEFLATE_BYTES_MIN) {
            let mut packing = Packing::default();
            packing.begin(DEFLATE_BYTES_MIN);
            assert!(packing.take(&self.bytes, usize::MAX));
            copy.is_packed = true;
            if let Some(bytes) = packing.end() {
                copy.bytes = bytes.into();
            }
        }
        copy
    }
}

/// What a connection has still to get.
pub enum Item {
    Frame(Waiting),
    /// To be told that so many messages are missed.
    Gap(u32),
}

/// One connection's queue.
#[derive(Default)]
pub struct Queue {
    pub generation: u32,
    pub waits: VecDeque<Item>,
    /// Bytes of the first one that are out.
    pub written: usize,
    pub is_blocked: bool,
    /// Some of what waits has been refused.
    pub is_slow: bool,
    pub inflates: bool,
    pub packs: bool,
    pub is_finishing: bool,
    pub progress: Millis,
}

impl Queue {
    /// The frames that wait.
    pub fn frames(&self) -> impl Iterator<Item = &Waiting> {
        self.waits.iter().filter_map(|item| match item {
            Item::Frame(frame) => Some(frame),
            Item::Gap(_) => None,
        })
    }

    fn count(&self, is_counted: impl Fn(Class) -> bool) -> usize {
        self.frames().filter(|copy| is_counted(copy.class)).count()
    }

    /// What can be written: all up to what is to be told first.
    pub fn bytes(&self) -> Vec<u8> {
        let told = self.waits.iter().map_while(|item| match item {
            Item::Frame(frame) => Some(&frame.bytes),
            Item::Gap(_) => None,
        });
        told.flatten().skip(self.written).copied().collect()
    }

    /// How many messages were missed before all that waits.
    pub fn gap(&self) -> Option<u32> {
        match self.waits.front() {
            Some(Item::Gap(missed)) => Some(*missed),
            _ => None,
        }
    }

    /// Messages that wait, each of a batch.
    pub fn messages(&self) -> u64 {
        let messages = self.frames().filter(|copy| copy.class.is_message());
        messages.map(|copy| u64::from(copy.messages)).sum()
    }

    fn weight(&self) -> usize {
        self.frames().map(|copy| copy.weight).sum()
    }

    pub fn backlog(&self) -> usize {
        self.weight().saturating_sub(self.written)
    }

    /// Offers a message; how many others, each of a batch, have been skipped for it.
    pub fn offer(&mut self, copy: Waiting, on_full: OnFull) -> (Offer, u32) {
        if self.is_finishing {
            return (Offer::Gone, 0);
        }
        let messages = self.count(Class::is_message);
        let fits = messages == 0
            || !self.is_slow
            || messages < BOUNDS.messages_max as usize
                && self.weight() + copy.weight <= BOUNDS.bytes_max as usize;
        let is_refused = copy.class == Class::Message && !fits;
        if is_refused && on_full == OnFull::Disconnect {
            return (Offer::Full, 0);
        }
        if is_refused && !copy.is_logged {
            self.waits.push_back(Item::Gap(copy.messages));
            self.merge_gaps();
            return (Offer::Dropped, 0);
        }
        self.is_finishing = copy.class == Class::Close;
        if self.waits.is_empty() {
            self.is_slow = false;
            self.progress = copy.stored.millis();
        }
        match self.replaceable(copy.class) {
            Some(at) => self.waits[at] = Item::Frame(copy),
            None => self.waits.push_back(Item::Frame(copy)),
        }
        let mut skipped = 0;
        while is_refused && self.skips_on(on_full) {
            let Some(oldest) = self.oldest() else { break };
            if let Item::Frame(frame) = &self.waits[oldest] {
                skipped += frame.messages;
                self.waits[oldest] = Item::Gap(frame.messages);
            }
            self.merge_gaps();
        }
        (Offer::Queued, skipped)
    }

    /// Whether the oldest is skipped, of what was published.
    fn skips_on(&self, on_full: OnFull) -> bool {
        match on_full {
            OnFull::Latest => self.oldest().is_some_and(|at| at + 1 < self.waits.len()),
            _ => {
                let messages = self.count(Class::is_message);
                let is_long = messages > BOUNDS.messages_max as usize;
                messages > 1 && (is_long || self.weight() > BOUNDS.bytes_max as usize)
            }
        }
    }

    /// The first of what was published of which nothing has gone out.
    fn oldest(&self) -> Option<usize> {
        let begun = usize::from(self.written > 0);
        let is_logged = |item: &Item| matches!(item, Item::Frame(frame) if frame.is_logged);
        let at = self.waits.iter().skip(begun).position(is_logged)?;
        Some(at + begun)
    }

    /// What is missed behind nothing but what was missed before is told with it.
    fn merge_gaps(&mut self) {
        let mut merged = VecDeque::<Item>::new();
        for item in self.waits.drain(..) {
            match (merged.back_mut(), item) {
                (Some(Item::Gap(before)), Item::Gap(missed)) => *before += missed,
                (_, item) => merged.push_back(item),
            }
        }
        self.waits = merged;
    }

    /// The pong whose place a newer one takes: the newest that waits, if that is enough and it has not begun to go out.
    fn replaceable(&self, class: Class) -> Option<usize> {
        let pongs_max = if self.is_blocked { 1 } else { PONGS_MAX };
        let is_pong = |item: &Item| matches!(item, Item::Frame(copy) if copy.class == Class::Pong);
        let newest = self.waits.iter().rposition(is_pong)?;
        let is_enough =
            class == Class::Pong && self.count(|class| class == Class::Pong) >= pongs_max;
        (is_enough && (newest > 0 || self.written == 0)).then_some(newest)
    }

    /// Whether it has something to write, and a socket that may take it.
    pub fn is_dirty(&self) -> bool {
        !self.waits.is_empty() && !self.is_blocked
    }
}
