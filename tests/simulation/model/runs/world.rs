//! One run: the whole reactor on a simulated network, clients of every kind, and the model that watches them.

use super::super::super::network::Sim;
use roomcast::apps::Apps;
use roomcast::apps::access::Access;
use roomcast::apps::all::{self, Options};
use roomcast::bounds::Bounds;
use roomcast::id::ConnId;
use roomcast::metrics::Accept;
use roomcast::reactor::{Flow, Reactor};
use roomcast::time::{Micros, Millis};
use roomcast::transport::{Handover, Transport};

use super::super::accounts::evictions;
use super::super::accounts::guests;
use super::super::accounts::ledger::Ledger;
use super::super::accounts::work::Seen;
use super::super::clients::client::{Client, Kind, Leave, Reading};
use super::super::clients::hearing::Around;
use super::super::clients::witness;
use super::super::dialects::dialect::Dialect;
use super::chance::Chance;
use super::rules::{Flavour, KEY, Rules};

/// Turns in which nothing moves that a wait may take: more is a loop that spins.
const IDLE_TURNS_MAX: u32 = 1000;
/// Turns until everything has come to rest.
pub const TURNS_MAX: u32 = 5000;

pub struct World {
    pub chance: Chance,
    pub rules: Rules,
    pub(in super::super) reactor: Reactor<Sim>,
    pub ledger: Ledger,
    /// Whoever is connected; the first are the witnesses, one for each app.
    pub clients: Vec<Client>,
    pub(in super::super) gone: Vec<Client>,
    /// Names of connections, most of them no more.
    pub names: Vec<ConnId>,
    pub draining: Option<u32>,
    /// How often the process was stopped.
    pub stops: i64,
    /// Whoever has something to publish sends nothing any more.
    pub hushed: bool,
    /// The loop has said that everybody has gone.
    pub exited: bool,
    /// No descriptor was left in the last turn for somebody who knocked.
    exhausted: bool,
    descriptors_max: u32,
    /// Turns in a row without a byte moved.
    idle_turns: u32,
}

/// What signs the tokens of rooms.
pub const SECRET: &[u8] = b"a secret of the simulation, of 32 bytes or more";

/// The reactor as the simulation runs it: every app, with the echo.
pub fn reactor(sim: Sim, bounds: Bounds) -> Reactor<Sim> {
    let listener = ([127, 0, 0, 1], 8080).into();
    let access = Access::new(vec![KEY.into()], Vec::new(), listener);
    let options = Options {
        echo: true,
        pages: true,
        secret: SECRET,
    };
    let apps = Apps::new(access, all::enabled(&options, &bounds));
    Reactor::new(sim, bounds, apps).expect("a simulated ground gives a seed")
}

impl World {
    pub fn new(seed: u64) -> Result<World, String> {
        World::with(Chance::new(seed), seed, Flavour::of(seed))
    }

    /// A world in which bytes decide what happens; the ground has a seed of its own.
    pub fn scripted(bytes: &[u8]) -> Result<World, String> {
        World::with(Chance::scripted(bytes), 0, Flavour::Mixed)
    }

    fn with(mut chance: Chance, seed: u64, flavour: Flavour) -> Result<World, String> {
        let rules = Rules::new(&mut chance, flavour);
        let mut world = World {
            reactor: reactor(Sim::new(seed), rules.bounds),
            ledger: Ledger::default(),
            clients: Vec::new(),
            gone: Vec::new(),
            names: Vec::new(),
            draining: None,
            stops: 0,
            hushed: false,
            exited: false,
            exhausted: false,
            descriptors_max: u32::MAX,
            idle_turns: 0,
            chance,
            rules,
        };
        let handover = world.rules.handover;
        world.sim().share(handover);
        for dialect in Dialect::ALL {
            world.call_witness(dialect)?;
        }
        if world.rules.lags {
            world.sim().set_read_time(Micros(1500));
        }
        let events_max = world.rules.events_max;
        world.sim().set_events_max(events_max);
        let (shortage, interrupts) = (world.rules.shortage, world.rules.interrupts);
        world.sim().set_shortage_of_accepts(shortage);
        world.sim().set_interrupts(interrupts);
        if let Some(most) = world.rules.descriptors {
            world.limit_descriptors(most);
        }
        Ok(world)
    }

    /// From now on there are so many descriptors.
    pub fn limit_descriptors(&mut self, most: u32) {
        self.descriptors_max = most;
        self.sim().set_descriptors_max(most);
    }

    /// Connects a client of some kind.
    pub fn connect(&mut self, kind: Kind, window: u32) {
        let turn = self.next_turn();
        let sim = self.sim();
        sim.set_window(window);
        let end = sim.connect();
        let name = self.clients.len() + self.gone.len();
        let mut client = Client::new(name, end, kind, window as usize, turn);
        if !client.is_witness() {
            let shortage = self.rules.shortage;
            self.sim().set_shortage(end, shortage);
        }
        if !client.is_witness() {
            client.form(&mut self.chance);
            if self.rules.flavour == Flavour::Slow {
                (client.reading, client.diligent, client.liar) = (Reading::Prompt, true, false);
            }
            if client.kind == Kind::Listener && !self.chance.one_in(3) {
                let of_app = self.gone.iter().rev().chain(&self.clients);
                let of_app = of_app.filter(|gone| gone.is_member_of(client.dialect));
                let known: Vec<_> = of_app.filter_map(|gone| gone.known).take(8).collect();
                let known = match known.is_empty() {
                    true => None,
                    false => Some(self.chance.pick(&known)),
                };
                client.come_back(known, &mut self.chance);
            }
        }
        self.clients.push(client);
    }

    /// A client sends up to so many bytes of what it has to say.
    pub fn act(&mut self, index: usize, most: usize) {
        let turn = self.next_turn();
        let client = &mut self.clients[index];
        if self.hushed && client.publishes() {
            return;
        }
        if client.left.is_none() && client.ended.is_none() {
            client.send(most, self.reactor.transport_mut(), &mut self.ledger, turn);
        }
    }

    /// A client leaves without a word, if it has not yet; who sends no more can still be gone altogether.
    pub fn end(&mut self, index: usize, how: Leave) {
        let turn = self.next_turn();
        let client = &mut self.clients[index];
        let goes_on = client.left.is_none() || how == Leave::Reset;
        if goes_on && client.ended.is_none() {
            client.leave(how, self.reactor.transport_mut(), turn);
        }
    }

    /// One turn of the loop, at a time of its own, and a look at what it did.
    pub fn turn(&mut self) -> Result<(), String> {
        self.sim().pass(Millis(1));
        let listened = self.sim().listens();
        let evictions = self.evictions();
        let closes = self.reactor.metrics().guest_closes;
        let descriptors = u64::from(self.sim().descriptors());
        let accepted = self.accepted();
        let seen = Seen::by_now(&self.reactor);
        let echoed_bytes = self.clients.iter().map(Client::echoed_bytes).max();
        let flow = self
            .reactor
            .turn()
            .map_err(|error| format!("a turn failed: {error}"))?;
        let work = &mut self.ledger.work;
        let done = Seen::by_now(&self.reactor);
        work.check(&self.rules, &seen, &done, echoed_bytes.unwrap_or(0))?;
        self.exhausted =
            descriptors + self.accepted() - accepted >= u64::from(self.descriptors_max);
        self.exited |= flow == Flow::Exit;
        if self.exited && self.draining.is_none() {
            return Err("the loop ended unasked".into());
        }
        self.reactor.check_invariants();
        let (turn, now) = (self.next_turn(), self.reactor.now().millis().0);
        let published = &self.reactor.metrics().messages_published;
        self.ledger.turn(self.reactor.now(), published);
        let budget = self.rules.bounds.memory_budget_bytes;
        if self.reactor.budgeted_bytes() > budget {
            let bytes = self.reactor.budgeted_bytes();
            return Err(format!(
                "{bytes} bytes are held, and the budget is {budget}"
            ));
        }
        let sim = self.reactor.transport();
        self.idle_turns += 1;
        for client in &mut self.clients {
            if client.look(sim, turn, now) || client.sent.last() == Some(&turn) {
                self.idle_turns = 0;
            }
            if client.conn.is_none() {
                client.conn = sim.conn(client.end);
                self.names.extend(client.conn);
            }
        }
        if !self.reactor.transport().listens() {
            self.leave_to_others(listened)?;
        }
        for index in 0..self.clients.len() {
            let client = &self.clients[index];
            let most = match client.reading {
                _ if client.ended.is_some() => usize::MAX,
                Reading::Prompt => usize::MAX,
                Reading::Slow if self.chance.one_in(4) => 1 + self.chance.size(2 * client.window),
                _ => 0,
            };
            self.read(index, most)?;
        }
        self.note_evictions(turn, self.evictions() > evictions);
        let left = self.reactor.metrics().guest_closes - closes;
        guests::check(&self.clients, left, turn, &self.rules, &self.ledger)?;
        for index in 0..self.clients.len() {
            self.around(index, |client, around| client.check_stuck(now, around))?;
        }
        self.retire()
    }

    fn accepted(&self) -> u64 {
        self.reactor.metrics().accepts[Accept::Accepted as usize]
    }

    fn evictions(&self) -> u64 {
        self.reactor.metrics().evictions.iter().sum()
    }

    fn note_evictions(&mut self, turn: u32, evicted: bool) {
        let held = |client: &Client| {
            let held = client.conn.map(|conn| self.reactor.backlog_bytes(conn));
            held.unwrap_or(0)
        };
        let held: Vec<u64> = self.clients.iter().map(held).collect();
        let published = self.ledger.bytes_of(turn);
        let message_max = self.rules.message_bytes_max() as u64;
        let sim = self.reactor.transport();
        evictions::note(
            &mut self.clients,
            turn,
            sim,
            &held,
            published,
            message_max,
            evicted,
        );
    }

    /// Whoever was not accepted before the listener was closed is another process's client, and none of ours.
    fn leave_to_others(&mut self, was_open: bool) -> Result<(), String> {
        let is_theirs = |client: &Client| client.conn.is_none() && client.ended.is_none();
        let lost = self.clients.iter().position(is_theirs);
        if let Some(index) = lost.filter(|_| was_open && self.rules.handover == Handover::Address) {
            return Err(self.blame(index, "it had connected, and the listener is closed".into()));
        }
        self.clients.retain(|client| !is_theirs(client));
        Ok(())
    }

    fn read(&mut self, index: usize, most: usize) -> Result<(), String> {
        let client = &mut self.clients[index];
        let bytes = self.reactor.transport_mut().receive(client.end, most);
        let heard = client.heard.len();
        let mut around = Around {
            ledger: &mut self.ledger,
            rules: &self.rules,
            draining: self.draining,
            exhausted: self.exhausted,
        };
        let told = client.hear(&bytes, &mut around).and_then(|()| {
            if client.is_witness() {
                witness::tell(client.dialect, &client.heard[heard..], &mut self.ledger)?;
            }
            client.follow(&self.ledger, &self.rules)
        });
        told.map_err(|why| self.blame(index, why))
    }

    /// Judges and forgets the clients whose connection the server has ended.
    fn retire(&mut self) -> Result<(), String> {
        let mut index = 0;
        while index < self.clients.len() {
            if self.clients[index].ended.is_none() {
                index += 1;
                continue;
            }
            self.around(index, |client, around| client.check_end(around))?;
            let is_alone = self.clients.iter().all(Client::is_witness);
            if self.clients[index].is_witness() && !is_alone && self.draining.is_none() {
                return Err(self.blame(index, "the witness is gone".into()));
            }
            let mut client = self.clients.remove(index);
            self.ledger.sessions.release(&mut client.owner);
            self.sim().forget(client.end);
            self.gone.push(client);
        }
        Ok(())
    }

    /// Much time passes; the diligent answer what they are asked.
    pub fn wait(&mut self, span: Millis) -> Result<(), String> {
        let until = self.sim_now() + span;
        let idle_turns_max = IDLE_TURNS_MAX + self.rules.unpacking_turns();
        self.sim().set_horizon(until);
        // Whoever reads at once is not kept from it for the whole time by a window of a byte.
        self.widen(|client| match client.reading {
            Reading::Prompt => client.window.max(4096),
            _ => client.window,
        });
        while self.sim_now() < until {
            self.act_diligently();
            self.turn()?;
            if self.idle_turns > idle_turns_max && self.draining.is_none() {
                return Err(format!("the loop spins in {span:?}"));
            }
        }
        self.widen(|client| client.window);
        for index in 0..self.clients.len() {
            self.around(index, |client, around| client.check_overdue(around))?;
        }
        Ok(())
    }

    /// Everybody reads everything until nothing moves; then nothing may be missing.
    pub fn settle(&mut self) -> Result<(), String> {
        self.widen(|client| client.window.max(64 << 10));
        for turn in 0.. {
            for index in 0..self.clients.len() {
                self.read(index, usize::MAX)?;
            }
            self.act_diligently();
            self.turn()?;
            let sim = self.reactor.transport();
            let unread = self.clients.iter().any(|client| sim.unread(client.end) > 0);
            let knocks = sim.listens() && sim.knocking() > 0;
            let waits =
                knocks && !self.reactor.has_no_place() || self.reactor.is_short_of_kernel_memory();
            let moves = waits || sim.is_restless() || self.reactor.is_busy();
            if !unread && !moves {
                break;
            }
            if turn > TURNS_MAX {
                return Err("the loop does not come to rest".into());
            }
        }
        self.widen(|client| client.window);
        for index in 0..self.clients.len() {
            let rested = self.clients[index].rest(&self.ledger, &self.rules);
            rested.map_err(|why| self.blame(index, why))?;
            self.around(index, |client, around| client.check_settled(around))?;
        }
        self.follow_gone()?;
        self.check_balance()
    }

    pub fn act_diligently(&mut self) {
        for index in 0..self.clients.len() {
            if self.clients[index].diligent {
                self.act(index, usize::MAX);
            }
        }
    }

    fn widen(&mut self, window: impl Fn(&Client) -> usize) {
        for client in &self.clients {
            let sim = self.reactor.transport_mut();
            sim.resize(client.end, window(client) as u32);
        }
    }

    fn around(
        &mut self,
        index: usize,
        check: impl FnOnce(&Client, &Around<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let around = Around {
            ledger: &mut self.ledger,
            rules: &self.rules,
            draining: self.draining,
            exhausted: self.exhausted,
        };
        check(&self.clients[index], &around).map_err(|why| self.blame(index, why))
    }

    pub fn blame(&self, index: usize, why: String) -> String {
        let client = self.clients[index].describe(&self.ledger);
        format!("turn {}: {client}: {why}", self.next_turn())
    }

    pub fn next_turn(&self) -> u32 {
        self.ledger.times.len() as u32
    }

    pub fn sim(&mut self) -> &mut Sim {
        self.reactor.transport_mut()
    }

    fn sim_now(&self) -> Millis {
        self.reactor.transport().now().millis()
    }
}
