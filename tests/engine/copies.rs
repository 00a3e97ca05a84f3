//! Copies: made while others write, and what a hub starts from.

use std::fs;

use roomcast::engine::file::Options;
use roomcast::engine::{Engine, Outcome, PIECE_BYTES, Restored, Table};

use super::desk::{Desk, Place, logs, open, options, post, put, records};

fn with_secret(place: &Place) -> Options {
    Options {
        with_secret: true,
        ..options(place.data())
    }
}

/// The copy that is asked for under this number, piece by piece, and dropped.
fn taken(desk: &mut Desk, number: u64) -> Vec<u8> {
    let Outcome::Copied(copied, Ok(bytes)) = desk.outcome() else {
        panic!("no copy");
    };
    assert_eq!(copied, number);
    rest(desk, number, bytes)
}

/// What is still to come of a copy of so many bytes.
fn rest(desk: &mut Desk, number: u64, bytes: u64) -> Vec<u8> {
    let mut copy = Vec::new();
    while (copy.len() as u64) < bytes {
        let piece = piece(desk, number);
        assert!(!piece.is_empty() && piece.len() <= PIECE_BYTES);
        copy.extend(piece);
    }
    assert!(piece(desk, number).is_empty(), "nothing is behind the end");
    desk.file.drop_copy(number);
    copy
}

fn piece(desk: &mut Desk, number: u64) -> Vec<u8> {
    desk.file.read_copy(number);
    match desk.outcome() {
        Outcome::Piece(of, piece) if of == number => piece,
        other => panic!("{other:?}"),
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
        let copy = taken(&mut desk, 9);
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
    let bytes = loop {
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
            Outcome::Copied(7, copied) => break copied.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(desk.outcome(), Outcome::Committed(serial));
    println!("{meanwhile} commits while {bytes} bytes were copied");
    let copy = rest(&mut desk, 7, bytes);
    assert!(meanwhile > 3, "{meanwhile}");
    desk.stop(Vec::new());
    let (_, restored) = Desk::start(options(written(&copy).data()));
    let records = records(&restored);
    assert_eq!(records.len(), 50_002);
    assert_eq!(records[0].2, records[50_001].2);
}

#[test]
fn a_copy_that_is_too_late_is_refused() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    // It is at work for so long that the stop comes before the copy is made.
    let text = "x".repeat(1000);
    let many = (0..20_000).map(|number| put(Table::Tasks, &number.to_string(), &text));
    desk.give(1, many.collect());
    desk.file.copy(2, false);
    desk.file.stop(Vec::new());
    assert_eq!(desk.outcome(), Outcome::Committed(1));
    assert!(matches!(desk.outcome(), Outcome::Copied(2, Err(_))));
    assert_eq!(desk.outcome(), Outcome::Stopped);
}

#[test]
fn a_copy_is_handed_over_to_its_end_when_the_file_has_been_let_go_of() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    let text = "x".repeat(1000);
    let many = (0..1000).map(|number| put(Table::Tasks, &number.to_string(), &text));
    desk.commit(1, many.collect());
    desk.file.copy(3, false);
    let Outcome::Copied(3, Ok(bytes)) = desk.outcome() else {
        panic!("no copy");
    };
    let mut copy = piece(&mut desk, 3);
    desk.file.stop(Vec::new());
    assert_eq!(desk.outcome(), Outcome::Stopped);
    // Another has the file, and finds nothing else there.
    let (other, restored) = Desk::start(options(place.data()));
    assert_eq!(records(&restored).len(), 1000);
    let left = bytes - copy.len() as u64;
    copy.extend(rest(&mut desk, 3, left));
    let (_, restored) = Desk::start(options(written(&copy).data()));
    assert_eq!(records(&restored).len(), 1000);
    other.stop(Vec::new());
}

#[test]
fn a_copy_that_is_dropped_is_gone_made_or_not() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    let text = "x".repeat(1000);
    let many = (0..20_000).map(|number| put(Table::Tasks, &number.to_string(), &text));
    desk.commit(1, many.collect());
    // One that is hardly begun: nothing is told of it, and the next is another.
    desk.file.copy(1, false);
    desk.file.drop_copy(1);
    desk.file.copy(2, false);
    let Outcome::Copied(2, Ok(_)) = desk.outcome() else {
        panic!("no copy");
    };
    assert_eq!(place.names(), ["roomcast.db", "roomcast.db-wal"]);
    assert!(!piece(&mut desk, 2).is_empty());
    assert!(piece(&mut desk, 1).is_empty(), "this one is not there");
    desk.file.drop_copy(2);
    assert!(piece(&mut desk, 2).is_empty());
    desk.stop(Vec::new());
}

#[test]
fn what_a_killed_process_left_of_a_copy_is_taken_away_at_the_start() {
    let place = Place::new();
    Desk::new(&place).stop(Vec::new());
    for name in ["-copy", "-copy-wal", "-copy-journal"] {
        fs::write(place.path().join(format!("roomcast.db{name}")), "half").unwrap();
    }
    let desk = Desk::new(&place);
    assert_eq!(place.names(), ["roomcast.db", "roomcast.db-wal"]);
    desk.stop(Vec::new());
}
