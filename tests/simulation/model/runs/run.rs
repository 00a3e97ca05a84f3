//! What happens in a run, by chance: who comes, speaks, is cut off and leaves; and how it all ends.

use roomcast::time::Millis;
use roomcast::transport::{Handover, Ready};

use super::super::clients::client::{Client, Kind, Leave, Reading, State};
use super::super::clients::outgoing::Mark;
use super::super::wire::frames;
use super::rules::Flavour;
use super::steps::Steps;
use super::world::{TURNS_MAX, World};

/// Steps while the server goes away: fewer than so many.
const STEPS_OF_A_DRAIN: usize = 40;
/// Turns, evenly over a second, in which those come back who were cut off.
const WAVES_MAX: usize = 5;
/// The number under which the end draws; no step comes so late.
const LAST: usize = 1 << 20;

/// Days between two settings of the wall clock at least: more than a run lasts.
const DAYS_APART: i64 = 300;

impl World {
    /// Something happens, and the loop turns.
    pub fn step(&mut self) -> Result<(), String> {
        if self.clients.is_empty() {
            return self.turn();
        }
        let flavour = self.rules.flavour;
        match flavour {
            Flavour::Storms if self.is_stormy() => return self.storm(),
            Flavour::Slow => self.stall(),
            Flavour::Faults => self.run_out(),
            Flavour::Mixed | Flavour::Storms => {}
        }
        if self.clients.len() <= self.rules.clients_max && self.chance.one_in(4) {
            let kinds = [
                Kind::Listener,
                Kind::Listener,
                Kind::Listener,
                Kind::Listener,
                Kind::Subscriber,
                Kind::Subscriber,
                Kind::Echo,
                Kind::Listener,
                Kind::Publisher,
                Kind::Publisher,
                Kind::Publisher,
                Kind::Publisher,
                Kind::Mute,
            ];
            let kind = match self.rules.flavour {
                Flavour::Slow => self.chance.pick(&kinds[..10]),
                _ => self.chance.pick(&kinds),
            };
            let window = self.chance.pick(&[1, 40, 400, 4000, 64 << 10]);
            self.connect(kind, window);
        }
        if self.rules.calm {
            let lucky = self.chance.below(self.clients.len());
            self.live(lucky);
        } else {
            for index in 0..self.clients.len() {
                if self.chance.one_in(2) {
                    self.live(index);
                }
            }
        }
        if self.chance.one_in(10) {
            self.stray();
        }
        if self.rules.stops && self.chance.one_in(20) {
            self.stop();
        }
        let pause = self.chance.pick(&[0, 0, 0, 5, 50]);
        self.sim().pass(Millis(pause));
        self.turn()?;
        match self.chance.below(60) {
            0 => self.wait(Millis(100)),
            1 => {
                let longest = self.rules.bounds.pong_timeout.0 as usize * 5 / 4;
                let span = self.chance.between(100, longest);
                self.wait(Millis(span as u64))
            }
            2 => self.settle(),
            _ => Ok(()),
        }
    }

    /// Steps until the rules, or the bytes that decide, say that it is enough; and the end. `step` is the number of the
    /// last one that was taken, those that are not `kept` are left out.
    pub fn run(&mut self, kept: Option<&Steps>, step: &mut usize) -> Result<(), String> {
        let is_over = |world: &World| world.chance.is_scripted() && world.chance.is_spent();
        for next in 1..=self.rules.steps {
            if is_over(self) {
                break;
            }
            self.take(next, kept, step)?;
        }
        self.finish(kept, step)
    }

    /// Takes a step, if it is kept.
    fn take(&mut self, next: usize, kept: Option<&Steps>, step: &mut usize) -> Result<(), String> {
        if kept.is_some_and(|kept| !kept.contains(next)) {
            return Ok(());
        }
        *step = next;
        self.chance.begin(next);
        self.step()
    }

    /// The end: a drain or not, and then everybody leaves or is left alone until patience runs out.
    fn finish(&mut self, kept: Option<&Steps>, step: &mut usize) -> Result<(), String> {
        if self.rules.drains {
            self.drain(kept, step)?;
        } else {
            self.chance.begin(LAST);
            self.settle()?;
        }
        self.scatter()?;
        if !self.exited {
            // What is kept for those who come back is kept for no longer than its age.
            self.wait(self.rules.history().age + Millis::seconds(2))?;
        }
        self.check_empty()?;
        self.reckon()
    }

    /// Everybody leaves, or is left alone until patience runs out; the witnesses go last.
    fn scatter(&mut self) -> Result<(), String> {
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            if client.is_witness() && !self.exited {
                continue;
            }
            client.quiet = true;
            client.diligent = false;
            if client.reading == Reading::Slow {
                client.reading = Reading::Never;
            }
            if self.exited {
                self.end(index, Leave::Reset);
            } else if self.chance.one_in(2) {
                self.leave(index);
            }
        }
        if self.exited {
            return self.wait(Millis::seconds(1));
        }
        self.wait(self.rules.patience())?;
        if let Some(index) = self.clients.iter().position(|client| !client.is_witness()) {
            return Err(self.blame(index, "it is still there".into()));
        }
        for witness in &mut self.clients {
            witness.quiet = true;
            let close = frames::close(1000, "");
            witness.out.push(&close, Mark::Close(1000));
        }
        self.wait(Millis::seconds(1))
    }

    /// Lets one client say something, send some of it, or leave.
    fn live(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let is_witness = client.is_witness();
        if !is_witness && client.out.is_empty() && client.is_there() {
            client.speak(&mut self.chance, &mut self.ledger, &self.rules);
        }
        let most = self.chance.pick(&[1, 7, 60, 400, usize::MAX]);
        self.act(index, most);
        let cut = self.clients[index].out.is_midway() && self.chance.one_in(20);
        if !is_witness && (cut || self.chance.one_in(80)) {
            self.leave(index);
        }
    }

    fn leave(&mut self, index: usize) {
        let how = self.chance.pick(&[Leave::Fin, Leave::Reset]);
        self.end(index, how);
    }

    /// Whether the next storm comes: now and then, once the last one is over.
    fn is_stormy(&mut self) -> bool {
        self.chance.one_in(40) && self.clients.len() <= self.rules.clients_max + 1
    }

    /// Everybody but the witnesses is cut off at the same moment, and as many come back within a second, some of them to
    /// publish at once.
    fn storm(&mut self) -> Result<(), String> {
        let cut = self.clients.len();
        for index in 0..cut {
            if !self.clients[index].is_witness() {
                self.leave(index);
            }
        }
        // A server of small turns may not have seen the last ones go.
        let back = cut.min(self.rules.clients_max);
        let waves = self.chance.between(1, WAVES_MAX);
        for _ in 0..waves {
            for _ in 0..back.div_ceil(waves) {
                let window = self.chance.pick(&[40, 4000, 64 << 10]);
                let publishes = self.chance.one_in(6);
                let kind = if publishes {
                    Kind::Publisher
                } else {
                    Kind::Listener
                };
                self.connect(kind, window);
                let newest = self.clients.len() - 1;
                if publishes {
                    self.live(newest);
                } else {
                    self.clients[newest].ask_to_open_with("");
                    self.act(newest, usize::MAX);
                }
            }
            // A turn takes a millisecond.
            self.sim().pass(Millis(1000 / WAVES_MAX as u64 - 1));
            self.turn()?;
            // One storm may follow another for as long as a silent client is kept.
            for index in 0..self.clients.len() {
                if self.clients[index].is_witness() {
                    self.act(index, usize::MAX);
                }
            }
        }
        Ok(())
    }

    /// Now and then three of ten members stop reading, or half of those who have go on.
    fn stall(&mut self) {
        let (stops, goes_on) = (self.chance.one_in(25), self.chance.one_in(25));
        let now = self.ledger.times.last().copied().unwrap_or(0);
        let others = |client: &&mut Client| !client.is_witness();
        for client in self.clients.iter_mut().filter(others) {
            let member = client.is_listening();
            if stops && member && self.chance.below(10) < 3 {
                client.reading = Reading::Never;
            } else if goes_on && client.reading == Reading::Never && self.chance.one_in(2) {
                (client.reading, client.went_on) = (Reading::Prompt, now);
            }
        }
    }

    /// Now and then there are few descriptors, or as many as anybody wants; and several knock together.
    fn run_out(&mut self) {
        if self.chance.one_in(15) {
            let few = self.rules.descriptors.unwrap_or(u32::MAX);
            let most = self.chance.pick(&[few, few, u32::MAX]);
            self.limit_descriptors(most);
        }
        if self.chance.one_in(15) {
            for _ in 0..self.chance.between(2, 6) {
                self.connect(Kind::Publisher, 4000);
            }
        }
    }

    /// An event for somebody who is gone, or for whom nothing has happened.
    fn stray(&mut self) {
        if self.names.is_empty() {
            return;
        }
        let mut conn = self.names[self.chance.below(self.names.len())];
        if self.chance.one_in(4) {
            conn.generation = conn.generation.wrapping_add(1);
        }
        if self.chance.one_in(8) {
            conn.key = self.chance.below(300) as u32;
        }
        let stray = Ready::Socket {
            conn,
            readable: self.chance.one_in(2),
            writable: self.chance.one_in(2),
            ended: self.chance.one_in(4),
        };
        let stray = if self.chance.one_in(8) {
            Ready::Listener
        } else {
            stray
        };
        if let Ready::Socket {
            conn,
            writable: true,
            ..
        } = stray
        {
            // The server is told that the socket takes something, and waits for that from now on.
            let named = self
                .clients
                .iter_mut()
                .filter(|client| client.conn == Some(conn));
            named.for_each(|client| client.stuck = None);
        }
        self.sim().stray(stray);
    }

    /// The process is stopped for hours, in which the diligent answer what they are asked, and finds the wall clock set
    /// to some other day.
    fn stop(&mut self) {
        let span = self.chance.between(3_600_000, 360_000_000) as u64;
        // So far from every day before that no two turns have one time on the wall.
        self.stops += 1;
        let sign = self.chance.pick(&[-1, 1]);
        let days = sign * self.stops * DAYS_APART;
        self.sim().pass(Millis(span));
        self.act_diligently();
        self.sim().set_wall_ahead(days * 24 * 3_600_000);
    }

    /// The server is asked to go.
    fn drain(&mut self, kept: Option<&Steps>, step: &mut usize) -> Result<(), String> {
        self.chance.begin(LAST);
        if self.rules.handover != Handover::Nothing {
            // A hub that hands over goes on publishing to whoever is left when a witness has been told to go, and
            // then nobody tells the order.
            self.hushed = true;
            self.settle()?;
        }
        self.draining = Some(self.next_turn());
        self.sim().stray(Ready::Shutdown);
        let steps = self.chance.below(STEPS_OF_A_DRAIN);
        for next in 1..=steps {
            self.take(self.rules.steps + next, kept, step)?;
        }
        self.chance.begin(LAST + 1);
        let bounds = self.rules.bounds;
        let turns_left = Millis(u64::from(TURNS_MAX));
        let drain = bounds.drain_delay + bounds.drain;
        self.wait(drain + bounds.write_timeout + bounds.close_timeout + turns_left)?;
        if !self.exited {
            return Err("the drain is over, and the loop has not ended".into());
        }
        for index in 0..self.clients.len() {
            let client = &self.clients[index];
            if client.reading == Reading::Prompt
                && client.state == State::Open
                && client.left.is_none()
            {
                return Err(self.blame(index, "it was not told that the server goes away".into()));
            }
        }
        Ok(())
    }
}
