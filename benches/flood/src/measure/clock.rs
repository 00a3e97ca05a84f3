//! The only clock of a run: microseconds since its start, never going back.

use std::time::{Duration, Instant};

/// Microseconds since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub u64);

/// Counts from the start of the run.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// Starts now.
    pub fn start() -> Clock {
        Clock {
            started: Instant::now(),
        }
    }

    /// What time it is.
    pub fn now(self) -> Micros {
        Micros(self.started.elapsed().as_micros() as u64)
    }
}

impl Micros {
    /// Microseconds from `earlier` to this point, zero if `earlier` is later.
    pub fn since(self, earlier: Micros) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The point `span` after `from`.
pub fn after(from: Micros, span: Duration) -> Micros {
    let span = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    Micros(from.0.saturating_add(span))
}

/// A span of microseconds in seconds, for people.
pub fn seconds(span_us: u64) -> f64 {
    span_us as f64 / 1e6
}
