//! The messages that wait in any queue, each once.
//!
//! A batch of messages is stored and freed like one. A message stays for as long as somebody holds a copy: whoever put it
//! there, and every slot that names it.
//!
//! The compressed form of a message is one of its own, made when the first client asks for it: at once if it is short,
//! else in slices, while it waits as a message without bytes.

use std::cell::Cell;
use std::collections::VecDeque;

use slab::Slab;

use super::NONE;
use super::repack::Moved;

use crate::id::AppId;
use crate::time::Micros;
use crate::wire::frame::{Class, Frame};
use crate::wire::packing::Packing;
use crate::work;

/// Bytes of a message that is compressed at once, and of a slice of a longer one: a fifth of a millisecond.
const SLICE_BYTES: usize = 64 << 10;

/// A message in the store; whoever gets one gives it back to [`super::Outbox::release`].
#[derive(Debug)]
#[must_use = "a stored message is freed by releasing it"]
pub struct Stored {
    key: u32,
    messages: u32,
    /// The compressed form, if somebody asked for it; the plain one where compression gains nothing.
    packed: Cell<u32>,
}

impl Stored {
    /// Its place in the store.
    pub(super) fn key(&self) -> u32 {
        self.key
    }

    /// Its place, and that of its compressed form.
    pub(super) fn forms(&self) -> impl Iterator<Item = u32> + use<> {
        let packed = Some(self.packed.get()).filter(|&key| key != NONE && key != self.key);
        std::iter::once(self.key).chain(packed)
    }

    /// How many messages it is: one, or as many as the batch has.
    pub fn messages(&self) -> u32 {
        self.messages
    }
}

/// Bytes that wait to be written, and what they are.
pub(super) struct Message {
    /// Empty while they are still to be compressed.
    pub(super) bytes: Box<[u8]>,
    pub(super) stored: Micros,
    pub(super) copies: u32,
    /// How many messages the bytes are: more than one for a batch.
    pub(super) messages: u32,
    /// Bytes that it counts as in a queue: its own, or those of the plain form while it is not known how many.
    pub(super) weight: u32,
    pub(super) class: Class,
    pub(super) app: AppId,
    is_tagged: bool,
    is_published: bool,
}

impl Message {
    /// The bytes, unless they are still to be compressed.
    pub(super) fn ready(&self) -> Option<&[u8]> {
        (!self.bytes.is_empty()).then_some(&self.bytes)
    }

    /// How many of the messages that it is are tagged.
    pub(super) fn tagged(&self) -> u32 {
        u32::from(self.is_tagged) * self.messages
    }
}

/// A message that is being compressed, of which a copy of both forms is held.
struct Job {
    plain: u32,
    packed: u32,
    packing: Packing,
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
    /// What is being compressed: what is for one connection, and what was published. The two take turns.
    jobs: [VecDeque<Job>; 2],
    /// Whose turn it was.
    worked_on: usize,
    /// Compresses what is short.
    packing: Packing,
    /// What making, copying and compressing messages has cost since that was asked for.
    cost: u64,
}

impl Store {
    /// Takes a message in, as one copy; what is published keeps publishers waiting while it is compressed.
    pub(super) fn put(
        &mut self,
        frame: Frame,
        app: AppId,
        now: Micros,
        is_published: bool,
    ) -> Stored {
        let (class, messages, is_tagged) = (frame.class(), frame.messages(), frame.is_tagged());
        let bytes = frame.into_bytes();
        let key = self.insert(Message {
            weight: bytes.len() as u32,
            bytes,
            stored: now,
            copies: 1,
            messages,
            class,
            app,
            is_tagged,
            is_published,
        });
        Stored {
            key,
            messages,
            packed: Cell::new(NONE),
        }
    }

    fn insert(&mut self, message: Message) -> u32 {
        self.held_bytes += u64::from(message.weight) + MESSAGE_BYTES;
        self.cost += u64::from(message.weight) * work::QUEUED;
        self.messages.insert(message) as u32
    }

    /// The form of a message for a client that agreed on compression, or did not: compressed once, when the first one
    /// asks.
    #[inline]
    pub(super) fn form(&mut self, message: &Stored, packs: bool, bytes_min: u32) -> u32 {
        match packs {
            true => self.packed(message, bytes_min),
            false => message.key,
        }
    }

    fn packed(&mut self, message: &Stored, bytes_min: u32) -> u32 {
        if message.packed.get() == NONE {
            let packed = self.pack(message.key, bytes_min).unwrap_or(message.key);
            message.packed.set(packed);
        }
        message.packed.get()
    }

    /// Begins to compress a message, and ends at once if it is short; nothing if that gains nothing.
    fn pack(&mut self, key: u32, bytes_min: u32) -> Option<u32> {
        let plain = &self.messages[key as usize];
        if !plain.class.is_message() || !Packing::gains(&plain.bytes, bytes_min) {
            return None;
        }
        let (plain_bytes, is_short) = (plain.bytes.len(), plain.bytes.len() <= SLICE_BYTES);
        let mut bytes = Box::default();
        if is_short {
            self.cost += plain_bytes as u64 * work::PACKED;
            self.packing.begin(bytes_min);
            self.packing.take(&plain.bytes, usize::MAX);
            bytes = self.packing.end()?;
        }
        let packed = Message {
            weight: match is_short {
                true => bytes.len() as u32,
                false => plain.weight,
            },
            bytes,
            copies: 1,
            ..*plain
        };
        let packed = self.insert(packed);
        if !is_short {
            self.copy(key);
            self.copy(packed);
            let mut packing = Packing::default();
            packing.begin(bytes_min);
            let is_published = self.messages[key as usize].is_published;
            self.jobs[usize::from(is_published)].push_back(Job {
                plain: key,
                packed,
                packing,
            });
        }
        Some(packed)
    }

    /// Compresses a slice of the message that has waited longest for it.
    pub(super) fn pack_slice(&mut self) {
        if !self.is_packing() {
            return;
        }
        self.stop_packing();
        if !self.jobs[1 - self.worked_on].is_empty() {
            self.worked_on = 1 - self.worked_on;
        }
        let jobs = &mut self.jobs[self.worked_on];
        let Some(job) = jobs.front_mut() else {
            return;
        };
        self.cost += SLICE_BYTES as u64 * work::PACKED;
        let plain = &self.messages[job.plain as usize].bytes;
        if !job.packing.take(plain, SLICE_BYTES) {
            return;
        }
        // Who waits for it gets the plain one where nothing is gained.
        let bytes = job.packing.end().unwrap_or_else(|| plain.clone());
        let (plain, packed) = (job.plain, job.packed);
        jobs.pop_front();
        self.messages[packed as usize].bytes = bytes;
        self.drop_copy(plain);
        self.drop_copy(packed);
    }

    /// Compresses no more what nobody waits for any more.
    pub(super) fn stop_packing(&mut self) {
        let all = std::mem::take(&mut self.jobs);
        self.jobs = all.map(|mut jobs| {
            jobs.retain(|job| {
                let is_wanted = self.messages[job.packed as usize].copies > 1;
                if !is_wanted {
                    self.drop_copy(job.plain);
                    self.drop_copy(job.packed);
                }
                is_wanted
            });
            jobs
        });
    }

    /// Whether something is being compressed.
    pub(super) fn is_packing(&self) -> bool {
        self.jobs.iter().any(|jobs| !jobs.is_empty())
    }

    /// Whether something that was published by this app is.
    pub(super) fn is_packing_for(&self, app: AppId) -> bool {
        let [_, published] = &self.jobs;
        published
            .iter()
            .any(|job| self.messages[job.plain as usize].app == app)
    }

    /// So many members have been marked for a message.
    pub(super) fn mark(&mut self, members: usize) {
        self.cost += members as u64 * work::MARKED;
    }

    /// What has been done since this was last asked, as `work` counts it.
    pub(super) fn take_cost(&mut self) -> u64 {
        std::mem::take(&mut self.cost)
    }

    /// Gives up the copy that [`Store::put`] made.
    pub(super) fn release(&mut self, message: Stored) {
        for key in message.forms() {
            self.drop_copy(key);
        }
    }

    /// One more copy.
    pub(super) fn copy(&mut self, key: u32) -> &Message {
        self.cost += work::COPY;
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
            self.held_bytes -= u64::from(message.weight) + MESSAGE_BYTES;
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
            let of_jobs = |job: &&Job| key == job.plain as usize || key == job.packed as usize;
            let of_jobs = self.jobs.iter().flatten().filter(of_jobs).count() as u32;
            let held = copies.get(key).copied().unwrap_or(0) + of_jobs;
            assert_eq!(
                message.copies, held,
                "the copies of message {key} are counted"
            );
            bytes += u64::from(message.weight) + MESSAGE_BYTES;
        }
        assert_eq!(self.held_bytes, bytes, "the held bytes are counted");
    }
}
