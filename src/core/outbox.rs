//! Every write queue, in one slab.
//!
//! A message is stored once, however many connections it waits for: each copy is a slot of eight bytes that names
//! it, and the last copy to leave frees it. A connection's queue is the head and tail of a chain of slots.
//!
//! **The invariant.** A connection with queued bytes is *dirty* or *blocked*, never neither. Only a push makes queued
//! bytes, and it enters the dirty list itself; only a flush sets blocked; only a writable edge clears it.
//!
//! **A run** is what is published to a room, waiting once for all the members that have nothing else to wait for: they
//! have no slots, get the same bytes in one write each, and the run is on a list of its own in their place.
//!
//! **Full means drop, visibly.** Messages are bounded by number and bytes; vital ones, answers, pings, pongs and the
//! close frame always fit. An empty queue takes any one message, and one whose socket has refused nothing yet takes all:
//! whether it is too much for this client is known once it is written, and how much comes before that is bounded by the
//! reactor. After a drop the queue *lags*: it drops on until it is at most half full, and then the reactor tells the
//! client how many it missed.
//!
//! **A batch** is several messages in one frame buffer, published as one: it is stored once, takes one slot and one
//! place of a queue's bound on messages (all of its bytes count), and is queued, dropped and freed whole. What clients
//! and counters are told is in messages: a dropped batch of `n` is `n` missed, one that has gone out whole is `n` sent.
//!
//! It never touches a socket, and it never decides what to do about a full queue: it says so.

mod crowd;
mod discard;
mod flush;
mod invariants;
mod queue;
mod repack;
mod run;
mod store;

use std::collections::VecDeque;

use slab::Slab;

pub use self::crowd::{Also, Crowd};
pub use self::flush::{Flush, FlushState};
pub use self::queue::Backlog;
use self::queue::Queue;
pub use self::run::Published;
use self::run::Runs;
use self::store::Store;
pub use self::store::Stored;
use crate::bounds::QueueBounds;
use crate::id::{AppId, ConnId};
use crate::time::{Micros, Millis};
use crate::wire::frame::{Class, Frame};

/// The end of a chain of slots.
const NONE: u32 = u32::MAX;
/// Pongs that may wait for a client that reads; more of them, or any second one for a client that does not, and only
/// the newest ping is answered (RFC 6455 §5.5.3).
const PONGS_MAX: u8 = 16;
/// What a slot costs, for the memory budget.
const SLOT_BYTES: u64 = (size_of::<Slot>() + SLAB_BYTES) as u64;
/// What a place in a slab costs beside what is in it: it may hold the way to the next empty one, and says which it does.
const SLAB_BYTES: usize = size_of::<usize>();

const DIRTY: u8 = 1;
const BLOCKED: u8 = 2;
const LAGGING: u8 = 4;
const FINISHING: u8 = 8;
/// Some of what waits has been refused; cleared only when the queue has been empty.
const REFUSED: u8 = 16;
/// Messages from this client may be compressed.
const INFLATES: u8 = 32;
/// Messages to it are.
const PACKS: u8 = 64;

/// All queues of all connections.
pub struct Outbox {
    queues: Vec<Queue>,
    store: Store,
    slots: Slab<Slot>,
    runs: Runs,
    /// Connections whose queues are to be flushed.
    dirty: VecDeque<u32>,
    /// Whether a member of a run comes next, and not a queue.
    run_is_next: bool,
    /// How many queues have been given out to be flushed.
    given_queues: u64,
    /// Queues that the last published message did not fit.
    full: Vec<u32>,
    scratch: Vec<u8>,
    deflate_bytes_min: u32,
}

#[derive(Clone, Copy)]
struct Slot {
    message: u32,
    next: u32,
}

/// What became of a message that was offered to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It waits.
    Queued,
    /// It did not fit and was dropped for this connection; the queue lags.
    Dropped,
    /// It did not fit, and nothing was changed.
    Full,
    /// The connection is gone or about to be: nothing more is queued for it.
    Gone,
}

impl Outbox {
    /// Room for so many connections without growing; shorter messages than `deflate_bytes_min` are never compressed.
    pub fn with_capacity(connections: usize, deflate_bytes_min: u32) -> Outbox {
        Outbox {
            queues: Vec::with_capacity(connections),
            store: Store::default(),
            slots: Slab::new(),
            runs: Runs::default(),
            dirty: VecDeque::new(),
            run_is_next: false,
            given_queues: 0,
            full: Vec::new(),
            scratch: Vec::with_capacity(flush::COPY_BYTES_MAX),
            deflate_bytes_min,
        }
    }

    /// What has been done since this was last asked, as `work` counts it.
    pub fn take_cost(&mut self) -> u64 {
        self.store.take_cost()
    }

    /// Whether something is being compressed.
    pub fn is_packing(&self) -> bool {
        self.store.is_packing()
    }

    /// Whether something that was published by this app is.
    pub fn is_packing_for(&self, app: AppId) -> bool {
        self.store.is_packing_for(app)
    }

    /// Compresses no more what nobody waits for any more.
    pub fn stop_packing(&mut self) {
        self.store.stop_packing();
    }

    /// Goes on with compressing what is too long to be compressed at once.
    pub fn pack_slice(&mut self) {
        self.store.pack_slice();
    }

    /// Opens the column entry of a connection that was accepted.
    pub fn open(&mut self, conn: ConnId) {
        let key = conn.key as usize;
        if key >= self.queues.len() {
            self.queues.resize(key + 1, Queue::closed());
        }
        let flags = self.queues[key].flags;
        debug_assert!(flags & FINISHING != 0, "a key is opened once");
        self.queues[key] = Queue {
            generation: conn.generation,
            flags: flags & DIRTY,
            ..Queue::closed()
        };
    }

    /// Closes the column entry and frees what waits; how many messages that was, each of a batch.
    #[must_use = "messages that are thrown away are counted"]
    pub fn close(&mut self, key: u32) -> u32 {
        let discarded = self.discard(key);
        let dirty = self.queues[key as usize].flags & DIRTY;
        // The dirty list may still name it; the flag stays so that it is entered only once.
        self.queues[key as usize] = Queue {
            flags: FINISHING | dirty,
            ..Queue::closed()
        };
        discarded
    }

    /// The connection has become a member of this app.
    pub fn assign(&mut self, key: u32, app: AppId) {
        self.queues[key as usize].app = Some(app);
    }

    /// From now on messages from this connection may be compressed, and messages to it are, if it `packs`.
    pub fn deflate(&mut self, key: u32, packs: bool) {
        self.leave_run(key);
        self.queues[key as usize].flags |= if packs { INFLATES | PACKS } else { INFLATES };
    }

    /// Puts a message into the store, from where any number of queues can take a copy.
    pub fn store(&mut self, frame: Frame, app: AppId, now: Micros) -> Stored {
        self.store.put(frame, app, now, false)
    }

    /// The same for what is published: see [`Outbox::is_packing_for`].
    pub fn store_published(&mut self, frame: Frame, app: AppId, now: Micros) -> Stored {
        self.store.put(frame, app, now, true)
    }

    /// Gives the store's own copy back.
    pub fn release(&mut self, message: Stored) {
        self.store.release(message);
    }

    /// Offers a copy of a stored message to the queue of an open key. `lag` says what full means: the message is
    /// dropped and the queue lags, or nothing happens.
    pub fn offer(&mut self, key: u32, message: &Stored, bounds: &QueueBounds, lag: bool) -> Offer {
        if self.queues[key as usize].run != NONE {
            self.leave_run(key);
        }
        let queue = &self.queues[key as usize];
        if queue.flags & FINISHING != 0 {
            return Offer::Gone;
        }
        let form = self
            .store
            .form(message, queue.packs(), self.deflate_bytes_min);
        let stored = self.store.get(form);
        match stored.class {
            Class::Message => {
                let bytes = u64::from(queue.bytes) + u64::from(stored.weight);
                let fits = queue.messages == 0
                    || queue.flags & REFUSED == 0
                    || (queue.messages < bounds.messages_max
                        && bytes <= u64::from(bounds.bytes_max));
                if queue.flags & LAGGING != 0 || !fits {
                    let messages = stored.messages;
                    return self.refuse(key, messages, lag);
                }
                self.push(key, form);
            }
            Class::Vital | Class::Answer => {
                self.push(key, form);
            }
            Class::Pong => self.push_pong(key, form),
            Class::Close => {
                self.push(key, form);
                self.queues[key as usize].flags |= FINISHING;
            }
        }
        Offer::Queued
    }

    /// Queues a frame that always fits for one connection: an answer, a ping, a pong, a close frame.
    pub fn post(&mut self, key: u32, frame: Frame, now: Micros) -> Offer {
        debug_assert!(
            frame.class() != Class::Message,
            "a message may not fit: offer it"
        );
        let stored = self.store(frame, AppId::Ops, now);
        let offer = self.offer(key, &stored, &QueueBounds::default(), false);
        self.release(stored);
        offer
    }

    /// The socket takes bytes again.
    pub fn unblock(&mut self, key: u32, now: Millis) {
        let queue = &mut self.queues[key as usize];
        if queue.flags & BLOCKED != 0 {
            queue.progress = now;
            self.reopen(key);
        }
    }

    /// The socket may take bytes again, although no edge says so: unlike one, this is no progress.
    pub fn reopen(&mut self, key: u32) {
        let queue = &mut self.queues[key as usize];
        if queue.flags & BLOCKED != 0 {
            queue.flags &= !BLOCKED;
            self.mark_dirty(key);
        }
    }

    /// The next connection that has something to write; whoever takes it flushes it. Queues and members of runs take
    /// turns, so that what is for one connection does not wait behind what is for a whole room.
    pub fn next_dirty(&mut self) -> Option<u32> {
        if !self.dirty.is_empty() {
            self.run_is_next = !self.run_is_next;
            if !self.run_is_next {
                return self.next_queue();
            }
        }
        self.next_of_runs().or_else(|| self.next_queue())
    }

    fn next_queue(&mut self) -> Option<u32> {
        let key = self.dirty.pop_front()?;
        self.given_queues += 1;
        self.queues[key as usize].flags &= !DIRTY;
        Some(key)
    }

    /// If the queue lags and is at most half full: how many messages were missed. It lags no longer.
    pub fn recover(&mut self, key: u32, bounds: &QueueBounds) -> Option<u32> {
        let queue = &mut self.queues[key as usize];
        let half = queue.messages <= bounds.messages_max / 2 && queue.bytes <= bounds.bytes_max / 2;
        if queue.flags & LAGGING == 0 || !half {
            return None;
        }
        queue.flags &= !LAGGING;
        Some(std::mem::take(&mut queue.missed))
    }

    fn refuse(&mut self, key: u32, messages: u32, lag: bool) -> Offer {
        if !lag {
            return Offer::Full;
        }
        let queue = &mut self.queues[key as usize];
        queue.flags |= LAGGING;
        queue.missed = queue.missed.saturating_add(messages);
        Offer::Dropped
    }

    fn push(&mut self, key: u32, message: u32) -> u32 {
        let slot = self.slots.insert(Slot {
            message,
            next: NONE,
        }) as u32;
        let stored = self.store.copy(message);
        let queue = &mut self.queues[key as usize];
        if queue.head == NONE {
            queue.head = slot;
            queue.flags &= !REFUSED;
            // A deadline for progress runs from here; the reactor's time is at hand as the message's.
            queue.progress = stored.stored.millis();
        } else {
            self.slots[queue.tail as usize].next = slot;
        }
        queue.tail = slot;
        queue.messages += u32::from(stored.class.is_message());
        queue.bytes += stored.weight;
        self.mark_dirty(key);
        slot
    }

    /// Queues a pong, or gives it the place of the newest one that waits.
    fn push_pong(&mut self, key: u32, message: u32) {
        let queue = self.queues[key as usize];
        let pongs_max = if queue.flags & BLOCKED != 0 {
            1
        } else {
            PONGS_MAX
        };
        let has_begun = queue.pong == queue.head && queue.written > 0;
        if queue.pong == NONE || queue.pongs < pongs_max || has_begun {
            let slot = self.push(key, message);
            let queue = &mut self.queues[key as usize];
            queue.pong = slot;
            queue.pongs += 1;
            return;
        }
        self.store.copy(message);
        let older = std::mem::replace(&mut self.slots[queue.pong as usize].message, message);
        let (older_bytes, bytes) = (self.store.get(older).weight, self.store.get(message).weight);
        let queue = &mut self.queues[key as usize];
        queue.bytes = queue.bytes - older_bytes + bytes;
        self.store.drop_copy(older);
    }

    fn pop(&mut self, key: u32) -> Option<()> {
        let queue = &mut self.queues[key as usize];
        if queue.head == NONE {
            return None;
        }
        let slot = self.slots.remove(queue.head as usize);
        let message = self.store.get(slot.message);
        queue.pongs -= u8::from(message.class == Class::Pong);
        if queue.pong == queue.head {
            queue.pong = NONE;
        }
        queue.head = slot.next;
        queue.tail = if slot.next == NONE { NONE } else { queue.tail };
        queue.messages -= u32::from(message.class.is_message());
        queue.bytes -= message.weight - queue.written;
        queue.written = 0;
        self.store.drop_copy(slot.message);
        Some(())
    }

    fn mark_dirty(&mut self, key: u32) {
        let queue = &mut self.queues[key as usize];
        if queue.flags & (DIRTY | BLOCKED) == 0 && queue.head != NONE {
            queue.flags |= DIRTY;
            self.dirty.push_back(key);
        }
    }

    /// All keys that may have a backlog are below this.
    pub fn backlog_keys(&self) -> u32 {
        match self.slots.is_empty() {
            true => 0,
            false => self.queues.len() as u32,
        }
    }

    /// Queues that are to be flushed, in their order.
    pub fn dirty_queues(&self) -> usize {
        self.dirty.len()
    }

    /// How many queues have been given out to be flushed, ever.
    pub fn given_queues(&self) -> u64 {
        self.given_queues
    }

    /// Members of runs that are to be flushed; some may have nothing to write any more.
    pub fn dirty_members(&self) -> usize {
        self.runs.members_left()
    }

    /// Connections that are to be flushed; of those in runs, some may have nothing to write any more.
    pub fn dirty(&self) -> usize {
        self.dirty_queues() + self.dirty_members()
    }

    /// Bytes that all queues hold, each message once.
    pub fn held_bytes(&self) -> u64 {
        self.store.held_bytes() + self.slots.len() as u64 * SLOT_BYTES
    }

    /// Copies that wait in all queues, of a batch one each.
    pub fn queued(&self) -> usize {
        self.slots.len() + self.runs.queued()
    }

    /// Messages in the store, a batch as one.
    pub fn stored(&self) -> usize {
        self.store.len()
    }
}

#[cfg(test)]
mod tests;
