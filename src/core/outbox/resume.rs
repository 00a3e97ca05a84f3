//! Resuming: what a client gets of what was published while it was not there, or was too slow for.
//!
//! It is planned first, so that the client can be told what comes, and then queued as spans of the log, which take no
//! more memory for many messages than for one. Both are one step of the loop, and the connection joins its room in the same: so
//! nothing is between what it gets of the past and what is new, and nothing comes twice.

use super::log::{Numbers, Place, Span};
use super::{Held, NONE, Outbox};
use crate::bounds::QueueBounds;
use crate::id::{AppId, LogId, Topic};
use crate::position::{Position, Since};
use crate::time::{Micros, Recent};
use crate::wire::frame::Frame;
use crate::wire::packing;
use crate::work;

/// Which messages of a log a client wants.
pub enum Wanted<'a> {
    /// All.
    All,
    /// All but those of these numbers: what it has done itself, and is not told of. They are in order, and those of them
    /// that are kept have this topic.
    But(Topic, &'a [u64]),
    /// Those of the topics for which this is so.
    Some(&'a dyn Fn(Topic) -> bool),
}

/// What a client has got already that resumes while it is connected.
pub enum Got<'a> {
    /// Nothing: it comes in.
    Nothing,
    /// All that it wants, but for the gaps that it was told of.
    All,
    /// The same, and from now on it may want something else.
    Every,
    /// The same of these topics; of others nothing.
    Some(&'a dyn Fn(Topic) -> bool),
}

/// What a client that resumes will get.
#[derive(Debug)]
#[must_use = "what was planned is replayed"]
pub struct Resumption {
    log: Option<LogId>,
    /// The first entry, if the client has some of its messages, and how many.
    part: Option<(Place, u32)>,
    /// The client has messages between them.
    is_apart: bool,
    /// Entries that follow each other.
    spans: Vec<(Place, Place)>,
    /// Messages that follow.
    pub sent: u32,
    /// Messages that are lost for good; none, if nobody can tell how many.
    pub missed: Option<u64>,
    /// The position before the first message that the client gets from now on.
    pub position: Position,
    /// The number since when it has all that it wanted, from now on.
    counts_from: u64,
    /// The number behind which no gap is left.
    closed: u64,
}

impl Resumption {
    /// Nothing, from this position on; and nobody can tell what is missed.
    fn none(position: Position) -> Resumption {
        Resumption {
            log: None,
            part: None,
            spans: Vec::new(),
            is_apart: false,
            sent: 0,
            missed: None,
            position,
            counts_from: 0,
            closed: 0,
        }
    }
}

impl Resumption {
    /// The same for a client that wants only some of what it is told of: its gaps stay open for the others.
    pub fn keeping_gaps(self) -> Resumption {
        Resumption {
            closed: u64::MAX,
            ..self
        }
    }
}

impl Outbox {
    /// What a client gets that asks for what was published since then in a log. Entries that are looked at for it are work.
    pub fn resume(
        &mut self,
        key: u32,
        log: LogId,
        since: Option<Since>,
        wanted: &Wanted<'_>,
        got: &Got<'_>,
    ) -> Resumption {
        let position = self.logs.position(log);
        let counts_from = self.counts_from(key, position.number);
        let (goes_on, is_new) = (matches!(got, Got::All), matches!(got, Got::Nothing));
        let nothing = Resumption {
            closed: u64::MAX,
            counts_from: if goes_on {
                counts_from
            } else {
                position.number
            },
            ..Resumption::none(position)
        };
        let since = match since {
            None | Some(Since::Now) => {
                let missed = Some(0);
                return Resumption { missed, ..nothing };
            }
            Some(Since::At(Position { epoch, number }))
                if epoch == position.epoch && number <= position.number =>
            {
                number
            }
            Some(Since::At(_) | Since::Nowhere) => return nothing,
        };
        if !is_new && since < counts_from {
            return nothing;
        }
        let Some(planned) = self.plan(key, log, since, wanted, got) else {
            return nothing;
        };
        let counts_from = if goes_on { counts_from } else { since };
        Resumption {
            counts_from,
            closed: since,
            ..planned
        }
    }

    /// The same for a number that it was given. Nothing, if nobody can tell.
    fn plan(
        &mut self,
        key: u32,
        log: LogId,
        since: u64,
        wanted: &Wanted<'_>,
        got: &Got<'_>,
    ) -> Option<Resumption> {
        let Outbox {
            logs, store, gaps, ..
        } = self;
        let kept_since = logs.kept_since(log);
        let gaps = gaps.since(key, since);
        // What a client has got is only looked for where it was told of a gap.
        let is_missing = |number: u64| {
            gaps.clone()
                .any(|gap| (gap.since + 1..=gap.last()).contains(&number))
        };
        let has_got = |topic: Topic, number: u64| match got {
            Got::Nothing => false,
            Got::All | Got::Every => !is_missing(number),
            Got::Some(had) => had(topic) && !is_missing(number),
        };
        let wants = |topic: Topic| match wanted {
            Wanted::All => true,
            Wanted::But(own, _) => topic != *own,
            Wanted::Some(wants) => wants(topic),
        };
        let lost = match (got, wanted) {
            // What is not kept any more is not known by its topic.
            (Got::Nothing | Got::Every, Wanted::Some(_)) | (Got::Some(_), _)
                if since < kept_since =>
            {
                return None;
            }
            (Got::All, Wanted::Some(_)) if gaps.clone().any(|gap| gap.since < kept_since) => {
                return None;
            }
            (Got::Nothing, Wanted::But(_, own)) => {
                let lost = since + 1..kept_since + 1;
                let own = own.iter().filter(|number| lost.contains(number)).count();
                kept_since.saturating_sub(since).saturating_sub(own as u64)
            }
            (Got::Nothing, _) => kept_since.saturating_sub(since),
            _ => lost_of(gaps.clone(), kept_since),
        };
        let mut found = Resumption {
            log: Some(log),
            missed: Some(lost),
            is_apart: !matches!(got, Got::Nothing),
            ..Resumption::none(logs.position(log))
        };
        let mut looked = 0;
        for (place, topic, numbers) in logs.kept_behind(log, since, store) {
            looked += 1;
            if !wants(topic) || has_got(topic, numbers.last()) {
                continue;
            }
            let from = numbers.since.max(since);
            if found.sent == 0 {
                found.position.number = from;
            }
            found.sent += (numbers.last() - from) as u32;
            if from > numbers.since {
                found.part = Some((place, (from - numbers.since) as u32));
                continue;
            }
            match found.spans.last_mut() {
                Some((_, to)) if *to == place => *to = place.next(),
                _ => found.spans.push((place, place.next())),
            }
        }
        store.spend(looked * work::LOOK);
        Some(found)
    }

    /// Queues what was planned, behind all that waits for a connection. Nothing may have been published meanwhile.
    pub fn replay(
        &mut self,
        key: u32,
        app: AppId,
        planned: Resumption,
        bounds: &QueueBounds,
        now: Micros,
    ) {
        self.count_from(key, planned.counts_from);
        self.gaps.close(key, planned.closed);
        let Some(log) = planned.log.filter(|_| planned.sent > 0) else {
            return;
        };
        if self.queues[key as usize].run != NONE {
            self.leave_run(key);
        }
        if let Some((place, had)) = planned.part {
            let batch = self.store.get(self.logs.at(log, place));
            let rest = packing::skip(&batch.bytes, had);
            let rest = Frame::batch(rest.into(), batch.messages - had);
            let rest = if batch.tagged() > 0 {
                rest.tagged()
            } else {
                rest
            };
            let rest = self.store(rest, app, now);
            self.push(key, rest.key());
            self.release(rest);
        }
        let last = planned.spans.len().saturating_sub(1);
        for (index, (from, to)) in planned.spans.into_iter().enumerate() {
            let span = Span {
                is_apart: planned.is_apart,
                ends: index == last,
                ..Span::of(log, from, to)
            };
            self.push_span(key, span, now);
        }
        self.note_over(key, bounds);
        // What waits in front of it may be too much by now, and kept no longer.
        self.note_written(key, false);
    }

    /// Queues entries of a log behind all that a reader has still to get.
    fn push_span(&mut self, key: u32, span: Span, now: Micros) {
        let Outbox { logs, store, .. } = self;
        let (mut messages, mut bytes) = (0, 0);
        for message in logs.span(span) {
            bytes += store.copy(message).weight();
            messages += 1;
        }
        self.queued += messages as usize;
        let slot = self.append(key, Held::Span(span), Recent::new(now.millis()));
        self.may_skip(key, slot);
        let queue = &mut self.queues[key as usize];
        queue.messages += messages;
        queue.bytes += bytes;
        self.mark_dirty(key);
    }

    fn count_from(&mut self, key: u32, number: u64) {
        self.queues[key as usize].counts_from = number as u32;
    }

    /// The number since when a connection has got all that it wanted, but for its gaps; told from the newest one. After as
    /// many messages as the lower half of a number counts it is taken for later than it was.
    fn counts_from(&self, key: u32, newest: u64) -> u64 {
        let behind = (newest as u32).wrapping_sub(self.queues[key as usize].counts_from);
        newest.saturating_sub(u64::from(behind))
    }

    /// A connection has been told of a gap.
    pub(super) fn remember_gap(&mut self, key: u32, gap: Numbers) {
        if gap.count == 0 {
            return;
        }
        if let Some(forgotten) = self.gaps.told(key, gap) {
            let counts_from = self.queues[key as usize].counts_from;
            // It may count since later than that: its subscription has changed, or the gap was one of a replay.
            if (forgotten as u32).wrapping_sub(counts_from) < u32::MAX / 2 {
                self.count_from(key, forgotten);
            }
        }
    }
}

/// How many messages of these gaps are not kept any more. What was sent again and missed again may be in two of them.
fn lost_of(gaps: impl Iterator<Item = Numbers>, kept_since: u64) -> u64 {
    let mut gaps: Vec<Numbers> = gaps.collect();
    gaps.sort_unstable_by_key(|gap| gap.since);
    let mut counted = 0;
    let lost = gaps.into_iter().map(|gap| {
        let from = gap.since.max(counted);
        counted = counted.max(gap.last());
        counted.min(kept_since).saturating_sub(from)
    });
    lost.sum()
}
