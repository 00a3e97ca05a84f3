//! A table of measurements.
//!
//! A row is work that does a known number of operations. It is repeated in short samples, of which the fastest and the
//! median are shown: the fastest is the closest to the code, the median to the machine. Allocations are counted once, on
//! a run of their own, after everything that grows has grown.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use allocation_counter::AllocationInfo;

/// How long a row is repeated for, and how long one sample takes at least.
const ROW: Duration = Duration::from_millis(600);
const SAMPLE: Duration = Duration::from_millis(4);

/// Prints rows, and remembers what went wrong.
pub struct Table {
    words: Vec<String>,
    has_failed: bool,
}

impl Table {
    /// Only rows with one of these words in their names, or all of them without a word.
    pub fn new(words: impl Iterator<Item = String>) -> Table {
        println!(
            "{:<58} {:>11} {:>11} {:>9} {:>11}",
            "one operation", "fastest ns", "median ns", "allocs", "bytes"
        );
        Table {
            // `cargo bench` adds a flag of its own.
            words: words.filter(|word| !word.starts_with('-')).collect(),
            has_failed: false,
        }
    }

    /// Whether the row is wanted; for those whose ground is dear.
    pub fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word))
    }

    /// Measures work that does so many operations at each call, and makes at most so many allocations for one of them.
    pub fn row(
        &mut self,
        name: &str,
        operations: usize,
        allocations_max: f64,
        mut work: impl FnMut(),
    ) {
        if !self.wants(name) {
            return;
        }
        let samples = sample(&mut work);
        let allocated = allocation_counter::measure(&mut work);
        let each = operations as f64;
        let nanos = |sample: f64| sample * 1e9 / each;
        let AllocationInfo {
            count_total,
            bytes_total,
            ..
        } = allocated;
        let (allocations, bytes) = (count_total as f64 / each, bytes_total as f64 / each);
        let (fastest, median) = (nanos(samples[0]), nanos(samples[samples.len() / 2]));
        println!("{name:<58} {fastest:>11.1} {median:>11.1} {allocations:>9.3} {bytes:>11.1}");
        if allocations > allocations_max {
            println!("  ^ at most {allocations_max} allocations were allowed");
            self.has_failed = true;
        }
    }

    /// Whether every row kept to its allocations.
    pub fn finish(self) -> ExitCode {
        match self.has_failed {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        }
    }
}

/// How many seconds one call takes, from many samples, the fastest first.
fn sample(work: &mut impl FnMut()) -> Vec<f64> {
    let mut calls = 1;
    loop {
        let started = Instant::now();
        (0..calls).for_each(|_| work());
        if started.elapsed() >= SAMPLE {
            break;
        }
        calls *= 2;
    }
    let (mut samples, started) = (Vec::new(), Instant::now());
    while started.elapsed() < ROW || samples.len() < 5 {
        let sample = Instant::now();
        (0..calls).for_each(|_| work());
        samples.push(sample.elapsed().as_secs_f64() / f64::from(calls));
    }
    samples.sort_unstable_by(f64::total_cmp);
    samples
}
