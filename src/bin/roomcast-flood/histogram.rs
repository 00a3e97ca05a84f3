//! Histograms of microseconds, and the few numbers of them that are reported.

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest span that is told apart: an hour. Runs are shorter.
const LONGEST_US: u64 = 3_600_000_000;

/// A histogram from a microsecond to an hour with three significant digits.
pub fn new() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, 3)
        .expect("the bounds are constants and twice the lower is below the upper")
}

/// What a report says of a histogram, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

impl From<&Histogram<u64>> for Quantiles {
    fn from(values: &Histogram<u64>) -> Quantiles {
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
        let mut values = new();
        for value in 1..=1000 {
            values.saturating_record(value);
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
    fn nothing_recorded_reads_as_zeros() {
        assert_eq!(Quantiles::from(&new()).max, 0);
    }
}
