//! Scenarios of load: what waits, what is dropped, who goes, and who is not harmed by whom.

use roomcast::bounds::OnFull;
use roomcast::id::AppId;
use roomcast::time::Millis;
use roomcast::transport::Ready;
use roomcast::work;

use crate::model::wire::frames::{self, PING, PONG, frame};
use crate::stage::{Stage, request, text};

#[test]
fn a_lagged_client_is_told_how_many_it_missed_before_anything_newer() {
    let mut stage = Stage::forgetful(|bounds| bounds.app_mut(AppId::Events).queue.messages_max = 4);
    let slow = stage.narrow_listeners(1, 10)[0];
    let fast = stage.open("/ws");
    let receivers: Vec<u64> = (1..=9).map(|number| stage.publish(number, 0)).collect();
    assert_eq!(receivers, [2; 9]);
    assert_eq!(stage.events(fast), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    stage.sim().resize(slow, 1000);
    stage.settle();
    stage.publish(10, 0);
    assert_eq!(stage.events(slow), [1, -5, 7, 8, 9, 10]);
    assert_eq!(stage.dropped(), 5);
}

#[test]
fn a_client_that_is_written_to_twice_takes_nobodys_turn() {
    let mut stage = Stage::forgetful(|bounds| bounds.app_mut(AppId::Events).queue.messages_max = 4);
    let slow = stage.narrow_listeners(3, 10);
    let others = stage.listeners(8);
    (1..=9).for_each(|number| _ = stage.publish(number, 0));
    for &client in &others {
        stage.events(client);
    }
    let publisher = stage.sim().connect();
    stage.settle();
    // In one turn the slow ones take what waits and are to be told what they missed, and the others are told an event.
    for &client in &slow {
        stage.sim().resize(client, 1000);
    }
    stage.sim().send(publisher, request(10, 0).as_bytes());
    stage.turn();
    for &client in &others {
        assert_eq!(stage.frames_at_hand(client), 1);
    }
}

#[test]
fn a_slow_client_gets_the_newest_that_its_queue_holds_whatever_it_takes_in_between() {
    let mut stage = Stage::forgetful(|bounds| bounds.app_mut(AppId::Events).queue.messages_max = 4);
    let slow = stage.narrow_listeners(1, 1)[0];
    (1..=5).for_each(|number| _ = stage.publish(number, 0));
    // Capacity for the first event, and for half of what it is told that it missed.
    stage.sim().resize(slow, 130);
    stage.settle();
    (6..=7).for_each(|number| _ = stage.publish(number, 0));
    stage.sim().resize(slow, 2000);
    stage.settle();
    assert_eq!(stage.events(slow), [1, -1, -1, 4, 5, 6, 7]);
}

#[test]
fn under_the_policy_latest_a_slow_client_gets_the_newest() {
    let mut stage = Stage::forgetful(|bounds| {
        let queue = &mut bounds.app_mut(AppId::Events).queue;
        (queue.messages_max, queue.on_full) = (4, OnFull::Latest);
    });
    let slow = stage.narrow_listeners(1, 10)[0];
    (1..=6).for_each(|number| _ = stage.publish(number, 0));
    stage.sim().resize(slow, 2000);
    stage.settle();
    assert_eq!(stage.events(slow), [1, -3, 5, 6]);
}

#[test]
fn under_the_policy_disconnect_a_slow_client_is_closed_behind_what_has_begun() {
    let mut stage = Stage::forgetful(|bounds| {
        let queue = &mut bounds.app_mut(AppId::Events).queue;
        (queue.messages_max, queue.on_full) = (2, OnFull::Disconnect);
    });
    let slow = stage.narrow_listeners(1, 10)[0];
    let receivers: Vec<u64> = (1..=4).map(|number| stage.publish(number, 0)).collect();
    assert_eq!(receivers, [1, 1, 0, 0]);
    stage.sim().resize(slow, 2000);
    stage.settle();
    let frames = stage.frames(slow);
    assert_eq!(
        frames.len(),
        2,
        "the first event has begun, and then it ends"
    );
    assert_eq!(frames::close_code(&frames[1].payload), Ok(1013));
}

#[test]
fn past_the_memory_budget_the_longest_log_is_cut_and_nobody_is_closed() {
    let mut stage = Stage::new(|bounds| bounds.memory_budget_bytes = 30_000);
    let slow = stage.narrow_listeners(2, 10);
    (1..=12).for_each(|number| _ = stage.publish(number, 4000));
    assert!(stage.reactor.budgeted_bytes() <= 30_000);
    for client in slow {
        stage.sim().resize(client, 1 << 20);
        stage.settle();
        let events = stage.events(client);
        let missed: i64 = events.iter().filter(|number| **number < 0).sum();
        let heard = events.iter().filter(|number| **number > 0).count() as i64;
        assert_eq!(heard - missed, 12, "{events:?}");
        assert_eq!((events[0], events.last()), (1, Some(&12)));
    }
}

#[test]
fn an_empty_queue_takes_any_one_message() {
    let mut stage = Stage::forgetful(|bounds| bounds.app_mut(AppId::Events).queue.bytes_max = 100);
    let client = stage.narrow_listeners(1, 10)[0];
    assert_eq!(stage.publish(1, 5000), 1);
    assert_eq!(stage.publish(2, 0), 1);
    stage.sim().resize(client, 10_000);
    stage.settle();
    assert_eq!(stage.events(client), [1, -1]);
}

#[test]
fn a_message_that_is_longer_than_its_log_may_be_is_waited_for() {
    let mut stage = Stage::forgetful(|bounds| {
        let events = bounds.app_mut(AppId::Events);
        (events.queue.bytes_max, events.history.total_max) = (100, 0);
    });
    let client = stage.narrow_listeners(1, 10)[0];
    // Its socket refuses the answer to this, so that nothing of the event has begun to go out.
    stage.send(client, frame(true, PING, &[b'x'; 100]));
    assert_eq!(stage.publish(1, 5000), 1);
    stage.sim().resize(client, 10_000);
    stage.settle();
    assert_eq!(stage.events(client), [1]);
}

#[test]
fn a_client_that_reads_at_once_misses_nothing_of_a_burst() {
    let mut stage = Stage::new(|bounds| {
        let queue = &mut bounds.app_mut(AppId::Events).queue;
        (queue.messages_max, queue.bytes_max) = (1, 1000);
    });
    let client = stage.open("/ws");
    stage.sim().resize(client, 1 << 30);
    let publisher = stage.sim().connect();
    let burst: String = (0..1000).map(|number| request(number, 600)).collect();
    for piece in burst.as_bytes().chunks(50_000) {
        stage.sim().send(publisher, piece);
        stage.settle();
        stage.sim().receive(publisher, usize::MAX);
    }
    let late = stage.sim().connect();
    stage.sim().send(late, frames::upgrade("/ws").as_bytes());
    stage.sim().send(publisher, request(1000, 600).as_bytes());
    stage.settle();
    assert_eq!(stage.dropped(), 0);
}

#[test]
fn clients_that_read_a_little_all_the_time_do_not_stop_publishing() {
    let mut stage = Stage::new(|bounds| bounds.turn.flush = 2 * work::WRITE);
    let slow = stage.narrow_listeners(8, 1);
    for number in 1..=4 {
        assert_eq!(stage.publish(number, 1000), 8);
    }
    let burst: String = (0..500).map(|number| request(number, 0)).collect();
    let publisher = stage.sim().connect();
    stage.sim().send(publisher, burst.as_bytes());
    for _ in 0..500 {
        for &client in &slow {
            stage.sim().receive(client, 1);
        }
        stage.turn();
    }
    let published = stage.reactor.metrics().messages_published[AppId::Events as usize];
    assert!(published > 250, "only {published} were published");
}

#[test]
fn the_largest_backlog_is_evicted_first_with_1013() {
    let mut stage = Stage::new(|bounds| bounds.memory_budget_bytes = 20_000);
    let (small, large) = (stage.open("/echo"), stage.open("/echo"));
    for (client, bytes) in [(small, 5000), (large, 9000), (large, 9000)] {
        stage.sim().resize(client, 10);
        stage.send(client, text(&"x".repeat(bytes)));
    }
    assert!(stage.reactor.budgeted_bytes() <= 20_000);
    assert_eq!(stage.close_code(large), Some(1013));
    let echo = stage.frames(small);
    assert_eq!((echo.len(), echo[0].payload.len()), (1, 5000));
}

#[test]
fn a_victim_whose_frame_has_begun_costs_nobody_else_the_connection() {
    let mut stage = Stage::new(|bounds| {
        bounds.memory_budget_bytes = 50_000;
        bounds.app_mut(AppId::Ops).message_bytes_max = 60_000;
    });
    let small = stage.narrow_listeners(1, 10)[0];
    stage.publish(1, 1000);
    let large = stage.open("/echo");
    stage.sim().resize(large, 10);
    for _ in 0..2 {
        stage.send(large, text(&"x".repeat(30_000)));
    }
    assert!(stage.reactor.budgeted_bytes() <= 50_000);
    stage.sim().resize(small, 10_000);
    stage.settle();
    assert_eq!(stage.events(small), [1]);
}

#[test]
fn a_ping_flood_without_reads_keeps_memory_bounded() {
    let mut stage = Stage::new(|_| ());
    let client = stage.narrow_listeners(1, 100)[0];
    for number in 0_u32..10_000 {
        stage
            .sim()
            .send(client, &frame(true, PING, &number.to_be_bytes()));
        stage.turn();
        assert!(stage.reactor.budgeted_bytes() < 4000);
    }
    stage.sim().resize(client, 10_000);
    stage.settle();
    let frames = stage.frames(client);
    assert!(frames.len() < 60 && frames.iter().all(|frame| frame.opcode == PONG));
    assert_eq!(frames.last().unwrap().payload, 9_999_u32.to_be_bytes());
}

#[test]
fn a_flood_of_a_pages_own_pings_without_reads_keeps_memory_bounded() {
    for (path, said, events) in [
        ("/ws", r#"{"type":"ping"}"#, 1),
        ("/v1/stream", r#"{"action":"ping"}"#, 0),
    ] {
        let mut stage = Stage::new(|bounds| bounds.write_timeout = Millis::seconds(100));
        let client = stage.open(path);
        stage.sim().resize(client, 100);
        for _ in 0..200 {
            stage.send(client, text(said).repeat(100));
            // 64 KiB of answers, each with what keeping it costs, however much more it asks.
            let held_bytes = stage.reactor.budgeted_bytes();
            assert!(held_bytes < 540_000, "{path}: {held_bytes}");
        }
        stage.publish(1, 0);
        stage.sim().resize(client, 10_000_000);
        stage.settle();
        assert_eq!(stage.frames(client).len(), 20_000 + events, "{path}");
        assert_eq!(stage.dropped(), 0);
    }
}

#[test]
fn an_echo_flood_without_reads_keeps_memory_bounded() {
    let mut stage = Stage::new(|bounds| bounds.write_timeout = Millis::seconds(100));
    let client = stage.open("/echo");
    stage.sim().resize(client, 100);
    let message = text(&"x".repeat(1000));
    for _ in 0..2000 {
        stage.send(client, &message);
        assert!(stage.reactor.budgeted_bytes() < 300_000);
    }
    stage.sim().resize(client, 10_000_000);
    stage.settle();
    assert_eq!(stage.frames(client).len(), 2000);
}

#[test]
fn a_request_flood_without_reads_keeps_memory_bounded() {
    let mut stage = Stage::new(|_| ());
    let client = stage.client("");
    stage.sim().resize(client, 100);
    for _ in 0..2000 {
        stage.send(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(stage.reactor.budgeted_bytes() < 300_000);
    }
    stage.sim().resize(client, 100_000_000);
    stage.settle();
    assert_eq!(stage.statuses(client), [200; 2000]);
}

#[test]
fn events_for_an_earlier_holder_of_a_key_are_ignored() {
    let mut stage = Stage::new(|_| ());
    let earlier = stage.open("/ws");
    let name = stage.sim().conn(earlier).unwrap();
    stage.sim().reset(earlier);
    stage.settle();
    let later = stage.narrow_listeners(1, 10)[0];
    let other = stage.sim().conn(later).unwrap();
    assert_eq!(
        (other.key, other.generation == name.generation),
        (name.key, false)
    );
    stage.publish(1, 0);
    let writes = stage.sim().writes();
    for conn in [name, roomcast::id::ConnId { key: 999, ..name }] {
        let (readable, writable, ended) = (true, true, true);
        stage.sim().stray(Ready::Socket {
            conn,
            readable,
            writable,
            ended,
        });
    }
    stage.settle();
    assert_eq!(stage.sim().writes(), writes);
    assert!(!stage.is_ended(later));
}

#[test]
fn stray_events_for_the_living_change_nothing() {
    let mut stage = Stage::new(|_| ());
    let clients = stage.listeners(3);
    for _ in 0..10 {
        for &client in &clients {
            let conn = stage.sim().conn(client).unwrap();
            let (readable, writable, ended) = (true, true, false);
            stage.sim().stray(Ready::Socket {
                conn,
                readable,
                writable,
                ended,
            });
        }
        stage.sim().stray(Ready::Listener);
        stage.settle();
    }
    assert_eq!(stage.publish(1, 0), 3);
    clients
        .iter()
        .for_each(|&client| assert_eq!(stage.events(client), [1]));
}

#[test]
fn accept_survives_exhaustion_and_accepts_again() {
    let mut stage = Stage::new(|_| ());
    stage.sim().set_descriptors_max(3);
    let clients = stage.listeners(3);
    let turned_away = stage.client(frames::upgrade("/ws"));
    assert!(stage.is_ended(turned_away));
    assert_eq!(stage.sim().received(turned_away), 0);
    stage.sim().reset(clients[1]);
    stage.settle();
    stage.listeners(1);
    assert_eq!(stage.reactor.connections(), 3);
}

#[test]
fn no_more_websockets_come_in_than_the_limit_even_in_one_turn() {
    let mut stage = Stage::new(|bounds| bounds.connections_max = 3);
    let clients: Vec<_> = (0..8).map(|_| stage.sim().connect()).collect();
    for &client in &clients {
        stage.sim().send(client, frames::upgrade("/ws").as_bytes());
    }
    stage.settle();
    let mut statuses: Vec<u16> = clients
        .iter()
        .map(|&client| stage.answer(client).status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [101, 101, 101, 503, 503, 503, 503, 503]);
}
