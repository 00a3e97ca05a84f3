//! One connection's queue to its socket: one write, however much waits.
//!
//! What is written is a single frame as it lies, a little as one copy, or much as parts; the writing itself is the
//! caller's.

use std::io::{self, IoSlice};

use slab::Slab;

use super::log::{Logs, Place};
use super::store::{Form, SLICE_BYTES, Store};
use super::{BLOCKED, Held, NONE, Outbox, Queue, REFUSED, Slot};
use crate::id::AppId;
use crate::time::{Micros, Millis, Recent};
use crate::work;

/// Up to so many bytes, what waits is copied together and written as one piece: for small frames a vectored write
/// costs more than the copy.
pub(super) const COPY_BYTES_MAX: usize = 64 << 10;
/// Parts of one vectored write; the kernel's own limit.
pub(super) const PARTS_MAX: usize = 1024;
/// Bytes of one write, but for those of a run, of which no more waits than may be published between two flushes. What
/// is left goes out in the next turn, so that a long backlog keeps nobody else waiting.
const WRITE_BYTES_MAX: usize = 256 << 10;
/// What compressing may cost for one write: who comes back is sent much that nobody has had compressed before.
const PACKED_MAX: u64 = SLICE_BYTES as u64 * work::PACKED;

/// What a flush did.
#[derive(Debug)]
pub struct Flush {
    /// Messages that have gone out whole; those of a batch once all of it has.
    pub messages: u32,
    /// Those of them that are tagged.
    pub tagged: u32,
    /// How the queue stands.
    pub state: FlushState,
}

/// How a queue stands after a flush.
#[derive(Debug)]
pub enum FlushState {
    /// Nothing waits.
    Empty,
    /// The socket is full; an edge will tell when it is not.
    Blocked,
    /// More waits than one write takes; it stays dirty.
    More,
    /// The connection broke.
    Failed(io::Error),
}

impl Flush {
    /// Nothing has gone out.
    fn nothing(state: FlushState) -> Flush {
        Flush {
            messages: 0,
            tagged: 0,
            state,
        }
    }
}

impl Outbox {
    /// Writes what waits for this connection with one call of `write`, which says how many bytes it took. `observe`
    /// is told of each message or batch whose last copy has now gone out: whose it was, and when it was stored.
    #[inline]
    pub fn flush(
        &mut self,
        key: u32,
        now: Millis,
        write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
        observe: impl FnMut(AppId, Micros),
    ) -> Flush {
        let queue = &self.queues[key as usize];
        match (queue.flags & BLOCKED != 0, queue.run) {
            (true, _) if queue.head != NONE => Flush::nothing(FlushState::Blocked),
            (true, _) => Flush::nothing(FlushState::Empty),
            (false, NONE) => self.flush_queue(key, now, write, observe),
            (false, _) => self.flush_run(key, now, write, observe),
        }
    }

    /// The same for a member of a run.
    #[inline]
    fn flush_run(
        &mut self,
        key: u32,
        now: Millis,
        write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
        observe: impl FnMut(AppId, Micros),
    ) -> Flush {
        let Some((offered, result)) = self.write_run(key, write) else {
            // What comes first is being compressed.
            self.leave_run(key);
            return Flush::nothing(FlushState::More);
        };
        let taken = match result {
            Ok(taken) if taken == offered => {
                let (messages, tagged) = self.finish_run(key, observe);
                return Flush {
                    messages,
                    tagged,
                    state: FlushState::Empty,
                };
            }
            result => result,
        };
        // The socket is full: what is left waits in its own queue, and not on the dirty list.
        if taken.as_ref().map_or_else(is_full, |_| true) {
            self.queues[key as usize].flags |= BLOCKED;
            self.leave_run(key);
        }
        self.taken(key, now, offered, taken, observe)
    }

    /// The same for a connection with a queue of its own.
    fn flush_queue(
        &mut self,
        key: u32,
        now: Millis,
        write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
        observe: impl FnMut(AppId, Micros),
    ) -> Flush {
        let queue = self.queues[key as usize];
        let Some(&first) = self.slots.get(queue.head as usize) else {
            return Flush::nothing(FlushState::Empty);
        };
        if let (Held::Message(message), NONE) = (first.held, first.next)
            && self.is_ready(message, queue.form())
        {
            return self.flush_one(key, message, now, write, observe);
        }
        let Some((offered, result)) = self.write_parts(&queue, write) else {
            // What comes first is being compressed.
            self.mark_dirty(key);
            return Flush::nothing(FlushState::More);
        };
        self.taken(key, now, offered, result, observe)
    }

    /// Whether a message can be written; its form is made for that, if that can be done at once.
    #[inline]
    fn is_ready(&mut self, message: u32, form: Form) -> bool {
        let bytes_min = self.deflate_bytes_min;
        self.store.form(message, form, bytes_min).is_some()
    }

    /// The same for one message, which is all that waits, and ready.
    fn flush_one(
        &mut self,
        key: u32,
        message: u32,
        now: Millis,
        write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
        mut observe: impl FnMut(AppId, Micros),
    ) -> Flush {
        let queue = &mut self.queues[key as usize];
        let stored = self.store.get(message);
        let form = self.store.ready(message, queue.form());
        let part = &form.unwrap_or_default()[queue.written as usize..];
        let is_whole = part.len() <= WRITE_BYTES_MAX;
        let part = &part[..part.len().min(WRITE_BYTES_MAX)];
        let (offered, result) = (part.len(), write(&[IoSlice::new(part)]));
        if !is_whole || !matches!(result, Ok(taken) if taken == offered) {
            return self.taken(key, now, offered, result, observe);
        }
        queue.progress = Recent::new(now);
        let tagged = stored.tagged();
        if stored.class.is_message()
            && let Some((app, since)) = self.store.tell_last(message)
        {
            observe(app, since);
        }
        let messages = self.pop_copy(key, message);
        self.pop_slot(key);
        Flush {
            messages,
            tagged,
            state: FlushState::Empty,
        }
    }

    /// So many bytes of a queue were offered, and the socket took some of them, or broke.
    #[inline]
    fn taken(
        &mut self,
        key: u32,
        now: Millis,
        offered: usize,
        result: io::Result<usize>,
        observe: impl FnMut(AppId, Micros),
    ) -> Flush {
        let taken = match result {
            Ok(taken) => taken,
            Err(error) if is_full(&error) => 0,
            Err(error) => return Flush::nothing(FlushState::Failed(error)),
        };
        if taken > 0 {
            self.queues[key as usize].progress = Recent::new(now);
        }
        let (messages, tagged) = self.written(key, taken, observe);
        let queue = &mut self.queues[key as usize];
        let state = if queue.head == NONE {
            FlushState::Empty
        } else {
            let (is_refused, before) = (taken < offered, queue.flags);
            let state = if is_refused {
                queue.flags |= BLOCKED | REFUSED;
                FlushState::Blocked
            } else {
                self.mark_dirty(key);
                FlushState::More
            };
            self.note_written(key, is_refused && before & REFUSED == 0);
            state
        };
        Flush {
            messages,
            tagged,
            state,
        }
    }

    /// So many bytes of a queue have been taken; how many messages have gone out whole with that, and how many of them
    /// are tagged.
    fn written(
        &mut self,
        key: u32,
        mut taken: usize,
        mut observe: impl FnMut(AppId, Micros),
    ) -> (u32, u32) {
        let (mut messages, mut tagged) = (0, 0);
        let form = self.queues[key as usize].form();
        while taken > 0 {
            let queue = &mut self.queues[key as usize];
            let first = match self.slots[queue.head as usize].held {
                Held::Message(message) => message,
                Held::Span(span) => match span.log() {
                    Some(log) => self.logs.at(log, span.from),
                    None => break,
                },
            };
            let message = self.store.get(first);
            let bytes = self.store.ready(first, form);
            let rest = bytes.map_or(0, <[u8]>::len) - queue.written as usize;
            if taken < rest {
                queue.written += taken as u32;
                break;
            }
            taken -= rest;
            if message.class.is_message() {
                messages += message.messages;
                tagged += message.tagged();
                if let Some((app, since)) = self.store.tell_last(first) {
                    observe(app, since);
                }
            }
            self.pop(key);
        }
        (messages, tagged)
    }

    /// Gathers what waits and writes it: one frame as it lies, little as one copy, much as parts. What is still to be
    /// compressed waits, and all that is behind it; nothing is written if that comes first.
    fn write_parts(
        &mut self,
        queue: &Queue,
        write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> Option<(usize, io::Result<usize>)> {
        if queue.form() != Form::Plain {
            self.prepare(queue.head, queue.form());
        }
        let Outbox {
            slots,
            store,
            logs,
            scratch,
            ..
        } = self;
        let first = slots[queue.head as usize];
        let only = match first.held {
            _ if first.next != NONE => None,
            Held::Message(message) => Some(message),
            Held::Span(span) if span.len() == 1 => Some(logs.at(span.log()?, span.from)),
            Held::Span(_) => None,
        };
        if let Some(only) = only {
            let part = &store.ready(only, queue.form())?[queue.written as usize..];
            let part = &part[..part.len().min(WRITE_BYTES_MAX)];
            return Some((part.len(), write(&[IoSlice::new(part)])));
        }
        let mut parts = Chain {
            slots,
            store,
            logs,
            form: queue.form(),
            slot: queue.head,
            at: None,
            skip: queue.written as usize,
        };
        if queue.bytes as usize <= COPY_BYTES_MAX {
            scratch.clear();
            parts.for_each(|part| scratch.extend_from_slice(part));
            return match scratch.len() {
                0 => None,
                bytes => Some((bytes, write(&[IoSlice::new(scratch)]))),
            };
        }
        let mut slices = [IoSlice::new(&[]); PARTS_MAX];
        let (mut count, mut offered) = (0, 0);
        for (slice, part) in slices.iter_mut().zip(&mut parts) {
            let room = WRITE_BYTES_MAX - offered;
            *slice = IoSlice::new(&part[..part.len().min(room)]);
            count += 1;
            offered += slice.len();
            if offered == WRITE_BYTES_MAX {
                break;
            }
        }
        (count > 0).then(|| (offered, write(&slices[..count])))
    }

    /// Has the forms made of what comes next from this slot on, as much as one write may take, or as a flush may
    /// cost.
    fn prepare(&mut self, slot: u32, form: Form) {
        let Outbox {
            slots,
            store,
            logs,
            deflate_bytes_min,
            ..
        } = self;
        let (mut slot, mut parts, mut bytes, mut made) = (slot, 0, 0, 0);
        let mut make = |message| {
            made += store.prepare(message, form, *deflate_bytes_min);
            let form = store.ready(message, form);
            bytes += form.map_or(0, <[u8]>::len);
            parts += 1;
            let is_much = bytes >= WRITE_BYTES_MAX || made >= PACKED_MAX || parts == PARTS_MAX;
            form.is_some() && !is_much
        };
        while let Some(Slot { held, next }) = slots.get(slot as usize) {
            let goes_on = match held {
                Held::Message(message) => make(*message),
                Held::Span(span) if span.misses() => false,
                Held::Span(span) => logs.span(*span).all(&mut make),
            };
            if !goes_on {
                break;
            }
            slot = *next;
        }
    }
}

/// Whether a socket takes nothing more now.
fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// The unwritten bytes of a queue, part by part, up to what is still to be compressed, or to be told as missed.
struct Chain<'a> {
    slots: &'a Slab<Slot>,
    store: &'a Store,
    logs: &'a Logs,
    form: Form,
    slot: u32,
    /// The entry of the span in this slot that comes next, if it is not the first.
    at: Option<Place>,
    skip: usize,
}

impl<'a> Iterator for Chain<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let slot = self.slots.get(self.slot as usize)?;
        let message = match slot.held {
            Held::Message(message) => {
                self.slot = slot.next;
                message
            }
            Held::Span(span) if self.at.is_none() && span.misses() => return None,
            Held::Span(span) => {
                let at = self.at.unwrap_or(span.from);
                self.at = Some(at.next()).filter(|next| *next != span.to);
                if self.at.is_none() {
                    self.slot = slot.next;
                }
                self.logs.at(span.log()?, at)
            }
        };
        let skip = std::mem::take(&mut self.skip);
        let bytes = self.store.ready(message, self.form);
        if bytes.is_none() {
            self.slot = NONE;
        }
        bytes.map(|bytes| &bytes[skip..])
    }
}
