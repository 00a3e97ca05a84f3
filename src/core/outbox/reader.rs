//! One connection as a reader of logs: what it has still to get, what it skips because that is too much, and what it is
//! told of that.
//!
//! An entry of which some has gone out is never skipped: a frame that has begun is written to its end.

use serde::Serialize;

use super::log::{Missed, Numbers, Place, Span};
use super::queue::Queue;
use super::{FINISHING, Held, NONE, OVER, Offer, Outbox, REFUSED, Slot};
use crate::bounds::{OnFull, QueueBounds};
use crate::id::{AppId, LogId};
use crate::position::Position;
use crate::time::{Micros, Recent};
use crate::wire::frame::Frame;
use crate::work;

/// Entries that a reader skips for one message that is published, at most: the others are skipped before the turn is over,
/// or in later ones.
const OFFER_SKIPS_MAX: usize = 16;
/// Entries that readers skip in a turn at most, beside those: half a millisecond.
const TURN_SKIPS_MAX: usize = 8192;

/// Messages that a client did not get, and is to be told of now: before the next one that it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// How many, each of a batch.
    pub missed: u32,
    /// The position before the first of them that has one.
    pub since: Option<Position>,
}

/// What became of an entry that was offered, and how many messages were skipped for it.
pub(super) struct Offered {
    pub(super) offer: Offer,
    pub(super) skipped: u32,
}

impl Outbox {
    /// Offers the newest entry of a log to a reader.
    pub(super) fn offer_entry(
        &mut self,
        key: u32,
        (log, at): (LogId, Place),
        bounds: &QueueBounds,
    ) -> Offered {
        if self.queues[key as usize].run != NONE {
            self.leave_run(key);
        }
        let offered = |offer, skipped| Offered { offer, skipped };
        let queue = &self.queues[key as usize];
        if queue.flags & FINISHING != 0 {
            return offered(Offer::Gone, 0);
        }
        let message = self.logs.at(log, at);
        let takes = queue.takes(self.store.get(message).weight(), bounds);
        if takes {
            self.push_entry(key, log, at);
            return offered(Offer::Queued, 0);
        }
        let is_behind = bounds.on_full == OnFull::Drop || !self.is_in_history(key);
        if is_behind && bounds.on_full == OnFull::Disconnect {
            return offered(Offer::Full, 0);
        }
        self.push_entry(key, log, at);
        let skipped = if is_behind {
            self.skip_behind(key, bounds, &mut { OFFER_SKIPS_MAX })
        } else {
            0
        };
        self.note_over(key, bounds);
        offered(Offer::Queued, skipped)
    }

    /// Whether the oldest entry that a reader may skip is one that the history has, so that it may be behind as far.
    fn is_in_history(&mut self, key: u32) -> bool {
        let oldest = self.oldest(key);
        oldest.is_some_and(|(_, (log, at))| self.logs.is_kept(log, at))
    }

    /// Skips the oldest entries of a reader that is longer than its bounds, as far as no history has them; or all but the
    /// newest; so many entries at most, and what is left is for [`Outbox::keep_up`]. Says how many messages that was.
    fn skip_behind(&mut self, key: u32, bounds: &QueueBounds, entries_left: &mut usize) -> u32 {
        let mut skipped = 0;
        let is_latest = bounds.on_full == OnFull::Latest;
        while (is_latest || self.queues[key as usize].is_over(bounds))
            && let Some((slot, (log, at))) = self.oldest(key)
            && match is_latest {
                true => !self.is_newest(key, slot),
                false => !self.logs.is_kept(log, at),
            }
        {
            if *entries_left == 0 {
                self.logs.look_again();
                break;
            }
            *entries_left -= 1;
            skipped += self.skip(key, slot);
        }
        skipped
    }

    /// Whether the first entry of this slot is the last that a reader has still to get.
    fn is_newest(&self, key: u32, slot: u32) -> bool {
        let is_one = matches!(self.slots[slot as usize].held, Held::Span(span) if span.len() <= 1);
        let mut behind = self.chain(self.slots[slot as usize].next);
        let is_entry = |held: Held| matches!(held, Held::Span(span) if span.len() > 0);
        debug_assert!(
            self.queues[key as usize].span == slot,
            "the oldest is asked about"
        );
        is_one && !behind.any(is_entry)
    }

    /// Remembers a reader that is longer than its bounds, as the history allows.
    pub(super) fn note_over(&mut self, key: u32, bounds: &QueueBounds) {
        let queue = &mut self.queues[key as usize];
        if queue.flags & OVER == 0 && queue.is_over(bounds) {
            queue.flags |= OVER;
            self.over.push(key);
        }
    }

    /// Has a reader looked at whose socket has refused something for the first time, until when it could be longer; or one
    /// that was longer than its bounds and has got something, so that what is oldest now may be older than that was.
    #[cold]
    pub(super) fn note_written(&mut self, key: u32, is_first_refused: bool) {
        let queue = &mut self.queues[key as usize];
        if queue.flags & OVER == 0 && is_first_refused && queue.messages > 1 {
            queue.flags |= OVER;
            self.over.push(key);
        }
        if queue.flags & OVER != 0 {
            self.written_over.push(key);
        }
    }

    /// Looks at the readers that are longer than their bounds: at all, if histories have become shorter, or at those that
    /// have been written to. They may be no more behind than those reach. Says how many messages they skip for it, by app;
    /// the connections that are to be closed instead are named by [`Outbox::next_full`].
    pub fn keep_up(&mut self, bounds: impl Fn(AppId) -> QueueBounds) -> [u64; AppId::ALL.len()] {
        let mut skipped = [0; AppId::ALL.len()];
        let written = std::mem::take(&mut self.written_over);
        let mut entries_left = TURN_SKIPS_MAX;
        if !self.logs.take_shortened() {
            for key in written {
                self.catch_up(key, &bounds, &mut entries_left, &mut skipped);
            }
            return skipped;
        }
        let mut over = std::mem::take(&mut self.over);
        over.retain(|&key| {
            if entries_left == 0 {
                return true;
            }
            let stays = self.catch_up(key, &bounds, &mut entries_left, &mut skipped);
            let queue = &mut self.queues[key as usize];
            queue.flags &= if stays { !0 } else { !OVER };
            stays
        });
        self.over = over;
        if entries_left == 0 {
            self.logs.look_again();
        }
        skipped
    }

    /// The same for one; whether it is still longer than its bounds.
    fn catch_up(
        &mut self,
        key: u32,
        bounds: impl Fn(AppId) -> QueueBounds,
        entries_left: &mut usize,
        skipped: &mut [u64; AppId::ALL.len()],
    ) -> bool {
        self.store.spend(work::COPY);
        let queue = &self.queues[key as usize];
        let Some(app) = queue.app.filter(|_| queue.flags & FINISHING == 0) else {
            return false;
        };
        let bounds = bounds(app);
        // What has refused nothing yet is written in this turn or the next, or found out to be too slow.
        let is_bounded = queue.is_over(&bounds) && queue.flags & REFUSED != 0;
        if is_bounded && self.oldest(key).is_some() && !self.is_in_history(key) {
            match bounds.on_full {
                OnFull::Disconnect => self.full.push(key),
                _ => {
                    let messages = self.skip_behind(key, &bounds, entries_left);
                    skipped[app as usize] += u64::from(messages);
                }
            }
        }
        self.queues[key as usize].is_over(&bounds)
    }

    /// Queues an entry of a log behind all that a reader has still to get.
    pub(super) fn push_entry(&mut self, key: u32, log: LogId, at: Place) {
        let stored = self.store.copy(self.logs.at(log, at));
        let (bytes, since) = (stored.weight(), Recent::new(stored.stored.millis()));
        self.queued += 1;
        let tail = self.queues[key as usize].tail;
        match self.slots.get_mut(tail as usize).map(|slot| &mut slot.held) {
            Some(Held::Span(span)) if span.ends => {
                let span = Span {
                    is_apart: true,
                    ..Span::one(log, at)
                };
                let slot = self.append(key, Held::Span(span), since);
                self.may_skip(key, slot);
            }
            Some(Held::Span(span)) if span.log() == Some(log) && span.to == at => {
                span.to = at.next();
                self.may_skip(key, tail);
            }
            Some(Held::Span(span)) if span.len() == 0 => {
                let missed = span.missed;
                *span = Span {
                    missed,
                    ..Span::one(log, at)
                };
                self.may_skip(key, tail);
            }
            _ => {
                let slot = self.append(key, Held::Span(Span::one(log, at)), since);
                self.may_skip(key, slot);
            }
        }
        let queue = &mut self.queues[key as usize];
        queue.messages += 1;
        queue.bytes += bytes;
        self.mark_dirty(key);
    }

    /// Counts messages that a connection does not get, behind all that it has still to get.
    pub(super) fn miss(&mut self, key: u32, missed: Missed) {
        let queue = &self.queues[key as usize];
        let (tail, since) = (queue.tail, queue.progress);
        match self.slots.get(tail as usize).map(|slot| slot.held) {
            Some(Held::Span(span)) if span.len() == 0 && !span.ends => {
                self.missed[span.missed as usize].add(missed);
            }
            _ => {
                let missed = self.missed.insert(missed) as u32;
                self.append(key, Held::Span(Span::missed(missed)), since);
            }
        }
    }

    /// The last span of a queue has something to be skipped: it is the first, if none before it has.
    pub(super) fn may_skip(&mut self, key: u32, slot: u32) {
        let queue = &mut self.queues[key as usize];
        if queue.span == NONE {
            queue.span = slot;
        }
    }

    /// The first span from this slot on of which something may be skipped is remembered.
    pub(super) fn next_span(&mut self, key: u32, mut slot: u32) {
        while let Some(Slot { held, next }) = self.slots.get(slot as usize) {
            if matches!(held, Held::Span(span) if span.len() > 0) {
                break;
            }
            slot = *next;
        }
        self.queues[key as usize].span = slot;
    }

    /// The oldest entry that a reader has still to get and of which nothing has gone out, and its slot.
    fn oldest(&mut self, key: u32) -> Option<(u32, (LogId, Place))> {
        let queue = &self.queues[key as usize];
        if queue.span == queue.head && queue.written > 0 {
            self.part_begun(key);
        }
        let slot = self.queues[key as usize].span;
        match self.slots.get(slot as usize)?.held {
            Held::Span(span) => Some((slot, (span.log()?, span.from))),
            Held::Message(_) => None,
        }
    }

    /// The first entry of the first span has begun to go out: it becomes a span of its own, which is never skipped.
    pub(super) fn part_begun(&mut self, key: u32) {
        let queue = &mut self.queues[key as usize];
        let head = queue.head;
        let slot = &mut self.slots[head as usize];
        let Held::Span(span) = &mut slot.held else {
            return;
        };
        let next = slot.next;
        if span.len() <= 1 {
            if queue.span == head {
                self.next_span(key, next);
            }
            return;
        }
        let rest = Span {
            from: span.from.next(),
            ..*span
        };
        span.to = rest.from;
        span.ends = false;
        let held = Held::Span(rest);
        let behind = self.slots.insert(Slot { held, next }) as u32;
        self.slots[head as usize].next = behind;
        if queue.tail == head {
            queue.tail = behind;
        }
        if queue.span == head {
            queue.span = behind;
        }
    }

    /// Skips the first entry of a span, of which nothing has gone out; how many messages that is.
    pub(super) fn skip(&mut self, key: u32, slot: u32) -> u32 {
        let Held::Span(span) = &mut self.slots[slot as usize].held else {
            return 0;
        };
        let Some(log) = span.log() else { return 0 };
        let at = span.from;
        let (message, mut gap) = self.logs.numbered(log, at);
        let stored = self.store.get(message);
        let messages = stored.messages;
        gap.count = messages;
        span.from = at.next();
        let missed = Missed { messages, gap };
        match self.missed.get_mut(span.missed as usize) {
            Some(earlier) => earlier.add(missed),
            None => span.missed = self.missed.insert(missed) as u32,
        }
        let is_over = span.len() == 0;
        let queue = &mut self.queues[key as usize];
        queue.messages -= 1;
        queue.bytes -= stored.weight();
        self.queued -= 1;
        self.store.spend(work::COPY);
        self.store.drop_copy(message);
        self.logs.let_go(log, at, &mut self.store);
        if is_over {
            self.merge(key, slot);
        }
        messages
    }

    /// Of a span nothing is left but what is missed: that is told with what the span behind it misses, if there is one.
    fn merge(&mut self, key: u32, slot: u32) {
        let Slot { held, next } = self.slots[slot as usize];
        let behind = self.slots.get(next as usize).copied();
        if let (
            Held::Span(over),
            Some(Slot {
                held: Held::Span(span),
                next: last,
            }),
        ) = (held, behind)
            && !span.is_apart
        {
            let missed = over.missed;
            if span.misses() {
                let later = self.missed.remove(span.missed as usize);
                self.missed[missed as usize].add(later);
            }
            self.slots[slot as usize] = Slot {
                held: Held::Span(Span {
                    missed,
                    is_apart: over.is_apart,
                    ..span
                }),
                next: last,
            };
            self.slots.remove(next as usize);
            let queue = &mut self.queues[key as usize];
            if queue.tail == next {
                queue.tail = slot;
            }
            if queue.span == next {
                queue.span = slot;
            }
        }
        if self.queues[key as usize].span == slot {
            self.next_span(key, slot);
        }
    }

    /// What a client is to be told that it missed, before anything else that waits for it.
    #[inline]
    pub fn gap(&self, key: u32) -> Option<Gap> {
        let slot = self.slots.get(self.queues[key as usize].head as usize)?;
        match slot.held {
            Held::Span(span) if span.misses() => {
                let missed = &self.missed[span.missed as usize];
                Some(Gap {
                    missed: missed.messages,
                    since: missed.gap.before(),
                })
            }
            _ => None,
        }
    }

    /// The client is told of its gap with this frame, which comes before all that waits.
    pub fn tell_gap(&mut self, key: u32, frame: Frame, now: Micros) {
        let head = self.queues[key as usize].head;
        if let Some(slot) = self.slots.get_mut(head as usize)
            && let Held::Span(span) = &mut slot.held
        {
            let missed = std::mem::replace(&mut span.missed, NONE);
            if span.len() == 0 {
                self.pop_slot(key);
            }
            let missed = self.missed.try_remove(missed as usize);
            self.remember_gap(key, missed.map_or(Numbers::NONE, |missed| missed.gap));
        }
        let stored = self.store(frame, AppId::Ops, now);
        let bytes = self.store.copy(stored.key()).weight();
        let queue = &mut self.queues[key as usize];
        let slot = self.slots.insert(Slot {
            held: Held::Message(stored.key()),
            next: queue.head,
        }) as u32;
        queue.head = slot;
        if queue.tail == NONE {
            queue.tail = slot;
        }
        queue.bytes += bytes;
        self.queued += 1;
        self.release(stored);
        self.mark_dirty(key);
    }
}

impl Queue {
    /// Whether one more message of so many bytes may wait: it is within the bounds, or the first one, or the socket has
    /// refused nothing yet. Then it is only a turn's, and publishers wait for it to be written.
    pub(super) fn takes(&self, bytes: u32, bounds: &QueueBounds) -> bool {
        self.messages == 0
            || self.flags & REFUSED == 0
            || self.messages < bounds.messages_max
                && u64::from(self.bytes) + u64::from(bytes) <= u64::from(bounds.bytes_max)
    }

    /// Whether it is longer than its bounds, and more than one message.
    fn is_over(&self, bounds: &QueueBounds) -> bool {
        self.messages > 1 && (self.messages > bounds.messages_max || self.bytes > bounds.bytes_max)
    }
}
