//! When to try again: exponential back-off with full jitter.
//!
//! Each pause is drawn from nothing up to a ceiling, which doubles: clients that lost their server in the same moment do
//! not come back in the same moment, neither the first time nor later. A connection that held begins it anew. No clock is
//! read here.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The first ceiling.
const FIRST: Duration = Duration::from_millis(100);
/// The last one.
const LAST: Duration = Duration::from_secs(30);
/// The ceiling, at least, when the server has told everybody to go. It is as long as a drain takes by default, so that
/// the clients of a server that restarts come back no faster than it sent them away.
const SPREAD: Duration = Duration::from_secs(5);
/// A connection that held for so long had nothing wrong with it: the next pause is a first one.
const STEADY: Duration = Duration::from_secs(10);
/// The longest that a server may make us wait.
const LEAST_MAX: Duration = Duration::from_secs(3600);

/// How far the ceiling has risen.
pub(super) struct Backoff {
    ceiling: Duration,
    chance: ChaCha8Rng,
}

impl Backoff {
    /// Nothing has failed yet.
    pub fn new(seed: [u8; 32]) -> Backoff {
        Backoff {
            ceiling: FIRST,
            chance: ChaCha8Rng::from_seed(seed),
        }
    }

    /// The next pause: what the server asked for, and a random part on top. `everybody` says that all clients have been
    /// sent away together.
    pub fn next(&mut self, least: Duration, everybody: bool) -> Duration {
        if everybody {
            self.ceiling = self.ceiling.max(SPREAD);
        }
        let ceiling = self.ceiling;
        self.ceiling = (ceiling * 2).min(LAST);
        let part = f64::from(self.chance.next_u32()) / f64::from(u32::MAX);
        least.min(LEAST_MAX) + ceiling.mul_f64(part)
    }

    /// A connection has ended that was there for so long, which is not at all if none came about.
    pub fn ended(&mut self, held: Duration) {
        if held >= STEADY {
            self.ceiling = FIRST;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(rounds: usize, least: Duration, everybody: bool) -> Duration {
        let pauses = (0..200u8).map(|seed| {
            let mut backoff = Backoff::new([seed; 32]);
            for _ in 1..rounds {
                backoff.next(Duration::ZERO, false);
            }
            backoff.next(least, everybody)
        });
        pauses.max().unwrap()
    }

    #[test]
    fn the_ceiling_doubles_from_100_ms_to_30_s() {
        for (round, ceiling) in [(1, 100), (2, 200), (5, 1600), (10, 30_000), (50, 30_000)] {
            let ceiling = Duration::from_millis(ceiling);
            let longest = longest(round, Duration::ZERO, false);
            assert!(
                longest <= ceiling && longest > ceiling / 2,
                "{round}: {longest:?}"
            );
        }
    }

    #[test]
    fn a_pause_may_be_as_short_as_nothing() {
        let mut backoff = Backoff::new([7; 32]);
        let shortest = (0..500)
            .map(|_| backoff.next(Duration::ZERO, false))
            .min()
            .unwrap();
        assert!(shortest < Duration::from_millis(500), "{shortest:?}");
    }

    #[test]
    fn everybody_together_is_spread_over_seconds() {
        let longest = longest(1, Duration::ZERO, true);
        assert!(longest > SPREAD / 2 && longest <= SPREAD, "{longest:?}");
    }

    #[test]
    fn what_the_server_asks_for_comes_before_the_jitter_and_has_a_bound() {
        let mut backoff = Backoff::new([7; 32]);
        let asked = Duration::from_secs(7);
        let pause = backoff.next(asked, false);
        assert!(pause >= asked && pause <= asked + FIRST, "{pause:?}");
        assert!(longest(1, Duration::MAX, false) <= LEAST_MAX + FIRST);
    }

    #[test]
    fn a_connection_that_held_begins_anew_and_a_shorter_one_does_not() {
        let ceiling_after = |held| {
            let mut backoff = Backoff::new([7; 32]);
            for _ in 0..20 {
                backoff.next(Duration::ZERO, false);
            }
            backoff.ended(held);
            backoff.ceiling
        };
        assert_eq!(ceiling_after(STEADY), FIRST);
        for short in [Duration::ZERO, STEADY - Duration::from_millis(1)] {
            assert_eq!(ceiling_after(short), LAST);
        }
    }
}
