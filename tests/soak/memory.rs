//! The server's resident set over the run: a small series, and whether the end is what it was after the warm-up.

use std::fmt;
use std::time::Duration;

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
        values[values.len() / 2] as f64
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
