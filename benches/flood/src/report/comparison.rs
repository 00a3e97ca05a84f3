//! A comparison for people: a line for each server.

use std::fmt;

use crate::modes::comparison::Comparison;

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pace = match self.window {
            Some(window) if self.work == "fanout" => format!(", {window} in flight"),
            _ if self.rate > 0.0 => format!(", {} messages /s", self.rate),
            _ => String::new(),
        };
        writeln!(
            f,
            "compare {}, {} connections each in {} rooms, {} B{pace}; {} slices of {} s each",
            self.work, self.connections, self.rooms, self.size, self.rounds, self.slice_seconds
        )?;
        writeln!(
            f,
            "{:<16} {:>12} {:>21} {:>21} {:>12} {:>8} {:>8} {:>9} {:>9} {:>9}",
            "",
            "/ CPU s",
            "quarters",
            "ratio (quarters)",
            "/ s",
            "server",
            "client",
            "p50 ms",
            "p99 ms",
            "max ms"
        )?;
        for target in &self.targets {
            let (each, ratio) = (&target.per_server_cpu_second, &target.ratio);
            let milliseconds = |us: u64| us as f64 / 1e3;
            writeln!(
                f,
                "{:<16} {:>12.0} {:>21} {:>21} {:>12.0} {:>6.0} % {:>6.0} % {:>9.3} {:>9.3} {:>9.3}",
                target.name,
                each.median,
                format!("{:.0}-{:.0}", each.p25, each.p75),
                format!("{:.3} ({:.3}-{:.3})", ratio.median, ratio.p25, ratio.p75),
                target.per_second.median,
                target.server_cpu_share.median * 100.0,
                target.client_busy_share.median * 100.0,
                milliseconds(target.latency_us.p50),
                milliseconds(target.latency_us.p99),
                milliseconds(target.latency_us.max),
            )?;
        }
        for target in self
            .targets
            .iter()
            .filter(|target| target.slices_bound_by_client > 0)
        {
            let (name, bound) = (&target.name, target.slices_bound_by_client);
            writeln!(
                f,
                "{name}: the client was the bottleneck in {bound} slices, so / s is its rate"
            )?;
        }
        for problem in &self.problems {
            writeln!(f, "problem       {problem}")?;
        }
        f.write_str(if self.passed { "passed" } else { "FAILED" })
    }
}
