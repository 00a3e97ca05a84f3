//! The middle of many values and how far apart they are.

use serde::Serialize;

/// The middle of many values, and how far apart they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// A quarter of them are at most this.
    pub p25: f64,
    /// Half of them.
    pub median: f64,
    /// Three quarters.
    pub p75: f64,
}

impl Spread {
    /// Of these values; zeros if there are none.
    pub fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * values.len().saturating_sub(1) as f64;
            let (below, above) = (place.floor() as usize, place.ceil() as usize);
            match (values.get(below), values.get(above)) {
                (Some(low), Some(high)) => low + (high - low) * place.fract(),
                _ => 0.0,
            }
        };
        Spread {
            p25: at(0.25),
            median: at(0.5),
            p75: at(0.75),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_lies_between_its_values() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0, 5.0].into_iter());
        assert_eq!((spread.p25, spread.median, spread.p75), (2.0, 3.0, 4.0));
        let even = Spread::of([1.0, 2.0].into_iter());
        assert_eq!(even.median, 1.5);
        assert_eq!(Spread::of(std::iter::empty()).median, 0.0);
    }
}
