//! The Prometheus text format, version 0.0.4: families with HELP and TYPE, and their samples.
//!
//! A sample can be written only through its [`Family`], so the header always comes first. Label values are escaped
//! although none of ours needs it. Values are integers, or spans kept as integers; no float is formatted here.

use std::fmt::{self, Display, Write};

use super::histogram::Histogram;

/// What a family measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Spans by length.
    Histogram,
}

/// The family being written.
pub(super) struct Family<'a> {
    out: &'a mut String,
    name: &'static str,
}

/// Microseconds, shown as seconds, exactly and without needless zeros.
pub(super) struct Seconds {
    /// The span.
    pub micros: u64,
}

impl<'a> Family<'a> {
    /// Writes the header of a family; its samples follow.
    pub(super) fn new(
        out: &'a mut String,
        kind: Kind,
        name: &'static str,
        help: &str,
    ) -> Family<'a> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        let header = format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        put(out, header);
        Family { out, name }
    }

    /// Writes one sample.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, value);
    }

    /// Writes all samples of one histogram, without labels of its own.
    pub(super) fn histogram(&mut self, histogram: &Histogram) {
        for (micros, count) in histogram.cumulative() {
            let edge = Seconds { micros }.to_string();
            self.line("_bucket", &[("le", &edge)], count);
        }
        let count = histogram.count();
        let micros = histogram.sum_micros();
        self.line("_bucket", &[("le", "+Inf")], count);
        self.line("_sum", &[], Seconds { micros });
        self.line("_count", &[], count);
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        put(self.out, format_args!("{}{suffix}", self.name));
        let mut before = '{';
        for (label, text) in labels {
            put(self.out, format_args!("{before}{label}=\""));
            escape(self.out, text);
            self.out.push('"');
            before = ',';
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        put(self.out, format_args!(" {value}\n"));
    }
}

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.micros / 1_000_000, self.micros % 1_000_000);
        if part == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{part:06}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// Appends; a `String` takes whatever it is given.
fn put(out: &mut String, text: fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str(r"\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_and_short() {
        let shown = |micros| Seconds { micros }.to_string();
        assert_eq!(
            [10, 2_500, 1_000_000, 12_345_678, 0].map(shown),
            ["0.00001", "0.0025", "1", "12.345678", "0"]
        );
    }

    #[test]
    fn label_values_are_escaped() {
        let mut out = String::new();
        let mut family = Family::new(&mut out, Kind::Counter, "a_total", "two\nlines");
        family.sample(&[("b", "c\"\\\nd"), ("e", "f")], 1);
        assert_eq!(
            out,
            "# HELP a_total two\\nlines\n# TYPE a_total counter\na_total{b=\"c\\\"\\\\\\nd\",e=\"f\"} 1\n"
        );
    }
}
