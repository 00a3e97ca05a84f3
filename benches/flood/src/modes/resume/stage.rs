//! One publisher and all clients, turn by turn: what is due is published, and whoever is due comes back.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::client::crowd::STARTS_MAX;
use crate::client::publisher::Publisher;
use crate::client::schedule::Schedule;
use crate::error::Error;
use crate::measure::clock::{Micros, after};
use crate::measure::meter::Cost;
use crate::measure::sampler::Sampler;
use crate::modes::resume::book::{Book, Phase};
use crate::modes::session::Session;
use crate::target::metrics::Metrics;

/// How long a client waits whose attempt to come back failed.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Between two looks whether somebody whose time it is to come back has been let go.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// What a run of `resume` is played on.
pub struct Stage<'a, 'b> {
    /// The clients and their account.
    pub session: &'a mut Session<'b, Book>,
    publisher: Publisher,
    pad: usize,
    /// What is published now: when, and how many of it there have been.
    program: Option<(Schedule, Phase, u32)>,
    /// Who comes back, and when.
    returns: BinaryHeap<Reverse<(Micros, u32)>>,
    /// Whether a client's attempt to come back is under way, or was the last thing that it began.
    coming: Vec<bool>,
    /// Attempts that failed, so far.
    failed: u32,
    /// Who looks at the server's memory.
    pub sampler: Option<Sampler>,
    /// Connections that were cut.
    pub cuts: u32,
    /// When something was last answered or begun.
    moved: Micros,
}

impl<'a, 'b> Stage<'a, 'b> {
    /// Connects the publisher, and sends a probe that everybody must hear.
    pub fn set(session: &'a mut Session<'b, Book>) -> Result<Stage<'a, 'b>, Error> {
        let crowd = &session.crowd;
        let clients = crowd.target.seating.clients();
        let publisher = Publisher::connect(&crowd.target, crowd.registry(), crowd.visitor(0))?;
        let mut stage = Stage {
            moved: session.now(),
            session,
            publisher,
            pad: 0,
            program: None,
            returns: BinaryHeap::new(),
            coming: vec![false; clients as usize],
            failed: 0,
            sampler: None,
            cuts: 0,
        };
        stage.probe()?;
        let book = &stage.session.sink;
        stage.pad = book.pad().ok_or_else(|| {
            let sentence = "--size: what this server wraps around a message makes it longer";
            Error::Usage(sentence.to_owned())
        })?;
        Ok(stage)
    }

    fn probe(&mut self) -> Result<(), Error> {
        let Session { crowd, sink, .. } = &mut *self.session;
        self.publisher.publish(&crowd.target, sink.probe(), 0, 0);
        let mut answers = 0;
        let settled = after(crowd.clock().now(), self.session.options.settle);
        let until = settled.min(self.session.deadline);
        loop {
            let Session { crowd, sink, .. } = &mut *self.session;
            answers += self.publisher.take_answers(&crowd.target)?;
            if answers == 1 && sink.pad().is_some() && sink.all_have_all() {
                return Ok(());
            }
            if crowd.clock().now() >= until {
                let sentence = "not all clients heard the first message, and where it stands";
                return Err(Error::Server(sentence.to_owned()));
            }
            crowd.turn(until, sink)?;
        }
    }

    /// Begins to publish so many messages a second, or none; 0 is at once.
    pub fn publish(&mut self, program: Option<(f64, Phase)>) {
        let now = self.session.now();
        self.program = program.map(|(rate, phase)| (Schedule::new(now, rate), phase, 0));
    }

    /// Publishes so many at once, and waits until everybody who is here has them.
    pub fn publish_at_once(&mut self, messages: u32) -> Result<(), Error> {
        let now = self.session.now();
        for _ in 0..messages {
            self.publish_one(now, Phase::Untimed);
        }
        self.wait_until_all_have_all()
    }

    /// Cuts a client, which reads on until the server ends its connection, and lets it come back at that time.
    pub fn hang_up(&mut self, client: u32, back: Micros) {
        self.cuts += 1;
        self.session.sink.leave(client);
        self.session.crowd.hang_up(client);
        self.let_back(client, back);
    }

    /// Cuts a client without a word. It has everything that was sent to it.
    pub fn cut(&mut self, client: u32) {
        self.cuts += u32::from(self.session.crowd.is_open(client));
        self.session.sink.leave(client);
        self.session.crowd.cut_one(client);
    }

    /// Lets a client come back at that time.
    pub fn let_back(&mut self, client: u32, back: Micros) {
        self.coming[client as usize] = false;
        self.returns.push(Reverse((back, client)));
    }

    /// Publishes what is due, starts who is due, and handles what is ready or waits for it, until then at most.
    pub fn turn(&mut self, until: Micros) -> Result<(), Error> {
        let now = self.session.now();
        while let Some((schedule, phase, done)) = self.program {
            let due = schedule.due(done);
            if due > now {
                break;
            }
            self.program = Some((schedule, phase, done + 1));
            self.publish_one(due, phase);
        }
        self.start_due(now);
        let due = self.program.map(|(schedule, _, done)| schedule.due(done));
        let back = self.returns.peek().map(|Reverse((back, _))| *back);
        let until = until.min(due.unwrap_or(until)).min(back.unwrap_or(until));
        let Session { crowd, sink, .. } = &mut *self.session;
        let answered = self.publisher.take_answers(&crowd.target)?;
        sink.answer(answered);
        crowd.turn(until, sink)?;
        if answered > 0 {
            self.moved = now;
        }
        if let Some(sampler) = &mut self.sampler {
            sampler.look(now);
        }
        self.retry(now);
        Ok(())
    }

    /// Lets those try again whose attempt failed.
    fn retry(&mut self, now: Micros) {
        let failed = self.session.crowd.outcome.failed.values().sum();
        if std::mem::replace(&mut self.failed, failed) == failed {
            return;
        }
        for client in 0..self.coming.len() as u32 {
            if self.coming[client as usize] && self.session.crowd.client(client).is_ended() {
                self.let_back(client, after(now, RETRY_PAUSE));
            }
        }
    }

    /// Waits until everybody has come back and everybody has everything, or nothing moves any more.
    pub fn wait_until_all_have_all(&mut self) -> Result<(), Error> {
        self.moved = self.session.now();
        while !self.all_have_all() && !self.is_still() {
            self.turn(Micros(u64::MAX))?;
        }
        Ok(())
    }

    /// Waits until everybody has come back and has what it came back for, for so long at most: there may always be
    /// something new.
    pub fn wait_until_all_have_resumed(&mut self, at_most: Duration) -> Result<(), Error> {
        let until = after(self.session.now(), at_most).min(self.session.deadline);
        let have_all = |stage: &Self| stage.all_are_back() && stage.session.sink.all_have_resumed();
        while !have_all(self) && self.session.now() < until {
            self.turn(until)?;
        }
        Ok(())
    }

    /// Notes what the server says of its queues.
    pub fn note(&mut self, metrics: &Metrics) {
        if let Some(sampler) = &mut self.sampler {
            sampler.note(metrics);
        }
    }

    /// Waits until that is so, or nothing moves any more.
    pub fn wait_for(
        &mut self,
        mut is_so: impl FnMut() -> Result<bool, Error>,
    ) -> Result<(), Error> {
        self.moved = self.session.now();
        while !is_so()? && !self.is_still() {
            self.turn(after(self.session.now(), LOOK_INTERVAL * 10))?;
        }
        Ok(())
    }

    /// Whether everybody has come back.
    fn all_are_back(&self) -> bool {
        self.returns.is_empty() && self.session.crowd.outcome.connecting() == 0
    }

    /// Whether everybody has come back and everybody has everything.
    fn all_have_all(&self) -> bool {
        self.all_are_back() && self.session.sink.all_have_all()
    }

    /// Whether all time is over.
    pub fn is_over(&self) -> bool {
        self.session.is_over()
    }

    /// Whether nothing has moved for the settling time, or all time is over.
    fn is_still(&self) -> bool {
        let moved = self.moved.max(self.session.sink.moved);
        let now = self.session.now();
        now >= after(moved, self.session.options.settle) || now >= self.session.deadline
    }

    /// What it cost to do this.
    pub fn measured<T>(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<(T, Cost), Error> {
        let start = self.session.meter.start(self.session.crowd.moment())?;
        let done = act(self)?;
        let crowd = &self.session.crowd;
        let cost = self.session.meter.finish(crowd.moment(), start)?;
        Ok((done, cost))
    }

    fn publish_one(&mut self, at: Micros, phase: Phase) {
        let Session { crowd, sink, .. } = &mut *self.session;
        let mark = sink.publish(at, phase);
        self.publisher.publish(&crowd.target, mark, self.pad, 0);
    }

    /// Starts those that are due, but not so many that the others wait for it.
    fn start_due(&mut self, now: Micros) {
        for _ in 0..STARTS_MAX {
            let Some(Reverse((_, client))) = self.returns.peek().filter(|due| due.0.0 <= now)
            else {
                return;
            };
            let client = *client;
            self.returns.pop();
            if self.session.crowd.is_closing(client) {
                self.let_back(client, after(now, LOOK_INTERVAL));
                continue;
            }
            self.session.crowd.cut_one(client);
            self.session.start(client);
            self.coming[client as usize] = true;
            self.moved = now;
        }
    }
}
