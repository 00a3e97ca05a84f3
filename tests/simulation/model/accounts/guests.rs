//! Who is closed because others knock: those who have been idle longest, and those who have spoken before those who have
//! not.

use super::super::clients::client::{Client, State};
use super::super::runs::rules::Rules;
use super::ledger::Ledger;
use super::verdict::{SLACK, STUCK_SLACK};

/// Nobody is closed for another before it has been idle for so many milliseconds.
pub const IDLE_MIN: u64 = 1000;

/// So many guests were closed in this turn: each of them before everybody who is still there and was idle before it.
pub fn check(
    clients: &[Client],
    closed: u64,
    turn: u32,
    rules: &Rules,
    ledger: &Ledger,
) -> Result<(), String> {
    if closed == 0 {
        return Ok(());
    }
    if !rules.few_guests() {
        return Err(format!(
            "{closed} guests were closed, of any number that may be"
        ));
    }
    // What the kernel has no memory to read may be anything, so that connection is not idle.
    if rules.shortage > 0 {
        return Ok(());
    }
    let now = ledger.time(turn);
    let leaves = |client: &&Client| {
        let (waited, patience) = client.patience(now, &rules.bounds, ledger);
        let is_idle = client.state == State::Http && client.left.is_none() && client.has_all();
        client.ended == Some(turn) && is_idle && waited < patience
    };
    for gone in clients.iter().filter(leaves) {
        let is_before = |other: &&Client| {
            other.is_idle_guest() && stands_before(other, gone, turn, rules, ledger)
        };
        if let Some(other) = clients.iter().find(is_before) {
            let (gone, other) = (gone.describe(ledger), other.describe(ledger));
            return Err(format!(
                "turn {turn}: {gone} was closed for another, and not {other}"
            ));
        }
    }
    Ok(())
}

/// Whether one that is still there had to go in this turn before one that is gone. It was idle only once it had been
/// looked at, which may take turns.
fn stands_before(other: &Client, gone: &Client, turn: u32, rules: &Rules, ledger: &Ledger) -> bool {
    let slack = match rules.flushes_all {
        true => STUCK_SLACK,
        false => SLACK,
    };
    let is_before = |one: u32, later: u64| ledger.time(one) + slack < later;
    match (other.last_heard(), gone.last_written()) {
        (Some(heard), Some(written)) => is_before(heard, ledger.time(written)),
        // Either may have been looked at since, for an event that told of nothing.
        (None, None) => false,
        (Some(heard), None) => {
            is_before(heard, ledger.time(turn) - IDLE_MIN.min(ledger.time(turn)))
        }
        (None, Some(_)) => false,
    }
}

impl Client {
    /// Whether it has all the answers that it waits for, as far as it has asked.
    fn has_all(&self) -> bool {
        let written = self.written.last().map_or(0, |(_, bytes)| *bytes);
        self.whole.is_empty() && written == self.understood && !self.is_within_a_request()
    }

    /// Whether it is certainly a guest that is idle.
    fn is_idle_guest(&self) -> bool {
        let has_no_key = !self.shows_key && !self.path.contains("api_key");
        let is_there = self.conn.is_some() && self.ended.is_none() && self.left.is_none();
        let is_silent = self.state == State::Http && self.lie.is_none() && self.has_all();
        // Half an empty line may stand in front of a request, and half a request may look like one.
        let begins = matches!(self.unfinished.last(), Some((_, None)));
        has_no_key && is_there && is_silent && self.is_read() && !begins
    }

    /// The last turn by which it was read or written to, if it has been answered.
    fn last_heard(&self) -> Option<u32> {
        let written = self.last_written()?;
        Some(
            self.all_read
                .last()
                .map_or(written, |read| written.max(*read)),
        )
    }

    /// The last turn in which it was written to.
    fn last_written(&self) -> Option<u32> {
        self.written.last().map(|(turn, _)| *turn)
    }
}
