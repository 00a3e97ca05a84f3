//! Logs that are longer than there is memory for: the oldest is given up, and its readers miss it.

use super::log::{Place, Span};
use super::queue::Queue;
use super::{Held, Outbox, REFUSED, Slot};
use crate::id::{AppId, LogId};
use crate::work;

impl Outbox {
    /// Gives up half of each of the logs that cost most, but what is being told to all at once; how many messages their
    /// readers miss by that, by app. All queues are walked for it, once.
    pub fn cut_longest_logs(&mut self) -> [u64; AppId::ALL.len()] {
        let cuts = self
            .logs
            .longest(&self.store, |log| self.runs.first_of(log));
        self.cut_logs(&cuts)
    }

    /// Gives up half of each log that is longer than any may be: different readers wait for different parts of it, none for
    /// more than it may.
    pub fn cut_too_long_logs(&mut self) -> [u64; AppId::ALL.len()] {
        let mut cuts = self.logs.take_too_long(&self.store);
        if cuts.is_empty() {
            return [0; AppId::ALL.len()];
        }
        for (log, until) in &mut cuts {
            let told = self.runs.first_of(*log);
            *until = told.filter(|told| told.is_before(*until)).unwrap_or(*until);
        }
        // Who has refused nothing is only not written to yet, and misses nothing for those who have.
        let prompt = self
            .queues
            .iter()
            .filter(|queue| queue.flags & REFUSED == 0);
        for held in prompt.flat_map(|queue| self.chain(queue.head)) {
            if let Held::Span(span) = held
                && let Some((_, until)) = cuts
                    .iter_mut()
                    .find(|(log, until)| span.is_before(*log, *until))
            {
                *until = span.from;
            }
        }
        self.cut_logs(&cuts)
    }

    fn cut_logs(&mut self, cuts: &[(LogId, Place)]) -> [u64; AppId::ALL.len()] {
        let mut missed = [0; AppId::ALL.len()];
        for key in 0..self.queues.len() as u32 {
            self.give_up(key, cuts, &mut missed);
        }
        for &(log, until) in cuts {
            self.logs.cut(log, until, &mut self.store);
        }
        missed
    }

    /// Skips what a reader has still to get of these logs before these places. A frame that has begun to go out is from then
    /// on for that connection alone.
    fn give_up(&mut self, key: u32, cuts: &[(LogId, Place)], missed: &mut [u64]) {
        // The logs are in the order of their numbers.
        let is_cut = |span: &Span| {
            let cut = cuts.binary_search_by_key(&span.log(), |&(log, _)| Some(log));
            cut.is_ok_and(|at| span.is_before(cuts[at].0, cuts[at].1))
        };
        let Queue { head, written, .. } = self.queues[key as usize];
        let mut slot = head;
        if written > 0 {
            if let Held::Span(span) = self.slots[slot as usize].held
                && let Some(log) = span.log().filter(|_| is_cut(&span))
            {
                self.part_begun(key);
                self.slots[slot as usize].held = Held::Message(self.logs.at(log, span.from));
            }
            // A part of a longer span that is not cut is not before any of the cuts either.
            slot = self.slots[slot as usize].next;
        }
        while let Some(Slot { held, next }) = self.slots.get(slot as usize) {
            self.store.spend(work::COPY);
            match held {
                Held::Span(span) if is_cut(span) => {
                    let app = span.log().map_or(AppId::Ops, |log| self.logs.app(log));
                    missed[app as usize] += u64::from(self.skip(key, slot));
                }
                _ => slot = *next,
            }
        }
    }
}
