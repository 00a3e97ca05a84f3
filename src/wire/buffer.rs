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

    /// Keeps what these consumed bytes inflate to, up to `bytes_max`, until the next message.
    pub fn inflate(&mut self, range: Range<usize>, bytes_max: u32) -> Result<(), Fault> {
        self.adopted = self.inflater.inflate(&self.bytes[range], bytes_max)?;
        Ok(())
    }

    /// Keeps what a compressed message that came in pieces inflates to, up to `bytes_max`, until the next one.
    pub fn adopt_inflated(&mut self, message: &[u8], bytes_max: u32) -> Result<(), Fault> {
        self.adopted = self.inflater.inflate(message, bytes_max)?;
        Ok(())
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
