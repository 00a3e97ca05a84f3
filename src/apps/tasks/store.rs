//! The tasks there are, in the order of their creation, in bounded memory.
//!
//! Nothing is ever forgotten to make room: when there is none, that is said. A page is bounded by bytes as well as by
//! tasks, because a task may be as large as a request. Whoever looks for one says how many tasks it may look at, and goes
//! on from there.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::task::{Status, Task, TaskId};
use crate::apps::refusal::Full;
use crate::bounds::AppBounds;
use crate::time::Unix;

/// Bytes of clients' text on one page (1 MiB: a thousand tasks of a kilobyte each, and what is made and queued in a
/// millisecond or two); it may be one task more.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// All tasks.
#[derive(Default)]
pub struct Store {
    tasks: BTreeMap<TaskId, Task>,
    /// The upper half of the newest id.
    newest: u64,
    bytes: u64,
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
    pub next: Option<TaskId>,
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

    /// Keeps a task, in the place of the one of the same id if there is one; if there is room.
    pub fn put(&mut self, task: Task, bounds: &AppBounds) -> Result<&Task, Full> {
        let old = self.tasks.get(&task.id).map(Task::bytes);
        let records = self.tasks.len() + usize::from(old.is_none());
        let bytes = self.bytes - old.unwrap_or(0) + task.bytes();
        let grows = bytes > self.bytes;
        if records > bounds.records_max as usize || grows && bytes > bounds.records_bytes_max {
            return Err(Full);
        }
        self.bytes = bytes;
        let entry = self.tasks.entry(task.id);
        Ok(entry.insert_entry(task).into_mut())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::tasks::task::Priority;
    use crate::id::AppId;

    fn bounds(records_max: u32, records_bytes_max: u64) -> AppBounds {
        AppBounds {
            records_max,
            records_bytes_max,
            ..AppBounds::of(AppId::Tasks)
        }
    }

    impl Store {
        fn add(
            &mut self,
            repository: &str,
            description: &str,
            bounds: &AppBounds,
        ) -> Result<TaskId, Full> {
            let id = self.fresh_id(Unix(1000), 7);
            let task = Task {
                id,
                repository: repository.to_owned(),
                title: "t".to_owned(),
                description: description.to_owned(),
                status: Status::Pending,
                priority: Priority::Low,
                created_at: Unix(0),
                updated_at: Unix(0),
            };
            self.put(task, bounds).map(|task| task.id)
        }
    }

    /// A store with so many tasks, and their ids.
    fn filled(tasks: usize) -> (Store, Vec<TaskId>) {
        let mut store = Store::default();
        let bounds = AppBounds::of(AppId::Tasks);
        let add = |number| store.add(["a", "b"][number % 2], "", &bounds).unwrap();
        let ids = (0..tasks).map(add).collect();
        (store, ids)
    }

    /// A page, found by looking at one task after the other: its tasks, and the next one.
    fn page(store: &Store, filter: &Filter, limit: usize) -> (Vec<TaskId>, Option<TaskId>) {
        let mut listing = Listing::new(filter.clone(), limit);
        while !store.look(&mut listing, 1).0 {}
        let (tasks, next) = store.found(&listing);
        (tasks.iter().map(|task| task.id).collect(), next)
    }

    #[test]
    fn ids_rise_even_when_the_clock_goes_back() {
        let mut store = Store::default();
        let ids = [5, 5, 3, 6, 1].map(|unix| store.fresh_id(Unix(unix), unix));
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }

    #[test]
    fn pages_lead_through_all_tasks_oldest_first() {
        let (store, all) = filled(7);
        let mut filter = Filter::default();
        let mut seen = Vec::new();
        for rest in [5, 3, 1, 0] {
            let (tasks, next) = page(&store, &filter, 2);
            seen.extend(tasks);
            filter.after = next;
            assert_eq!(next.is_some(), rest > 0);
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_page_that_ends_with_the_last_task_has_no_next() {
        let (store, all) = filled(4);
        assert_eq!(page(&store, &Filter::default(), 4), (all, None));
    }

    #[test]
    fn a_page_goes_on_behind_a_task_that_is_gone() {
        let (mut store, all) = filled(6);
        let (_, next) = page(&store, &Filter::default(), 3);
        assert_eq!(next, Some(all[2]));
        store.remove(all[2]);
        store.remove(all[3]);
        let filter = Filter {
            after: next,
            ..Filter::default()
        };
        assert_eq!(page(&store, &filter, 10).0, all[4..]);
    }

    #[test]
    fn next_counts_only_tasks_that_pass_the_filter() {
        let (store, all) = filled(5);
        let filter = Filter {
            repository: Some("b".to_owned()),
            ..Filter::default()
        };
        assert_eq!(page(&store, &filter, 2), (vec![all[1], all[3]], None));
        assert_eq!(page(&store, &filter, 1).1, Some(all[1]));
    }

    #[test]
    fn a_page_of_large_tasks_ends_early_and_says_so() {
        let mut store = Store::default();
        let bounds = AppBounds::of(AppId::Tasks);
        let large = "x".repeat(1 << 17);
        let all: Vec<TaskId> = (0..10)
            .map(|_| store.add("a", &large, &bounds).unwrap())
            .collect();
        let (tasks, next) = page(&store, &Filter::default(), 100);
        assert_eq!((tasks.as_slice(), next), (&all[..8], Some(all[7])));
    }

    #[test]
    fn a_listing_goes_on_where_it_was_whatever_was_deleted_meanwhile() {
        let (mut store, all) = filled(10);
        let mut listing = Listing::new(Filter::default(), 100);
        assert_eq!(store.look(&mut listing, 4), (false, 4));
        for gone in [all[1], all[3], all[5]] {
            store.remove(gone);
        }
        assert_eq!(store.look(&mut listing, 4), (false, 4));
        assert_eq!(store.look(&mut listing, 4), (true, 1));
        let (found, _) = store.found(&listing);
        assert_eq!(found.len(), 7);
    }

    #[test]
    fn what_has_grown_since_it_was_found_is_for_the_next_page() {
        let (mut store, all) = filled(10);
        let mut listing = Listing::new(Filter::default(), 100);
        assert_eq!(store.look(&mut listing, 100), (true, 10));
        for &id in &all {
            let mut grown = store.get(id).unwrap().clone();
            grown.description = "x".repeat(PAGE_BYTES_MAX as usize / 4);
            store.put(grown, &AppBounds::of(AppId::Tasks)).unwrap();
        }
        let (found, next) = store.found(&listing);
        assert_eq!((found.len(), next), (4, Some(all[3])));
    }

    #[test]
    fn records_and_bytes_are_bounded() {
        let mut store = Store::default();
        let narrow = bounds(2, 10);
        let first = store.add("a", "12345678", &narrow).unwrap();
        assert_eq!(store.add("a", "", &narrow), Err(Full), "bytes");
        let wide = bounds(2, 100);
        assert!(store.add("a", "", &wide).is_ok());
        assert_eq!(store.add("a", "", &wide), Err(Full), "records");
        let mut task = store.get(first).unwrap().clone();
        task.description = "1".to_owned();
        assert!(store.put(task.clone(), &narrow).is_ok(), "less always fits");
        task.description = "1234567890".to_owned();
        assert_eq!(store.put(task, &narrow).map(|_| ()), Err(Full));
        store.remove(first).unwrap();
        assert!(store.add("a", "", &narrow).is_ok());
    }
}
