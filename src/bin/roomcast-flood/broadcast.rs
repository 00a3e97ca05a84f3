//! Publishes messages to a connected crowd and waits until everybody has them.
//!
//! With a rate, messages go out on a fixed schedule whatever the server does, and every latency counts from the time
//! a message was meant to be sent. Without one, a window of messages is kept in flight: sent, and not yet with every
//! client. Ends when all is delivered, when nothing has moved for the settling time, or at the deadline.

use std::time::Duration;

use hdrhistogram::Histogram;
use roomcast::time::Micros;

use crate::clock::after;
use crate::crowd::Crowd;
use crate::error::Error;
use crate::failure::Failure;
use crate::histogram;
use crate::ledger::Ledger;
use crate::message;
use crate::publisher::{Answer, Publisher};
use crate::schedule::Schedule;

/// How long a publisher may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The status of a publish that was taken.
const ACCEPTED: u16 = 202;

/// What to publish.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Messages.
    pub messages: u32,
    /// Bytes of each payload.
    pub size: usize,
    /// Messages a second; 0 keeps `window` of them in flight instead.
    pub rate: f64,
    /// Messages in flight when there is no rate.
    pub window: u32,
    /// Connections that publish, in turn.
    pub publishers: u32,
    /// Requests without an answer on one of them, at most.
    pub pipeline: usize,
    /// Nothing moved for so long: whatever is missing is not coming.
    pub settle: Duration,
}

/// What the publishers saw.
#[derive(Debug)]
pub struct Published {
    /// Messages sent within the plan.
    pub sent: u32,
    /// Messages answered with 202.
    pub accepted: u32,
    /// Answers whose `receivers` was not the number of open clients.
    pub receivers_wrong: u32,
    /// The status of the first answer that was not a 202; nothing is published after it.
    pub refused: Option<u16>,
    /// What ended a publisher's connection; nothing is published after it.
    pub broken: Option<Failure>,
    /// How often nothing moved for the settling time although messages were in flight.
    pub stalls: u32,
    /// Whether the deadline came first.
    pub timed_out: bool,
    /// From the start to the last delivery, in microseconds.
    pub elapsed_us: u64,
    /// From the time a message was meant to be sent to when it was: the client was late, or the pipeline was full.
    pub late_us: Histogram<u64>,
    /// From the time a message was meant to be sent to the answer.
    pub answer_us: Histogram<u64>,
}

/// One round of publishing.
#[derive(Debug)]
pub struct Broadcast<'a> {
    crowd: &'a mut Crowd,
    ledger: &'a mut Ledger,
    plan: Plan,
    publishers: Vec<Publisher>,
    schedule: Schedule,
    start: Micros,
    /// When something was last sent, answered or delivered.
    moved: Micros,
    body: Vec<u8>,
    answers: Vec<Answer>,
    published: Published,
}

impl<'a> Broadcast<'a> {
    /// Connects the publishers.
    pub fn new(
        crowd: &'a mut Crowd,
        ledger: &'a mut Ledger,
        plan: Plan,
    ) -> Result<Broadcast<'a>, Error> {
        let connect = |index: u32| {
            let token = crowd.visitor(index as usize);
            Publisher::connect(crowd.target(), CONNECT_TIMEOUT, crowd.registry(), token)
        };
        let publishers: Result<Vec<Publisher>, _> = (0..plan.publishers).map(connect).collect();
        let publishers = publishers.map_err(|error| Error::new("connecting a publisher", error))?;
        ledger.expect(plan.messages, plan.size, plan.publishers);
        let start = crowd.clock().now();
        Ok(Broadcast {
            crowd,
            ledger,
            plan,
            publishers,
            schedule: Schedule::new(start, plan.rate),
            start,
            moved: start,
            body: Vec::new(),
            answers: Vec::new(),
            published: Published::new(),
        })
    }

    /// Publishes the plan and waits for the deliveries.
    pub fn run(&mut self, deadline: Micros, mut progress: impl FnMut(u32)) -> Result<(), Error> {
        loop {
            let now = self.crowd.clock().now();
            if now >= deadline {
                self.published.timed_out = true;
                break;
            }
            self.publish_due();
            progress(self.ledger.flights().published() - self.ledger.flights().in_flight());
            let done = !self.may_go_on() || self.ledger.flights().published() >= self.plan.messages;
            if done && self.pending() == 0 && self.ledger.flights().in_flight() == 0 {
                break;
            }
            self.turn()?;
            if self.is_still() {
                self.published.stalls += 1;
                self.ledger.stop_waiting();
                self.moved = self.crowd.clock().now();
                if done || self.pending() > 0 {
                    break;
                }
            }
        }
        self.published.sent = self.ledger.flights().published();
        let end = self.ledger.last_delivery();
        self.published.elapsed_us = end.since(self.start);
        Ok(())
    }

    /// Publishes one more message, which is neither timed nor planned, to whoever missed the last ones: a server
    /// tells a client what it missed no sooner than with the next message. Waits for it like for any other.
    pub fn remind(&mut self, deadline: Micros) -> Result<(), Error> {
        if !self.may_go_on() || self.ledger.missing().unexplained == 0 {
            return Ok(());
        }
        self.moved = self.crowd.clock().now();
        self.publish_one(self.moved);
        while self.ledger.flights().in_flight() > 0 || self.pending() > 0 {
            let timed_out = self.crowd.clock().now() >= deadline;
            if timed_out || self.is_still() {
                self.ledger.stop_waiting();
                break;
            }
            self.turn()?;
        }
        Ok(())
    }

    /// What the publishers saw.
    pub fn finish(self) -> Published {
        self.published
    }

    /// The clients, to read meters.
    pub fn crowd(&self) -> &Crowd {
        self.crowd
    }

    fn may_go_on(&self) -> bool {
        self.published.refused.is_none() && self.published.broken.is_none()
    }

    fn pending(&self) -> usize {
        if self.published.broken.is_some() {
            return 0;
        }
        self.publishers.iter().map(Publisher::pending).sum()
    }

    fn is_still(&self) -> bool {
        let waiting = self.pending() > 0 || self.ledger.flights().in_flight() > 0;
        let moved = self.moved.max(self.ledger.last_delivery());
        waiting && self.crowd.clock().now() >= after(moved, self.plan.settle)
    }

    /// Whether the next message may go out as soon as it is due.
    fn has_room(&self) -> bool {
        let next = self.ledger.flights().published();
        let publisher = &self.publishers[(next % self.plan.publishers) as usize];
        next < self.plan.messages
            && self.may_go_on()
            && publisher.pending() < self.plan.pipeline
            && (self.schedule.is_fixed() || self.ledger.flights().in_flight() < self.plan.window)
    }

    fn publish_due(&mut self) {
        while self.has_room() {
            let now = self.crowd.clock().now();
            let due = self.schedule.due(self.ledger.flights().published());
            if due > now {
                break;
            }
            let at = if self.schedule.is_fixed() { due } else { now };
            self.publish_one(at);
            let late_us = self.crowd.clock().now().since(at);
            self.published.late_us.saturating_record(late_us);
        }
    }

    fn publish_one(&mut self, at: Micros) {
        let expected = self.ledger.open();
        let stamp = self.ledger.publish(at);
        let publisher = &mut self.publishers[(stamp.seq % self.plan.publishers) as usize];
        self.body.clear();
        message::write(&mut self.body, stamp, self.plan.size);
        let outcome = publisher.publish(self.crowd.target(), stamp, &self.body, expected);
        self.note(outcome);
        self.moved = self.crowd.clock().now();
    }

    fn turn(&mut self) -> Result<(), Error> {
        let until = if self.has_room() {
            self.schedule.due(self.ledger.flights().published())
        } else {
            Micros(u64::MAX)
        };
        self.crowd.turn(until, self.ledger)?;
        let ready: Vec<usize> = self.crowd.visitors().collect();
        for index in ready {
            let outcome = self.publishers[index].ready(&mut self.answers);
            self.note(outcome);
        }
        let now = self.crowd.clock().now();
        for answer in std::mem::take(&mut self.answers) {
            self.moved = now;
            if answer.status != ACCEPTED {
                self.ledger.refuse(answer.seq);
            }
            let planned = answer.seq < self.plan.messages;
            self.published.take(answer, planned, now);
        }
        Ok(())
    }

    fn note(&mut self, outcome: Result<(), Failure>) {
        if let Err(failure) = outcome {
            self.published.broken.get_or_insert(failure);
        }
    }
}

impl Published {
    fn new() -> Published {
        Published {
            sent: 0,
            accepted: 0,
            receivers_wrong: 0,
            refused: None,
            broken: None,
            stalls: 0,
            timed_out: false,
            elapsed_us: 0,
            late_us: histogram::new(),
            answer_us: histogram::new(),
        }
    }

    /// Counts an answer read at `now`. One to a message beyond the plan is checked, too, but not timed.
    fn take(&mut self, answer: Answer, planned: bool, now: Micros) {
        if answer.status != ACCEPTED {
            self.refused.get_or_insert(answer.status);
            return;
        }
        if planned {
            self.accepted += 1;
            self.answer_us.saturating_record(now.since(answer.at));
        }
        if answer.receivers != Some(u64::from(answer.expected)) {
            self.receivers_wrong += 1;
        }
    }
}
