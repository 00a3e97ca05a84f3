//! Spans of time that the server measured itself, as the histograms in its `/metrics` have them: what the core of this
//! client and the network add to a latency is not in them.

use serde::Serialize;

use crate::target::metrics::Metrics;

/// What was measured between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spans {
    /// How many there were.
    pub count: u64,
    /// Their mean, in microseconds.
    pub mean_us: f64,
    /// 99 in a hundred were at most this, which is an edge of the histogram and so up to twice of what it was.
    pub p99_at_most_us: f64,
}

impl Spans {
    /// What the histogram of this name says of what the metrics have `grown` by, if it is among them.
    pub fn of(grown: &Metrics, name: &str) -> Option<Spans> {
        let buckets = format!("{name}_bucket{{le=\"");
        let edge = |line: &str| line[buckets.len()..].trim_end_matches("\"}").parse();
        let numbers = grown.starting(&buckets);
        // Edges in seconds, and how many spans were at most so long.
        let mut cumulative: Vec<(f64, f64)> = numbers
            .map(|(line, count)| (edge(line).unwrap_or(f64::INFINITY), count))
            .collect();
        cumulative.sort_by(|a, b| a.0.total_cmp(&b.0));
        let &(_, count) = cumulative.last()?;
        let sum = grown.starting(&format!("{name}_sum")).next()?.1;
        let p99 = cumulative.iter().find(|(_, below)| *below >= count * 0.99);
        Some(Spans {
            count: count as u64,
            mean_us: sum * 1e6 / count.max(1.0),
            p99_at_most_us: p99.map_or(0.0, |&(edge, _)| edge * 1e6),
        })
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
        let read = |text| Metrics::parse(text).unwrap();
        let spans = Spans::of(&read(LATER).since(&read(EARLIER)), "turn").unwrap();
        assert_eq!((spans.count, spans.p99_at_most_us), (100, 10_000.0));
        assert!((spans.mean_us - 500.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        let metrics = Metrics::parse(EARLIER).unwrap();
        assert_eq!(Spans::of(&metrics, "waits"), None);
        assert_eq!(Spans::of(&Metrics::default(), "turn"), None);
    }
}
