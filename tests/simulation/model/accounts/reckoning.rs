//! The books, once a run is over: who was a member at each event, who got it, and whether whoever did not could not.
//!
//! A queue is first in, first out, and what had been written at the end of every turn is known. So what stood in front
//! of a message when it was queued is known too: the bytes between what had been written and where it starts.

use roomcast::bounds::QueueBounds;

use super::super::clients::client::Client;
use super::super::clients::heard::{Heard, Loss, What};
use super::super::dialects::dialect::Dialect;
use super::super::runs::rules::Rules;
use super::log::Log;

/// How far a queue's bytes may differ from what was seen of them: a pong that waits is replaced by a newer one.
const PONG_SLACK: u64 = 125;

/// Deliveries of one event.
#[derive(Clone, Copy, Default)]
struct Count {
    certain: u32,
    possible: u32,
}

/// What all listeners together got.
#[derive(Debug)]
pub struct Totals {
    /// Events and welcomes that were written whole.
    pub written: u64,
    /// Events that were told as missed.
    pub missed: u64,
    /// Events and welcomes that may have been queued and thrown away, or events that may have been dropped without a
    /// word because the end came first.
    pub open: u64,
}

/// Checks the queue of everybody who listened to an app, and the receivers of each of its messages; gives the totals.
pub fn reckon(
    dialect: Dialect,
    clients: &[Client],
    log: &Log,
    rules: &Rules,
) -> Result<Totals, String> {
    let mut counts = vec![Count::default(); log.messages().len()];
    let mut totals = Totals {
        written: 0,
        missed: 0,
        open: 0,
    };
    let listeners = clients.iter().filter(|client| client.is_member_of(dialect));
    for client in listeners {
        let queue = Queue {
            client,
            log,
            bounds: rules.queue(),
            flushes_all: rules.flushes_all,
        };
        queue
            .check(&mut counts, &mut totals)
            .map_err(|why| format!("client {}: {why}", client.name))?;
    }
    for (place, count) in counts.iter().enumerate() {
        let Some(receivers) = log.receivers(place) else {
            continue;
        };
        if receivers < count.certain || receivers > count.certain + count.possible {
            return Err(format!(
                "event {place} of turn {}: {receivers} receivers were told, and it was queued for {} and perhaps {} more",
                log.messages()[place].turn,
                count.certain,
                count.possible
            ));
        }
    }
    Ok(totals)
}

/// The queue of one listener, seen from outside.
struct Queue<'a> {
    client: &'a Client,
    log: &'a Log,
    bounds: QueueBounds,
    /// Whether every turn writes to everybody, so that what waits after it has been refused.
    flushes_all: bool,
}

impl Queue<'_> {
    fn check(&self, counts: &mut [Count], totals: &mut Totals) -> Result<(), String> {
        let Some(joined) = self.client.joined else {
            // It never heard that it was let in.
            let ended = self.client.ended.ok_or("it is still there")?;
            let asked = self.log.before(self.client.connected);
            // The welcome may have been on its way, and answers behind it.
            totals.open += 1 + self.client.commands.len() as u64;
            for count in &mut counts[asked..self.log.before(ended + 1)] {
                count.possible += 1;
                totals.open += 1;
            }
            return Ok(());
        };
        for (index, heard) in self.client.heard.iter().enumerate() {
            match &heard.what {
                What::Status => return Err("a status of no session".into()),
                What::Welcome => totals.written += 1,
                What::Text(text) => return Err(format!("the witness never heard {text}")),
                What::Event(place) => {
                    let turn = self.log.messages()[*place].turn;
                    if self.log.is_first(*place) {
                        self.check_fits(index, turn)
                            .map_err(|why| format!("event {place} {why}"))?;
                    }
                    counts[*place].certain += 1;
                    totals.written += 1;
                }
                What::Answer(text, turn) => {
                    self.check_fits(index, *turn)
                        .map_err(|why| format!("{text} {why}"))?;
                    totals.written += 1;
                }
                What::Lagged(loss) => {
                    totals.missed += loss.missed as u64;
                    self.check_full(index, loss, heard.start)?;
                    if let Some(told) = loss.told {
                        self.check_told(index, told)?;
                        self.check_half_full(index, loss, told)?;
                    }
                }
            }
        }
        // What it did not hear before the end: queued and thrown away, or dropped.
        let ended = self.client.ended.ok_or("it is still there")?;
        let until = self.log.before(self.last_turn(ended) + 1);
        let (from, obeyed) = match &self.client.standing {
            Some(standing) => standing.least(),
            None => (self.log.before(joined), 0),
        };
        for count in counts.iter_mut().take(until).skip(from) {
            count.possible += 1;
            totals.open += 1;
        }
        totals.open += (self.client.commands.len() - obeyed) as u64;
        let cut_off = self.client.cut_off(self.log);
        totals.written -= cut_off;
        totals.open += cut_off;
        Ok(())
    }

    /// The last turn in which it can have been a member.
    fn last_turn(&self, ended: u32) -> u32 {
        let closed = self
            .client
            .closed
            .map(|(_, start)| self.client.turn_of(start));
        closed.unwrap_or(ended).min(ended)
    }

    /// Messages that were queued before the `index`th thing heard and waited in front of it at the start of a turn.
    fn ahead(&self, index: usize, written: u64) -> impl Iterator<Item = &Heard> {
        let earlier = self.client.heard[..index].iter().rev();
        let waiting = earlier.take_while(move |heard| heard.end > written);
        waiting.filter(|heard| !matches!(heard.what, What::Lagged(..)))
    }

    /// How many that was, a batch as one.
    fn messages_ahead(&self, index: usize, written: u64) -> usize {
        let is_first = |heard: &&Heard| match heard.what {
            What::Event(place) => self.log.is_first(place),
            _ => true,
        };
        let ahead: Vec<&Heard> = self.ahead(index, written).collect();
        // The oldest may be the rest of one.
        let rest = ahead.last().is_some_and(|oldest| !is_first(oldest));
        ahead.into_iter().filter(is_first).count() + usize::from(rest)
    }

    /// A message was queued in this turn: it must have fitted, if the socket had refused what was in front of it.
    fn check_fits(&self, index: usize, turn: u32) -> Result<(), String> {
        let written = self.client.written_before(turn);
        let Heard { start, end, .. } = self.client.heard[index];
        let messages = self.messages_ahead(index, written);
        let bytes = start.saturating_sub(written) + (end - start);
        let fits = messages < self.bounds.messages_max as usize
            && bytes <= u64::from(self.bounds.bytes_max) + PONG_SLACK;
        if fits || messages == 0 || !self.flushes_all || !self.was_blocked(index, turn, written) {
            return Ok(());
        }
        Err(format!(
            "was queued behind {messages} messages, {bytes} bytes with it, of {:?}",
            self.bounds
        ))
    }

    /// Messages were dropped: at the first of them the queue must have been full, and not only because nothing had been
    /// written yet.
    fn check_full(&self, index: usize, loss: &Loss, notice: u64) -> Result<(), String> {
        let is_full = |&place: &usize| {
            let event = &self.log.messages()[place];
            let written = self.client.written_before(event.turn);
            let messages = self.messages_ahead(index, written);
            let bytes = notice.saturating_sub(written) + self.log.batch_bytes(place);
            let full = messages >= self.bounds.messages_max as usize
                || messages > 0 && bytes + PONG_SLACK > u64::from(self.bounds.bytes_max);
            full && self.may_be_blocked(index, event.turn, written)
        };
        if loss.firsts.is_empty() || loss.firsts.iter().any(is_full) {
            return Ok(());
        }
        let Loss { firsts, .. } = loss;
        Err(format!(
            "one of events {firsts:?} was dropped, and the queue was not full, of {:?}",
            self.bounds
        ))
    }

    /// Whether a message queued before this turn had not been written before it.
    fn was_blocked(&self, index: usize, turn: u32, written: u64) -> bool {
        self.ahead(index, written).any(|heard| match &heard.what {
            What::Event(place) => self.log.messages()[*place].turn < turn,
            What::Answer(_, answered) => *answered < turn,
            _ => self.client.joined.is_some_and(|joined| joined < turn),
        })
    }

    /// The same, or answers and control frames that may have been queued before it.
    fn may_be_blocked(&self, index: usize, turn: u32, written: u64) -> bool {
        let was_let_in = self.client.let_in.is_some_and(|let_in| let_in < turn);
        let first = self.ahead(index, written).last();
        let behind_control = was_let_in && first.is_some_and(|first| first.start > written);
        behind_control || self.client.opened > written || self.was_blocked(index, turn, written)
    }

    /// It was told of its loss in this turn: by its end the queue was half full at most.
    fn check_told(&self, index: usize, told: u32) -> Result<(), String> {
        let written = self.client.written_before(told + 1);
        let messages = self.messages_ahead(index, written);
        let last = self.client.heard[..index].last();
        let bytes = last.map_or(0, |last| last.end.saturating_sub(written));
        if messages <= self.bounds.messages_max as usize / 2
            && bytes <= u64::from(self.bounds.bytes_max / 2) + PONG_SLACK
        {
            return Ok(());
        }
        Err(format!(
            "told of its loss in turn {told}, with {messages} messages, {bytes} bytes still waiting"
        ))
    }

    /// It lagged from the first that it missed until the notice: no write in between left the queue half full.
    fn check_half_full(&self, index: usize, loss: &Loss, told: u32) -> Result<(), String> {
        let Some(&first) = loss.firsts.iter().max() else {
            return Ok(());
        };
        let began = self.log.messages()[first].turn;
        let notice = self.client.heard[index].start;
        for &(turn, written) in &self.client.written {
            if turn < began || turn >= told {
                continue;
            }
            let messages = self.messages_ahead(index, written);
            let bytes = notice.saturating_sub(written);
            if messages <= self.bounds.messages_max as usize / 2
                && bytes + PONG_SLACK <= u64::from(self.bounds.bytes_max / 2)
            {
                return Err(format!(
                    "half empty after turn {turn} ({messages} messages, {bytes} bytes), and told of its loss only in turn {told}"
                ));
            }
        }
        Ok(())
    }
}
