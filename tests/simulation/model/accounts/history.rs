//! What is kept of what was published: the newest that fit the bounds, and nothing that is too old.
//!
//! What fits is known exactly. What is too old is gone a second later at most; and while memory is scarce less may be kept.

use super::super::runs::rules::Rules;
use super::ledger::Ledger;
use super::log::Log;

/// How late what is too old may be noticed, and a few ticks.
const LATE_MS: u64 = 1100;

/// The place of the oldest message that is kept: it is one of these, both among them.
#[derive(Clone, Copy, Debug)]
pub struct Oldest {
    pub least: usize,
    pub most: usize,
}

/// What is kept of a log in this turn, once so many messages have been published.
pub fn oldest(log: &Log, published: usize, turn: u32, ledger: &Ledger, rules: &Rules) -> Oldest {
    let fits = fitting(log, published, rules);
    let bounds = rules.history();
    let at = |turn: u32| ledger.times.get(turn as usize).copied();
    let now = at(turn).or(ledger.times.last().copied()).unwrap_or(0);
    let before = turn.checked_sub(1).and_then(at).unwrap_or(0);
    let messages = &log.messages()[..published];
    let is_older = |than: u64, now: u64| {
        messages.partition_point(|message| ledger.time(message.turn).saturating_add(than) <= now)
    };
    let age = bounds.age.0;
    let least = fits.max(is_older(age.saturating_add(LATE_MS), before));
    let most = match rules.thrifty {
        true => published,
        false => fits.max(is_older(age, now)),
    };
    Oldest { least, most }
}

/// The first message of the newest that are within the bounds.
fn fitting(log: &Log, published: usize, rules: &Rules) -> usize {
    let bounds = rules.history();
    let bytes_max = bounds.bytes_max.min(bounds.total_max);
    let (mut oldest, mut bytes) = (published, 0);
    while oldest > 0 {
        let start = log.batch_start(oldest);
        bytes += log.batch_bytes(start);
        if published - start > bounds.messages_max as usize || bytes > bytes_max {
            break;
        }
        oldest = start;
    }
    oldest
}
