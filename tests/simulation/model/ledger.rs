//! Every publish of a run, in the one order in which the server took them.
//!
//! A witness, a client that reads everything at once, tells the order; every turn has a time of its own, so an event's
//! timestamp tells the turn in which it was published. What an event must look like is known from its request.

use std::collections::{BTreeMap, HashMap};

use roomcast::time::{Now, Unix};
use serde::Deserialize;
use serde_json::value::RawValue;

/// All that were asked for, and all that became events.
#[derive(Default)]
pub struct Ledger {
    wishes: Vec<Wish>,
    by_payload: BTreeMap<String, usize>,
    events: Vec<Event>,
    by_text: BTreeMap<String, usize>,
    /// The loop's own time in every turn, in milliseconds; a turn is a place in here.
    pub times: Vec<u64>,
    /// The same on the wall, where no turn's time is another's.
    walls: Vec<Unix>,
    by_wall: HashMap<String, u32>,
}

/// A publish that somebody asked for.
struct Wish {
    kind: String,
    payload: String,
    /// The turn from which on the server could have had it whole.
    whole: Option<u32>,
    /// What its 202 said.
    receivers: Option<u32>,
    heard: bool,
}

/// A publish that became an event.
pub struct Event {
    pub turn: u32,
    /// Its text frame, header and all.
    pub frame_bytes: u64,
    wish: usize,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    payload: &'a RawValue,
    timestamp: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted<'a> {
    r#type: &'a str,
    timestamp: &'a str,
    receivers: u32,
}

impl Ledger {
    /// Somebody will ask for this; the payload is unlike any other.
    pub fn wish(&mut self, kind: &str, payload: &str) -> usize {
        let number = self.wishes.len();
        self.by_payload.insert(payload.into(), number);
        self.wishes.push(Wish {
            kind: kind.into(),
            payload: payload.into(),
            whole: None,
            receivers: None,
            heard: false,
        });
        number
    }

    /// How many were asked for so far.
    pub fn wishes(&self) -> usize {
        self.wishes.len()
    }

    /// The last byte of the request has been sent, before this turn.
    pub fn whole(&mut self, wish: usize, turn: u32) {
        self.wishes[wish].whole = Some(turn);
    }

    /// The witness heard this next.
    pub fn hear(&mut self, text: &str) -> Result<(), String> {
        let envelope: Envelope<'_> = serde_json::from_str(text)
            .map_err(|error| format!("an event is not JSON: {error}: {text}"))?;
        let number = *self
            .by_payload
            .get(envelope.payload.get())
            .ok_or(format!("nobody published {text}"))?;
        let turn = self.turn_of(envelope.timestamp)?;
        let wish = &mut self.wishes[number];
        let Wish { kind, payload, .. } = wish;
        let timestamp = envelope.timestamp;
        let expected =
            format!(r#"{{"type":"{kind}","payload":{payload},"timestamp":"{timestamp}"}}"#);
        if text != expected {
            return Err(format!("an event must be {expected}, not {text}"));
        }
        if wish.whole.is_none_or(|whole| whole > turn) {
            return Err(format!(
                "{text} was published in turn {turn}, before its request was whole"
            ));
        }
        if std::mem::replace(&mut wish.heard, true) {
            return Err(format!("{text} was published twice"));
        }
        if self.events.last().is_some_and(|last| last.turn > turn) {
            return Err(format!("{text} is older than the event before it"));
        }
        let header_bytes = match text.len() {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        self.by_text.insert(text.into(), self.events.len());
        self.events.push(Event {
            turn,
            frame_bytes: header_bytes + text.len() as u64,
            wish: number,
        });
        Ok(())
    }

    /// A publisher got this 202.
    pub fn accepted(&mut self, wish: usize, body: &str) -> Result<(), String> {
        let accepted: Accepted<'_> =
            serde_json::from_str(body).map_err(|error| format!("a 202 says {body}: {error}"))?;
        self.turn_of(accepted.timestamp)?;
        let wish = &mut self.wishes[wish];
        if wish.kind != accepted.r#type {
            return Err(format!("a 202 to {} says {body}", wish.kind));
        }
        wish.receivers = Some(accepted.receivers);
        Ok(())
    }

    /// The place of an event in the order, if the witness has heard it.
    pub fn place(&self, text: &str) -> Option<usize> {
        self.by_text.get(text).copied()
    }

    /// Events of turns before this one.
    pub fn before(&self, turn: u32) -> usize {
        self.events.partition_point(|event| event.turn < turn)
    }

    /// Bytes of the events of this turn.
    pub fn bytes_of(&self, turn: u32) -> u64 {
        let events = self.events.iter().rev();
        let events = events.take_while(|event| event.turn >= turn);
        events.map(|event| event.frame_bytes).sum()
    }

    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What the publisher of an event was told, if it lived to hear it.
    pub fn receivers(&self, place: usize) -> Option<u32> {
        self.wishes[self.events[place].wish].receivers
    }

    /// Every publish that was accepted became an event.
    pub fn check_accepted(&self) -> Result<(), String> {
        let lost = |wish: &&Wish| wish.receivers.is_some() && !wish.heard;
        match self.wishes.iter().find(lost) {
            Some(wish) => Err(format!("{} was accepted and never sent", wish.payload)),
            None => Ok(()),
        }
    }

    /// One more turn, at this time.
    pub fn turn(&mut self, now: Now) {
        let turn = self.times.len() as u32;
        self.times.push(now.millis().0);
        self.walls.push(now.unix);
        self.by_wall.insert(now.unix.to_string(), turn);
    }

    /// The time of a turn.
    pub fn time(&self, turn: u32) -> u64 {
        self.times[turn as usize]
    }

    /// The turn that a timestamp names.
    pub fn turn_of(&self, timestamp: &str) -> Result<u32, String> {
        let turn = self.by_wall.get(timestamp).copied();
        turn.ok_or_else(|| format!("{timestamp} is not the time of any turn"))
    }

    /// The time of a turn on the wall.
    pub fn wall(&self, turn: u32) -> Unix {
        self.walls[turn as usize]
    }
}
