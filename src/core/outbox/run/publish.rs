//! Publishing: a message becomes the newest of its log and of a run, and waits for each of the others by itself.

use super::super::crowd::Crowd;
use super::super::log::Place;
use super::super::reader::Offered;
use super::super::store::Stored;
use super::super::{Offer, Outbox};
use super::Told;
use crate::bounds::QueueBounds;
use crate::id::{LogId, Topic};

/// What became of a message that was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// For how many it waits.
    pub receivers: u32,
    /// For how many it did not fit.
    pub refused: u32,
    /// Messages, each of a batch, that have been skipped for it.
    pub skipped: u32,
}

impl Outbox {
    /// Queues a stored message for a crowd, as the newest of a log, if it is of one. The connections that are to be closed
    /// because it did not fit are named by [`Outbox::next_full`].
    pub fn publish(
        &mut self,
        crowd: &Crowd<'_>,
        message: Stored,
        numbered: Option<(LogId, Topic)>,
        bounds: &QueueBounds,
    ) -> Published {
        let log = numbered.map(|(log, _)| log);
        let at = self.log(numbered, &message);
        let app = self.store.get(message.key()).app;
        let run = self.runs.find(crowd, app, log);
        let run = run.or_else(|| self.begin_run(crowd, app, log));
        if let (Some(run), Some(except)) = (run, crowd.except)
            && self.queues[except as usize].run == run
        {
            self.leave_run(except);
        }
        // The exception may have been the only one left in it.
        let Some(run) = run.filter(|&run| self.runs.runs.contains(run as usize)) else {
            let published = self.offer_each(crowd.keys(), crowd.except, &message, at, bounds);
            self.release_told(message, at);
            return published;
        };
        let others = std::mem::take(&mut self.runs.runs[run as usize].others);
        let keys = others.iter().copied();
        let mut published = self.offer_each(keys, crowd.except, &message, at, bounds);
        let stored = self.store.get(message.key());
        let run = &mut self.runs.runs[run as usize];
        run.others = others;
        run.count += message.messages();
        run.tagged += stored.tagged();
        run.bytes += stored.weight();
        run.messages.push(Told {
            message: message.into_key(),
            at: at.map_or(Place(0), |(_, at)| at),
        });
        published.receivers += run.waiting;
        published
    }

    /// The same for nobody: it has a number, and is kept for clients that come back.
    pub fn publish_to_nobody(&mut self, message: Stored, numbered: Option<(LogId, Topic)>) {
        let at = self.log(numbered, &message);
        self.release_told(message, at);
    }

    /// Makes a message the newest of its log, if it is of one.
    fn log(
        &mut self,
        numbered: Option<(LogId, Topic)>,
        message: &Stored,
    ) -> Option<(LogId, Place)> {
        let (log, topic) = numbered?;
        let place = self.logs.push(log, topic, message.key(), &mut self.store);
        Some((log, place))
    }

    /// Gives back the copy of a message that nobody waits for in a run.
    fn release_told(&mut self, message: Stored, at: Option<(LogId, Place)>) {
        // If that is the last one, nobody was there to get it.
        self.store.tell_last(message.key());
        self.release(message);
        if let Some((log, at)) = at {
            self.logs.let_go(log, at, &mut self.store);
        }
    }

    /// A connection whose queue was too full for what was published; each is named once.
    pub fn next_full(&mut self) -> Option<u32> {
        self.full.pop()
    }

    fn offer_each(
        &mut self,
        keys: impl Iterator<Item = u32>,
        except: Option<u32>,
        message: &Stored,
        at: Option<(LogId, Place)>,
        bounds: &QueueBounds,
    ) -> Published {
        let mut published = Published::default();
        for key in keys.filter(|key| Some(*key) != except) {
            let Offered { offer, skipped } = match at {
                Some(at) => self.offer_entry(key, at, bounds),
                None => Offered {
                    offer: self.offer(key, message, None, bounds),
                    skipped: 0,
                },
            };
            published.skipped += skipped;
            match offer {
                Offer::Queued => published.receivers += 1,
                Offer::Dropped => published.refused += 1,
                Offer::Full => {
                    published.refused += 1;
                    self.full.push(key);
                }
                Offer::Gone => {}
            }
        }
        published
    }
}
