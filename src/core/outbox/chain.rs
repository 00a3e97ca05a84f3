//! One connection's chain of slots: something is added at its end, and taken from its front.

use super::log::{Missed, Numbers};
use super::{BLOCKED, DIRTY, Held, NONE, Offer, Outbox, PONGS_MAX, REFUSED, Slot};
use crate::bounds::{OnFull, QueueBounds};
use crate::time::Recent;
use crate::wire::frame::Class;

impl Outbox {
    /// A message for one connection alone did not fit.
    pub(super) fn refuse(
        &mut self,
        key: u32,
        messages: u32,
        gap: Numbers,
        bounds: &QueueBounds,
    ) -> Offer {
        if bounds.on_full == OnFull::Disconnect {
            return Offer::Full;
        }
        self.miss(key, Missed { messages, gap });
        Offer::Dropped
    }

    #[inline]
    pub(super) fn push(&mut self, key: u32, message: u32) -> u32 {
        let stored = self.store.copy(message);
        let (counts, bytes) = (stored.class.is_message(), stored.weight());
        let since = Recent::new(stored.stored.millis());
        let slot = self.append(key, Held::Message(message), since);
        self.queued += 1;
        let queue = &mut self.queues[key as usize];
        queue.messages += u32::from(counts);
        queue.bytes += bytes;
        self.mark_dirty(key);
        slot
    }

    /// Adds a slot to a chain. The time is that of what it stands for: a deadline for progress runs from there, if nothing
    /// has waited before.
    #[inline]
    pub(super) fn append(&mut self, key: u32, held: Held, since: Recent) -> u32 {
        let slot = self.slots.insert(Slot { held, next: NONE }) as u32;
        let queue = &mut self.queues[key as usize];
        if queue.head == NONE {
            queue.head = slot;
            queue.flags &= !REFUSED;
            queue.progress = since;
        } else {
            self.slots[queue.tail as usize].next = slot;
        }
        queue.tail = slot;
        slot
    }

    /// Queues a pong, or gives it the place of the newest one that waits.
    pub(super) fn push_pong(&mut self, key: u32, message: u32) {
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
        let bytes = self.store.copy(message).weight();
        let newer = Held::Message(message);
        let older = std::mem::replace(&mut self.slots[queue.pong as usize].held, newer);
        if let Held::Message(older) = older {
            let older_bytes = self.store.get(older).weight();
            let queue = &mut self.queues[key as usize];
            queue.bytes = queue.bytes - older_bytes + bytes;
            self.store.drop_copy(older);
        }
    }

    /// Takes the first message out of a queue, the slot with it, if that is all that it stands for; how many messages
    /// that was, each of a batch. Answers and control frames are none, and neither is what is missed.
    #[inline]
    pub(super) fn pop(&mut self, key: u32) -> Option<u32> {
        let head = self.queues[key as usize].head;
        let slot = self.slots.get_mut(head as usize)?;
        match &mut slot.held {
            Held::Message(message) => {
                let message = *message;
                let messages = self.pop_copy(key, message);
                self.pop_slot(key);
                Some(messages)
            }
            Held::Span(span) => {
                let Some(log) = span.log().filter(|_| span.len() > 0) else {
                    self.pop_slot(key);
                    return Some(0);
                };
                let at = span.from;
                span.from = at.next();
                let is_over = span.len() == 0;
                let messages = self.pop_copy(key, self.logs.at(log, at));
                self.logs.let_go(log, at, &mut self.store);
                if is_over {
                    self.pop_slot(key);
                }
                Some(messages)
            }
        }
    }

    /// Counts the first message out of a queue; how many messages that was, each of a batch.
    #[inline]
    pub(super) fn pop_copy(&mut self, key: u32, message: u32) -> u32 {
        let queue = &mut self.queues[key as usize];
        let stored = self.store.get(message);
        let counts = u32::from(stored.class.is_message());
        let messages = counts * stored.messages;
        queue.pongs -= u8::from(stored.class == Class::Pong);
        queue.messages -= counts;
        queue.bytes -= stored.weight();
        queue.written = 0;
        self.queued -= 1;
        self.store.drop_copy(message);
        messages
    }

    #[cold]
    fn forget_missed(&mut self, missed: u32) {
        self.missed.remove(missed as usize);
    }

    /// Takes the first slot out of a chain. Each message costs one, so it is part of what takes it.
    #[inline(always)]
    pub(super) fn pop_slot(&mut self, key: u32) {
        let queue = &mut self.queues[key as usize];
        let first = queue.head;
        let slot = self.slots.remove(first as usize);
        if let Held::Span(span) = slot.held
            && span.misses()
        {
            self.forget_missed(span.missed);
        }
        let queue = &mut self.queues[key as usize];
        queue.head = slot.next;
        if slot.next == NONE {
            queue.tail = NONE;
        }
        if queue.pong == first {
            queue.pong = NONE;
        }
        if queue.span == first {
            self.next_span(key, slot.next);
        }
    }

    pub(super) fn mark_dirty(&mut self, key: u32) {
        let queue = &mut self.queues[key as usize];
        if queue.flags & (DIRTY | BLOCKED) == 0 && queue.head != NONE {
            queue.flags |= DIRTY;
            self.dirty.push_back(key);
        }
    }
}
