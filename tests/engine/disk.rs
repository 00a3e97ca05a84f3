//! Disks that are full, and well again: a process that may not make its files any longer, and a small file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use roomcast::engine::{Engine, Outcome, Table};

use super::desk::{Desk, Place, options, play, plays, put, records};

/// Writes until it fails, has the disk made well, and goes on; what is answered is there, and nothing else.
fn fill(path: &Path, heal: impl FnOnce()) {
    let (mut desk, _) = Desk::start(options(path));
    let text = "x".repeat(20_000);
    let key = |serial: u64| format!("{serial:05}");
    let mut serial = 0;
    let mut expected = Vec::new();
    let mut tried;
    loop {
        serial += 1;
        tried = Instant::now();
        desk.give(serial, vec![put(Table::Tasks, &key(serial), &text)]);
        match desk.outcome() {
            Outcome::Committed(_) => expected.push(key(serial)),
            Outcome::Failed(failed) => {
                assert_eq!(failed, serial);
                break;
            }
            other => panic!("{other:?}"),
        }
        assert!(serial < 10_000, "the disk does not become full");
    }
    let trouble = desk.file.health().trouble.unwrap();
    assert!(trouble.contains("the disk"), "{trouble}");
    // What writes nothing says nothing of the disk. A second later it may have been tried with something small.
    serial += 1;
    desk.commit(serial, Vec::new());
    assert!(desk.file.health().trouble.is_some() || tried.elapsed() > Duration::from_secs(1));
    // What nobody waits for stays, and what others wait for fails until the disk is well.
    desk.give(None, vec![put(Table::Tasks, "lazy", &text)]);
    desk.give(serial + 1, vec![put(Table::Tasks, "fails too", &text)]);
    assert_eq!(desk.outcome(), Outcome::Failed(serial + 1));
    heal();
    while desk.file.health().trouble.is_some() {
        desk.sleep();
        assert_eq!(desk.file.next(), None);
    }
    desk.commit(serial + 2, vec![put(Table::Tasks, "last", "{}")]);
    expected.extend(["lazy".to_owned(), "last".to_owned()]);
    desk.stop(Vec::new());
    let (_, restored) = Desk::start(options(path));
    let keys: Vec<&str> = records(&restored).iter().map(|found| found.1).collect();
    assert_eq!(keys, expected);
}

/// A process whose files may not become larger than it was told, until it is told otherwise.
#[test]
fn narrow() {
    let Some(path) = plays("disk::narrow") else {
        return;
    };
    fill(&path, || {
        let (_, hard) = rlimit::Resource::FSIZE.get().unwrap();
        rlimit::Resource::FSIZE.set(hard, hard).unwrap();
    });
    println!("\nfilled");
}

/// A process of that kind whose first change is too large.
#[test]
fn narrow_at_once() {
    let Some(path) = plays("disk::narrow_at_once") else {
        return;
    };
    let (mut desk, _) = Desk::start(options(&path));
    let small = |key: u64| vec![put(Table::Tasks, &key.to_string(), "{}")];
    let large = || vec![put(Table::Tasks, "large", &"x".repeat(2 << 20))];
    desk.give(1, large());
    desk.sleep();
    // It has failed, but that has not been heard yet; a turn that has not ended is not sent yet.
    desk.give(2, small(2));
    desk.give(3, Vec::new());
    desk.submit(4, small(4));
    desk.submit(None, vec![put(Table::Tasks, "lazy", "{}")]);
    assert_eq!(desk.outcome(), Outcome::Failed(1));
    assert_eq!(desk.outcome(), Outcome::Failed(2));
    // Not all of that failure has been heard.
    desk.give(5, small(5));
    for serial in 3..=5 {
        assert_eq!(desk.outcome(), Outcome::Failed(serial));
    }
    assert_eq!(desk.file.next(), None);
    let health = desk.file.health();
    assert!(health.trouble.unwrap().contains("the disk"));
    desk.commit(6, small(6));
    let health = desk.file.health();
    assert_eq!((health.trouble, health.failures), (None, 1));

    // Whoever submits faster than it is told comes to the end of a failure, too.
    desk.give(7, large());
    let (mut last, mut told) = (7, 6);
    loop {
        let outcome = desk.outcome();
        told += 1;
        if outcome != Outcome::Failed(told) {
            assert_eq!(outcome, Outcome::Committed(told));
            break;
        }
        assert!(told < 1000, "it does not end");
        for _ in 0..2 {
            last += 1;
            desk.give(last, small(last));
        }
    }
    let first = told;
    while told < last {
        told += 1;
        assert_eq!(desk.outcome(), Outcome::Committed(told));
    }
    desk.stop(Vec::new());
    let (_, restored) = Desk::start(options(path));
    let keys: Vec<&str> = records(&restored).iter().map(|found| found.1).collect();
    let mut expected = vec!["lazy".to_owned(), "6".to_owned()];
    expected.extend((first..=last).map(|serial| serial.to_string()));
    assert_eq!(keys, expected);
    println!("\nfilled");
}

#[test]
fn a_file_that_cannot_become_longer_fails_what_was_asked_and_nothing_else() {
    plays_narrow("disk::narrow");
}

#[test]
fn all_that_was_submitted_before_a_failure_was_heard_of_fails_with_it_and_no_more() {
    plays_narrow("disk::narrow_at_once");
}

#[track_caller]
fn plays_narrow(part: &str) {
    let place = Place::new();
    // A shell, because who is told by a signal that its file is too long dies of it, unless its parent ignored that.
    let script = "trap '' XFSZ; ulimit -S -f 1000; exec \"$0\" \"$@\"";
    let output = super::desk::program("bash", part, &place.data())
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", part, "--nocapture"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{complaint}");
    assert!(told.contains("\nfilled\n"), "{told}");
}

/// A file system of a megabyte or two, for as long as it is looked at; only who may mount has one.
struct Small(PathBuf);

impl Small {
    fn mount(place: &Place) -> Option<Small> {
        let folder = place.path().join("small");
        fs::create_dir(&folder).unwrap();
        let is_done = run(
            "mount",
            &["-t", "tmpfs", "-o", "size=1500k", "tmpfs"],
            &folder,
        );
        is_done.then_some(Small(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        run("umount", &["--lazy"], &self.0);
    }
}

fn run(name: &str, arguments: &[&str], folder: &Path) -> bool {
    let status = Command::new(name).args(arguments).arg(folder).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn a_full_disk_fails_what_was_asked_and_nothing_else() {
    let place = Place::new();
    let Some(small) = Small::mount(&place) else {
        println!("nothing can be mounted here: only the file that cannot become longer was tried");
        return;
    };
    fill(&small.0.join("roomcast.db"), || {
        let is_done = run("mount", &["-o", "remount,size=20m"], &small.0);
        assert!(is_done, "the file system does not grow");
    });
}

#[test]
fn a_disk_that_is_full_at_the_start_is_told() {
    let place = Place::new();
    let Some(small) = Small::mount(&place) else {
        println!("nothing can be mounted here");
        return;
    };
    let filler = small.0.join("filler");
    let _ = fs::write(filler, vec![0; 4 << 20]);
    let why = Desk::refusal(options(small.0.join("roomcast.db")));
    assert!(why.contains("the disk is full"), "{why}");
}

/// A process that answers changes until it is killed.
#[test]
fn writer() {
    let Some(path) = plays("disk::writer") else {
        return;
    };
    let (mut desk, _) = Desk::start(options(path));
    for serial in 1.. {
        let key = format!("{serial:06}");
        let rows = [Table::Tasks, Table::Rooms].map(|table| put(table, &key, "{}"));
        desk.commit(serial, rows.to_vec());
        println!("\nanswered {serial}");
    }
}

#[test]
fn what_was_answered_is_there_after_a_kill_and_the_rest_is_whole_or_absent() {
    use std::io::{BufRead, BufReader};
    let place = Place::new();
    let mut answered = 0;
    for round in 1..=5 {
        let mut child = play("disk::writer", &place.data());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers =
            lines.filter_map(|line| line.unwrap().strip_prefix("answered ")?.parse().ok());
        let mut told: u64 = 0;
        for number in numbers {
            told = number;
            if told == 20 * round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        answered = told.max(answered);
        let (desk, restored) = Desk::start(options(place.data()));
        let found = records(&restored);
        let of = |table| found.iter().filter(move |found| found.0 == table);
        let (tasks, rooms) = (of(Table::Tasks).count(), of(Table::Rooms).count());
        assert_eq!(tasks, rooms);
        assert!(tasks as u64 >= answered, "{tasks} of {answered}");
        desk.stop(Vec::new());
    }
}

#[test]
fn a_copy_that_the_disk_has_no_place_for_is_refused_and_all_else_goes_on() {
    let place = Place::new();
    let Some(small) = Small::mount(&place) else {
        println!("nothing can be mounted here");
        return;
    };
    let (mut desk, _) = Desk::start(options(small.0.join("roomcast.db")));
    let text = "x".repeat(20_000);
    let many = (0..50).map(|number| put(Table::Tasks, &number.to_string(), &text));
    desk.commit(1, many.collect());
    desk.file.copy(1, false);
    let Outcome::Copied(1, Err(why)) = desk.outcome() else {
        panic!("a copy");
    };
    assert!(why.contains("the disk is full"), "{why}");
    // What was written of it is gone.
    desk.commit(2, vec![put(Table::Tasks, "last", &text)]);
    assert!(run("mount", &["-o", "remount,size=20m"], &small.0));
    desk.file.copy(2, false);
    assert!(matches!(desk.outcome(), Outcome::Copied(2, Ok(_))));
    desk.stop(Vec::new());
}
