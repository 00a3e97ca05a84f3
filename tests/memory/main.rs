//! What a connection and a message cost, counted at the allocator: figures that benches/README.md gives and nobody may raise
//! unknowingly.
#![allow(clippy::unwrap_used, missing_docs)]

mod crowd;
#[allow(dead_code)]
#[path = "../simulation/network.rs"]
mod network;
mod storm;

use std::time::Instant;

use roomcast::id::AppId;
use roomcast::time::Millis;

use crowd::{Crowd, measured, network};
use storm::event_bytes;

/// Clients of the larger tests.
const MANY: usize = 100_000;
const NONE: Millis = Millis(0);
/// What a message that is kept costs beside its bytes: its entry in the log, and its place among all messages.
const KEPT_BYTES: u64 = 88;

#[test]
fn an_idle_connection_in_a_shared_room_owns_at_most_200_bytes() {
    let sim = network(MANY);
    let (memory, crowd) = measured(|| {
        let mut crowd = Crowd::new(sim, MANY);
        crowd.enter(MANY, NONE);
        crowd
    });
    assert_eq!(crowd.members(), MANY as u64);
    // The test's own list of clients is not the server's.
    let bytes = memory.bytes_current as usize - MANY * 4;
    let each = bytes as f64 / MANY as f64;
    println!(
        "an idle connection owns {each:.1} bytes; in all {} allocations live",
        memory.count_current
    );
    assert!(each <= 200.0, "{each}");
}

#[test]
fn after_everybody_has_left_nothing_is_kept_of_them() {
    let mut crowd = Crowd::keeping_nothing(network(MANY), MANY);
    for round in 1..=2 {
        let (memory, ()) = measured(|| {
            crowd.enter(MANY, NONE);
            crowd.publish(3, 100);
            crowd.settle();
            crowd.leave();
            crowd.pass(Millis::seconds(20));
        });
        println!("round {round}: {} bytes are kept", memory.bytes_current);
        assert_eq!(crowd.reactor.connections(), 0);
        assert_eq!(crowd.reactor.budgeted_bytes(), 0);
        assert_eq!(crowd.reactor.metrics().rooms.iter().sum::<u64>(), 0);
        // The first round lets lists grow that are as long as the busiest turn, and the second needs nothing more.
        let bytes_max = if round == 1 { 1 << 20 } else { 0 };
        assert!(memory.bytes_current <= bytes_max, "{memory:?}");
    }
}

#[test]
fn after_everybody_has_left_what_was_published_is_kept_and_counted_until_it_is_too_old() {
    let members = 1000;
    let mut crowd = Crowd::new(network(members), members);
    let age = crowd.bounds.app(AppId::Events).history.age;
    for round in 1..=2 {
        let (memory, kept) = measured(|| {
            let (memory, ()) = measured(|| {
                crowd.enter(members, NONE);
                crowd.publish(3, 100);
                crowd.settle();
                crowd.leave();
                crowd.pass(Millis::seconds(20));
            });
            let held = crowd.reactor.budgeted_bytes();
            assert_eq!(held, 3 * (event_bytes(100) + KEPT_BYTES));
            crowd.pass(age);
            memory.bytes_current
        });
        println!("round {round}: {kept} bytes, then {}", memory.bytes_current);
        assert_eq!(crowd.reactor.budgeted_bytes(), 0);
        assert_eq!(crowd.reactor.connections(), 0);
        // As above; and of what is kept for a while nothing is asked for that is not counted.
        let bytes_max = if round == 1 { 1 << 20 } else { 0 };
        let messages_max = 3 * (event_bytes(100) + KEPT_BYTES) as i64;
        assert!(kept <= bytes_max + messages_max, "{kept}");
        assert!(memory.bytes_current <= bytes_max, "{memory:?}");
    }
}

/// Allocations and bytes of one event of 10,000 bytes to so many members, once the tables have grown to hold it.
fn fan_out(members: usize) -> (u64, u64) {
    let mut crowd = Crowd::new(network(members), members);
    crowd.enter(members, NONE);
    crowd.publish(1, 10_000);
    crowd.settle();
    crowd.publish(1, 10_000);
    let before = crowd.delivered();
    let (memory, ()) = measured(|| crowd.settle());
    assert_eq!(crowd.delivered() - before, members as u64);
    (memory.count_total, memory.bytes_total)
}

#[test]
fn a_message_is_allocated_once_however_many_get_it() {
    let (few, many) = (fan_out(100), fan_out(10_000));
    println!(
        "an event to 10,000 members: {} allocations, {} bytes",
        many.0, many.1
    );
    // It takes ten turns to tell so many, and the simulated network allocates in some of them.
    assert!(many.0 <= few.0 + 10, "{many:?} and {few:?}");
    assert!(many.0 < 40, "{many:?}");
    // Only one allocation can be the message's: two would be 20,000 bytes.
    assert!(many.1 < 20_000, "{many:?}");
}

#[test]
fn a_turn_writes_once_to_each_member_however_many_messages_wait() {
    let mut crowd = Crowd::new(network(1000), 1000);
    crowd.enter(1000, NONE);
    for messages in [1, 100] {
        let before = (crowd.writes(), crowd.delivered());
        crowd.publish(messages, 10);
        crowd.settle();
        assert_eq!(crowd.delivered() - before.1, 1000 * messages as u64);
        // And one for the publisher's answers.
        assert_eq!(crowd.writes() - before.0, 1001, "{messages} messages");
    }
}

#[test]
fn a_million_connections_are_opened_told_and_pinged_in_little_time_and_memory() {
    let connections = if cfg!(debug_assertions) {
        MANY
    } else {
        1_000_000
    };
    let megabytes_max = connections / 2500;
    let began = Instant::now();
    let (memory, ()) = measured(|| {
        let mut crowd = Crowd::new(network(connections), connections);
        crowd.enter(connections, Millis(10));
        assert_eq!(crowd.members(), connections as u64);
        println!("{connections} connections after {:.1?}", began.elapsed());
        let welcomes = crowd.delivered();
        crowd.publish(1, 100);
        crowd.settle();
        assert_eq!(crowd.delivered() - welcomes, connections as u64);
        println!("told after {:.1?}", began.elapsed());
        crowd.pass(Millis::seconds(61));
        let pings = crowd.reactor.metrics().pings;
        assert_eq!(pings, 2 * connections as u64);
        println!("pinged after {:.1?}", began.elapsed());
        crowd.leave();
        assert_eq!(crowd.reactor.connections(), 0);
    });
    let megabytes = memory.bytes_max / 1_000_000;
    println!(
        "{connections} connections, gone after {:.1?}: {megabytes} MB at most",
        began.elapsed()
    );
    assert!(megabytes < megabytes_max as u64, "{megabytes} MB");
}
