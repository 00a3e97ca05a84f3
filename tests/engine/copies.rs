//! Copies: made while others write, and what a hub starts from.

use std::fs;

use roomcast::engine::file::Options;
use roomcast::engine::{Engine, Outcome, Restored, Table};

use super::desk::{Desk, Place, logs, open, options, post, put, records};

fn with_secret(place: &Place) -> Options {
    Options {
        with_secret: true,
        ..options(place.data())
    }
}

/// The bytes of a copy as another engine's file.
fn written(copy: &[u8]) -> Place {
    let place = Place::new();
    fs::write(place.data(), copy).unwrap();
    place
}

#[test]
fn a_copy_is_whole_in_epochs_of_its_own_and_without_the_secret() {
    let place = Place::new();
    let (mut desk, restored) = Desk::start(with_secret(&place));
    let [Restored::Secret(secret)] = restored.as_slice() else {
        panic!("{restored:?}");
    };
    desk.commit(
        1,
        vec![
            put(Table::Tasks, "1", "{}"),
            open("tasks", 5, 0),
            post("tasks", "1"),
        ],
    );
    for is_wanted in [false, true] {
        desk.file.copy(9, is_wanted);
        let Outcome::Copied(9, Ok(copy)) = desk.outcome() else {
            panic!("no copy");
        };
        let digits = data_encoding::HEXLOWER.encode(secret);
        let has_secret = copy
            .windows(digits.len())
            .any(|bytes| bytes == digits.as_bytes());
        assert_eq!(has_secret, is_wanted);
        // As it is read by a person: no other file belongs to it.
        let copied = written(&copy);
        let read = rusqlite::Connection::open(copied.data()).unwrap();
        let mode: String = read
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "delete");
        drop(read);
        let (other, restored) = Desk::start(with_secret(&copied));
        assert_eq!(records(&restored), [(Table::Tasks, "1", "{}")]);
        let (_, epoch, number, first) = logs(&restored)[0];
        assert_eq!((number, first), (1, 1));
        assert_ne!(epoch, 5);
        assert_eq!(restored[0] == Restored::Secret(secret.clone()), is_wanted);
        other.stop(Vec::new());
    }
    assert_eq!(place.names(), ["roomcast.db", "roomcast.db-wal"]);
    desk.stop(Vec::new());
}

#[test]
fn a_copy_that_is_made_while_others_write_is_of_one_moment_and_holds_nobody_up() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    let text = "x".repeat(1000);
    let many = (0..50_000).map(|number| put(Table::Tasks, &format!("{number:05}"), &text));
    desk.commit(0, many.collect());
    desk.file.copy(7, false);
    let (mut serial, mut meanwhile) = (0, 0);
    let copy = loop {
        serial += 1;
        // Both, or none.
        let value = serial.to_string();
        desk.give(
            serial,
            vec![
                put(Table::Sessions, "pair", &value),
                put(Table::Rooms, "pair", &value),
            ],
        );
        match desk.outcome() {
            Outcome::Committed(done) => {
                assert_eq!(done, serial);
                meanwhile += 1;
            }
            Outcome::Copied(7, copy) => break copy.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(desk.outcome(), Outcome::Committed(serial));
    println!("{meanwhile} commits while {} bytes were copied", copy.len());
    assert!(meanwhile > 3, "{meanwhile}");
    desk.stop(Vec::new());
    let (_, restored) = Desk::start(options(written(&copy).data()));
    let records = records(&restored);
    assert_eq!(records.len(), 50_002);
    assert_eq!(records[0].2, records[50_001].2);
}

#[test]
fn a_copy_that_is_too_large_or_too_late_is_refused() {
    let place = Place::new();
    let (mut desk, _) = Desk::start(Options {
        copy_bytes_max: 10_000,
        ..options(place.data())
    });
    desk.file.copy(1, false);
    let Outcome::Copied(1, Err(why)) = desk.outcome() else {
        panic!("a copy");
    };
    assert!(why.contains("10000 at most"), "{why}");
    desk.file.copy(2, false);
    desk.file.stop(Vec::new());
    assert!(matches!(desk.outcome(), Outcome::Copied(2, Err(_))));
    assert_eq!(desk.outcome(), Outcome::Stopped);
}
