//! What a server's `/metrics` says: numbers by the name of their line, labels and all.
//!
//! It reads what it is given; asking is the caller's business. A line that is not there reads as zero, for a counter
//! begins to be with its first count.

use std::collections::BTreeMap;

/// All numbers of one answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    numbers: BTreeMap<String, f64>,
}

impl Metrics {
    /// Reads Prometheus text; `None` if a line of it is no number with a name.
    pub fn parse(text: &str) -> Option<Metrics> {
        let lines = text.lines().map(str::trim);
        let samples = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let numbers = samples.map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Some(Metrics {
            numbers: numbers.collect::<Option<_>>()?,
        })
    }

    /// What the numbers have grown by since `before`.
    pub fn since(&self, before: &Metrics) -> Metrics {
        let mut since = self.clone();
        for (name, number) in &mut since.numbers {
            *number -= before.numbers.get(name).unwrap_or(&0.0);
        }
        since
    }

    /// Adds the numbers of `more`, line by line.
    pub fn add(&mut self, more: &Metrics) {
        for (name, number) in &more.numbers {
            *self.numbers.entry(name.clone()).or_default() += number;
        }
    }

    /// The number of one line.
    pub fn get(&self, name: &str) -> u64 {
        self.numbers.get(name).map_or(0, |&value| value as u64)
    }

    /// The number of an app, of a family with that label.
    pub fn of_app(&self, family: &str, app: &str) -> u64 {
        self.get(&format!("{family}{{app=\"{app}\"}}"))
    }

    /// The sum over all lines of a family whose labels begin so.
    pub fn sum(&self, beginning: &str) -> u64 {
        self.starting(beginning)
            .map(|(_, value)| value as u64)
            .sum()
    }

    /// All lines that begin so, and their numbers.
    pub fn starting(&self, beginning: &str) -> impl Iterator<Item = (&str, f64)> {
        let lines = self.numbers.range(beginning.to_owned()..);
        let lines = lines.take_while(move |(name, _)| name.starts_with(beginning));
        lines.map(|(name, &value)| (name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP a_total What.\n# TYPE a_total counter\na_total{app=\"x\"} 5\na_total{app=\"y\"} 7\n\
                        a_total_of_others 9\ng 1.5\n";

    #[test]
    fn numbers_are_found_by_the_name_of_their_line() {
        let metrics = Metrics::parse(TEXT).unwrap();
        assert_eq!(metrics.get("a_total{app=\"x\"}"), 5);
        assert_eq!(metrics.of_app("a_total", "y"), 7);
        assert_eq!((metrics.sum("a_total{"), metrics.get("g")), (12, 1));
        assert_eq!(metrics.get("nothing"), 0);
    }

    #[test]
    fn what_has_grown_is_the_difference_line_by_line() {
        let (before, after) = ("a 5\ng 9\n", "a 7\nb 3\ng 4\n");
        let read = |text| Metrics::parse(text).unwrap();
        let mut grown = read(after).since(&read(before));
        assert_eq!(["a", "b", "g"].map(|name| grown.get(name)), [2, 3, 0]);
        grown.add(&read("a 1\nc 8\n"));
        assert_eq!(["a", "b", "c"].map(|name| grown.get(name)), [3, 3, 8]);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for wrong in ["a", "a b", "a{x=\"y\"} ?"] {
            assert_eq!(Metrics::parse(wrong), None, "{wrong}");
        }
    }
}
