//! What holds of queues and the store between two calls.

use super::log::Place;
use super::{BLOCKED, DIRTY, FINISHING, Held, NONE, Outbox, REFUSED};
use crate::bounds::{OnFull, QueueBounds};
use crate::id::{AppId, LogId};

impl Outbox {
    /// Checks every rule of the module; for tests and simulation.
    ///
    /// # Panics
    /// When a rule is broken.
    pub fn check_invariants(&self) {
        let mut copies = Vec::new();
        let (mut slots, mut queued, mut missed) = (0, 0, 0);
        for (key, queue) in self.queues.iter().enumerate() {
            let (mut at, mut last, mut messages, mut bytes) = (queue.head, NONE, 0, 0);
            let (mut is_next, mut span) = (true, NONE);
            while at != NONE {
                let slot = self.slots[at as usize];
                let own = match slot.held {
                    Held::Message(message) => Some(message),
                    Held::Span(_) => None,
                };
                let of_log = match slot.held {
                    Held::Span(span) => Some(self.logs.span(span)),
                    Held::Message(_) => None,
                };
                for message in own.into_iter().chain(of_log.into_iter().flatten()) {
                    let stored = self.store.get(message);
                    messages += u32::from(stored.class.is_message());
                    bytes += stored.weight();
                    copies.resize(copies.len().max(message as usize + 1), 0);
                    copies[message as usize] += 1;
                    queued += 1;
                }
                if let Held::Span(held) = slot.held {
                    missed += usize::from(held.misses());
                    assert!(
                        held.len() > 0 || held.misses(),
                        "a span of {key} has something to get or to be told of"
                    );
                    let may_begin = held.len() > 0 && (at != queue.head || queue.written == 0);
                    if span == NONE && may_begin {
                        span = at;
                    }
                    is_next &= at != queue.span || span == at || span == NONE;
                }
                slots += 1;
                (last, at) = (at, slot.next);
            }
            assert!(
                is_next && (span == NONE || queue.span != NONE),
                "the oldest that {key} may skip is found"
            );
            assert_eq!(
                last, queue.tail,
                "the tail of {key} is the last of its chain"
            );
            assert_eq!(
                messages, queue.messages,
                "the messages of {key} are counted"
            );
            assert_eq!(bytes, queue.bytes, "the bytes of {key} are counted");
            let moves = queue.flags & (DIRTY | BLOCKED) != 0;
            assert!(
                moves || queue.head == NONE,
                "connection {key} has queued bytes and is neither dirty nor blocked"
            );
        }
        assert_eq!(slots, self.slots.len(), "every slot is in a chain");
        assert_eq!(
            missed,
            self.missed.len(),
            "what is missed is told by a span"
        );
        assert_eq!(queued, self.queued, "the copies that wait are counted");
        self.logs.check_invariants(&mut copies, &self.store);
        self.check_runs(&mut copies);
        self.store.check_invariants(&copies);
    }

    /// Checks that no reader is behind by more than its bounds, as they are between two turns, or than the history of what
    /// it reads; but for what has begun to go out, and for those whose socket has refused nothing yet.
    ///
    /// # Panics
    /// When one is.
    pub fn check_readers(&self, bounds: impl Fn(AppId) -> QueueBounds) {
        if self.logs.is_shortened() {
            // A log was cut for the memory budget, at the end of the turn: readers are looked at in the next.
            return;
        }
        for (key, queue) in self.queues.iter().enumerate() {
            let Some(app) = queue.app else { continue };
            let bounds = bounds(app);
            let is_bounded = queue.flags & (REFUSED | FINISHING) == REFUSED;
            let is_over = queue.messages > 1
                && (queue.messages > bounds.messages_max
                    || self.message_bytes(key as u32) > u64::from(bounds.bytes_max));
            if !is_bounded || !is_over || bounds.on_full == OnFull::Disconnect {
                continue;
            }
            let mut waiting = self.waiting(key as u32);
            let Some((log, oldest)) = waiting.next() else {
                continue;
            };
            let is_newest = bounds.on_full == OnFull::Latest && waiting.next().is_none();
            assert!(
                is_newest || self.logs.is_kept(log, oldest),
                "connection {key} is behind by no more than {bounds:?} or a history"
            );
        }
    }

    /// Bytes of the messages of a queue; answers and control frames, which always fit, are not among them.
    fn message_bytes(&self, key: u32) -> u64 {
        let held = self.chain(self.queues[key as usize].head);
        let messages = held.flat_map(|held| {
            let (own, of_log) = match held {
                Held::Message(message) => (Some(message), None),
                Held::Span(span) => (None, Some(self.logs.span(span))),
            };
            own.into_iter().chain(of_log.into_iter().flatten())
        });
        let messages = messages.map(|message| self.store.get(message));
        let messages = messages.filter(|message| message.class.is_message());
        messages.map(|message| u64::from(message.weight())).sum()
    }

    /// The entries of a queue that may be skipped, oldest first.
    fn waiting(&self, key: u32) -> impl Iterator<Item = (LogId, Place)> {
        let queue = &self.queues[key as usize];
        let begun = u32::from(queue.written > 0);
        let slots = self.chain(queue.head).enumerate();
        slots.flat_map(move |(nth, held)| {
            let span = match held {
                Held::Span(span) => Some(span),
                Held::Message(_) => None,
            };
            let span = span.and_then(|span| Some((span.log()?, span)));
            let first = if nth == 0 { begun } else { 0 };
            span.into_iter().flat_map(move |(log, span)| {
                (first..span.len()).map(move |at| (log, span.from.plus(at)))
            })
        })
    }
}
