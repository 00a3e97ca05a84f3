//! What waits and is thrown away: all of it, or all but a frame that has begun to go out.

use super::queue::Queue;
use super::{Held, NONE, Outbox, REFUSED, Slot};
use crate::wire::frame::Class;

impl Outbox {
    /// Throws away all that waits but a frame that is partly written: the next one queued goes right behind it. Says
    /// how many messages that was, each of a batch.
    #[must_use = "messages that are thrown away are counted"]
    pub fn clear(&mut self, key: u32) -> u32 {
        let Queue {
            head,
            written,
            flags,
            ..
        } = self.queues[key as usize];
        let Some(&Slot { held, .. }) = self.slots.get(head as usize) else {
            return self.discard(key);
        };
        if written == 0 {
            return self.discard(key);
        }
        // The frame that has begun is held beside the queue meanwhile, and put back as the only one.
        let (begun, entry) = match held {
            Held::Message(message) => (message, None),
            Held::Span(span) => match span.log() {
                Some(log) => (self.logs.at(log, span.from), Some((log, span.from))),
                None => return self.discard(key),
            },
        };
        self.store.copy(begun);
        let class = self.store.get(begun).class;
        let kept = match class.is_message() {
            true => self.store.get(begun).messages,
            false => 0,
        };
        let discarded = self.discard(key) - kept;
        let progress = self.queues[key as usize].progress;
        match entry {
            Some((log, at)) => self.push_entry(key, log, at),
            None => _ = self.push(key, begun),
        }
        self.store.drop_copy(begun);
        let queue = &mut self.queues[key as usize];
        (queue.written, queue.progress) = (written, progress);
        queue.flags |= flags & REFUSED;
        if class == Class::Pong {
            (queue.pong, queue.pongs) = (queue.head, 1);
        }
        discarded
    }

    /// Throws away what a reader has still to get of logs, but a frame that is partly written: what is for this connection
    /// alone stays. Says how many messages that was, each of a batch.
    #[must_use = "messages that are thrown away are counted"]
    pub fn clear_spans(&mut self, key: u32) -> u32 {
        let Queue {
            head,
            written,
            flags,
            progress,
            ..
        } = self.queues[key as usize];
        let own = self.chain(head).skip(usize::from(written > 0));
        let own: Vec<u32> = own
            .filter_map(|held| match held {
                Held::Message(message) => Some(message),
                Held::Span(_) => None,
            })
            .collect();
        let mut kept = 0;
        for &message in &own {
            let stored = self.store.copy(message);
            kept += u32::from(stored.class.is_message()) * stored.messages;
        }
        let discarded = self.clear(key) - kept;
        for message in own {
            match self.store.get(message).class {
                Class::Pong => self.push_pong(key, message),
                _ => _ = self.push(key, message),
            }
            self.store.drop_copy(message);
        }
        let queue = &mut self.queues[key as usize];
        if queue.head != NONE {
            queue.progress = progress;
            queue.flags |= flags & REFUSED;
        }
        discarded
    }

    /// Throws away all that waits for a connection that nothing is written to any more; how many messages that was,
    /// each of a batch, and one that is partly written among them.
    #[must_use = "messages that are thrown away are counted"]
    pub fn discard(&mut self, key: u32) -> u32 {
        let mut discarded = self.abandon_run(key);
        while let Some(messages) = self.pop(key) {
            discarded += messages;
        }
        discarded
    }
}
