//! Starting again: what goes on in its epoch, what begins anew, and what is not given back.

use std::collections::BTreeSet;

use roomcast::bounds::Durability;
use roomcast::engine::file::Options;
use roomcast::engine::{Engine, Outcome, Restored, Row, Table};
use roomcast::id::AppId;
use roomcast::time::Unix;

use super::desk::{Desk, Place, logs, now, open, options, post, post_at, posts, put, records};

fn kept_as(options: Options, app: AppId, durability: Durability) -> Options {
    let mut options = options;
    options.durability[app as usize] = durability;
    options
}

/// The epoch and the newest number of the one log that is given back.
#[track_caller]
fn only_log(restored: &[Restored]) -> (u32, u64) {
    let logs = logs(restored);
    assert_eq!(logs.len(), 1, "{logs:?}");
    (logs[0].1, logs[0].2)
}

#[test]
fn an_epoch_goes_on_with_commit_whatever_happened_and_with_lazy_after_a_clean_stop_alone() {
    for (durability, goes_on) in [(Durability::Commit, true), (Durability::Lazy, false)] {
        let place = Place::new();
        let kept = |place: &Place| kept_as(options(place.data()), AppId::Tasks, durability);
        let (mut desk, _) = Desk::start(kept(&place));
        desk.commit(1, vec![open("tasks", 77, 4), post("tasks", "5")]);

        let killed = place.killed();
        let (again, restored) = Desk::start(kept(&killed));
        let (epoch, number) = only_log(&restored);
        assert_eq!((epoch == 77, number), (goes_on, 5));
        again.stop(Vec::new());
        let (_, restored) = Desk::start(kept(&killed));
        assert_eq!(only_log(&restored), (epoch, 5), "what was drawn is kept");

        desk.stop(Vec::new());
        let (_, restored) = Desk::start(kept(&place));
        assert_eq!(only_log(&restored), (77, 5));
        // The mark of the clean stop is struck with the start.
        let (_, restored) = Desk::start(kept(&place.killed()));
        assert_eq!(only_log(&restored).0 == 77, goes_on);
    }
}

#[test]
fn what_may_be_missing_is_judged_by_how_the_app_was_kept_when_it_was_written() {
    let place = Place::new();
    let kept = |place: &Place, durability| kept_as(options(place.data()), AppId::Tasks, durability);
    let (mut desk, _) = Desk::start(kept(&place, Durability::Lazy));
    desk.commit(1, vec![open("tasks", 77, 4), post("tasks", "5")]);
    // Killed while it was lazy, it does not go on with another durability, nor after a stop of a process that did not keep it.
    let killed = place.killed();
    let (again, restored) = Desk::start(kept(&killed, Durability::Commit));
    let (epoch, _) = only_log(&restored);
    assert_ne!(epoch, 77);
    // From then on it was kept otherwise.
    let (_, restored) = Desk::start(kept(&killed.killed(), Durability::Lazy));
    assert_eq!(only_log(&restored).0, epoch);
    again.stop(Vec::new());

    let killed = place.killed();
    let (between, restored) = Desk::start(kept(&killed, Durability::None));
    assert_eq!(logs(&restored), []);
    between.stop(Vec::new());
    let (_, restored) = Desk::start(kept(&killed, Durability::Lazy));
    assert_ne!(only_log(&restored).0, 77);

    // And whatever becomes of such a process, it takes nothing from a stop in good order before it.
    desk.stop(Vec::new());
    let (_between, _) = Desk::start(kept(&place, Durability::None));
    let (_, restored) = Desk::start(kept(&place.killed(), Durability::Lazy));
    assert_eq!(only_log(&restored), (77, 5));
}

#[test]
fn who_puts_back_a_copy_has_all_logs_begin_a_new_life_once() {
    let place = Place::new();
    let desk = Desk::new(&place);
    let names = ["rooms/a", "rooms/b", "stream", "tasks"];
    desk.stop(names.map(|log| open(log, 5, 9)).to_vec());
    let anew = Options {
        new_epochs: true,
        ..kept_as(options(place.data()), AppId::Rooms, Durability::None)
    };
    let (desk, restored) = Desk::start(anew);
    assert_eq!(logs(&restored).len(), 2);
    let killed = place.killed();
    desk.stop(Vec::new());
    let (_, restored) = Desk::start(options(killed.data()));
    let found = logs(&restored);
    let epochs: BTreeSet<u32> = found.iter().map(|log| log.1).collect();
    // That of the stream was taken up, and so it was struck.
    assert_eq!(found.len(), 3);
    assert!(epochs.len() == 3 && !epochs.contains(&5), "{found:?}");
    assert!(found.iter().all(|log| log.2 == 9), "{found:?}");
}

#[test]
fn the_history_of_events_is_struck_when_it_is_taken_up() {
    for log in ["events", "stream"] {
        let place = Place::new();
        let desk = Desk::new(&place);
        desk.stop(vec![open(log, 5, 0), post(log, "1"), post(log, "2")]);
        let (desk, restored) = Desk::start(options(place.data()));
        assert_eq!(logs(&restored), [(log, 5, 2, 1)]);
        assert_eq!(posts(&restored), [(1, "1"), (2, "2")]);
        let (_, restored) = Desk::start(options(place.killed().data()));
        assert_eq!(restored, []);
        desk.stop(vec![open(log, 5, 2)]);
        let (_, restored) = Desk::start(options(place.data()));
        assert_eq!(logs(&restored), [(log, 5, 2, 3)]);
    }
}

#[test]
fn who_stops_before_it_has_begun_leaves_everything_as_it_was() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    // More than is given back before the first of it is taken.
    let name = |number: u32| format!("{number:05}");
    let records = (0..20_000).map(|number| put(Table::Tasks, &name(number), "{}"));
    desk.commit(1, records.collect());
    desk.stop(vec![open("events", 7, 3), post("events", "4")]);
    let mut stops = Desk::open(options(place.data()));
    assert!(matches!(stops.outcome(), Outcome::Restored(_)));
    stops.file.stop(Vec::new());
    loop {
        match stops.outcome() {
            Outcome::Restored(_) | Outcome::Started => {}
            Outcome::Stopped => break,
            other => panic!("{other:?}"),
        }
    }
    let (_, restored) = Desk::start(options(place.data()));
    assert_eq!(only_log(&restored), (7, 4));
    assert_eq!(posts(&restored), [(4, "4")]);
}

#[test]
fn what_an_app_has_that_keeps_nothing_is_left_alone() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    let room = vec![
        put(Table::Rooms, "a", "{}"),
        put(Table::Players, "a/1", "{}"),
        put(Table::Messages, "a/1", "{}"),
        put(Table::Tasks, "t", "{}"),
        open("rooms/a", 3, 1),
    ];
    desk.commit(1, room);
    desk.stop(vec![open("events", 3, 1)]);
    let nothing = kept_as(options(place.data()), AppId::Rooms, Durability::None);
    let nothing = kept_as(nothing, AppId::Events, Durability::None);
    let (desk, restored) = Desk::start(nothing);
    assert_eq!(records(&restored), [(Table::Tasks, "t", "{}")]);
    assert_eq!(logs(&restored), []);
    desk.stop(Vec::new());
    let (_, restored) = Desk::start(options(place.data()));
    assert_eq!((records(&restored).len(), logs(&restored).len()), (4, 2));
}

#[test]
fn the_secret_is_made_once_and_kept() {
    let place = Place::new();
    let with_secret = |place: &Place| Options {
        with_secret: true,
        ..options(place.data())
    };
    let (desk, made) = Desk::start(with_secret(&place));
    let [Restored::Secret(secret)] = made.as_slice() else {
        panic!("{made:?}");
    };
    assert_eq!(secret.len(), 32);
    let (_, restored) = Desk::start(with_secret(&place.killed()));
    assert_eq!(restored, made);
    desk.stop(Vec::new());
    assert_eq!(Desk::start(options(place.data())).1, []);
    let place_of_another = Place::new();
    assert_ne!(Desk::start(with_secret(&place_of_another)).1, made);
}

#[test]
fn posts_that_are_too_old_are_not_given_back_nor_what_is_before_one_that_is_missing() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    let long_ago = Unix(now().0 - 3_600_000);
    let old = |log, text| post_at(log, text, long_ago);
    desk.commit(
        1,
        vec![
            open("tasks", 1, 0),
            old("tasks", "1"),
            old("tasks", "2"),
            post("tasks", "3"),
            open("rooms/a", 1, 0),
            old("rooms/a", "1"),
            open("rooms/b", 1, 0),
            post("rooms/b", "1"),
            post("rooms/b", "2"),
            post("rooms/b", "3"),
        ],
    );
    desk.stop(Vec::new());
    let kept = rusqlite::Connection::open(place.data()).unwrap();
    let sql = "DELETE FROM posts WHERE log = 'rooms/b' AND number = 2";
    assert_eq!(kept.execute(sql, []).unwrap(), 1);
    drop(kept);
    let (_, restored) = Desk::start(options(place.data()));
    let expected = [
        ("rooms/a", 1, 1, 2),
        ("rooms/b", 1, 3, 3),
        ("tasks", 1, 3, 3),
    ];
    assert_eq!(logs(&restored), expected);
    assert_eq!(posts(&restored), [(3, "3"), (3, "3")]);
}

#[test]
fn old_posts_leave_the_file_when_there_is_nothing_else_to_do() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    let long_ago = Unix(now().0 - 3_600_000);
    let mut rows = vec![open("tasks", 1, 0)];
    rows.extend((0..900).map(|_| post_at("tasks", "old", long_ago)));
    rows.push(post("tasks", "new"));
    desk.commit(1, rows);
    // Nothing tells of it: that is seen in what a killed process would leave.
    let left = || {
        let killed = place.killed();
        let kept = rusqlite::Connection::open(killed.data()).unwrap();
        let sql = "SELECT count(*) FROM posts";
        kept.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    while left() > 1 {
        std::thread::yield_now();
    }
    desk.commit(
        2,
        vec![
            post("tasks", "newer"),
            Row::Close {
                log: "none".to_owned(),
            },
        ],
    );
    desk.stop(Vec::new());
    let (_, restored) = Desk::start(options(place.data()));
    assert_eq!(logs(&restored), [("tasks", 1, 902, 901)]);
}
