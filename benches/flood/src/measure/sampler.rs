//! Looks at the server's memory many times a second while a run goes on, and at its queues when they are fullest.
//!
//! A look at memory reads one short file and makes no message late; what the queues hold the server has to be asked,
//! which whoever holds the sampler does between two rounds.

use std::time::Duration;

use serde::Serialize;

use crate::measure::clock::{Micros, after};
use crate::measure::problems::{Judge, Problems};
use crate::measure::process::Process;
use crate::target::metrics::Metrics;

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(50);

/// The most that was seen at any time, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Peak {
    /// Looks that were taken.
    pub samples: u32,
    /// What the server may hold in queues and half-received messages, as it says.
    pub budget: u64,
    /// What it said that its queues held when a round was over, at most.
    pub queue_bytes: u64,
    /// Its resident set at the first look.
    pub rss_before: u64,
    /// Its largest resident set.
    pub rss: u64,
}

/// Whoever looks.
#[derive(Debug)]
pub struct Sampler {
    process: Process,
    next: Micros,
    peak: Peak,
}

impl Sampler {
    /// It has not looked yet.
    pub fn new(pids: &[u32]) -> Sampler {
        Sampler {
            process: Process::with_ids(pids),
            next: Micros(0),
            peak: Peak::default(),
        }
    }

    /// Looks at the memory, if it is time to.
    pub fn look(&mut self, now: Micros) {
        if now < self.next {
            return;
        }
        self.next = after(now, INTERVAL);
        if let Ok(rss) = self.process.rss() {
            self.peak.see(rss);
        }
    }

    /// Notes what the server says of its queues.
    pub fn note(&mut self, metrics: &Metrics) {
        let queued = metrics.get("roomcast_queue_bytes");
        self.peak.queue_bytes = self.peak.queue_bytes.max(queued);
        self.peak.budget = metrics.get("roomcast_memory_budget_bytes");
    }

    /// The most that it saw.
    pub fn peak(&self) -> Peak {
        self.peak
    }
}

impl Peak {
    fn see(&mut self, rss: u64) {
        if self.samples == 0 {
            self.rss_before = rss;
        }
        self.samples += 1;
        self.rss = self.rss.max(rss);
    }
}

impl Judge for Peak {
    fn judge(&self, problems: &mut Problems) {
        let (grown, budget) = (self.rss.saturating_sub(self.rss_before), self.budget);
        // What a turn publishes is queued before the turn evicts.
        let (most, queued) = (budget + budget / 10, self.queue_bytes);
        problems.check(grown > most, || {
            format!("the server grew by {grown} bytes, more than a tenth above its memory budget of {budget}")
        });
        problems.check(queued > most, || {
            format!(
                "queues held {queued} bytes, more than a tenth above the memory budget of {budget}"
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_and_queues_are_held_against_the_budget() {
        let mut peak = Peak {
            budget: 1000,
            ..Peak::default()
        };
        peak.see(5000);
        peak.see(6100);
        peak.see(5500);
        peak.queue_bytes = 1100;
        assert_eq!((peak.rss_before, peak.rss), (5000, 6100));
        assert_eq!(peak.problems().len(), 0);
        peak.see(6101);
        assert_eq!(peak.problems().len(), 1);
        peak.queue_bytes = 1101;
        assert_eq!(peak.problems().len(), 2);
    }
}
