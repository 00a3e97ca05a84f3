//! Rows: each kind as it is given back, and the numbers of posts.

use roomcast::engine::{Restored, Row, Table};

use super::desk::{Desk, Place, logs, now, open, options, post, posts, put, records};

#[test]
fn every_row_is_given_back_as_it_was_given() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    let at = now();
    let all = Table::ALL.map(|table| put(table, "a/1", "{\"is\":\"\u{1F600} '\"}"));
    desk.commit(1, all.to_vec());
    let posted = Row::Post {
        log: "rooms/a".to_owned(),
        topic: "x".to_owned(),
        at,
        text: "{}".to_owned(),
    };
    desk.commit(2, vec![open("rooms/a", u32::MAX, 41), posted]);
    desk.stop(Vec::new());

    let (_, restored) = Desk::start(options(place.data()));
    let mut expected: Vec<Restored> = Table::ALL
        .map(|table| Restored::Record {
            table,
            key: "a/1".to_owned(),
            record: "{\"is\":\"\u{1F600} '\"}".to_owned(),
        })
        .to_vec();
    expected.push(Restored::Log {
        log: "rooms/a".to_owned(),
        epoch: u32::MAX,
        number: 42,
        first: 42,
    });
    expected.push(Restored::Post {
        log: "rooms/a".to_owned(),
        number: 42,
        topic: "x".to_owned(),
        at,
        text: "{}".to_owned(),
    });
    assert_eq!(restored, expected);
}

#[test]
fn a_record_is_replaced_and_deleted_alone_or_in_a_range() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    let keys = ["a/1", "a/2", "a0", "b/1", "b/2"];
    let rows = keys.map(|key| put(Table::Players, key, "1"));
    desk.commit(1, rows.to_vec());
    let table = Table::Players;
    let range = Row::DeleteRange {
        table,
        from: "a/".to_owned(),
        to: "a0".to_owned(),
    };
    let one = Row::Delete {
        table,
        key: "b/1".to_owned(),
    };
    let missing = Row::Delete {
        table,
        key: "nobody".to_owned(),
    };
    desk.commit(2, vec![range, one, missing, put(table, "b/2", "2")]);
    desk.stop(Vec::new());
    let (_, restored) = Desk::start(options(place.data()));
    assert_eq!(
        records(&restored),
        [(table, "a0", "1"), (table, "b/2", "2")]
    );
}

#[test]
fn posts_are_numbered_by_log_and_only_those_that_are_so() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    desk.commit(1, vec![open("tasks", 1, 0), open("rooms/a", 2, 10)]);
    desk.commit(
        2,
        vec![
            post("tasks", "1"),
            post("rooms/a", "11"),
            post("tasks", "2"),
        ],
    );
    // There is no such log, so nothing of this is so.
    desk.give(3, vec![post("tasks", "not"), post("rooms/none", "not")]);
    assert_eq!(desk.outcome(), roomcast::engine::Outcome::Failed(3));
    desk.commit(4, vec![post("tasks", "3")]);
    let (_, restored) = Desk::start(options(place.killed().data()));
    assert_eq!(
        logs(&restored),
        [("rooms/a", 2, 11, 11), ("tasks", 1, 3, 1)]
    );
    assert_eq!(posts(&restored), [(11, "11"), (1, "1"), (2, "2"), (3, "3")]);
    desk.stop(Vec::new());
}

#[test]
fn a_log_is_opened_anew_and_closed() {
    let place = Place::new();
    let mut desk = Desk::new(&place);
    desk.commit(1, vec![open("tasks", 1, 0), post("tasks", "old")]);
    desk.commit(
        2,
        vec![
            open("rooms/a", 1, 0),
            post("rooms/a", "gone"),
            open("tasks", 9, 5),
            post("tasks", "new"),
            Row::Close {
                log: "rooms/a".to_owned(),
            },
        ],
    );
    desk.stop(Vec::new());
    let (_, restored) = Desk::start(options(place.data()));
    assert_eq!(logs(&restored), [("tasks", 9, 6, 6)]);
    assert_eq!(posts(&restored), [(6, "new")]);
}

#[test]
fn no_more_posts_are_kept_than_a_history_has() {
    let place = Place::new();
    let mut options = options(place.data());
    for history in &mut options.history {
        history.messages_max = 3;
    }
    let (mut desk, _) = Desk::start(options.clone());
    desk.commit(1, vec![open("tasks", 1, 0)]);
    for number in 1..=10 {
        desk.commit(1 + number, vec![post("tasks", &number.to_string())]);
    }
    desk.stop(Vec::new());
    let kept = rusqlite::Connection::open(place.data()).unwrap();
    let count = |sql| kept.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM posts"), 3);
    drop(kept);
    let (_, restored) = Desk::start(options);
    assert_eq!(logs(&restored), [("tasks", 1, 10, 8)]);
    assert_eq!(posts(&restored), [(8, "8"), (9, "9"), (10, "10")]);
}
