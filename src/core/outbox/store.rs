//! The messages that wait in any queue, each once.
//!
//! A batch of messages is stored and freed like one. A message stays for as long as somebody holds a copy: whoever put it there, and every slot that names it.

use std::cell::Cell;

use slab::Slab;

use super::NONE;
use super::repack::Moved;

use crate::id::AppId;
use crate::time::Micros;
use crate::wire::deflate::{Deflater, WINDOW_BITS};
use crate::wire::frame::{Class, Frame, deflated};

/// Window sizes that clients can agree on.
const WINDOWS: usize = (*WINDOW_BITS.end() - *WINDOW_BITS.start() + 1) as usize;
/// Forms of a message: as it came, and compressed for each window.
pub(super) const FORMS: usize = 1 + WINDOWS;

/// The number of the form for a client that agreed on a window of so many bits; 0 bits are no compression.
pub(super) fn form(window_bits: u8) -> usize {
    match window_bits {
        0 => 0,
        bits => 1 + (bits - WINDOW_BITS.start()) as usize,
    }
}

/// A message in the store; whoever gets one gives it back to [`super::Outbox::release`].
#[derive(Debug)]
#[must_use = "a stored message is freed by releasing it"]
pub struct Stored {
    key: u32,
    messages: u32,
    /// The compressed forms that somebody asked for, by window size; the plain one where compression gains nothing.
    deflated: Cell<[u32; WINDOWS]>,
}

impl Stored {
    /// Its place in the store.
    pub(super) fn key(&self) -> u32 {
        self.key
    }

    /// Its place, and those of its compressed forms.
    pub(super) fn forms(&self) -> impl Iterator<Item = u32> {
        let deflated = self.deflated.get().into_iter();
        let own = self.key;
        let others = deflated.filter(move |&key| key != NONE && key != own);
        std::iter::once(own).chain(others)
    }

    /// How many messages it is: one, or as many as the batch has.
    pub fn messages(&self) -> u32 {
        self.messages
    }
}

/// Bytes that wait to be written, and what they are.
pub(super) struct Message {
    pub(super) bytes: Box<[u8]>,
    pub(super) stored: Micros,
    pub(super) copies: u32,
    /// How many messages the bytes are: more than one for a batch.
    pub(super) messages: u32,
    pub(super) class: Class,
    pub(super) app: AppId,
}

/// What a stored message costs beside its bytes: its place, and what an allocator adds to them, which is most for the
/// shortest.
const MESSAGE_BYTES: u64 = (size_of::<Message>() + ALLOCATION_BYTES) as u64;
/// What an allocation costs beside its bytes: their length, and what they are rounded up by.
const ALLOCATION_BYTES: usize = 24;

/// All messages, and what they cost.
#[derive(Default)]
pub(super) struct Store {
    messages: Slab<Message>,
    held_bytes: u64,
    deflater: Deflater,
}

impl Store {
    /// Takes a message in, as one copy.
    pub(super) fn put(&mut self, frame: Frame, app: AppId, now: Micros) -> Stored {
        let (class, messages) = (frame.class(), frame.messages());
        let bytes = frame.into_bytes();
        self.held_bytes += bytes.len() as u64 + MESSAGE_BYTES;
        let message = Message {
            bytes,
            stored: now,
            copies: 1,
            messages,
            class,
            app,
        };
        Stored {
            key: self.messages.insert(message) as u32,
            messages,
            deflated: Cell::new([NONE; WINDOWS]),
        }
    }

    /// The form of a message for a client that agreed on a window of so many bits, or on none: compressed once, when
    /// the first one asks.
    pub(super) fn form(&mut self, message: &Stored, window_bits: u8, bytes_min: u32) -> u32 {
        match window_bits {
            0 => message.key,
            bits => self.deflated(message, bits, bytes_min),
        }
    }

    fn deflated(&mut self, message: &Stored, window_bits: u8, bytes_min: u32) -> u32 {
        let mut deflated = message.deflated.get();
        let window = (window_bits - WINDOW_BITS.start()) as usize;
        if deflated[window] == NONE {
            deflated[window] = self
                .deflate(message.key, window_bits, bytes_min)
                .unwrap_or(message.key);
            message.deflated.set(deflated);
        }
        deflated[window]
    }

    fn deflate(&mut self, key: u32, window_bits: u8, bytes_min: u32) -> Option<u32> {
        let plain = &self.messages[key as usize];
        if !plain.class.is_message() {
            return None;
        }
        let bytes =
            deflated(&plain.bytes, &mut self.deflater, window_bits, bytes_min)?.into_boxed_slice();
        self.held_bytes += bytes.len() as u64 + MESSAGE_BYTES;
        let message = Message {
            bytes,
            copies: 1,
            ..*plain
        };
        Some(self.messages.insert(message) as u32)
    }

    /// Gives up the copy that [`Store::put`] made.
    pub(super) fn release(&mut self, message: Stored) {
        for key in message.forms() {
            self.drop_copy(key);
        }
    }

    /// One more copy.
    pub(super) fn copy(&mut self, key: u32) -> &Message {
        let message = &mut self.messages[key as usize];
        message.copies += 1;
        message
    }

    /// One copy less; the last one frees the message.
    pub(super) fn drop_copy(&mut self, key: u32) {
        let message = &mut self.messages[key as usize];
        message.copies -= 1;
        if message.copies == 0 {
            let message = self.messages.remove(key as usize);
            self.held_bytes -= message.bytes.len() as u64 + MESSAGE_BYTES;
        }
    }

    /// Moves the messages together, so that a burst's room can go; whoever names one has to name it anew.
    pub(super) fn repack(&mut self) -> Moved {
        Moved::by_repacking(&mut self.messages)
    }

    /// Messages that there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.messages.capacity()
    }

    /// A message.
    pub(super) fn get(&self, key: u32) -> &Message {
        &self.messages[key as usize]
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// What they cost, each counted once.
    pub(super) fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    /// Checks the books against the copies that queues hold, by message; for tests and simulation.
    ///
    /// # Panics
    /// When they do not agree.
    pub(super) fn check_invariants(&self, copies: &[u32]) {
        let mut bytes = 0;
        for (key, message) in &self.messages {
            let held = copies.get(key).copied().unwrap_or(0);
            assert_eq!(
                message.copies, held,
                "the copies of message {key} are counted"
            );
            bytes += message.bytes.len() as u64 + MESSAGE_BYTES;
        }
        assert_eq!(self.held_bytes, bytes, "the held bytes are counted");
    }
}
