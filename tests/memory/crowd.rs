//! Very many simulated clients of the events app, of which only numbers are kept.
//!
//! **What is measured.** Heap bytes as they are asked for, on the thread of the test, without what the allocator adds
//! to each allocation. The simulated network reserves its tables beforehand, outside of what is measured as the
//! server's, keeps nothing that clients are sent, and frees what clients send once it is read: so between two turns
//! whatever was allocated while measuring, and is still there, is the server's.

use super::network::{Client, Sim};
use allocation_counter::{AllocationInfo, measure};
use roomcast::apps::access::Access;
use roomcast::apps::events::Events;
use roomcast::apps::{App, Apps};
use roomcast::bounds::{Bounds, HistoryBounds};
use roomcast::id::AppId;
use roomcast::reactor::{Flow, Reactor};
use roomcast::time::Millis;
use roomcast::transport::{Ready, Transport};

/// Clients that come together: what the server is told of in one wait.
pub const BATCH: usize = 1000;

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

pub struct Crowd {
    pub reactor: Reactor<Sim>,
    pub bounds: Bounds,
    clients: Vec<Client>,
    publisher: Option<Client>,
}

/// A network with room for so many clients.
pub fn network(connections: usize) -> Sim {
    let mut sim = Sim::new(1);
    // And for a batch that comes back before those who were cut off have been buried.
    sim.reserve(connections + BATCH + 1);
    sim.discard(true);
    sim
}

impl Crowd {
    /// A server for so many clients and a publisher, which keeps what was published as the settings have it.
    pub fn new(sim: Sim, connections: usize) -> Crowd {
        Crowd::keeping(HistoryBounds::USUAL, sim, connections)
    }

    /// The same, which keeps nothing, so that whatever is held at rest is a client's.
    pub fn keeping_nothing(sim: Sim, connections: usize) -> Crowd {
        let nothing = HistoryBounds {
            messages_max: 0,
            ..HistoryBounds::USUAL
        };
        Crowd::keeping(nothing, sim, connections)
    }

    fn keeping(history: HistoryBounds, sim: Sim, connections: usize) -> Crowd {
        let mut bounds = Bounds {
            connections_max: connections as u32 + 1,
            // Nobody answers a ping here.
            pong_timeout: Millis::seconds(3600),
            keep_alive: Millis::seconds(3600),
            ..Bounds::default()
        };
        bounds.app_mut(AppId::Events).history = history;
        let access = Access::new(Vec::new(), Vec::new(), ([127, 0, 0, 1], 8080).into());
        let events: [(AppId, Box<dyn App>); 1] = [(AppId::Events, Box::new(Events))];
        Crowd {
            reactor: Reactor::new(sim, bounds, Apps::new(access, events)).unwrap(),
            bounds,
            clients: Vec::new(),
            publisher: None,
        }
    }

    /// So many clients come in and are upgraded, a thousand at a time, each thousand `apart` from the one before.
    pub fn enter(&mut self, connections: usize, apart: Millis) {
        self.clients.reserve_exact(connections);
        for begin in (0..connections).step_by(BATCH) {
            let sim = self.reactor.transport_mut();
            for _ in begin..connections.min(begin + BATCH) {
                let client = sim.connect();
                sim.send(client, UPGRADE.as_bytes());
                self.clients.push(client);
            }
            self.settle();
            self.pass(apart);
        }
    }

    /// Everybody is gone, the publisher too.
    pub fn leave(&mut self) {
        let mut clients = std::mem::take(&mut self.clients);
        clients.extend(self.publisher.take());
        for batch in clients.chunks(BATCH) {
            for &client in batch {
                self.reactor.transport_mut().forget(client);
            }
            self.settle();
        }
    }

    /// Everybody is cut off at the same moment, and as many come back within a second.
    pub fn storm(&mut self) {
        let mut clients = std::mem::take(&mut self.clients);
        let connections = clients.len();
        for client in clients.drain(..) {
            self.reactor.transport_mut().forget(client);
        }
        self.clients = clients;
        let batches = connections.div_ceil(BATCH) as u64;
        self.enter(connections, Millis(1000 / batches));
    }

    /// Publishes an event, and counts what each client got of it: all of them the same number of bytes.
    pub fn tell(&mut self, payload_bytes: usize) -> u64 {
        let before = self.received();
        self.publish(1, payload_bytes);
        self.settle();
        let mut bytes = self.received().into_iter().zip(before);
        let mut got = bytes.by_ref().map(|(after, before)| after - before);
        let first = got.next().unwrap();
        assert!(got.all(|bytes| bytes == first), "some got more than others");
        first
    }

    /// All bytes that ever came, for each client.
    fn received(&self) -> Vec<u64> {
        let sim = self.reactor.transport();
        self.clients
            .iter()
            .map(|&client| sim.received(client))
            .collect()
    }

    /// From now on what clients are sent is kept until they read it.
    pub fn listen(&mut self) {
        self.reactor.transport_mut().discard(false);
    }

    /// What came for each client since it listens, by the order in which they came in.
    pub fn heard(&mut self) -> impl Iterator<Item = Vec<u8>> {
        let Crowd {
            reactor, clients, ..
        } = self;
        let sim = reactor.transport_mut();
        clients
            .iter()
            .map(|&client| sim.receive(client, usize::MAX))
    }

    /// The publisher has nothing more to say.
    pub fn dismiss_publisher(&mut self) {
        if let Some(publisher) = self.publisher.take() {
            self.reactor.transport_mut().forget(publisher);
            self.settle();
        }
    }

    /// The server is asked to go away.
    pub fn shut_down(&mut self) {
        self.reactor.transport_mut().stray(Ready::Shutdown);
    }

    /// Lets time pass until then, or until the loop says that all have gone.
    pub fn turn_until(&mut self, until: Millis) -> Flow {
        self.reactor.transport_mut().set_horizon(until);
        while self.now() < until {
            if self.reactor.turn().unwrap() == Flow::Exit {
                return Flow::Exit;
            }
        }
        Flow::Continue
    }

    /// Whether the server has ended its side, for each client by the order in which they came in.
    pub fn ended(&self) -> impl Iterator<Item = bool> {
        let sim = self.reactor.transport();
        self.clients.iter().map(|&client| sim.is_ended(client))
    }

    /// Publishes so many events with payloads of so many bytes, all of them at once.
    pub fn publish(&mut self, events: usize, payload_bytes: usize) {
        let pad = "x".repeat(payload_bytes);
        let body = format!(r#"{{"type":"a:b","payload":{{"pad":"{pad}"}}}}"#);
        let length = body.len();
        let head = "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\n";
        let request = format!("{head}Content-Length: {length}\r\n\r\n{body}").repeat(events);
        let sim = self.reactor.transport_mut();
        let publisher = *self.publisher.get_or_insert_with(|| sim.connect());
        sim.send(publisher, request.as_bytes());
    }

    /// Turns until nothing is left to do at this moment.
    pub fn settle(&mut self) {
        while self.reactor.transport().is_restless() || self.reactor.is_busy() {
            self.reactor.turn().unwrap();
        }
    }

    /// Lets time pass, and everything that becomes due happen.
    pub fn pass(&mut self, span: Millis) {
        let until = self.now() + span;
        self.reactor.transport_mut().set_horizon(until);
        while self.now() < until {
            self.reactor.turn().unwrap();
        }
        self.settle();
    }

    pub fn now(&self) -> Millis {
        self.reactor.transport().now().millis()
    }

    pub fn members(&self) -> u64 {
        self.reactor.metrics().connections[AppId::Events as usize]
    }

    pub fn delivered(&self) -> u64 {
        self.reactor.metrics().messages_delivered[AppId::Events as usize]
    }

    pub fn writes(&self) -> u64 {
        self.reactor.transport().writes()
    }
}

/// What `act` allocates and frees, and what it gives.
pub fn measured<R>(act: impl FnOnce() -> R) -> (AllocationInfo, R) {
    let mut result = None;
    let info = measure(|| result = Some(act()));
    (info, result.unwrap())
}
