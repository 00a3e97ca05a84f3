//! All connections of a run and the one loop that drives them: connect, wait, close.
//!
//! One poll, one read buffer, one thread. What a message means is the sink's business. Tokens that belong to no
//! client are handed to the caller as visitors after each turn. Every loop here ends at its deadline at the latest.

use std::time::Duration;

use mio::{Registry, Token};

use crate::client::connection::{Client, Context, End};
use crate::client::failure::Failure;
use crate::client::kit::{Kit, READ_BYTES};
use crate::client::outcome::Outcome;
use crate::client::poller::{EVENTS_MAX, Poller};
use crate::client::schedule::Schedule;
use crate::client::sources::Sources;
use crate::error::Error;
use crate::measure::clock::{Clock, Micros, after};
use crate::measure::meter::Moment;
use crate::measure::sink::Sink;
use crate::target::group::Group;
use crate::target::server::Target;

/// Connections or closes started a turn, so that the others are not kept waiting.
pub const STARTS_MAX: usize = 32;

/// Events a turn of those that do not come first, where others do.
const OTHERS_EVENTS_MAX: usize = 32;

/// The token of the poll of those that come first.
const FIRST: Token = Token(usize::MAX);

/// How fast connections are made.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// When each of them is due.
    pub schedule: Schedule,
    /// Handshakes under way at any time, at most.
    pub in_flight_max: usize,
    /// A handshake that takes longer has failed.
    pub handshake_timeout: Duration,
}

/// The clients and their loop.
#[derive(Debug)]
pub struct Crowd {
    poller: Poller,
    /// Clients from this one on come first.
    first: Option<(Poller, u32)>,
    visitors: Vec<Token>,
    buffer: Box<[u8]>,
    kit: Kit,
    /// The server.
    pub target: Target,
    clients: Vec<Client>,
    /// Those whose receive buffer is to be so small, in bytes.
    small: Option<(Group, usize)>,
    /// What became of the clients so far.
    pub outcome: Outcome,
}

impl Crowd {
    /// The clients of `target`, that have not connected yet, for frames of up to `payload_max` bytes.
    pub fn new(target: Target, payload_max: usize, clock: Clock) -> Result<Crowd, Error> {
        let count = target.seating.clients();
        let kit = Kit::new(clock, payload_max);
        let mut clients = Vec::new();
        clients.resize_with(count as usize, Client::default);
        Ok(Crowd {
            poller: Poller::new(clock).map_err(|error| Error::new("opening a poll", error))?,
            first: None,
            visitors: Vec::new(),
            buffer: vec![0; READ_BYTES].into(),
            kit,
            target,
            clients,
            small: None,
            outcome: Outcome::default(),
        })
    }

    /// Gives the clients of `group` a receive buffer of so many bytes when they connect.
    pub fn shrink_buffers(&mut self, group: Group, bytes: usize) {
        self.small = Some((group, bytes));
    }

    /// Has clients from `from` on come first: what they are sent is read in the turn in which it comes, however much the
    /// others are sent. Nobody has connected yet.
    pub fn put_first(&mut self, from: u32) -> Result<(), Error> {
        let clock = self.clock();
        let polls = || {
            let (first, others) = (Poller::new(clock)?, Poller::of(OTHERS_EVENTS_MAX, clock)?);
            others.watch(&first, FIRST)?;
            Ok((first, others))
        };
        let (first, others) = polls().map_err(|error| Error::new("opening a poll", error))?;
        self.poller = others;
        self.first = Some((first, from));
        Ok(())
    }

    /// Connects every client that waits for it. Those that are not open at the deadline have failed.
    pub fn connect(
        &mut self,
        pace: Pace,
        sources: Sources,
        deadline: Micros,
        sink: &mut impl Sink,
        mut progress: impl FnMut(u32),
    ) -> Result<(), Error> {
        let is_waiting = |&id: &u32| self.clients[id as usize].is_waiting();
        let queue: Vec<u32> = (0..self.clients.len() as u32).filter(is_waiting).collect();
        let count = queue.len() as u32;
        let mut oldest = 0;
        loop {
            let now = self.clock().now();
            oldest = self.expire(&queue, oldest, now, pace.handshake_timeout);
            if now >= deadline {
                self.give_up_connecting(&queue);
                return Ok(());
            }
            for _ in 0..STARTS_MAX {
                let next = self.outcome.started;
                let due = next < count && pace.schedule.due(next) <= now;
                if !due || self.outcome.connecting() >= pace.in_flight_max {
                    break;
                }
                self.start(queue[next as usize], sources);
            }
            progress(self.outcome.opened);
            let next = self.outcome.started;
            if next == count && self.outcome.connecting() == 0 {
                return Ok(());
            }
            let room = next < count && self.outcome.connecting() < pace.in_flight_max;
            let until = if room {
                pace.schedule.due(next)
            } else {
                deadline
            };
            self.turn(until, sink)?;
        }
    }

    /// Handles what is ready. If nothing is, waits for it, but no longer than `until` or 50 ms.
    pub fn turn(&mut self, until: Micros, sink: &mut impl Sink) -> Result<(), Error> {
        self.poller
            .wait(until)
            .map_err(|error| Error::new("polling", error))?;
        self.visitors.clear();
        if let Some((first, _)) = &mut self.first {
            first.look().map_err(|error| Error::new("polling", error))?;
        }
        let first = self.first.iter().flat_map(|(first, _)| first.events());
        for event in first.chain(self.poller.events()) {
            let token = event.token();
            let Some(client) = self.clients.get_mut(token.0) else {
                self.visitors.extend((token != FIRST).then_some(token));
                continue;
            };
            let mut context = Context {
                id: token.0 as u32,
                target: &self.target,
                kit: &mut self.kit,
                sink,
            };
            let step = client.ready(event, &mut self.buffer, &mut context);
            self.outcome.step(step);
        }
        Ok(())
    }

    /// Handles what is ready, of every client once, and waits for nothing.
    pub fn attend(&mut self, sink: &mut impl Sink) -> Result<(), Error> {
        for _ in 0..=self.clients.len() / EVENTS_MAX {
            self.turn(Micros(0), sink)?;
        }
        Ok(())
    }

    /// Cuts every connection without a word, all at once; the clients may connect again. What became of them before is
    /// returned, and counted no more.
    pub fn cut(&mut self) -> Outcome {
        self.clients.iter_mut().for_each(Client::cut);
        std::mem::take(&mut self.outcome)
    }

    /// Lets those that came to their end connect again, and says how many that are. What became of all of them before
    /// is returned, and counted no more.
    pub fn retry(&mut self) -> Outcome {
        let ended = self.clients.iter_mut().filter(|client| client.is_ended());
        ended.for_each(Client::cut);
        std::mem::take(&mut self.outcome)
    }

    /// One of the clients.
    pub fn client(&mut self, client: u32) -> &mut Client {
        &mut self.clients[client as usize]
    }

    /// `client` reads again, and first of all what came meanwhile.
    pub fn resume(&mut self, client: u32, sink: &mut impl Sink) {
        let mut context = Context {
            id: client,
            target: &self.target,
            kit: &mut self.kit,
            sink,
        };
        let step = self.clients[client as usize].resume(&mut self.buffer, &mut context);
        self.outcome.step(step);
    }

    /// Sends `payload` from `client` as one text message; says whether the client is still there.
    pub fn send(&mut self, client: u32, payload: &[u8]) -> bool {
        let sent = self.clients[client as usize].send_text(payload, &mut self.kit);
        self.outcome.sent(sent)
    }

    /// Sends bytes that are frames already from `client`; says whether the client is still there.
    pub fn send_raw(&mut self, client: u32, bytes: &[u8]) -> bool {
        let sent = self.client(client).send_raw(bytes);
        self.outcome.sent(sent)
    }

    /// Has `client` say that it sends nothing more, and read on until the server ends the connection.
    pub fn hang_up(&mut self, client: u32) {
        let hung_up = self.client(client).hang_up();
        self.outcome.sent(hung_up);
    }

    /// Cuts the connection of `client` without a word; it may connect again.
    pub fn cut_one(&mut self, client: u32) {
        self.client(client).cut();
    }

    /// Whether `client` waits for the server to end its connection.
    pub fn is_closing(&self, client: u32) -> bool {
        self.clients[client as usize].is_closing()
    }

    /// Whether `client` is connected and nobody closes it.
    pub fn is_open(&self, client: u32) -> bool {
        self.clients[client as usize].is_open()
    }

    /// Closes every open client and waits for the answers; at most `in_flight_max` of them are outstanding.
    pub fn close(
        &mut self,
        in_flight_max: usize,
        deadline: Micros,
        sink: &mut impl Sink,
        mut progress: impl FnMut(u32),
    ) -> Result<(), Error> {
        let mut next = 0;
        let ended = self.outcome.closed();
        let mut asked = 0;
        loop {
            for _ in 0..STARTS_MAX {
                if next == self.clients.len()
                    || asked - (self.outcome.closed() - ended) >= in_flight_max
                {
                    break;
                }
                let client = &mut self.clients[next];
                next += 1;
                if client.is_open() {
                    asked += 1;
                    self.outcome
                        .sent(client.close(self.target.way, &mut self.kit));
                }
            }
            let done = self.outcome.closed() - ended;
            progress(done as u32);
            if next == self.clients.len() && done == asked {
                return Ok(());
            }
            if self.clock().now() >= deadline {
                self.drop_all();
                return Ok(());
            }
            let room = next < self.clients.len() && asked - done < in_flight_max;
            let until = if room { Micros(0) } else { deadline };
            self.turn(until, sink)?;
        }
    }

    /// Drops every connection without a word; those that were open or closing count as not cleanly closed.
    pub fn drop_all(&mut self) {
        for client in &mut self.clients {
            if client.is_closing() {
                self.outcome.ended(client.end(Failure::Timeout));
            } else if client.is_open() {
                client.end(Failure::Timeout);
                self.outcome.ended(End::Unclean(Failure::Timeout));
            }
        }
    }

    /// Connections that are open now and not closing.
    pub fn open(&self) -> u32 {
        let open = self.clients.iter().filter(|client| client.is_open());
        open.count() as u32
    }

    /// The run's clock.
    pub fn clock(&self) -> Clock {
        self.kit.clock
    }

    /// Where others may register sockets, with tokens from [`Crowd::visitor`].
    pub fn registry(&self) -> &Registry {
        self.poller.registry()
    }

    /// The token of visitor `index`, which no client has.
    pub fn visitor(&self, index: usize) -> Token {
        Token(self.clients.len() + index)
    }

    /// The visitors that the last turn found ready.
    pub fn visitors(&self) -> impl Iterator<Item = usize> {
        let clients = self.clients.len();
        self.visitors.iter().map(move |token| token.0 - clients)
    }

    /// What the loop knows of the time.
    pub fn moment(&self) -> Moment {
        Moment {
            now: self.clock().now(),
            idle_us: self.poller.idle_us,
        }
    }

    /// Begins to connect a client that waits for it.
    pub fn start(&mut self, id: u32, sources: Sources) {
        let clock = self.clock();
        let token = Token(id as usize);
        let client = &mut self.clients[id as usize];
        self.outcome.started += 1;
        let first = self.first.as_ref().filter(|(_, from)| id >= *from);
        let poller = first.map_or(&self.poller, |(first, _)| first);
        let place = (poller.registry(), token);
        let small = self.small.filter(|(group, _)| group.has(id));
        let small = small.map(|(_, bytes)| bytes);
        let source = sources.address(id);
        let target = &self.target;
        if let Err(failure) = client.connect(target, source, small, place, clock) {
            self.outcome.ended(client.end(failure));
        }
    }

    /// Fails the handshakes that take too long. Clients started in order, so those before `oldest` are past it.
    fn expire(&mut self, queue: &[u32], mut oldest: u32, now: Micros, timeout: Duration) -> u32 {
        while oldest < self.outcome.started {
            let client = &mut self.clients[queue[oldest as usize] as usize];
            if let Some(since) = client.connecting_since() {
                if now < after(since, timeout) {
                    break;
                }
                self.outcome.ended(client.end(Failure::Timeout));
            }
            oldest += 1;
        }
        oldest
    }

    fn give_up_connecting(&mut self, queue: &[u32]) {
        self.expire(queue, 0, Micros(u64::MAX), Duration::ZERO);
        let count = queue.len() as u32;
        self.outcome.never_started(count - self.outcome.started);
    }
}

#[cfg(test)]
mod tests;
