//! What was published in one app, in the one order in which the server took it.
//!
//! A witness, a client that reads everything at once, tells the order. What a message must look like is known from the
//! request that asked for it, but for its time and for the name that the server gave; a time tells the turn.

use std::collections::{BTreeMap, HashMap};

/// Stands for the time of a message, in what is known of its text.
pub const TIME: &str = "\u{1}";
/// Stands for the name that the server gave.
pub const NAME: &str = "\u{2}";

/// All that were asked for, and all that were published.
#[derive(Default)]
pub struct Log {
    wishes: Vec<Wish>,
    by_key: BTreeMap<String, usize>,
    messages: Vec<Message>,
    by_text: HashMap<String, usize>,
}

/// A publish that somebody asked for.
struct Wish {
    /// In whose room.
    room: &'static str,
    /// What subscribers are told of it.
    text: String,
    /// The turn from which on the server could have had it whole.
    whole: Option<u32>,
    accepted: bool,
    /// What its 202 said, if that says it.
    receivers: Option<u32>,
    heard: bool,
}

/// A publish that became a message.
pub struct Message {
    pub turn: u32,
    pub room: &'static str,
    /// Its text frame, header and all.
    pub frame_bytes: u64,
    wish: usize,
}

/// What a text says of itself: what tells it from all others, the name in it and the turn that its time names.
pub struct Told<'a> {
    pub key: &'a str,
    pub name: &'a str,
    pub timestamp: &'a str,
    pub turn: u32,
}

impl Log {
    /// Somebody will ask for this; the key is unlike any other.
    pub fn wish(&mut self, room: &'static str, key: String, text: String) -> usize {
        let number = self.wishes.len();
        self.by_key.insert(key, number);
        self.wishes.push(Wish {
            room,
            text,
            whole: None,
            accepted: false,
            receivers: None,
            heard: false,
        });
        number
    }

    /// How many were asked for so far.
    pub fn wishes(&self) -> usize {
        self.wishes.len()
    }

    /// What subscribers are to be told of a wish.
    pub fn text(&self, wish: usize) -> &str {
        &self.wishes[wish].text
    }

    /// The last byte of the request has been sent, before this turn.
    pub fn whole(&mut self, wish: usize, turn: u32) {
        self.wishes[wish].whole = Some(turn);
    }

    /// Whoever asked was told that it is done, and perhaps for how many.
    pub fn accepted(&mut self, wish: usize, receivers: Option<u32>) {
        let wish = &mut self.wishes[wish];
        (wish.accepted, wish.receivers) = (true, receivers);
    }

    /// The witness heard this next.
    pub fn hear(&mut self, text: &str, told: &Told<'_>) -> Result<(), String> {
        let number = *self
            .by_key
            .get(told.key)
            .ok_or(format!("nobody published {text}"))?;
        let wish = &mut self.wishes[number];
        let expected = filled(&wish.text, told.timestamp, told.name);
        if text != expected {
            return Err(format!("an event must be {expected}, not {text}"));
        }
        let turn = told.turn;
        if wish.whole.is_none_or(|whole| whole > turn) {
            return Err(format!(
                "{text} was published in turn {turn}, before its request was whole"
            ));
        }
        if std::mem::replace(&mut wish.heard, true) {
            return Err(format!("{text} was published twice"));
        }
        if self.messages.last().is_some_and(|last| last.turn > turn) {
            return Err(format!("{text} is older than the event before it"));
        }
        let header_bytes = match text.len() {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        self.by_text.insert(text.into(), self.messages.len());
        self.messages.push(Message {
            turn,
            room: wish.room,
            frame_bytes: header_bytes + text.len() as u64,
            wish: number,
        });
        Ok(())
    }

    /// The place of a message in the order, if the witness has heard it.
    pub fn place(&self, text: &str) -> Option<usize> {
        self.by_text.get(text).copied()
    }

    /// Messages of turns before this one.
    pub fn before(&self, turn: u32) -> usize {
        self.messages.partition_point(|message| message.turn < turn)
    }

    /// Bytes of the messages of this turn.
    pub fn bytes_of(&self, turn: u32) -> u64 {
        let messages = self.messages.iter().rev();
        let messages = messages.take_while(|message| message.turn >= turn);
        messages.map(|message| message.frame_bytes).sum()
    }

    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// What the publisher of a message was told, if it lived to hear it.
    pub fn receivers(&self, place: usize) -> Option<u32> {
        self.wishes[self.messages[place].wish].receivers
    }

    /// Every publish that was accepted became a message.
    pub fn check_accepted(&self) -> Result<(), String> {
        let lost = |wish: &&Wish| wish.accepted && !wish.heard;
        match self.wishes.iter().find(lost) {
            Some(wish) => Err(format!("{:?} was accepted and never sent", wish.text)),
            None => Ok(()),
        }
    }
}

/// A text with its time and name in their places.
pub fn filled(text: &str, timestamp: &str, name: &str) -> String {
    text.replace(TIME, timestamp).replace(NAME, name)
}
