//! What holds of queues and the store between two calls.

use super::{BLOCKED, DIRTY, Held, NONE, Outbox};

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
}
