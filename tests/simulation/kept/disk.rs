//! A disk, and what has become of what was written to it: what is synced stays, whatever happens; what is not is lost with
//! the power, but for the first of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use roomcast::bounds::Bounds;
use roomcast::engine::{Job, Restored, Row};
use roomcast::time::{Millis, Unix};

use super::state::State;
use crate::model::runs::chance::Chance;
use crate::network::{EPOCH, Power};

/// How a disk behaves.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// What a sync takes: one of these.
    pub sync: &'static [u64],
    /// Of so many syncs one fails, and nobody knows what of it is there; 0 is none.
    pub fails_one_in: usize,
    /// Nothing more can be written: that is known at once.
    pub is_full: bool,
    /// Rows that are given back together at the start.
    pub piece: usize,
}

/// A disk that successive processes have, one at a time.
pub struct Disk {
    pub habits: Habits,
    pub bounds: Bounds,
    pub power: Rc<Power>,
    chance: Chance,
    /// What is so, whatever happens.
    synced: State,
    /// What has been written since, or could not be synced: of this some may be so after the power has been cut.
    tail: Vec<Job>,
    /// ... and with the whole of it, that this was all.
    ends_with_tail: bool,
    /// A process has it.
    is_held: bool,
    /// It has been given all that there was.
    pub has_started: bool,
    /// Every record that has ever been so, and the keys of those that were deleted.
    ever: HashSet<String>,
    deleted: HashSet<String>,
    /// Every message that commits, of an app or of a room, by log, epoch and number.
    posts: BTreeMap<(String, u32, u64), String>,
    /// How often something was synced, and could not be.
    pub syncs: u64,
    pub failures: u64,
    /// The last of them is still being told.
    pub(super) is_failing: bool,
    /// How often nobody can know what is there.
    pub doubts: u64,
}

/// What processes have of it.
pub type Shared = Rc<RefCell<Disk>>;

impl Habits {
    /// A sync takes so long, and nothing goes wrong.
    pub fn taking(sync: &'static [u64]) -> Habits {
        Habits {
            sync,
            fails_one_in: 0,
            is_full: false,
            piece: 3,
        }
    }
}

impl Disk {
    /// A new one.
    pub fn new(habits: Habits, bounds: Bounds, power: Rc<Power>, chance: Chance) -> Shared {
        Rc::new(RefCell::new(Disk {
            habits,
            bounds,
            power,
            chance,
            synced: State::default(),
            tail: Vec::new(),
            ends_with_tail: false,
            is_held: false,
            has_started: false,
            ever: HashSet::new(),
            deleted: HashSet::new(),
            posts: BTreeMap::new(),
            syncs: 0,
            failures: 0,
            is_failing: false,
            doubts: 0,
        }))
    }

    /// What is so.
    pub fn state(&self) -> &State {
        &self.synced
    }

    /// Whether a process has it.
    pub fn is_held(&self) -> bool {
        self.is_held
    }

    /// How often something could not be synced, as far as all of that has been told.
    pub fn failures_told(&self) -> u64 {
        self.failures - u64::from(self.is_failing)
    }

    /// Whether there has ever been such a record.
    pub fn has_had(&self, record: &str) -> bool {
        self.ever.contains(record)
    }

    /// Whether a record of this key has ever been deleted.
    pub fn has_deleted(&self, key: &str) -> bool {
        self.deleted.contains(key)
    }

    /// The message of a log that has ever had this position.
    pub fn post(&self, log: &str, epoch: u32, number: u64) -> Option<&str> {
        let post = self.posts.get(&(log.to_owned(), epoch, number));
        post.map(String::as_str)
    }

    /// All that a log has ever had, by epoch and number.
    pub fn posts(&self, log: &str) -> impl Iterator<Item = (u32, u64, &str)> {
        let posts = self.posts.iter().filter(move |((name, ..), _)| name == log);
        posts.map(|((_, epoch, number), text)| (*epoch, *number, text.as_str()))
    }

    /// Every record becomes this.
    pub fn spoil(&mut self, record: &str) {
        for spoilt in self.synced.records.values_mut() {
            *spoilt = record.into();
        }
    }

    /// The power was cut: of what was written a first part may be there, of whole jobs.
    pub fn crash(&mut self) {
        let survives = self.chance.below(self.tail.len() + 1);
        let tail = std::mem::take(&mut self.tail);
        self.make_so(&tail[..survives]);
        let is_whole = survives == tail.len() && survives > 0;
        self.synced.is_clean |= is_whole && self.ends_with_tail;
        (self.is_held, self.has_started) = (false, false);
        self.is_failing = false;
    }

    /// A process takes it: what there is, and what will be so once that process has begun.
    pub(super) fn open(&mut self) -> (Vec<Restored>, State) {
        assert!(!self.is_held, "a disk is one process's at a time");
        (self.is_held, self.has_started) = (true, false);
        let mut begun = self.synced.clone();
        let chance = &mut self.chance;
        let epoch = || u32::from_be_bytes(chance.bytes(4).try_into().unwrap());
        let now = Unix(EPOCH.0 + self.power.now().0);
        let restored = begun.take_up(&self.bounds, now, epoch);
        (restored, begun)
    }

    /// It has begun.
    pub(super) fn begin(&mut self, begun: State) {
        (self.synced, self.has_started) = (begun, true);
    }

    /// A process lets go of it.
    pub(super) fn let_go(&mut self) {
        (self.is_held, self.has_started) = (false, false);
    }

    /// Writes this in the place of what was not synced.
    pub(super) fn write(&mut self, jobs: &[Job], is_last: bool) {
        (self.tail, self.ends_with_tail) = (jobs.to_vec(), is_last);
    }

    /// Syncs what was written; whether that is so.
    pub(super) fn sync(&mut self) -> bool {
        if self.habits.is_full {
            self.tail.clear();
            self.failures += 1;
            return false;
        }
        if self.habits.fails_one_in > 0 && self.chance.one_in(self.habits.fails_one_in) {
            self.failures += 1;
            self.doubts += 1;
            return false;
        }
        let tail = std::mem::take(&mut self.tail);
        self.make_so(&tail);
        self.synced.is_clean = self.ends_with_tail;
        self.syncs += 1;
        true
    }

    /// How long the next sync takes.
    pub(super) fn delay(&mut self) -> Millis {
        Millis(self.chance.pick(self.habits.sync))
    }

    fn make_so(&mut self, jobs: &[Job]) {
        for job in jobs {
            self.synced.apply(job, &self.bounds, |it| {
                let key = (it.log.to_owned(), it.epoch, it.number);
                let before = self.posts.insert(key, it.text.to_owned());
                let is_one = before.is_none_or(|before| before == it.text);
                assert!(is_one, "a number is given twice in {}", it.log);
            });
            for row in &job.rows {
                match row {
                    Row::Put { record, .. } => drop(self.ever.insert(record.clone())),
                    Row::Delete { key, .. } => drop(self.deleted.insert(key.clone())),
                    _ => {}
                }
            }
        }
    }
}
