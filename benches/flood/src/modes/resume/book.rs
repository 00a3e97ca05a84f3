//! What each client heard and was told, by the positions of the messages.
//!
//! One publisher sends all messages, so their positions follow each other like their own numbers: message 0 is the one
//! behind the probe, and every other has its number more. A client must hear each position once and in order, from the
//! one that it was told first on, but for what it was told it missed. It comes back with the last position that it
//! heard, and what it is told then must fit: the position behind which it goes on is that one and what it missed, and
//! what follows ends with a message that may have been the newest when it came.

use crate::measure::clock::Micros;
use crate::measure::envelope::{Envelope, Shape};
use crate::measure::histogram::Latencies;
use crate::measure::sink::Sink;
use crate::modes::resume::heard::Heard;
use crate::target::mark::{Mark, PROBE};
use crate::target::position::Position;
use crate::target::server::Target;

/// First copies that are remembered. What is older is read in full again.
const SEEN: usize = 4096;

/// Why a message is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is not timed.
    Untimed,
    /// Nobody is cut, or, without a burst, some always are.
    Quiet,
    /// Everybody comes back.
    Burst,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    meant_at: Micros,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seat {
    is_here: bool,
    is_greeted: bool,
    /// The number of the position that it should hear next; 0 if it was never told any.
    next: u64,
    /// Messages before it that it has not heard and was told nothing of, since it came.
    gaps: u64,
    /// Messages of its resume that are still to come.
    replay: u64,
    /// Messages that had been answered when it asked to come in, and whether it said since when.
    answered: u32,
    resumes: bool,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    number: u64,
    text: Vec<u8>,
}

/// The account of all of them.
#[derive(Debug)]
pub struct Book {
    run: u16,
    size: usize,
    target: Target,
    seats: Vec<Seat>,
    messages: Vec<Message>,
    answered: u32,
    envelope: Option<Envelope>,
    epoch: Option<u32>,
    /// The number of the position of message 0, once the probe was heard.
    first: Option<u64>,
    seen: Vec<Seen>,
    open: u32,
    ungreeted: u32,
    /// Clients from this one on are timed.
    timed_from: u32,
    /// What they heard.
    pub heard: Heard,
    /// From the time a message was meant to be sent to its live deliveries, in quiet rounds and in bursts.
    pub latency_us: [Latencies; 2],
    /// When something was last heard.
    pub moved: Micros,
}

impl Book {
    /// Nobody has come. Messages have `size` bytes, and deliveries to clients from `timed_from` on are timed.
    pub fn new(target: Target, run: u16, size: usize, timed_from: u32) -> Book {
        let clients = target.seating.clients();
        Book {
            run,
            size,
            seats: vec![Seat::default(); clients as usize],
            messages: Vec::new(),
            answered: 0,
            envelope: None,
            epoch: None,
            first: None,
            seen: vec![Seen::default(); SEEN],
            open: 0,
            ungreeted: 0,
            timed_from,
            heard: Heard::default(),
            latency_us: Default::default(),
            moved: Micros(0),
            target,
        }
    }

    /// What is published before all others, to learn what is delivered.
    pub fn probe(&self) -> Mark {
        Mark::new(self.run, 0, PROBE, 0)
    }

    /// The padding that makes messages as long as they should be, once the probe was heard.
    pub fn pad(&self) -> Option<usize> {
        self.envelope.as_ref()?.pad(self.size)
    }

    /// The next message, meant to be sent at `meant_at`, is on its way.
    pub fn publish(&mut self, meant_at: Micros, phase: Phase) -> Mark {
        let seq = self.sent();
        self.messages.push(Message { meant_at, phase });
        Mark::new(self.run, 0, seq, meant_at.0)
    }

    /// The server has taken so many more messages.
    pub fn answer(&mut self, more: u32) {
        self.answered += more;
    }

    /// `client` is cut.
    pub fn leave(&mut self, client: u32) {
        let seat = &mut self.seats[client as usize];
        if seat.is_here {
            seat.is_here = false;
            self.open -= 1;
            self.ungreeted -= u32::from(!seat.is_greeted);
        }
    }

    /// Messages sent.
    pub fn sent(&self) -> u32 {
        self.messages.len() as u32
    }

    /// Messages that the server took.
    pub fn answered(&self) -> u32 {
        self.answered
    }

    /// Clients that are here.
    pub fn open(&self) -> u32 {
        self.open
    }

    /// Whether `client` is here and was greeted.
    pub fn is_settled(&self, client: u32) -> bool {
        let seat = &self.seats[client as usize];
        seat.is_here && seat.is_greeted
    }

    /// Whether everybody who is here has everything.
    pub fn all_have_all(&self) -> bool {
        let mut here = self.seats.iter().filter(|seat| seat.is_here);
        self.answered == self.sent()
            && self.ungreeted == 0
            && here.all(|seat| Some(seat.next) == self.end())
    }

    /// Whether everybody who is here has what it came back for, whatever is new.
    pub fn all_have_resumed(&self) -> bool {
        let mut here = self.seats.iter().filter(|seat| seat.is_here);
        self.ungreeted == 0 && here.all(|seat| seat.replay == 0)
    }

    /// What is missing now counts as lost: nothing comes any more.
    pub fn conclude(&mut self) {
        let end = self.end().unwrap_or(0);
        let behind = self.seats.iter().map(|seat| end.saturating_sub(seat.next));
        self.heard.lost += behind.sum::<u64>();
    }

    /// The number of the position behind the newest.
    fn end(&self) -> Option<u64> {
        Some(self.first? + u64::from(self.sent()))
    }

    /// Whether the newest message may have had that number when `answered` messages had been answered before.
    fn may_be_newest(&self, number: u64, answered: u32) -> bool {
        self.first.is_none_or(|first| {
            let behind = number + 1;
            (first + u64::from(answered)..=first + u64::from(self.sent())).contains(&behind)
        })
    }

    fn is_copy(&self, number: u64, text: &[u8]) -> bool {
        let seen = &self.seen[number as usize % SEEN];
        seen.number == number && seen.text == text
    }

    fn read(&mut self, client: u32, text: &[u8], now: Micros) {
        let hint = self.envelope.as_ref().map_or(0, Envelope::mark_at);
        let position = Position::said_last(text).map(|(position, _)| position);
        let Some((mark, at)) = Mark::find(text, hint) else {
            match self.target.missed(text) {
                Some(missed) => self.lag(client, missed, text),
                None if self.target.is_greeting(text) => self.greet(client, text, position),
                None => self.heard.others += 1,
            }
            return;
        };
        if mark.run != self.run {
            self.heard.others += 1;
        } else if mark.seq == PROBE {
            self.learn(client, text, at, position);
        } else {
            self.heard.received += 1;
            match self.place(mark, text, at, position) {
                Some(number) => self.deliver(client, number, now),
                None => self.moved = now,
            }
        }
    }

    fn learn(&mut self, client: u32, text: &[u8], at: usize, position: Option<Position>) {
        self.envelope = self.envelope.take().or_else(|| Envelope::learn(text, at));
        let Some(Position { number, .. }) = position else {
            self.heard.misplaced += 1;
            return;
        };
        self.first = Some(number + 1);
        self.seats[client as usize].next = number + 1;
    }

    /// The number of the position of a message, if it is whole and has the right one.
    fn place(&mut self, mark: Mark, text: &[u8], at: usize, said: Option<Position>) -> Option<u64> {
        let message = self.messages.get(mark.seq as usize);
        let is_ours = message.is_some_and(|message| message.meant_at == Micros(mark.at_us));
        let envelope = self.envelope.as_ref().filter(|_| is_ours);
        let shape = envelope.map(|envelope| envelope.check(text, at, self.size));
        if shape != Some(Shape::Whole) {
            self.heard.corrupt += 1;
            return None;
        }
        let number = self.first? + u64::from(mark.seq);
        if said.map(|said| (Some(said.epoch), said.number)) != Some((self.epoch, number)) {
            self.heard.misplaced += 1;
            return None;
        }
        let seen = &mut self.seen[number as usize % SEEN];
        seen.number = number;
        seen.text.clear();
        seen.text.extend_from_slice(text);
        Some(number)
    }

    fn deliver(&mut self, client: u32, number: u64, now: Micros) {
        let Book { seats, heard, .. } = self;
        self.moved = now;
        let seat = &mut seats[client as usize];
        heard.ungreeted += u64::from(!seat.is_greeted);
        if number < seat.next {
            if seat.gaps == 0 {
                heard.duplicates += 1;
                return;
            }
            seat.gaps -= 1;
            heard.lost -= 1;
            heard.out_of_order += 1;
            heard.deliveries += 1;
            return;
        }
        seat.gaps += number - seat.next;
        heard.lost += number - seat.next;
        heard.deliveries += 1;
        seat.next = number + 1;
        if seat.replay > 0 {
            seat.replay -= 1;
            heard.replayed += 1;
            return;
        }
        if client < self.timed_from {
            return;
        }
        let message = self.first.and_then(|first| {
            let seq = number.checked_sub(first)?;
            self.messages.get(seq as usize)
        });
        let latency_us = match message.map(|message| (message.phase, message.meant_at)) {
            Some((Phase::Quiet, meant_at)) => (0, now.since(meant_at)),
            Some((Phase::Burst, meant_at)) => (1, now.since(meant_at)),
            _ => return,
        };
        self.latency_us[latency_us.0].record(latency_us.1);
    }

    /// A client was told the position that it goes on behind.
    fn greet(&mut self, client: u32, text: &[u8], position: Option<Position>) {
        self.heard.greetings += 1;
        let before = self.seats[client as usize];
        let Some(Position { epoch, number }) = position.filter(|_| !before.is_greeted) else {
            self.heard.wrong_outcomes += 1;
            return;
        };
        let is_same = *self.epoch.get_or_insert(epoch) == epoch;
        let outcome = self.target.resumed(text);
        let (is_right, sent, missed) = match (before.resumes, outcome) {
            (false, None) => (self.may_be_newest(number, before.answered), 0, 0),
            (true, Some((sent, Some(missed)))) => {
                let goes_on = number + 1 == before.next + missed;
                let ends = self.may_be_newest(number + sent, before.answered);
                (goes_on && ends, sent, missed)
            }
            _ => (false, 0, 0),
        };
        self.ungreeted -= 1;
        let seat = &mut self.seats[client as usize];
        (seat.is_greeted, seat.gaps) = (true, 0);
        if !is_right || !is_same {
            // It goes on where it was, and what does not come is lost.
            self.heard.wrong_outcomes += 1;
            seat.next = seat.next.max(1);
            return;
        }
        (seat.next, seat.replay) = (number + 1, sent);
        self.heard.resumes += u64::from(before.resumes);
        self.heard.missed += missed;
    }

    /// A client was told that it missed so many, and behind which position.
    fn lag(&mut self, client: u32, missed: u64, text: &[u8]) {
        let since = self.target.lagged_since(text);
        let seat = &mut self.seats[client as usize];
        self.heard.notices += 1;
        let is_there =
            |since: Position| Some(since.epoch) == self.epoch && since.number + 1 == seat.next;
        if !since.is_some_and(is_there) {
            self.heard.wrong_notices += 1;
            return;
        }
        self.heard.told += missed;
        seat.next += missed;
    }
}

impl Sink for Book {
    fn asks(&mut self, client: u32) -> Option<Position> {
        let (answered, epoch) = (self.answered, self.epoch);
        let seat = &mut self.seats[client as usize];
        let number = seat.next.checked_sub(1);
        let since = number.zip(epoch);
        (seat.answered, seat.resumes) = (answered, since.is_some());
        since.map(|(number, epoch)| Position { epoch, number })
    }

    fn opened(&mut self, client: u32) {
        let seat = &mut self.seats[client as usize];
        (seat.is_here, seat.is_greeted, seat.replay) = (true, false, 0);
        self.open += 1;
        self.ungreeted += 1;
    }

    fn message(&mut self, client: u32, payload: &[u8], now: Micros) {
        let seat = &self.seats[client as usize];
        if !seat.is_here {
            let is_ours = Mark::find(payload, 0).is_some_and(|(mark, _)| mark.run == self.run);
            self.heard.received += u64::from(is_ours);
            self.heard.unheard += u64::from(is_ours);
            self.heard.greetings += u64::from(!is_ours && self.target.is_greeting(payload));
            return;
        }
        // Nearly all that comes is a copy of what somebody had before, and the next one.
        let number = seat.next;
        match self.is_copy(number, payload) {
            true => {
                self.heard.received += 1;
                self.deliver(client, number, now);
            }
            false => self.read(client, payload, now),
        }
    }

    fn lost(&mut self, client: u32) {
        self.leave(client);
    }

    fn ungreeted(&self) -> u32 {
        self.ungreeted
    }
}

#[cfg(test)]
mod tests;
