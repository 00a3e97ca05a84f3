//! What was published in one app, in the one order in which the server took it.
//!
//! A witness, a client that reads everything at once, tells the order. What a message must look like is known from the
//! request that asked for it, but for its time and for the name that the server gave. The turn is known from how many
//! the server says that it has published by the end of each, and from the time, if there is one.
//!
//! A message's number is its place in that order, counted from 1; the epoch is the one that the server said first.
//!
//! Several that one request asked for are a batch: they have places one behind another, and wait as one.

use std::collections::{BTreeMap, HashMap};

use super::super::wire::frames;
use super::super::wire::position::Position;

/// Stands for the time of a message, in what is known of its text.
pub const TIME: &str = "\u{1}";
/// Stands for the name that the server gave.
pub const NAME: &str = "\u{2}";
/// Stands for its position.
pub const POSITION: &str = "\u{3}";

/// All that were asked for, and all that were published.
#[derive(Default)]
pub struct Log {
    wishes: Vec<Wish>,
    by_key: BTreeMap<String, usize>,
    messages: Vec<Message>,
    by_text: HashMap<String, usize>,
    /// Of all positions, once one has been told.
    epoch: Option<u32>,
    /// How many had been published by the end of each turn.
    published: Vec<u64>,
}

/// A publish that somebody asked for.
struct Wish {
    /// The first wish of its request.
    batch: usize,
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
    batch: usize,
}

/// What a text says of itself: what tells it from all others, and the name and the time in it.
pub struct Told<'a> {
    pub key: &'a str,
    pub name: &'a str,
    pub timestamp: &'a str,
    pub position: Position,
    /// The turn that its time names, if it has one.
    pub turn: Option<u32>,
}

impl Log {
    /// Somebody will ask for this; the key is unlike any other.
    pub fn wish(&mut self, room: &'static str, key: String, text: String) -> usize {
        self.wish_all(room, vec![(key, text)])
    }

    /// The same for several, in one request; the number of the first.
    pub fn wish_all(&mut self, room: &'static str, wishes: Vec<(String, String)>) -> usize {
        let batch = self.wishes.len();
        for (key, text) in wishes {
            self.by_key.insert(key, self.wishes.len());
            self.wishes.push(Wish {
                batch,
                room,
                text,
                whole: None,
                accepted: false,
                receivers: None,
                heard: false,
            });
        }
        batch
    }

    /// The wishes of a request.
    fn batch(&mut self, first: usize) -> impl Iterator<Item = &mut Wish> {
        let wishes = self.wishes[first..].iter_mut();
        wishes.take_while(move |wish| wish.batch == first)
    }

    /// How many a request asks for.
    pub fn count(&self, first: usize) -> usize {
        let wishes = self.wishes[first..].iter();
        wishes.take_while(|wish| wish.batch == first).count()
    }

    /// A turn is over, by the end of which so many had been published.
    pub fn turn(&mut self, published: u64) {
        self.published.push(published);
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
        for wish in self.batch(wish) {
            wish.whole = Some(turn);
        }
    }

    /// Whoever asked was told that it is done, and perhaps for how many.
    pub fn accepted(&mut self, wish: usize, receivers: Option<u32>) {
        for wish in self.batch(wish) {
            (wish.accepted, wish.receivers) = (true, receivers);
        }
    }

    /// The witness heard this next.
    pub fn hear(&mut self, text: &str, told: &Told<'_>) -> Result<(), String> {
        let number = *self
            .by_key
            .get(told.key)
            .ok_or(format!("nobody published {text}"))?;
        let before = self.messages.len() as u64;
        let turn = self
            .published
            .partition_point(|published| *published <= before) as u32;
        let last = self.messages.last();
        let wish = &mut self.wishes[number];
        let epoch = *self.epoch.get_or_insert(told.position.epoch);
        let position = Position {
            epoch,
            number: before + 1,
        };
        let expected = filled(&wish.text, told.timestamp, told.name);
        let expected = expected.replace(POSITION, &position.to_string());
        if text != expected {
            return Err(format!("an event must be {expected}, not {text}"));
        }
        if told.turn.is_some_and(|told| told != turn) {
            return Err(format!("{text} was published in turn {turn}"));
        }
        let is_next = last.is_some_and(|last| last.wish + 1 == number && last.turn == turn);
        if wish.batch != number && !is_next {
            return Err(format!("{text} does not come behind the one before it"));
        }
        if wish.whole.is_none_or(|whole| whole > turn) {
            return Err(format!(
                "{text} was published in turn {turn}, before its request was whole"
            ));
        }
        if std::mem::replace(&mut wish.heard, true) {
            return Err(format!("{text} was published twice"));
        }
        self.by_text.insert(text.into(), self.messages.len());
        self.messages.push(Message {
            turn,
            room: wish.room,
            frame_bytes: frames::whole_bytes(text.len()),
            wish: number,
            batch: wish.batch,
        });
        Ok(())
    }

    /// The place of a message in the order, if the witness has heard it.
    pub fn place(&self, text: &str) -> Option<usize> {
        self.by_text.get(text).copied()
    }

    /// Whether the witness has heard all that was published by the end of this turn.
    pub fn is_complete(&self, turn: u32) -> bool {
        let published = self.published.get(turn as usize);
        published.is_some_and(|published| *published <= self.messages.len() as u64)
    }

    /// The server has named this position: all are of one epoch.
    pub fn learn(&mut self, position: Position) -> Result<(), String> {
        let epoch = *self.epoch.get_or_insert(position.epoch);
        (position.epoch == epoch)
            .then_some(())
            .ok_or_else(|| format!("{position} is of another epoch than {epoch:08x}"))
    }

    /// The epoch of all positions, if one has been told.
    pub fn epoch(&self) -> Option<u32> {
        self.epoch
    }

    /// The place of the first message that waits with the one in front of this place.
    pub fn batch_start(&self, end: usize) -> usize {
        let batch = self.messages[end - 1].batch;
        let messages = self.messages[..end].iter().rev();
        end - messages
            .take_while(|message| message.batch == batch)
            .count()
    }

    /// Messages of turns before this one.
    pub fn before(&self, turn: u32) -> usize {
        self.messages.partition_point(|message| message.turn < turn)
    }

    /// Whether the message at this place waits behind others, and not with them.
    pub fn is_first(&self, place: usize) -> bool {
        let batch = |place: usize| self.messages.get(place).map(|message| message.batch);
        place == 0 || batch(place).is_none_or(|this| batch(place - 1) != Some(this))
    }

    /// Bytes of the message at this place, and of what waits with it.
    pub fn batch_bytes(&self, place: usize) -> u64 {
        let batch = self.messages[place].batch;
        let messages = self.messages[place..].iter();
        let messages = messages.take_while(|message| message.batch == batch);
        messages.map(|message| message.frame_bytes).sum()
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

/// A message with a position as its last field.
pub fn at(text: &str, position: &str) -> String {
    let text = text.strip_suffix('}').unwrap_or(text);
    format!(r#"{text},"position":"{position}"}}"#)
}

/// What a notice says of what was missed.
pub fn lagged(missed: usize, since: Option<Position>) -> String {
    let since = since.map_or_else(|| "null".into(), |since| format!("\"{since}\""));
    format!(r#""missed":{missed},"since":{since}"#)
}
