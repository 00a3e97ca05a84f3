//! The tasks there are, in the order of their creation, in bounded memory.
//!
//! Nothing is ever forgotten to make room: when there is none, that is said. A page is bounded by bytes as well as by
//! tasks, because a task may be as large as a request. A caller that looks for one says how many tasks it may look at, and goes
//! on from there.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::task::{Status, Task, TaskId};
use crate::apps::refusal::Full;
use crate::bounds::AppBounds;
use crate::time::Unix;

/// Bytes of clients' text on one page (1 MiB: a thousand tasks of a kilobyte each, and what is made and queued in a
/// millisecond or two); it may be one task more.
pub const PAGE_BYTES_MAX: u64 = 1 << 20;

/// All tasks.
#[derive(Default)]
pub struct Store {
    tasks: BTreeMap<TaskId, Task>,
    /// The upper half of the newest id.
    newest: u64,
    bytes: u64,
    /// Tasks that are being decided about, and their bytes.
    reserved: (usize, u64),
}

/// Which tasks are asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of this repository only.
    pub repository: Option<String>,
    /// Those of this status only.
    pub status: Option<Status>,
    /// Those created after this one, which may be gone.
    pub after: Option<TaskId>,
}

/// A look for some of the tasks that were asked for, oldest first.
pub struct Listing {
    filter: Filter,
    limit: usize,
    /// Those found so far.
    found: Vec<TaskId>,
    bytes: u64,
    /// The last one that was looked at.
    at: Option<TaskId>,
    /// The last one found, if there are more behind it.
    next: Option<TaskId>,
}

impl Listing {
    /// At most so many of the tasks that pass the filter.
    pub fn new(filter: Filter, limit: usize) -> Listing {
        Listing {
            at: filter.after,
            filter,
            limit,
            found: Vec::new(),
            bytes: 0,
            next: None,
        }
    }

    /// Whether the page is full.
    fn is_full(&self) -> bool {
        self.found.len() == self.limit || self.bytes >= PAGE_BYTES_MAX
    }
}

impl Store {
    /// The id of a task that is created now.
    pub fn fresh_id(&mut self, unix: Unix, random: u64) -> TaskId {
        // Sixteen bits below the millisecond; the clock may jump back, the order of ids does not.
        self.newest = (unix.0 << 16).max(self.newest + 1);
        TaskId(u128::from(self.newest) << 64 | u128::from(random))
    }

    /// Whether there is capacity for a task, in the place of the one of the same id if there is one, beside what is reserved.
    pub fn check(&self, task: &Task, bounds: &AppBounds) -> Result<(), Full> {
        let old = self.tasks.get(&task.id).map(Task::bytes);
        let records = self.tasks.len() + self.reserved.0 + 1;
        let bytes = self.bytes + self.reserved.1 - old.unwrap_or(0) + task.bytes();
        let grows = task.bytes() > old.unwrap_or(0);
        if old.is_none() && records > bounds.records_max as usize
            || grows && bytes > bounds.records_bytes_max
        {
            return Err(Full);
        }
        Ok(())
    }

    /// A task is to be kept, once that is decided: it has its place and what it needs.
    pub fn reserve(&mut self, task: &Task) {
        self.reserved.0 += self.places(task);
        self.reserved.1 += task.bytes();
    }

    /// It is decided, and not applied yet.
    pub fn release(&mut self, task: &Task) {
        self.reserved.0 -= self.places(task);
        self.reserved.1 -= task.bytes();
    }

    /// How many places a task needs that it has not.
    fn places(&self, task: &Task) -> usize {
        usize::from(!self.tasks.contains_key(&task.id))
    }

    /// Keeps a task, in the place of the one of the same id if there is one.
    pub fn put(&mut self, task: Task) -> &Task {
        let old = self.tasks.get(&task.id).map_or(0, Task::bytes);
        self.bytes = self.bytes - old + task.bytes();
        self.newest = self.newest.max((task.id.0 >> 64) as u64);
        self.tasks.entry(task.id).insert_entry(task).into_mut()
    }

    /// Forgets a task.
    pub fn remove(&mut self, id: TaskId) -> Option<Task> {
        let task = self.tasks.remove(&id)?;
        self.bytes -= task.bytes();
        Some(task)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.tasks.len()
    }

    /// The task of this id.
    pub fn get(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(&id)
    }

    /// Goes on with a listing, for so many tasks at most; whether that was all. Says how many were looked at, too.
    pub fn look(&self, listing: &mut Listing, tasks_max: u64) -> (bool, u64) {
        let start = listing.at.map_or(Bound::Unbounded, Bound::Excluded);
        let mut looked = 0;
        for (&id, task) in self.tasks.range((start, Bound::Unbounded)) {
            if looked == tasks_max {
                return (false, looked);
            }
            looked += 1;
            listing.at = Some(id);
            if !listing.filter.passes(task) {
                continue;
            }
            if listing.is_full() {
                listing.next = listing.found.last().copied();
                return (true, looked);
            }
            listing.bytes += task.bytes();
            listing.found.push(id);
        }
        (true, looked)
    }

    /// What a listing has found and is still there, and where the next page begins. What has grown since it was found may
    /// be for that one.
    pub fn found(&self, listing: &Listing) -> (Vec<&Task>, Option<TaskId>) {
        let (mut tasks, mut bytes) = (Vec::<&Task>::new(), 0);
        for task in listing.found.iter().filter_map(|id| self.get(*id)) {
            if bytes >= PAGE_BYTES_MAX {
                let next = tasks.last().map(|last| last.id);
                return (tasks, next);
            }
            bytes += task.bytes();
            tasks.push(task);
        }
        (tasks, listing.next)
    }
}

impl Filter {
    fn passes(&self, task: &Task) -> bool {
        let of = self.repository.as_ref();
        of.is_none_or(|repository| *repository == task.repository)
            && self.status.is_none_or(|status| status == task.status)
    }
}
