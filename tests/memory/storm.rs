//! A million connections through what happens to a server on its worst day: everybody is cut off at once and comes back
//! within a second, and then it is asked to go. Nobody is forgotten, and nothing is left.

use std::time::Instant;

use super::network::EPOCH;
use roomcast::reactor::Flow;
use roomcast::time::Millis;

use crate::crowd::{BATCH, Crowd, measured, network};
use crate::{MANY, NONE};

/// The least of what is drained at once that tells a random order from another.
const SAMPLE: usize = 5_000;
/// What a member is told when the server goes away: a close frame, 1001 and the reason.
const GOING_AWAY: &[u8] = b"\x88\x1a\x03\xe9the server is going away";
/// What a silent member is asked now and then.
const PING: &[u8] = b"\x89\x00";
/// Of the drain, beside what is closed each second, there may be a step more.
const STEP_MILLIS: u64 = 10;

/// An event with a payload of so many bytes, as it comes over the wire; fewer than ten are published.
pub fn event_bytes(payload_bytes: usize) -> u64 {
    let pad = "x".repeat(payload_bytes);
    let position = "00000000-1";
    let text = format!(
        r#"{{"type":"a:b","payload":{{"pad":"{pad}"}},"timestamp":"{EPOCH}","position":"{position}"}}"#
    );
    assert!((126..=0xffff).contains(&text.len()));
    4 + text.len() as u64
}

#[test]
fn a_million_connections_live_through_a_storm_and_are_told_when_the_server_goes_away() {
    let connections = if cfg!(debug_assertions) {
        MANY / 5
    } else {
        1_000_000
    };
    let began = Instant::now();
    let (whole, kept) = measured(|| {
        // Some come back before those who were cut off have been buried.
        let mut crowd = Crowd::keeping_nothing(network(connections), connections + BATCH);
        let (memory, ()) = measured(|| live_through_it(&mut crowd, connections, began));
        memory.bytes_current
    });
    let megabytes = whole.bytes_max / 1_000_000;
    println!("{megabytes} MB at most, {kept} bytes are kept");
    // What has become ready, who is to be told, who is dead, and who was a guest while it was closed: lists that have been
    // as long as everybody.
    assert!(kept < 72 * connections as i64, "{kept} bytes");
    assert!(whole.bytes_max < 1000 * connections as u64, "{whole:?}");
    assert!(whole.bytes_current < 1 << 16, "{whole:?}");
}

fn live_through_it(crowd: &mut Crowd, connections: usize, began: Instant) {
    let say = |what: &str| println!("{connections} {what} after {:.1?}", began.elapsed());
    let tell = |crowd: &mut Crowd| {
        let bytes = crowd.tell(100);
        assert_eq!(bytes, event_bytes(100), "an event once, to everybody");
    };
    crowd.enter(connections, NONE);
    assert_eq!(crowd.members(), connections as u64);
    say("are in");
    tell(crowd);
    say("were told");

    let (memory, ()) = measured(|| {
        let before = crowd.now();
        crowd.storm();
        assert!(crowd.now().since(before) <= Millis(1000), "within a second");
        assert_eq!(crowd.members(), connections as u64);
        assert_eq!(crowd.reactor.connections(), connections + 1);
        say("were cut off, all at once, and are back");
        tell(crowd);
        say("were told again");
    });
    let more = memory.bytes_current as f64 / connections as f64;
    println!("a storm leaves {more:.1} bytes a connection");
    // The list of what has become ready is now as long as everybody, with room for as many again; nothing else is.
    assert!(more < 48.0, "{memory:?}");

    crowd.dismiss_publisher();
    crowd.listen();
    drain(crowd, connections);
    say("are gone");
}

/// The server is asked to go, and goes at the rate that it may.
fn drain(crowd: &mut Crowd, connections: usize) {
    let (began, rate) = (crowd.now(), crowd.bounds.drain_rate);
    let halfway = began + Millis(500 * connections as u64 / u64::from(rate));
    crowd.shut_down();
    assert_eq!(crowd.turn_until(halfway), Flow::Continue);
    let all = connections - crowd.members() as usize;
    let ended: Vec<bool> = crowd.ended().collect();
    let count = |ended: &[bool]| ended.iter().filter(|ended| **ended).count();
    let (gone, first) = (count(&ended), count(&ended[..connections / 2]));
    println!("halfway {all} are told and {gone} gone, {first} of them of the first half to come");
    let step = (u64::from(rate) * STEP_MILLIS / 1000) as usize;
    assert!(
        all.abs_diff(connections / 2) <= 2 * step,
        "{all} are not half"
    );
    assert!(
        gone >= SAMPLE && first.abs_diff(gone / 2) < gone / 20,
        "that is no random order"
    );

    let ends = halfway + halfway.since(began) + crowd.bounds.write_timeout;
    assert_eq!(crowd.turn_until(ends), Flow::Exit);
    let told = |bytes: &Vec<u8>| {
        let before = bytes.strip_suffix(GOING_AWAY);
        before.is_some_and(|before| before.chunks(PING.len()).all(|frame| frame == PING))
    };
    let told = crowd.heard().filter(told).count();
    assert_eq!(
        told, connections,
        "each is told that the server goes away, once"
    );
    crowd.leave();
    crowd.reactor.check_invariants();
    let rooms: u64 = crowd.reactor.metrics().rooms.iter().sum();
    let sim = crowd.reactor.transport();
    let left = (
        crowd.reactor.connections(),
        rooms,
        crowd.reactor.budgeted_bytes(),
        sim.descriptors(),
    );
    assert_eq!(left, (0, 0, 0, 0), "connections, rooms, bytes, descriptors");
}
