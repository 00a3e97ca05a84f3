//! One connection's queue to its socket: one write, however much waits.
//!
//! What is written is a single frame as it lies, a little as one copy, or much as parts; the writing itself is the
//! caller's.

use std::io::{self, IoSlice};

use slab::Slab;

use super::store::Store;
use super::{BLOCKED, NONE, Outbox, Queue, REFUSED, Slot};
use crate::id::AppId;
use crate::time::{Micros, Millis};

/// Up to so many bytes, what waits is copied together and written as one piece: for small frames a vectored write
/// costs more than the copy.
pub(super) const COPY_BYTES_MAX: usize = 64 << 10;
/// Parts of one vectored write; the kernel's own limit.
pub(super) const PARTS_MAX: usize = 1024;
/// Bytes of one write, but for those of a run, of which no more waits than may be published between two flushes. What
/// is left goes out in the next turn, so that a long backlog keeps nobody else waiting.
const WRITE_BYTES_MAX: usize = 256 << 10;
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
    pub fn flush(
        &mut self,
        key: u32,
        now: Millis,
        write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
        observe: impl FnMut(AppId, Micros),
    ) -> Flush {
        let queue = self.queues[key as usize];
        let has_run = queue.run != NONE;
        if !has_run && queue.head == NONE || queue.flags & BLOCKED != 0 {
            let state = if queue.head == NONE {
                FlushState::Empty
            } else {
                FlushState::Blocked
            };
            return Flush::nothing(state);
        }
        let written = match has_run {
            true => self.write_run(key, write),
            false => self.write_parts(&queue, write),
        };
        let Some((offered, result)) = written else {
            // What comes first is being compressed.
            self.leave_run(key);
            self.mark_dirty(key);
            return Flush::nothing(FlushState::More);
        };
        let taken = match result {
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => {
                return Flush::nothing(FlushState::Failed(error));
            }
        };
        let short = taken < offered;
        if has_run && !short {
            let (messages, tagged) = self.finish_run(key, observe);
            return Flush {
                messages,
                tagged,
                state: FlushState::Empty,
            };
        }
        if has_run {
            // The socket is full: what is left waits in its own queue, and not on the dirty list.
            self.queues[key as usize].flags |= BLOCKED;
            self.leave_run(key);
        }
        if taken > 0 {
            self.queues[key as usize].progress = now;
        }
        let (messages, tagged) = self.written(key, taken, observe);
        let queue = &mut self.queues[key as usize];
        let state = if queue.head == NONE {
            FlushState::Empty
        } else if short {
            queue.flags |= BLOCKED | REFUSED;
            FlushState::Blocked
        } else {
            self.mark_dirty(key);
            FlushState::More
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
        while taken > 0 {
            let queue = &mut self.queues[key as usize];
            let message = self.store.get(self.slots[queue.head as usize].message);
            let rest = message.bytes.len() - queue.written as usize;
            if taken < rest {
                queue.written += taken as u32;
                queue.bytes -= taken as u32;
                break;
            }
            taken -= rest;
            if message.class.is_message() {
                messages += message.messages;
                tagged += message.tagged();
                if message.copies == 1 {
                    observe(message.app, message.stored);
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
        let Outbox {
            slots,
            store,
            scratch,
            ..
        } = self;
        let mut parts = Chain {
            slots,
            store,
            slot: queue.head,
            skip: queue.written as usize,
        };
        if slots[queue.head as usize].next == NONE {
            let part = parts.next()?;
            let part = &part[..part.len().min(WRITE_BYTES_MAX)];
            return Some((part.len(), write(&[IoSlice::new(part)])));
        }
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
}

/// The unwritten bytes of a queue, part by part.
struct Chain<'a> {
    slots: &'a Slab<Slot>,
    store: &'a Store,
    slot: u32,
    skip: usize,
}

impl<'a> Iterator for Chain<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.slot == NONE {
            return None;
        }
        let slot = self.slots[self.slot as usize];
        self.slot = slot.next;
        let skip = std::mem::take(&mut self.skip);
        let bytes = self.store.get(slot.message).ready();
        if bytes.is_none() {
            self.slot = NONE;
        }
        bytes.map(|bytes| &bytes[skip..])
    }
}
