//! The messages that wait in any queue or log, each once.
//!
//! A batch of messages is stored and freed like one. A message stays for as long as a copy of it is held: by the caller
//! that put it there, by a log, by a run, and by every slot and span that names it.
//!
//! The other forms of a message lie beside the plain one and are made when the first client needs them: the compressed one at once
//! if it is short, else in slices, and that of a stream of events at once, because it is hardly more than a copy.

use std::collections::VecDeque;

use slab::Slab;

use super::repack::Moved;
use crate::id::AppId;
use crate::time::Micros;
use crate::wire::frame::{Class, Frame};
use crate::wire::packing::Packing;
use crate::wire::sse;
use crate::work;

/// Bytes of a message that is compressed at once, and of a slice of a longer one: a fifth of a millisecond.
pub(super) const SLICE_BYTES: usize = 64 << 10;

/// A message in the store, which its holder gives back to [`super::Outbox::release`].
#[derive(Debug)]
#[must_use = "a stored message is freed by releasing it"]
pub struct Stored {
    key: u32,
    messages: u32,
}

impl Stored {
    /// Its place in the store.
    pub(super) fn key(&self) -> u32 {
        self.key
    }

    /// Its place in the store, whose copy is the caller's from now on.
    pub(super) fn into_key(self) -> u32 {
        self.key
    }

    /// How many messages it is: one, or as many as the batch has.
    pub fn messages(&self) -> u32 {
        self.messages
    }
}

/// Bytes that wait to be written, and what they are.
pub(super) struct Message {
    pub(super) bytes: Box<[u8]>,
    /// The place of its compressed form, or why there is none.
    packed: u32,
    /// The same of its form in a stream of events.
    events: u32,
    pub(super) stored: Micros,
    pub(super) copies: u32,
    /// How many messages the bytes are: more than one for a batch.
    pub(super) messages: u32,
    pub(super) class: Class,
    pub(super) app: AppId,
    flags: u8,
}

/// What goes out to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The frames as they are.
    Plain,
    /// Those that gain by it compressed.
    Packed,
    /// A part of a stream of events.
    Events,
}

/// Of the second of an app's two kinds.
const TAGGED: u8 = 1;
/// Published, and not for one connection alone.
const PUBLISHED: u8 = 2;
/// A log has a copy, for as long as it likes.
const LOGGED: u8 = 4;
/// All that it was published to have it, or gave it up; whoever gets it now comes back for it.
const TOLD: u8 = 8;

/// No client has needed the form.
const UNMADE: u32 = u32::MAX;
/// A job is at it.
const UNDERWAY: u32 = u32::MAX - 1;
/// It is the plain one: compression gains nothing, or it is no frame.
const PLAIN: u32 = u32::MAX - 2;

impl Message {
    /// Bytes that it counts as in a queue: those of the plain form, for every client.
    pub(super) fn weight(&self) -> u32 {
        self.bytes.len() as u32
    }

    /// How many of the messages that it is are tagged.
    pub(super) fn tagged(&self) -> u32 {
        u32::from(self.flags & TAGGED != 0) * self.messages
    }

    /// Whether a log has it.
    pub(super) fn is_logged(&self) -> bool {
        self.flags & LOGGED != 0
    }

    /// Copies of those that wait to write it: neither a log waits for it, nor the job that makes it shorter.
    pub(super) fn readers(&self) -> u32 {
        self.copies - u32::from(self.is_logged()) - u32::from(self.packed == UNDERWAY)
    }
}

/// A message that is being compressed, of which a copy is held.
struct Job {
    message: u32,
    packing: Packing,
}

/// What a stored message costs beside its bytes: its place, and what an allocator adds to them, which is most for the
/// shortest.
const MESSAGE_BYTES: u64 = (size_of::<Message>() + ALLOCATION_BYTES) as u64;
/// What a compressed form costs beside its bytes.
const FORM_BYTES: u64 = (size_of::<Box<[u8]>>() + ALLOCATION_BYTES) as u64;
/// What an allocation costs beside its bytes: their length, and what they are rounded up by.
const ALLOCATION_BYTES: usize = 24;

/// All messages, and what they cost.
#[derive(Default)]
pub(super) struct Store {
    messages: Slab<Message>,
    /// Compressed forms.
    forms: Slab<Box<[u8]>>,
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
        let message = Message {
            bytes: frame.into_bytes(),
            packed: UNMADE,
            events: UNMADE,
            stored: now,
            copies: 1,
            messages,
            class,
            app,
            flags: if is_tagged { TAGGED } else { 0 } | if is_published { PUBLISHED } else { 0 },
        };
        self.held_bytes += u64::from(message.weight()) + MESSAGE_BYTES;
        self.cost += u64::from(message.weight()) * work::QUEUED;
        let key = self.messages.insert(message) as u32;
        Stored { key, messages }
    }

    /// The bytes of a message in this form, which is made once, when the first client needs it. Nothing, if that takes more than
    /// one slice.
    #[inline]
    pub(super) fn form(&mut self, key: u32, form: Form, bytes_min: u32) -> Option<&[u8]> {
        if form != Form::Plain {
            self.prepare(key, form, bytes_min);
        }
        self.ready(key, form)
    }

    /// The same, of a message whose form has been asked for. Each delivery asks, so it is part of what does.
    #[inline(always)]
    pub(super) fn ready(&self, key: u32, form: Form) -> Option<&[u8]> {
        let message = &self.messages[key as usize];
        match form {
            Form::Plain => Some(&message.bytes),
            Form::Packed => self.at(message.packed, message),
            Form::Events => self.at(message.events, message),
        }
    }

    fn at<'a>(&'a self, place: u32, message: &'a Message) -> Option<&'a [u8]> {
        match place {
            UNMADE | UNDERWAY => None,
            PLAIN => Some(&message.bytes),
            place => Some(&self.forms[place as usize]),
        }
    }

    /// Makes a form of a message, or begins to, unless that has been done; what that cost.
    #[inline]
    pub(super) fn prepare(&mut self, key: u32, form: Form, bytes_min: u32) -> u64 {
        let before = self.cost;
        let message = &self.messages[key as usize];
        match form {
            Form::Packed if message.packed == UNMADE => self.pack(key, bytes_min),
            Form::Events if message.events == UNMADE => self.stream(key),
            _ => {}
        }
        self.cost - before
    }

    /// Makes the form of a message in a stream of events.
    fn stream(&mut self, key: u32) {
        let bytes = &self.messages[key as usize].bytes;
        self.cost += bytes.len() as u64 * work::QUEUED;
        let place = self.keep_form(sse::events(bytes));
        self.messages[key as usize].events = place;
    }

    /// Begins to compress a message, and ends at once if it is short.
    fn pack(&mut self, key: u32, bytes_min: u32) {
        let message = &mut self.messages[key as usize];
        if !message.class.is_message() || !Packing::gains(&message.bytes, bytes_min) {
            message.packed = PLAIN;
            return;
        }
        if message.bytes.len() <= SLICE_BYTES {
            self.cost += message.bytes.len() as u64 * work::PACKED;
            self.packing.begin(bytes_min);
            self.packing.take(&message.bytes, usize::MAX);
            let packed = self.packing.end();
            let place = self.keep_form(packed);
            self.messages[key as usize].packed = place;
            return;
        }
        message.packed = UNDERWAY;
        let is_published = message.flags & PUBLISHED != 0;
        let mut packing = Packing::default();
        packing.begin(bytes_min);
        self.copy(key);
        self.jobs[usize::from(is_published)].push_back(Job {
            message: key,
            packing,
        });
    }

    /// The place of a form that is there; that of the plain one, if it is the same.
    fn keep_form(&mut self, form: Option<Box<[u8]>>) -> u32 {
        match form {
            Some(form) => {
                self.held_bytes += form.len() as u64 + FORM_BYTES;
                self.forms.insert(form) as u32
            }
            None => PLAIN,
        }
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
        let plain = &self.messages[job.message as usize].bytes;
        if !job.packing.take(plain, SLICE_BYTES) {
            return;
        }
        let (message, packed) = (job.message, job.packing.end());
        jobs.pop_front();
        let place = self.keep_form(packed);
        self.messages[message as usize].packed = place;
        self.drop_copy(message);
    }

    /// Compresses no more what nobody waits for any more.
    pub(super) fn stop_packing(&mut self) {
        let all = std::mem::take(&mut self.jobs);
        self.jobs = all.map(|mut jobs| {
            jobs.retain(|job| {
                let message = &mut self.messages[job.message as usize];
                let is_wanted = message.readers() > 0;
                if !is_wanted {
                    message.packed = UNMADE;
                    self.drop_copy(job.message);
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
            .any(|job| self.messages[job.message as usize].app == app)
    }

    /// So much has been done for a reader.
    pub(super) fn spend(&mut self, cost: u64) {
        self.cost += cost;
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
        self.drop_copy(message.key);
    }

    /// One more copy.
    pub(super) fn copy(&mut self, key: u32) -> &Message {
        self.cost += work::COPY;
        let message = &mut self.messages[key as usize];
        message.copies += 1;
        message
    }

    /// A log takes a copy.
    pub(super) fn log(&mut self, key: u32) -> &Message {
        let message = &mut self.messages[key as usize];
        message.copies += 1;
        message.flags |= LOGGED;
        message
    }

    /// One copy is left to write: whose the message is and when it was stored, if it is the last of those that it was
    /// published to.
    #[inline]
    pub(super) fn tell_last(&mut self, key: u32) -> Option<(AppId, Micros)> {
        let message = &mut self.messages[key as usize];
        let is_last = message.readers() == 1 && message.flags & TOLD == 0;
        message.flags |= if is_last { TOLD } else { 0 };
        is_last.then_some((message.app, message.stored))
    }

    /// Nobody waits for a message any more that it was published to.
    #[inline]
    pub(super) fn told(&mut self, key: u32) {
        self.messages[key as usize].flags |= TOLD;
    }

    /// A log gives its copy up; there may be others.
    pub(super) fn unlog(&mut self, key: u32) {
        self.messages[key as usize].flags &= !LOGGED;
        self.drop_copy(key);
    }

    /// One copy less; the last one frees the message.
    #[inline]
    pub(super) fn drop_copy(&mut self, key: u32) {
        let message = &mut self.messages[key as usize];
        message.copies -= 1;
        if message.copies == 0 {
            self.free(key);
        }
    }

    fn free(&mut self, key: u32) {
        let message = self.messages.remove(key as usize);
        self.held_bytes -= u64::from(message.weight()) + MESSAGE_BYTES;
        let forms = [message.packed, message.events].into_iter();
        for place in forms.filter(|place| *place < PLAIN) {
            let form = self.forms.remove(place as usize);
            self.held_bytes -= form.len() as u64 + FORM_BYTES;
        }
    }

    /// Moves the messages together, so that the capacity of a burst can go; what names one has to name it anew.
    pub(super) fn repack(&mut self) -> Moved {
        if self.forms.is_empty() {
            self.forms = Slab::new();
        }
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
            let of_jobs = |job: &&Job| key == job.message as usize;
            let of_jobs = self.jobs.iter().flatten().filter(of_jobs).count() as u32;
            let held = copies.get(key).copied().unwrap_or(0) + of_jobs;
            assert_eq!(
                message.copies, held,
                "the copies of message {key} are counted"
            );
            bytes += u64::from(message.weight()) + MESSAGE_BYTES;
        }
        let forms = self.forms.iter().map(|(_, form)| form.len() as u64);
        bytes += forms.map(|bytes| bytes + FORM_BYTES).sum::<u64>();
        assert_eq!(self.held_bytes, bytes, "the held bytes are counted");
    }
}
