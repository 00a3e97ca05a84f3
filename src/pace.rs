//! How fast a client may go: the generic cell rate algorithm, in one number for each whom it limits.
//!
//! Everything that is admitted uses up time: a unit of it as much as the rate has for one. A [`Pace`] owns the time at
//! which it will have used up nothing; who would move it further ahead than the burst allows has to wait. Once that
//! time has passed, the pace means nothing, and a new one is as good.
//!
//! It knows no clock, and what is to be done about a client that goes too fast is not decided here.

use crate::time::{Micros, Millis};

const NANOS_A_MICRO: u64 = 1000;
const NANOS_A_MILLI: u64 = 1_000_000;
const NANOS_A_SECOND: u64 = 1_000_000_000;

/// How many units a span has, and how many of them may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    units: u32,
    span_nanos: u64,
    burst_nanos: u64,
}

impl Rate {
    /// So many units a second; a second's worth of them at once. Zero is no limit.
    pub const fn a_second(units: u32) -> Rate {
        Rate {
            units,
            span_nanos: NANOS_A_SECOND,
            burst_nanos: NANOS_A_SECOND,
        }
    }

    /// So many units a minute; a minute's worth of them at once. Zero is no limit.
    pub const fn a_minute(units: u32) -> Rate {
        Rate {
            units,
            span_nanos: 60 * NANOS_A_SECOND,
            burst_nanos: 60 * NANOS_A_SECOND,
        }
    }

    /// The same with so many units at once.
    pub const fn with_burst(self, units: u32) -> Rate {
        Rate {
            burst_nanos: self.cost_nanos(units),
            ..self
        }
    }

    /// The same with so many units at once, if that is more.
    pub const fn with_burst_of_at_least(self, units: u32) -> Rate {
        let wider = self.with_burst(units);
        if wider.burst_nanos > self.burst_nanos {
            wider
        } else {
            self
        }
    }

    /// So many times as fast, and as many times as many at once.
    pub const fn times(self, factor: u32) -> Rate {
        Rate {
            units: self.units.saturating_mul(factor),
            ..self
        }
    }

    /// Whether it limits nothing.
    pub const fn is_off(self) -> bool {
        self.units == 0
    }

    /// What units use up. Rounded down, so that who keeps to the rate is never late by it.
    const fn cost_nanos(self, units: u32) -> u64 {
        if self.units == 0 {
            return 0;
        }
        // Less than 2^36 nanoseconds times less than 2^32 units would not fit.
        (self.span_nanos as u128 * units as u128 / self.units as u128) as u64
    }
}

/// What one client has used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// When that is nothing again.
    free_at_nanos: u64,
}

impl Pace {
    /// Lets so many units pass now, or says how long they have to wait; those that wait use up nothing.
    pub fn admit(&mut self, units: u32, rate: Rate, now: Micros) -> Result<(), Millis> {
        let now_nanos = now.0.saturating_mul(NANOS_A_MICRO);
        let next = self.free_at_nanos.max(now_nanos) + rate.cost_nanos(units);
        let latest = now_nanos + rate.burst_nanos;
        if next > latest {
            return Err(Millis((next - latest).div_ceil(NANOS_A_MILLI)));
        }
        self.free_at_nanos = next;
        Ok(())
    }

    /// Whether it has used up nothing.
    pub fn is_free(&self, now: Micros) -> bool {
        self.free_at_nanos <= now.0.saturating_mul(NANOS_A_MICRO)
    }
}
