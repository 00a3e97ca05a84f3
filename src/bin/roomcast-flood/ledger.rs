//! Who got which message and when: every delivery is checked, counted and timed here.
//!
//! Messages are numbered in the order in which they are published. With several publishers the server may take them
//! in any order, but those of one publisher keep theirs: number `seq` belongs to lane `seq % lanes`, and each client
//! must see each lane in order and without a gap. A gap is a lost message until its message comes after all, which is
//! then out of order; a message at or behind the last one without a gap to fill is a duplicate.
//!
//! The first copy of each message is read in full. All other copies must be the same bytes, so every delivery is
//! checked from its first byte to its last, at the price of one comparison.

use hdrhistogram::Histogram;
use roomcast::time::Micros;

use crate::client::Sink;
use crate::counts::{Counts, Missing};
use crate::flights::Flights;
use crate::histogram;
use crate::message::{self, Reading, Stamp};

/// First copies that are remembered, more than are in flight in a run that goes well.
const SEEN_MAX: usize = 256;

#[derive(Clone, Copy, Debug, Default)]
struct Member {
    /// Open, or ended after the messages were published to it.
    joined: bool,
    gone: bool,
    greeted: bool,
    missed: u64,
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

/// The account of one run.
#[derive(Debug)]
pub struct Ledger {
    run: u32,
    size: usize,
    lanes: u32,
    greets: bool,
    flights: Flights,
    members: Vec<Member>,
    places: Vec<Place>,
    seen: Vec<Seen>,
    seq_hint: usize,
    open: u32,
    greeted: u32,
    counts: Counts,
    latency_us: Histogram<u64>,
    last_delivery: Micros,
}

impl Ledger {
    /// An account for `clients` clients of a server that `greets` them or not.
    pub fn new(clients: u32, greets: bool, run: u32) -> Ledger {
        Ledger {
            run,
            size: 0,
            lanes: 1,
            greets,
            flights: Flights::new(0),
            members: vec![Member::default(); clients as usize],
            places: Vec::new(),
            seen: vec![Seen::default(); SEEN_MAX],
            seq_hint: 0,
            open: 0,
            greeted: 0,
            counts: Counts::default(),
            latency_us: histogram::new(),
            last_delivery: Micros(0),
        }
    }

    /// Gets ready for messages of `size` bytes from `lanes` publishers, of which the first `measured` are timed.
    pub fn expect(&mut self, measured: u32, size: usize, lanes: u32) {
        self.size = size;
        self.lanes = lanes;
        self.flights = Flights::new(measured);
        self.places = vec![Place::default(); self.members.len() * lanes as usize];
    }

    /// The next message, meant to be sent at `at`, is on its way to all open clients.
    pub fn publish(&mut self, at: Micros) -> Stamp {
        let seq = self.flights.publish(at, self.open);
        Stamp {
            run: self.run,
            seq,
            at_us: at.0,
        }
    }

    /// The server did not take message `seq`.
    pub fn refuse(&mut self, seq: u32) {
        self.flights.refuse(seq);
    }

    /// Stops waiting for what is in flight; what still arrives is counted as ever.
    pub fn stop_waiting(&mut self) {
        self.flights.stop_waiting();
    }

    /// The messages on their way.
    pub fn flights(&self) -> &Flights {
        &self.flights
    }

    /// Clients that are open.
    pub fn open(&self) -> u32 {
        self.open
    }

    /// Open clients that should have been greeted and were not.
    pub fn ungreeted(&self) -> u32 {
        match self.greets {
            true => self
                .members
                .iter()
                .filter(|m| m.joined && !m.gone && !m.greeted)
                .count() as u32,
            false => 0,
        }
    }

    /// When the last delivery was read.
    pub fn last_delivery(&self) -> Micros {
        self.last_delivery
    }

    /// The sums so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Clients that were greeted.
    pub fn greeted(&self) -> u32 {
        self.greeted
    }

    /// From the time a message was meant to be sent to each of its deliveries.
    pub fn latency_us(&self) -> &Histogram<u64> {
        &self.latency_us
    }

    /// What is missing now, had every message that the server took been delivered.
    pub fn missing(&self) -> Missing {
        let mut missing = Missing::default();
        for (client, member) in self.members.iter().enumerate() {
            let places = self.places.iter().skip(client * self.lanes as usize);
            let mut lost: u64 = 0;
            for (lane, place) in (0..self.lanes).zip(places) {
                let here = member.joined && !member.gone;
                let behind = if here {
                    self.behind(lane, place.next)
                } else {
                    0
                };
                lost += u64::from(behind) + u64::from(place.gaps);
            }
            missing.lost += lost;
            if !member.gone {
                missing.unexplained += lost.abs_diff(member.missed);
            }
        }
        missing
    }

    fn lane_length(&self, lane: u32) -> u32 {
        (self.flights.published() + self.lanes - 1 - lane) / self.lanes
    }

    /// Messages of a lane, from its message `next` on, that the server took.
    fn behind(&self, lane: u32, next: u32) -> u32 {
        let refused = self.flights.refused().iter();
        let refused = refused.filter(|&seq| seq % self.lanes == lane && seq / self.lanes >= next);
        let published = self.lane_length(lane).saturating_sub(next);
        published - refused.count() as u32
    }

    fn read(&mut self, client: u32, text: &[u8], now: Micros) {
        let member = &mut self.members[client as usize];
        match message::read(text, self.run, self.size) {
            Some(Reading::Greeting) if !member.greeted => {
                member.greeted = true;
                self.greeted += 1;
            }
            Some(Reading::Lagged(missed)) => {
                member.missed += missed;
                self.counts.notices += 1;
                self.counts.missed += missed;
            }
            Some(Reading::Ours(stamp)) if self.is_published(stamp) => {
                let seen = &mut self.seen[stamp.seq as usize % SEEN_MAX];
                seen.seq = stamp.seq;
                seen.text.clear();
                seen.text.extend_from_slice(text);
                self.deliver(client, stamp.seq, now);
            }
            Some(Reading::Other) => self.counts.others += 1,
            Some(Reading::Greeting | Reading::Ours(_)) | None => self.counts.corrupt += 1,
        }
    }

    fn is_published(&self, stamp: Stamp) -> bool {
        self.flights.meant_at(stamp.seq) == Some(Micros(stamp.at_us))
    }

    fn deliver(&mut self, client: u32, seq: u32, now: Micros) {
        let (lane, index) = (seq % self.lanes, seq / self.lanes);
        let slot = (client * self.lanes + lane) as usize;
        let place = &mut self.places[slot];
        let next = place.next;
        if index < next && place.gaps == 0 {
            self.counts.duplicates += 1;
            return;
        }
        self.counts.deliveries += 1;
        let greeted = self.members[client as usize].greeted || !self.greets;
        self.counts.ungreeted += u64::from(!greeted);
        self.last_delivery = now;
        if let Some(meant_at) = self.flights.measured_from(seq) {
            self.latency_us.saturating_record(now.since(meant_at));
        }
        if index < next {
            place.gaps -= 1;
            self.counts.out_of_order += 1;
            return;
        }
        place.next = index + 1;
        place.gaps += index - next;
        for passed in next..index {
            self.flights.pass_over(passed * self.lanes + lane);
        }
        self.flights.reach(seq, now);
    }
}

impl Sink for Ledger {
    fn opened(&mut self, client: u32) {
        self.members[client as usize].joined = true;
        self.open += 1;
    }

    fn message(&mut self, client: u32, payload: &[u8], now: Micros) {
        let seq = message::find_seq(payload, &mut self.seq_hint);
        if let Some(seq) = seq {
            let seen = &self.seen[seq as usize % SEEN_MAX];
            if seen.seq == seq && seen.text == payload {
                return self.deliver(client, seq, now);
            }
        }
        self.read(client, payload, now);
    }

    /// Its messages are not waited for any longer; those that it did not get stay missing.
    fn lost(&mut self, client: u32) {
        self.members[client as usize].gone = true;
        self.open -= 1;
        if self.places.is_empty() {
            return;
        }
        for lane in 0..self.lanes {
            let slot = (client * self.lanes + lane) as usize;
            let place = self.places[slot];
            let length = self.lane_length(lane);
            for index in place.next..length {
                self.flights.pass_over(index * self.lanes + lane);
            }
            self.places[slot].gaps += self.behind(lane, place.next);
            self.places[slot].next = length.max(place.next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(clients: u32, lanes: u32, messages: u32) -> Ledger {
        let mut ledger = Ledger::new(clients, false, 1);
        for client in 0..clients {
            ledger.opened(client);
        }
        ledger.expect(messages, 80, lanes);
        for seq in 0..messages {
            ledger.publish(Micros(u64::from(seq) * 100));
        }
        ledger
    }

    fn text(seq: u32) -> Vec<u8> {
        let stamp = Stamp {
            run: 1,
            seq,
            at_us: u64::from(seq) * 100,
        };
        let mut text = Vec::new();
        message::write(&mut text, stamp, 80);
        text.pop();
        text.extend_from_slice(b",\"timestamp\":\"t\"}");
        text
    }

    fn deliver(ledger: &mut Ledger, client: u32, seqs: &[u32]) {
        for &seq in seqs {
            ledger.message(client, &text(seq), Micros(u64::from(seq) * 100 + 50));
        }
    }

    #[test]
    fn all_in_order_leaves_nothing_missing_and_times_everything() {
        let mut ledger = ledger(2, 1, 3);
        deliver(&mut ledger, 0, &[0, 1, 2]);
        assert_eq!(ledger.flights().in_flight(), 3);
        deliver(&mut ledger, 1, &[0, 1, 2]);
        assert_eq!(ledger.flights().in_flight(), 0);
        assert_eq!(ledger.missing(), Missing::default());
        let expected = Counts {
            deliveries: 6,
            ..Counts::default()
        };
        assert_eq!(ledger.counts(), expected);
        assert_eq!(ledger.latency_us().max(), 50);
        assert_eq!(ledger.flights().last_member_us().len(), 3);
    }

    #[test]
    fn a_gap_is_lost_until_it_is_filled_out_of_order() {
        let mut ledger = ledger(1, 1, 4);
        deliver(&mut ledger, 0, &[0, 2, 3]);
        assert_eq!(ledger.missing().lost, 1);
        assert_eq!(ledger.flights().in_flight(), 0);
        assert_eq!(ledger.flights().last_member_us().len(), 3);
        deliver(&mut ledger, 0, &[1]);
        assert_eq!(ledger.missing().lost, 0);
        assert_eq!(ledger.counts().out_of_order, 1);
    }

    #[test]
    fn a_second_copy_is_a_duplicate_and_nothing_else() {
        let mut ledger = ledger(1, 1, 2);
        deliver(&mut ledger, 0, &[0, 0, 1, 0]);
        assert_eq!(ledger.counts().duplicates, 2);
        assert_eq!(ledger.counts().deliveries, 2);
        assert_eq!(ledger.counts().out_of_order, 0);
    }

    #[test]
    fn a_missing_tail_is_lost_and_a_notice_explains_it() {
        let mut ledger = ledger(1, 1, 5);
        deliver(&mut ledger, 0, &[0, 1]);
        let untold = Missing {
            lost: 3,
            unexplained: 3,
        };
        assert_eq!(ledger.missing(), untold);
        let notice = br#"{"type":"connection:lagged","payload":{"missed":3},"timestamp":"t"}"#;
        ledger.message(0, notice, Micros(0));
        assert_eq!(ledger.missing().lost, 3);
        assert_eq!(ledger.missing().unexplained, 0);
    }

    #[test]
    fn publishers_keep_their_own_order_only() {
        let mut ledger = ledger(1, 2, 6);
        deliver(&mut ledger, 0, &[1, 0, 2, 4, 3, 5]);
        assert_eq!(ledger.counts().out_of_order, 0);
        assert_eq!(ledger.missing().lost, 0);
        assert_eq!(ledger.flights().in_flight(), 0);
    }

    #[test]
    fn a_client_that_goes_away_holds_nobody_up_but_its_messages_are_lost() {
        let mut ledger = ledger(2, 1, 3);
        deliver(&mut ledger, 0, &[0, 1, 2]);
        deliver(&mut ledger, 1, &[0]);
        ledger.lost(1);
        assert_eq!(ledger.flights().in_flight(), 0);
        assert_eq!(ledger.missing().lost, 2);
        ledger.publish(Micros(300));
        deliver(&mut ledger, 0, &[3]);
        assert_eq!(ledger.missing().lost, 2);
    }

    #[test]
    fn what_the_server_did_not_take_is_not_lost() {
        let mut ledger = ledger(2, 1, 3);
        deliver(&mut ledger, 0, &[0]);
        deliver(&mut ledger, 1, &[0, 1]);
        ledger.refuse(2);
        assert_eq!(ledger.missing().lost, 1);
        ledger.lost(0);
        assert_eq!(ledger.missing().lost, 1);
        assert_eq!(ledger.missing().unexplained, 0);
    }

    #[test]
    fn damage_and_unknown_messages_are_corrupt() {
        let mut ledger = ledger(1, 1, 2);
        deliver(&mut ledger, 0, &[0]);
        let mut damaged = text(0);
        damaged[60] = b'y';
        ledger.message(0, &damaged, Micros(0));
        deliver(&mut ledger, 0, &[2]);
        ledger.message(0, b"not JSON", Micros(0));
        assert_eq!(ledger.counts().corrupt, 3);
        assert_eq!(ledger.counts().deliveries, 1);
    }

    #[test]
    fn a_message_before_the_greeting_is_counted() {
        let greeting =
            br#"{"type":"connection:status","payload":{"status":"connected"},"timestamp":"t"}"#;
        let mut ledger = Ledger::new(1, true, 1);
        ledger.opened(0);
        ledger.expect(2, 80, 1);
        ledger.publish(Micros(0));
        ledger.publish(Micros(100));
        deliver(&mut ledger, 0, &[0]);
        assert_eq!(ledger.ungreeted(), 1);
        ledger.message(0, greeting, Micros(0));
        deliver(&mut ledger, 0, &[1]);
        assert_eq!((ledger.counts().ungreeted, ledger.greeted()), (1, 1));
    }
}
