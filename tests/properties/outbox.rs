//! The outbox beside a plain queue for each connection: what either has to write is compared byte by byte, with a socket
//! that takes as much as it likes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{ErrorKind, IoSlice};

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use roomcast::bounds::{OnFull, QueueBounds};
use roomcast::core::outbox::{Also, Crowd, FlushState, Offer, Outbox, Published};
use roomcast::id::{AppId, ConnId, LogId, RoomId, Topic};
use roomcast::time::{Micros, Millis};
use roomcast::wire::frame::{Class, Encoder, Frame};

use crate::queue::{BOUNDS, DEFLATE_BYTES_MIN, Item, Queue, SLICE_BYTES, Waiting};

const KEYS: u32 = 4;
const ROOMS: u32 = 2;
/// What one write to a connection takes at most, but for what was published to its room.
const WRITE_BYTES_MAX: usize = 256 << 10;

/// What is published.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Message,
    Vital,
    /// So many messages, published as one.
    Batch(usize),
}

/// The room of this number, whoever is in the other room too, and who does not get it.
#[derive(Clone, Copy, Debug)]
struct Audience {
    room: u32,
    also: bool,
    except: Option<u32>,
}

#[derive(Clone, Debug)]
enum Step {
    Open(u32),
    Close(u32),
    /// Messages from this key may be compressed from now on, and those to it are, if it is so.
    Deflate(u32, bool),
    /// Something of so many bytes for each of these keys alone, and what happens where it does not fit.
    Publish(Vec<u32>, Kind, usize, OnFull),
    /// Something of so many bytes for a crowd, in the log of its room or in none, and what happens where it does not fit.
    PublishTo(Audience, Kind, usize, OnFull, bool),
    /// The room of this number has these members from now on.
    Members(u32, BTreeSet<u32>),
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
    let on_full = prop_oneof![
        4 => Just(OnFull::Drop),
        2 => Just(OnFull::Latest),
        2 => Just(OnFull::Disconnect),
    ];
    let publish = (
        vec(key(), 0..6),
        kind.clone(),
        bytes.clone(),
        on_full.clone(),
    );
    let except = prop_oneof![2 => Just(None), 1 => key().prop_map(Some)];
    let audience = (0..ROOMS, any::<bool>(), except);
    let audience = audience.prop_map(|(room, also, except)| Audience { room, also, except });
    let publish_to = (audience, kind, bytes, on_full, any::<bool>());
    let members = (0..ROOMS, btree_set(key(), 0..=KEYS as usize));
    let post = (key(), class, 1..60usize);
    let step = prop_oneof![
        2 => key().prop_map(Step::Open),
        1 => key().prop_map(Step::Close),
        1 => (key(), any::<bool>()).prop_map(|(key, packs)| Step::Deflate(key, packs)),
        12 => publish.prop_map(|(keys, kind, bytes, on)| Step::Publish(keys, kind, bytes, on)),
        20 => publish_to
            .prop_map(|(to, kind, bytes, on, is_logged)| Step::PublishTo(to, kind, bytes, on, is_logged)),
        2 => members.prop_map(|(room, members)| Step::Members(room, members)),
        8 => post.prop_map(|(key, class, bytes)| Step::Post(key, class, bytes)),
        8 => taken().prop_map(Step::Flush),
        2 => taken().prop_map(Step::FlushAll),
        1 => Just(Step::Break),
        5 => key().prop_map(Step::Unblock),
        1 => key().prop_map(Step::Clear),
        2 => (0..10_000u64).prop_map(Step::Pass),
    ];
    vec(step, 1..150)
}

/// The outbox and its twin; an open key is in `queues`.
struct Pair {
    outbox: Outbox,
    queues: BTreeMap<u32, Queue>,
    /// Who has something to write, in the order in which it is their turn while nothing is published to a room.
    dirty: VecDeque<u32>,
    rooms: [BTreeSet<u32>; ROOMS as usize],
    logs: [LogId; ROOMS as usize],
    changes: u64,
    has_published: bool,
    now: Micros,
    numbers: u64,
}

impl Pair {
    fn new() -> Pair {
        let mut outbox = Outbox::with_capacity(1, DEFLATE_BYTES_MIN);
        let mut pair = Pair {
            logs: std::array::from_fn(|room| outbox.open_log(AppId::Events, room as u32)),
            outbox,
            queues: BTreeMap::new(),
            dirty: VecDeque::new(),
            rooms: std::array::from_fn(|_| (0..KEYS).collect()),
            changes: 0,
            has_published: false,
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
            Step::Deflate(key, packs) => {
                // It is agreed on before there are any messages.
                let queue = self.queues.get_mut(&key);
                if let Some(queue) = queue.filter(|queue| queue.messages() == 0) {
                    queue.inflates = true;
                    queue.packs |= packs;
                    self.outbox.deflate(key, packs);
                }
            }
            Step::Publish(keys, kind, bytes, on_full) => {
                let frame = self.frame(kind, bytes);
                self.offer(&keys, frame, on_full);
            }
            Step::PublishTo(audience, kind, bytes, on_full, is_logged) => {
                let frame = self.frame(kind, bytes);
                let is_logged = is_logged && frame.class() == Class::Message;
                self.publish(audience, frame, on_full, is_logged);
            }
            Step::Members(room, members) => {
                let open = members
                    .into_iter()
                    .filter(|key| self.queues.contains_key(key));
                self.rooms[room as usize] = open.collect();
                self.changes += 1;
            }
            Step::Post(key, class, bytes) => {
                let payload = vec![self.numbers as u8; bytes];
                let frame = match class {
                    Class::Pong => Frame::pong(&payload),
                    Class::Close => Frame::close(1000, &"x".repeat(bytes)),
                    _ => Frame::answer(payload),
                };
                self.offer(&[key], frame, OnFull::Drop);
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
                let queue = self.queues.get_mut(&key).unwrap();
                let before = queue.messages();
                queue.waits.truncate(usize::from(queue.written > 0));
                let discarded = before - queue.messages();
                assert_eq!(u64::from(self.outbox.clear(key)), discarded);
            }
            Step::Pass(span) => self.now.0 += span * 1000,
            _ => {}
        }
    }

    fn frame(&self, kind: Kind, bytes: usize) -> Frame {
        let payload = vec![self.numbers as u8; bytes];
        match kind {
            Kind::Message => Frame::binary(&payload),
            Kind::Vital => Frame::binary(&payload).vital(),
            Kind::Batch(messages) => {
                let batch = Encoder::new().json_batch(payload.chunks(bytes.div_ceil(messages)));
                batch.unwrap()
            }
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

    /// Whoever is closed leaves every room.
    fn close(&mut self, key: u32) {
        self.rooms.iter_mut().for_each(|room| {
            room.remove(&key);
        });
        self.changes += 1;
        let queue = self.queues.remove(&key).unwrap();
        assert_eq!(self.outbox.messages(key), queue.messages());
        assert_eq!(u64::from(self.outbox.close(key)), queue.messages());
    }

    fn waiting(&mut self, frame: &Frame) -> Waiting {
        self.numbers += 1;
        Waiting {
            number: self.numbers,
            bytes: frame.bytes().to_vec(),
            is_packed: false,
            is_logged: false,
            weight: frame.bytes().len(),
            messages: frame.messages(),
            class: frame.class(),
            stored: self.now,
        }
    }

    fn publish(&mut self, audience: Audience, frame: Frame, on_full: OnFull, is_logged: bool) {
        self.has_published = true;
        let plain = Waiting {
            is_logged,
            ..self.waiting(&frame)
        };
        let Audience { room, also, except } = audience;
        let other = (room + 1) % ROOMS;
        let members: Vec<u32> = self.rooms[room as usize].iter().copied().collect();
        let others: Vec<u32> = self.rooms[other as usize].iter().copied().collect();
        let mut all: BTreeSet<u32> = members.iter().copied().collect();
        all.extend(others.iter().filter(|_| also));
        let (mut expected, mut full) = (Published::default(), BTreeSet::new());
        for &key in all.iter().filter(|key| Some(**key) != except) {
            let queue = self.queues.get_mut(&key).unwrap();
            let (offer, skipped) = queue.offer(plain.compressed(queue.packs), on_full);
            expected.skipped += skipped;
            match offer {
                Offer::Queued => expected.receivers += 1,
                Offer::Dropped => expected.refused += 1,
                Offer::Full => {
                    expected.refused += 1;
                    full.insert(key);
                }
                Offer::Gone => {}
            }
            self.mark_dirty(key);
        }
        let is_in_first = |key| members.contains(&key);
        let crowd = Crowd {
            room: RoomId(room),
            changes: self.changes,
            members: &members,
            also: also.then_some(Also {
                room: RoomId(other),
                members: &others,
                is_in_first: &is_in_first,
            }),
            // A member that is closed is none.
            except: except.filter(|key| self.queues.contains_key(key)),
        };
        let stored = self.outbox.store(frame, AppId::Events, self.now);
        let log = is_logged.then_some(self.logs[room as usize]);
        let published = self.outbox.publish(
            &crowd,
            stored,
            log.map(|log| (log, Topic(0))),
            &bounds(on_full),
        );
        assert_eq!(published, expected);
        let named: Vec<u32> = std::iter::from_fn(|| self.outbox.next_full()).collect();
        assert_eq!(named.len(), full.len(), "each is named once");
        assert_eq!(BTreeSet::from_iter(named), full);
    }

    fn offer(&mut self, keys: &[u32], frame: Frame, on_full: OnFull) {
        let plain = self.waiting(&frame);
        let stored = self.outbox.store(frame, AppId::Events, self.now);
        for &key in keys {
            let Some(queue) = self.queues.get_mut(&key) else {
                continue;
            };
            let (expected, _) = queue.offer(plain.compressed(queue.packs), on_full);
            let offer = self.outbox.offer(key, &stored, None, &bounds(on_full));
            assert_eq!(offer, expected);
            self.mark_dirty(key);
        }
        self.outbox.release(stored);
    }

    fn mark_dirty(&mut self, key: u32) {
        if self.queues[&key].is_dirty() && !self.dirty.contains(&key) {
            self.dirty.push_back(key);
        }
    }

    /// Whoever is next, if it is still open.
    fn next_dirty(&mut self) -> Option<u32> {
        let found = self.outbox.next_dirty();
        if !self.has_published {
            let key = self.dirty.pop_front();
            assert_eq!(found, key);
            return key.filter(|key| self.queues.contains_key(key));
        }
        // What is published to a room comes in the order of its members, and nobody is asked for who has gone.
        let Some(key) = found else {
            assert!(!self.queues.values().any(Queue::is_dirty));
            self.dirty.clear();
            return None;
        };
        match self.dirty.iter().position(|dirty| *dirty == key) {
            Some(at) => drop(self.dirty.remove(at)),
            // It was cleared while it was listed, and has been written to since.
            None => assert!(!self.queues.get(&key).is_some_and(Queue::is_dirty)),
        }
        Some(key).filter(|key| self.queues.contains_key(key))
    }

    /// What is compressed in slices is ready when it is asked for again.
    fn pack(&mut self) {
        (0..8).for_each(|_| self.outbox.pack_slice());
    }

    fn flush(&mut self, most: usize) {
        let Some(key) = self.next_dirty() else { return };
        self.tell_gap(key);
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
        assert!(waits.starts_with(&offered), "what waits goes out in order");
        if self.queues[&key].is_blocked {
            // It was cleared while it was listed, and what it got since in a run was refused.
            assert!(self.has_published && offered.is_empty());
            assert!(matches!(flush.state, FlushState::Blocked));
            return;
        }
        self.pack();
        let is_long = |copy: &Waiting| copy.is_packed && copy.weight > SLICE_BYTES;
        if offered.len() < waits.len() && self.queues[&key].frames().any(is_long) {
            // All before the one that is not ready is offered, and nothing if it comes first.
            let taken = most.min(offered.len());
            let gone = self.write(key, taken);
            let count: u32 = gone
                .iter()
                .filter(|copy| copy.class.is_message())
                .map(|copy| copy.messages)
                .sum();
            assert_eq!(flush.messages, count);
            let queue = self.queues.get_mut(&key).unwrap();
            queue.is_blocked = taken < offered.len();
            queue.is_slow |= queue.is_blocked;
            return self.mark_dirty(key);
        }
        let is_all = offered.len() == waits.len();
        assert!(
            is_all || offered.len() == WRITE_BYTES_MAX,
            "all that waits is offered, up to a bound"
        );
        let gone = self.write(key, most.min(offered.len()));
        let messages: Vec<Waiting> = gone
            .into_iter()
            .filter(|copy| copy.class.is_message())
            .collect();
        let count: u32 = messages.iter().map(|copy| copy.messages).sum();
        assert_eq!(flush.messages, count);
        let last = messages.iter().enumerate().filter(|(at, copy)| {
            let is_same = |other: &Waiting| other.number == copy.number;
            let mut all = self.queues.values().flat_map(Queue::frames);
            !all.any(is_same) && !messages[at + 1..].iter().any(is_same)
        });
        let last: Vec<Micros> = last.map(|(_, copy)| copy.stored).collect();
        match self.has_published {
            true => assert!(last.iter().all(|stored| observed.contains(stored))),
            false => assert_eq!(observed, last),
        }
        let queue = self.queues.get_mut(&key).unwrap();
        queue.is_blocked = most < offered.len();
        queue.is_slow |= queue.is_blocked;
        match flush.state {
            FlushState::Empty => assert!(queue.waits.is_empty()),
            FlushState::Blocked => assert!(queue.is_blocked),
            FlushState::More => assert!(!queue.is_blocked && !queue.waits.is_empty()),
            FlushState::Failed(error) => panic!("no write has failed: {error}"),
        }
        self.mark_dirty(key);
    }

    /// So many bytes have gone out; the copies that are out whole.
    fn write(&mut self, key: u32, mut bytes: usize) -> Vec<Waiting> {
        let queue = self.queues.get_mut(&key).unwrap();
        let mut gone = Vec::new();
        if bytes > 0 {
            queue.progress = self.now.millis();
        }
        while bytes > 0 {
            let first = queue.frames().next().unwrap();
            let rest = first.bytes.len() - queue.written;
            if bytes < rest {
                queue.written += bytes;
                break;
            }
            bytes -= rest;
            queue.written = 0;
            if let Some(Item::Frame(frame)) = queue.waits.pop_front() {
                gone.push(frame);
            }
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
            // What comes first is not ready.
            FlushState::More => self.pack(),
            // It was cleared while it was listed, and what it got since in a run was refused.
            FlushState::Blocked => assert!(self.queues[&key].is_blocked),
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

    /// What comes before all else is told with a frame of its own.
    fn tell_gap(&mut self, key: u32) {
        let missed = self.queues[&key].gap();
        let told = self.outbox.gap(key).map(|gap| gap.missed);
        assert_eq!(told, missed);
        if missed.is_some() {
            let frame = Frame::answer(vec![0; 20]);
            let told = self.waiting(&frame);
            self.outbox.tell_gap(key, frame, self.now);
            self.queues.get_mut(&key).unwrap().waits[0] = Item::Frame(told);
            self.outbox.check_invariants();
            // It is listed again by that, and flushed now.
            self.mark_dirty(key);
        }
    }

    fn check(&self) {
        self.outbox.check_invariants();
        let dirty = self
            .queues
            .values()
            .filter(|queue| queue.is_dirty())
            .count();
        match self.has_published {
            true => assert!(self.outbox.dirty() >= dirty),
            false => assert_eq!(self.outbox.dirty(), self.dirty.len()),
        }
        for (&key, queue) in &self.queues {
            let generation = queue.generation;
            assert_eq!(self.outbox.conn(key), ConnId { key, generation });
            assert_eq!(self.outbox.is_empty(key), queue.waits.is_empty());
            assert_eq!(self.outbox.is_blocked(key), queue.is_blocked);
            assert_eq!(self.outbox.is_finishing(key), queue.is_finishing);
            assert_eq!(self.outbox.inflates(key), queue.inflates);
            let backlog = self.outbox.backlog_bytes(key) as usize;
            assert_eq!(backlog, queue.backlog());
            // What is queued behind a full socket waits for it, even where nothing of it has been refused.
            let is_held_up = queue.is_blocked || queue.is_slow;
            let stalled = (is_held_up && !queue.waits.is_empty()).then_some(queue.progress);
            assert_eq!(self.outbox.stalled_since(key, self.now.millis()), stalled);
        }
        let copies: Vec<&Waiting> = self.queues.values().flat_map(Queue::frames).collect();
        let messages: BTreeMap<u64, usize> = copies
            .iter()
            .map(|copy| (copy.number, copy.weight))
            .collect();
        assert_eq!(self.outbox.queued(), copies.len());
        if self.has_published {
            assert_eq!(self.outbox.stored() == 0, copies.is_empty());
        } else {
            assert_eq!(self.outbox.stored(), messages.len());
            let bytes: usize = messages.values().sum();
            assert!(self.outbox.held_bytes() >= bytes as u64);
        }
        let is_idle = self.queues.values().all(|queue| queue.waits.is_empty());
        let held_bytes = self.outbox.held_bytes() - self.outbox.gaps_bytes();
        assert_eq!(held_bytes == 0, is_idle);
    }
}

fn bounds(on_full: OnFull) -> QueueBounds {
    QueueBounds { on_full, ..BOUNDS }
}

proptest! {
    #[test]
    fn the_outbox_is_a_queue_of_messages_for_each_connection(steps in steps()) {
        let mut pair = Pair::new();
        for step in steps {
            pair.take(step);
            pair.pack();
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
