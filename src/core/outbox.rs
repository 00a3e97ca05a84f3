//! What every connection has still to be written: its queue, all of them in one slab.
//!
//! A message is stored once, however many connections it waits for. What is published in a numbering is an entry of its
//! *log*, and a connection that has still to get some of it has a *span*: a slot that names the first and the last of them,
//! however many they are. What is for one connection alone is a slot that names the message. A queue is the head and tail
//! of a chain of slots, in the order in which they are written.
//!
//! **The invariant.** A connection with queued bytes is *dirty* or *blocked*, never neither. Only a push makes queued
//! bytes, and it enters the dirty list itself; only a flush sets blocked; only a writable edge clears it.
//!
//! **A run** is what is published to a room, waiting once for all the members that have nothing else to wait for: they
//! have no slots, get the same bytes in one write each, and the run is on a list of its own in their place.
//!
//! **Full means skip, visibly.** No queue of which a socket has refused some is longer than its bounds, by number and bytes,
//! or than one message (how much there is before it is known whether the socket refuses some is bounded by the reactor, which
//! lets publishers wait): of what was published the oldest is skipped, or all but the newest, or the connection is closed. What was skipped is counted in the
//! span behind it, and told in that place. Vital messages, answers, pings, pongs and the close frame always fit.
//!
//! **A batch** is several messages in one frame buffer, published as one: it is stored once, takes one place of a queue's
//! bound on messages (all of its bytes count), and is queued, skipped and freed whole. What clients and counters are told is
//! in messages: a skipped batch of `n` is `n` missed, one that has gone out whole is `n` sent.
//!
//! It never touches a socket, and it never decides what to do about a full queue: the bounds that it is given do.

mod chain;
mod crowd;
mod cut;
mod discard;
mod flush;
mod gaps;
mod invariants;
mod kept;
mod log;
mod queue;
mod reader;
mod repack;
mod resume;
mod run;
mod store;

use std::collections::VecDeque;

use slab::Slab;

pub use self::crowd::{Also, Crowd};
pub use self::flush::{Flush, FlushState};
use self::gaps::Gaps;
pub use self::kept::{Kept, Reopened};
use self::log::{Logs, Missed, Numbers, Span};
pub use self::queue::Backlog;
use self::queue::Queue;
pub use self::reader::Gap;
pub use self::resume::{Got, Resumption, Wanted};
use self::run::Runs;
pub use self::run::publish::Published;
use self::store::Store;
pub use self::store::Stored;
use crate::bounds::{HistoryBounds, QueueBounds};
use crate::id::{AppId, ConnId, LogId};
use crate::position::Position;
use crate::time::{Micros, Millis, Recent};
use crate::wire::frame::{Class, Frame};

/// The end of a chain of slots.
const NONE: u32 = u32::MAX;
/// Pongs that may wait for a client that reads; more of them, or any second one for a client that does not, and only
/// the newest ping is answered (RFC 6455 §5.5.3).
const PONGS_MAX: u8 = 16;
/// What a slot costs, for the memory budget.
const SLOT_BYTES: u64 = (size_of::<Slot>() + SLAB_BYTES) as u64;
/// What the place of what is missed costs.
const MISSED_BYTES: u64 = (size_of::<Missed>() + SLAB_BYTES) as u64;
/// What a place in a slab costs beside what is in it: it may hold the way to the next empty one, and says which it does.
const SLAB_BYTES: usize = size_of::<usize>();

const DIRTY: u8 = 1;
const BLOCKED: u8 = 2;
const FINISHING: u8 = 4;
/// Some of what waits has been refused; cleared only when the queue has been empty.
const REFUSED: u8 = 8;
/// Messages from this client may be compressed.
const INFLATES: u8 = 16;
/// Messages to it are.
const PACKS: u8 = 32;
/// It may be longer than its bounds, because a history reaches as far back.
const OVER: u8 = 64;
/// Messages to it are a stream of events.
const EVENTS: u8 = 128;

/// All queues of all connections.
pub struct Outbox {
    queues: Vec<Queue>,
    store: Store,
    logs: Logs,
    slots: Slab<Slot>,
    /// What clients do not get and are to be told of, each named by a span.
    missed: Slab<Missed>,
    runs: Runs,
    /// Connections whose queues are to be flushed.
    dirty: VecDeque<u32>,
    /// Whether a member of a run comes next, and not a queue.
    run_is_next: bool,
    /// How many queues have been given out to be flushed.
    given_queues: u64,
    /// Queues that the last published message did not fit, and that are to be closed for it.
    full: Vec<u32>,
    /// Queues that may be longer than their bounds.
    over: Vec<u32>,
    /// Those of them that have been written to since they were last looked at.
    written_over: Vec<u32>,
    gaps: Gaps,
    /// Copies that wait in slots; an entry of a span is one.
    queued: usize,
    scratch: Vec<u8>,
    deflate_bytes_min: u32,
}

#[derive(Clone, Copy)]
struct Slot {
    held: Held,
    next: u32,
}

/// What a slot stands for.
#[derive(Clone, Copy)]
enum Held {
    /// A message for this connection alone.
    Message(u32),
    /// Messages of a log.
    Span(Span),
}

/// What became of a message that was offered to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It waits.
    Queued,
    /// It did not fit and was dropped for this connection, which will be told.
    Dropped,
    /// It did not fit, for which the connection is to be closed.
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
            logs: Logs::default(),
            slots: Slab::new(),
            missed: Slab::new(),
            runs: Runs::default(),
            dirty: VecDeque::new(),
            run_is_next: false,
            given_queues: 0,
            full: Vec::new(),
            over: Vec::new(),
            written_over: Vec::new(),
            gaps: Gaps::default(),
            queued: 0,
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
            flags: flags & (DIRTY | OVER),
            ..Queue::closed()
        };
    }

    /// Closes the column entry and frees what waits; how many messages that was, each of a batch.
    #[must_use = "messages that are thrown away are counted"]
    pub fn close(&mut self, key: u32) -> u32 {
        let discarded = self.discard(key);
        self.gaps.forget(key);
        let listed = self.queues[key as usize].flags & (DIRTY | OVER);
        // Lists may still name it; the flags stay so that it is entered only once.
        self.queues[key as usize] = Queue {
            flags: FINISHING | listed,
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
        debug_assert!(
            self.queues[key as usize].messages == 0 && self.queues[key as usize].run == NONE,
            "compression is agreed on before there are messages"
        );
        self.queues[key as usize].flags |= if packs { INFLATES | PACKS } else { INFLATES };
    }

    /// From now on what is queued for this connection goes out as a stream of events.
    pub fn stream(&mut self, key: u32) {
        self.queues[key as usize].flags |= EVENTS;
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

    /// Opens a log for what this app publishes in one numbering, which its epoch tells from others.
    pub fn open_log(&mut self, app: AppId, epoch: u32) -> LogId {
        self.logs.open(app, epoch)
    }

    /// The position of what was published last in a log.
    pub fn position(&self, log: LogId) -> Position {
        self.logs.position(log)
    }

    /// What is kept of what an app publishes, and what one of its readers may wait for.
    pub fn bound_history(&mut self, app: AppId, bounds: HistoryBounds, queue_bytes_max: u32) {
        self.logs.bound_history(app, bounds, queue_bytes_max);
    }

    /// Keeps nothing any more that is too old, but for so many entries that are left for the next time; how many they
    /// were.
    pub fn expire_histories(&mut self, now: Micros, entries_max: usize) -> usize {
        self.logs.expire(now, entries_max, &mut self.store)
    }

    /// Whether logs have become too long, or histories shorter than readers are behind, or a reader that is longer than its
    /// bounds is now known to be slow.
    #[inline]
    pub fn has_trimmed(&self) -> bool {
        self.logs.has_trimmed() || !self.written_over.is_empty()
    }

    /// When something may be too old to be kept; it may be too early.
    pub fn next_expiry(&self) -> Option<Millis> {
        self.logs.next_expiry()
    }

    /// Keeps less of what was published, the oldest first, by so many entries; how many that was.
    pub fn shorten_histories(&mut self, entries_max: usize) -> usize {
        self.logs.keep_less(entries_max, &mut self.store)
    }

    /// Closes a log: nothing is published in it any more, and its readers get what they have still to get.
    pub fn close_log(&mut self, log: LogId) {
        self.logs.close(log, &mut self.store);
    }

    /// Offers a copy of a stored message to the queue of an open key, for that connection alone. It may be that one's own
    /// words for what was published last in a log.
    pub fn offer(
        &mut self,
        key: u32,
        message: &Stored,
        newest_of: Option<LogId>,
        bounds: &QueueBounds,
    ) -> Offer {
        if self.queues[key as usize].run != NONE {
            self.leave_run(key);
        }
        let queue = &self.queues[key as usize];
        if queue.flags & FINISHING != 0 {
            return Offer::Gone;
        }
        let stored = self.store.get(message.key());
        match stored.class {
            Class::Message => {
                if !queue.takes(stored.weight(), bounds) {
                    let gap = newest_of.map_or(Numbers::NONE, |log| self.logs.newest(log));
                    return self.refuse(key, stored.messages, gap, bounds);
                }
                self.push(key, message.key());
            }
            Class::Vital | Class::Answer => {
                self.push(key, message.key());
            }
            Class::Pong => self.push_pong(key, message.key()),
            Class::Close => {
                self.push(key, message.key());
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
        let offer = self.offer(key, &stored, None, &QueueBounds::default());
        self.release(stored);
        offer
    }

    /// The socket takes bytes again.
    pub fn unblock(&mut self, key: u32, now: Millis) {
        let queue = &mut self.queues[key as usize];
        if queue.flags & BLOCKED != 0 {
            queue.progress = Recent::new(now);
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
        let slots_bytes =
            self.slots.len() as u64 * SLOT_BYTES + self.missed.len() as u64 * MISSED_BYTES;
        self.store.held_bytes() + self.logs.held_bytes() + self.gaps.held_bytes() + slots_bytes
    }

    /// Those of them that are messages kept for clients that come back.
    pub fn history_bytes(&self) -> u64 {
        self.logs.history_bytes()
    }

    /// Those of them that are held of clients that have been told of gaps.
    pub fn gaps_bytes(&self) -> u64 {
        self.gaps.held_bytes()
    }

    /// Copies that wait in all queues, of a batch one each.
    pub fn queued(&self) -> usize {
        self.queued + self.runs.queued()
    }

    /// Messages in the store, a batch as one.
    pub fn stored(&self) -> usize {
        self.store.len()
    }
}

#[cfg(test)]
mod tests;
