//! Giving back the room that a burst has grown, while some of what came with it may still wait.
//!
//! Slots and messages are named by their places in slabs, and a slab ends behind the last of them: one client that takes
//! nothing would keep the room of a million copies. So where most of the room is empty, what is left is moved together,
//! and named anew wherever it is named. Nothing else changes.

use slab::Slab;

use super::{Held, NONE, Outbox};

/// Room for slots and messages that is always kept.
const PLACES_KEPT: usize = 4096;
/// Room of which less than this part is used is given back.
const USED_PART_MIN: usize = 4;

/// Where everything is that has been moved.
pub(super) struct Moved {
    /// Whatever was named by less than this is where it was.
    kept: usize,
    /// The new places of the others.
    places: Vec<u32>,
}

impl Moved {
    /// Moves what is in a slab together, and shrinks it to that.
    pub(super) fn by_repacking<T>(slab: &mut Slab<T>) -> Moved {
        let (kept, mut places) = (slab.len(), Vec::new());
        if kept == 0 {
            *slab = Slab::new();
        }
        // The last one comes first.
        slab.compact(|_, from, to| {
            places.resize(places.len().max(from - kept + 1), NONE);
            places[from - kept] = to as u32;
            true
        });
        Moved { kept, places }
    }

    /// Names it by where it is now; the end of a chain stays one.
    fn rename(&self, place: &mut u32) {
        let moved = (*place as usize).checked_sub(self.kept);
        if let Some(now) = moved.and_then(|place| self.places.get(place)) {
            *place = *now;
        }
    }
}

impl Outbox {
    /// Lets the room go that a burst has grown.
    pub fn shrink(&mut self) {
        self.runs.shrink();
        self.logs.shrink();
        // A run and a job name messages, too, and are over soon.
        let is_quiet = self.runs.len() == 0 && !self.store.is_packing();
        if is_quiet && is_mostly_empty(self.store.len(), self.store.capacity()) {
            let messages = self.store.repack();
            for (_, slot) in &mut self.slots {
                if let Held::Message(message) = &mut slot.held {
                    messages.rename(message);
                }
            }
            self.logs.rename(|message| messages.rename(message));
        }
        if self.missed.is_empty() {
            self.missed = Slab::new();
        }
        if is_mostly_empty(self.slots.len(), self.slots.capacity()) {
            let slots = Moved::by_repacking(&mut self.slots);
            for (_, slot) in &mut self.slots {
                slots.rename(&mut slot.next);
            }
            for queue in self.queues.iter_mut().filter(|queue| queue.head != NONE) {
                slots.rename(&mut queue.head);
                slots.rename(&mut queue.tail);
                slots.rename(&mut queue.pong);
                slots.rename(&mut queue.span);
            }
        }
    }
}

fn is_mostly_empty(used: usize, places: usize) -> bool {
    places > PLACES_KEPT && used < places / USED_PART_MIN
}
