//! Runs: what is published to a room waits once for all of its members, instead of in each of their queues.
//!
//! A run is the messages that the same members get one behind the other. A member that has nothing else to wait
//! for takes part; the others have spans in their own queues, as has one that leaves the run: because something else is
//! queued for it, or because its socket takes less than all. So a queue is never in two minds: it has a run, or slots, or nothing.
//!
//! A run is flushed like a queue, member by member, with one write each of the same bytes. Once the first has been
//! written to, or somebody has joined or left a room, it takes no more messages: the next ones begin another run.
//!
//! Nothing is skipped here: no more is published to a member that has not been written to than half of what its queue
//! holds, and one message.

mod invariants;
pub(super) mod publish;
mod write;

use std::collections::VecDeque;

use slab::Slab;

use super::crowd::{Crowd, Rooms};
use super::flush::PARTS_MAX;
use super::log::Place;
use super::{BLOCKED, FINISHING, NONE, Outbox, Queue};
use crate::id::{AppId, LogId, RoomId};
use crate::time::Micros;

/// A smaller room is not worth a run.
const MEMBERS_MIN: usize = 2;
/// Runs that are looked through for one to go on with.
const RUNS_MAX: usize = 64;
/// Members of a run that are written to before the next run has its turn: a small room does not wait for a large one.
const SLICE: usize = 32;

/// All runs.
#[derive(Default)]
pub(super) struct Runs {
    runs: Slab<Run>,
    /// All of them, the next one to be written to first.
    listed: VecDeque<u32>,
    /// Runs that have begun to be written, by the app whose messages they are.
    underway: [u32; AppId::ALL.len()],
    /// Runs that are over, for the room in their lists.
    spare: Vec<Run>,
    /// Members that a run has not come to yet, of all of them.
    members_left: usize,
    /// What is written to each member of the run that is flushed, in each form.
    joined: [Joined; 3],
    begun: u64,
}

#[derive(Default)]
struct Run {
    /// No other run has this number.
    number: u64,
    rooms: Option<Rooms>,
    app: Option<AppId>,
    changes: u64,
    /// The log that its messages are of; none, if they are of no numbering.
    log: Option<LogId>,
    messages: Vec<Told>,
    /// Messages, each of a batch.
    count: u32,
    /// Those of them that are tagged.
    tagged: u32,
    bytes: u32,
    /// Who took part when it began; those whose queue says so still do.
    members: Vec<u32>,
    /// Somebody may have been written to: it takes no more messages.
    is_sealed: bool,
    /// Members that are past.
    next: usize,
    /// Members that take part and are not written to yet.
    waiting: u32,
    /// Members that do not take part: messages are queued for them one by one.
    others: Vec<u32>,
}

/// A message of a run, of which the run holds a copy.
#[derive(Clone, Copy)]
struct Told {
    message: u32,
    /// Its place in the log.
    at: Place,
}

/// The messages of a run, as one piece.
#[derive(Default)]
struct Joined {
    number: u64,
    bytes: Vec<u8>,
}

impl Runs {
    /// Runs that somebody waits for.
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Members that are to be flushed, or were.
    pub(super) fn members_left(&self) -> usize {
        self.members_left
    }

    /// Copies that wait.
    pub(super) fn queued(&self) -> usize {
        let copies = |run: &Run| run.waiting as usize * run.messages.len();
        self.runs.iter().map(|(_, run)| copies(run)).sum()
    }

    /// Bytes that wait for each member of a run, before they are compressed.
    pub(super) fn bytes(&self, run: u32) -> u32 {
        match run {
            NONE => 0,
            run => self.runs[run as usize].bytes,
        }
    }

    /// Messages that wait for each member of a run, each of a batch.
    pub(super) fn messages(&self, run: u32) -> u32 {
        match run {
            NONE => 0,
            run => self.runs[run as usize].count,
        }
    }

    /// The place of the first message of this log that is in a run.
    pub(super) fn first_of(&self, log: LogId) -> Option<Place> {
        let runs = self.runs.iter().filter(|(_, run)| run.log == Some(log));
        let firsts = runs.filter_map(|(_, run)| run.messages.first());
        let earlier = |one: Place, other: Place| if other.is_before(one) { other } else { one };
        firsts.map(|told| told.at).reduce(earlier)
    }

    /// Lets the room go that a burst has grown.
    pub(super) fn shrink(&mut self) {
        self.spare = Vec::new();
        if self.runs.is_empty() {
            self.runs = Slab::new();
            self.joined = Default::default();
        }
    }

    fn find(&self, crowd: &Crowd<'_>, app: AppId, log: Option<LogId>) -> Option<u32> {
        let goes_on = |run: &Run| {
            run.rooms == Some(crowd.rooms())
                && run.app == Some(app)
                && run.log == log
                && run.changes == crowd.changes
                && !run.is_sealed
                && run.messages.len() < PARTS_MAX
        };
        let mut runs = self.runs.iter();
        runs.find(|(_, run)| goes_on(run))
            .map(|(key, _)| key as u32)
    }
}

impl Outbox {
    /// Begins a run of everybody in a room who has nothing else to wait for, if that is most of them.
    fn begin_run(&mut self, crowd: &Crowd<'_>, app: AppId, log: Option<LogId>) -> Option<u32> {
        let runs = &mut self.runs;
        if crowd.len() < MEMBERS_MIN || runs.runs.len() >= RUNS_MAX {
            return None;
        }
        let Run {
            mut members,
            mut others,
            messages,
            ..
        } = runs.spare.pop().unwrap_or_default();
        let entry = runs.runs.vacant_entry();
        let run = entry.key() as u32;
        self.store.mark(crowd.len());
        for key in crowd.keys() {
            let queue = &mut self.queues[key as usize];
            if queue.may_take_part() {
                queue.run = run;
                members.push(key);
            } else {
                others.push(key);
            }
        }
        runs.begun += 1;
        let begun = Run {
            number: runs.begun,
            rooms: Some(crowd.rooms()),
            app: Some(app),
            changes: crowd.changes,
            log,
            waiting: members.len() as u32,
            messages,
            members,
            others,
            ..Run::default()
        };
        if begun.members.len() < begun.others.len() {
            for &key in &begun.members {
                self.queues[key as usize].run = NONE;
            }
            runs.recycle(begun);
            return None;
        }
        runs.members_left += begun.members.len();
        entry.insert(begun);
        runs.listed.push_back(run);
        Some(run)
    }

    /// The next member of a run that is to be flushed. The runs take turns. Whoever is given out is flushed, discarded or
    /// closed before the next one is asked for, and a run ends with the last of them.
    pub(super) fn next_of_runs(&mut self) -> Option<u32> {
        loop {
            let Runs {
                runs,
                listed,
                members_left,
                underway,
                ..
            } = &mut self.runs;
            let run = *listed.front()?;
            let found = &mut runs[run as usize];
            if found.next == 0 {
                found.seal(underway);
            }
            let key = *found.members.get(found.next)?;
            found.next += 1;
            *members_left -= 1;
            if self.queues[key as usize].run == run {
                if found.next.is_multiple_of(SLICE) {
                    listed.rotate_left(1);
                }
                return Some(key);
            }
        }
    }

    /// Whether a message of this app has been written to some of those who get it, and not yet to all.
    pub fn is_telling(&self, app: AppId) -> bool {
        self.runs.underway[app as usize] > 0
    }

    /// Whether that is so of a message to this room.
    pub fn is_telling_room(&self, app: AppId, room: RoomId) -> bool {
        let is_told = |run: &Run| {
            run.is_sealed
                && run
                    .rooms
                    .is_some_and(|(one, also)| one == room || also == Some(room))
        };
        self.is_telling(app) && self.runs.runs.iter().any(|(_, run)| is_told(run))
    }

    /// How many runs have begun, which is the number of the last.
    pub fn runs_begun(&self) -> u64 {
        self.runs.begun
    }

    /// The number of the oldest run of this app that has been written to some, [`u64::MAX`] if there is none.
    pub fn oldest_told(&self, app: AppId) -> u64 {
        let runs = self.runs.runs.iter().map(|(_, run)| run);
        let told = runs.filter(|run| run.is_sealed && run.app == Some(app));
        told.map(|run| run.number).min().unwrap_or(u64::MAX)
    }

    /// Takes a connection out of its run, and queues for it what waits for it there.
    pub(super) fn leave_run(&mut self, key: u32) {
        let run = self.queues[key as usize].run;
        if run == NONE {
            return;
        }
        self.queues[key as usize].run = NONE;
        for index in 0..self.runs.runs[run as usize].messages.len() {
            let Run { log, messages, .. } = &self.runs.runs[run as usize];
            let (log, Told { message, at }) = (*log, messages[index]);
            match log {
                Some(log) => self.push_entry(key, log, at),
                None => _ = self.push(key, message),
            }
        }
        self.left_run(run, key);
    }

    /// Takes a connection out of its run, and forgets what waits for it there; how many messages that was.
    pub(super) fn abandon_run(&mut self, key: u32) -> u32 {
        let run = std::mem::replace(&mut self.queues[key as usize].run, NONE);
        let messages = self.runs.messages(run);
        if run != NONE {
            self.left_run(run, key);
        }
        messages
    }

    fn left_run(&mut self, run: u32, key: u32) {
        let found = &mut self.runs.runs[run as usize];
        found.others.push(key);
        found.waiting -= 1;
        if found.waiting == 0 {
            self.end_run(run);
        }
    }

    /// A member has been written all of a run; how many messages that was, and how many of them are tagged. `observe`
    /// is told of those that now have gone out to everybody.
    pub(super) fn finish_run(
        &mut self,
        key: u32,
        mut observe: impl FnMut(AppId, Micros),
    ) -> (u32, u32) {
        let run = std::mem::replace(&mut self.queues[key as usize].run, NONE);
        let Runs { runs, underway, .. } = &mut self.runs;
        let found = &mut runs[run as usize];
        found.seal(underway);
        let counts = (found.count, found.tagged);
        found.waiting -= 1;
        if found.waiting == 0 {
            for told in &found.messages {
                if let Some((app, since)) = self.store.tell_last(told.message) {
                    observe(app, since);
                }
            }
            self.end_run(run);
        }
        counts
    }

    /// Ends a run that nobody waits for any more, and frees its messages.
    fn end_run(&mut self, run: u32) {
        let Runs {
            runs,
            listed,
            members_left,
            underway,
            ..
        } = &mut self.runs;
        listed.retain(|listed| *listed != run);
        let mut over = runs.remove(run as usize);
        *members_left -= over.members.len() - over.next;
        if over.is_sealed
            && let Some(app) = over.app
        {
            underway[app as usize] -= 1;
        }
        for Told { message, at } in over.messages.drain(..) {
            self.store.drop_copy(message);
            if let Some(log) = over.log {
                self.logs.let_go(log, at, &mut self.store);
            }
        }
        self.runs.recycle(over);
    }
}

impl Runs {
    /// Keeps the room in the lists of a run that is over.
    fn recycle(&mut self, mut over: Run) {
        over.members.clear();
        over.others.clear();
        self.spare.push(over);
    }
}

impl Run {
    /// Nothing is added to it from now on.
    fn seal(&mut self, underway: &mut [u32; AppId::ALL.len()]) {
        if !self.is_sealed
            && let Some(app) = self.app
        {
            self.is_sealed = true;
            underway[app as usize] += 1;
        }
    }
}

impl Queue {
    /// Whether it has nothing to wait for, and a socket that takes what it is given.
    fn may_take_part(&self) -> bool {
        self.run == NONE && self.head == NONE && self.flags & (BLOCKED | FINISHING) == 0
    }
}
