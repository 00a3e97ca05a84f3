//! Who got which message and when: every delivery is checked, counted and timed here.
//!
//! Messages are numbered in the order in which they are published to their room. With several publishers the server may
//! take them in any order, but those of one publisher keep theirs: number `seq` belongs to lane `seq % lanes`, and each
//! client must see each lane in order and without a gap. A gap is a lost message until its message comes after all,
//! which is then out of order; a message at or behind the last one without a gap to fill is a duplicate.
//!
//! The first copy of each message is read in full. All other copies must be the same bytes, so every delivery is
//! checked from its first byte to its last, at the price of one comparison.

mod missing;

use crate::measure::clock::Micros;
use crate::measure::counts::Counts;
use crate::measure::envelope::{Envelope, Shape};
use crate::measure::flights::Flights;
use crate::measure::histogram::Latencies;
use crate::measure::sink::Sink;
use crate::target::mark::{Mark, PROBE};
use crate::target::seating::Seating;
use crate::target::server::Target;

/// First copies that are remembered over all rooms, more than are in flight in a run that goes well.
const SEEN_MAX: usize = 1024;

/// First copies that are remembered of each room at least.
const SEEN_MIN: usize = 4;

#[derive(Clone, Copy, Debug, Default)]
struct Member {
    /// Open, or ended after the messages were published to it.
    joined: bool,
    gone: bool,
    /// Was greeted, or need not be.
    greeted: bool,
    /// Heard what was published before the run.
    probed: bool,
    /// Does not read for a while, so nobody waits for it.
    is_slow: bool,
    missed: u64,
    /// Where its last message came from.
    lane: u32,
}

/// One client's place in one lane.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// The lane's next message, counted within the lane.
    next: u32,
    /// Gaps before it.
    gaps: u32,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    seq: u32,
    text: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct Room {
    /// What the server wraps around its messages, once a probe was delivered.
    envelope: Option<Envelope>,
    /// Members that are open.
    open: u32,
    /// Members that are open and read.
    reading: u32,
    seen: Vec<Seen>,
}

/// The account of one run.
#[derive(Debug)]
pub struct Ledger {
    run: u16,
    size: usize,
    lanes: u32,
    target: Target,
    /// The messages on their way.
    pub flights: Flights,
    members: Vec<Member>,
    places: Vec<Place>,
    rooms: Vec<Room>,
    open: u32,
    probed: u32,
    counts: Counts,
    latency_us: Latencies,
    last_delivery: Micros,
}

impl Ledger {
    /// An account for the clients of `target`.
    pub fn new(target: Target, run: u16) -> Ledger {
        let seating = target.seating;
        let seen = (SEEN_MAX / seating.rooms as usize).max(SEEN_MIN);
        let room = Room {
            seen: vec![Seen::default(); seen],
            ..Room::default()
        };
        Ledger {
            run,
            size: 0,
            lanes: 1,
            target,
            flights: Flights::new(seating.rooms),
            members: vec![Member::default(); seating.clients() as usize],
            places: Vec::new(),
            rooms: vec![room; seating.rooms as usize],
            open: 0,
            probed: 0,
            counts: Counts::default(),
            latency_us: Latencies::default(),
            last_delivery: Micros(0),
        }
    }

    /// Gets ready for deliveries of `size` bytes from `lanes` publishers.
    pub fn expect(&mut self, size: usize, lanes: u32) {
        self.size = size;
        self.lanes = lanes;
        self.flights = Flights::new(self.target.seating.rooms);
        for room in &mut self.rooms {
            room.seen.fill(Seen::default());
        }
        self.places = vec![Place::default(); self.members.len() * lanes as usize];
    }

    /// Forgets who heard a probe.
    pub fn start_probing(&mut self) {
        self.members.iter_mut().for_each(|m| m.probed = false);
        self.probed = 0;
    }

    /// What is published to `room` before the run, to learn what is delivered; it is counted nowhere.
    pub fn probe(&self, room: u32) -> Mark {
        Mark::new(self.run, room, PROBE, 0)
    }

    /// The next message of `room`, meant to be sent at `at`, is on its way to all open members.
    pub fn publish(&mut self, room: u32, at: Micros, is_timed: bool) -> Mark {
        let members = self.rooms[room as usize].reading;
        let seq = self.flights.publish(room, at, members, is_timed);
        Mark::new(self.run, room, seq, at.0)
    }

    /// Forgets how long everything took so far.
    pub fn forget_latencies(&mut self) {
        self.latency_us = Latencies::default();
        self.flights.forget_latencies();
    }

    /// From now on nobody waits for `client`, and its deliveries are not timed: it does not read.
    pub fn set_slow(&mut self, client: u32) {
        let room = &mut self.rooms[self.target.seating.room(client) as usize];
        let member = &mut self.members[client as usize];
        if member.joined && !member.gone && !member.is_slow {
            room.reading -= 1;
        }
        member.is_slow = true;
    }

    /// Every connection was cut by ourselves.
    pub fn cut(&mut self) {
        for room in &mut self.rooms {
            (room.open, room.reading) = (0, 0);
        }
        self.members.fill(Member::default());
        self.open = 0;
    }

    /// Who sits where.
    pub fn seating(&self) -> Seating {
        self.target.seating
    }

    /// Clients that are open.
    pub fn open(&self) -> u32 {
        self.open
    }

    /// Members of `room` that are open.
    pub fn open_in(&self, room: u32) -> u32 {
        self.rooms[room as usize].open
    }

    /// What the server wraps around the messages of `room`, if that is known.
    pub fn envelope(&self, room: u32) -> Option<&Envelope> {
        self.rooms[room as usize].envelope.as_ref()
    }

    /// Open clients that have not heard a probe.
    pub fn unprobed(&self) -> u32 {
        self.open.saturating_sub(self.probed)
    }

    /// When the last delivery was read.
    pub fn last_delivery(&self) -> Micros {
        self.last_delivery
    }

    /// The sums so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// From the time a message was meant to be sent to each of its deliveries.
    pub fn latency_us(&self) -> &Latencies {
        &self.latency_us
    }

    fn read(&mut self, client: u32, text: &[u8], now: Micros) {
        let room = self.target.seating.room(client);
        let member = &mut self.members[client as usize];
        let envelope = self.rooms[room as usize].envelope.as_ref();
        let hint = envelope.map_or(0, Envelope::mark_at);
        let Some((mark, at)) = Mark::find(text, hint) else {
            if let Some(missed) = self.target.missed(text) {
                member.missed += missed;
                self.counts.notices += 1;
                self.counts.missed += missed;
            } else if !self.target.is_greeting(text) {
                let reads = envelope.is_none_or(|envelope| envelope.reads(text));
                self.counts.others += u64::from(reads);
                self.counts.corrupt += u64::from(!reads);
            } else if member.greeted {
                self.counts.corrupt += 1;
            } else {
                member.greeted = true;
            }
            return;
        };
        if mark.run != self.run {
            self.counts.others += 1;
        } else if mark.seq == PROBE {
            self.learn(client, room, mark, text, at);
        } else {
            self.read_ours(client, room, mark, text, at, now);
        }
    }

    fn learn(&mut self, client: u32, room: u32, mark: Mark, text: &[u8], at: usize) {
        let envelope = &mut self.rooms[room as usize].envelope;
        if envelope.is_none() {
            *envelope = Envelope::learn(text, at);
        }
        let is_whole = envelope
            .as_ref()
            .is_some_and(|envelope| envelope.check(text, at, envelope.size_min()) == Shape::Whole);
        if !is_whole || u32::from(mark.room) != room {
            self.counts.corrupt += 1;
        } else if !std::mem::replace(&mut self.members[client as usize].probed, true) {
            self.probed += 1;
        }
    }

    fn read_ours(
        &mut self,
        client: u32,
        room: u32,
        mark: Mark,
        text: &[u8],
        at: usize,
        now: Micros,
    ) {
        let published = self.flights.meant_at(room, mark.seq);
        let is_ours = u32::from(mark.room) == room
            && published.is_some_and(|(meant_at, _)| meant_at == Micros(mark.at_us));
        let here = &mut self.rooms[room as usize];
        let shape = match (&here.envelope, is_ours) {
            (Some(envelope), true) => envelope.check(text, at, self.size),
            _ => Shape::Damaged,
        };
        match shape {
            Shape::Damaged => self.counts.corrupt += 1,
            Shape::WrongSize => {
                self.counts.wrong_size += 1;
                self.deliver(client, room, mark.seq, now);
            }
            Shape::Whole => {
                let slot = mark.seq as usize % here.seen.len();
                let seen = &mut here.seen[slot];
                seen.seq = mark.seq;
                seen.text.clear();
                seen.text.extend_from_slice(text);
                self.deliver(client, room, mark.seq, now);
            }
        }
    }

    /// The number of the message that is `text`, if that is a copy of one that was read in full.
    ///
    /// Most likely it is the next of the lane that the client's last one came from; if not, the text has to say.
    fn recognize(&self, client: u32, room: u32, text: &[u8]) -> Option<u32> {
        let room = &self.rooms[room as usize];
        let is_copy = |seq: &u32| {
            let seen = &room.seen[*seq as usize % room.seen.len()];
            seen.seq == *seq && seen.text == text
        };
        let lane = self.members[client as usize].lane;
        let place = self.places.get((client * self.lanes + lane) as usize)?;
        let likely = Some(place.next * self.lanes + lane).filter(is_copy);
        likely.or_else(|| {
            let (mark, _) = Mark::find(text, room.envelope.as_ref()?.mark_at())?;
            Some(mark.seq).filter(is_copy)
        })
    }

    fn deliver(&mut self, client: u32, room: u32, seq: u32, now: Micros) {
        let (lane, index) = match self.lanes {
            1 => (0, seq),
            lanes => (seq % lanes, seq / lanes),
        };
        let place = &mut self.places[(client * self.lanes + lane) as usize];
        let next = place.next;
        if index < next && place.gaps == 0 {
            self.counts.duplicates += 1;
            return;
        }
        let member = &mut self.members[client as usize];
        member.lane = lane;
        let (meant_at, is_timed) = self
            .flights
            .meant_at(room, seq)
            .expect("whoever calls this found the message among those that were published");
        self.counts.deliveries += u64::from(is_timed);
        self.counts.received += 1;
        self.counts.ungreeted += u64::from(!member.greeted);
        self.last_delivery = now;
        if index < next {
            place.gaps -= 1;
            self.counts.out_of_order += 1;
            return;
        }
        place.next = index + 1;
        if index > next {
            place.gaps += index - next;
            if !member.is_slow {
                for passed in next..index {
                    self.flights.pass_over(room, passed * self.lanes + lane);
                }
            }
        }
        if member.is_slow {
            self.counts.slow_deliveries += u64::from(is_timed);
            return;
        }
        if is_timed {
            self.latency_us.record(now.since(meant_at));
        }
        self.flights.reach(room, seq, now);
    }
}

impl Sink for Ledger {
    fn opened(&mut self, client: u32) {
        let member = &mut self.members[client as usize];
        member.joined = true;
        member.greeted |= !self.target.greets();
        let room = &mut self.rooms[self.target.seating.room(client) as usize];
        room.open += 1;
        room.reading += u32::from(!member.is_slow);
        self.open += 1;
    }

    fn message(&mut self, client: u32, payload: &[u8], now: Micros) {
        let room = self.target.seating.room(client);
        match self.recognize(client, room, payload) {
            Some(seq) => self.deliver(client, room, seq, now),
            None => self.read(client, payload, now),
        }
    }

    fn ungreeted(&self) -> u32 {
        let here = self.members.iter().filter(|m| m.joined && !m.gone);
        here.filter(|member| !member.greeted).count() as u32
    }

    /// Its messages are not waited for any longer; those that it did not get stay missing.
    fn lost(&mut self, client: u32) {
        let room = self.target.seating.room(client);
        let member = &mut self.members[client as usize];
        member.gone = true;
        let is_slow = member.is_slow;
        let here = &mut self.rooms[room as usize];
        here.open -= 1;
        here.reading -= u32::from(!is_slow);
        self.open -= 1;
        if self.places.is_empty() {
            return;
        }
        for lane in 0..self.lanes {
            let slot = (client * self.lanes + lane) as usize;
            let place = self.places[slot];
            let length = self.lane_length(room, lane);
            if !is_slow {
                for index in place.next..length {
                    self.flights.pass_over(room, index * self.lanes + lane);
                }
            }
            self.places[slot].gaps += self.behind(room, lane, place.next);
            self.places[slot].next = length.max(place.next);
        }
    }
}

#[cfg(test)]
mod tests;
