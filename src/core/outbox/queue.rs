//! One connection's queue: what is kept of it, and what can be asked of it.
//!
//! Nothing is changed here.

use super::store::Form;
use super::{BLOCKED, EVENTS, FINISHING, Held, INFLATES, NONE, Outbox, PACKS, REFUSED};
use crate::id::{AppId, ConnId};
use crate::time::{Millis, Recent};

/// One connection's queue.
#[derive(Clone, Copy)]
pub(super) struct Queue {
    pub(super) generation: u32,
    pub(super) head: u32,
    pub(super) tail: u32,
    /// The run that it takes part in, which is all that it waits for.
    pub(super) run: u32,
    /// The first slot with a span of which something may be skipped.
    pub(super) span: u32,
    /// Bytes of the first frame that the kernel has already, as they go out.
    pub(super) written: u32,
    /// Messages that wait, a batch as one; answers and control frames are not counted.
    pub(super) messages: u32,
    /// Bytes of all that waits, plain, and of the first frame all.
    pub(super) bytes: u32,
    /// The slot of the newest pong that waits.
    pub(super) pong: u32,
    /// When the kernel last took something, or when something began to wait.
    pub(super) progress: Recent,
    /// The lower half of the number since when it has got all that it wanted of its log, but for its gaps.
    pub(super) counts_from: u32,
    pub(super) flags: u8,
    /// Pongs that wait.
    pub(super) pongs: u8,
    /// Whose member it is, or was.
    pub(super) app: Option<AppId>,
}

/// What one connection's socket has not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Messages, a batch as one.
    pub messages: u32,
    /// Bytes, of everything.
    pub bytes: u32,
}

impl Queue {
    /// A key that nobody holds.
    pub(super) fn closed() -> Queue {
        Queue {
            generation: 0,
            head: NONE,
            tail: NONE,
            run: NONE,
            span: NONE,
            written: 0,
            messages: 0,
            bytes: 0,
            pong: NONE,
            progress: Recent::new(Millis(0)),
            counts_from: 0,
            flags: FINISHING,
            pongs: 0,
            app: None,
        }
    }

    /// The form in which this client is sent messages.
    pub(super) fn form(&self) -> Form {
        match self.flags & (PACKS | EVENTS) {
            0 => Form::Plain,
            PACKS => Form::Packed,
            _ => Form::Events,
        }
    }
}

impl Outbox {
    /// Whether this is the connection that holds its key now.
    pub fn is_current(&self, conn: ConnId) -> bool {
        self.queues
            .get(conn.key as usize)
            .is_some_and(|queue| queue.generation == conn.generation)
    }

    /// The connection that holds an open key.
    pub fn conn(&self, key: u32) -> ConnId {
        ConnId {
            key,
            generation: self.queues[key as usize].generation,
        }
    }

    /// Whether messages from this connection may be compressed.
    pub fn inflates(&self, key: u32) -> bool {
        self.queues[key as usize].flags & INFLATES != 0
    }

    /// Whether nothing waits.
    pub fn is_empty(&self, key: u32) -> bool {
        let queue = &self.queues[key as usize];
        queue.head == NONE && queue.run == NONE
    }

    /// Whether the socket was full at the last flush.
    pub fn is_blocked(&self, key: u32) -> bool {
        self.queues[key as usize].flags & BLOCKED != 0
    }

    /// Whether a close frame waits or has gone out.
    pub fn is_finishing(&self, key: u32) -> bool {
        self.queues[key as usize].flags & FINISHING != 0
    }

    /// Bytes that wait for one connection.
    pub fn backlog_bytes(&self, key: u32) -> u32 {
        let queue = &self.queues[key as usize];
        queue.bytes.saturating_sub(queue.written) + self.runs.bytes(queue.run)
    }

    /// Bytes that wait for one connection alone: what would be given up with it, of what waits for others as well its part.
    /// Its queue is walked for that.
    pub fn own_bytes(&self, key: u32) -> u32 {
        let queue = &self.queues[key as usize];
        let own = self.chain(queue.head).map(|held| match held {
            Held::Message(message) => {
                let stored = self.store.get(message);
                stored.weight() / stored.readers().max(1)
            }
            Held::Span(_) => 0,
        });
        let written = match self.chain(queue.head).next() {
            Some(Held::Message(_)) => queue.written,
            _ => 0,
        };
        own.sum::<u32>().saturating_sub(written)
    }

    /// What logs hold, with their messages.
    pub fn logs_bytes(&self) -> u64 {
        self.logs.cost()
    }

    /// What the slots of a chain stand for.
    pub(super) fn chain(&self, mut slot: u32) -> impl Iterator<Item = Held> + use<'_> {
        std::iter::from_fn(move || {
            let found = self.slots.get(slot as usize)?;
            slot = found.next;
            Some(found.held)
        })
    }

    /// What waits for one connection because its socket has refused some of it; nothing for a queue that only waits
    /// for the end of the turn.
    pub fn backlog(&self, key: u32) -> Backlog {
        let queue = &self.queues[key as usize];
        let refused = queue.flags & REFUSED != 0;
        Backlog {
            messages: if refused { queue.messages } else { 0 },
            bytes: if refused {
                queue.bytes.saturating_sub(queue.written)
            } else {
                0
            },
        }
    }

    /// The app that a connection is a member of, or was; none while it speaks HTTP.
    pub fn app(&self, key: u32) -> Option<AppId> {
        self.queues[key as usize].app
    }

    /// Since when a queue, some of which the socket has refused, has made no progress.
    pub fn stalled_since(&self, key: u32, now: Millis) -> Option<Millis> {
        let queue = &self.queues[key as usize];
        let refused = queue.flags & (BLOCKED | REFUSED) != 0 && queue.head != NONE;
        refused.then(|| queue.progress.millis(now))
    }

    /// Messages that wait for one connection, each of a batch; it counts them one by one, for tests and simulation.
    pub fn messages(&self, key: u32) -> u64 {
        let queue = &self.queues[key as usize];
        let count = |message| {
            let stored = self.store.get(message);
            u64::from(stored.class.is_message()) * u64::from(stored.messages)
        };
        let own = self.chain(queue.head).map(|held| match held {
            Held::Message(message) => count(message),
            Held::Span(span) => self.logs.span(span).map(count).sum(),
        });
        own.sum::<u64>() + u64::from(self.runs.messages(queue.run))
    }
}
