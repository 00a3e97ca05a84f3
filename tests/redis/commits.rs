//! Batches: one order, versions, numbers, and each change whole or not at all.

use roomcast::engine::Table;
use roomcast::engine::redis::batch::{Entry, Record};
use roomcast::engine::redis::{Operation, Outcome, Verdict};

use super::server::Server;
use super::shell::{Follower, Heard, Hub, change, put};

const RECORD: Record<'static> = (Table::Rooms, "a");

fn judged(outcome: Outcome) -> Vec<Verdict> {
    match outcome {
        Outcome::Judged(verdicts) => verdicts,
        other => panic!("{other:?}"),
    }
}

fn record(key: &str, version: u64, text: &str) -> (String, u64, String) {
    (key.to_owned(), version, text.to_owned())
}

#[test]
fn batches_of_two_hubs_become_so_in_one_order() {
    let server = Server::start();
    let mut hubs = [Hub::new(&server, "one"), Hub::new(&server, "two")];
    let from = hubs[0].mark();
    let open = [Operation::Open("events", 7, 0)];
    hubs[0].commit_one(change(1, &open));
    let post = [Operation::Post("events", 2)];
    let mut numbers = Vec::new();
    for round in 1..=50 {
        // Both are under way at once.
        let serials = [round * 3, round * 3 + 1, round * 3 + 2];
        let entries = serials.map(|serial| change(serial, &post));
        for hub in &mut hubs {
            hub.submit(&entries);
        }
        for hub in &mut hubs {
            for verdict in judged(hub.outcome().unwrap()) {
                let Verdict::Committed(number, posts) = verdict else {
                    panic!("{verdict:?}");
                };
                assert_eq!(posts.len(), 1);
                numbers.push((number, posts[0]));
            }
        }
    }
    numbers.sort();
    let expected = |index: u64| (from.number + 2 + index, 1 + 2 * index);
    let expected: Vec<(u64, u64)> = (0..300).map(expected).collect();
    assert_eq!(numbers, expected);
    // And so everybody hears it.
    let mut follower = Follower::new(&server, from.clone());
    let heard = follower.hear_all(301);
    let (mut serials, mut at) = ([0, 0], from.number);
    for heard in heard {
        let Heard::Entry(number, author, ..) = heard else {
            panic!("{heard:?}");
        };
        at += 1;
        assert_eq!(number, at);
        let (origin, serial) = author.rsplit_once('/').unwrap();
        let serial: u64 = serial.parse().unwrap();
        let last = &mut serials[usize::from(origin == "two/7")];
        assert!(serial > *last, "{author} behind {last}");
        *last = serial;
    }
    assert_eq!(hubs[1].read().1, [("events".to_owned(), 600)]);
}

#[test]
fn a_conflict_is_that_changes_alone() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let from = hub.mark();
    let open = [Operation::Open("rooms/1", 7, 10)];
    let write = [put("a", "{\"a\":1}"), Operation::Post("rooms/1", 1)];
    let other = [put("b", "{}"), Operation::Post("rooms/1", 1)];
    let absent = [(RECORD, 0)];
    let expecting = |serial, expects| Entry {
        expects,
        ..change(serial, &write)
    };
    let verdicts = judged(hub.commit(&[
        change(1, &open),
        expecting(2, &absent),
        expecting(3, &absent),
        change(4, &other),
    ]));
    let at = |index: u64| from.number + index;
    assert_eq!(
        verdicts,
        [
            Verdict::Committed(at(1), vec![]),
            Verdict::Committed(at(2), vec![11]),
            Verdict::Conflict(vec![("rooms/a".to_owned(), at(2))]),
            Verdict::Committed(at(3), vec![12]),
        ]
    );
    // Made from what is so, it fits; all that differs is told.
    let known = [(RECORD, at(2)), ((Table::Rooms, "b"), at(3))];
    let wrong = [
        (RECORD, 1),
        ((Table::Rooms, "b"), at(3)),
        ((Table::Tasks, "c"), 4),
    ];
    let verdicts = judged(hub.commit(&[expecting(5, &wrong), expecting(6, &known)]));
    let differing = vec![("rooms/a".to_owned(), at(2)), ("tasks/c".to_owned(), 0)];
    assert_eq!(
        verdicts,
        [
            Verdict::Conflict(differing),
            Verdict::Committed(at(4), vec![13])
        ]
    );
    // What is deleted and put again has another version.
    let delete = [Operation::Delete(RECORD)];
    hub.commit_one(change(7, &delete));
    hub.commit_one(change(8, &write));
    let records = [
        record("rooms/a", at(6), "{\"a\":1}"),
        record("rooms/b", at(3), "{}"),
    ];
    let (found, logs, mark) = hub.read();
    assert_eq!(found, records);
    assert_eq!(logs, [("rooms/1".to_owned(), 14)]);
    let mark = mark.unwrap();
    assert_eq!((mark.number, &mark.by[..]), (at(6), "one/7/8"));
}

#[test]
fn a_range_is_deleted_and_nothing_beside_it() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let names: Vec<String> = (0..2500).map(|number| format!("r1/{number}")).collect();
    let puts = |table| {
        let put = move |name| Operation::Put((table, name), "{}");
        names.iter().map(move |name| put(name.as_str()))
    };
    let mut operations: Vec<Operation<'_>> = puts(Table::Players).collect();
    operations.extend(puts(Table::Messages));
    for beside in ["r1", "r10/1", "r0/1", "r2/1", "r1-/1"] {
        operations.push(Operation::Put((Table::Players, beside), "{}"));
    }
    hub.commit_one(change(1, &operations));
    let range = |table| Operation::DeleteRange(table, "r1/", "r10");
    let again = Operation::Put((Table::Players, "r1/new"), "{}");
    let one = Operation::Delete((Table::Players, "r2/1"));
    let number = hub.commit_one(change(2, &[range(Table::Players), again, one]));
    let (records, ..) = hub.read();
    let count = |table: &str| {
        records
            .iter()
            .filter(|found| found.0.starts_with(table))
            .count()
    };
    assert_eq!(count("messages/"), 2500);
    let players = records
        .iter()
        .filter(|found| found.0.starts_with("players/"));
    let players: Vec<(&str, u64)> = players.map(|found| (&found.0[8..], found.1)).collect();
    let before = number - 1;
    let expected = [("r0/1", before), ("r1", before), ("r1-/1", before)];
    assert_eq!(players[..3], expected);
    assert_eq!(players[3..], [("r1/new", number), ("r10/1", before)]);
    // What was deleted is in no range any more.
    let ranges = hub.keys.ranges.clone();
    assert_eq!(hub.shell.say(&["ZCARD", &ranges]), "2505");
    hub.commit_one(change(3, &[range(Table::Players), range(Table::Messages)]));
    assert_eq!(hub.shell.say(&["ZCARD", &ranges]), "4");
    assert_eq!(hub.read().0.len(), 4);
}

#[test]
fn what_is_published_in_no_log_is_not_so() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let from = hub.mark().number;
    let post = Operation::Post("rooms/1", 1);
    let open = Operation::Open("rooms/1", 7, 0);
    let close = Operation::Close("rooms/1");
    let none = Verdict::NoLog("rooms/1".to_owned());
    let verdicts = judged(hub.commit(&[
        change(1, &[put("a", "{}"), post]),
        change(2, &[open, post, post]),
        change(3, &[post, close, post]),
        change(4, &[post]),
        change(5, &[post, close]),
        change(6, &[post]),
        change(7, &[close, open, post]),
    ]));
    let expected = [
        none.clone(),
        Verdict::Committed(from + 1, vec![1, 2]),
        none.clone(),
        Verdict::Committed(from + 2, vec![3]),
        Verdict::Committed(from + 3, vec![4]),
        none,
        Verdict::Committed(from + 4, vec![1]),
    ];
    assert_eq!(verdicts, expected);
    let (records, logs, _) = hub.read();
    assert_eq!((records.len(), logs), (0, vec![("rooms/1".to_owned(), 1)]));
}

#[test]
fn what_is_asked_again_is_done_once() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let from = hub.mark();
    let write = [put("a", "{}")];
    let absent = [(RECORD, 0)];
    let expecting = |serial| Entry {
        expects: &absent,
        ..change(serial, &write)
    };
    let batch = [expecting(1), expecting(2), change(3, &write), expecting(4)];
    // Its answer comes to nobody.
    hub.submit(&batch);
    hub.shell = super::shell::Shell::new(&server);
    let verdicts = judged(hub.commit(&batch));
    // The order of two connections is the server's; the second finds all done, or does it and the first finds that.
    let all = from.number + 2;
    let done = [
        Verdict::Earlier(all),
        Verdict::Earlier(all),
        Verdict::Earlier(all),
        Verdict::Conflict(vec![("rooms/a".to_owned(), all)]),
    ];
    let first = Verdict::Committed(from.number + 1, vec![]);
    assert!(verdicts == done || verdicts[0] == first, "{verdicts:?}");
    assert_eq!(judged(hub.commit(&batch)), done);
    // The stream says what became of each.
    let mut follower = Follower::new(&server, from);
    let heard = follower.hear_all(2);
    let authors: Vec<&str> = heard
        .iter()
        .map(|heard| match heard {
            Heard::Entry(_, author, ..) => author.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(authors, ["one/7/1", "one/7/3"]);
}

#[test]
fn a_hub_that_has_been_ended_must_join_anew() {
    let server = Server::start();
    let (mut one, mut two) = (Hub::new(&server, "one"), Hub::new(&server, "two"));
    one.commit_one(change(1, &[]));
    let origin = one.origin.clone();
    two.commit_one(change(1, &[Operation::Forget(&origin)]));
    assert_eq!(one.commit(&[change(1, &[])]), Outcome::Gone);
    one.origin.generation += 1;
    assert_eq!(one.commit(&[change(2, &[])]), Outcome::Gone);
    one.join();
    one.commit_one(change(1, &[]));
    // To join twice is to join once.
    one.join();
    assert!(matches!(
        judged(one.commit(&[change(1, &[])]))[..],
        [Verdict::Earlier(_)]
    ));
    // And whoever leaves in good order says so itself.
    let origin = one.origin.clone();
    one.commit_one(change(2, &[Operation::Forget(&origin)]));
    assert_eq!(one.commit(&[change(3, &[])]), Outcome::Gone);
}

#[test]
fn another_epoch_or_another_life_of_the_server_refuses_all() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let (replid, from) = (hub.replid(), hub.mark());
    let fenced = |replid: &str, now: &str| Outcome::Fenced {
        epoch: "0000aaaa".to_owned(),
        replid: replid.to_owned(),
        now: now.to_owned(),
    };
    let epoch = std::mem::replace(&mut hub.epoch, "0000bbbb".to_owned());
    assert_eq!(hub.commit(&[change(1, &[])]), fenced(&replid, &replid));
    hub.epoch = epoch;
    let meta = hub.keys.meta.clone();
    hub.shell.say(&["HSET", &meta, "replid", "0123"]);
    assert_eq!(hub.commit(&[change(1, &[])]), fenced("0123", &replid));
    assert_eq!(hub.mark(), from);
}
