//! Spans of time that the server measured itself, as the histograms in its `/metrics` have them: what the core of this
//! client and the network add to a latency is not in them.

use serde::Serialize;

use crate::target::metrics::Metrics;

/// A histogram at one moment: edges in seconds, and how many spans were at most so long.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    cumulative: Vec<(f64, f64)>,
    sum: f64,
}

/// What was measured between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spans {
    /// How many there were.
    pub count: u64,
    /// Their mean, in microseconds.
    pub mean_us: f64,
    /// 99 in a hundred were at most this, which is an edge of the histogram and so up to twice of what it was.
    pub p99_at_most_us: f64,
}

impl Snapshot {
    /// The histogram of this name, if it is among the metrics.
    pub fn read(metrics: &Metrics, name: &str) -> Option<Snapshot> {
        let buckets = format!("{name}_bucket{{le=\"");
        let edge = |line: &str| line[buckets.len()..].trim_end_matches("\"}").parse();
        let numbers = metrics.starting(&buckets);
        let mut cumulative: Vec<(f64, f64)> = numbers
            .map(|(line, count)| (edge(line).unwrap_or(f64::INFINITY), count))
            .collect();
        cumulative.sort_by(|a, b| a.0.total_cmp(&b.0));
        let sum = metrics.starting(&format!("{name}_sum")).next()?.1;
        (!cumulative.is_empty()).then_some(Snapshot { cumulative, sum })
    }

    /// Adds what was measured between two other moments.
    pub fn add(&mut self, before: &Snapshot, after: &Snapshot) {
        if self.cumulative.is_empty() {
            self.cumulative = after
                .cumulative
                .iter()
                .map(|&(edge, _)| (edge, 0.0))
                .collect();
        }
        let between = before.cumulative.iter().zip(&after.cumulative);
        for ((_, mine), ((_, before), (_, after))) in self.cumulative.iter_mut().zip(between) {
            *mine += after - before;
        }
        self.sum += after.sum - before.sum;
    }

    /// What it says.
    pub fn spans(&self) -> Spans {
        let count = self.cumulative.last().map_or(0.0, |&(_, count)| count);
        let is_p99 = |&&(_, below): &&(f64, f64)| below >= count * 0.99;
        let p99 = self.cumulative.iter().find(is_p99);
        Spans {
            count: count as u64,
            mean_us: self.sum * 1e6 / count.max(1.0),
            p99_at_most_us: p99.map_or(0.0, |&(edge, _)| edge * 1e6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLIER: &str = "# TYPE turn histogram\nturn_bucket{le=\"0.001\"} 5\nturn_bucket{le=\"0.01\"} 6\n\
        turn_bucket{le=\"+Inf\"} 6\nturn_sum 0.01\nturn_count 6\nturns_sum 7\n";
    const LATER: &str = "turn_bucket{le=\"0.001\"} 103\nturn_bucket{le=\"0.01\"} 106\n\
        turn_bucket{le=\"+Inf\"} 106\nturn_sum 0.06\nturn_count 106\n";

    #[test]
    fn what_was_measured_between_two_moments_is_their_difference() {
        let read = |text| Snapshot::read(&Metrics::parse(text).unwrap(), "turn").unwrap();
        let mut between = Snapshot::default();
        between.add(&read(EARLIER), &read(LATER));
        let spans = between.spans();
        assert_eq!((spans.count, spans.p99_at_most_us), (100, 10_000.0));
        assert!((spans.mean_us - 500.0).abs() < 1e-6);
        between.add(&read(LATER), &read(LATER));
        assert_eq!(between.spans(), spans);
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        let metrics = Metrics::parse(EARLIER).unwrap();
        assert_eq!(Snapshot::read(&metrics, "waits"), None);
        assert_eq!(Snapshot::default().spans(), Spans::default());
    }
}
