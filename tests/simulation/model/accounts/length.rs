//! How long a log may have been: a log is cut where it would hold more than may be kept of its app and one reader may wait
//! for, together, whoever waits for it.
//!
//! Who waited for what is known of those who heard it or were told that they missed it. Whoever did neither may have waited
//! for all that came behind what it heard last.

use std::collections::BTreeSet;

use super::super::clients::client::Client;
use super::super::clients::heard::What;
use super::super::runs::rules::Rules;
use super::history;
use super::ledger::Ledger;
use super::log::Log;

/// What an entry costs beside its message.
const ENTRY_BYTES: u64 = 16;

/// Whether a log may have been too long in this turn, with these readers. A single message is never too long.
pub fn may_be_too_long<'a>(
    readers: impl Iterator<Item = &'a Client>,
    log: &Log,
    turn: u32,
    ledger: &Ledger,
    rules: &Rules,
) -> bool {
    let (before, published) = (log.before(turn), log.before(turn + 1));
    let readers = readers.flat_map(|client| waits_for(client, log, turn));
    let mut waited: BTreeSet<usize> = readers.filter(|place| *place < published).collect();
    let most = history::oldest(log, published, turn, ledger, rules).most;
    let starts = |places: &mut dyn Iterator<Item = usize>| -> BTreeSet<usize> {
        places.map(|place| log.batch_start(place + 1)).collect()
    };
    let outside = starts(&mut waited.range(..most).copied());
    let Some(&oldest) = outside.first() else {
        return false;
    };
    // In the middle of the turn all may be kept that was kept at its beginning.
    let kept = history::oldest(log, before, turn, ledger, rules).least;
    waited.extend(kept..published);
    let held = starts(&mut waited.into_iter());
    let bytes: u64 = held.iter().map(|start| log.batch_bytes(*start)).sum();
    let single_bytes = match outside.len() {
        1 => log.batch_bytes(oldest),
        _ => 0,
    };
    let entries = starts(&mut (oldest..published)).len() as u64;
    let bytes_max = rules.history().total_max + u64::from(rules.queue().bytes_max);
    bytes - single_bytes + entries * ENTRY_BYTES > bytes_max
}

/// The places for which a client may have waited in this turn.
fn waits_for(client: &Client, log: &Log, turn: u32) -> BTreeSet<usize> {
    let mut places = BTreeSet::new();
    let is_there = client.connected <= turn && client.ended.is_none_or(|ended| turn <= ended);
    if !is_there {
        return places;
    }
    let written = client.written_before(turn);
    let waiting = client.heard.iter().filter(|heard| heard.end > written);
    for heard in waiting {
        match &heard.what {
            What::Event(place, _) => _ = places.insert(*place),
            What::Lagged(loss) => places.extend(&loss.places.places),
            _ => {}
        }
    }
    let (from, obeyed, again) = match (&client.standing, client.joined) {
        (Some(standing), _) => standing.least(),
        (None, joined) => (log.before(joined.unwrap_or(client.connected)), 0, 0),
    };
    // What it has asked for again, and did not hear, may be anything.
    let asks_again = client.commands[obeyed..]
        .iter()
        .any(|command| command.asks_again());
    let all = again > 0 || asks_again || client.since.is_some() && client.joined.is_none();
    places.extend(if all { 0 } else { from }..log.messages().len());
    places
}
