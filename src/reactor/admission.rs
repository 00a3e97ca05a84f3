//! Whether the loop can take in more members: not while its turns lag, nor while its memory budget is nearly spent.
//!
//! Both are told with hysteresis, so that who is refused at one moment is not let in at the next, only to make it worse
//! again. It is told times and sizes and gives an opinion; what is refused, and with which words, is decided elsewhere,
//! and nobody who is in already loses anything by it.

use crate::time::Micros;

/// How long every turn must have been short before a loop that lagged is trusted again: a second is many turns of a
/// busy loop, and long beside the handshakes that a crowd at the door would bring.
const CALM_MICROS: u64 = 1_000_000;
/// A turn is short while it takes less than the limit divided by this: a loop that runs just below its limit would lag
/// again with the first newcomer.
const SHORT: u64 = 2;
/// Of the budget, in percent, where memory begins to be scarce: what is left is for those who are in, because past the
/// whole budget somebody of them is closed.
const SCARCE_PERCENT: u128 = 90;
/// ... and below which it no longer is: low enough that those who are let in then find a sixth of the budget free.
const PLENTY_PERCENT: u128 = 75;

/// What the loop thinks of taking in more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Admission {
    /// When the last turn ended that was not short, while the loop lags.
    lagging: Option<Micros>,
    memory: bool,
}

impl Admission {
    /// A turn begins at this time, with so many bytes held of the budget.
    pub(super) fn turn_began(&mut self, now: Micros, held_bytes: u64, budget_bytes: u64) {
        let is_calm = |last: Micros| now.since(last) >= CALM_MICROS;
        self.lagging = self.lagging.filter(|&last| !is_calm(last));
        let (held, budget) = (u128::from(held_bytes) * 100, u128::from(budget_bytes));
        self.memory = match self.memory {
            true => held >= budget * PLENTY_PERCENT,
            false => held > budget * SCARCE_PERCENT,
        };
    }

    /// A turn ended at this time and took so many microseconds; more than the limit is a lag.
    pub(super) fn turn_ended(&mut self, now: Micros, took_micros: u64, limit_micros: u64) {
        let is_short = took_micros.saturating_mul(SHORT) < limit_micros;
        if took_micros > limit_micros || self.lagging.is_some() && !is_short {
            self.lagging = Some(now);
        }
    }

    /// Whether the loop is late.
    pub(super) fn is_lagging(&self) -> bool {
        self.lagging.is_some()
    }

    /// Whether memory is scarce.
    pub(super) fn is_short_of_memory(&self) -> bool {
        self.memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 250_000;

    /// An opinion after turns of so many microseconds each, back to back, from this time on.
    fn turns(admission: &mut Admission, now: &mut u64, took: &[u64]) -> bool {
        for took in took {
            admission.turn_began(Micros(*now), 0, 1000);
            *now += took;
            admission.turn_ended(Micros(*now), *took, LIMIT);
        }
        admission.is_lagging()
    }

    #[test]
    fn a_turn_must_pass_the_limit_to_lag() {
        let (mut admission, mut now) = (Admission::default(), 0);
        assert!(!turns(&mut admission, &mut now, &[LIMIT, 1, LIMIT]));
        assert!(turns(&mut admission, &mut now, &[LIMIT + 1]));
    }

    #[test]
    fn a_lag_is_over_after_a_second_of_turns_below_half_the_limit() {
        let (mut admission, mut now) = (Admission::default(), 0);
        assert!(turns(&mut admission, &mut now, &[LIMIT + 1]));
        // The ninth of them begins 999,992 µs after the lag.
        assert!(turns(&mut admission, &mut now, &[LIMIT / 2 - 1; 9]));
        assert!(!turns(&mut admission, &mut now, &[LIMIT / 2 - 1]));
    }

    #[test]
    fn a_turn_of_half_the_limit_begins_the_second_anew() {
        let (mut admission, mut now) = (Admission::default(), 0);
        turns(&mut admission, &mut now, &[LIMIT + 1]);
        assert!(turns(&mut admission, &mut now, &[LIMIT / 2; 20]));
        let last = now;
        while admission.is_lagging() {
            turns(&mut admission, &mut now, &[1000]);
        }
        assert_eq!(now - last, CALM_MICROS + 1000);
    }

    #[test]
    fn a_loop_that_had_nothing_to_do_for_a_second_lags_no_more() {
        let mut admission = Admission::default();
        admission.turn_ended(Micros(5), LIMIT + 1, LIMIT);
        admission.turn_began(Micros(5 + CALM_MICROS - 1), 0, 1000);
        assert!(admission.is_lagging());
        admission.turn_began(Micros(5 + CALM_MICROS), 0, 1000);
        assert!(!admission.is_lagging());
    }

    #[test]
    fn memory_is_scarce_above_nine_tenths_and_until_below_three_quarters() {
        let mut admission = Admission::default();
        let steps = [
            (900, false),
            (901, true),
            (800, true),
            (750, true),
            (749, false),
            (900, false),
            (u64::MAX, true),
            (0, false),
        ];
        for (held_bytes, is_scarce) in steps {
            admission.turn_began(Micros(0), held_bytes, 1000);
            assert_eq!(admission.is_short_of_memory(), is_scarce, "{held_bytes}");
        }
    }
}
