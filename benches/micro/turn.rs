//! Whole turns of the loop, on the simulated network: everything but the kernel.

mod calls;

use super::network::{Client, Sim};
use roomcast::apps::Apps;
use roomcast::apps::access::Access;
use roomcast::apps::all::{self, Options};
use roomcast::bounds::Bounds;
use roomcast::id::AppId;
use roomcast::reactor::Reactor;

use crate::harness::Table;
use crate::wire::{UPGRADE, frame};

/// A server and a client that is no member.
struct House {
    reactor: Reactor<Sim>,
    visitor: Client,
}

impl House {
    fn new() -> House {
        House::of(|_| ())
    }

    /// The same with other limits.
    fn of(change: impl FnOnce(&mut Bounds)) -> House {
        let mut bounds = Bounds {
            connections_max: 100_000,
            ..Bounds::default()
        };
        // Soon full, so that what is kept gives way to what comes.
        bounds.app_mut(AppId::Events).history.messages_max = 4;
        change(&mut bounds);
        let options = Options {
            echo: true,
            pages: false,
            secret: b"no secret",
        };
        let listener = ([127, 0, 0, 1], 8080).into();
        let access = Access::new(Vec::new(), Vec::new(), listener);
        let apps = Apps::new(access, all::enabled(&options, &bounds));
        let mut sim = Sim::new(1);
        sim.discard(true);
        let visitor = sim.connect();
        let reactor = Reactor::new(sim, bounds, apps).unwrap();
        House { reactor, visitor }
    }

    /// Turns until nothing is left to do.
    fn settle(&mut self) {
        while self.reactor.is_busy() || self.reactor.transport().is_restless() {
            self.reactor.turn().unwrap();
        }
    }

    fn send(&mut self, client: Client, bytes: &[u8]) {
        self.reactor.transport_mut().send(client, bytes);
    }

    /// The body of what the visitor is answered.
    fn ask(&mut self, request: &str) -> String {
        self.reactor.transport_mut().discard(false);
        self.send(self.visitor, request.as_bytes());
        self.settle();
        let answer = self
            .reactor
            .transport_mut()
            .receive(self.visitor, usize::MAX);
        self.reactor.transport_mut().discard(true);
        let answer = String::from_utf8(answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        body.to_owned()
    }

    /// So many members of the app behind this path.
    fn join(&mut self, path: &str, members: usize) -> Vec<Client> {
        let upgrade = String::from_utf8(UPGRADE.to_vec()).unwrap();
        let upgrade = upgrade.replace("GET /ws ", &format!("GET {path} "));
        let joined = (0..members).map(|_| {
            let client = self.reactor.transport_mut().connect();
            self.send(client, upgrade.as_bytes());
            client
        });
        let joined = joined.collect();
        self.settle();
        joined
    }
}

pub fn measure(table: &mut Table) {
    measure_idling(table);
    measure_publishing(table);
    measure_entering(table);
    measure_echo(table);
    calls::measure(table);
}

fn measure_idling(table: &mut Table) {
    let name = "turn: nothing to do, with 1,000 members";
    if table.wants(name) {
        let mut house = House::new();
        house.join("/ws", 1000);
        table.row(name, 1, 0.0, || {
            house.reactor.turn().unwrap();
        });
    }
}

fn measure_publishing(table: &mut Table) {
    let body = format!(
        r#"{{"type":"chat:said","payload":{{"text":"{}"}}}}"#,
        "x".repeat(100)
    );
    let length = body.len();
    let publish = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    for (members, text, most) in [
        (1, "1", 22.0),
        (1000, "1,000", 0.04),
        (10_000, "10,000", 0.004),
    ] {
        let name = format!("turn: publish an event, for each of {text} members");
        if table.wants(&name) {
            let mut house = House::new();
            house.join("/ws", members);
            table.row(&name, members, most, || {
                house.send(house.visitor, publish.as_bytes());
                house.settle();
            });
        }
    }
}

fn measure_entering(table: &mut Table) {
    let name = "turn: accept, upgrade, welcome and lose a member, of 100";
    if table.wants(name) {
        let mut house = House::new();
        table.row(name, 100, 15.5, || {
            for client in house.join("/ws", 100) {
                house.reactor.transport_mut().reset(client);
                house.reactor.transport_mut().forget(client);
            }
            house.settle();
        });
    }
    let name = "turn: answer /healthz";
    if table.wants(name) {
        let mut house = House::new();
        table.row(name, 1, 10.0, || {
            house.send(
                house.visitor,
                b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            );
            house.settle();
        });
    }
}

fn measure_echo(table: &mut Table) {
    let message = frame(0x81, &[b'x'; 100]);
    for members in [1, 1000] {
        let name = format!("turn: echo a message of 100 B, from each of {members}");
        if table.wants(&name) {
            let mut house = House::new();
            let clients = house.join("/echo", members);
            table.row(&name, members, 2.0, || {
                clients
                    .iter()
                    .for_each(|client| house.send(*client, &message));
                house.settle();
            });
        }
    }
}
