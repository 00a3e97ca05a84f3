//! Messages that come back: one outstanding on each connection, each checked from its first byte to its last.

use serde::Serialize;

use crate::client::crowd::Crowd;
use crate::error::Error;
use crate::measure::clock::{Micros, after, seconds};
use crate::measure::histogram::{Latencies, Quantiles};
use crate::measure::meter::Cost;
use crate::measure::problems::{Judge, Problems};
use crate::measure::sink::Sink;
use crate::modes::plan::Plan;
use crate::modes::progress;
use crate::target::mark::{MARK_BYTES, Mark};

/// The account of who waits for what.
#[derive(Debug, Default)]
pub struct Book {
    run: u16,
    pad: usize,
    /// The message that is compared with, its mark rewritten for each.
    text: Vec<u8>,
    /// The message of each client that is on its way.
    trips: Vec<Option<Mark>>,
    /// Clients whose message came back.
    back: Vec<u32>,
    open: u32,
    outstanding: u32,
    sent: u32,
    /// Messages that came back so far.
    pub returned: u32,
    damaged: u32,
    unasked: u32,
    /// From the sending of a message to its return.
    pub round_trip_us: Latencies,
    last: Micros,
}

/// How messages came back.
#[derive(Debug, Serialize)]
pub struct Echoed {
    /// Bytes of each message.
    pub size: usize,
    /// Messages sent.
    pub sent: u32,
    /// Messages that came back whole.
    pub returned: u32,
    /// Messages that did not come back.
    pub lost: u32,
    /// Messages that came back damaged.
    pub damaged: u32,
    /// Messages that came although none was outstanding.
    pub unasked: u32,
    /// From the first message to the last that came back.
    pub seconds: f64,
    /// Round trips a second.
    pub round_trips_per_second: f64,
    /// Round trips for each second of the server's CPU time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trips_per_server_cpu_second: Option<f64>,
    /// From the sending of a message to its return.
    pub round_trip_us: Quantiles,
    /// What it cost.
    pub cost: Cost,
}

impl Book {
    /// An account for `clients` clients that send `size` bytes at a time.
    pub fn new(clients: u32, size: usize, run: u16) -> Book {
        Book {
            run,
            pad: size.saturating_sub(MARK_BYTES),
            text: Vec::with_capacity(size),
            trips: vec![None; clients as usize],
            ..Book::default()
        }
    }

    /// What came of it in `elapsed_us`.
    pub fn report(&self, elapsed_us: u64, cost: Cost) -> Echoed {
        let returned = f64::from(self.returned);
        let server_cpu = cost.server_cpu_seconds.filter(|&seconds| seconds > 0.0);
        Echoed {
            size: self.pad + MARK_BYTES,
            sent: self.sent,
            returned: self.returned,
            lost: self.sent - self.returned - self.damaged,
            damaged: self.damaged,
            unasked: self.unasked,
            seconds: seconds(elapsed_us),
            round_trips_per_second: returned / seconds(elapsed_us).max(1e-6),
            round_trips_per_server_cpu_second: server_cpu.map(|seconds| returned / seconds),
            round_trip_us: Quantiles::from(&self.round_trip_us),
            cost,
        }
    }

    /// Writes the message that `client` sends next, and waits for it.
    fn send(&mut self, client: u32, now: Micros) -> &[u8] {
        let mark = Mark::new(self.run, client, self.sent, now.0);
        self.write(mark);
        self.trips[client as usize] = Some(mark);
        self.sent += 1;
        self.outstanding += 1;
        &self.text
    }

    /// The padding is there already, so only the mark in front of it is written.
    fn write(&mut self, mark: Mark) {
        if self.text.is_empty() {
            return mark.write(&mut self.text, self.pad);
        }
        mark.write_head(&mut self.text[..MARK_BYTES - 1]);
    }

    fn stop_waiting(&mut self) {
        self.trips.fill(None);
        self.outstanding = 0;
    }
}

impl Judge for Echoed {
    fn judge(&self, problems: &mut Problems) {
        problems.none_of(&[
            (self.lost, "messages did not come back"),
            (self.damaged, "messages came back damaged"),
            (self.unasked, "messages came that nobody had sent"),
        ]);
    }
}

impl Sink for Book {
    fn opened(&mut self, client: u32) {
        self.back.push(client);
        self.open += 1;
    }

    fn message(&mut self, client: u32, payload: &[u8], now: Micros) {
        let Some(mark) = self.trips[client as usize].take() else {
            self.unasked += 1;
            return;
        };
        self.outstanding -= 1;
        self.back.push(client);
        self.write(mark);
        if payload != self.text {
            self.damaged += 1;
            return;
        }
        self.returned += 1;
        self.last = now;
        self.round_trip_us.record(now.since(Micros(mark.at_us)));
    }

    fn lost(&mut self, client: u32) {
        self.open -= 1;
        if self.trips[client as usize].take().is_some() {
            self.outstanding -= 1;
        }
    }

    fn ungreeted(&self) -> u32 {
        0
    }
}

/// One round: every connection that is open sends as soon as its last message is back. Says how many microseconds
/// passed until the last one came.
pub fn run(crowd: &mut Crowd, book: &mut Book, plan: Plan, deadline: Micros) -> Result<u64, Error> {
    let start = crowd.clock().now();
    let stop_at = plan.duration.map(|duration| after(start, duration));
    let stop_at = stop_at.unwrap_or(Micros(u64::MAX));
    let sent_before = book.sent;
    let bar = progress::bar("echoing", plan.messages.unwrap_or(0));
    let mut idle = Vec::new();
    let mut moved = start;
    loop {
        let now = crowd.clock().now();
        let sent = book.sent - sent_before;
        let mut left = match plan.messages {
            _ if now >= stop_at.min(deadline) => 0,
            Some(messages) => messages - sent,
            None => u32::MAX,
        };
        let mut back = std::mem::take(&mut book.back);
        for client in back.drain(..) {
            moved = now;
            if left == 0 || !crowd.is_open(client) {
                idle.push(client);
                continue;
            }
            left -= 1;
            let text = book.send(client, crowd.clock().now());
            if !crowd.send(client, text) {
                book.lost(client);
            }
        }
        book.back = back;
        bar.set_position(u64::from(sent));
        if book.outstanding == 0 {
            break;
        }
        if now >= after(moved, plan.settle).min(deadline) {
            book.stop_waiting();
            break;
        }
        crowd.turn(after(moved, plan.settle).min(stop_at), book)?;
    }
    bar.finish_and_clear();
    // They go first when there is another round.
    book.back.append(&mut idle);
    Ok(book.last.since(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> (Book, Vec<u8>) {
        let mut book = Book::new(2, 100, 1);
        book.opened(0);
        book.opened(1);
        let text = book.send(1, Micros(10)).to_vec();
        (book, text)
    }

    #[test]
    fn a_message_that_comes_back_whole_is_timed() {
        let (mut book, text) = book();
        assert_eq!(text.len(), 100);
        book.message(1, &text, Micros(35));
        assert_eq!((book.returned, book.outstanding, book.damaged), (1, 0, 0));
        assert_eq!(book.round_trip_us.histogram().max(), 25);
        assert_eq!(book.back, [0, 1, 1]);
    }

    #[test]
    fn what_is_damaged_or_was_not_asked_for_is_counted() {
        let (mut book, mut text) = book();
        book.message(0, &text, Micros(35));
        text[99] ^= 1;
        book.message(1, &text, Micros(35));
        assert_eq!((book.unasked, book.damaged, book.returned), (1, 1, 0));
    }

    #[test]
    fn the_message_of_another_is_damaged() {
        let (mut book, text) = book();
        book.send(0, Micros(11));
        book.message(0, &text, Micros(35));
        assert_eq!((book.damaged, book.outstanding), (1, 1));
    }
}
