//! How many connections may be accepted by now: a token bucket, in whole numbers.
//!
//! Over any span no more are accepted than the rate allows, and the bucket's depth. A client that comes faster waits in the
//! kernel's backlog, which costs this process nothing, and is taken in when a token is due. It knows no listener and no
//! clock: it is told what time it is, and says when to come back.

use crate::time::{Micros, Millis};

/// A token, in what one microsecond adds at a rate of one a second.
const TOKEN: u64 = 1_000_000;
/// The bucket holds what is due in a second divided by this: ten milliseconds' worth, so that a loop that wakes late
/// still reaches the rate, and a crowd still comes in evenly.
const DEPTH: u64 = 100;
/// ... and so many tokens at least: one to be spent, and capacity for what becomes due while the loop wakes up.
const TOKENS_MIN: u64 = 2;

/// The bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct AcceptRate {
    /// Tokens a second; 0 is no cap.
    per_second: u64,
    /// What is in it, in millionths of a token.
    credit: u64,
    /// When it was last filled up.
    filled: Micros,
}

impl AcceptRate {
    /// A full bucket for so many a second; 0 is no cap.
    pub(super) fn new(per_second: u32, now: Micros) -> AcceptRate {
        let mut rate = AcceptRate {
            per_second: u64::from(per_second),
            credit: 0,
            filled: now,
        };
        rate.credit = rate.depth();
        rate
    }

    /// Adds what has become due by now.
    pub(super) fn fill(&mut self, now: Micros) {
        if self.per_second == 0 {
            return;
        }
        let due = now.since(self.filled).saturating_mul(self.per_second);
        self.credit = self.credit.saturating_add(due).min(self.depth());
        self.filled = now;
    }

    /// Whether one more may be accepted.
    pub(super) fn allows(&self) -> bool {
        self.per_second == 0 || self.credit >= TOKEN
    }

    /// One was accepted.
    pub(super) fn spend(&mut self) {
        self.credit = self.credit.saturating_sub(TOKEN);
    }

    /// When the next token is due, rounded up to what the loop can sleep until; in the past if there is one.
    pub(super) fn next(&self) -> Millis {
        let missing = TOKEN.saturating_sub(self.credit);
        let micros = self.filled.0 + missing.div_ceil(self.per_second.max(1));
        Millis(micros.div_ceil(1000))
    }

    fn depth(&self) -> u64 {
        (self.per_second / DEPTH).max(TOKENS_MIN) * TOKEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts all that it allows, sleeping as it says, until this time; how many that were.
    fn accepted(rate: &mut AcceptRate, until: Millis) -> u64 {
        let (mut count, mut wakes) = (0, 0);
        loop {
            while rate.allows() {
                rate.spend();
                count += 1;
            }
            let next = rate.next();
            if next >= until {
                return count;
            }
            wakes += 1;
            assert!(wakes <= until.0, "it sleeps until something is due");
            rate.fill(Micros(next.0 * 1000));
        }
    }

    #[test]
    fn as_many_are_accepted_as_the_rate_and_the_bucket_allow() {
        for per_second in [1, 2, 3, 7, 50, 99, 100, 999, 1000, 5000, 77_777] {
            let mut rate = AcceptRate::new(per_second, Micros(0));
            let depth = u64::from(per_second / 100).max(2);
            // The token that is due at the very end comes behind it.
            let seconds = 10;
            let due = u64::from(per_second) * seconds - 1;
            let got = accepted(&mut rate, Millis::seconds(seconds));
            let rest = u64::from(per_second) / 1000;
            let range = due + depth - rest..=due + depth;
            assert!(range.contains(&got), "{per_second} a second: {got}");
        }
    }

    #[test]
    fn what_was_not_used_is_not_saved_up() {
        let mut rate = AcceptRate::new(250, Micros(0));
        rate.fill(Micros(3_600_000_000));
        let mut count = 0;
        while rate.allows() {
            rate.spend();
            count += 1;
        }
        assert_eq!(count, 2);
        assert_eq!(rate.next(), Millis(3_600_004));
    }

    #[test]
    fn a_time_that_goes_back_adds_nothing() {
        let mut rate = AcceptRate::new(1, Micros(9_000_000));
        rate.spend();
        rate.spend();
        rate.fill(Micros(0));
        assert!(!rate.allows());
        assert_eq!(rate.next(), Millis(1000));
    }

    #[test]
    fn no_cap_allows_everybody() {
        let mut rate = AcceptRate::new(0, Micros(0));
        for _ in 0..100_000 {
            assert!(rate.allows());
            rate.spend();
        }
    }
}
