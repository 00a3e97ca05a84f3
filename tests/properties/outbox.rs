//! The outbox beside a plain queue for each connection: what either has to write is compared byte by byte, with a socket
//! that takes as much as it likes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{ErrorKind, IoSlice};

use proptest::collection::vec;
use proptest::prelude::*;
use roomcast::core::outbox::{FlushState, Outbox};
use roomcast::id::{AppId, ConnId};
use roomcast::time::{Micros, Millis};
use roomcast::wire::frame::{Class, Encoder, Frame};

use crate::queue::{BOUNDS, DEFLATE_BYTES_MIN, Queue, Waiting};

const KEYS: u32 = 4;

/// What is published.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Message,
    Vital,
    /// So many messages, published as one.
    Batch(usize),
}

#[derive(Clone, Debug)]
enum Step {
    Open(u32),
    Close(u32),
    /// Messages are compressed from now on, for a window of so many bits.
    Deflate(u32, u8),
    /// Something of so many bytes for these keys; whether those that are full begin to lag.
    Publish(Vec<u32>, Kind, usize, bool),
    /// An answer, a pong or a close frame of so many bytes.
    Post(u32, Class, usize),
    /// Whoever is next is flushed; the socket takes so many bytes at most.
    Flush(usize),
    /// Everybody is flushed; each socket takes so many bytes at most.
    FlushAll(usize),
    /// Whoever is next is flushed and found broken.
    Break,
    Unblock(u32),
    Clear(u32),
    Recover(u32),
    /// Milliseconds pass.
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..KEYS;
    let class = prop_oneof![
        3 => Just(Class::Answer),
        6 => Just(Class::Pong),
        1 => Just(Class::Close),
    ];
    let taken = || prop_oneof![3 => 0..100usize, 3 => 0..1000usize, 4 => Just(usize::MAX)];
    let bytes = prop_oneof![20 => 1..60usize, 6 => 1..300usize, 1 => 60_000..70_000usize];
    let kind = prop_oneof![
        8 => Just(Kind::Message),
        1 => Just(Kind::Vital),
        2 => (1..5usize).prop_map(Kind::Batch),
    ];
    let publish = (vec(key(), 0..6), kind, bytes, any::<bool>());
    let post = (key(), class, 1..60usize);
    let step = prop_oneof![
        2 => key().prop_map(Step::Open),
        1 => key().prop_map(Step::Close),
        1 => (key(), 9..=15u8).prop_map(|(key, bits)| Step::Deflate(key, bits)),
        12 => publish.prop_map(|(keys, kind, bytes, lag)| Step::Publish(keys, kind, bytes, lag)),
        8 => post.prop_map(|(key, class, bytes)| Step::Post(key, class, bytes)),
        8 => taken().prop_map(Step::Flush),
        2 => taken().prop_map(Step::FlushAll),
        1 => Just(Step::Break),
        5 => key().prop_map(Step::Unblock),
        1 => key().prop_map(Step::Clear),
        4 => key().prop_map(Step::Recover),
        2 => (0..10_000u64).prop_map(Step::Pass),
    ];
    vec(step, 1..150)
}

/// The outbox and its twin; an open key is in `queues`.
struct Pair {
    outbox: Outbox,
    queues: BTreeMap<u32, Queue>,
    dirty: VecDeque<u32>,
    now: Micros,
    numbers: u64,
}

impl Pair {
    fn new() -> Pair {
        let mut pair = Pair {
            outbox: Outbox::with_capacity(1, DEFLATE_BYTES_MIN),
            queues: BTreeMap::new(),
            dirty: VecDeque::new(),
            now: Micros(1000),
            numbers: 0,
        };
        (0..KEYS).for_each(|key| pair.open(key));
        pair
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Open(key) if !self.queues.contains_key(&key) => self.open(key),
            Step::Close(key) if self.queues.contains_key(&key) => self.close(key),
            Step::Deflate(key, bits) => {
                if let Some(queue) = self.queues.get_mut(&key) {
                    queue.window_bits = bits;
                    self.outbox.deflate(key, bits);
                }
            }
            Step::Publish(keys, kind, bytes, lag) => {
                let payload = vec![self.numbers as u8; bytes];
                let frame = match kind {
                    Kind::Message => Frame::binary(&payload),
                    Kind::Vital => Frame::binary(&payload).vital(),
                    Kind::Batch(messages) => {
                        let batch =
                            Encoder::new().json_batch(payload.chunks(bytes.div_ceil(messages)));
                        batch.unwrap()
                    }
                };
                self.offer(&keys, frame, lag);
            }
            Step::Post(key, class, bytes) => {
                let payload = vec![self.numbers as u8; bytes];
                let frame = match class {
                    Class::Pong => Frame::pong(&payload),
                    Class::Close => Frame::close(1000, &"x".repeat(bytes)),
                    _ => Frame::answer(payload),
                };
                self.offer(&[key], frame, false);
            }
            Step::Flush(most) => self.flush(most),
            Step::FlushAll(most) => {
                while !self.dirty.is_empty() {
                    self.flush(most);
                }
            }
            Step::Break => self.find_broken(),
            Step::Unblock(key) if self.queues.contains_key(&key) => self.unblock(key),
            Step::Clear(key) if self.queues.contains_key(&key) => {
                self.outbox.clear(key);
                let queue = self.queues.get_mut(&key).unwrap();
                queue.waits.truncate(usize::from(queue.written > 0));
            }
            Step::Recover(key) if self.queues.contains_key(&key) => self.recover(key),
            Step::Pass(span) => self.now.0 += span * 1000,
            _ => {}
        }
    }

    fn open(&mut self, key: u32) {
        self.numbers += 1;
        let generation = self.numbers as u32;
        self.outbox.open(ConnId { key, generation });
        let queue = Queue {
            generation,
            ..Queue::default()
        };
        self.queues.insert(key, queue);
    }

    fn close(&mut self, key: u32) {
        self.outbox.close(key);
        self.queues.remove(&key);
    }

    fn offer(&mut self, keys: &[u32], frame: Frame, lag: bool) {
        self.numbers += 1;
        let plain = Waiting {
            form: (self.numbers, 0),
            bytes: frame.bytes().to_vec(),
            messages: frame.messages(),
            class: frame.class(),
            stored: self.now,
        };
        let stored = self.outbox.store(frame, AppId::Events, self.now);
        for &key in keys {
            let Some(queue) = self.queues.get_mut(&key) else {
                continue;
            };
            let expected = queue.offer(plain.compressed(queue.window_bits), lag);
            assert_eq!(self.outbox.offer(key, &stored, &BOUNDS, lag), expected);
            self.mark_dirty(key);
        }
        self.outbox.release(stored);
    }

    fn mark_dirty(&mut self, key: u32) {
        let queue = &self.queues[&key];
        if !queue.is_blocked && !queue.waits.is_empty() && !self.dirty.contains(&key) {
            self.dirty.push_back(key);
        }
    }

    /// Whoever is next, if it is still open.
    fn next_dirty(&mut self) -> Option<u32> {
        let key = self.dirty.pop_front();
        assert_eq!(self.outbox.next_dirty(), key);
        key.filter(|key| self.queues.contains_key(key))
    }

    fn flush(&mut self, most: usize) {
        let Some(key) = self.next_dirty() else { return };
        let waits = self.queues[&key].bytes();
        let (mut offered, mut observed) = (Vec::new(), Vec::new());
        let flush = self.outbox.flush(
            key,
            self.now.millis(),
            |parts| {
                parts
                    .iter()
                    .for_each(|part| offered.extend_from_slice(part));
                match most.min(offered.len()) {
                    0 => Err(ErrorKind::WouldBlock.into()),
                    taken => Ok(taken),
                }
            },
            |_, stored| observed.push(stored),
        );
        assert_eq!(offered, waits, "all that waits is offered, in order");
        let gone = self.write(key, most.min(waits.len()));
        let messages: Vec<Waiting> = gone
            .into_iter()
            .filter(|copy| copy.class.is_message())
            .collect();
        let count: u32 = messages.iter().map(|copy| copy.messages).sum();
        assert_eq!(flush.messages, count);
        let last = messages.iter().enumerate().filter(|(at, copy)| {
            let is_same = |other: &Waiting| other.form == copy.form;
            let mut all = self.queues.values().flat_map(|queue| &queue.waits);
            !all.any(is_same) && !messages[at + 1..].iter().any(is_same)
        });
        assert_eq!(
            observed,
            last.map(|(_, copy)| copy.stored).collect::<Vec<_>>()
        );
        let queue = self.queues.get_mut(&key).unwrap();
        queue.is_blocked = !queue.waits.is_empty();
        queue.is_slow |= queue.is_blocked;
        match flush.state {
            FlushState::Empty => assert!(queue.waits.is_empty()),
            FlushState::Blocked => assert!(queue.is_blocked),
            other => panic!("one write takes all that fits: {other:?}"),
        }
    }

    /// So many bytes have gone out; the copies that are out whole.
    fn write(&mut self, key: u32, mut bytes: usize) -> Vec<Waiting> {
        let queue = self.queues.get_mut(&key).unwrap();
        let mut gone = Vec::new();
        if bytes > 0 {
            queue.progress = self.now.millis();
        }
        while bytes > 0 {
            let rest = queue.waits[0].bytes.len() - queue.written;
            if bytes < rest {
                queue.written += bytes;
                break;
            }
            bytes -= rest;
            queue.written = 0;
            gone.extend(queue.waits.pop_front());
        }
        gone
    }

    fn find_broken(&mut self) {
        let Some(key) = self.next_dirty() else { return };
        let broken = |_: &[IoSlice<'_>]| Err(ErrorKind::BrokenPipe.into());
        let flush = self.outbox.flush(key, self.now.millis(), broken, |_, _| {});
        match flush.state {
            FlushState::Failed(error) => assert_eq!(error.kind(), ErrorKind::BrokenPipe),
            FlushState::Empty => assert!(self.queues[&key].waits.is_empty()),
            other => panic!("it is broken: {other:?}"),
        }
        self.close(key);
    }

    fn unblock(&mut self, key: u32) {
        self.outbox.unblock(key, self.now.millis());
        let queue = self.queues.get_mut(&key).unwrap();
        if std::mem::take(&mut queue.is_blocked) {
            queue.progress = self.now.millis();
            self.mark_dirty(key);
        }
    }

    fn recover(&mut self, key: u32) {
        let queue = self.queues.get_mut(&key).unwrap();
        let missed = if queue.is_half_full() {
            queue.missed.take()
        } else {
            None
        };
        assert_eq!(self.outbox.recover(key, &BOUNDS), missed);
    }

    fn check(&self) {
        self.outbox.check_invariants();
        assert_eq!(self.outbox.dirty(), self.dirty.len());
        for (&key, queue) in &self.queues {
            let generation = queue.generation;
            assert_eq!(self.outbox.conn(key), ConnId { key, generation });
            assert_eq!(self.outbox.is_empty(key), queue.waits.is_empty());
            assert_eq!(self.outbox.is_blocked(key), queue.is_blocked);
            assert_eq!(self.outbox.is_finishing(key), queue.is_finishing);
            assert_eq!(self.outbox.is_deflated(key), queue.window_bits != 0);
            assert_eq!(self.outbox.backlog_bytes(key) as usize, queue.backlog());
            let stalled = queue.is_blocked.then_some(queue.progress);
            assert_eq!(self.outbox.stalled_since(key), stalled);
        }
        let copies: Vec<&Waiting> = self
            .queues
            .values()
            .flat_map(|queue| &queue.waits)
            .collect();
        let messages: BTreeMap<(u64, u8), usize> = copies
            .iter()
            .map(|copy| (copy.form, copy.bytes.len()))
            .collect();
        assert_eq!(self.outbox.queued(), copies.len());
        assert_eq!(self.outbox.stored(), messages.len());
        let bytes: usize = messages.values().sum();
        assert!(self.outbox.held_bytes() >= bytes as u64);
        assert_eq!(self.outbox.held_bytes() == 0, copies.is_empty());
    }
}

proptest! {
    #[test]
    fn the_outbox_is_a_queue_of_messages_for_each_connection(steps in steps()) {
        let mut pair = Pair::new();
        for step in steps {
            pair.take(step);
            pair.check();
        }
        (0..KEYS).for_each(|key| pair.take(Step::Unblock(key)));
        pair.take(Step::FlushAll(usize::MAX));
        pair.check();
        prop_assert_eq!(pair.outbox.queued(), 0);
    }
}

#[test]
fn what_one_write_cannot_take_stays_dirty() {
    let mut pair = Pair::new();
    let numbers: Vec<u32> = (0..3000).collect();
    for number in &numbers {
        let frame = Frame::answer(number.to_be_bytes().repeat(25));
        pair.outbox.post(0, frame, pair.now);
    }
    let (mut written, mut writes) = (Vec::new(), 0);
    while let Some(key) = pair.outbox.next_dirty() {
        let take_all = |parts: &[IoSlice<'_>]| {
            assert!(parts.len() <= 1024, "no more parts than the kernel takes");
            let before = written.len();
            parts
                .iter()
                .for_each(|part| written.extend_from_slice(part));
            Ok(written.len() - before)
        };
        pair.outbox.flush(key, Millis(1), take_all, |_, _| {});
        pair.outbox.check_invariants();
        writes += 1;
    }
    let order: BTreeSet<u32> = numbers.iter().copied().collect();
    let expected: Vec<u8> = order
        .iter()
        .flat_map(|number| number.to_be_bytes().repeat(25))
        .collect();
    assert_eq!((written == expected, writes), (true, 3));
}
