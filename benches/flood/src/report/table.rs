//! A report for people: aligned, with units, a line for each thing that was measured.

mod balance;

use std::collections::BTreeMap;
use std::fmt;

use crate::measure::histogram::Quantiles;
use crate::measure::meter::Cost;
use crate::measure::process::Memory;
use crate::modes::broadcasted::Broadcasted;
use crate::modes::echo::Echoed;
use crate::modes::fairness::{Fairness, Rounds};
use crate::modes::joins::Joined;
use crate::modes::phases::{Closed, Connected, ServerMemory};
use crate::modes::slow::Slowed;
use crate::modes::storm::Stormed;
use crate::report::findings::Report;

/// Width of the names in front of the lines.
const NAME_WIDTH: usize = 13;

/// Displays a report.
#[derive(Debug)]
pub struct Table<'a>(pub &'a Report);

/// A whole number with thousands separated.
struct Count(u64);

/// Bytes in a fitting unit.
struct Bytes(f64);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        writeln!(f, "{} {}, {}", report.mode, report.target, report.url)?;
        if let Some(connect) = &report.connect {
            connected(f, connect)?;
        }
        if let Some(hold) = &report.hold {
            let open = Count(hold.open.into());
            line(
                f,
                "held",
                format_args!("{open} connections for {:.2} s", hold.seconds),
            )?;
        }
        if let Some(broadcast) = &report.broadcast {
            broadcasted(f, broadcast)?;
        }
        if let Some(echo) = &report.echo {
            echoed(f, echo)?;
        }
        if let Some(slow) = &report.slow {
            slowed(f, slow)?;
        }
        if let Some(fairness) = &report.fairness {
            disturbed(f, fairness)?;
        }
        if let Some(storm) = &report.storm {
            stormed(f, storm)?;
        }
        if let Some(churn) = &report.churn {
            balance::churned(f, churn)?;
        }
        if let Some(joins) = &report.joins {
            joined(f, joins)?;
        }
        if let Some(close) = &report.close {
            closed(f, close)?;
        }
        if let Some(remains) = &report.remains {
            balance::remains(f, remains)?;
        }
        if report.churn.is_none() {
            times(f, report)?;
        }
        if let Some(memory) = &report.memory {
            server_memory(f, memory)?;
        }
        costs(f, report)?;
        for problem in &report.problems {
            line(f, "problem", format_args!("{problem}"))?;
        }
        let verdict = if report.passed { "passed" } else { "FAILED" };
        write!(f, "{verdict}")
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, text: fmt::Arguments<'_>) -> fmt::Result {
    writeln!(f, "{name:<NAME_WIDTH$} {text}")
}

fn connected(f: &mut fmt::Formatter<'_>, connect: &Connected) -> fmt::Result {
    let (opened, asked) = (Count(connect.opened.into()), Count(connect.asked.into()));
    let rate = Count(connect.per_second as u64);
    let seconds = connect.cost.seconds;
    let sources = connect.sources;
    let addresses = if sources == 1 { "address" } else { "addresses" };
    line(
        f,
        "connected",
        format_args!(
            "{opened} of {asked} in {seconds:.2} s, {rate} /s, from {sources} {addresses}"
        ),
    )?;
    kinds(f, "failed", &connect.failed)
}

fn broadcasted(f: &mut fmt::Formatter<'_>, broadcast: &Broadcasted) -> fmt::Result {
    let (sent, size) = (Count(broadcast.sent.into()), broadcast.size);
    let deliveries = Count(broadcast.counts.deliveries);
    let (seconds, publishers) = (broadcast.seconds, broadcast.publishers);
    let whereto = match broadcast.rooms {
        1 => String::new(),
        rooms => format!(" to {rooms} rooms of {}", broadcast.members),
    };
    let pace = match broadcast.window {
        Some(window) => format!("at most {window} in flight"),
        None => format!("{} /s asked for", broadcast.rate),
    };
    line(
        f,
        "published",
        format_args!(
            "{sent} messages of {size} B{whereto} by {publishers}, {pace}; {:.1} /s",
            broadcast.messages_per_second
        ),
    )?;
    let rate = Count(broadcast.deliveries_per_second as u64);
    line(
        f,
        "delivered",
        format_args!(
            "{deliveries} in {seconds:.3} s, {}{rate} /s",
            at_least(&broadcast.cost)
        ),
    )?;
    if let Some(rate) = broadcast.deliveries_per_server_cpu_second {
        let rate = Count(rate as u64);
        line(f, "", format_args!("{rate} for each second of server CPU"))?;
    }
    let (counts, missing) = (&broadcast.counts, &broadcast.missing);
    let (lost, twice) = (Count(missing.lost), Count(counts.duplicates));
    let (disordered, damaged) = (Count(counts.out_of_order), Count(counts.corrupt));
    line(
        f,
        "checked",
        format_args!(
            "{lost} lost, {twice} duplicate, {disordered} out of order, {damaged} damaged"
        ),
    )?;
    if counts.notices > 0 || missing.unexplained > 0 {
        let (notices, missed) = (Count(counts.notices), Count(counts.missed));
        let unexplained = Count(missing.unexplained);
        line(
            f,
            "lagged",
            format_args!("{notices} notices of {missed} missed, {unexplained} unexplained"),
        )?;
    }
    Ok(())
}

/// A rate that the client set is no more than a lower bound of what the server does.
fn at_least(cost: &Cost) -> &'static str {
    match cost.client_was_the_bottleneck {
        true => "at least ",
        false => "",
    }
}

fn echoed(f: &mut fmt::Formatter<'_>, echo: &Echoed) -> fmt::Result {
    let (returned, sent) = (Count(echo.returned.into()), Count(echo.sent.into()));
    let rate = Count(echo.round_trips_per_second as u64);
    let (size, seconds, at_least) = (echo.size, echo.seconds, at_least(&echo.cost));
    line(
        f,
        "echoed",
        format_args!(
            "{returned} of {sent} messages of {size} B in {seconds:.3} s, {at_least}{rate} /s"
        ),
    )?;
    if let Some(rate) = echo.round_trips_per_server_cpu_second {
        let rate = Count(rate as u64);
        line(f, "", format_args!("{rate} for each second of server CPU"))?;
    }
    let (lost, damaged, unasked) = (echo.lost, echo.damaged, echo.unasked);
    line(
        f,
        "checked",
        format_args!("{lost} lost, {damaged} damaged, {unasked} not asked for"),
    )
}

fn slowed(f: &mut fmt::Formatter<'_>, slow: &Slowed) -> fmt::Result {
    let (connections, given_up) = (Count(slow.connections.into()), slow.given_up);
    line(
        f,
        "slow",
        format_args!(
            "{connections} connections stopped reading, {given_up} given up by the server"
        ),
    )?;
    let metrics = match slow.dropped_by_metrics {
        Some(metrics) => format!("{} by its metrics, ", Count(metrics)),
        None => String::new(),
    };
    let (notices, count) = (Count(slow.dropped_by_notices), Count(slow.dropped_by_count));
    line(
        f,
        "dropped",
        format_args!("{metrics}{notices} by its notices, {count} by counting"),
    )?;
    if let Some(peak) = &slow.peak {
        let bytes = |bytes: u64| Bytes(bytes as f64);
        line(
            f,
            "at most",
            format_args!(
                "RSS {} (+{}), queues {}, budget {}, {} samples",
                bytes(peak.rss),
                bytes(peak.rss - peak.rss_before),
                bytes(peak.queue_bytes),
                bytes(peak.budget),
                peak.samples
            ),
        )?;
    }
    slow.books
        .as_ref()
        .map_or(Ok(()), |books| balance::books(f, books))
}

fn disturbed(f: &mut fmt::Formatter<'_>, fairness: &Fairness) -> fmt::Result {
    let (members, flooded) = (Count(fairness.members.into()), Count(fairness.flooded));
    let rate = Count(fairness.flooded_per_second as u64);
    let (rounds, bytes) = (fairness.rounds, fairness.flood_bytes);
    let (sent, size) = (Count(fairness.sent.into()), fairness.size);
    line(
        f,
        "published",
        format_args!("{sent} messages of {size} B, {} /s", fairness.rate),
    )?;
    line(
        f,
        "disturbed",
        format_args!(
            "{members} members in {rounds} of {} rounds by {flooded} messages of {bytes} B, {rate} /s, and by one that read nothing",
            2 * rounds
        ),
    )?;
    for (name, rounds) in [
        ("quiet", &fairness.quiet),
        ("disturbed", &fairness.disturbed),
    ] {
        kind_of_round(f, name, rounds)?;
    }
    for (name, ratio) in [("p50", &fairness.ratio_p50), ("p99", &fairness.ratio_p99)] {
        line(
            f,
            "ratio",
            format_args!(
                "{name} {:.2} (quarters {:.2}-{:.2})",
                ratio.median, ratio.p25, ratio.p75
            ),
        )?;
    }
    Ok(())
}

fn kind_of_round(f: &mut fmt::Formatter<'_>, name: &str, rounds: &Rounds) -> fmt::Result {
    let (server, client) = (&rounds.server_cpu_share, &rounds.client_busy_share);
    line(
        f,
        name,
        format_args!(
            "server CPU {:.3} s, {:.1} % of a core; client busy {:.0} % of the time",
            rounds.server_cpu_seconds,
            server.median * 100.0,
            client.median * 100.0
        ),
    )?;
    for (what, spans) in [
        ("publish to write", rounds.publish_to_write),
        ("a turn of the loop", rounds.loop_turn),
    ] {
        if let Some(spans) = spans {
            line(
                f,
                "",
                format_args!(
                    "by the server: {what} {:.0} µs on average, p99 at most {:.0} µs",
                    spans.mean_us, spans.p99_at_most_us
                ),
            )?;
        }
    }
    Ok(())
}

fn stormed(f: &mut fmt::Formatter<'_>, storm: &Stormed) -> fmt::Result {
    for round in &storm.rounds {
        let (served, attempts) = (Count(round.served.into()), Count(round.attempts.into()));
        line(
            f,
            "storm",
            format_args!(
                "{served} of {} served again in {:.2} s (upgraded {:.2} s, greeted {:.2} s), {attempts} attempts",
                Count(storm.connections.into()),
                round.served_seconds,
                round.upgraded_seconds,
                round.greeted_seconds,
            ),
        )?;
    }
    kinds(f, "failed", &storm.failures)
}

fn joined(f: &mut fmt::Formatter<'_>, joins: &Joined) -> fmt::Result {
    let heard = &joins.heard;
    line(
        f,
        "joined",
        format_args!(
            "{} times, left {} times, {} clients in {:.1} s; {} messages published, {} heard",
            Count(heard.joins),
            Count(heard.leaves),
            Count(joins.clients.into()),
            joins.seconds,
            Count(heard.published.into()),
            Count(heard.deliveries)
        ),
    )?;
    line(
        f,
        "checked",
        format_args!(
            "{} uninvited, {} gaps, {} wrong beginnings, {} wrong ends",
            heard.uninvited, heard.gaps, heard.wrong_first, heard.wrong_last
        ),
    )
}

fn closed(f: &mut fmt::Formatter<'_>, close: &Closed) -> fmt::Result {
    let clean = Count(close.clean.into());
    line(
        f,
        "closed",
        format_args!("{clean} clean in {:.2} s", close.seconds),
    )?;
    kinds(f, "not clean", &close.unclean)?;
    kinds(f, "went away", &close.lost)
}

fn kinds(f: &mut fmt::Formatter<'_>, name: &str, kinds: &BTreeMap<String, u32>) -> fmt::Result {
    for (kind, &count) in kinds {
        line(f, name, format_args!("{} {kind}", Count(count.into())))?;
    }
    Ok(())
}

fn times(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    writeln!(
        f,
        "\n{:<NAME_WIDTH$} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "times in ms", "p50", "p90", "p99", "p99.9", "max"
    )?;
    if let Some(connect) = &report.connect {
        quantiles(f, "handshake", &connect.handshake_us)?;
    }
    for round in report.storm.iter().flat_map(|storm| &storm.rounds) {
        quantiles(f, "storm", &round.handshake_us)?;
    }
    if let Some(echo) = &report.echo {
        quantiles(f, "round trip", &echo.round_trip_us)?;
    }
    if let Some(fairness) = &report.fairness {
        quantiles(f, "quiet", &fairness.quiet.latency_us)?;
        quantiles(f, "disturbed", &fairness.disturbed.latency_us)?;
        return writeln!(f);
    }
    if let Some(broadcast) = &report.broadcast {
        quantiles(f, "delivery", &broadcast.latency_us)?;
        quantiles(f, "last member", &broadcast.last_member_us)?;
        quantiles(f, "answer", &broadcast.answer_us)?;
        quantiles(f, "sent late", &broadcast.late_us)?;
    }
    writeln!(f)
}

fn quantiles(f: &mut fmt::Formatter<'_>, name: &str, values: &Quantiles) -> fmt::Result {
    write!(f, "{name:<NAME_WIDTH$}")?;
    for value_us in [values.p50, values.p90, values.p99, values.p99_9, values.max] {
        write!(f, " {:>10.3}", value_us as f64 / 1e3)?;
    }
    writeln!(f)
}

fn server_memory(f: &mut fmt::Formatter<'_>, memory: &ServerMemory) -> fmt::Result {
    let part = |name: &str, value: &dyn Fn(&Memory) -> u64, each: f64| {
        let bytes = |memory: &Memory| Bytes(value(memory) as f64).to_string();
        let mut text = format!(
            "{name} {} before, {} connected",
            bytes(&memory.before),
            bytes(&memory.connected)
        );
        if let Some(published) = &memory.published {
            text += &format!(", {} after publishing", bytes(published));
        }
        text + &format!("; {each:.0} B a connection")
    };
    let rss = part("RSS", &|memory| memory.rss, memory.rss_per_connection);
    line(f, "server memory", format_args!("{rss}"))?;
    let private = part(
        "private",
        &|memory| memory.private,
        memory.private_per_connection,
    );
    line(f, "", format_args!("{private}"))?;
    let pss = part("PSS", &|memory| memory.pss, memory.pss_per_connection);
    line(f, "", format_args!("{pss}"))
}

fn costs(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let parts = [
        ("connecting", report.connect.as_ref().map(|part| part.cost)),
        ("holding", report.hold.as_ref().map(|part| part.cost)),
        (
            "publishing",
            report.broadcast.as_ref().map(|part| part.cost),
        ),
        ("echoing", report.echo.as_ref().map(|part| part.cost)),
    ];
    for (phase, part) in parts {
        if let Some(part) = part {
            cost(f, phase, &part)?;
        }
    }
    for round in report.storm.iter().flat_map(|storm| &storm.rounds) {
        cost(f, "storm", &round.cost)?;
    }
    Ok(())
}

fn cost(f: &mut fmt::Formatter<'_>, phase: &str, cost: &Cost) -> fmt::Result {
    let percent = |share: f64| share * 100.0;
    if let (Some(seconds), Some(share)) = (cost.server_cpu_seconds, cost.server_cpu_share) {
        let share = percent(share);
        line(
            f,
            phase,
            format_args!("server CPU {seconds:.3} s, {share:.1} % of a core"),
        )?;
    }
    let (seconds, share) = (cost.client_cpu_seconds, percent(cost.client_cpu_share));
    let busy = percent(cost.client_busy_share);
    line(
        f,
        phase,
        format_args!(
            "client CPU {seconds:.2} s, {share:.0} % of a core, busy {busy:.0} % of the time"
        ),
    )?;
    if cost.client_was_the_bottleneck {
        line(
            f,
            phase,
            format_args!(
                "the client was the bottleneck: its rates are no more than the server can"
            ),
        )?;
    }
    Ok(())
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let first = (digits.len() + 2) % 3 + 1;
        f.write_str(&digits[..first])?;
        for group in digits.as_bytes()[first..].chunks(3) {
            f.write_str(",")?;
            for &digit in group {
                write!(f, "{}", char::from(digit))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes < 1024.0 => write!(f, "{bytes:.0} B"),
            bytes if bytes < 1024.0 * 1024.0 => write!(f, "{:.1} KiB", bytes / 1024.0),
            bytes => write!(f, "{:.1} MiB", bytes / (1024.0 * 1024.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (19_000, "19,000"),
            (100_000, "100,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(Count(number).to_string(), text);
        }
    }

    #[test]
    fn bytes_come_in_a_fitting_unit() {
        assert_eq!(Bytes(812.0).to_string(), "812 B");
        assert_eq!(Bytes(1536.0).to_string(), "1.5 KiB");
        assert_eq!(Bytes(20.0 * 1024.0 * 1024.0).to_string(), "20.0 MiB");
    }
}
