//! Publishes messages to a connected crowd and waits until everybody has them.
//!
//! With a rate, messages go out on a fixed schedule whatever the server does, and every latency counts from the time
//! a message was meant to be sent. Without one, a window of messages is kept in flight: sent, and not yet with every
//! client. The rooms take turns. A round ends when all is delivered, when nothing has moved for the settling time, or
//! at the deadline; there may be any number of rounds.

use crate::client::crowd::Crowd;
use crate::client::flooder::Flooder;
use crate::client::publisher::{Answer, Publisher};
use crate::client::schedule::Schedule;
use crate::error::Error;
use crate::measure::clock::{Micros, after};
use crate::measure::histogram::Latencies;
use crate::measure::ledger::Ledger;
use crate::measure::meter::{Cost, Meter};
use crate::modes::plan::Plan;
use crate::modes::published::Published;
use crate::target::mark::PROBE;

/// How often a probe is published before it counts as unheard: a server may take its time to make a member of a client.
const PROBES_MAX: u32 = 3;

/// Publishing to one crowd.
#[derive(Debug)]
pub struct Broadcast<'a> {
    /// The clients.
    pub crowd: &'a mut Crowd,
    /// The account of the run.
    pub ledger: &'a mut Ledger,
    plan: Plan,
    publishers: Vec<Publisher>,
    /// Padding of a message, for each room.
    pads: Vec<usize>,
    schedule: Schedule,
    /// Messages published before this round.
    before: u32,
    /// Publishing stops then.
    stop_at: Micros,
    /// When something was last sent, answered or delivered.
    moved: Micros,
    answers: Vec<Answer>,
    /// What the publishers saw so far.
    pub published: Published,
    /// Somebody who floods the server meanwhile.
    pub flooder: Option<Flooder>,
}

impl<'a> Broadcast<'a> {
    /// Connects the publishers, and sends a probe through each room that everybody must hear.
    pub fn new(
        crowd: &'a mut Crowd,
        ledger: &'a mut Ledger,
        plan: Plan,
        deadline: Micros,
    ) -> Result<Broadcast<'a>, Error> {
        if crowd.target.scene.publish.is_none() {
            let sentence = "the target file does not say how to publish ([….publish] is missing)";
            return Err(Error::Usage(sentence.to_owned()));
        }
        let publishers = connect(crowd, plan.publishers)?;
        let now = crowd.clock().now();
        let mut broadcast = Broadcast {
            crowd,
            ledger,
            plan,
            publishers,
            pads: Vec::new(),
            schedule: Schedule::new(now, plan.rate),
            before: 0,
            stop_at: Micros(u64::MAX),
            moved: now,
            answers: Vec::new(),
            published: Published::default(),
            flooder: None,
        };
        broadcast.probe(deadline)?;
        broadcast.learn()?;
        broadcast.ledger.expect(plan.size, plan.publishers);
        Ok(broadcast)
    }

    /// Gives the publishers new connections: a server may hang up on those that say nothing between two rounds.
    pub fn reconnect(&mut self) -> Result<(), Error> {
        if self.pending() == 0 && self.may_go_on() {
            self.publishers = connect(self.crowd, self.plan.publishers)?;
        }
        Ok(())
    }

    /// One round: publishes the plan and waits for the deliveries.
    pub fn run(&mut self, deadline: Micros, mut progress: impl FnMut(u32)) -> Result<(), Error> {
        log::debug!("publishing to {} clients", self.ledger.open());
        let start = self.crowd.clock().now();
        self.schedule = Schedule::new(start, self.plan.rate);
        self.before = self.ledger.flights.published();
        let stop_at = self.plan.duration.map(|duration| after(start, duration));
        self.stop_at = stop_at.unwrap_or(Micros(u64::MAX));
        self.moved = start;
        loop {
            let now = self.crowd.clock().now();
            if now >= deadline {
                self.published.timed_out = true;
                break;
            }
            self.publish_due();
            progress(self.in_this_round() - self.ledger.flights.in_flight());
            let done = !self.wants_more();
            if done && self.pending() == 0 && self.ledger.flights.in_flight() == 0 {
                break;
            }
            self.turn()?;
            if self.is_still() {
                self.published.stalls += 1;
                self.ledger.flights.stop_waiting();
                self.moved = self.crowd.clock().now();
                if done || self.pending() > 0 {
                    break;
                }
            }
        }
        self.published.sent += self.in_this_round();
        self.published.elapsed_us += self.ledger.last_delivery().since(start);
        Ok(())
    }

    /// One round, and what it cost.
    pub fn measured(&mut self, meter: &Meter, deadline: Micros) -> Result<Cost, Error> {
        let start = meter.start(self.crowd.moment())?;
        self.run(deadline, |_| ())?;
        meter.finish(self.crowd.moment(), start)
    }

    /// Publishes one more message to each room, which is neither timed nor planned, if somebody missed one: a server
    /// tells a client what it missed no sooner than with the next message. Waits for it like for any other.
    pub fn remind(&mut self, deadline: Micros) -> Result<(), Error> {
        if !self.may_go_on() || self.ledger.missing().unexplained == 0 {
            return Ok(());
        }
        self.moved = self.crowd.clock().now();
        for room in 0..self.ledger_rooms() {
            self.publish_one(room, self.moved, false);
        }
        self.flush();
        while self.ledger.flights.in_flight() > 0 || self.pending() > 0 {
            let timed_out = self.crowd.clock().now() >= deadline;
            if timed_out || self.is_still() {
                self.ledger.flights.stop_waiting();
                break;
            }
            self.turn()?;
        }
        Ok(())
    }

    /// Forgets how long everything took so far.
    pub fn forget_latencies(&mut self) {
        self.ledger.forget_latencies();
        self.published.late_us = Latencies::default();
        self.published.answer_us = Latencies::default();
    }

    /// Publishes nothing until nothing has been delivered for half the settling time.
    pub fn wait_until_still(&mut self, deadline: Micros) -> Result<(), Error> {
        let mut moved = self.crowd.clock().now();
        loop {
            moved = moved.max(self.ledger.last_delivery());
            let until = after(moved, self.plan.settle / 2).min(deadline);
            if self.crowd.clock().now() >= until {
                return Ok(());
            }
            self.turn_until(until)?;
        }
    }

    /// When the last delivery was read, or something sent or answered.
    pub fn moved(&self) -> Micros {
        self.moved.max(self.ledger.last_delivery())
    }

    fn ledger_rooms(&self) -> u32 {
        self.crowd.target.seating.rooms
    }

    /// Publishes a message to each room until everybody has heard one.
    fn probe(&mut self, deadline: Micros) -> Result<(), Error> {
        self.ledger.start_probing();
        for _ in 0..PROBES_MAX {
            self.moved = self.crowd.clock().now();
            for room in 0..self.ledger_rooms() {
                let index = (room % self.plan.publishers) as usize;
                let (mark, expected) = (self.ledger.probe(room), self.ledger.open_in(room));
                self.publishers[index].publish(&self.crowd.target, mark, 0, expected);
            }
            self.flush();
            let mut unheard = self.ledger.unprobed();
            while unheard > 0 || self.pending() > 0 {
                let now = self.crowd.clock().now();
                if now >= after(self.moved, self.plan.settle).min(deadline) {
                    break;
                }
                self.turn()?;
                if let Some(reason) = self.published.stopped_by() {
                    let sentence = format!("the first message could not be published: {reason}");
                    return Err(Error::Server(sentence));
                }
                if unheard != self.ledger.unprobed() {
                    unheard = self.ledger.unprobed();
                    self.moved = now;
                }
            }
            if self.ledger.unprobed() == 0 {
                return Ok(());
            }
        }
        Err(Error::Server(format!(
            "{} of {} clients did not hear the first message, published {PROBES_MAX} times",
            self.ledger.unprobed(),
            self.ledger.open()
        )))
    }

    /// Makes the padding that gives each room's messages the size of the plan.
    fn learn(&mut self) -> Result<(), Error> {
        for room in 0..self.ledger_rooms() {
            // A room that nobody is in never shows what is delivered to it.
            let Some(envelope) = self.ledger.envelope(room) else {
                self.pads.push(0);
                continue;
            };
            let pad = envelope.pad(self.plan.size).ok_or_else(|| {
                let (size, size_min) = (self.plan.size, envelope.size_min());
                Error::Usage(format!(
                    "--size {size}: what this server wraps around a message makes {size_min} bytes the smallest"
                ))
            })?;
            self.pads.push(pad);
        }
        Ok(())
    }

    fn may_go_on(&self) -> bool {
        self.published.stopped_by().is_none()
    }

    fn in_this_round(&self) -> u32 {
        self.ledger.flights.published() - self.before
    }

    /// Whether the round has more to publish.
    fn wants_more(&self) -> bool {
        self.may_go_on()
            && self
                .plan
                .messages
                .is_none_or(|messages| self.in_this_round() < messages)
            && self.next_is_before(self.stop_at)
    }

    /// Whether the next message is due, or without a schedule possible, before `end`. What a schedule has before its end
    /// is sent however late it is, or a server that stalls would be asked for less.
    fn next_is_before(&self, end: Micros) -> bool {
        match self.schedule.is_fixed() {
            true => self.schedule.due(self.in_this_round()) < end,
            false => self.crowd.clock().now() < end,
        }
    }

    fn pending(&self) -> usize {
        if self.published.broken.is_some() {
            return 0;
        }
        self.publishers.iter().map(Publisher::pending).sum()
    }

    fn is_still(&self) -> bool {
        let waiting = self.pending() > 0 || self.ledger.flights.in_flight() > 0;
        waiting && self.crowd.clock().now() >= after(self.moved(), self.plan.settle)
    }

    /// The room that the next message goes to.
    fn next_room(&self) -> u32 {
        self.ledger.flights.published() % self.ledger_rooms()
    }

    /// Whether the next message may go out as soon as it is due.
    fn has_room(&self) -> bool {
        let flights = &self.ledger.flights;
        let lane = flights.published_to(self.next_room()) % self.plan.publishers;
        self.wants_more()
            && self.publishers[lane as usize].pending() < self.plan.pipeline
            && (self.schedule.is_fixed() || flights.in_flight() < self.plan.window)
    }

    fn publish_due(&mut self) {
        let mut published = false;
        while self.has_room() {
            let now = self.crowd.clock().now();
            let due = self.schedule.due(self.in_this_round());
            if due > now {
                break;
            }
            let at = if self.schedule.is_fixed() { due } else { now };
            self.publish_one(self.next_room(), at, true);
            published = true;
            let late_us = self.crowd.clock().now().since(at);
            self.published.late_us.record(late_us);
        }
        if published {
            self.flush();
        }
    }

    fn publish_one(&mut self, room: u32, at: Micros, is_timed: bool) {
        let expected = self.ledger.open_in(room);
        let mark = self.ledger.publish(room, at, is_timed);
        let publisher = &mut self.publishers[(mark.seq % self.plan.publishers) as usize];
        publisher.publish(&self.crowd.target, mark, self.pads[room as usize], expected);
    }

    fn flush(&mut self) {
        for publisher in &mut self.publishers {
            if let Err(failure) = publisher.flush() {
                self.published.broken.get_or_insert(failure);
            }
        }
        self.moved = self.crowd.clock().now();
    }

    fn turn(&mut self) -> Result<(), Error> {
        let until = match self.has_room() {
            true => self.schedule.due(self.in_this_round()),
            false => Micros(u64::MAX),
        };
        self.turn_until(until)
    }

    /// Handles what is ready, or waits for something until then at most; publishes nothing.
    pub fn turn_until(&mut self, until: Micros) -> Result<(), Error> {
        let pours = match &mut self.flooder {
            Some(flooder) => flooder.pour(self.crowd),
            None => false,
        };
        let until = if pours { Micros(0) } else { until };
        self.crowd.turn(until, self.ledger)?;
        let ready: Vec<usize> = self.crowd.visitors().collect();
        for index in ready {
            let publisher = &mut self.publishers[index];
            if let Err(failure) = publisher.ready(&self.crowd.target, &mut self.answers) {
                self.published.broken.get_or_insert(failure);
            }
        }
        let now = self.crowd.clock().now();
        for answer in self.answers.drain(..) {
            self.moved = now;
            let is_taken = self.crowd.target.takes(answer.status);
            let (room, seq) = (u32::from(answer.mark.room), answer.mark.seq);
            let meant = self.ledger.flights.meant_at(room, seq);
            let is_timed = meant.is_some_and(|(_, is_timed)| is_timed);
            if !is_taken && seq != PROBE {
                self.ledger.flights.refuse(room, seq);
            }
            self.published.take(answer, is_taken, is_timed, now);
        }
        Ok(())
    }
}

/// The connections of so many publishers.
fn connect(crowd: &Crowd, publishers: u32) -> Result<Vec<Publisher>, Error> {
    let connect = |index: u32| {
        let token = crowd.visitor(index as usize);
        Publisher::connect(&crowd.target, crowd.registry(), token)
    };
    (0..publishers).map(connect).collect()
}
