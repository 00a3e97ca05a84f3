//! Positions of events, and clients that come back and say since when.
//!
//! The event of a number has that number in its payload, so that a client knows which of them it hears.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::positions::{Position, outcome};
use crate::harness::server::Server;

/// Publishes the events of these numbers.
fn publish(server: &Server, numbers: RangeInclusive<u64>) {
    for number in numbers {
        let answer = server.publish("chat:said", &json!({"number": number}));
        assert_eq!(answer.status, 202);
    }
}

/// A hub with these flags that has published so many events, and the position of the last one.
fn after(events: u64, flags: &str) -> (Server, Position) {
    let server = Server::start(flags);
    let begin = server.connect("/ws").numbered().1;
    assert_eq!(begin.number, 0);
    publish(&server, 1..=events);
    (server, begin.at(events))
}

/// A client that comes back, what it is told of that, and the position that it is told.
fn back(server: &Server, since: impl ToString) -> (Client, Value, Position) {
    let since = since.to_string();
    let mut client = server.connect(&format!("/ws?since={since}"));
    let (mut status, position) = client.numbered();
    assert_eq!(status["type"], "connection:status");
    let resumed = status["payload"]["resumed"].take();
    let payload = json!({"status": "connected", "resumed": null});
    assert_eq!(status["payload"], payload, "{since}");
    (client, resumed, position)
}

/// Asks again on the same connection.
fn ask(client: &mut Client, since: impl ToString) -> (Value, Position) {
    let since = since.to_string();
    client.send(json!({"type": "resume", "since": since}).to_string());
    let (mut resumed, position) = client.numbered();
    assert_eq!(resumed["type"], "connection:resumed");
    (resumed["payload"].take(), position)
}

/// The client's next messages are the events of these numbers, and behind them comes nothing.
#[track_caller]
fn hears(client: &mut Client, numbers: RangeInclusive<u64>) {
    for number in numbers {
        let (event, position) = client.numbered();
        assert_eq!(event["payload"], json!({"number": number}));
        assert_eq!(position.number, number);
    }
    client.settle();
}

#[test]
fn positions_are_dense_and_the_same_for_everybody() {
    let (server, begin) = after(0, "");
    let mut clients = [server.join(), server.join()];
    publish(&server, 1..=100);
    for client in &mut clients {
        for number in 1..=100 {
            let (event, position) = client.numbered();
            assert_eq!(event["payload"]["number"], number);
            assert_eq!(position, begin.at(number));
        }
    }
}

#[test]
fn who_comes_in_is_told_the_newest_position_and_nothing_of_resuming() {
    let (server, newest) = after(3, "");
    let (status, position) = server.connect("/ws").numbered();
    assert_eq!(position, newest);
    assert_eq!(status["payload"], json!({"status": "connected"}));
}

#[test]
fn who_comes_back_gets_exactly_what_it_missed_and_then_what_is_new() {
    let (server, newest) = after(10, "");
    for since in 0..=10 {
        let (mut client, resumed, position) = back(&server, newest.at(since));
        assert_eq!(resumed, outcome(10 - since, 0));
        assert_eq!(position, newest.at(since));
        hears(&mut client, since + 1..=10);
    }
    let (mut client, ..) = back(&server, newest.at(8));
    publish(&server, 11..=12);
    hears(&mut client, 9..=12);
}

#[test]
fn what_is_published_while_a_client_comes_back_reaches_it_once_and_in_order() {
    let (server, newest) = after(200, "");
    let mut http = server.http();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 201..=400 {
                let body = json!({"type": "chat:said", "payload": {"number": number}});
                let answer = http.ask("POST", "/api/v1/events", "", &body.to_string());
                assert_eq!(answer.status, 202);
            }
        });
        for since in (0..200).step_by(20) {
            let (mut client, resumed, _) = back(&server, newest.at(since));
            assert!(resumed["sent"].as_u64() >= Some(200 - since) && resumed["missed"] == 0);
            for number in since + 1..=250 {
                assert_eq!(client.numbered().1, newest.at(number));
            }
        }
    });
}

#[test]
fn what_is_not_kept_any_more_is_counted_exactly() {
    let (server, newest) = after(10, "--set events.history_messages=3");
    for (since, missed) in [(0, 7), (4, 3), (6, 1), (7, 0)] {
        let (mut client, resumed, position) = back(&server, newest.at(since));
        assert_eq!(resumed, outcome(3, missed));
        assert_eq!(
            position,
            newest.at(7),
            "the one before the first that follows"
        );
        hears(&mut client, 8..=10);
    }
    let (mut client, resumed, _) = back(&server, newest.at(9));
    assert_eq!(resumed, outcome(1, 0));
    publish(&server, 11..=20);
    hears(&mut client, 10..=20);
}

#[test]
fn a_history_has_so_many_bytes_and_no_more() {
    let (server, newest) = after(100, "--set events.history_bytes=2KiB");
    let (mut client, resumed, position) = back(&server, newest.at(0));
    let sent = resumed["sent"].as_u64().unwrap();
    assert!((2..20).contains(&sent), "{sent} of some hundred bytes each");
    assert_eq!(resumed, outcome(sent, 100 - sent));
    assert_eq!(position, newest.at(100 - sent));
    hears(&mut client, 101 - sent..=100);
}

#[test]
fn nobody_can_tell_what_was_missed_since_a_position_that_is_none_of_these() {
    let (server, newest) = after(3, "");
    let another = u32::from_str_radix(&newest.epoch, 16).unwrap() ^ 1;
    for since in [
        format!("{another:08x}-1"),
        format!("{another:08x}-0"),
        newest.at(4).to_string(),
        newest.at(u64::MAX).to_string(),
        format!("{newest}0000000000000000000000"),
        format!("{newest}x"),
        newest.epoch.clone(),
        "3".to_owned(),
        "Now".to_owned(),
        "rubbish".to_owned(),
        "%C3%A9".to_owned(),
    ] {
        let (mut client, resumed, position) = back(&server, &since);
        assert_eq!((resumed, position), (outcome(0, None), newest.clone()));
        client.settle();
        let (resumed, position) = ask(&mut client, &since);
        assert_eq!((resumed, position), (outcome(0, None), newest.clone()));
        client.settle();
    }
}

#[test]
fn a_hub_that_is_started_anew_has_another_epoch() {
    let ((first, old), (second, new)) = (after(5, ""), after(3, ""));
    assert_ne!(old.epoch, new.epoch);
    assert_eq!(back(&first, new.at(1)).1, outcome(0, None));
    assert_eq!(back(&second, old.at(1)).1, outcome(0, None));
}

#[test]
fn now_asks_for_the_position_alone() {
    let (server, newest) = after(3, "");
    let (mut client, resumed, position) = back(&server, "now");
    assert_eq!((resumed, position), (outcome(0, 0), newest.clone()));
    publish(&server, 4..=4);
    hears(&mut client, 4..=4);
    assert_eq!(ask(&mut client, "now"), (outcome(0, 0), newest.at(4)));
}

#[test]
fn without_a_history_everything_missed_is_lost_and_counted() {
    let (server, newest) = after(10, "--set events.history_messages=0");
    for since in [0, 7, 10] {
        let (mut client, resumed, position) = back(&server, newest.at(since));
        assert_eq!(resumed, outcome(0, 10 - since));
        assert_eq!(position, newest);
        client.settle();
    }
    let (mut client, ..) = back(&server, newest.at(5));
    publish(&server, 11..=12);
    hears(&mut client, 11..=12);
    assert_eq!(server.metric("roomcast_queue_bytes"), 0.0);
}

#[test]
fn what_is_too_old_is_lost() {
    let (server, newest) = after(5, "--set events.history_age=100ms");
    server.until("all is too old", |server| {
        let (_, resumed, position) = back(server, newest.at(2));
        let sent = resumed["sent"].as_u64().unwrap();
        assert_eq!(resumed, outcome(sent, 3 - sent));
        sent == 0 && position == newest
    });
    assert_eq!(server.metric("roomcast_queue_bytes"), 0.0);
}

#[test]
fn on_its_connection_a_client_has_missed_nothing_since_it_came() {
    let (server, newest) = after(3, "");
    let mut client = server.join();
    publish(&server, 4..=6);
    hears(&mut client, 4..=6);
    for (since, missed) in [
        (6, Some(0)),
        (4, Some(0)),
        (3, Some(0)),
        (2, None),
        (0, None),
    ] {
        let told = ask(&mut client, newest.at(since));
        assert_eq!(told, (outcome(0, missed), newest.at(6)), "{since}");
        client.settle();
    }
    // Who has come back has had all since then.
    let (mut client, ..) = back(&server, newest.at(1));
    hears(&mut client, 2..=6);
    for (since, missed) in [(1, Some(0)), (0, None)] {
        let told = ask(&mut client, newest.at(since));
        assert_eq!(told, (outcome(0, missed), newest.at(6)), "{since}");
    }
}

#[test]
fn an_empty_parameter_is_as_good_as_none() {
    let (server, newest) = after(3, "");
    let (status, position) = server.connect("/ws?since=").numbered();
    assert_eq!(position, newest);
    assert_eq!(status["payload"], json!({"status": "connected"}));
}

#[test]
fn a_question_that_is_none_is_not_answered() {
    let (server, _) = after(3, "");
    let mut client = server.join();
    let long = "1".repeat(300);
    for said in [
        json!({"type": "resume"}),
        json!({"type": "resume", "since": null}),
        json!({"type": "resume", "since": 3}),
        json!({"type": "Resume", "since": "now"}),
        json!({"type": "resume", "since": long}),
        json!(["resume", "now"]),
    ] {
        client.send(said.to_string());
        client.settle();
    }
}
