//! What holds of queues and the store between two calls.

use super::{BLOCKED, DIRTY, NONE, Outbox};

impl Outbox {
    /// Checks every rule of the module; for tests and simulation.
    ///
    /// # Panics
    /// When a rule is broken.
    pub fn check_invariants(&self) {
        let mut copies = Vec::new();
        let mut slots = 0;
        for (key, queue) in self.queues.iter().enumerate() {
            let (mut at, mut last, mut messages, mut bytes) = (queue.head, NONE, 0, 0);
            while at != NONE {
                let slot = self.slots[at as usize];
                let message = self.store.get(slot.message);
                messages += u32::from(message.class.is_message());
                bytes += message.weight;
                copies.resize(copies.len().max(slot.message as usize + 1), 0);
                copies[slot.message as usize] += 1;
                slots += 1;
                (last, at) = (at, slot.next);
            }
            assert_eq!(
                last, queue.tail,
                "the tail of {key} is the last of its chain"
            );
            assert_eq!(
                messages, queue.messages,
                "the messages of {key} are counted"
            );
            assert_eq!(
                bytes - queue.written,
                queue.bytes,
                "the bytes of {key} are counted"
            );
            let moves = queue.flags & (DIRTY | BLOCKED) != 0;
            assert!(
                moves || queue.head == NONE,
                "connection {key} has queued bytes and is neither dirty nor blocked"
            );
        }
        assert_eq!(slots, self.slots.len(), "every slot is in a chain");
        self.check_runs(&mut copies);
        self.store.check_invariants(&copies);
    }
}
