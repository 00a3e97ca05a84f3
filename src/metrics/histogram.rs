//! A histogram of spans: recorded as whole microseconds, shown in seconds.
//!
//! The buckets are the same for every histogram, 10 µs to 10 s in steps of about two, and one at the bound of a turn. Recording is a binary search
//! among 20 integers and three additions: no float, no allocation. Counts are kept for each bucket alone and summed
//! when they are rendered. Invariant: the counts of the buckets add up to the count.

/// The inclusive upper edges of the buckets, in microseconds, rising; one more bucket takes what is longer.
pub(super) const EDGES: [u64; 20] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 25_000, 50_000, 100_000,
    250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// How many spans fell into each bucket, and their sum.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Spans in each bucket alone; the last is for those beyond every edge.
    buckets: [u64; EDGES.len() + 1],
    /// Microseconds in all.
    sum: u64,
}

impl Histogram {
    /// Records one span of so many microseconds.
    pub fn observe(&mut self, micros: u64) {
        self.buckets[EDGES.partition_point(|&edge| edge < micros)] += 1;
        self.sum = self.sum.saturating_add(micros);
    }

    /// Spans recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum of all spans, in microseconds.
    pub fn sum_micros(&self) -> u64 {
        self.sum
    }

    /// What has been recorded since `earlier`, which is a former state of this histogram.
    pub fn since(&self, earlier: &Histogram) -> Histogram {
        let new = |bucket| self.buckets[bucket] - earlier.buckets[bucket];
        Histogram {
            buckets: std::array::from_fn(new),
            sum: self.sum - earlier.sum,
        }
    }

    /// The span that so many of a thousand are not longer than, as it follows from the buckets: within one the spans
    /// are taken to be spread evenly, and beyond the last edge they are taken to be as long as the edge. `None` if there
    /// is no span.
    pub fn quantile_micros(&self, per_mille: u64) -> Option<u64> {
        let wanted = self.count() * per_mille;
        let (mut below, mut low) = (0, 0);
        for (&count, &high) in self.buckets.iter().zip(&EDGES) {
            let in_bucket = count * 1000;
            if count > 0 && below + in_bucket >= wanted {
                return Some(low + (high - low) * (wanted - below) / in_bucket);
            }
            (below, low) = (below + in_bucket, high);
        }
        (self.count() > 0).then_some(low)
    }

    /// Each edge in microseconds, with the spans that are not longer.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        EDGES
            .iter()
            .zip(&self.buckets)
            .scan(0, |below, (&edge, &count)| {
                *below += count;
                Some((edge, *below))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_on_an_edge_belongs_below_it() {
        let mut histogram = Histogram::default();
        [0, 10, 11, 25, 10_000_000, 10_000_001, u64::MAX]
            .into_iter()
            .for_each(|micros| histogram.observe(micros));
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(cumulative[..2], [(10, 2), (25, 4)]);
        assert_eq!(cumulative.last(), Some(&(10_000_000, 5)));
        assert_eq!(histogram.count(), 7);
    }
}
