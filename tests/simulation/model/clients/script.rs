//! What clients say, by kind and by chance, and what must come of it.

use super::super::accounts::ledger::Ledger;
use super::super::dialects::dialect::{Dialect, Publish};
use super::super::dialects::sessions::Asked;
use super::super::dialects::tasks;
use super::super::runs::chance::Chance;
use super::super::runs::rules::{KEY, Rules};
use super::super::wire::deflate;
use super::super::wire::frames::{self, BINARY, CONTINUATION, PING, PONG, TEXT, frame};
use super::super::wire::position::{Position, Since};
use super::client::{Client, Hope, Kind, State, Then};
use super::lies;
use super::outgoing::Mark;

/// A message of more bytes is compressed in slices.
const LONG_BYTES: usize = 64 << 10;

impl Client {
    /// Thinks of something to say, or not.
    pub fn speak(&mut self, chance: &mut Chance, ledger: &mut Ledger, rules: &Rules) {
        if self.quiet || !self.out.ends_whole() {
            return;
        }
        match (self.kind, self.state) {
            (Kind::Mute, _) | (_, State::Over) => {}
            (Kind::Publisher, _) => self.ask(chance, ledger, rules),
            (_, State::Http) if !self.asked => {
                if chance.one_in(4) {
                    self.ask(chance, ledger, rules);
                } else if self.kind != Kind::Subscriber || self.subscribe(chance, ledger) {
                    self.ask_to_open(chance, rules);
                }
            }
            // Some do not wait for the 101, where it is sure to come.
            (kind, State::Http)
                if kind != Kind::Subscriber && chance.one_in(4) && !rules.refuses() =>
            {
                self.talk(chance, rules)
            }
            (_, State::Http) => {}
            (_, State::Open) => self.talk(chance, rules),
        }
    }

    fn ask_to_open(&mut self, chance: &mut Chance, rules: &Rules) {
        let offer = chance.pick(&[
            "",
            "other",
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12",
        ]);
        self.window_bits = match offer.split_once("server_max_window_bits=") {
            _ if !offer.starts_with("permessage") || !rules.bounds.deflate => 0,
            Some((_, bits)) => bits.parse().unwrap(),
            None => 15,
        };
        self.ask_to_open_with(offer);
    }

    /// Asks for the upgrade with this offer of extensions.
    pub fn ask_to_open_with(&mut self, offer: &str) {
        let path = &self.path;
        self.asked = true;
        let hope = Hope {
            status: 101,
            drains: true,
            then: Then::Opens,
            ..Hope::default()
        };
        let request = match offer {
            "" => frames::upgrade(path),
            offer => frames::upgrade_with(path, offer),
        };
        self.request(request.as_bytes(), hope, Mark::Request);
    }

    fn request(&mut self, bytes: &[u8], hope: Hope, mark: Mark) {
        self.quiet |= hope.closes || hope.lie.is_some();
        self.shows_key |= bytes.windows(KEY.len()).any(|text| text == KEY.as_bytes());
        self.answers.push_back(hope);
        self.out.push(bytes, mark);
    }

    /// One or more requests, the later ones pipelined.
    fn ask(&mut self, chance: &mut Chance, ledger: &mut Ledger, rules: &Rules) {
        for _ in 0..chance.pick(&[1, 1, 2, 5]) {
            if self.quiet {
                return;
            }
            match chance.below(12) {
                0 if self.liar => {
                    let body_bytes_max = rules.bounds.body_bytes_max as usize;
                    let (bytes, status) = lies::request(chance, body_bytes_max);
                    let hope = Hope {
                        status,
                        lie: Some(self.out.queued()),
                        closes: true,
                        ..Hope::default()
                    };
                    self.request(&bytes, hope, Mark::Lie);
                }
                0..=3 => {
                    let (head, hope) = other(chance);
                    self.request(head.as_bytes(), hope, Mark::Request);
                }
                4..=6 => self.call(chance, ledger),
                _ => self.publish(chance, ledger),
            }
        }
    }

    /// Chooses the session that it wants to hear of, if there is one.
    fn subscribe(&mut self, chance: &mut Chance, ledger: &Ledger) -> bool {
        self.session = ledger.sessions.pick(chance);
        if let Some(session) = self.session {
            self.path = ledger.sessions.path(session);
        }
        self.session.is_some()
    }

    /// Calls for its session.
    fn call(&mut self, chance: &mut Chance, ledger: &mut Ledger) {
        let Some(asked) = ledger.sessions.ask(chance, &mut self.owner) else {
            return;
        };
        let Asked {
            method,
            path,
            body,
            status,
            act,
        } = asked;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let hope = Hope {
            status,
            body_bytes: length,
            drains: method != "GET",
            then: Then::Obeys(act),
            ..Hope::default()
        };
        self.request(request.as_bytes(), hope, Mark::Call(act));
    }

    fn publish(&mut self, chance: &mut Chance, ledger: &mut Ledger) {
        let dialect = chance.pick(&Dialect::ALL);
        let Publish {
            wish,
            method,
            path,
            header,
            body,
            status,
        } = dialect.publish(chance, ledger.log_mut(dialect), &mut self.tasks);
        let mut hope = Hope {
            status,
            body_bytes: body.len(),
            drains: true,
            then: Then::Accepts(dialect, wish),
            closes: chance.one_in(30),
            ..Hope::default()
        };
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{header}X-API-Key: {KEY}\r\n");
        if hope.closes {
            head.push_str("connection: close\r\n");
        }
        if chance.one_in(3) {
            head.push_str("Content-Type: application/json; charset=utf-8\r\n");
        }
        if chance.one_in(6) {
            head.push_str("Expect: 100-continue\r\n");
            hope.may_continue = true;
        }
        let body = if chance.one_in(2) {
            head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
            body.into_bytes()
        } else {
            head.push_str("Transfer-Encoding: chunked\r\n\r\n");
            chunked(chance, body.as_bytes())
        };
        self.request(
            &[head.as_bytes(), &body].concat(),
            hope,
            Mark::Publish(dialect, wish),
        );
    }

    /// A message, a ping, or the last word.
    fn talk(&mut self, chance: &mut Chance, rules: &Rules) {
        let subscribes = self.kind == Kind::Listener;
        if subscribes && self.wants.is_empty() && !chance.one_in(4) {
            return self.command(chance);
        }
        if self.lagged.is_some() && chance.one_in(4) {
            return self.command(chance);
        }
        match chance.below(20) {
            0 => {
                let code = chance.pick(&[1000, 1001, 1003, 1005, 1011, 3000, 4999]);
                self.out
                    .push(&frames::close(code, "bye €"), Mark::Close(code));
                self.quiet = true;
            }
            1 if self.liar => {
                let deflates = self.window_bits > 0;
                let (bytes, code) = lies::frames(chance, rules.message_bytes_max(), deflates);
                self.lie = Some((self.out.queued(), code));
                self.out.push(&bytes, Mark::Lie);
                self.quiet = true;
            }
            2..=4 => self.ping(chance, false),
            5 => self.out.push(&frame(true, PONG, b"unasked"), Mark::Ignored),
            6 | 7 if subscribes => self.command(chance),
            6..=15 if matches!(self.kind, Kind::Listener | Kind::Subscriber) => {}
            _ => self.chat(chance, rules.message_bytes_max()),
        }
    }

    fn ping(&mut self, chance: &mut Chance, inside: bool) {
        for _ in 0..chance.pick(&[1, 1, 2, 40]) {
            let mut payload = self.out.queued().to_be_bytes().to_vec();
            let more = chance.pick(&[0, 1, 117]);
            payload.extend(chance.bytes(more));
            let mark = Mark::Ping(payload.clone());
            self.out
                .push_inside(&frame(true, PING, &payload), mark, inside);
        }
    }

    fn command(&mut self, chance: &mut Chance) {
        let since = self.since_when(chance);
        let Some((text, command)) = self.dialect.command(chance, &self.wants, since) else {
            return;
        };
        self.wants.clone_from(&command.wants);
        self.message(chance, TEXT, text.into_bytes(), Mark::Command(command));
    }

    /// Since when it has not got what it wants, if it asks for that: often since the last gap that it was told of.
    fn since_when(&self, chance: &mut Chance) -> Option<Since> {
        let asks = match (self.lagged, self.known) {
            (Some(_), _) => !chance.one_in(4),
            (_, Some(_)) => chance.one_in(2),
            _ => chance.one_in(6),
        };
        let known = self.lagged.filter(|_| chance.one_in(2)).or(self.known);
        asks.then(|| since(known, chance))
    }

    /// It comes back for somebody who was cut off, and had got so far.
    pub fn come_back(&mut self, known: Option<Position>, chance: &mut Chance) {
        self.known = known;
        if self.dialect == Dialect::Events {
            let since = since(known, chance);
            self.path = format!("{}?since={since}", self.path);
            self.since = Some(since);
        }
    }

    /// A message that is no command.
    fn chat(&mut self, chance: &mut Chance, bytes_max: usize) {
        let mut size = chance.size(bytes_max);
        if self.kind == Kind::Echo && bytes_max > LONG_BYTES && size > LONG_BYTES / 3 {
            // So that it is often compressed in slices.
            size = (size + LONG_BYTES / 2).min(bytes_max);
        }
        let (opcode, payload) = if chance.one_in(2) {
            (BINARY, chance.bytes(size))
        } else {
            (TEXT, chance.text(size / 4).into_bytes())
        };
        let mark = match (self.kind, self.dialect) {
            (Kind::Echo, _) => Mark::Message(opcode, payload.clone(), None),
            (Kind::Listener, Dialect::Tasks) => Mark::Command(tasks::nonsense(&self.wants)),
            _ => Mark::Ignored,
        };
        self.message(chance, opcode, payload, mark);
    }

    /// A message in one frame or several, with pings between them.
    fn message(&mut self, chance: &mut Chance, opcode: u8, payload: Vec<u8>, mark: Mark) {
        let compressed = self.window_bits > 0 && chance.one_in(2);
        let sent = match compressed {
            true => deflate::compress(&payload),
            false => payload,
        };
        let mark = match mark {
            Mark::Message(opcode, payload, _) => {
                Mark::Message(opcode, payload, compressed.then_some(sent.len()))
            }
            mark => mark,
        };
        let mut rest = sent.as_slice();
        let mut kind = if compressed { 0x40 | opcode } else { opcode };
        while chance.one_in(2) {
            let (piece, left) = rest.split_at(chance.below(rest.len() + 1));
            self.out.extend(&frame(false, kind, piece));
            (kind, rest) = (CONTINUATION, left);
            if chance.one_in(3) {
                self.ping(chance, true);
            }
        }
        self.out.push(&frame(true, kind, rest), mark);
    }
}

/// What is no position, although some of it is close to one.
const RUBBISH: [&str; 5] = ["rubbish", "1", "0000000g-1", "00000000-01", "Now"];

/// Where a client says that it was which was here: mostly here, sometimes somewhere else, or nowhere.
fn since(known: Option<Position>, chance: &mut Chance) -> Since {
    let kind = chance.below(16);
    let Some(known) = known else {
        return match kind {
            0..8 => Since::Now,
            8..12 => Since::Rubbish(chance.pick(&RUBBISH)),
            _ => Since::At(Position {
                epoch: 0x0123_4567,
                number: kind as u64 - 12,
            }),
        };
    };
    let Position { epoch, number } = known;
    let number = match kind {
        0 => return Since::Now,
        1 => return Since::Rubbish(chance.pick(&RUBBISH)),
        3 => number + chance.below(30) as u64,
        4 | 5 => number.saturating_sub(chance.below(8) as u64),
        6 => number.saturating_sub(chance.below(100) as u64),
        7 => 0,
        _ => number,
    };
    let epoch = if kind == 2 { epoch ^ 1 } else { epoch };
    Since::At(Position { epoch, number })
}

/// A request beside the point, and its answer.
fn other(chance: &mut Chance) -> (String, Hope) {
    let json = |path: &str, key: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let get = |line: &str, rest: &str| format!("{line} HTTP/1.1\r\nHost: localhost\r\n{rest}\r\n");
    let event = |body: &str| json("/api/v1/events", KEY, body);
    let upgrade = |from: &str, to: &str| frames::upgrade("/ws").replace(from, to);
    let (text, status) = match chance.below(22) {
        0 => (get("GET /healthz", ""), 200),
        1 => (get("HEAD /healthz", ""), 200),
        2 => (format!("\r\n{}", get("GET /%68ealthz?x", "")), 200),
        3 => (
            get("GET /metrics", &format!("Authorization: Bearer {KEY}\r\n")),
            200,
        ),
        4 => (get("GET /metrics", "X-API-Key: wrong\r\n"), 401),
        5 => (get("GET /nothing", ""), 404),
        6 => (get("DELETE /healthz", ""), 405),
        7 => (get("OPTIONS /healthz", ""), 204),
        8 => (get("GET /ws", ""), 426),
        9 => (upgrade("Version: 13", "Version: 8"), 426),
        10 => (upgrade("Key: d", "Key: "), 400),
        11 => (
            upgrade(
                "\r\n\r\n",
                "\r\nOrigin: http://localhost.evil.example\r\n\r\n",
            ),
            403,
        ),
        12 => (
            get("GET /healthz", "").replace("localhost", "evil.example"),
            403,
        ),
        13 => (json("/api/v1/events", "wrong", "{}"), 401),
        14 => (event(""), 400),
        15 => (event("{"), 400),
        16 => (event(r#"{"type":"a:b","payload":{},"more":1}"#), 400),
        17 => (event(r#"{"type":"a:b","payload":[]}"#), 400),
        18 => (event(r#"{"type":"connection:status","payload":{}}"#), 400),
        19 => (event(r#"{"type":"A:b","payload":{}}"#), 400),
        20 => (
            event(r#"{"type":"stream:created","payload":{"projectId":1}}"#),
            400,
        ),
        _ => (
            event("[]").replace("X-API", "Content-Type: text/xml\r\nX-API"),
            415,
        ),
    };
    let hope = Hope {
        status,
        to_head: text.starts_with("HEAD"),
        drains: status == 400 || status == 415,
        ..Hope::default()
    };
    (text, hope)
}

/// The body in chunks of any size, with an extension and a trailer here and there.
fn chunked(chance: &mut Chance, mut body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !body.is_empty() {
        let (chunk, rest) = body.split_at(chance.between(1, body.len()));
        let extension = chance.pick(&["", "", ";a=b"]);
        bytes.extend(format!("{:x}{extension}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
        body = rest;
    }
    bytes.extend(
        chance
            .pick(&["0\r\n\r\n", "000\r\n\r\n", "0\r\nTrailer: x\r\n\r\n"])
            .bytes(),
    );
    bytes
}
