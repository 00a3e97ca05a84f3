//! One simulated client: its end of a connection, its habits, and the record of what moved when.
//!
//! What it says is in `script`, what it makes of the answers in `hearing`, and whether the server treated it well in
//! `verdict`.

use std::collections::VecDeque;

use super::super::super::network::{Client as End, Sim};
use roomcast::id::ConnId;

use super::super::accounts::ledger::Ledger;
use super::super::accounts::log::Log;
use super::super::accounts::standing::{Command, Course, Standing, Wants};
use super::super::dialects::dialect::Dialect;
use super::super::dialects::sessions::{self, Act, Owner};
use super::super::dialects::tasks::Task;
use super::super::runs::chance::Chance;
use super::super::runs::rules::Rules;
use super::super::wire::position::{Position, Since};
use super::heard::{Heard, What};
use super::outgoing::{Mark, Outgoing};

/// What it is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Listens to events.
    Listener,
    /// Waits for the outcome of a session.
    Subscriber,
    /// Talks to the echo.
    Echo,
    /// Publishes, and asks for other things, over one kept-alive connection.
    Publisher,
    /// Connects and says nothing.
    Mute,
}

/// How it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Prompt,
    Slow,
    Never,
}

/// How it left without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    Fin,
    Reset,
}

/// What it speaks now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Http,
    Open,
    /// The last word has been heard: nothing may follow.
    Over,
}

/// An HTTP answer that must come.
#[derive(Debug, Default)]
pub struct Hope {
    pub status: u16,
    /// Bytes of the body that it answers.
    pub body_bytes: usize,
    pub to_head: bool,
    /// It may be answered before it is whole, once more than so many bytes have been sent; nothing follows it.
    pub lie: Option<u64>,
    /// It asked for the end of the connection.
    pub closes: bool,
    /// Refused with 503 while the server drains.
    pub drains: bool,
    /// `100 Continue` may come first.
    pub may_continue: bool,
    pub then: Then,
}

/// What an answer does.
#[derive(Debug, Default)]
pub enum Then {
    #[default]
    Nothing,
    /// The call for a session has been obeyed.
    Obeys(Act),
    /// What was to be published in an app has been.
    Accepts(Dialect, usize),
    Opens,
}

/// A message that must come back.
#[derive(Debug)]
pub struct Echo {
    pub opcode: u8,
    pub payload: Vec<u8>,
    /// Bytes that it was sent as, if it was compressed.
    pub packed_bytes: Option<usize>,
    /// The turn before which it was whole.
    pub whole: u32,
}

pub struct Client {
    pub name: usize,
    pub end: End,
    pub kind: Kind,
    /// Whose member it is, if it listens.
    pub dialect: Dialect,
    pub reading: Reading,
    /// Answers pings at once, and finishes what it began.
    pub diligent: bool,
    pub liar: bool,
    pub window: usize,
    pub out: Outgoing,
    pub state: State,
    /// Where it asks for the upgrade.
    pub path: String,
    /// It has asked for it.
    pub asked: bool,
    /// The window that messages to it may be compressed for, as a power of two; zero if they may not.
    pub window_bits: u8,
    /// It says nothing more.
    pub quiet: bool,
    /// It has asked for something with a key.
    pub shows_key: bool,
    pub left: Option<(Leave, u32)>,
    /// The turn in which the server ended the connection.
    pub ended: Option<u32>,

    pub inbox: Vec<u8>,
    /// Bytes that were read and understood.
    pub understood: u64,
    pub answers: VecDeque<Hope>,
    /// The turns before which their requests were whole; the others are still to be sent.
    pub whole: VecDeque<u32>,
    pub echoes: VecDeque<Echo>,
    pub pings: VecDeque<Vec<u8>>,
    /// Bytes of pongs that may have waited, and gave way to newer ones.
    pub passed_over: u64,
    /// Where a lie begins on a WebSocket, and the code that answers it.
    pub lie: Option<(u64, u16)>,
    /// The turn before which the lie was told whole.
    pub lied: Option<u32>,
    /// The close code that it sent, and the turn before which.
    pub closing: Option<(u16, u32)>,
    /// The close code that it got, and where in the stream.
    pub closed: Option<(u16, u64)>,
    /// Where in the stream the answer stands that opened its WebSocket.
    pub opened: u64,
    /// The turn in which that was.
    pub joined: Option<u32>,
    /// The first turn in which the server may have let it in.
    pub let_in: Option<u32>,
    pub heard: Vec<Heard>,
    /// How many of them have their place in the ledger.
    pub placed: usize,
    /// Where it may stand in the log, once it has heard something.
    pub standing: Option<Standing>,
    /// What it has said that is answered, as far as it has sent it.
    pub commands: Vec<Command>,
    /// What it wants once all that it has said is obeyed.
    pub wants: Wants,
    /// The turn of the last sign of life that its app gave.
    pub beat: Option<u32>,
    /// The session that it subscribes to, and what it has heard of it last.
    pub session: Option<usize>,
    pub told: Option<sessions::Heard>,
    /// Since when it asks at the door for what it has not got.
    pub since: Option<Since>,
    /// The last position that it has heard, or that somebody had who was cut off.
    pub known: Option<Position>,
    /// The position before the last gap that it was told of.
    pub lagged: Option<Position>,
    /// The session that it calls for.
    pub owner: Owner,
    /// The tasks that it has created.
    pub tasks: Vec<Task>,

    pub connected: u32,
    /// Its name in the server.
    pub conn: Option<ConnId>,
    /// The turns before which it sent something.
    pub sent: Vec<u32>,
    /// From when to when something was half sent.
    pub unfinished: Vec<(u32, Option<u32>)>,
    /// All bytes that had been written to it after these turns.
    pub written: Vec<(u32, u64)>,
    /// When the request that is half sent became more than an empty line can be.
    pub within: u32,
    /// Bytes that it has sent and the server has not read.
    in_flight: usize,
    /// Turns by which the server had read all that it had sent.
    pub all_read: Vec<u32>,
    /// When its window was last open, or something came.
    pub flowing: u64,
    /// When it went on reading.
    pub went_on: u64,
    /// Since when its socket has refused what waits for it, if it does.
    pub stuck: Option<u64>,
    /// What the server held of it after the last turn, in bytes, and what it has sent since.
    pub backlog: u64,
    pub fresh: u64,
    /// Turns in which it may have been evicted.
    pub evictable: Vec<u32>,
}

impl Client {
    pub fn new(name: usize, end: End, kind: Kind, window: usize, turn: u32) -> Client {
        Client {
            name,
            end,
            kind,
            dialect: Dialect::Events,
            reading: Reading::Prompt,
            diligent: true,
            liar: false,
            window,
            out: Outgoing::default(),
            state: State::Http,
            path: match kind {
                Kind::Echo => "/echo",
                _ => Dialect::Events.path(),
            }
            .into(),
            asked: false,
            window_bits: 0,
            shows_key: false,
            quiet: false,
            left: None,
            ended: None,
            inbox: Vec::new(),
            understood: 0,
            answers: VecDeque::new(),
            whole: VecDeque::new(),
            echoes: VecDeque::new(),
            pings: VecDeque::new(),
            passed_over: 0,
            lie: None,
            lied: None,
            closing: None,
            closed: None,
            opened: 0,
            joined: None,
            let_in: None,
            heard: Vec::new(),
            placed: 0,
            standing: None,
            commands: Vec::new(),
            wants: Wants::new(),
            beat: None,
            session: None,
            told: None,
            since: None,
            known: None,
            lagged: None,
            owner: Owner::default(),
            tasks: Vec::new(),
            connected: turn,
            conn: None,
            sent: Vec::new(),
            unfinished: Vec::new(),
            written: Vec::new(),
            within: 0,
            in_flight: 0,
            all_read: Vec::new(),
            flowing: 0,
            went_on: 0,
            stuck: None,
            backlog: 0,
            fresh: 0,
            evictable: Vec::new(),
        }
    }

    /// Gives it habits by chance.
    pub fn form(&mut self, chance: &mut Chance) {
        self.reading = chance.pick(&[
            Reading::Prompt,
            Reading::Prompt,
            Reading::Slow,
            Reading::Slow,
            Reading::Never,
        ]);
        self.diligent = !chance.one_in(4);
        self.liar = chance.one_in(3);
        if self.kind == Kind::Listener {
            self.listen_to(chance.pick(&Dialect::ALL));
        }
    }

    /// It will be a member of this app.
    pub fn listen_to(&mut self, dialect: Dialect) {
        (self.dialect, self.path) = (dialect, dialect.path().into());
        self.wants = dialect.wants().to_vec();
    }

    /// Whether it is one of those that tell the order of everything.
    pub fn is_witness(&self) -> bool {
        self.name < Dialect::ALL.len()
    }

    pub fn is_member_of(&self, dialect: Dialect) -> bool {
        self.kind == Kind::Listener && self.dialect == dialect
    }

    /// Bytes of all that it has said and that has not come back yet.
    pub fn echoed_bytes(&self) -> u64 {
        let bytes = self.echoes.iter().map(|echo| echo.payload.len() as u64);
        bytes.sum()
    }

    /// How many messages it heard last of a batch whose end it did not hear.
    pub fn cut_off(&self, log: &Log) -> u64 {
        let place = |heard: &Heard| match heard.what {
            What::Event(place, _) => Some(place),
            _ => None,
        };
        let Some(last) = self.heard.last().and_then(place) else {
            return 0;
        };
        if log.is_first(last + 1) {
            return 0;
        }
        // It may have had the beginning of the batch before, and asked for the rest.
        let first = log.batch_start(last + 1);
        let batch = (first..=last).rev().map(Some);
        let heard = self.heard.iter().rev().map(place).zip(batch);
        heard.take_while(|(heard, place)| heard == place).count() as u64
    }

    /// What may happen to it as a member.
    pub fn course<'a>(&'a self, ledger: &'a Ledger, rules: &'a Rules) -> Course<'a> {
        Course {
            dialect: self.dialect,
            ledger,
            rules,
            log: ledger.log(self.dialect),
            wants: self.dialect.wants(),
            commands: &self.commands,
        }
    }

    /// Sends up to so many bytes, to be seen in this turn at the earliest.
    pub fn send(&mut self, most: usize, sim: &mut Sim, ledger: &mut Ledger, turn: u32) {
        let before = self.out.boundary();
        let was_within = self.state != State::Http || self.is_within_a_request();
        let (piece, marks) = self.out.take(most);
        if piece.is_empty() {
            return;
        }
        sim.send(self.end, &piece);
        self.in_flight = sim.in_flight(self.end);
        self.fresh += piece.len() as u64;
        self.sent.push(turn);
        for mark in marks {
            match mark {
                Mark::Request => self.whole.push_back(turn),
                Mark::Publish(dialect, wish) => {
                    self.whole.push_back(turn);
                    ledger.log_mut(dialect).whole(wish, turn);
                }
                Mark::Call(act) => {
                    self.whole.push_back(turn);
                    ledger.sessions.whole(act, turn);
                }
                Mark::Message(opcode, payload, packed_bytes) => self.echoes.push_back(Echo {
                    opcode,
                    payload,
                    packed_bytes,
                    whole: turn,
                }),
                Mark::Command(command) => self.commands.push(Command {
                    whole: turn,
                    ..command
                }),
                Mark::Ping(payload) => self.pings.push_back(payload),
                Mark::Close(code) => self.closing = Some((code, turn)),
                Mark::Lie => self.lied = Some(turn),
                Mark::Ignored => {}
            }
        }
        if !was_within && self.is_within_a_request() {
            self.within = turn;
        }
        let (half, is_whole) = (self.out.is_midway(), self.out.boundary() > before);
        if let Some((_, end @ None)) = self.unfinished.last_mut() {
            if half && !is_whole {
                return;
            }
            *end = Some(turn);
        }
        if half {
            self.unfinished.push((turn, None));
        }
    }

    /// Is gone, or says that it will send no more.
    pub fn leave(&mut self, how: Leave, sim: &mut Sim, turn: u32) {
        match how {
            Leave::Fin => sim.finish_client(self.end),
            Leave::Reset => sim.reset(self.end),
        }
        self.left = Some((how, turn));
        // The server is woken as if its socket took something.
        self.stuck = None;
        self.quiet = true;
    }

    /// Records what the turn did to it; whether it was sent anything.
    pub fn look(&mut self, sim: &Sim, turn: u32, now: u64) -> bool {
        let received = sim.received(self.end);
        let before = self.written.last().map_or(0, |(_, bytes)| *bytes);
        if received > before {
            self.written.push((turn, received));
        }
        if received > before || sim.unread(self.end) < self.window {
            self.flowing = now;
        }
        let in_flight = sim.in_flight(self.end);
        let is_new = self.all_read.is_empty() && sim.conn(self.end).is_some();
        if in_flight == 0 && (self.in_flight > 0 || is_new) {
            self.all_read.push(turn);
        }
        self.in_flight = in_flight;
        self.stuck = match self.stuck {
            // What is still to be told may say that it takes something.
            _ if !sim.is_refusing(self.end) || sim.is_restless() => None,
            Some(since) if received == before => Some(since),
            _ => Some(now),
        };
        if self.ended.is_none() && sim.is_ended(self.end) {
            self.ended = Some(turn);
        }
        received > before
    }

    /// The turn in which the byte at this place of the stream was written to it.
    pub fn turn_of(&self, place: u64) -> u32 {
        let index = self.written.partition_point(|(_, bytes)| *bytes <= place);
        self.written[index].0
    }

    /// Bytes that had been written to it before this turn.
    pub fn written_before(&self, turn: u32) -> u64 {
        let index = self.written.partition_point(|(at, _)| *at < turn);
        index
            .checked_sub(1)
            .map_or(0, |index| self.written[index].1)
    }

    /// Where that begins of which so many bytes written are the beginning: it waits whole until all of it has been written.
    pub fn begun_before(&self, written: u64) -> u64 {
        let ends = self.heard.iter().map(|heard| heard.end);
        ends.take_while(|end| *end <= written).last().unwrap_or(0)
    }

    /// Whether something is to be published by what it says.
    pub fn publishes(&self) -> bool {
        let publishes = |hope: &Hope| matches!(hope.then, Then::Accepts(..));
        self.answers.iter().any(publishes)
    }

    /// Whether the server has read all that it has sent.
    pub fn is_read(&self) -> bool {
        self.in_flight == 0
    }

    /// Whether it can still be spoken with.
    pub fn is_there(&self) -> bool {
        self.left.is_none() && self.ended.is_none() && self.state != State::Over
    }

    /// Whether it is a member of its app, as far as it knows.
    pub fn is_listening(&self) -> bool {
        let listens = matches!(self.kind, Kind::Listener | Kind::Subscriber);
        listens && self.state == State::Open && self.is_there()
    }

    /// Who it is and what happened to it last, for whoever has to find out why.
    pub fn describe(&self, ledger: &Ledger) -> String {
        let Client { name, kind, .. } = self;
        let time = |turn: &u32| {
            format!(
                "{turn} ({} ms)",
                ledger.times.get(*turn as usize).unwrap_or(&0)
            )
        };
        let sent: Vec<String> = self.sent.iter().rev().take(3).map(time).collect();
        format!(
            "client {name}, {kind:?} {} ({:?}, {:?}, window {}, sent before turns {sent:?}, half sent {:?}, written {:?}, left {:?}, ended {:?})",
            self.conn.map_or_else(String::new, |conn| conn.to_string()),
            self.state,
            self.reading,
            self.window,
            self.unfinished.last(),
            self.written.last(),
            self.left,
            self.ended,
        )
    }
}
