//! The read buffer that all connections share.
//!
//! A connection's unread bytes are in it only while that connection is served; what is left over is spilled by the
//! reactor and restored in front of the next read. A message that came in pieces is adopted whole, so that every
//! event borrows from here and from nowhere else.

use std::cell::Cell;
use std::ops::Range;

use super::deflate::Inflater;
use super::fault::Fault;

/// Room for unread bytes, and one adopted message.
pub struct Buffer {
    bytes: Box<[u8]>,
    /// A cell, because an event that borrows the bytes is made in the same breath as they are consumed.
    start: Cell<usize>,
    end: usize,
    adopted: Vec<u8>,
    adopted_text: String,
    inflater: Inflater,
    /// What its messages have cost since that was asked for. A cell for the same reason.
    cost: Cell<u64>,
}

/// A compressed message of which a part is inflated.
pub struct Unpacking {
    inflater: Inflater,
    compressed: Vec<u8>,
}

impl Unpacking {
    /// Bytes of memory that it holds.
    pub fn held_bytes(&self) -> usize {
        self.inflater.held_bytes() + self.compressed.capacity()
    }
}

impl Buffer {
    /// A buffer of so many bytes: the most that one read moves, and the most that is ever left over.
    pub fn new(bytes: usize) -> Buffer {
        Buffer {
            bytes: vec![0; bytes].into(),
            start: Cell::new(0),
            end: 0,
            adopted: Vec::new(),
            adopted_text: String::new(),
            inflater: Inflater::new(),
            cost: Cell::new(0),
        }
    }

    /// Begins with a connection: forgets everything of the last one and takes up what was left over of this.
    pub fn restore(&mut self, leftover: &[u8]) {
        self.bytes[..leftover.len()].copy_from_slice(leftover);
        self.start.set(0);
        self.end = leftover.len();
        self.adopted = Vec::new();
        self.adopted_text = String::new();
    }

    /// Where the next read goes, after the unread bytes have been moved to the front.
    pub fn space(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.start.get()..self.end, 0);
        self.end -= self.start.get();
        self.start.set(0);
        &mut self.bytes[self.end..]
    }

    /// So many bytes were read into [`Buffer::space`].
    pub fn filled(&mut self, bytes: usize) {
        self.end += bytes;
        debug_assert!(
            self.end <= self.bytes.len(),
            "a read stays within the space it was given"
        );
    }

    /// Passes over so many unread bytes, and says where they are.
    pub fn consume(&self, bytes: usize) -> Range<usize> {
        let from = self.start.get();
        self.start.set(from + bytes);
        debug_assert!(
            from + bytes <= self.end,
            "only what was read can be consumed"
        );
        from..from + bytes
    }

    /// Keeps a message that came in pieces until the next one.
    pub fn adopt(&mut self, message: Vec<u8>) {
        self.adopted = message;
    }

    /// Keeps a text that came in pieces until the next one.
    pub fn adopt_text(&mut self, text: String) {
        self.adopted_text = text;
    }

    /// Keeps what these consumed bytes inflate to, up to `bytes_max`, until the next message. If that costs more than
    /// `cost_max`, what has been done so far is given back instead, to be gone on with.
    pub fn inflate(
        &mut self,
        range: Range<usize>,
        bytes_max: u32,
        cost_max: u64,
    ) -> Result<Option<Unpacking>, Fault> {
        self.inflater.begin();
        let compressed = &self.bytes[range.clone()];
        let message = self.inflater.go_on(compressed, bytes_max, cost_max);
        let is_whole = self.keep(message)?;
        if is_whole {
            return Ok(None);
        }
        let compressed = self.bytes[range].to_vec();
        Ok(Some(self.put_aside(compressed)))
    }

    /// The same for a compressed message that came in pieces.
    pub fn adopt_inflated(
        &mut self,
        compressed: Vec<u8>,
        bytes_max: u32,
        cost_max: u64,
    ) -> Result<Option<Unpacking>, Fault> {
        self.inflater.begin();
        let message = self.inflater.go_on(&compressed, bytes_max, cost_max);
        let is_whole = self.keep(message)?;
        Ok((!is_whole).then(|| self.put_aside(compressed)))
    }

    /// Goes on with what was given back; true once the message is kept.
    pub fn go_on(
        &mut self,
        unpacking: &mut Unpacking,
        bytes_max: u32,
        cost_max: u64,
    ) -> Result<bool, Fault> {
        std::mem::swap(&mut self.inflater, &mut unpacking.inflater);
        let message = self
            .inflater
            .go_on(&unpacking.compressed, bytes_max, cost_max);
        let is_whole = self.keep(message);
        std::mem::swap(&mut self.inflater, &mut unpacking.inflater);
        is_whole
    }

    /// Keeps what was inflated, if it is whole.
    fn keep(&mut self, message: Result<Option<Vec<u8>>, Fault>) -> Result<bool, Fault> {
        let cost = self.inflater.take_cost();
        self.spend(cost);
        let message = message?;
        let is_whole = message.is_some();
        self.adopted = message.unwrap_or_default();
        Ok(is_whole)
    }

    /// What has been inflated so far; the next message finds another inflater.
    fn put_aside(&mut self, compressed: Vec<u8>) -> Unpacking {
        Unpacking {
            inflater: std::mem::take(&mut self.inflater),
            compressed,
        }
    }

    /// So much more was done for what is in it, as `work` counts it, that is not told by an event.
    pub fn spend(&self, cost: u64) {
        self.cost.set(self.cost.get() + cost);
    }

    /// What was spent since [`Buffer::take_cost`] was last asked.
    pub fn cost(&self) -> u64 {
        self.cost.get()
    }

    /// What inflating, and what came in pieces, has cost since this was last asked, as `work` counts it.
    pub fn take_cost(&mut self) -> u64 {
        self.cost.take()
    }

    /// Where the unread bytes begin, for [`Buffer::unread_from`].
    pub fn mark(&self) -> usize {
        self.start.get()
    }

    /// What was consumed since the mark is unread again; good until the next read.
    pub fn unread_from(&self, mark: usize) {
        self.start.set(mark);
    }

    /// The adopted message, which is kept no longer.
    pub fn take_adopted(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.adopted)
    }

    /// What nobody has consumed yet.
    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.start.get()..self.end]
    }

    /// Consumed bytes, by the range that [`Buffer::consume`] gave; good until the next read.
    pub fn at(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    /// The same, to be changed in place.
    pub fn at_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        &mut self.bytes[range]
    }

    /// The adopted message.
    pub fn adopted(&self) -> &[u8] {
        &self.adopted
    }

    /// The adopted text.
    pub fn adopted_text(&self) -> &str {
        &self.adopted_text
    }
}
