//! Slow consumers: full queues are told of, never waited for.

use std::time::Duration;

use serde_json::{Value, json};
use socket2::SockRef;
use tungstenite::Message;

use crate::harness::client::Client;
use crate::harness::http::{Http, frame, request};
use crate::harness::positions::{Position, outcome};
use crate::harness::server::Server;
use crate::harness::socket::narrow;

/// A hub that keeps nothing of its events, so that a client may be behind by its queue and no further.
fn without_history(flags: &str) -> Server {
    Server::start(&format!("{flags} --set events.history_messages=0"))
}

/// A member that reads only when it is asked for a message.
fn sleeper(server: &Server) -> Client {
    let mut client = server.connect_narrow("/ws");
    assert_eq!(client.event().0, "connection:status");
    client
}

/// Publishes events with so large a payload, numbered from 0, until some client has missed one; returns how many they are.
fn publish_until_missed(server: &Server, http: &mut Http, bytes: usize) -> u64 {
    for number in 0..10_000 {
        publish(http, number, bytes);
        if server.metric("roomcast_messages_dropped_total{app=\"events\"}") > 0.0 {
            return number + 1;
        }
    }
    panic!("no queue of {} ever filled", server.address());
}

/// Publishes an event of this number; gives how many it was queued for.
fn publish(http: &mut Http, number: u64, bytes: usize) -> u64 {
    let event =
        json!({"type": "chat:said", "payload": {"number": number, "pad": "x".repeat(bytes)}});
    let answer = http.ask("POST", "/api/v1/events", "", &event.to_string());
    answer.json()["receivers"].as_u64().unwrap()
}

/// Hears events numbered from 0 up to so many, in their order, and what is missed of them in its place; how many that is.
fn missed_of(client: &mut Client, events: u64) -> u64 {
    let (mut next, mut missed) = (0, 0);
    while next < events {
        let (kind, payload) = client.event();
        match kind.as_str() {
            "connection:lagged" => {
                let more = payload["missed"].as_u64().unwrap();
                (next, missed) = (next + more, missed + more);
            }
            _ => {
                assert_eq!(payload["number"], next);
                next += 1;
            }
        }
    }
    assert_eq!(next, events, "the newest is heard, or told as missed");
    missed
}

#[test]
fn a_client_that_reads_late_is_told_how_many_it_missed_and_where() {
    let server = without_history("--queue-messages 8");
    let mut client = sleeper(&server);
    let mut http = server.http();
    let first = publish_until_missed(&server, &mut http, 100_000);
    for number in first..first + 4 {
        assert_eq!(publish(&mut http, number, 1), 1);
    }
    let missed = missed_of(&mut client, first + 4);
    assert_eq!(publish(&mut http, 0, 1), 1);
    assert_eq!(client.event().1["number"], 0);
    let dropped = server.metric("roomcast_messages_dropped_total{app=\"events\"}");
    assert_eq!((missed, missed as f64), (5, dropped));
    let notices = server.metric("roomcast_lagged_notices_total{app=\"events\"}");
    assert_eq!(notices, 1.0);
}

/// Hears events until one is told as missed: the number of the last one heard, how many are missed, and since when.
fn hears_of_a_gap(client: &mut Client) -> (u64, u64, Position) {
    let mut heard = 0;
    loop {
        let message = client.json();
        if message["type"] == "connection:lagged" {
            let payload = &message["payload"];
            let since = Position::read(payload["since"].as_str().unwrap());
            return (heard, payload["missed"].as_u64().unwrap(), since);
        }
        heard += 1;
    }
}

/// Asks for what was missed since then: what it is told of that, and the position.
fn asks(client: &mut Client, since: &Position) -> (Value, Position) {
    client.send(json!({"type": "resume", "since": since.to_string()}).to_string());
    let (mut resumed, position) = client.numbered();
    assert_eq!(resumed["type"], "connection:resumed");
    (resumed["payload"].take(), position)
}

#[test]
fn a_client_may_be_behind_as_far_as_the_history_reaches() {
    let flags = "--queue-messages 8 --queue-bytes 64KiB --set events.history_bytes=64MiB";
    let server = Server::start(flags);
    let mut client = sleeper(&server);
    let mut http = server.http();
    let mut events = 0;
    server.until("many wait for it", |server| {
        assert_eq!(publish(&mut http, events, 100_000), 1);
        events += 1;
        server.metric("roomcast_queue_messages") > 40.0
    });
    assert_eq!(missed_of(&mut client, events), 0);
    let dropped = server.metric("roomcast_messages_dropped_total{app=\"events\"}");
    assert_eq!(dropped, 0.0);
}

#[test]
fn of_what_is_not_kept_a_lagged_client_is_told_that_it_is_lost() {
    let server = Server::start("--queue-messages 8 --set events.history_messages=3");
    let mut client = sleeper(&server);
    let mut http = server.http();
    let events = publish_until_missed(&server, &mut http, 100_000);
    let (heard, missed, since) = hears_of_a_gap(&mut client);
    assert_eq!((missed, since.number), (1, heard));
    for _ in heard + 1..events {
        assert_eq!(client.event().0, "chat:said");
    }
    assert_eq!(asks(&mut client, &since), (outcome(0, 1), since.at(events)));
    // That is settled now, and it goes on.
    assert_eq!(asks(&mut client, &since), (outcome(0, 0), since.at(events)));
    assert_eq!(publish(&mut http, 0, 1), 1);
    assert_eq!(client.numbered().1, since.at(events + 1));
}

#[test]
fn a_lagged_client_asks_again_and_gets_what_is_kept_of_its_gap() {
    let flags = "--queue-messages 8 --on-full latest --set events.history_messages=4";
    let server = Server::start(flags);
    let mut client = sleeper(&server);
    let mut http = server.http();
    let events = publish_until_missed(&server, &mut http, 100_000);
    let (heard, missed, since) = hears_of_a_gap(&mut client);
    assert_eq!((heard + missed, since.number), (events - 1, heard));
    assert_eq!(
        client.numbered().1,
        since.at(events),
        "only the newest is left"
    );
    // Four are kept, and it has got the last of them.
    let told = asks(&mut client, &since);
    assert_eq!(told, (outcome(3, missed - 3), since.at(events - 4)));
    for number in events - 3..events {
        let (event, position) = client.numbered();
        assert_eq!(event["payload"]["number"], number - 1, "counted from 0");
        assert_eq!(position, since.at(number));
    }
    assert_eq!(asks(&mut client, &since), (outcome(0, 0), since.at(events)));
    assert_eq!(publish(&mut http, 0, 1), 1);
    assert_eq!(client.numbered().1, since.at(events + 1));
}

#[test]
fn of_a_connections_gaps_the_last_eight_are_remembered() {
    let server = Server::start("--queue-messages 8 --set events.history_messages=0");
    let mut client = sleeper(&server);
    let mut http = server.http();
    let dropped = || server.metric("roomcast_messages_dropped_total{app=\"events\"}");
    let mut gaps = Vec::new();
    let mut events = 0;
    for _ in 0..9 {
        let before = dropped();
        while dropped() == before {
            publish(&mut http, events, 100_000);
            events += 1;
        }
        let gap = loop {
            let mut message = client.json();
            if message["type"] == "connection:lagged" {
                break message["payload"].take();
            }
        };
        let since = Position::read(gap["since"].as_str().unwrap());
        while client.numbered().1.number < events {}
        gaps.push((since, gap["missed"].as_u64().unwrap()));
    }
    let missed: u64 = gaps[1..].iter().map(|gap| gap.1).sum();
    let newest = gaps[0].0.at(events);
    assert_eq!(
        asks(&mut client, &gaps[0].0),
        (outcome(0, None), newest.clone())
    );
    assert_eq!(
        asks(&mut client, &gaps[1].0),
        (outcome(0, missed), newest.clone())
    );
    assert_eq!(asks(&mut client, &gaps[1].0), (outcome(0, 0), newest));
}

#[test]
fn who_comes_back_and_does_not_read_is_told_of_what_has_become_too_old_meanwhile() {
    // More than the kernel and the queue take together.
    const EVENTS: u64 = 120;
    let history = "--set events.history_age=4s --set events.history_bytes=64MiB";
    let server = Server::start(&format!("--queue-messages 8 {history}"));
    let begin = server.connect("/ws").numbered().1;
    let mut http = server.http();
    for number in 1..=EVENTS {
        publish(&mut http, number, 100_000);
    }
    let mut client = server.connect_narrow(&format!("/ws?since={begin}"));
    let (status, position) = client.numbered();
    // On a machine that is very busy the first are too old already.
    let sent = status["payload"]["resumed"]["sent"].as_u64().unwrap();
    assert_eq!(status["payload"]["resumed"], outcome(sent, EVENTS - sent));
    assert_eq!(position, begin.at(EVENTS - sent));
    server.until("the rest is too old", |server| {
        server.metric("roomcast_messages_dropped_total{app=\"events\"}") > 0.0
    });
    let (heard, missed, since) = hears_of_a_gap(&mut client);
    assert_eq!(since, position.plus(heard));
    for number in since.number + missed + 1..=EVENTS {
        assert_eq!(client.numbered().1, begin.at(number));
    }
    assert_eq!(
        asks(&mut client, &since),
        (outcome(0, missed), begin.at(EVENTS))
    );
}

#[test]
fn bytes_fill_a_queue_as_messages_do() {
    let server = without_history("--queue-bytes 64KiB");
    let mut client = sleeper(&server);
    let events = publish_until_missed(&server, &mut server.http(), 40_000);
    assert_eq!(missed_of(&mut client, events), 1);
}

#[test]
fn an_empty_queue_takes_any_one_message() {
    let server = without_history("--queue-bytes 1KiB");
    let mut client = server.join();
    let payload = json!({"pad": "x".repeat(500_000)});
    assert_eq!(server.publish("chat:said", &payload).json()["receivers"], 1);
    assert_eq!(client.event().1, payload);
}

#[test]
fn one_client_that_does_not_read_delays_nobody() {
    let server = without_history("--queue-messages 4");
    let (_sleeps, mut wakes) = (sleeper(&server), server.join());
    let payload = json!({"pad": "x".repeat(200_000)});
    let mut is_missed = || {
        let answer = server.publish("chat:said", &payload);
        assert_eq!(answer.json()["receivers"], 2);
        assert_eq!(wakes.event().1, payload);
        server.metric("roomcast_messages_dropped_total{app=\"events\"}") > 0.0
    };
    // However much the kernel takes for the one that sleeps, it does not take that much.
    assert!((0..10_000).any(|_| is_missed()));
}

#[test]
fn clients_that_reset_while_they_are_written_to_end_alone() {
    let server = without_history("--queue-bytes 64MiB --queue-messages 100000");
    let mut wakes = server.join();
    let payload = json!({"pad": "x".repeat(600_000)});
    for _ in 0..4 {
        let stream = narrow(server.address());
        // A socket that does not linger is reset when it is closed: a write to it is what SIGPIPE is for.
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        let mut sleeper = Client::over(stream, server.address(), "/ws");
        assert_eq!(sleeper.event().0, "connection:status");
        let mut publish = |server: &Server| {
            server.publish("chat:said", &payload);
            assert_eq!(wakes.event().1, payload);
            server.metric("roomcast_queue_bytes") > 0.0
        };
        server.until("something waits for it", &mut publish);
        drop(sleeper);
        for _ in 0..3 {
            publish(&server);
        }
    }
    server.until("they are gone", |server| {
        server.metric("roomcast_connections{app=\"events\"}") == 1.0
    });
    assert_eq!(server.metric("roomcast_queue_bytes"), 0.0);
    let ends = server.metric("roomcast_closes_total{app=\"events\",code=\"1006\"}");
    assert_eq!(ends, 4.0);
}

#[test]
fn under_the_policy_disconnect_a_full_queue_ends_with_1013_behind_what_has_begun() {
    let server = without_history("--queue-messages 8 --on-full disconnect");
    let mut client = sleeper(&server);
    let mut http = server.http();
    let refused = (0..10_000).find(|&number| publish(&mut http, number, 100_000) == 0);
    let mut next = 0;
    let code = loop {
        let message = client.message();
        match message {
            Message::Close(frame) => break frame.map(|frame| u16::from(frame.code)),
            message => {
                let event: Value = serde_json::from_slice(&message.into_data()).unwrap();
                assert_eq!(event["payload"]["number"], next);
                next += 1;
            }
        }
    };
    assert_eq!(code, Some(1013));
    // Some of what waited had not begun to go out.
    assert!(Some(next) < refused, "{next} of {refused:?}");
    assert_eq!(server.metric("roomcast_connections{app=\"events\"}"), 0.0);
}

#[test]
fn a_queue_without_progress_is_closed_after_the_write_timeout() {
    let server = without_history("--write-timeout 300ms --queue-messages 8");
    let _sleeps = sleeper(&server);
    publish_until_missed(&server, &mut server.http(), 100_000);
    server.until("the sleeper is gone", |server| {
        server.metric("roomcast_closes_total{app=\"events\",code=\"1006\"}") == 1.0
    });
}

#[test]
fn past_the_memory_budget_a_slow_client_misses_messages_and_stays() {
    let server = Server::start("--memory-budget 3MiB --queue-bytes 64MiB --queue-messages 100000");
    let (mut sleeps, mut wakes) = (sleeper(&server), server.join());
    let mut http = server.http();
    let mut events = 0;
    while server.metric("roomcast_messages_dropped_total{app=\"events\"}") == 0.0 {
        assert_eq!(publish(&mut http, events, 100_000), 2);
        assert_eq!(wakes.event().1["number"], events);
        events += 1;
        assert!(events < 10_000, "the budget is never spent");
    }
    assert!(server.metric("roomcast_queue_bytes") <= f64::from(3 << 20));
    let missed = missed_of(&mut sleeps, events);
    let dropped = server.metric("roomcast_messages_dropped_total{app=\"events\"}");
    assert_eq!(missed as f64, dropped);
    let evicted = server.metric("roomcast_evictions_total{app=\"events\"}");
    assert_eq!(evicted, 0.0);
}

#[test]
fn half_received_bodies_count_towards_the_budget_and_cost_only_as_many_as_they_must() {
    let server = Server::start("--memory-budget 2MiB --echo");
    let mut member = server.raw("/echo");
    let hello = frame(0x81, "hello");
    member.send(&hello[..8]);
    // Ten of the first part are over the budget even if no byte of room is left unused.
    let (begin, end) = ("x".repeat(250_000), "x".repeat(50_000));
    let mut visitors: Vec<Http> = (0..10).map(|_| server.http()).collect();
    for visitor in &mut visitors {
        let headers = "Connection: close\r\nContent-Length: 300000\r\n";
        visitor
            .send(request("POST", "/api/v1/events", headers, ""))
            .send(&begin);
    }
    server.until("the budget is spent", |server| {
        server.log().contains("over the memory budget")
    });
    member.send(&hello[8..]);
    assert_eq!(member.frame().payload, b"hello");
    let survivors = visitors.iter_mut().filter_map(|visitor| {
        let answer = visitor.send(&end).rest();
        (!answer.is_empty()).then_some(())
    });
    // Nobody is closed while those left hold no more than the budget: three of them at least, with room for 600,000 each.
    assert!((3..10).contains(&survivors.count()));
}

#[test]
fn an_echo_is_held_back_and_not_dropped_when_its_client_does_not_read() {
    let server = Server::start("--echo --queue-messages 2 --queue-bytes 1KiB");
    let mut client = server.connect_narrow("/echo");
    let mut writer = client.writer();
    let messages = 400;
    let writing = std::thread::spawn(move || {
        let bytes = frame(0x82, vec![7; 50_000]);
        for _ in 0..messages {
            writer.send(&bytes);
        }
    });
    assert!((0..messages).all(|_| client.message().into_data().len() == 50_000));
    writing.join().unwrap();
}

#[test]
fn nobody_who_reads_is_dropped_for_the_speed_of_a_publisher() {
    let server = without_history("--queue-messages 8");
    let (mut client, mut http) = (server.join(), server.http());
    let publish = request(
        "POST",
        "/api/v1/events",
        "",
        r#"{"type":"a:b","payload":{}}"#,
    );
    http.send(publish.repeat(1000));
    std::thread::scope(|scope| {
        scope.spawn(|| assert!((0..1000).all(|_| client.event().0 == "a:b")));
        assert!((0..1000).all(|_| http.answer().json()["receivers"] == 1));
    });
}

#[test]
fn somebody_who_asks_and_does_not_read_the_answers_is_closed_after_the_write_timeout() {
    let server = Server::start("--write-timeout 300ms");
    let mut visitor = Http::new(narrow(server.address()));
    let asking = std::thread::spawn(move || {
        let hundred = request("GET", "/", "", "").repeat(100);
        (0..1000).for_each(|_| {
            visitor.send(&hundred);
        });
        visitor
    });
    let mut said = String::new();
    server.until("the visitor is given up", |server| {
        said += &server.log();
        said.contains("took nothing for the write timeout")
    });
    drop(asking.join());
}
