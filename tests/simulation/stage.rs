//! A server and a few clients under the hands of one test: the helpers that keep scenarios a few lines long.

use super::network::{Client, Sim};
use roomcast::bounds::Bounds;
use roomcast::id::AppId;
use roomcast::reactor::{Flow, Reactor};
use roomcast::time::Millis;
use roomcast::transport::{Ready, Transport};

use super::model::runs::rules::KEY;
use super::model::runs::world;
use super::model::wire::answers::{self, Answer};
use super::model::wire::frames::{self, Received, frame};

pub struct Stage {
    pub reactor: Reactor<Sim>,
    publisher: Option<Client>,
    /// Whether the loop has said that everybody has gone.
    pub exited: bool,
}

impl Stage {
    /// A server with the default limits, changed by `change`.
    pub fn new(change: impl FnOnce(&mut Bounds)) -> Stage {
        let mut bounds = Bounds {
            connections_max: 64,
            ..Bounds::default()
        };
        change(&mut bounds);
        Stage::of(world::reactor(Sim::new(7), bounds))
    }

    /// The same, and nothing is kept of what nobody waits for any more.
    pub fn forgetful(change: impl FnOnce(&mut Bounds)) -> Stage {
        Stage::new(|bounds| {
            for app in AppId::ALL {
                bounds.app_mut(app).history.messages_max = 0;
            }
            change(bounds);
        })
    }

    /// This server.
    pub fn of(reactor: Reactor<Sim>) -> Stage {
        Stage {
            reactor,
            publisher: None,
            exited: false,
        }
    }

    pub fn sim(&mut self) -> &mut Sim {
        self.reactor.transport_mut()
    }

    pub fn now(&self) -> Millis {
        self.reactor.transport().now().millis()
    }

    pub fn turn(&mut self) {
        self.exited |= self.reactor.turn().unwrap() == Flow::Exit;
        self.reactor.check_invariants();
    }

    /// Turns until nothing is left to do at this moment.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.reactor.transport().is_restless() && !self.reactor.is_busy() {
                return;
            }
            self.turn();
        }
        panic!("the loop does not come to rest");
    }

    /// Lets time pass, and everything that becomes due happen.
    pub fn wait(&mut self, span: Millis) {
        let until = self.now() + span;
        self.sim().set_horizon(until);
        while self.now() < until {
            self.turn();
        }
        self.settle();
    }

    pub fn shut_down(&mut self) {
        self.sim().stray(Ready::Shutdown);
        self.turn();
    }

    pub fn send(&mut self, client: Client, bytes: impl AsRef<[u8]>) {
        self.sim().send(client, bytes.as_ref());
        self.settle();
    }

    /// A client that has sent this and been served.
    pub fn client(&mut self, says: impl AsRef<[u8]>) -> Client {
        let client = self.sim().connect();
        self.send(client, says);
        client
    }

    /// A client on a WebSocket, which has read its 101 and, of the events, its welcome.
    pub fn open(&mut self, path: &str) -> Client {
        let client = self.client(frames::upgrade(path));
        assert_eq!(self.answer(client).status, 101);
        client
    }

    /// Listeners to events that have read everything so far.
    pub fn listeners(&mut self, count: usize) -> Vec<Client> {
        (0..count).map(|_| self.open("/ws")).collect()
    }

    /// Listeners that leave no more than so many bytes unread.
    pub fn narrow_listeners(&mut self, count: usize, window: u32) -> Vec<Client> {
        let listeners = self.listeners(count);
        for &client in &listeners {
            self.sim().resize(client, window);
        }
        listeners
    }

    /// A request on a connection of its own, and its answer; `headers` are lines that end with CR LF.
    pub fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let client = self.client(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ));
        self.answer(client)
    }

    /// An answer, and whatever else has come with it thrown away.
    pub fn answer(&mut self, client: Client) -> Answer {
        let bytes = self.sim().receive(client, usize::MAX);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        answers::read(&bytes, false).unwrap().expect(&text)
    }

    /// Every answer that has come.
    pub fn statuses(&mut self, client: Client) -> Vec<u16> {
        let mut bytes = self.sim().receive(client, usize::MAX);
        let mut statuses = Vec::new();
        while let Some(answer) = answers::read(&bytes, false).unwrap() {
            statuses.push(answer.status);
            bytes.drain(..answer.bytes);
        }
        assert!(bytes.is_empty(), "half an answer: {bytes:?}");
        statuses
    }

    /// Every frame that has come or comes once there is room; the last may be cut.
    pub fn frames(&mut self, client: Client) -> Vec<Received> {
        let mut bytes = Vec::new();
        while self.sim().unread(client) > 0 {
            bytes.extend(self.sim().receive(client, usize::MAX));
            self.settle();
        }
        let mut received = Vec::new();
        while let Some(frame) = frames::read(&bytes, 0).unwrap() {
            bytes.drain(..frame.bytes);
            received.push(frame);
        }
        received
    }

    /// How many whole frames have come, which are thrown away; no turn passes.
    pub fn frames_at_hand(&mut self, client: Client) -> usize {
        let mut bytes = self.sim().receive(client, usize::MAX);
        let mut count = 0;
        while let Some(frame) = frames::read(&bytes, 0).unwrap() {
            bytes.drain(..frame.bytes);
            count += 1;
        }
        assert!(bytes.is_empty(), "half a frame: {bytes:?}");
        count
    }

    /// The last word of a WebSocket: the code of the close frame that came as the only or the last frame.
    pub fn close_code(&mut self, client: Client) -> Option<u16> {
        let frames = self.frames(client);
        let last = frames.last()?;
        (last.opcode == frames::CLOSE).then(|| frames::close_code(&last.payload).unwrap())
    }

    /// The numbers of the events that have come, and of each notice how many were missed, as a negative number.
    pub fn events(&mut self, client: Client) -> Vec<i64> {
        let frames = self.frames(client);
        let texts = frames.iter().filter(|frame| frame.opcode == frames::TEXT);
        let number = |frame: &Received| {
            let event: serde_json::Value = serde_json::from_slice(&frame.payload).unwrap();
            let (payload, kind) = (&event["payload"], event["type"].as_str().unwrap());
            match kind {
                "connection:lagged" => -payload["missed"].as_i64().unwrap(),
                _ => payload["n"].as_i64().unwrap(),
            }
        };
        texts.map(number).collect()
    }

    /// Publishes an event with this number and so much padding; gives the number of receivers.
    pub fn publish(&mut self, number: i64, padding: usize) -> u64 {
        let publisher = match self.publisher {
            Some(publisher) => publisher,
            None => self.sim().connect(),
        };
        self.publisher = Some(publisher);
        self.send(publisher, request(number, padding));
        let answer = self.answer(publisher);
        assert_eq!(answer.status, 202, "{}", answer.body);
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        body["receivers"].as_u64().unwrap()
    }

    pub fn is_ended(&mut self, client: Client) -> bool {
        self.sim().is_ended(client)
    }

    pub fn dropped(&self) -> u64 {
        self.reactor.metrics().messages_dropped[AppId::Events as usize]
    }
}

/// A request to publish an event with this number and so much padding.
pub fn request(number: i64, padding: usize) -> String {
    let pad = "x".repeat(padding);
    let body = format!(r#"{{"type":"a:b","payload":{{"n":{number},"pad":"{pad}"}}}}"#);
    let length = body.len();
    format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// A whole text message.
pub fn text(payload: &str) -> Vec<u8> {
    frame(true, frames::TEXT, payload.as_bytes())
}
