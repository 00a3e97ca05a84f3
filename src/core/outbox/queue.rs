//! One connection's queue: what is kept of it, and what can be asked of it.
//!
//! Nothing is changed here.

use super::{BLOCKED, FINISHING, INFLATES, LAGGING, NONE, Outbox, PACKS, REFUSED};
use crate::id::{AppId, ConnId};
use crate::time::Millis;

/// One connection's queue.
#[derive(Clone, Copy)]
pub(super) struct Queue {
    pub(super) generation: u32,
    pub(super) head: u32,
    pub(super) tail: u32,
    /// The run that it takes part in, which is all that it waits for.
    pub(super) run: u32,
    /// Bytes of the head that the kernel has already.
    pub(super) written: u32,
    /// Messages that wait, a batch as one; answers and control frames are not counted.
    pub(super) messages: u32,
    /// Bytes that wait, of everything.
    pub(super) bytes: u32,
    /// Messages dropped since the queue began to lag, each of a batch.
    pub(super) missed: u32,
    /// The slot of the newest pong that waits.
    pub(super) pong: u32,
    /// When the kernel last took something, or when something began to wait.
    pub(super) progress: Millis,
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
            written: 0,
            messages: 0,
            bytes: 0,
            missed: 0,
            pong: NONE,
            progress: Millis(0),
            flags: FINISHING,
            pongs: 0,
            app: None,
        }
    }

    /// Whether this client is sent messages compressed.
    pub(super) fn packs(&self) -> bool {
        self.flags & PACKS != 0
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

    /// Whether messages were dropped of which the client has not been told.
    pub fn is_lagging(&self, key: u32) -> bool {
        self.queues[key as usize].flags & LAGGING != 0
    }

    /// Whether a close frame waits or has gone out.
    pub fn is_finishing(&self, key: u32) -> bool {
        self.queues[key as usize].flags & FINISHING != 0
    }

    /// Bytes that wait for one connection.
    pub fn backlog_bytes(&self, key: u32) -> u32 {
        let queue = &self.queues[key as usize];
        queue.bytes + self.runs.bytes(queue.run)
    }

    /// Bytes that wait for one connection in its own queue: what would be given up with it.
    pub fn own_bytes(&self, key: u32) -> u32 {
        self.queues[key as usize].bytes
    }

    /// What waits for one connection because its socket has refused some of it; nothing for a queue that only waits
    /// for the end of the turn.
    pub fn backlog(&self, key: u32) -> Backlog {
        let queue = &self.queues[key as usize];
        let refused = queue.flags & REFUSED != 0;
        Backlog {
            messages: if refused { queue.messages } else { 0 },
            bytes: if refused { queue.bytes } else { 0 },
        }
    }

    /// The app that a connection is a member of, or was; none while it speaks HTTP.
    pub fn app(&self, key: u32) -> Option<AppId> {
        self.queues[key as usize].app
    }

    /// Since when a queue, some of which the socket has refused, has made no progress.
    pub fn stalled_since(&self, key: u32) -> Option<Millis> {
        let queue = &self.queues[key as usize];
        let refused = queue.flags & (BLOCKED | REFUSED) != 0 && queue.head != NONE;
        refused.then_some(queue.progress)
    }

    /// Messages that wait for one connection, each of a batch; it counts them one by one, for tests and simulation.
    pub fn messages(&self, key: u32) -> u64 {
        let queue = &self.queues[key as usize];
        let (mut slot, mut messages) = (queue.head, u64::from(self.runs.messages(queue.run)));
        while slot != NONE {
            messages += u64::from(self.messages_of(slot));
            slot = self.slots[slot as usize].next;
        }
        messages
    }
}
