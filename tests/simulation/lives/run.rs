//! One run: processes of a hub, one after the other on one disk, and clients that come back to each.

use roomcast::bounds::{Bounds, TurnBounds};
use roomcast::id::AppId;
use roomcast::reactor::{Flow, Reactor};
use roomcast::time::Millis;
use roomcast::transport::{Ready, Transport};
use roomcast::work;

use super::asker::Asker;
use super::book::Book;
use super::follower::{Follower, Follows};
use super::tasks::read;
use crate::kept::disk::{Disk, Habits, Shared};
use crate::kept::hub::{call, process};
use crate::model::runs::chance::Chance;
use crate::model::runs::steps::Steps;
use crate::network::Sim;

use super::line::Line;

/// Steps of a run.
const STEPS_MAX: usize = 260;
const ASKERS_MAX: usize = 6;
const FOLLOWERS_MAX: usize = 5;
/// Turns until everything has come to rest, or a hub has ended.
const TURNS_MAX: usize = 3000;
/// Longer than anything takes that is waited for.
const LONG: Millis = Millis::seconds(1_000_000);
/// What a sync takes: mostly little, or always much.
const QUICK: &[u64] = &[0, 1, 1, 2, 5, 20];
const SLOW: &[u64] = &[0, 5, 50, 200, 300];
/// The number under which the end draws; no step comes so late.
const LAST: usize = 1 << 20;

pub struct Lives {
    chance: Chance,
    bounds: Bounds,
    reactor: Reactor<Sim>,
    disk: Shared,
    book: Book,
    askers: Vec<Asker>,
    followers: Vec<Follower>,
    has_exited: bool,
}

/// Whether a seed has such a run, beside its other one: every third.
pub fn has_lives(seed: u64) -> bool {
    seed.is_multiple_of(3)
}

impl Lives {
    pub fn new(seed: u64) -> Lives {
        let mut chance = Chance::new(seed ^ 0x6c69_7665);
        let bounds = bounds(&mut chance);
        let sim = Sim::new(seed);
        let mut habits = Habits::taking(chance.pick(&[QUICK, SLOW]));
        habits.piece = chance.pick(&[1, 4, 1000]);
        let disk = Disk::new(habits, bounds, sim.power(), Chance::new(seed ^ 0x6469_736b));
        Lives {
            chance,
            bounds,
            reactor: process(sim, bounds, &disk),
            book: Book::new(disk.clone()),
            disk,
            askers: Vec::new(),
            followers: Vec::new(),
            has_exited: false,
        }
    }

    /// Steps, those that are `kept`, and the end. They are numbered behind `first`, and `step` is the last that was taken.
    pub fn run(
        &mut self,
        first: usize,
        kept: Option<&Steps>,
        step: &mut usize,
    ) -> Result<(), String> {
        for next in first..first + STEPS_MAX {
            if kept.is_some_and(|kept| !kept.contains(next)) {
                continue;
            }
            *step = next;
            self.chance.begin(next);
            self.step()?;
        }
        self.chance.begin(LAST);
        self.settle()?;
        let was_clean = self.chance.one_in(2);
        match was_clean {
            true => self.stop()?,
            false => self.crash()?,
        }
        self.settle()?;
        self.finish()
    }

    fn step(&mut self) -> Result<(), String> {
        let sim = self.reactor.transport_mut();
        if self.askers.len() < ASKERS_MAX && self.chance.one_in(4) {
            self.askers.push(Asker::new(sim));
        }
        if self.followers.len() < FOLLOWERS_MAX && self.chance.one_in(6) {
            let follower = Follower::new(&mut self.chance, sim);
            self.followers.push(follower);
        }
        for asker in &mut self.askers {
            match self.chance.below(40) {
                0 => asker.line.leave(sim, self.chance.one_in(2)),
                1..24 => asker.speak(&mut self.chance, &mut self.book, sim),
                _ => {}
            }
        }
        for follower in &mut self.followers {
            if self.chance.one_in(60) {
                follower.cut(sim);
            }
        }
        if self.chance.one_in(12) {
            self.change_habits();
        }
        let pause = self.chance.pick(&[0, 0, 3, 20]);
        self.reactor.transport_mut().pass(Millis(pause));
        self.turn()?;
        match self.chance.below(100) {
            0..3 => self.crash(),
            3..5 => self.stop(),
            5 => self.settle(),
            6..12 => {
                let span = self.chance.pick(&[50, 300, 1500]);
                self.wait(Millis(span))
            }
            _ => Ok(()),
        }
    }

    /// The disk is full for a while, or fails, or is slow; mostly it is none of that.
    fn change_habits(&mut self) {
        let habits = &mut self.disk.borrow_mut().habits;
        habits.is_full = self.chance.one_in(5);
        habits.fails_one_in = self.chance.pick(&[0, 0, 2, 6]);
        habits.sync = self.chance.pick(&[QUICK, QUICK, SLOW]);
    }

    /// A turn, and everybody takes in what has come of it.
    fn turn(&mut self) -> Result<(), String> {
        self.reactor.transport_mut().pass(Millis(1));
        let flow = self.reactor.turn();
        let flow = flow.map_err(|error| format!("a turn failed: {error}"))?;
        self.reactor.check_invariants();
        self.has_exited |= flow == Flow::Exit;
        self.listen()
    }

    fn listen(&mut self) -> Result<(), String> {
        let disk = self.disk.borrow();
        self.book.state.has_begun |= disk.has_started;
        self.book.state.has_disk = disk.is_held();
        drop(disk);
        self.book.look();
        let sim = self.reactor.transport_mut();
        for asker in &mut self.askers {
            if !asker.line.is_over {
                asker.hear(&mut self.book, sim)?;
            }
        }
        self.askers.retain(|asker| !asker.line.is_over);
        for follower in &mut self.followers {
            follower.hear(&mut self.book, sim)?;
        }
        Ok(())
    }

    fn wait(&mut self, span: Millis) -> Result<(), String> {
        let until = self.now() + span;
        self.reactor.transport_mut().set_horizon(until);
        while self.now() < until && !self.has_exited {
            self.turn()?;
        }
        Ok(())
    }

    fn now(&self) -> Millis {
        self.reactor.transport().now().millis()
    }

    /// The power is cut in the middle of a turn, and comes back: another process begins.
    fn crash(&mut self) -> Result<(), String> {
        let steps = self.chance.size(60) as u64;
        self.reactor.transport().power().cut_after(steps);
        for _ in 0..3 {
            self.turn()?;
        }
        self.succeed();
        Ok(())
    }

    /// It is told to go, and goes in good order, unless it dies on the way.
    fn stop(&mut self) -> Result<(), String> {
        self.reactor.transport_mut().stray(Ready::Shutdown);
        self.book.state.is_going = true;
        let dies_after = match self.chance.one_in(4) {
            true => self.chance.below(40),
            false => TURNS_MAX,
        };
        for turns in 0.. {
            if self.has_exited {
                self.succeed();
                return Ok(());
            }
            if turns == dies_after {
                return self.crash();
            }
            if turns == TURNS_MAX {
                return Err("it does not end".into());
            }
            let sim = self.reactor.transport_mut();
            for asker in &mut self.askers {
                if self.chance.one_in(3) {
                    asker.speak(&mut self.chance, &mut self.book, sim);
                }
            }
            self.wait(Millis(10))?;
        }
        Ok(())
    }

    /// Its process is over, and another one begins.
    fn succeed(&mut self) {
        let other = Sim::new(0);
        let mut sim = std::mem::replace(self.reactor.transport_mut(), other);
        sim.restart();
        self.disk.borrow_mut().crash();
        let is_clean = self.disk.borrow().state().is_clean;
        self.book.begin_life(is_clean);
        self.reactor = process(sim, self.bounds, &self.disk);
        self.has_exited = false;
    }

    /// The disk is well, and everything comes to rest: nobody waits for anything, and everybody has everything.
    fn settle(&mut self) -> Result<(), String> {
        let piece = self.disk.borrow().habits.piece;
        self.disk.borrow_mut().habits = Habits {
            piece: 1000,
            ..Habits::taking(QUICK)
        };
        // Who has said half of something says the rest.
        for asker in &mut self.askers {
            asker.finish(self.reactor.transport_mut());
        }
        for _ in 0..60 {
            self.wait(Millis(50))?;
        }
        self.disk.borrow_mut().habits.piece = piece;
        for asker in &self.askers {
            if asker.waits() {
                return Err(format!("it was never answered: {}", asker.waits_for()));
            }
        }
        for follower in &mut self.followers {
            follower.check_rested(&self.book)?;
        }
        self.check_all()
    }

    /// Everything that is listed is what the messages have made.
    fn check_all(&mut self) -> Result<(), String> {
        let mut line = Line::new(self.reactor.transport_mut());
        let all = call("GET", "/api/v1/tasks?limit=1000", "");
        line.send(self.reactor.transport_mut(), all.as_bytes());
        self.wait(Millis(20))?;
        line.listen(self.reactor.transport_mut());
        let answer = line.answer()?.ok_or("nothing is listed")?;
        line.leave(self.reactor.transport_mut(), true);
        let listed = read(&answer.body)?;
        let expected = self.book.all()?;
        match listed["tasks"].as_array() == Some(&expected) {
            true => Ok(()),
            false => Err(format!("{listed} is listed, and {expected:?} is so")),
        }
    }

    /// Somebody hears everything from the first on, and all that anybody was told is held against it.
    fn finish(&mut self) -> Result<(), String> {
        if let Some(since) = self.book.first() {
            let sim = self.reactor.transport_mut();
            let witness = Follower::of(Follows::Tasks(None), Some(since), sim);
            self.followers.push(witness);
            self.settle()?;
        }
        for follower in &mut self.followers {
            follower.rest(&mut self.book);
        }
        self.book.check()
    }
}

/// What the hub is held to: nobody is closed for being slow, and turns may be short.
fn bounds(chance: &mut Chance) -> Bounds {
    let mut bounds = Bounds {
        connections_max: 64,
        pong_timeout: LONG,
        header_timeout: LONG,
        keep_alive: LONG,
        message_timeout: LONG,
        drain: Millis(chance.pick(&[0, 50])),
        drain_delay: Millis(chance.pick(&[0, 100])),
        ..Bounds::default()
    };
    if chance.one_in(3) {
        bounds.turn = TurnBounds {
            settle: chance.pick(&[1, 3]) * work::MESSAGE,
            serve: 4 * (work::READ + work::MESSAGE),
            ..TurnBounds::default()
        };
    }
    for app in AppId::ALL {
        bounds.app_mut(app).ping_interval = LONG;
        bounds.app_mut(app).history.age = LONG;
        bounds.app_mut(app).history.messages_max = 10_000;
    }
    bounds
}
