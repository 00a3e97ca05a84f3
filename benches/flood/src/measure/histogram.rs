//! Latencies in microseconds, and the few numbers of them that are reported.

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest span that is told apart: an hour. Runs are shorter.
const LONGEST_US: u64 = 3_600_000_000;

/// Shorter spans are only counted, each by itself, until somebody asks: a histogram takes ten times the instructions.
const SHORT_US: usize = 1 << 16;

/// Many latencies, told apart from a microsecond to an hour with three significant digits.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// How many there were of each short span.
    short: Vec<u64>,
    long: Histogram<u64>,
}

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies {
            short: vec![0; SHORT_US],
            long: Histogram::new_with_bounds(1, LONGEST_US, 3)
                .expect("the bounds are constants and twice the lower is below the upper"),
        }
    }
}

impl Latencies {
    /// Adds one.
    pub fn record(&mut self, us: u64) {
        match self.short.get_mut(us as usize) {
            Some(count) => *count += 1,
            None => self.long.saturating_record(us),
        }
    }

    /// Adds all of `others`.
    pub fn add(&mut self, others: &Latencies) {
        self.long += others.histogram();
    }

    /// All of them.
    pub fn histogram(&self) -> Histogram<u64> {
        let mut all = self.long.clone();
        for (us, &count) in (0..).zip(&self.short).filter(|(_, count)| **count > 0) {
            all.saturating_record_n(us, count);
        }
        all
    }
}

/// What a report says of latencies, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// How many values there were.
    pub count: u64,
    /// Half of them were at most this.
    pub p50: u64,
    /// Nine in ten.
    pub p90: u64,
    /// 99 in a hundred.
    pub p99: u64,
    /// 999 in a thousand.
    pub p99_9: u64,
    /// All of them.
    pub max: u64,
}

/// Points between two nines on a curve: 90 % and 99 %, 99 % and 99.9 %.
const POINTS_A_NINE: u32 = 20;

/// Latencies as a curve: shares of the values, evenly spread over the nines, and what so many are at most.
pub fn curve(values: &Latencies) -> Vec<(f64, u64)> {
    let values = values.histogram();
    if values.is_empty() {
        return Vec::new();
    }
    // Beyond its last value a curve says nothing.
    let end = (values.len() as f64).log10();
    let points = (end * f64::from(POINTS_A_NINE)).ceil() as u32;
    let point = |index: u32| {
        let nines = (f64::from(index) / f64::from(POINTS_A_NINE)).min(end);
        let share = 1.0 - 10f64.powf(-nines);
        (share, values.value_at_quantile(share).min(values.max()))
    };
    (0..=points).map(point).collect()
}

impl From<&Latencies> for Quantiles {
    fn from(values: &Latencies) -> Quantiles {
        let values = values.histogram();
        let at = |quantile| values.value_at_quantile(quantile).min(values.max());
        Quantiles {
            count: values.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: values.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_values_to_three_digits() {
        let mut values = Latencies::default();
        for value in 1..=1000 {
            values.record(value);
        }
        let expected = Quantiles {
            count: 1000,
            p50: 500,
            p90: 900,
            p99: 990,
            p99_9: 999,
            max: 1000,
        };
        assert_eq!(Quantiles::from(&values), expected);
    }

    #[test]
    fn short_and_long_latencies_are_all_those_of_one_histogram() {
        let (mut mine, mut expected) = (Latencies::default(), Latencies::default().long);
        for us in [
            0,
            1,
            7,
            7,
            2049,
            65_535,
            65_536,
            70_000,
            LONGEST_US,
            u64::MAX,
        ] {
            mine.record(us);
            expected.saturating_record(us);
        }
        assert_eq!(mine.histogram(), expected);
        let others = mine.clone();
        mine.add(&others);
        expected += expected.clone();
        assert_eq!(mine.histogram(), expected);
    }

    #[test]
    fn a_curve_goes_from_the_least_value_to_the_last_that_can_be_told() {
        let mut values = Latencies::default();
        for value in 1..=1000 {
            values.record(value);
        }
        let curve = curve(&values);
        assert_eq!(curve.len(), 61);
        assert_eq!((curve[0], curve[20]), ((0.0, 1), (0.9, 900)));
        assert_eq!(curve.last().unwrap().1, 999);
        assert_eq!(super::curve(&Latencies::default()), []);
    }

    #[test]
    fn nothing_recorded_reads_as_zeros() {
        assert_eq!(Quantiles::from(&Latencies::default()).max, 0);
    }
}
