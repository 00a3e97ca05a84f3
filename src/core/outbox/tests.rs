//! Batches beside messages: one place in a queue, as many messages as they are. And runs: who is in one, and who is not.

use std::io::IoSlice;

use super::*;
use crate::bounds::OnFull;
use crate::id::RoomId;

const BOUNDS: QueueBounds = QueueBounds {
    messages_max: 2,
    bytes_max: 4096,
    on_full: OnFull::Drop,
};
const NOW: Micros = Micros(7);

/// One open queue.
fn outbox() -> Outbox {
    let mut outbox = Outbox::with_capacity(1, 512);
    outbox.open(ConnId {
        key: 0,
        generation: 1,
    });
    outbox
}

fn offer(outbox: &mut Outbox, frame: Frame) -> Offer {
    let stored = outbox.store(frame, AppId::Stream, NOW);
    let offer = outbox.offer(0, &stored, None, &BOUNDS);
    outbox.release(stored);
    outbox.check_invariants();
    offer
}

/// Open queues with these keys, whose room is not yet written to.
fn crowd(keys: &[u32]) -> (Outbox, Crowd<'_>) {
    let mut outbox = Outbox::with_capacity(keys.len(), 512);
    for &key in keys {
        outbox.open(ConnId { key, generation: 1 });
    }
    let crowd = Crowd {
        room: RoomId(0),
        changes: 1,
        members: keys,
        also: None,
        except: None,
    };
    (outbox, crowd)
}

fn publish(outbox: &mut Outbox, crowd: &Crowd<'_>, text: &str) -> Published {
    let stored = outbox.store(Frame::text(text), AppId::Events, NOW);
    let published = outbox.publish(crowd, stored, None, &BOUNDS);
    outbox.check_invariants();
    published
}

/// Flushes everybody to sockets that take `taken` bytes each; what was offered, in order.
fn flush_all(outbox: &mut Outbox, taken: usize) -> Vec<(u32, Vec<u8>)> {
    let mut offered = Vec::new();
    while let Some(key) = outbox.next_dirty() {
        let write = |parts: &[IoSlice<'_>]| {
            let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_vec()).collect();
            let most = bytes.len().min(taken);
            offered.push((key, bytes));
            Ok(most)
        };
        outbox.flush(key, NOW.millis(), write, |_, _| {});
        outbox.check_invariants();
    }
    offered
}

fn frames(texts: &[&str]) -> Vec<u8> {
    let frames = texts.iter().map(|text| Frame::text(text).into_bytes());
    frames.flatten().collect()
}

#[test]
fn one_queue_that_waits_keeps_no_room_of_the_crowd_that_has_gone() {
    const CROWD: u32 = 20_000;
    let mut outbox = Outbox::with_capacity(0, 512);
    (0..CROWD).for_each(|key| outbox.open(ConnId { key, generation: 1 }));
    let (slow, ping) = (CROWD - 1, Frame::pong(b"still here?"));
    for key in 0..CROWD {
        outbox.post(key, Frame::text(&key.to_string()).vital(), NOW);
        outbox.post(key, ping.clone(), NOW);
    }
    outbox.post(slow, Frame::text("behind it").vital(), NOW);
    for _ in 0..slow {
        let key = outbox.next_dirty().unwrap();
        let write = |parts: &[IoSlice<'_>]| Ok(parts.iter().map(|part| part.len()).sum());
        let _ = outbox.flush(key, NOW.millis(), write, |_, _| ());
    }
    assert_eq!((outbox.queued(), outbox.stored()), (3, 3));
    let held_bytes = outbox.held_bytes();
    outbox.shrink();
    outbox.check_invariants();
    assert!(outbox.slots.capacity() < 100 && outbox.store.capacity() < 100);
    assert_eq!((outbox.queued(), outbox.held_bytes()), (3, held_bytes));
    // The pong is still known as one, and a newer one takes its place where the socket is full.
    let _ = outbox.flush(slow, NOW.millis(), |_| Ok(1), |_, _| ());
    outbox.post(slow, Frame::pong(b"and here?"), NOW);
    outbox.check_invariants();
    let expected: Vec<u8> = [
        Frame::text(&slow.to_string()).into_bytes(),
        Frame::pong(b"and here?").into_bytes(),
        Frame::text("behind it").into_bytes(),
    ]
    .concat();
    outbox.unblock(slow, NOW.millis());
    let mut written = Vec::new();
    let write = |parts: &[IoSlice<'_>]| {
        parts
            .iter()
            .for_each(|part| written.extend_from_slice(part));
        Ok(written.len())
    };
    assert_eq!(
        outbox.flush(slow, NOW.millis(), write, |_, _| ()).messages,
        2
    );
    assert_eq!(written, expected[1..]);
    assert_eq!((outbox.queued(), outbox.held_bytes()), (0, 0));
}

#[test]
fn what_the_shortest_message_costs_is_no_less_than_what_is_allocated_for_it() {
    let mut outbox = outbox();
    assert_eq!(offer(&mut outbox, Frame::text("a")), Offer::Queued);
    // Three bytes are given 32, as the least that is, with their length.
    let place = size_of::<super::store::Message>() + size_of::<Slot>() + SLAB_BYTES;
    let least = (place + 32) as u64;
    assert!(
        outbox.held_bytes() * 11 / 10 >= least,
        "{}",
        outbox.held_bytes()
    );
}

#[test]
fn a_room_waits_for_its_messages_once_and_gets_them_in_one_write() {
    let (mut outbox, crowd) = crowd(&[0, 1, 2]);
    for text in ["one", "two"] {
        assert_eq!(publish(&mut outbox, &crowd, text).receivers, 3);
    }
    let slots = outbox.held_bytes();
    assert_eq!((outbox.queued(), outbox.slots.len()), (6, 0));
    let both = frames(&["one", "two"]);
    assert_eq!(
        flush_all(&mut outbox, usize::MAX),
        [0, 1, 2].map(|key| (key, both.clone()))
    );
    assert!(slots > 0 && outbox.held_bytes() == 0);
}
