//! Opening: who else has the file, and files that are not for us, which stay as they were.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use roomcast::engine::file::Options;
use roomcast::engine::{Engine, Outcome, Table};

use super::desk::{Desk, Place, open, options, play, plays, post, put, records};

/// A file with something in it, as a clean stop leaves it.
fn kept(place: &Place) -> Vec<u8> {
    let mut desk = Desk::new(place);
    for number in 0..100 {
        let key = format!("{number:03}");
        desk.commit(number, vec![put(Table::Tasks, &key, &"x".repeat(300))]);
    }
    desk.stop(vec![open("events", 1, 0), post("events", "1")]);
    fs::read(place.data()).unwrap()
}

/// The file is refused with such a sentence, and is as it was.
#[track_caller]
fn is_refused(place: &Place, content: &[u8], words: &str) {
    fs::write(place.data(), content).unwrap();
    let before = place.names();
    let why = Desk::refusal(options(place.data()));
    assert!(why.contains(words), "{why}");
    assert!(why.contains("roomcast.db"), "{why}");
    assert!(fs::read(place.data()).unwrap() == content, "{words}");
    assert_eq!(place.names(), before, "{words}");
}

/// Another process, which has the file until it is told to let go.
#[test]
fn holder() {
    let Some(path) = plays("opening::holder") else {
        return;
    };
    let (desk, _) = Desk::start(options(path));
    println!("\nheld");
    let _ = std::io::stdin().read(&mut [0]);
    desk.stop(Vec::new());
}

/// That process, and what it says.
fn hold(path: &Path) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = play("opening::holder", path);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map(|line| line.unwrap());
    assert!(lines.any(|line| line == "held"));
    (child, lines)
}

#[test]
fn another_process_that_has_the_file_is_named() {
    let place = Place::new();
    let (mut child, _says) = hold(&place.data());
    let wait = Duration::from_millis(300);
    let started = Instant::now();
    let why = Desk::refusal(Options {
        wait,
        ..options(place.data())
    });
    assert!(started.elapsed() >= wait);
    let process = format!("process {} holds it, still after 300ms", child.id());
    assert!(why.contains(&process), "{why}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_file_is_waited_for_until_the_other_process_lets_go() {
    let place = Place::new();
    let (mut child, _says) = hold(&place.data());
    let mut desk = Desk::open(Options {
        wait: Duration::from_secs(20),
        ..options(place.data())
    });
    assert_eq!(desk.file.next(), None);
    drop(child.stdin.take());
    assert_eq!(desk.outcome(), Outcome::Started);
    assert!(child.wait().unwrap().success());
    desk.stop(Vec::new());
}

#[test]
fn who_waits_for_the_file_can_be_stopped() {
    let place = Place::new();
    let (mut child, _says) = hold(&place.data());
    let desk = Desk::open(Options {
        wait: Duration::from_secs(600),
        ..options(place.data())
    });
    desk.stop(Vec::new());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_of_another_program_is_waited_for_too_and_named() {
    let place = Place::new();
    kept(&place);
    let script = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); \
        print(db.execute('select count(*) from tasks').fetchall(), flush=True); sys.stdin.read()";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .arg(place.data())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "[(100,)]\n");
    let why = Desk::refusal(options(place.data()));
    assert!(why.contains("holds it"), "{why}");
    let process = format!("process {}", child.id());
    assert!(why.contains(&process), "{why}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    Desk::new(&place).stop(Vec::new());
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_as_it_was() {
    let place = Place::new();
    is_refused(&place, b"what somebody wrote", "it is no SQLite database");
    is_refused(&place, &[b'x'; 10_000], "it is no SQLite database");
    is_refused(&place, b"SQLite for", "it has been cut");
    is_refused(&place, b"SQLite format 3\0and so on", "it has been cut");
    let other = Place::new();
    let theirs = rusqlite::Connection::open(other.data()).unwrap();
    theirs.execute_batch("CREATE TABLE tasks (x)").unwrap();
    drop(theirs);
    let content = fs::read(other.data()).unwrap();
    is_refused(&place, &content, "a database of another program");
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_left_as_it_was() {
    let place = Place::new();
    kept(&place);
    let newer = rusqlite::Connection::open(place.data()).unwrap();
    newer.pragma_update(None, "user_version", 2).unwrap();
    newer.close().unwrap();
    let content = fs::read(place.data()).unwrap();
    is_refused(&place, &content, "it is of version 2");
}

#[test]
fn a_file_that_was_cut_is_refused_and_left_as_it_was() {
    let place = Place::new();
    let content = kept(&place);
    for length in [100, 4096, content.len() / 2, content.len() - 1] {
        is_refused(&place, &content[..length], "it has been cut");
    }
}

#[test]
fn a_file_that_is_broken_inside_is_refused_and_left_as_it_was() {
    let place = Place::new();
    // Before those there is one for each table and each index, of which some are empty.
    const FIRST_OF_RECORDS: usize = 15;
    let content = kept(&place);
    assert!(content.len() / 4096 > FIRST_OF_RECORDS + 5);
    for page in 1..content.len() / 4096 {
        let mut content = content.clone();
        content[page * 4096..page * 4096 + 200].fill(0xa5);
        // A page that nothing is in, or not yet, may be anything.
        fs::write(place.data(), &content).unwrap();
        let mut desk = Desk::open(options(place.data()));
        let end = loop {
            match desk.outcome() {
                Outcome::Restored(_) => {}
                other => break other,
            }
        };
        if let Outcome::Broken(why) = &end {
            assert!(why.contains("the file is broken"), "{why}");
            assert!(fs::read(place.data()).unwrap() == content);
        }
        let has_started = end == Outcome::Started;
        if has_started {
            desk.stop(Vec::new());
        }
        assert!(!has_started || page < FIRST_OF_RECORDS, "page {page}");
    }
}

#[test]
fn a_file_whose_companion_alone_is_left_is_refused() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    desk.commit(1, vec![put(Table::Tasks, "1", "{}")]);
    let killed = place.killed();
    desk.stop(Vec::new());
    let companion = killed.path().join("roomcast.db-wal");
    let before = fs::read(&companion).unwrap();
    is_refused(&killed, b"", "it is empty");
    assert!(fs::read(&companion).unwrap() == before);
}

#[test]
fn a_file_with_what_was_not_written_back_is_taken_up_or_left_with_it() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    let big = "x".repeat(1000);
    desk.commit(
        1,
        (0..50)
            .map(|key| put(Table::Tasks, &key.to_string(), &big))
            .collect(),
    );
    let killed = place.killed();
    desk.stop(Vec::new());
    let companion = killed.path().join("roomcast.db-wal");
    let log = fs::read(&companion).unwrap();
    // The main file without its tables: what is beside it must not be lost with the refusal.
    let content = fs::read(killed.data()).unwrap();
    is_refused(&killed, &content[..150], "");
    assert!(fs::read(&companion).unwrap() == log);
    fs::write(killed.data(), &content).unwrap();
    let (_, restored) = Desk::start(options(killed.data()));
    assert_eq!(records(&restored).len(), 50);
}

#[test]
fn a_place_that_cannot_be_written_is_told_with_the_setting() {
    let place = Place::new();
    let nowhere = place.path().join("no folder").join("roomcast.db");
    for is_default in [true, false] {
        let why = Desk::refusal(Options {
            is_default,
            ..options(&nowhere)
        });
        assert!(why.contains("--data"), "{why}");
        assert!(why.contains("No such file or directory"), "{why}");
    }
    let why = Desk::refusal(options(place.path()));
    assert!(why.contains("Is a directory"), "{why}");
}

/// Opens the file as somebody who may not write it, and says what came of it.
#[test]
fn nobody_special() {
    let Some(path) = plays("opening::nobody_special") else {
        return;
    };
    println!("\n{}", Desk::refusal(options(path)));
}

#[test]
fn a_file_or_a_folder_that_may_not_be_written_is_told() {
    let place = Place::new();
    kept(&place);
    // Who may do everything becomes somebody else first.
    let script = "import os, sys\nif os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n\
        os.execv(sys.argv[1], sys.argv[1:])";
    let program = place.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let why = |path: &Path| {
        let output = super::desk::program("python3", "opening::nobody_special", path)
            .args(["-c", script])
            .arg(&program)
            .args(["--exact", "opening::nobody_special", "--nocapture"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&place.data(), 0o444);
    mode(place.path(), 0o555);
    let told = why(&place.data());
    assert!(
        told.contains("it cannot be written: Permission denied"),
        "{told}"
    );
    assert!(told.contains("--data"), "{told}");
    let told = why(&place.path().join("other.db"));
    assert!(
        told.contains("it cannot be made: Permission denied"),
        "{told}"
    );
    mode(place.path(), 0o755);
}

#[test]
fn nobody_else_may_read_the_file_nor_what_is_beside_it() {
    let place = Place::new();
    let mode = |name: &str| fs::metadata(place.path().join(name)).unwrap().mode() & 0o777;
    let mut desk = Desk::new(&place);
    desk.commit(1, vec![put(Table::Tasks, "1", "{}")]);
    assert_eq!(place.names(), ["roomcast.db", "roomcast.db-wal"]);
    assert_eq!(
        (mode("roomcast.db"), mode("roomcast.db-wal")),
        (0o600, 0o600)
    );
    desk.stop(Vec::new());
    fs::set_permissions(place.data(), fs::Permissions::from_mode(0o644)).unwrap();
    let mut desk = Desk::new(&place);
    desk.commit(1, vec![put(Table::Tasks, "2", "{}")]);
    assert_eq!(
        (mode("roomcast.db"), mode("roomcast.db-wal")),
        (0o600, 0o600)
    );
    desk.stop(Vec::new());
}

/// A file that was left by a clean stop, with another mode, of which all has been given back and taken, and nothing else.
fn taken(place: &Place) -> (Desk, Vec<u8>) {
    let content = kept(place);
    fs::set_permissions(place.data(), fs::Permissions::from_mode(0o644)).unwrap();
    let mut desk = Desk::open(options(place.data()));
    for _ in 0..102 {
        assert!(matches!(desk.outcome(), Outcome::Restored(_)));
    }
    (desk, content)
}

#[track_caller]
fn is_untouched(place: &Place, content: &[u8]) {
    assert!(fs::read(place.data()).unwrap() == content);
    assert_eq!(fs::metadata(place.data()).unwrap().mode() & 0o777, 0o644);
    assert_eq!(place.names(), ["roomcast.db"]);
}

#[test]
fn a_file_of_which_the_loop_does_not_take_up_the_last_record_is_left_as_it_was() {
    let place = Place::new();
    let (desk, content) = taken(&place);
    desk.leave();
    is_untouched(&place, &content);
}

#[test]
fn a_stop_before_all_is_taken_up_leaves_the_file_as_it_was() {
    let place = Place::new();
    let (mut desk, content) = taken(&place);
    desk.file.stop(Vec::new());
    assert_eq!(desk.outcome(), Outcome::Stopped);
    is_untouched(&place, &content);
}

#[test]
fn a_secret_that_cannot_be_read_is_refused_and_stays() {
    for value in ["'no digits'", "''", "x'00ff'", "7"] {
        let place = Place::new();
        let with_secret = || Options {
            with_secret: true,
            ..options(place.data())
        };
        Desk::start(with_secret()).0.stop(Vec::new());
        let file = rusqlite::Connection::open(place.data()).unwrap();
        let sql = format!("UPDATE meta SET value = {value} WHERE name = 'secret'");
        assert_eq!(file.execute(&sql, []).unwrap(), 1);
        file.close().unwrap();
        let content = fs::read(place.data()).unwrap();
        let why = Desk::refusal(with_secret());
        assert!(why.contains("the secret in it"), "{why}");
        assert!(fs::read(place.data()).unwrap() == content);
    }
}

#[test]
fn a_link_to_nothing_is_told() {
    let place = Place::new();
    let to = place.path().join("elsewhere.db");
    std::os::unix::fs::symlink(&to, place.data()).unwrap();
    let why = Desk::refusal(options(place.data()));
    let words = format!("it is a link to {}, and that is not there", to.display());
    assert!(why.contains(&words), "{why}");
}
