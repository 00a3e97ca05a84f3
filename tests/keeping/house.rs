//! A server whose engine holds back what it is given, and clients that do what the test says.

use roomcast::apps::Apps;
use roomcast::apps::access::Access;
use roomcast::apps::all::{self, Options};
use roomcast::bounds::Bounds;
use roomcast::engine::Outcome;
use roomcast::reactor::Reactor;
use roomcast::time::{Millis, Unix};
use roomcast::transport::Transport;
use serde_json::Value;

use crate::engine::{Hand, Holding, Kept, holding, sharing};
use crate::network::{Client, Sim};

/// Turns after which a loop that has not come to rest never will.
const TURNS_MAX: u32 = 10_000;

pub struct House {
    reactor: Reactor<Sim>,
    pub hand: Hand,
    bounds: Bounds,
}

/// An answer: its status, and its body, if that is JSON.
pub type Answer = (u16, Value);

impl House {
    /// A server that has kept nothing yet, with the default limits, changed by `change`.
    pub fn new(change: impl FnOnce(&mut Bounds)) -> House {
        let mut bounds = Bounds::default();
        change(&mut bounds);
        let mut house = House::begun(Kept::default(), bounds, None).unwrap();
        house.commit();
        house
    }

    /// A hub that may share what is kept with others.
    pub fn sharing() -> House {
        let mut house = House::begun_on(sharing(), Bounds::default(), None).unwrap();
        house.commit();
        house
    }

    /// Another hub, that shares what is kept with this one.
    pub fn beside(&self) -> House {
        self.hand.heard();
        let began = Unix(self.reactor.transport().now().unix.0 + 1);
        House::begun_on(self.hand.shared(), self.bounds, Some(began)).unwrap()
    }

    /// What has been made so at this hub is heard by the other.
    pub fn tell_other(&self, other: &mut House) {
        for heard in self.hand.heard() {
            other.tell(Outcome::Heard(heard));
        }
    }

    /// The next process on the same store, that begins so many milliseconds after this one by the wall clock.
    pub fn again(self, after: i64) -> House {
        let kept = self.hand.kept();
        self.again_with(kept, after).unwrap()
    }

    /// The next process with other limits.
    pub fn again_bounded(mut self, change: impl FnOnce(&mut Bounds)) -> House {
        change(&mut self.bounds);
        self.again(0)
    }

    /// The same on another store, and why it does not begin, if it does not.
    pub fn again_with(self, kept: Kept, after: i64) -> Result<House, String> {
        let unix = self.reactor.transport().now().unix;
        let began = Unix(unix.0.saturating_add_signed(after));
        House::begun(kept, self.bounds, Some(began))
    }

    fn begun(kept: Kept, bounds: Bounds, began: Option<Unix>) -> Result<House, String> {
        House::begun_on(holding(kept), bounds, began)
    }

    fn begun_on(
        (engine, hand): (Holding, Hand),
        bounds: Bounds,
        began: Option<Unix>,
    ) -> Result<House, String> {
        // No process makes the names of another.
        let mut sim = Sim::new(began.map_or(1, |began| began.0));
        if let Some(began) = began {
            sim.begin(began);
        }
        let options = Options {
            echo: false,
            pages: false,
            secret: b"a secret of these tests, of 32 bytes",
        };
        let access = Access::new(Vec::new(), Vec::new(), ([127, 0, 0, 1], 8080).into());
        let apps = Apps::new(access, all::enabled(&options, &bounds));
        let reactor = Reactor::new(sim, bounds, apps).unwrap();
        let mut house = House {
            reactor: reactor.keeping(Box::new(engine)),
            hand,
            bounds,
        };
        house.reactor.turn().map_err(|error| error.to_string())?;
        house.settle();
        Ok(house)
    }

    fn turn(&mut self) {
        self.reactor.turn().unwrap();
        self.reactor.check_invariants();
    }

    /// Turns until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            self.turn();
            if !self.reactor.is_busy() && !self.reactor.transport().is_restless() {
                return;
            }
        }
        panic!("the loop does not come to rest");
    }

    /// Lets time pass, and everything that becomes due happen; how many turns that took.
    pub fn wait(&mut self, span: Millis) -> u32 {
        let until = self.reactor.transport().now().millis() + span;
        self.reactor.transport_mut().set_horizon(until);
        let mut turns = 0;
        while self.reactor.transport().now().millis() < until {
            self.turn();
            turns += 1;
        }
        self.settle();
        turns
    }

    /// All that waits becomes so, and what comes of that, too.
    pub fn commit(&mut self) {
        while self.hand.waiting() > 0 {
            self.commit_once();
        }
    }

    /// All that waits becomes so, and what comes of that waits.
    pub fn commit_once(&mut self) {
        self.hand.commit();
        self.settle();
    }

    /// All that waits fails.
    pub fn fail(&mut self) {
        self.hand.fail();
        self.settle();
    }

    /// The engine tells this.
    pub fn tell(&mut self, outcome: Outcome) {
        self.hand.tell(outcome);
        self.settle();
    }

    /// The ground, which is moved by what follows.
    pub fn ground(&mut self) -> &mut Sim {
        self.reactor.transport_mut()
    }

    /// Bytes that wait for clients.
    pub fn held_bytes(&self) -> u64 {
        self.reactor.budgeted_bytes()
    }

    /// A client that has asked this, and been answered if nothing has to be kept for that.
    pub fn asks(&mut self, method: &str, path: &str, body: &str) -> Client {
        let client = self.reactor.transport_mut().connect();
        let length = body.len();
        self.send(
            client,
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
                .as_bytes(),
        );
        client
    }

    /// A question, and its answer, all that it needs being kept.
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let client = self.asks(method, path, body);
        self.commit();
        self.answer(client).expect("it is answered")
    }

    /// The same with nothing being kept for it.
    pub fn ask_now(&mut self, method: &str, path: &str) -> Answer {
        let client = self.asks(method, path, "");
        self.answer(client).expect("it is answered")
    }

    /// A client on a WebSocket says this.
    pub fn say(&mut self, client: Client, message: &Value) {
        let text = message.to_string();
        assert!(text.len() < 126);
        // A mask of zeros leaves it as it is.
        let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
        frame.extend(text.as_bytes());
        self.send(client, &frame);
    }

    /// What has been answered, if anything has.
    pub fn answer(&mut self, client: Client) -> Option<Answer> {
        let bytes = self.receive(client);
        if bytes.is_empty() {
            return None;
        }
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head[9..12].parse().unwrap();
        if status == 503 {
            assert!(head.contains("\r\nRetry-After: "), "{head}");
        }
        Some((status, serde_json::from_str(body).unwrap_or_default()))
    }

    /// A client on a WebSocket.
    pub fn open(&mut self, path: &str) -> Client {
        let client = self.reactor.transport_mut().connect();
        let upgrade = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        self.reactor
            .transport_mut()
            .send(client, upgrade.as_bytes());
        // The head of the 101 and no more: what follows are messages.
        self.settle();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = self.reactor.transport_mut().receive(client, 1);
            assert!(!byte.is_empty(), "{}", String::from_utf8_lossy(&head));
            head.extend(byte);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{path}");
        client
    }

    /// What has come for a client on a WebSocket: texts as JSON, and the code of a close as a number.
    pub fn heard(&mut self, client: Client) -> Vec<Value> {
        let bytes = self.receive(client);
        let mut rest = &bytes[..];
        let mut heard = Vec::new();
        while let [first, second, behind @ ..] = rest {
            let (length, behind) = match second {
                126 => {
                    let length = u16::from_be_bytes([behind[0], behind[1]]);
                    (usize::from(length), &behind[2..])
                }
                short => (usize::from(*short), behind),
            };
            let (payload, behind) = behind.split_at(length);
            match first {
                0x81 => heard.push(serde_json::from_slice(payload).unwrap()),
                0x88 => heard.push(u16::from_be_bytes([payload[0], payload[1]]).into()),
                other => panic!("a frame that begins with {other:#x}"),
            }
            rest = behind;
        }
        heard
    }

    pub fn send(&mut self, client: Client, bytes: &[u8]) {
        self.reactor.transport_mut().send(client, bytes);
        self.settle();
    }

    /// What has come for a client.
    pub fn receive(&mut self, client: Client) -> Vec<u8> {
        self.reactor.transport_mut().receive(client, usize::MAX)
    }

    /// How many records an app says that it has.
    pub fn count(&self, app: roomcast::id::AppId) -> u64 {
        self.reactor.metrics().records[app as usize]
    }
}

/// The code of an answer that refuses.
pub fn refused(answer: &Answer) -> (u16, &str) {
    (
        answer.0,
        answer.1["error"]["code"].as_str().unwrap_or("none"),
    )
}
