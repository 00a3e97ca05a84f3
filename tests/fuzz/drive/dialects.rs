//! The words of every app, through the real apps on the simulated ground.
//!
//! An input is up to 24 records with [`SEPARATOR`] between them. The first byte of a record says what it is: a small
//! letter of [`SOCKETS`] begins a message to that app; a capital of [`METHODS`] a call, whose target is the rest of the
//! line, and whose body what follows; `~` lets time pass. In targets and messages `$session`, `$task`, `$code`,
//! `$player` and `$token` stand for what the server gave.

use std::collections::BTreeMap;

use super::network::Client;
use roomcast::time::Millis;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::model::runs::rules::KEY;
use super::model::wire::answers::{self, Answer};
use super::model::wire::frames::{self, BINARY, CLOSE, PING, TEXT, frame};
use super::stage::Stage;

/// What stands between two records.
const SEPARATOR: u8 = 0x1e;
const RECORDS_MAX: usize = 24;
/// How long `~` waits: a few times, and a client that says nothing is closed.
const WAIT: Millis = Millis(20_000);

const SOCKETS: [(u8, &str); 6] = [
    (b's', "/api/v1/sessions/$session/ws?api_key=$key"),
    (b'e', "/ws"),
    (b't', "/api/v1/tasks/ws?version=1.0&api_key=$key"),
    (b'b', "/v1/stream"),
    (b'r', "/ws/rooms/$code?player_id=$player&token=$token"),
    (b'o', "/echo"),
];
const METHODS: [(u8, &str); 7] = [
    (b'P', "POST"),
    (b'G', "GET"),
    (b'D', "DELETE"),
    (b'A', "PATCH"),
    (b'H', "HEAD"),
    (b'O', "OPTIONS"),
    (b'U', "PUT"),
];
/// What a client that keeps to RFC 6455 may be closed with: the end of a session, silence, binary, and what rooms say.
const CODES: [u16; 8] = [1000, 1003, 1013, 4401, 4403, 4404, 4408, 4409];

pub fn drive(input: &[u8]) {
    let mut house = House::new();
    for record in input.split(|&byte| byte == SEPARATOR).take(RECORDS_MAX) {
        let Some((&what, rest)) = record.split_first() else {
            continue;
        };
        if let Some((name, _)) = SOCKETS.iter().find(|(name, _)| *name == what) {
            house.say(*name, rest);
        } else if let Some((_, method)) = METHODS.iter().find(|(name, _)| *name == what) {
            house.call(method, rest);
        } else if what == b'~' {
            house.stage.wait(WAIT);
            house.hear();
        }
    }
}

/// A server, a client in every app, and what the server gave them.
struct House {
    stage: Stage,
    given: Vec<(&'static str, String)>,
    sockets: BTreeMap<u8, Client>,
}

/// The types of the messages that were heard in each app.
type Heard = BTreeMap<u8, Vec<String>>;

/// A message, as far as it is the same in every app; the rest is only looked at for being JSON.
#[derive(Deserialize)]
struct Told {
    r#type: String,
}

impl House {
    fn new() -> House {
        let mut house = House {
            stage: Stage::new(|_| {}),
            given: vec![("$key", KEY.replace(' ', "%20"))],
            sockets: BTreeMap::new(),
        };
        for (path, body, names) in [
            (
                "/api/v1/sessions",
                "{}",
                &[("$session", "session_id")] as &[_],
            ),
            (
                "/api/v1/tasks",
                r#"{"repository":"a","title":"b"}"#,
                &[("$task", "id")],
            ),
            (
                "/api/rooms",
                r#"{"display_name":"Ada"}"#,
                &[
                    ("$code", "code"),
                    ("$player", "player_id"),
                    ("$token", "token"),
                ],
            ),
        ] {
            let answer = house.ask("POST", path, body.as_bytes());
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            for (name, field) in names {
                let value = body[field].as_str().unwrap().to_owned();
                house.given.push((name, value));
            }
        }
        for (name, _) in SOCKETS {
            house.open(name);
        }
        house.say(
            b't',
            br#"{"type":"subscribe","data":{"repositories":["*"]}}"#,
        );
        house.say(
            b'b',
            br#"{"action":"subscribe","channels":["newBlocks","newTxs"]}"#,
        );
        house
    }

    /// Comes into an app, if it lets anybody in.
    fn open(&mut self, name: u8) {
        let path = SOCKETS.iter().find(|(known, _)| *known == name).unwrap().1;
        let path = self.filled(path.as_bytes());
        let client = self.stage.client(frames::upgrade(&path));
        let bytes = self.stage.sim().receive(client, usize::MAX);
        let answer = answers::read(&bytes, false).unwrap();
        let answer = answer.expect("every upgrade is answered at once");
        // Who has no place in a room is let in to be told so.
        let first = frames::read(&bytes[answer.bytes..], 0).unwrap();
        let is_closed = first.is_some_and(|frame| frame.opcode == CLOSE);
        if answer.status == 101 && !is_closed {
            self.sockets.insert(name, client);
        }
    }

    fn filled(&self, text: &[u8]) -> String {
        let mut text: String = String::from_utf8_lossy(text).into_owned();
        for (name, value) in &self.given {
            text = text.replace(name, value);
        }
        text
    }

    /// Sends a message to an app.
    fn say(&mut self, name: u8, message: &[u8]) {
        if !self.sockets.contains_key(&name) {
            self.open(name);
        }
        let Some(&client) = self.sockets.get(&name) else {
            return;
        };
        let filled = self.filled(message);
        let (opcode, payload) = match str::from_utf8(message) {
            Ok(_) => (TEXT, filled.as_bytes()),
            Err(_) => (BINARY, message),
        };
        self.stage.send(client, frame(true, opcode, payload));
        let is_json = serde_json::from_slice::<IgnoredAny>(payload).is_ok();
        let json: Option<Value> = serde_json::from_slice(payload).ok();
        let heard = self.hear();
        let answers = heard.get(&name).map_or(&[][..], Vec::as_slice);
        let is_error = answers.first().is_some_and(|kind| kind == "error");
        match name {
            b'o' => assert!(answers.is_empty(), "an echo is not JSON: {answers:?}"),
            // Nothing that a client says to these is answered.
            b'e' | b'b' => assert_eq!(answers, [""; 0], "{filled}"),
            // Every message to these is answered, whatever it is, but the life sign.
            b't' if opcode == TEXT => {
                let is_life = json.as_ref().is_some_and(|json| json["type"] == "pong");
                assert!(answers.len() == 1 || is_life, "{answers:?} to {filled}");
                assert!(is_json || is_error, "{answers:?} to {filled}");
            }
            b'r' if opcode == TEXT && self.sockets.contains_key(&name) => {
                // A token that is right is taken without a word.
                let is_token = json.as_ref().is_some_and(|json| json["type"] == "token");
                let is_taken = is_token && answers.is_empty();
                assert!(answers.len() == 1 || is_taken, "{answers:?} to {filled}");
                assert!(is_json || is_error, "{answers:?} to {filled}");
            }
            _ => {}
        }
        let others = heard.keys().filter(|&&other| other != name).count();
        assert_eq!(
            others, 0,
            "{name} said {filled}, and others heard {heard:?}"
        );
    }

    /// Asks by HTTP.
    fn call(&mut self, method: &str, record: &[u8]) {
        let mut parts = record.splitn(2, |&byte| byte == b'\n');
        let target = self.filled(parts.next().unwrap_or_default());
        let body = parts.next().unwrap_or_default();
        let answer = self.ask(method, &target, body);
        let heard = self.hear();
        let status = answer.status;
        let called = format!("{method} {target} answered {status}: {}", answer.body);
        assert!(
            status < 500 || [501, 503, 507].contains(&status),
            "{called}"
        );
        if answer.header("content-type") == Some("application/json") && method != "HEAD" {
            let body: Result<BTreeMap<String, IgnoredAny>, _> = serde_json::from_str(&answer.body);
            assert!(body.is_ok(), "{called}");
        }
        // Ends of sessions may be vital, but nobody is told of what was refused, or only asked for.
        let changes = status < 400 && ["POST", "PATCH", "DELETE"].contains(&method);
        assert!(changes || heard.is_empty(), "{called}, and {heard:?}");
        let takes_json = ["POST", "PATCH"].contains(&method) && !body.is_empty();
        if takes_json && serde_json::from_slice::<IgnoredAny>(body).is_err() {
            assert!(status >= 400, "{called}, although it was sent {body:?}");
        }
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let count = |name| heard.get(&name).map_or(0, Vec::len) as u64;
        if status < 300 && method == "POST" {
            match target.split('?').next().unwrap_or_default() {
                "/api/v1/events" => assert_eq!(body["receivers"], count(b'e'), "{called}"),
                "/v1/blocks" | "/v1/txs" => {
                    let all = count(b'b') == body["accepted"].as_u64().unwrap();
                    assert!(all || count(b'b') == 0, "{called}, and {heard:?}");
                }
                _ => {}
            }
        }
    }

    fn ask(&mut self, method: &str, target: &str, body: &[u8]) -> Answer {
        let mut path: String = target
            .bytes()
            .map(|byte| match byte {
                0x21..=0x7e => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
        // Of the rooms a player asks, of the others a back-end.
        let token = self.given.iter().find(|(name, _)| *name == "$token");
        let shows = match token {
            Some((_, token)) if path.contains("/messages") || path.contains("/token") => {
                format!("Authorization: Bearer {token}")
            }
            _ => format!("X-API-Key: {KEY}"),
        };
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{shows}\r\nX-Changed-By: cli\r\nContent-Length: {length}\r\n\r\n"
        );
        let client = self.stage.client([head.as_bytes(), body].concat());
        let bytes = self.stage.sim().receive(client, usize::MAX);
        let answer = answers::read(&bytes, method == "HEAD").unwrap();
        let answer = answer.expect("every request is answered at once");
        assert_eq!(answer.bytes, bytes.len(), "one answer, and nothing else");
        self.stage.sim().forget(client);
        answer
    }

    /// Reads everything that has come, frame by frame, and lets go of those that were closed.
    fn hear(&mut self) -> Heard {
        let mut heard = Heard::new();
        for (name, client) in self.sockets.clone() {
            for frame in self.stage.frames(client) {
                match frame.opcode {
                    PING => {}
                    CLOSE => {
                        let code = frames::close_code(&frame.payload).unwrap();
                        assert!(CODES.contains(&code), "{code} to {name}");
                        self.sockets.remove(&name);
                    }
                    TEXT | BINARY if name == b'o' => {}
                    TEXT => {
                        let text = String::from_utf8(frame.payload).unwrap();
                        let told: Result<Told, _> = serde_json::from_str(&text);
                        let told = told.unwrap_or_else(|why| panic!("{why}: {text}"));
                        // What the clock says is nobody's doing.
                        if name != b't' || told.r#type != "ping" {
                            heard.entry(name).or_default().push(told.r#type);
                        }
                    }
                    opcode => panic!("opcode {opcode} to {name}"),
                }
            }
        }
        heard
    }
}
