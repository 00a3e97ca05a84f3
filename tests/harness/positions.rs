//! Positions as a client meets them: what they look like, where they stand, and that they go on from one message to the
//! next.
//!
//! A test that compares whole messages gets them without their positions, once these have been looked at; a test that is
//! about positions asks for both.

use std::fmt;

use serde_json::{Value, json};

/// The number of a message in one life of a numbering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Eight hexadecimal digits.
    pub epoch: String,
    pub number: u64,
}

impl Position {
    /// Reads one, which is as the hub writes them: `EPOCH-NUMBER`.
    #[track_caller]
    pub fn read(text: &str) -> Position {
        let (epoch, number) = text.split_once('-').unwrap_or_default();
        let position = Position {
            epoch: epoch.to_owned(),
            number: number.parse().unwrap_or_default(),
        };
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        assert!(epoch.len() == 8 && epoch.bytes().all(is_hex), "{text}");
        assert_eq!(position.to_string(), text, "as it is written");
        position
    }

    /// The position of another number, in the same life.
    pub fn at(&self, number: u64) -> Position {
        let epoch = self.epoch.clone();
        Position { epoch, number }
    }

    /// The position so many messages later.
    pub fn plus(&self, messages: u64) -> Position {
        self.at(self.number + messages)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.number)
    }
}

/// Takes its position out of a message, if it has one, which is its last field.
#[track_caller]
pub fn take(message: &mut Value) -> Option<Position> {
    let fields = message.as_object_mut()?;
    let last = fields.keys().next_back().map(String::as_str);
    assert!(
        last == Some("position") || !fields.contains_key("position"),
        "the position is not the last field: {fields:?}"
    );
    let position = fields.shift_remove("position")?;
    Some(Position::read(position.as_str().unwrap()))
}

/// The same of a message that is text, byte for byte.
#[track_caller]
pub fn take_from_text(text: &str) -> (String, Position) {
    let (before, position) = text.rsplit_once(r#","position":""#).unwrap();
    let position = position.strip_suffix(r#""}"#).unwrap();
    (format!("{before}}}"), Position::read(position))
}

/// What a client is told that resumes: so many messages follow, so many are lost, or nobody can tell how many.
pub fn outcome(sent: u64, missed: impl Into<Option<u64>>) -> Value {
    json!({"sent": sent, "missed": missed.into()})
}

/// What one connection has heard of the one numbering that concerns it.
#[derive(Default)]
pub struct Positions {
    /// The newest that it was told of.
    newest: Option<Position>,
    /// Messages behind that of which it was told that it misses them.
    missed: u64,
    /// Messages of the past that are still to come, and the number of the last one.
    replays: u64,
    replayed: u64,
}

impl Positions {
    /// Takes the position out of a message that was heard, once it is known to be the one that was due; the message has one
    /// if all of its kind have.
    #[track_caller]
    pub fn hear(&mut self, message: &mut Value) -> Option<Position> {
        let kind = message["type"].as_str()?.to_owned();
        let is_envelope = message["payload"].is_object() && message["timestamp"].is_string();
        let is_event = is_envelope && kind.contains(':');
        match kind.as_str() {
            "connection:status" | "connection:resumed" if is_event => self.begin(message, &kind),
            "connection:lagged" if is_event => {
                let missed = message["payload"]["missed"].as_u64().unwrap();
                let since = Position::read(message["payload"]["since"].as_str().unwrap());
                self.miss(missed, &since);
                None
            }
            "connection:pong" if is_event => None,
            "subscribed" if message["data"]["repositories"].is_array() => {
                self.begin(message, "data")
            }
            "resumed" if message["data"].is_object() => self.begin(message, "data"),
            "state" if message["event"] == "room" || message["event"] == "resumed" => {
                self.begin(message, "payload")
            }
            "event" if message["event"].is_string() => {
                let position = take(message);
                position.inspect(|position| self.go_on(position, false))
            }
            "newBlock" | "newTx" => self.published(message, false),
            _ if is_event => self.published(message, true),
            kind if kind.starts_with("task.") => self.published(message, false),
            _ => {
                assert!(message.get("position").is_none(), "{message}");
                None
            }
        }
    }

    /// The client is told where it stands, in this part of the message or beside all of them.
    #[track_caller]
    fn begin(&mut self, message: &mut Value, part: &str) -> Option<Position> {
        let whole = message.to_string();
        let outcome = match message.get_mut(part) {
            Some(part) => part,
            None => message,
        };
        let position = take(outcome).unwrap_or_else(|| panic!("there is no position: {whole}"));
        let told = |at: &str| message.pointer(at).and_then(Value::as_u64);
        let places = [
            "/payload/resumed/sent",
            "/data/resumed/sent",
            "/payload/sent",
            "/data/sent",
        ];
        let sent = places.into_iter().find_map(told);
        let newest = self.newest.take().unwrap_or_else(|| position.clone());
        let newest = newest.plus(std::mem::take(&mut self.missed));
        assert_eq!(position.epoch, newest.epoch, "{whole}");
        let goes_back = position.number < newest.number;
        assert!(!goes_back || sent.is_some_and(|sent| sent > 0), "{whole}");
        self.newest = Some(newest.at(newest.number.max(position.number)));
        (self.replays, self.replayed) = (sent.unwrap_or(0), position.number);
        Some(position)
    }

    /// The client is told that it misses so many, behind all that it has heard.
    #[track_caller]
    fn miss(&mut self, missed: u64, since: &Position) {
        let newest = self.newest.clone().unwrap();
        assert_eq!(since.epoch, newest.epoch);
        // Those of the past come first.
        let of_replays = missed.min(self.replays);
        if of_replays > 0 {
            assert!(since.number >= self.replayed, "{since} is not where it is");
            self.replays -= of_replays;
            self.replayed = since.number + of_replays;
            self.newest = Some(newest.at(newest.number.max(self.replayed)));
        } else {
            assert_eq!(*since, newest.plus(self.missed));
        }
        self.missed += missed - of_replays;
    }

    /// A message of a kind that always has a position; without one missing, if the client gets all that there is.
    #[track_caller]
    fn published(&mut self, message: &mut Value, is_dense: bool) -> Option<Position> {
        let position = take(message).unwrap_or_else(|| panic!("there is no position: {message}"));
        self.go_on(&position, is_dense);
        Some(position)
    }

    #[track_caller]
    fn go_on(&mut self, position: &Position, is_dense: bool) {
        let newest = self.newest.clone().unwrap_or_else(|| position.at(0));
        assert_eq!(position.epoch, newest.epoch);
        if self.replays > 0 {
            assert!(self.replayed < position.number, "{position} comes too late");
            (self.replays, self.replayed) = (self.replays - 1, position.number);
            self.newest = Some(newest.at(newest.number.max(position.number)));
            return;
        }
        let due = newest.number + 1 + std::mem::take(&mut self.missed);
        let is_due = match is_dense && self.newest.is_some() {
            true => position.number == due,
            false => position.number >= due,
        };
        assert!(is_due, "{position} comes where {due} is due");
        self.newest = Some(position.clone());
    }
}
