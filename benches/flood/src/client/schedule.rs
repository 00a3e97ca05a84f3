//! When the things of a run are due: a fixed rate, or all at once.
//!
//! The times follow from the start and the rate alone and never from what happened before, so a server that stalls
//! does not slow the schedule down and its stall shows in every latency that it caused (no coordinated omission).

use crate::measure::clock::Micros;

/// Due times of things numbered from 0.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    start: Micros,
    /// Per second; `None` is all at once.
    rate: Option<f64>,
}

impl Schedule {
    /// `rate` things a second from `start` on, the first one at `start`; 0 stands for all of them at once.
    pub fn new(start: Micros, rate: f64) -> Schedule {
        Schedule {
            start,
            rate: (rate > 0.0).then_some(rate),
        }
    }

    /// Whether there is a rate to keep.
    pub fn is_fixed(&self) -> bool {
        self.rate.is_some()
    }

    /// When thing `index` is due.
    pub fn due(&self, index: u32) -> Micros {
        let after_us = self.rate.map_or(0.0, |rate| f64::from(index) * 1e6 / rate);
        Micros(self.start.0 + after_us as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_spreads_due_times_evenly_from_the_start() {
        let schedule = Schedule::new(Micros(500), 4000.0);
        let due: Vec<u64> = (0..4).map(|i| schedule.due(i).0).collect();
        assert_eq!(due, [500, 750, 1000, 1250]);
        assert_eq!(schedule.due(4_000_000).0, 500 + 1_000_000_000);
    }

    #[test]
    fn rates_that_do_not_divide_a_second_do_not_drift() {
        let schedule = Schedule::new(Micros(0), 3.0);
        assert_eq!(schedule.due(3_000_000).0, 1_000_000_000_000);
    }

    #[test]
    fn without_a_rate_all_are_due_at_the_start() {
        let schedule = Schedule::new(Micros(7), 0.0);
        assert!(!schedule.is_fixed());
        assert_eq!(schedule.due(1_000_000), Micros(7));
    }
}
