//! What is kept of tasks: pages, listings in slices, and the bounds.

use roomcast::apps::refusal::Full;
use roomcast::apps::tasks::store::{Filter, Listing, PAGE_BYTES_MAX, Store};
use roomcast::apps::tasks::task::{Priority, Status, Task, TaskId};
use roomcast::bounds::AppBounds;
use roomcast::id::AppId;
use roomcast::time::Unix;

fn bounds(records_max: u32, records_bytes_max: u64) -> AppBounds {
    AppBounds {
        records_max,
        records_bytes_max,
        ..AppBounds::of(AppId::Tasks)
    }
}

fn add(
    store: &mut Store,
    repository: &str,
    description: &str,
    bounds: &AppBounds,
) -> Result<TaskId, Full> {
    let id = store.fresh_id(Unix(1000), 7);
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
    store.check(&task, bounds)?;
    Ok(store.put(task).id)
}

/// A store with so many tasks, and their ids.
fn filled(tasks: usize) -> (Store, Vec<TaskId>) {
    let mut store = Store::default();
    let bounds = AppBounds::of(AppId::Tasks);
    let one = |number| add(&mut store, ["a", "b"][number % 2], "", &bounds).unwrap();
    let ids = (0..tasks).map(one).collect();
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
        .map(|_| add(&mut store, "a", &large, &bounds).unwrap())
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
        store.put(grown);
    }
    let (found, next) = store.found(&listing);
    assert_eq!((found.len(), next), (4, Some(all[3])));
}

#[test]
fn records_and_bytes_are_bounded() {
    let mut store = Store::default();
    let narrow = bounds(2, 10);
    let first = add(&mut store, "a", "12345678", &narrow).unwrap();
    assert_eq!(add(&mut store, "a", "", &narrow), Err(Full), "bytes");
    let wide = bounds(2, 100);
    assert!(add(&mut store, "a", "", &wide).is_ok());
    assert_eq!(add(&mut store, "a", "", &wide), Err(Full), "records");
    let mut task = store.get(first).unwrap().clone();
    task.description = "1".to_owned();
    assert!(store.check(&task, &narrow).is_ok(), "less always fits");
    store.put(task.clone());
    task.description = "1234567890".to_owned();
    assert_eq!(store.check(&task, &narrow), Err(Full));
    store.remove(first).unwrap();
    assert!(add(&mut store, "a", "", &narrow).is_ok());
}
