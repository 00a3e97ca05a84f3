//! The server's resident set over the run: a small series, and whether the end is what it was after the warm-up.

use std::time::Duration;
use std::{fmt, fs};

/// A run shorter than this is all warm-up.
const JUDGED_MIN: Duration = Duration::from_secs(45);

/// The share of the run that is warm-up, and the share at each end of the rest that is compared.
const WARM_UP: f64 = 0.4;
const WINDOW: f64 = 0.15;

/// How much the end may be off.
const OFF_MAX: f64 = 0.02;

/// Points of the printed series.
const POINTS: usize = 20;

pub struct Series {
    length: Duration,
    samples: Vec<(Duration, u64)>,
}

impl Series {
    pub fn new(length: Duration) -> Series {
        Series {
            length,
            samples: Vec::new(),
        }
    }

    pub fn sample(&mut self, at: Duration, rss: u64) {
        self.samples.push((at, rss));
    }

    /// The median between two shares of the run.
    fn median(&self, from: f64, until: f64) -> f64 {
        let within = self.length.mul_f64(from)..=self.length.mul_f64(until);
        let samples = self.samples.iter().filter(|(at, _)| within.contains(at));
        let mut values: Vec<u64> = samples.map(|&(_, rss)| rss).collect();
        values.sort_unstable();
        // A run that is too short to be judged may have none there.
        let middle = values.get(values.len() / 2);
        middle.map_or(f64::NAN, |&rss| rss as f64)
    }

    fn warm(&self) -> f64 {
        self.median(WARM_UP, WARM_UP + WINDOW)
    }

    fn end(&self) -> f64 {
        self.median(1.0 - WINDOW, 1.0)
    }

    /// What is wrong, if the run was long enough to tell.
    pub fn problem(&self) -> Option<String> {
        let off = self.end() / self.warm() - 1.0;
        (self.length >= JUDGED_MIN && off.abs() > OFF_MAX).then(|| {
            format!(
                "memory at the end is {:+.1} % off what it was after the warm-up",
                off * 100.0
            )
        })
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        write!(f, "\nresident set, MiB:")?;
        let step = (self.samples.len() / POINTS).max(1);
        for (at, rss) in self.samples.iter().step_by(step) {
            write!(f, " {:.0}s {:.2}", at.as_secs_f64(), mib(*rss as f64))?;
        }
        let (warm, end) = (self.warm(), self.end());
        let off = (end / warm - 1.0) * 100.0;
        writeln!(
            f,
            "\nafter the warm-up {:.2} MiB, at the end {:.2} MiB ({off:+.1} %)",
            mib(warm),
            mib(end)
        )
    }
}

/// The resident set of a process, in bytes.
pub fn rss(id: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap();
    let mut lines = rollup.lines();
    let line = lines.find_map(|line| line.strip_prefix("Rss:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of so many seconds, with the resident set at each of them.
    fn series(seconds: u64, rss: impl Fn(u64) -> u64) -> Series {
        let mut series = Series::new(Duration::from_secs(seconds));
        (0..=seconds).for_each(|second| series.sample(Duration::from_secs(second), rss(second)));
        series
    }

    #[test]
    fn memory_that_creeps_is_a_problem_and_a_warm_up_or_a_spike_is_none() {
        let warm = |second: u64| 9_000_000 + 1_000_000 * u64::from(second > 10);
        assert_eq!(series(60, warm).problem(), None);
        let spike = |second| warm(second) + 900_000 * u64::from(second % 20 == 0);
        assert_eq!(series(60, spike).problem(), None);
        let creep = |second| warm(second) + second * 10_000;
        let said = series(60, creep).problem().unwrap();
        assert!(said.contains("+"), "{said}");
        let shrinks = |second| warm(second) - second * 10_000;
        assert!(series(60, shrinks).problem().is_some());
        // Too short to tell.
        assert_eq!(series(10, creep).problem(), None);
    }
}
