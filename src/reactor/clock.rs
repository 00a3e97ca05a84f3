//! The loop's own time, which counts only while the process runs.
//!
//! A process that was stopped (a debugger, `SIGSTOP`, a frozen container, a machine that had no core to spare) finds
//! that every deadline has passed, though nobody had a chance to keep one. So between two looks at the ground's clock
//! no more counts than the sleep that was asked for and the limit on a turn's lag; the rest is *lost*, and taken off
//! every later look. That moves all deadlines, pings, rates and ages at one place, and nothing else has to know of it:
//! what is above the reactor's transport is told this time, and what the transport is to sleep until is put back.
//!
//! The wall clock is not its business and goes through untouched; so does what ages are counted by, as long as it does not
//! go back. Invariant: own time never goes back.

use crate::time::{Micros, Millis, Now};

/// The ground's time, less what was lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// The ground's time at the last look.
    looked: Micros,
    /// How long the loop asked to sleep since then, in microseconds.
    asked_micros: u64,
    /// What may count beyond that.
    limit_micros: u64,
    /// What did not count, altogether.
    lost_micros: u64,
    /// What ages were counted by at the last look.
    aged: Millis,
}

impl Clock {
    /// A clock that begins with the ground's, and lets so much count between two looks.
    pub(super) fn new(ground: Now, limit: Millis) -> Clock {
        Clock {
            looked: ground.micros,
            asked_micros: 0,
            limit_micros: limit.0.saturating_mul(1000),
            lost_micros: 0,
            aged: ground.aged,
        }
    }

    /// Until when the ground must sleep, for the loop to wake at this time of its own.
    pub(super) fn sleep(&mut self, until: Option<Millis>) -> Option<Millis> {
        let Some(until) = until else {
            self.asked_micros = u64::MAX;
            return None;
        };
        let micros = (until.0.saturating_mul(1000)).saturating_add(self.lost_micros);
        let ground = Millis(micros.div_ceil(1000));
        self.asked_micros = Micros(ground.0.saturating_mul(1000)).since(self.looked);
        Some(ground)
    }

    /// What time it is, by the ground's.
    pub(super) fn look(&mut self, ground: Now) -> Now {
        let passed = ground.micros.since(self.looked);
        let counts = std::mem::take(&mut self.asked_micros).saturating_add(self.limit_micros);
        self.lost_micros += passed.saturating_sub(counts);
        self.looked = self.looked.max(ground.micros);
        self.aged = self.aged.max(ground.aged);
        Now {
            micros: Micros(self.looked.since(Micros(self.lost_micros))),
            aged: self.aged,
            unix: ground.unix,
        }
    }

    /// What did not count, altogether, in microseconds.
    pub(super) fn lost_micros(&self) -> u64 {
        self.lost_micros
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Unix;

    /// The wall clock when the ground began to count.
    const BEGAN: Millis = Millis(1_700_000_000_000);

    fn at(millis: u64) -> Now {
        Now {
            micros: Micros(millis * 1000),
            aged: BEGAN + Millis(millis),
            unix: Unix(77),
        }
    }

    fn clock() -> Clock {
        Clock::new(at(1000), Millis(250))
    }

    #[test]
    fn a_sleep_that_was_asked_for_counts_and_a_lag_within_the_limit_too() {
        let mut clock = clock();
        assert_eq!(clock.sleep(Some(Millis(60_000))), Some(Millis(60_000)));
        assert_eq!(clock.look(at(60_250)).millis(), Millis(60_250));
        assert_eq!(clock.look(at(60_500)).millis(), Millis(60_500));
        assert_eq!(clock.lost_micros(), 0);
    }

    #[test]
    fn what_goes_beyond_is_lost_for_good() {
        let mut clock = clock();
        clock.sleep(Some(Millis(2000)));
        let now = clock.look(at(62_000));
        assert_eq!(
            (now.millis(), now.aged),
            (Millis(2250), BEGAN + Millis(62_000))
        );
        assert_eq!(clock.lost_micros(), 59_750_000);
        assert_eq!(clock.look(at(62_001)).millis(), Millis(2251));
        // A sleep until 3000 ends when as much has passed on the ground.
        assert_eq!(clock.sleep(Some(Millis(3000))), Some(Millis(62_750)));
        assert_eq!(clock.look(at(62_750)).millis(), Millis(3000));
    }

    #[test]
    fn a_sleep_counts_once() {
        let mut clock = clock();
        clock.sleep(Some(Millis(10_000)));
        clock.look(at(1001));
        assert_eq!(clock.look(at(9000)).millis(), Millis(1251));
    }

    #[test]
    fn a_turn_that_does_not_sleep_may_only_lag() {
        let mut clock = clock();
        assert_eq!(clock.sleep(Some(Millis(0))), Some(Millis(0)));
        assert_eq!(clock.look(at(5000)).millis(), Millis(1250));
    }

    #[test]
    fn a_sleep_without_an_end_may_last_forever() {
        let mut clock = clock();
        assert_eq!(clock.sleep(None), None);
        assert_eq!(clock.look(at(1 << 40)).millis(), Millis(1 << 40));
        assert_eq!(clock.lost_micros(), 0);
    }

    #[test]
    fn the_ground_is_never_told_to_wake_too_early() {
        let mut clock = clock();
        clock.look(Now {
            micros: Micros(9_000_001),
            aged: BEGAN + Millis(9000),
            unix: Unix(0),
        });
        let own = Millis(2000);
        let ground = clock.sleep(Some(own)).unwrap();
        assert!(clock.look(at(ground.0)).millis() >= own);
    }

    #[test]
    fn own_time_never_goes_back_and_the_wall_clock_is_left_alone() {
        let mut clock = clock();
        let (mut last, mut aged) = (Millis(0), BEGAN);
        for (ground, asked) in [
            (900, 0),
            (5000, 100),
            (4000, 0),
            (5001, 9),
            (99_000, 50_000),
        ] {
            clock.sleep(Some(Millis(asked)));
            let now = clock.look(at(ground));
            assert!(now.millis() >= last && now.aged >= aged, "{ground}");
            assert!(now.aged >= BEGAN + Millis(ground), "{ground}");
            assert_eq!(now.unix, Unix(77));
            (last, aged) = (now.millis(), now.aged);
        }
    }
}
