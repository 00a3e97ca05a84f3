//! Outcomes: each job has one, in order, and a failure takes with it what was submitted before it was heard of.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use roomcast::bounds::Durability;
use roomcast::engine::{Engine, Outcome, Table};
use roomcast::id::AppId;

use super::desk::{Desk, Place, logs, open, options, post, posts, put, records};

#[test]
fn outcomes_come_in_the_order_of_the_jobs_even_of_those_that_write_nothing() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    for serial in 0..1000 {
        let rows = match serial % 3 {
            0 => Vec::new(),
            _ => vec![put(Table::Tasks, &serial.to_string(), "{}")],
        };
        match serial % 7 {
            0 => desk.give(serial, rows),
            _ => desk.submit(serial, rows),
        }
    }
    desk.file.send();
    for serial in 0..1000 {
        assert_eq!(desk.outcome(), Outcome::Committed(serial));
    }
    assert_eq!(desk.file.next(), None);
    let health = desk.file.health();
    assert!(health.commits >= 1 && health.commits <= 144, "{health:?}");
    assert_eq!(health.commit_micros.len() as u64, health.commits);
    assert_eq!((health.failures, health.trouble), (0, None));
    assert!(health.bytes > 4096);
    assert_eq!(desk.file.health().commit_micros, [0; 0]);
    desk.stop(Vec::new());
}

#[test]
fn a_job_that_does_not_fit_fails_alone() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    desk.submit(1, vec![put(Table::Tasks, "1", "{}")]);
    desk.submit(
        2,
        vec![put(Table::Tasks, "2", "{}"), post("none", "no such log")],
    );
    desk.submit(3, Vec::new());
    desk.submit(4, vec![open("tasks", 7, 0), post("tasks", "1")]);
    desk.submit(5, vec![post("none", "no such log")]);
    desk.give(6, vec![post("tasks", "2")]);
    let so = [1, 3, 4, 6];
    for serial in 1..=6 {
        let expected = match so.contains(&serial) {
            true => Outcome::Committed(serial),
            false => Outcome::Failed(serial),
        };
        assert_eq!(desk.outcome(), expected);
    }
    desk.give(7, vec![post("none", "alone in its group")]);
    assert_eq!(desk.outcome(), Outcome::Failed(7));
    // It is no trouble of the disk, and comes once.
    let health = desk.file.health();
    assert_eq!((health.trouble, health.failures), (None, 0));
    desk.commit(8, vec![put(Table::Tasks, "8", "{}")]);
    let (_, restored) = Desk::start(options(place.killed().data()));
    let found = [(Table::Tasks, "1", "{}"), (Table::Tasks, "8", "{}")];
    assert_eq!(records(&restored), found);
    assert_eq!(posts(&restored), [(1, "1"), (2, "2")]);
    desk.stop(Vec::new());
}

#[test]
fn what_fits_only_behind_what_is_in_the_same_group_stays_though_something_else_does_not_fit() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    desk.submit(None, vec![open("tasks", 7, 0)]);
    desk.submit(None, vec![post("none", "there is no such log")]);
    desk.submit(None, vec![post("tasks", "1")]);
    desk.give(1, vec![post("tasks", "2")]);
    assert_eq!(desk.outcome(), Outcome::Committed(1));
    let (_, restored) = Desk::start(options(place.killed().data()));
    assert_eq!(posts(&restored), [(1, "1"), (2, "2")]);
    desk.stop(Vec::new());
}

#[test]
fn what_nobody_waits_for_is_bounded_while_the_disk_stands_still() {
    let place = Place::new();
    let lazily = || {
        let mut options = options(place.data());
        options.durability[AppId::Tasks as usize] = Durability::Lazy;
        options
    };
    let gate = Arc::new(Mutex::new(()));
    let mut desk = Desk::gated(lazily(), gate.clone());
    assert_eq!(desk.outcome(), Outcome::Started);
    let held = gate.lock().unwrap();
    desk.give(1, vec![open("tasks", 77, 0)]);
    // It is told before the loop is woken, where the thread stands still.
    while desk.file.next() != Some(Outcome::Committed(1)) {
        std::thread::yield_now();
    }
    let megabyte = "x".repeat(1 << 20);
    for number in 0..100 {
        desk.give(
            None,
            vec![put(Table::Tasks, &number.to_string(), &megabyte)],
        );
    }
    drop(held);
    desk.stop(Vec::new());
    let (desk, restored) = Desk::start(lazily());
    let kept = records(&restored).len();
    assert!((60..=64).contains(&kept), "{kept} MiB");
    // Something is missing, and the numbers say so.
    assert_ne!(logs(&restored)[0].1, 77);
    desk.stop(Vec::new());
}

#[test]
fn what_nobody_waits_for_is_written_soon_and_does_not_fail() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    desk.give(None, vec![put(Table::Tasks, "lazy", "{}")]);
    while desk.file.health().commits == 0 {
        desk.sleep();
        assert_eq!(desk.file.next(), None);
    }
    // Nobody can mend this one; it is let go of, and the others are so.
    desk.submit(None, vec![put(Table::Tasks, "with it", "{}")]);
    desk.submit(None, vec![post("none", "there is no such log")]);
    desk.commit(1, vec![put(Table::Tasks, "behind it", "{}")]);
    desk.commit(2, Vec::new());
    desk.commit(3, vec![put(Table::Tasks, "last", "{}")]);
    let (_, restored) = Desk::start(options(place.killed().data()));
    let keys: Vec<&str> = records(&restored).iter().map(|found| found.1).collect();
    assert_eq!(keys, ["lazy", "with it", "behind it", "last"]);
    desk.stop(Vec::new());
}

#[test]
fn the_loop_does_not_wait_for_a_transaction_however_long_it_takes() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    let text = "x".repeat(200);
    let many = (0..100_000).map(|number| put(Table::Tasks, &format!("{number:06}"), &text));
    desk.submit(1, many.collect());
    let (started, mut slowest) = (Instant::now(), Duration::ZERO);
    let mut serial = 1;
    desk.file.send();
    let took = loop {
        serial += 1;
        let before = Instant::now();
        desk.give(serial, vec![put(Table::Tasks, "another", "{}")]);
        let outcome = desk.file.next();
        slowest = slowest.max(before.elapsed());
        if outcome.is_some() {
            assert_eq!(outcome, Some(Outcome::Committed(1)));
            break started.elapsed();
        }
        std::thread::yield_now();
    };
    println!("a transaction of {took:?}, and {slowest:?} for the slowest call");
    assert!(slowest < took / 2, "{slowest:?} of {took:?}");
    for serial in 2..=serial {
        assert_eq!(desk.outcome(), Outcome::Committed(serial));
    }
    desk.stop(Vec::new());
}

#[test]
fn a_stop_writes_what_waits_and_what_is_last() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    desk.submit(1, vec![put(Table::Tasks, "waits", "{}")]);
    desk.submit(None, vec![put(Table::Tasks, "lazy", "{}")]);
    desk.file
        .stop(vec![open("events", 7, 1), post("events", "history")]);
    assert_eq!(desk.outcome(), Outcome::Committed(1));
    assert_eq!(desk.outcome(), Outcome::Stopped);
    assert_eq!(place.names(), ["roomcast.db"]);
    let (desk, restored) = Desk::start(options(place.data()));
    assert_eq!(restored.len(), 4, "{restored:?}");
    desk.stop(Vec::new());
}
