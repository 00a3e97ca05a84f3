//! The stream as everybody reads it.

use roomcast::engine::redis::batch::Entry;
use roomcast::engine::redis::{Mark, Operation};

use super::server::Server;
use super::shell::{Follower, Heard, Hub, change, put};

fn numbers(heard: &[Heard]) -> Vec<u64> {
    let number = |heard: &Heard| match heard {
        Heard::Entry(number, ..) => *number,
        other => panic!("{other:?}"),
    };
    heard.iter().map(number).collect()
}

#[test]
fn what_becomes_so_wakes_who_waits() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let from = hub.mark();
    let mut follower = Follower::new(&server, from.clone());
    follower.ask();
    assert_eq!(follower.hear(), []);
    follower.ask();
    let operations = [
        Operation::Open("events", 1, 4),
        Operation::Post("events", 3),
    ];
    let entry = Entry {
        change: "{\"said\":\"ä\\r\\n\"}",
        ..change(3, &operations)
    };
    let number = hub.commit_one(entry);
    let expected = Heard::Entry(
        number,
        "one/7/3".to_owned(),
        "{\"said\":\"ä\\r\\n\"}".to_owned(),
        vec![5],
    );
    assert_eq!(follower.hear(), [expected]);
    let mark = Mark {
        number,
        by: "one/7/3".to_owned(),
        ..from
    };
    assert_eq!(follower.tail.mark(0), Some(&mark));
}

#[test]
fn an_interruption_leaves_no_gap_and_nothing_twice() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let from = hub.mark();
    let mut follower = Follower::new(&server, from.clone());
    let mut heard = Vec::new();
    for serial in 1..=200 {
        hub.commit_one(change(serial, &[]));
        if serial % 7 == 0 {
            heard.extend(follower.hear_all(1));
        }
        if serial % 20 == 0 {
            // What was asked is answered to nobody.
            follower.ask();
            follower.reconnect(&server);
        }
    }
    heard.extend(follower.hear_all(200 - heard.len()));
    let expected: Vec<u64> = (from.number + 1..=from.number + 200).collect();
    assert_eq!(numbers(&heard), expected);
}

#[test]
fn what_has_been_trimmed_away_is_told() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    hub.kept = 10;
    let from = hub.mark().number;
    let mut follower = Follower::new(&server, hub.mark());
    follower.ask();
    assert_eq!(follower.hear(), []);
    let entries: Vec<Entry<'_>> = (1..=500).map(|serial| change(serial, &[])).collect();
    hub.commit(&entries);
    let length: u64 = {
        let stream = hub.keys.stream.clone();
        hub.shell.say(&["XLEN", &stream]).parse().unwrap()
    };
    // It is trimmed by whole nodes.
    assert!((10..=110).contains(&length), "{length}");
    let mut heard = follower.hear_all(1 + length as usize);
    assert_eq!(heard.remove(0), Heard::Trimmed(from + 1));
    let expected: Vec<u64> = (from + 501 - length..=from + 500).collect();
    assert_eq!(numbers(&heard), expected);
    // The same for one that comes back, whose own entry has gone with them.
    let entries: Vec<Entry<'_>> = (501..=1000).map(|serial| change(serial, &[])).collect();
    hub.commit(&entries);
    follower.reconnect(&server);
    assert_eq!(follower.hear_all(1)[0], Heard::Trimmed(from + 501));
}

#[test]
fn an_entry_of_a_newer_language_is_told_as_such() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    let mut follower = Follower::new(&server, hub.mark());
    let newer = Entry {
        language: 2,
        ..change(1, &[])
    };
    let number = hub.commit_one(newer);
    hub.commit_one(change(2, &[]));
    let heard = follower.hear_all(2);
    assert_eq!(heard[0], Heard::Newer(number, 2));
    assert_eq!(numbers(&heard[1..]), [number + 1]);
}

#[test]
fn an_entry_that_is_not_ones_own_any_more_is_noticed() {
    let server = Server::start();
    let mut hub = Hub::new(&server, "one");
    hub.commit_one(change(1, &[]));
    let mark = hub.mark();
    let others = [
        Mark {
            by: "one/7/2".to_owned(),
            ..mark.clone()
        },
        Mark {
            number: mark.number + 1,
            ..mark.clone()
        },
        Mark {
            epoch: "0000cccc".to_owned(),
            ..mark.clone()
        },
    ];
    for other in others {
        let mut follower = Follower::new(&server, other);
        assert_eq!(follower.hear_all(1), [Heard::Lost]);
        // It is left alone until it is taken up anew.
        assert_eq!(follower.tail.ask(), None);
        follower.tail.follow(0, mark.clone());
        follower.ask();
        assert_eq!(follower.hear(), []);
    }
}

#[test]
fn a_start_while_others_write_has_all_with_what_the_stream_adds() {
    let server = Server::start();
    let mut writer = Hub::new(&server, "one");
    let names: Vec<String> = (0..3000).map(|number| number.to_string()).collect();
    let puts: Vec<Operation<'_>> = names
        .iter()
        .map(|name| put(name, "{\"round\":0}"))
        .collect();
    writer.commit_one(change(1, &puts));
    let mut start = roomcast::engine::redis::start::Start::new(&writer.keys);
    let mut reader = Hub::new(&server, "two");
    let mut records = std::collections::BTreeMap::new();
    let (mut mark, mut serial, mut pages) = (None, 1, 0);
    while let Some(request) = start.ask() {
        reader.shell.ask(&request, |answer| {
            use roomcast::engine::redis::start::Found;
            for found in start.take(answer).unwrap() {
                match found {
                    Found::Record((_, key), version, text) => {
                        records.insert(key.to_owned(), (version, text.to_owned()));
                    }
                    Found::All(all) => mark = Some(all),
                    other => panic!("{other:?}"),
                }
            }
        });
        pages += 1;
        // Between two pages some are written again, and some go.
        for step in 0..4 {
            serial += 1;
            let name = &names[(serial as usize * 37) % 3000];
            let text = format!("{{\"round\":{serial}}}");
            let operation = match step {
                0 => Operation::Delete((roomcast::engine::Table::Rooms, name)),
                _ => put(name, &text),
            };
            let entry = Entry {
                change: name,
                ..change(serial, std::slice::from_ref(&operation))
            };
            writer.commit_one(entry);
        }
    }
    assert!(pages > 10, "{pages} pages");
    // The stream is read on from there, as somebody does who knows what a change means.
    let mut follower = Follower::new(&server, mark.unwrap());
    let last = writer.mark().number;
    let mut skipped = 0;
    while follower.tail.mark(0).unwrap().number < last {
        follower.ask();
        for heard in follower.hear() {
            let Heard::Entry(number, author, name, _) = heard else {
                panic!("{heard:?}");
            };
            let serial: u64 = author.rsplit('/').next().unwrap().parse().unwrap();
            let has = records.get(&name).map_or(0, |found| found.0);
            match (serial - 2) % 4 {
                _ if has >= number => skipped += 1,
                0 => {
                    records.remove(&name);
                }
                _ => {
                    records.insert(name, (number, format!("{{\"round\":{serial}}}")));
                }
            }
        }
    }
    assert!(skipped > 0);
    let (expected, ..) = writer.read();
    let mut found: Vec<(String, u64, String)> = records
        .into_iter()
        .map(|(key, (version, text))| (format!("rooms/{key}"), version, text))
        .collect();
    found.sort();
    assert_eq!(found, expected);
}
