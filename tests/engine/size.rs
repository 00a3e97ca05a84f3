//! Much of it: how long a start takes and how little memory, and what the disk under the tests takes in a second.

use std::fs;
use std::path::Path;
use std::time::Instant;

use roomcast::engine::{Engine, Outcome, Table};

use super::desk::{Desk, Place, open, options, post, put};

const RECORDS: u64 = 100_000;

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn a_hundred_thousand_records_are_given_back_in_pieces() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(988));
    let started = Instant::now();
    for thousand in 0..RECORDS / 1000 {
        let keys = 1000 * thousand..1000 * (thousand + 1);
        let rows = keys.map(|key| put(Table::Tasks, &format!("{key:08}"), &text));
        desk.give(thousand, rows.collect());
    }
    desk.give(RECORDS, vec![open("tasks", 1, 0)]);
    let posts = (0..1000).map(|_| post("tasks", &text));
    desk.give(RECORDS + 1, posts.collect());
    while desk.outcome() != Outcome::Committed(RECORDS + 1) {}
    let written = started.elapsed();
    desk.stop(Vec::new());
    let bytes = fs::metadata(place.data()).unwrap().len();
    println!(
        "written in {written:?}, {} MiB of records of a kilobyte",
        bytes >> 20
    );

    let before = resident_bytes();
    let (started, mut given, mut most) = (Instant::now(), 0, 0);
    let mut desk = Desk::open(options(place.data()));
    loop {
        match desk.outcome() {
            Outcome::Restored(_) => given += 1,
            Outcome::Started => break,
            other => panic!("{other:?}"),
        }
        if given % 10_000 == 0 {
            most = most.max(resident_bytes());
        }
    }
    assert_eq!(given, RECORDS + 1001);
    let more = most.saturating_sub(before) >> 20;
    assert!(more < 40, "{more} MiB");
    println!(
        "{given} given back in {:?} with {more} MiB more",
        started.elapsed()
    );
    desk.stop(Vec::new());
}

/// Groups and jobs of a hundred a second where a file is, told and not judged.
fn pace(folder: &Path) {
    let place = Place::below(folder);
    let mut desk = Desk::new(&place);
    desk.commit(0, vec![open("tasks", 1, 0)]);
    let text = "x".repeat(300);
    let (started, mut serial) = (Instant::now(), 0);
    for _ in 0..200 {
        for _ in 0..100 {
            serial += 1;
            let rows = vec![
                put(Table::Tasks, &serial.to_string(), &text),
                post("tasks", &text),
            ];
            desk.submit(serial, rows);
        }
        desk.file.send();
        while desk.outcome() != Outcome::Committed(serial) {}
    }
    let seconds = started.elapsed().as_secs_f64();
    let micros = desk.file.health().commit_micros;
    let middle = {
        let mut micros = micros;
        micros.sort_unstable();
        micros[micros.len() / 2]
    };
    println!(
        "{}: {:.0} groups and {:.0} jobs a second; half of the groups take {middle} µs",
        folder.display(),
        200.0 / seconds,
        serial as f64 / seconds
    );
    desk.stop(Vec::new());
}

#[test]
fn jobs_a_second() {
    pace(&std::env::temp_dir());
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        pace(memory);
    }
}
