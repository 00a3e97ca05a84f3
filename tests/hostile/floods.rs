//! Floods of what costs the client next to nothing: they cost the server no more.

use crate::battery::{echo, serves};
use crate::books::{Books, metric};
use crate::ground::{Ground, Stream};
use crate::harness::http::{Frame, Http, UPGRADE, frame, request};

on_both! {
    empty_fragments_without_end_hold_nothing
    pings_are_answered_one_by_one_for_whoever_reads
    of_pings_whose_pongs_nobody_reads_only_the_newest_is_answered
}

/// A message of any number of empty fragments is a message: until the message timeout ends it (see `slowness`) they
/// cost the reading of six bytes each and hold no more than one of them would.
fn empty_fragments_without_end_hold_nothing<G: Ground>() {
    let ground = G::open("--echo", "");
    let books = Books::of(&ground);
    let mut line = echo(&ground, "");
    line.send(frame(0x01, ""));
    let resident = metric(&ground, "process_resident_memory_bytes");
    let held_bytes = ground.held_bytes();
    let many = frame(0x00, "").repeat(5000);
    for _ in 0..40 {
        line.send(&many);
        assert_eq!(ground.held_bytes(), held_bytes);
    }
    line.send(frame(0x80, "x"));
    let payload = b"x".to_vec();
    assert_eq!(
        line.frame(),
        Frame {
            first: 0x81,
            payload
        }
    );
    if !G::SIMULATED {
        let grown = metric(&ground, "process_resident_memory_bytes") - resident;
        assert!(grown < 4e6, "{grown} bytes for 200,000 empty fragments");
    }
    drop(line);
    serves(&ground, &books);
}

fn pings_are_answered_one_by_one_for_whoever_reads<G: Ground>() {
    let ground = G::open("--echo", "");
    let books = Books::of(&ground);
    let mut line = echo(&ground, "");
    for number in 0..500_u16 {
        let payload = number.to_be_bytes().to_vec();
        line.send(frame(0x89, &payload));
        assert_eq!(
            line.frame(),
            Frame {
                first: 0x8a,
                payload
            }
        );
    }
    drop(line);
    serves(&ground, &books);
}

fn of_pings_whose_pongs_nobody_reads_only_the_newest_is_answered<G: Ground>() {
    // More than any kernel takes of a connection that nobody reads.
    let pings: u32 = if G::SIMULATED { 10_000 } else { 100_000 };
    let ground = G::open("--echo", "");
    let books = Books::of(&ground);
    let mut line = Http::over(ground.connect_narrow());
    line.send(request("GET", "/echo", UPGRADE, ""));
    assert_eq!(line.answer().status, 101);
    let numbers: Vec<u32> = (0..pings).collect();
    for some in numbers.chunks(1000) {
        let pings = some.iter().flat_map(|number| {
            let payload = [&number.to_be_bytes()[..], &[7; 121]].concat();
            frame(0x89, payload)
        });
        line.send(pings.collect::<Vec<u8>>());
        assert!(ground.held_bytes() < 4096, "{}", ground.held_bytes());
    }
    // What waited when the network took no more, and the newest.
    assert!(metric(&ground, "roomcast_queue_messages") <= 17.0);
    assert!(metric(&ground, "roomcast_queue_bytes") < 4096.0);
    line.stream_mut().widen();
    let (mut pongs, mut newest) = (0, 0);
    while newest < pings - 1 {
        let pong = line.frame();
        assert_eq!((pong.first, pong.payload.len()), (0x8a, 125));
        let number = u32::from_be_bytes(pong.payload[..4].try_into().unwrap());
        assert!(pongs == 0 || number > newest, "{number} behind {newest}");
        (pongs, newest) = (pongs + 1, number);
    }
    let most = if G::SIMULATED { 30 } else { pings - 1 };
    assert!(pongs <= most, "{pongs} of {pings} are answered");
    drop(line);
    serves(&ground, &books);
}
