//! Batches beside messages: one place in a queue, as many messages as they are. And runs: who is in one, and who is not.

use std::collections::BTreeMap;
use std::io::IoSlice;

use roomcast::bounds::{OnFull, QueueBounds};
use roomcast::core::outbox::*;
use roomcast::id::{AppId, ConnId, LogId, RoomId, Topic};
use roomcast::time::Micros;
use roomcast::wire::frame::{Encoder, Frame};

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

fn batch(messages: usize) -> Frame {
    let values = std::iter::repeat_n("message", messages);
    Encoder::new().json_batch(values).unwrap()
}

fn offer(outbox: &mut Outbox, frame: Frame) -> Offer {
    let stored = outbox.store(frame, AppId::Stream, NOW);
    let offer = outbox.offer(0, &stored, None, &BOUNDS);
    outbox.release(stored);
    outbox.check_invariants();
    offer
}

/// Flushes once to a socket that takes `taken` bytes; the messages that went out, and how many stored ones were freed.
fn flush(outbox: &mut Outbox, taken: usize) -> (u32, u32) {
    outbox.unblock(0, NOW.millis());
    let mut freed = 0;
    let write = |parts: &[IoSlice<'_>]| {
        let offered: usize = parts.iter().map(|part| part.len()).sum();
        Ok(offered.min(taken))
    };
    outbox.next_dirty();
    let flush = outbox.flush(0, NOW.millis(), write, |_, _| freed += 1);
    outbox.check_invariants();
    (flush.messages, freed)
}

#[test]
fn a_batch_takes_one_place_and_all_its_bytes() {
    let mut outbox = outbox();
    assert_eq!(offer(&mut outbox, batch(100)), Offer::Queued);
    flush(&mut outbox, 0);
    assert_eq!(
        outbox.backlog_bytes(0) as usize,
        100 * batch(1).bytes().len()
    );
    assert_eq!(offer(&mut outbox, batch(100)), Offer::Queued);
    assert_eq!((outbox.queued(), outbox.stored()), (2, 2));
    assert_eq!(offer(&mut outbox, batch(1)), Offer::Dropped);
}

#[test]
fn an_empty_queue_takes_any_one_batch_and_a_fuller_one_only_what_fits_its_bytes() {
    let mut outbox = outbox();
    assert_eq!(offer(&mut outbox, batch(1000)), Offer::Queued);
    flush(&mut outbox, 0);
    assert_eq!(offer(&mut outbox, batch(1)), Offer::Dropped);
}

#[test]
fn nothing_is_dropped_before_the_socket_has_refused_something() {
    let mut outbox = outbox();
    for _ in 0..9 {
        assert_eq!(offer(&mut outbox, batch(1000)), Offer::Queued);
    }
    flush(&mut outbox, 1);
    assert_eq!(offer(&mut outbox, batch(1)), Offer::Dropped);
    flush(&mut outbox, usize::MAX);
    outbox.tell_gap(0, Frame::text("lagged").exempt(), NOW);
    flush(&mut outbox, usize::MAX);
    assert_eq!(offer(&mut outbox, batch(1)), Offer::Queued);
    assert_eq!(offer(&mut outbox, batch(1000)), Offer::Queued);
}

#[test]
fn a_dropped_batch_is_missed_message_by_message() {
    let mut outbox = outbox();
    offer(&mut outbox, batch(3));
    flush(&mut outbox, 0);
    offer(&mut outbox, batch(1));
    assert_eq!(offer(&mut outbox, batch(40)), Offer::Dropped);
    assert_eq!(offer(&mut outbox, Frame::text("one more")), Offer::Dropped);
    assert_eq!(flush(&mut outbox, usize::MAX), (4, 2));
    assert_eq!(
        outbox.gap(0),
        Some(Gap {
            missed: 41,
            since: None
        })
    );
    outbox.tell_gap(0, Frame::text("lagged").exempt(), NOW);
    assert_eq!(flush(&mut outbox, usize::MAX), (0, 0));
    assert_eq!((outbox.stored(), outbox.held_bytes()), (0, 0));
}

#[test]
fn a_batch_has_gone_out_once_its_last_byte_has() {
    let mut outbox = outbox();
    let bytes = batch(5).bytes().len();
    offer(&mut outbox, batch(5));
    assert_eq!(flush(&mut outbox, bytes - 1), (0, 0));
    assert_eq!(flush(&mut outbox, usize::MAX), (5, 1));
}

#[test]
fn a_batch_that_has_begun_survives_a_clearing_whole() {
    let mut outbox = outbox();
    offer(&mut outbox, batch(5));
    offer(&mut outbox, batch(5));
    flush(&mut outbox, 3);
    assert_eq!(outbox.clear(0), 5);
    outbox.check_invariants();
    assert_eq!(outbox.backlog_bytes(0) as usize, batch(5).bytes().len() - 3);
    assert_eq!(flush(&mut outbox, usize::MAX), (5, 1));
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

/// Flushes everybody to sockets that take `taken` bytes each; what was offered, in order. How many messages a connection
/// missed is told as a number.
fn flush_all(outbox: &mut Outbox, taken: usize) -> Vec<(u32, Vec<u8>)> {
    let mut offered = Vec::new();
    while let Some(key) = outbox.next_dirty() {
        if let Some(Gap { missed, .. }) = outbox.gap(key) {
            outbox.tell_gap(key, Frame::text(&missed.to_string()).exempt(), NOW);
        }
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
fn whoever_gets_something_else_in_between_gets_it_in_between() {
    let (mut outbox, crowd) = crowd(&[0, 1]);
    publish(&mut outbox, &crowd, "one");
    outbox.post(1, Frame::ping(), NOW);
    publish(&mut outbox, &crowd, "two");
    let between = [
        frames(&["one"]),
        Frame::ping().into_bytes().to_vec(),
        frames(&["two"]),
    ];
    assert_eq!(
        flush_all(&mut outbox, usize::MAX),
        [(0, frames(&["one", "two"])), (1, between.concat())]
    );
}

#[test]
fn a_member_that_was_on_the_dirty_list_already_misses_nothing() {
    let (mut outbox, crowd) = crowd(&[0, 1]);
    // The list still names a queue that has been cleared.
    outbox.post(0, Frame::ping(), NOW);
    assert_eq!(outbox.clear(0), 0);
    publish(&mut outbox, &crowd, "one");
    assert_eq!(outbox.next_dirty(), Some(0));
    let all = |parts: &[IoSlice<'_>]| Ok(parts.iter().map(|part| part.len()).sum());
    assert_eq!(outbox.flush(0, NOW.millis(), all, |_, _| {}).messages, 1);
    assert_eq!(publish(&mut outbox, &crowd, "two").receivers, 2);
    let rest: BTreeMap<u32, Vec<u8>> = flush_all(&mut outbox, usize::MAX).into_iter().collect();
    assert_eq!(rest[&0], frames(&["two"]));
    assert_eq!(rest[&1], frames(&["one", "two"]));
}

#[test]
fn who_has_come_since_does_not_get_what_was_said_before() {
    let (mut outbox, before) = crowd(&[0, 1, 2]);
    let (before, after) = (
        Crowd {
            members: &[0, 1],
            ..before
        },
        Crowd {
            changes: 2,
            ..before
        },
    );
    publish(&mut outbox, &before, "one");
    assert_eq!(publish(&mut outbox, &after, "two").receivers, 3);
    let all: BTreeMap<u32, Vec<u8>> = flush_all(&mut outbox, usize::MAX).into_iter().collect();
    assert_eq!(all[&1], frames(&["one", "two"]));
    assert_eq!(all[&2], frames(&["two"]));
}

#[test]
fn a_run_of_the_dead_is_over() {
    let (mut outbox, crowd) = crowd(&[0, 1]);
    publish(&mut outbox, &crowd, "one");
    assert_eq!(outbox.close(0), 1);
    // The other one is given out, and found to be dead.
    assert_eq!(outbox.next_dirty(), Some(1));
    assert_eq!(outbox.discard(1), 1);
    assert_eq!(outbox.next_dirty(), None);
    assert_eq!(outbox.close(1), 0);
    outbox.check_invariants();
    assert_eq!((outbox.held_bytes(), outbox.dirty()), (0, 0));
}

/// Publishes in a log; for how many it waits, and how many messages were skipped for it.
fn publish_in(outbox: &mut Outbox, log: LogId, crowd: &Crowd<'_>, text: &str) -> (u32, u32) {
    let stored = outbox.store(Frame::text(text), AppId::Events, NOW);
    let published = outbox.publish(crowd, stored, Some((log, Topic(0))), &BOUNDS);
    outbox.check_invariants();
    (published.receivers, published.skipped)
}

#[test]
fn what_a_socket_does_not_take_waits_in_its_own_queue_and_the_oldest_is_skipped() {
    let (mut outbox, crowd) = crowd(&[0, 1]);
    let log = outbox.open_log(AppId::Events, 1);
    publish_in(&mut outbox, log, &crowd, "one");
    publish_in(&mut outbox, log, &crowd, "two");
    flush_all(&mut outbox, 3);
    assert!(outbox.is_blocked(0) && outbox.is_blocked(1));
    // Both are full from here on, and what has begun comes first.
    assert_eq!(publish_in(&mut outbox, log, &crowd, "three"), (2, 2));
    assert_eq!(publish_in(&mut outbox, log, &crowd, "four"), (2, 2));
    outbox.unblock(1, NOW.millis());
    let begun = frames(&["one"])[3..].to_vec();
    assert_eq!(
        flush_all(&mut outbox, usize::MAX),
        [(1, begun), (1, frames(&["2", "four"]))]
    );
    // A log that is over is forgotten once its last reader is.
    outbox.close_log(log);
    outbox.check_invariants();
    assert_eq!((outbox.close(0), outbox.close(1)), (2, 0));
    assert_eq!((outbox.stored(), outbox.held_bytes()), (0, 0));
}

#[test]
fn of_the_longest_log_half_is_given_up_and_a_frame_that_has_begun_is_written_to_its_end() {
    let (mut outbox, crowd) = crowd(&[0, 1]);
    let log = outbox.open_log(AppId::Events, 1);
    let texts = ["a", "b", "c", "d"].map(|letter| letter.repeat(100));
    // One is in the middle of the first, and the other is ahead of it by all.
    publish_in(&mut outbox, log, &crowd, &texts[0]);
    flush_all(&mut outbox, 3);
    outbox.unblock(1, NOW.millis());
    flush_all(&mut outbox, usize::MAX);
    let wide = QueueBounds {
        messages_max: 100,
        ..BOUNDS
    };
    for text in &texts[1..] {
        let stored = outbox.store(Frame::text(text), AppId::Events, NOW);
        outbox.publish(&crowd, stored, Some((log, Topic(0))), &wide);
    }
    flush_all(&mut outbox, usize::MAX);
    let held_bytes = outbox.held_bytes();
    let missed = outbox.cut_longest_logs();
    assert_eq!(
        (missed[AppId::Events as usize], missed.iter().sum()),
        (1, 1)
    );
    outbox.check_invariants();
    assert!(outbox.held_bytes() < held_bytes);
    outbox.unblock(0, NOW.millis());
    let rest = flush_all(&mut outbox, usize::MAX);
    let begun = frames(&[&texts[0]])[3..].to_vec();
    assert_eq!(
        rest,
        [(0, begun), (0, frames(&["1", &texts[2], &texts[3]])),]
    );
    let held_bytes = outbox.held_bytes() - outbox.gaps_bytes();
    assert_eq!((outbox.stored(), held_bytes), (0, 0));
    assert_eq!(outbox.cut_longest_logs().iter().sum::<u64>(), 0);
}

#[test]
fn a_log_gives_up_what_is_being_compressed_for_nobody() {
    let (mut outbox, crowd) = crowd(&[0]);
    outbox.deflate(0, true);
    let log = outbox.open_log(AppId::Events, 1);
    publish_in(&mut outbox, log, &crowd, &"long ".repeat(40_000));
    assert_eq!(outbox.next_dirty(), Some(0));
    let flush = outbox.flush(0, NOW.millis(), |_| unreachable!(), |_, _| {});
    assert!(matches!(flush.state, FlushState::More) && outbox.is_packing());
    assert_eq!(outbox.close(0), 1);
    outbox.check_invariants();
    outbox.pack_slice();
    outbox.check_invariants();
    assert_eq!((outbox.stored(), outbox.held_bytes()), (0, 0));
}
