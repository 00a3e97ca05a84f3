//! The books, once a run is over: who was a member at each event, who got it, and whether whoever did not could not.
//!
//! What had been written at the end of every turn is known. So what stood in front of a message when it was queued is
//! known too: the bytes between what had been written and where it starts. And what is skipped is the oldest, while what
//! waits behind it is too much: that is all that was heard behind it and had been queued by then.

use roomcast::bounds::{OnFull, QueueBounds};

use super::super::clients::client::Client;
use super::super::clients::heard::{Heard, Loss, What};
use super::super::dialects::dialect::Dialect;
use super::super::runs::rules::Rules;
use super::history;
use super::ledger::Ledger;
use super::length;
use super::log::Log;
use super::standing::{Command, Missed};

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
    ledger: &Ledger,
    rules: &Rules,
) -> Result<Totals, String> {
    let log = ledger.log(dialect);
    let mut counts = vec![Count::default(); log.messages().len()];
    let mut totals = Totals {
        written: 0,
        missed: 0,
        open: 0,
    };
    let listeners = clients.iter().filter(|client| client.is_member_of(dialect));
    for client in listeners {
        let queue = Queue {
            dialect,
            clients,
            client,
            log,
            ledger,
            rules,
            bounds: rules.queue(),
            flushes_all: rules.flushes_all,
            thrifty: rules.thrifty,
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
    dialect: Dialect,
    clients: &'a [Client],
    client: &'a Client,
    log: &'a Log,
    ledger: &'a Ledger,
    rules: &'a Rules,
    bounds: QueueBounds,
    /// Whether every turn writes to everybody, so that what waits after it has been refused.
    flushes_all: bool,
    /// Whether logs may be cut for the memory budget.
    thrifty: bool,
}

impl Queue<'_> {
    fn check(&self, counts: &mut [Count], totals: &mut Totals) -> Result<(), String> {
        let Some(joined) = self.client.joined else {
            // It never heard that it was let in.
            let ended = self.client.ended.ok_or("it is still there")?;
            let asked = self.log.before(self.client.connected);
            // The welcome may have been on its way, and answers behind it.
            totals.open += 1 + self.client.commands.len() as u64 + self.replays(0);
            for count in &mut counts[asked..self.log.before(ended + 1)] {
                count.possible += 1;
                totals.open += 1;
            }
            return Ok(());
        };
        for (index, heard) in self.client.heard.iter().enumerate() {
            match &heard.what {
                What::Status => return Err("a status of no session".into()),
                What::Welcome(_) => totals.written += 1,
                What::Text(text) => return Err(format!("the witness never heard {text}")),
                What::Event(place, came) => {
                    let turn = self.log.messages()[*place].turn;
                    let may_be_new = came.may_be_new;
                    if self.log.is_first(*place) && came.again.is_none() {
                        self.check_fits(index, turn)
                            .map_err(|why| format!("event {place} {why}"))?;
                    }
                    let count = &mut counts[*place];
                    count.certain += u32::from(came.again.is_none());
                    count.possible += u32::from(came.again.is_some() && may_be_new);
                    totals.written += 1;
                }
                What::Answer(answer) if answer.is_exempt => {}
                What::Answer(answer) => {
                    self.check_fits(index, answer.turn())
                        .map_err(|why| format!("{} {why}", answer.text))?;
                    totals.written += 1;
                }
                What::Lagged(loss) => {
                    totals.missed += loss.missed as u64;
                    self.check_full(index, loss)?;
                    // What was skipped had been queued, or was skipped at once.
                    for place in &loss.places.places {
                        counts[*place].possible += 1;
                    }
                }
            }
        }
        // What it did not hear before the end: queued and thrown away, or dropped.
        let ended = self.client.ended.ok_or("it is still there")?;
        let until = self.log.before(self.last_turn(ended) + 1);
        let (from, obeyed, again) = match &self.client.standing {
            Some(standing) => standing.least(),
            None => (self.log.before(joined), 0, 0),
        };
        totals.open += again as u64 + self.replays(obeyed);
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

    /// What may have been queued for it that it asked for by other commands than the first so many, and never heard of.
    fn replays(&self, obeyed: usize) -> u64 {
        let commands = self.client.commands[obeyed..].iter();
        let asks = commands.filter(|command| command.asks_again());
        let at_the_door = self.client.since.is_some() && self.client.joined.is_none();
        let asked = asks.count() + usize::from(at_the_door);
        (asked * self.log.messages().len()) as u64
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
            What::Event(place, _) => self.log.is_first(place),
            _ => true,
        };
        let is_counted = |heard: &&Heard| match &heard.what {
            What::Answer(answer) => !answer.is_exempt,
            _ => true,
        };
        let ahead = self.ahead(index, written).filter(is_counted);
        let ahead: Vec<&Heard> = ahead.collect();
        // The oldest may be the rest of one.
        let rest = ahead.last().is_some_and(|oldest| !is_first(oldest));
        ahead.into_iter().filter(is_first).count() + usize::from(rest)
    }

    /// A message was queued in this turn: it must have fitted, if the socket had refused what was in front of it.
    fn check_fits(&self, index: usize, turn: u32) -> Result<(), String> {
        let written = self.client.written_before(turn);
        let Heard { start, end, .. } = self.client.heard[index];
        let messages = self.messages_ahead(index, written);
        // A notice is put in front of what had been queued before.
        let heard = self.client.heard[..index].iter().rev();
        let waiting = heard.take_while(|heard| heard.end > written);
        let notices = waiting.filter(|heard| matches!(heard.what, What::Lagged(..)));
        let notices: u64 = notices.map(|notice| notice.end - notice.start).sum();
        let bytes = (start.saturating_sub(written) + (end - start)).saturating_sub(notices);
        let fits = messages < self.bounds.messages_max as usize
            && bytes <= u64::from(self.bounds.bytes_max) + PONG_SLACK;
        if fits || messages == 0 || !self.flushes_all || !self.was_blocked(index, turn, written) {
            return Ok(());
        }
        // It may be behind as far as the history reaches; and the newest is never skipped for itself, where only that counts.
        let oldest = self.oldest_waiting(index, written);
        let this = self.heard_place(index);
        if let (Some(oldest), Some(this)) = (oldest, this) {
            let kept = history::oldest(self.log, this, turn, self.ledger, self.rules);
            let is_newest = self.bounds.on_full == OnFull::Latest && oldest == this;
            if oldest >= kept.least || is_newest {
                return Ok(());
            }
        }
        Err(format!(
            "was queued behind {messages} messages, {bytes} bytes with it, of {:?}",
            self.bounds
        ))
    }

    /// The place of the message that was heard as the `index`th thing.
    fn heard_place(&self, index: usize) -> Option<usize> {
        match self.client.heard[index].what {
            What::Event(place, _) => Some(place),
            _ => None,
        }
    }

    /// The oldest message that could be skipped when the `index`th thing was queued, if that is not it: neither it nor what
    /// waits with it had begun to go out, and it is no part that waits as a message of its own.
    fn oldest_waiting(&self, index: usize, written: u64) -> Option<usize> {
        let count = self.ahead(index, written).count();
        let mut oldest = None;
        for at in (0..=index)
            .rev()
            .filter(|&at| self.heard_place(at).is_some())
            .take(count + 1)
        {
            if self.client.heard[at].start < written {
                break;
            }
            oldest = self
                .heard_place(at)
                .filter(|&place| self.log.is_first(place))
                .or(oldest);
        }
        oldest
    }

    /// Messages were skipped: at the last of them more must have waited than may, and not only because nothing had been
    /// written yet.
    fn check_full(&self, index: usize, loss: &Loss) -> Result<(), String> {
        let Loss {
            missed,
            told,
            written,
            places: Missed { firsts, places },
            ..
        } = loss;
        let (Some(&first), Some(&last)) = (firsts.iter().min(), firsts.iter().max()) else {
            return Ok(());
        };
        let losses = self.client.heard[..index]
            .iter()
            .filter_map(|heard| match &heard.what {
                What::Lagged(loss) => loss.places.places.first(),
                _ => None,
            });
        // All but the newest are skipped as soon as the oldest may be, and that may be told in several notices.
        let oldest = match self.bounds.on_full {
            OnFull::Latest => losses.chain(places.first()).min(),
            OnFull::Drop | OnFull::Disconnect => places.first(),
        };
        let oldest = oldest.copied().unwrap_or(0);
        let messages = self.log.messages();
        let (from, until) = (messages[first].turn, told.unwrap_or(*written));
        let skipped = &messages[first..(last + missed).min(messages.len())];
        let skipped_bytes = (first..first + skipped.len()).map(|place| self.log.batch_bytes(place));
        let skipped_bytes = skipped_bytes.max().unwrap_or(0);
        let later: usize = self.client.heard[index + 1..]
            .iter()
            .map(|heard| match &heard.what {
                What::Lagged(loss) => loss.missed,
                _ => 0,
            })
            .sum();
        let place = |heard: &Heard| match heard.what {
            What::Event(place, _) => Some(place + 1),
            _ => None,
        };
        let heard_until = self.client.heard.iter().filter_map(place).max();
        let heard_until = heard_until.unwrap_or(0);
        // Of a batch that it had in part the rest waits as a message of its own.
        let parts = usize::from(self.client.commands.iter().any(Command::asks_again));
        let is_full = |turn: u32| {
            let written = self.client.written_before(turn);
            let is_refused = from < turn || self.may_be_blocked(index, turn, written);
            let (count, bytes) = self.waiting(index, turn, written);
            // Some of what came later was skipped, too, or never heard because the end came first.
            let later = later + self.log.before(turn + 1).saturating_sub(heard_until);
            let count = count + parts;
            let published = self.log.before(turn + 1);
            let kept = history::oldest(self.log, published, turn, self.ledger, self.rules);
            // Where all but the newest are skipped at once, how many waited is not known of each of their notices.
            let is_latest = self.bounds.on_full == OnFull::Latest;
            let is_long = count + 1 + later > self.bounds.messages_max as usize;
            let is_large =
                later > 0 || bytes + skipped_bytes + PONG_SLACK > u64::from(self.bounds.bytes_max);
            let is_over = is_latest || is_long || count + later > 0 && is_large;
            oldest < kept.most && is_refused && (is_over || self.is_cut(turn))
        };
        if self.thrifty || (from..=until).any(is_full) {
            return Ok(());
        }
        Err(format!(
            "one of events {firsts:?} was skipped until turn {until}, and the queue was not full, of {:?}",
            self.bounds
        ))
    }

    /// Whether the log may have been longer than any may in this turn, and was cut.
    fn is_cut(&self, turn: u32) -> bool {
        let clients = self.clients.iter();
        let readers = clients.filter(|client| client.is_member_of(self.dialect));
        length::may_be_too_long(readers, self.log, turn, self.ledger, self.rules)
    }

    /// What of all that was heard may have waited when something was skipped in this turn: how many messages, a batch as
    /// one, and how many bytes, as they are when they are not compressed.
    fn waiting(&self, index: usize, turn: u32, written: u64) -> (usize, u64) {
        let heard = &self.client.heard;
        let was_queued = |heard: &Heard| match &heard.what {
            What::Event(place, came) => {
                came.again.unwrap_or(self.log.messages()[*place].turn) <= turn
            }
            What::Answer(answer) => answer.turn() <= turn,
            What::Lagged(loss) => loss.told.unwrap_or(loss.written) <= turn,
            _ => true,
        };
        // What was heard before it had been queued before it.
        let mut until = heard.iter().rposition(was_queued).map_or(0, |at| at + 1);
        let mut count = self.messages_ahead(index, written);
        let (mut bytes, mut batch) = (0, None);
        let mut last = self.client.begun_before(written);
        for (at, heard) in heard[..until].iter().enumerate() {
            if heard.end <= written {
                continue;
            }
            let (is_message, plain_bytes) = match &heard.what {
                What::Event(place, _) => {
                    // A batch waits whole until all of it has been written.
                    let start = self.log.batch_start(place + 1);
                    let is_counted = batch.replace(start) == Some(start);
                    let bytes = if is_counted {
                        0
                    } else {
                        self.log.batch_bytes(start)
                    };
                    (self.log.is_first(*place), bytes)
                }
                What::Answer(answer) => (!answer.is_exempt, heard.plain_bytes),
                _ => (false, heard.plain_bytes),
            };
            count += usize::from(at > index && is_message);
            // What is not heard is among them: the answer to the upgrade, and control frames.
            bytes += plain_bytes + heard.start.saturating_sub(last);
            last = heard.end;
        }
        // So are those behind it, and behind notices that came between them later.
        let later = heard[until..].iter();
        let notices = later.take_while(|heard| matches!(heard.what, What::Lagged(..)));
        for notice in notices {
            bytes += notice.start.saturating_sub(last);
            last = last.max(notice.end);
            until += 1;
        }
        let next = heard.get(until).map(|heard| heard.start);
        let next = next.unwrap_or(self.client.understood);
        (count, bytes + next.saturating_sub(last))
    }

    /// Whether a message queued before this turn had not been written before it.
    fn was_blocked(&self, index: usize, turn: u32, written: u64) -> bool {
        self.ahead(index, written).any(|heard| match &heard.what {
            What::Event(place, came) => {
                came.again.unwrap_or(self.log.messages()[*place].turn) < turn
            }
            What::Answer(answer) => answer.turn() < turn,
            _ => self.client.joined.is_some_and(|joined| joined < turn),
        })
    }

    /// The same, or answers and control frames that may have been queued before it.
    fn may_be_blocked(&self, index: usize, turn: u32, written: u64) -> bool {
        let was_let_in = self.client.let_in.is_some_and(|let_in| let_in < turn);
        let first = self.ahead(index, written).last();
        let first = first.unwrap_or(&self.client.heard[index]);
        let behind_control = was_let_in && first.start > written;
        behind_control || self.client.opened > written || self.was_blocked(index, turn, written)
    }
}
