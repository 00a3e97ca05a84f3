//! Outcomes: each job has one, in order, and a failure takes with it what was submitted before it was heard of.

use std::time::{Duration, Instant};

use roomcast::engine::{Engine, Outcome, Table};

use super::desk::{Desk, Place, open, options, post, put, records};

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
fn all_that_was_submitted_before_a_failure_was_heard_of_fails_with_it() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    desk.give(1, vec![post("none", "there is no such log")]);
    desk.sleep();
    // It has failed, but that has not been heard yet; a turn that has not ended is not sent yet.
    desk.give(2, vec![put(Table::Tasks, "2", "{}")]);
    desk.give(3, Vec::new());
    desk.submit(4, vec![put(Table::Tasks, "4", "{}")]);
    desk.submit(None, vec![put(Table::Tasks, "lazy", "{}")]);
    assert_eq!(desk.outcome(), Outcome::Failed(1));
    assert_eq!(desk.outcome(), Outcome::Failed(2));
    // Not all of that failure has been heard.
    desk.give(5, vec![put(Table::Tasks, "5", "{}")]);
    for serial in 3..=5 {
        assert_eq!(desk.outcome(), Outcome::Failed(serial));
    }
    assert_eq!(desk.file.next(), None);
    let health = desk.file.health();
    assert!(health.trouble.unwrap().contains("no log none"));
    desk.commit(6, vec![put(Table::Tasks, "6", "{}")]);
    let health = desk.file.health();
    assert_eq!((health.trouble, health.failures), (None, 1));
    desk.stop(Vec::new());
    let (_, restored) = Desk::start(options(place.data()));
    let found = [(Table::Tasks, "6", "{}"), (Table::Tasks, "lazy", "{}")];
    assert_eq!(records(&restored), found);
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
    // Nobody can mend this one; it is let go of, and the others stay.
    desk.submit(None, vec![put(Table::Tasks, "with it", "{}")]);
    desk.submit(None, vec![post("none", "there is no such log")]);
    desk.give(1, vec![put(Table::Tasks, "fails", "{}")]);
    assert_eq!(desk.outcome(), Outcome::Failed(1));
    desk.commit(2, Vec::new());
    desk.commit(3, vec![put(Table::Tasks, "last", "{}")]);
    let (_, restored) = Desk::start(options(place.killed().data()));
    let keys: Vec<&str> = records(&restored).iter().map(|found| found.1).collect();
    assert_eq!(keys, ["last", "lazy", "with it"]);
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
