//! A table of measurements.
//!
//! A row is work that does a known number of operations. Its time is taken from short samples, of which the fastest and
//! the median are shown: the fastest is the closest to the code, the median to the machine. Allocations are counted
//! once, on a run of their own, after everything that grows has grown. A table can also only name its rows, or repeat
//! the work of one of them for somebody who counts from outside.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use allocation_counter::AllocationInfo;

/// How long a row is repeated for, and how long one sample takes at least.
const ROW: Duration = Duration::from_millis(600);
const SAMPLE: Duration = Duration::from_millis(4);

/// Calls of the work before it is repeated for a count, so that everything that grows has grown.
const WARM_UP: u32 = 8;

/// What is done with the rows.
enum Purpose {
    /// Time those with one of these words in their names, or all of them without a word.
    Time(Vec<String>),
    /// Nothing but keeping their names.
    Name(Vec<String>),
    /// Call the work of the one with this name so many times.
    Repeat(String, u32),
}

/// What the work of a row was when it was repeated.
#[derive(Clone, Copy)]
pub struct Repeated {
    /// Operations in one call.
    pub operations: usize,
    /// Allocations in all calls.
    pub allocations: u64,
}

/// Takes rows, and remembers what came of them.
pub struct Table {
    purpose: Purpose,
    has_failed: bool,
    repeated: Option<Repeated>,
}

impl Table {
    /// Prints times of the rows with one of these words in their names, or of all of them without a word.
    pub fn timing(words: Vec<String>) -> Table {
        println!(
            "{:<58} {:>11} {:>11} {:>9} {:>11}",
            "one operation", "fastest ns", "median ns", "allocs", "bytes"
        );
        Table::new(Purpose::Time(words))
    }

    /// Only learns which rows there are.
    pub fn naming() -> Table {
        Table::new(Purpose::Name(Vec::new()))
    }

    /// Repeats the work of one row, and nothing else.
    pub fn repeating(name: String, calls: u32) -> Table {
        Table::new(Purpose::Repeat(name, calls))
    }

    fn new(purpose: Purpose) -> Table {
        Table {
            purpose,
            has_failed: false,
            repeated: None,
        }
    }

    /// Whether the row is wanted; for those whose ground is dear.
    pub fn wants(&mut self, name: &str) -> bool {
        match &mut self.purpose {
            Purpose::Time(words) => {
                words.is_empty() || words.iter().any(|word| name.contains(word.as_str()))
            }
            // Whoever asks first does not come back with the row, so each name is kept once.
            Purpose::Name(names) => {
                names.push(name.to_owned());
                false
            }
            Purpose::Repeat(wanted, _) => wanted == name,
        }
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
        if let Purpose::Repeat(_, calls) = self.purpose {
            self.repeated = Some(repeat(calls, operations, &mut work));
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

    /// The names of all rows, if it was to learn them.
    pub fn names(self) -> Vec<String> {
        match self.purpose {
            Purpose::Name(names) => names,
            _ => Vec::new(),
        }
    }

    /// What the repeated row was, if there is one of that name.
    pub fn repeated(&self) -> Option<Repeated> {
        self.repeated
    }

    /// Whether every row kept to its allocations.
    pub fn finish(self) -> ExitCode {
        match self.has_failed {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        }
    }
}

fn repeat(calls: u32, operations: usize, work: &mut impl FnMut()) -> Repeated {
    (0..WARM_UP).for_each(|_| work());
    let allocated = allocation_counter::measure(|| (0..calls).for_each(|_| work()));
    Repeated {
        operations,
        allocations: allocated.count_total,
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
