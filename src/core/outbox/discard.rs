//! What waits and is thrown away: all of it, or all but a frame that has begun to go out.

use super::{NONE, Outbox, Slot};
use crate::wire::frame::Class;

impl Outbox {
    /// Throws away all that waits but a frame that is partly written: the next one queued goes right behind it. Says
    /// how many messages that was, each of a batch.
    #[must_use = "messages that are thrown away are counted"]
    pub fn clear(&mut self, key: u32) -> u32 {
        let queue = &self.queues[key as usize];
        let first = queue.head;
        if queue.written == 0 || first == NONE {
            return self.discard(key);
        }
        let queue = &mut self.queues[key as usize];
        let Slot { message, next } = self.slots[first as usize];
        queue.head = next;
        let written = std::mem::take(&mut queue.written);
        let discarded = self.discard(key);
        // The frame that has begun is put back as the only one.
        let message_bytes = self.store.get(message).weight;
        self.slots[first as usize] = Slot {
            message,
            next: NONE,
        };
        let class = self.store.get(message).class;
        let counts = u32::from(class.is_message());
        let queue = &mut self.queues[key as usize];
        (queue.head, queue.tail, queue.written) = (first, first, written);
        (queue.messages, queue.bytes) = (counts, message_bytes - written);
        if class == Class::Pong {
            (queue.pong, queue.pongs) = (first, 1);
        }
        discarded
    }

    /// Throws away all that waits for a connection that nothing is written to any more; how many messages that was,
    /// each of a batch, and one that is partly written among them.
    #[must_use = "messages that are thrown away are counted"]
    pub fn discard(&mut self, key: u32) -> u32 {
        let mut discarded = self.abandon_run(key);
        loop {
            discarded += self.messages_of(self.queues[key as usize].head);
            if self.pop(key).is_none() {
                return discarded;
            }
        }
    }

    /// Messages that a slot is, each of a batch; answers and control frames are none, and so is the end of a chain.
    pub(super) fn messages_of(&self, slot: u32) -> u32 {
        let slot = self.slots.get(slot as usize);
        slot.map_or(0, |slot| match self.store.get(slot.message) {
            message if message.class.is_message() => message.messages,
            _ => 0,
        })
    }
}
