//! A comparison for people: a line for each server.

use crate::modes::comparison::{Comparison, Contended};
use crate::report::grid::{grid, ms};

const HEAD: [&str; 10] = [
    "",
    "/ CPU s",
    "quarters",
    "ratio (quarters)",
    "/ s",
    "server",
    "client",
    "p50 ms",
    "p99 ms",
    "max ms",
];

/// The comparison as text.
pub fn text(comparison: &Comparison) -> String {
    let Comparison {
        work,
        connections,
        rooms,
        size,
        rounds,
        slice_seconds,
        ..
    } = comparison;
    let pace = match comparison.window {
        Some(window) => format!(", {window} in flight"),
        None if comparison.rate > 0.0 => format!(", {} messages /s", comparison.rate),
        None => String::new(),
    };
    let clients = format!("{connections} connections each in {rooms} rooms, {size} B{pace}");
    let mut text =
        format!("compare {work}, {clients}; {rounds} slices of {slice_seconds} s each\n");
    text += &grid(&HEAD, comparison.targets.iter().map(row));
    for target in &comparison.targets {
        let (name, bound) = (&target.name, target.slices_bound_by_client);
        if bound > 0 {
            text += &format!(
                "\n{name}: the client was the bottleneck in {bound} slices, so / s is its rate"
            );
        }
    }
    for problem in comparison.problems.iter() {
        text += &format!("\nproblem       {problem}");
    }
    text + if comparison.passed {
        "\npassed"
    } else {
        "\nFAILED"
    }
}

fn row(target: &Contended) -> Vec<String> {
    let (each, ratio, latency) = (
        &target.per_server_cpu_second,
        &target.ratio,
        &target.latency_us,
    );
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    vec![
        target.name.clone(),
        format!("{:.0}", each.median),
        format!("{:.0}-{:.0}", each.p25, each.p75),
        format!("{:.3} ({:.3}-{:.3})", ratio.median, ratio.p25, ratio.p75),
        format!("{:.0}", target.per_second.median),
        percent(target.server_cpu_share.median),
        percent(target.client_busy_share.median),
        ms(latency.p50),
        ms(latency.p99),
        ms(latency.max),
    ]
}
