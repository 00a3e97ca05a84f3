//! Batches beside messages: one place in a queue, as many messages as they are.

use std::io::IoSlice;

use super::*;
use crate::wire::frame::Encoder;

const BOUNDS: QueueBounds = QueueBounds {
    messages_max: 2,
    bytes_max: 4096,
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
    let offer = outbox.offer(0, &stored, &BOUNDS, true);
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
    let flush = outbox.flush(0, NOW.millis(), write, |_, _| freed += 1);
    outbox.next_dirty();
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
    outbox.recover(0, &BOUNDS);
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
    assert_eq!(outbox.recover(0, &BOUNDS), Some(41));
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
    outbox.clear(0);
    outbox.check_invariants();
    assert_eq!(outbox.backlog_bytes(0) as usize, batch(5).bytes().len() - 3);
    assert_eq!(flush(&mut outbox, usize::MAX), (5, 1));
}
