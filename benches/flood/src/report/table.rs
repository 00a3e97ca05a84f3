//! A report for people: a line for each thing that was measured, with units, and a grid where numbers are compared.

mod resume;

use std::collections::BTreeMap;

use crate::measure::books::Books;
use crate::measure::histogram::Quantiles;
use crate::measure::meter::Cost;
use crate::measure::process::Memory;
use crate::modes::broadcasted::Broadcasted;
use crate::modes::churn::Churned;
use crate::modes::echo::Echoed;
use crate::modes::fairness::{Fairness, Rounds};
use crate::modes::joins::Joined;
use crate::modes::phases::{Closed, Connected, Held, ServerMemory};
use crate::modes::remains::Remains;
use crate::modes::slow::Slowed;
use crate::modes::storm::Stormed;
use crate::report::findings::Report;
use crate::report::grid::{bytes, count, grid, ms, whole};

/// The report as text.
pub fn text(report: &Report) -> String {
    let mut text = Text(format!(
        "{} {}, {}\n",
        report.mode, report.target, report.url
    ));
    text.part(&report.connect, Text::connected);
    text.part(&report.hold, Text::held);
    text.part(&report.broadcast, Text::broadcasted);
    text.part(&report.echo, Text::echoed);
    text.part(&report.slow, Text::slowed);
    text.part(&report.fairness, Text::disturbed);
    text.part(&report.storm, Text::stormed);
    text.part(&report.churn, Text::churned);
    text.part(&report.joins, Text::joined);
    text.part(&report.resume, Text::resumed);
    text.part(&report.close, Text::closed);
    text.part(&report.remains, Text::remains);
    if report.churn.is_none() {
        text.times(report);
    }
    text.part(&report.memory, Text::server_memory);
    text.costs(report);
    for problem in report.problems.iter() {
        text.line(format!("problem | {problem}"));
    }
    text.0 + if report.passed { "passed" } else { "FAILED" }
}

/// What is put together.
struct Text(String);

impl Text {
    fn part<T>(&mut self, part: &Option<T>, write: fn(&mut Text, &T)) {
        if let Some(part) = part {
            write(self, part);
        }
    }

    /// A line with a name in front, `name | what`.
    fn line(&mut self, line: String) {
        let (name, what) = line.split_once(" | ").unwrap_or(("", &line));
        self.0 += &format!("{name:<13} {what}\n");
    }

    fn kinds(&mut self, name: &str, kinds: &BTreeMap<String, u32>) {
        for (kind, &number) in kinds {
            self.line(format!("{name} | {} {kind}", count(number)));
        }
    }

    fn grid(&mut self, head: &[&str], rows: Vec<Vec<String>>) {
        self.0 += &format!("\n{}\n", grid(head, rows));
    }

    fn connected(&mut self, connect: &Connected) {
        let (opened, asked) = (count(connect.opened), count(connect.asked));
        let (seconds, rate) = (connect.cost.seconds, whole(connect.per_second));
        let sources = match connect.sources {
            1 => "1 address".to_owned(),
            more => format!("{more} addresses"),
        };
        self.line(format!(
            "connected | {opened} of {asked} in {seconds:.2} s, {rate} /s, from {sources}"
        ));
        self.kinds("failed", &connect.failed);
    }

    fn held(&mut self, hold: &Held) {
        let (open, seconds) = (count(hold.open), hold.seconds);
        self.line(format!("held | {open} connections for {seconds:.2} s"));
    }

    fn broadcasted(&mut self, broadcast: &Broadcasted) {
        let (size, publishers, seconds) = (broadcast.size, broadcast.publishers, broadcast.seconds);
        let whereto = match broadcast.rooms {
            1 => String::new(),
            rooms => format!(" to {rooms} rooms of {}", broadcast.members),
        };
        let pace = match broadcast.window {
            Some(window) => format!("at most {window} in flight"),
            None => format!("{} /s asked for", broadcast.rate),
        };
        let (sent, rate) = (count(broadcast.sent), broadcast.messages_per_second);
        let what = format!("{sent} messages of {size} B{whereto}");
        let line = format!("published | {what} by {publishers}, {pace}; {rate:.1} /s");
        self.line(line);
        let (counts, missing) = (&broadcast.counts, &broadcast.missing);
        let deliveries = count(counts.deliveries);
        let rate = at_least(broadcast.deliveries_per_second, &broadcast.cost);
        let line = format!("delivered | {deliveries} in {seconds:.3} s, {rate} /s");
        self.line(line);
        self.for_each_cpu_second(broadcast.deliveries_per_server_cpu_second);
        let lost = lost(missing.lost, broadcast.lost_as_expected);
        let twice = count(counts.duplicates);
        let (disordered, damaged) = (count(counts.out_of_order), count(counts.corrupt));
        self.line(format!(
            "checked | {lost}, {twice} duplicate, {disordered} out of order, {damaged} damaged"
        ));
        if counts.notices > 0 || missing.unexplained > 0 {
            let (notices, missed) = (count(counts.notices), count(counts.missed));
            let unexplained = count(missing.unexplained);
            self.line(format!(
                "lagged | {notices} notices of {missed} missed, {unexplained} unexplained"
            ));
        }
    }

    fn for_each_cpu_second(&mut self, rate: Option<f64>) {
        if let Some(rate) = rate {
            self.line(format!(" | {} for each second of server CPU", whole(rate)));
        }
    }

    fn echoed(&mut self, echo: &Echoed) {
        let (returned, sent) = (count(echo.returned), count(echo.sent));
        let (size, seconds) = (echo.size, echo.seconds);
        let rate = at_least(echo.round_trips_per_second, &echo.cost);
        self.line(format!(
            "echoed | {returned} of {sent} messages of {size} B in {seconds:.3} s, {rate} /s"
        ));
        self.for_each_cpu_second(echo.round_trips_per_server_cpu_second);
        let (lost, damaged, unasked) = (echo.lost, echo.damaged, echo.unasked);
        let line = format!("checked | {lost} lost, {damaged} damaged, {unasked} not asked for");
        self.line(line);
    }

    fn slowed(&mut self, slow: &Slowed) {
        let (connections, given_up) = (count(slow.connections), slow.given_up);
        self.line(format!(
            "slow | {connections} connections stopped reading, {given_up} given up by the server"
        ));
        let metrics = slow
            .dropped_by_metrics
            .map(|dropped| format!("{} by its metrics, ", count(dropped)));
        let metrics = metrics.unwrap_or_default();
        let (notices, counted) = (count(slow.dropped_by_notices), count(slow.dropped_by_count));
        let line = format!("dropped | {metrics}{notices} by its notices, {counted} by counting");
        self.line(line);
        if let Some(peak) = &slow.peak {
            let (rss, grown) = (bytes(peak.rss), bytes(peak.rss - peak.rss_before));
            let (queues, budget, samples) =
                (bytes(peak.queue_bytes), bytes(peak.budget), peak.samples);
            self.line(format!("at most | RSS {rss} (+{grown}), queues {queues}, budget {budget}, {samples} samples"));
        }
        self.part(&slow.books, Text::books);
    }

    /// Both ends' books, side by side.
    fn books(&mut self, books: &Books) {
        let Books { server, clients } = books;
        let unoffered = books.unoffered();
        let untold = server.dropped.checked_sub(clients.told);
        let lost = untold.zip(unoffered);
        let lost = lost.map(|(untold, unoffered)| untold + server.discarded + unoffered);
        let expected = unoffered.map(|after| server.offered + after);
        let told = untold.map(|_| clients.told);
        let rows = [
            ("published × members", Some(clients.expected), expected),
            ("delivered", Some(clients.received), Some(server.delivered)),
            ("dropped and told of", Some(clients.told), told),
            ("lost with a connection", Some(clients.lost_by_closed), lost),
            ("  dropped before its end", None, untold),
            ("  discarded at its end", None, Some(server.discarded)),
            ("  published after its end", None, unoffered),
            ("still queued", None, Some(server.queued)),
            (
                "connections closed",
                Some(clients.closed),
                Some(server.closed),
            ),
            ("  for the memory budget", None, Some(server.evicted)),
        ];
        let cell = |number: Option<u64>| number.map_or("–".to_owned(), count);
        let rows =
            rows.map(|(name, clients, server)| vec![name.to_owned(), cell(clients), cell(server)]);
        self.grid(&["the books", "clients", "server"], rows.to_vec());
    }

    fn disturbed(&mut self, fairness: &Fairness) {
        let (sent, size, rate) = (count(fairness.sent), fairness.size, fairness.rate);
        let line = format!("published | {sent} messages of {size} B, {rate} /s");
        self.line(line);
        let (members, flooded) = (count(fairness.members), count(fairness.flooded));
        let (rounds, size) = (fairness.rounds, fairness.flood_bytes);
        let (all, rate) = (2 * rounds, whole(fairness.flooded_per_second));
        let who = format!("{members} members in {rounds} of {all} rounds");
        let whom = format!("{flooded} messages of {size} B, {rate} /s");
        let line = format!("disturbed | {who} by {whom}, and by one that read nothing");
        self.line(line);
        self.rounds("quiet", &fairness.quiet);
        self.rounds("disturbed", &fairness.disturbed);
        for (name, ratio) in [("p50", &fairness.ratio_p50), ("p99", &fairness.ratio_p99)] {
            let (median, p25, p75) = (ratio.median, ratio.p25, ratio.p75);
            let line = format!("ratio | {name} {median:.2} (quarters {p25:.2}-{p75:.2})");
            self.line(line);
        }
    }

    fn rounds(&mut self, name: &str, rounds: &Rounds) {
        let seconds = rounds.server_cpu_seconds;
        let share = rounds.server_cpu_share.median * 100.0;
        let busy = rounds.client_busy_share.median * 100.0;
        let server = format!("server CPU {seconds:.3} s, {share:.1} % of a core");
        let line = format!("{name} | {server}; client busy {busy:.0} % of the time");
        self.line(line);
        let spans = [
            ("publish to write", rounds.publish_to_write),
            ("a turn of the loop", rounds.loop_turn),
        ];
        for (what, spans) in spans {
            if let Some(spans) = spans {
                let (mean, p99) = (spans.mean_us, spans.p99_at_most_us);
                self.line(format!(
                    " | by the server: {what} {mean:.0} µs on average, p99 at most {p99:.0} µs"
                ));
            }
        }
    }

    fn stormed(&mut self, storm: &Stormed) {
        for round in &storm.rounds {
            let (served, all) = (count(round.served), count(storm.connections));
            let (seconds, attempts) = (round.served_seconds, count(round.attempts));
            let (upgraded, greeted) = (round.upgraded_seconds, round.greeted_seconds);
            let parts =
                format!("(upgraded {upgraded:.2} s, greeted {greeted:.2} s), {attempts} attempts");
            let line = format!("storm | {served} of {all} served again in {seconds:.2} s {parts}");
            self.line(line);
        }
        self.kinds("failed", &storm.failures);
    }

    /// Who came and went, by both ends' counts.
    fn churned(&mut self, churn: &Churned) {
        let (seconds, per_second) = (churn.seconds, churn.per_second);
        let (came, at_once) = (count(churn.came), count(churn.at_once));
        let published = count(churn.published);
        let pace = format!("{seconds:.1} s, {per_second:.0} /s, at most {at_once} at once");
        let line = format!("came | {came} connections in {pace}, {published} messages published");
        self.line(line);
        for (fate, &number) in &churn.left {
            self.line(format!("left | {} {fate:?}", count(number)));
        }
        let server = &churn.server;
        let (accepted, closed) = (count(server.accepted), count(server.closed));
        let (ended, others) = (count(server.ended), count(server.others));
        let went =
            format!("closed {closed} with 1000, lost {ended} without a word, {others} otherwise");
        self.line(format!("the server | accepted {accepted}, {went}"));
        self.kinds("failed", &churn.failures);
    }

    fn joined(&mut self, joins: &Joined) {
        let heard = &joins.heard;
        let (joined, left) = (count(heard.joins), count(heard.leaves));
        let (clients, seconds) = (count(joins.clients), joins.seconds);
        let (published, deliveries) = (count(heard.published), count(heard.deliveries));
        let went =
            format!("{joined} times, left {left} times, {clients} clients in {seconds:.1} s");
        let line = format!("joined | {went}; {published} messages published, {deliveries} heard");
        self.line(line);
        let (uninvited, gaps) = (heard.uninvited, heard.gaps);
        let (first, last) = (heard.wrong_first, heard.wrong_last);
        self.line(format!("checked | {uninvited} uninvited, {gaps} gaps, {first} wrong beginnings, {last} wrong ends"));
    }

    fn closed(&mut self, close: &Closed) {
        let (clean, seconds) = (count(close.clean), close.seconds);
        self.line(format!("closed | {clean} clean in {seconds:.2} s"));
        self.kinds("not clean", &close.unclean);
        self.kinds("went away", &close.lost);
    }

    /// What the server held before and after.
    fn remains(&mut self, remains: &Remains) {
        let row = |name: &str, before, after| vec![name.to_owned(), before, after];
        let pairs = remains.pairs().into_iter();
        let mut rows: Vec<_> = pairs
            .map(|(name, before, after)| row(name, count(before), count(after)))
            .collect();
        rows.push(row(
            "memory",
            bytes(remains.before.memory),
            bytes(remains.after.memory),
        ));
        let title = format!("left after {:.2} s", remains.seconds);
        self.grid(&[&title, "before", "after"], rows);
    }

    fn times(&mut self, report: &Report) {
        let mut rows = Vec::new();
        let mut add = |name: &str, times: &Quantiles| {
            let numbers = [times.p50, times.p90, times.p99, times.p99_9, times.max].map(ms);
            rows.push([name.to_owned()].into_iter().chain(numbers).collect());
        };
        if let Some(connect) = &report.connect {
            add("handshake", &connect.handshake_us);
        }
        for round in report.storm.iter().flat_map(|storm| &storm.rounds) {
            add("storm", &round.handshake_us);
        }
        if let Some(echo) = &report.echo {
            add("round trip", &echo.round_trip_us);
        }
        if let Some(fairness) = &report.fairness {
            add("quiet", &fairness.quiet.latency_us);
            add("disturbed", &fairness.disturbed.latency_us);
        }
        if let Some(broadcast) = &report.broadcast {
            add("delivery", &broadcast.latency_us);
            add("last member", &broadcast.last_member_us);
            add("answer", &broadcast.answer_us);
            add("sent late", &broadcast.late_us);
        }
        self.grid(
            &["times in ms  ", "p50", "p90", "p99", "p99.9", "max"],
            rows,
        );
        self.0.push('\n');
    }

    fn server_memory(&mut self, memory: &ServerMemory) {
        let mut part = |name: &str, part: fn(&Memory) -> u64, each: f64| {
            let part = |memory: &Memory| bytes(part(memory));
            let (before, connected) = (part(&memory.before), part(&memory.connected));
            let published = memory.published.as_ref().map(part);
            let published = published.map(|bytes| format!(", {bytes} after publishing"));
            let grown = format!("{connected} connected{}", published.unwrap_or_default());
            let line = format!("{name} {before} before, {grown}; {each:.0} B a connection");
            self.line(line);
        };
        part("server memory | RSS", |m| m.rss, memory.rss_per_connection);
        part(" | private", |m| m.private, memory.private_per_connection);
        part(" | PSS", |m| m.pss, memory.pss_per_connection);
    }

    fn costs(&mut self, report: &Report) {
        self.part(&report.connect, |text, part| {
            text.cost("connecting", &part.cost)
        });
        self.part(&report.hold, |text, part| text.cost("holding", &part.cost));
        self.part(&report.broadcast, |text, part| {
            text.cost("publishing", &part.cost)
        });
        self.part(&report.echo, |text, part| text.cost("echoing", &part.cost));
        for round in report.storm.iter().flat_map(|storm| &storm.rounds) {
            self.cost("storm", &round.cost);
        }
    }

    fn cost(&mut self, phase: &str, cost: &Cost) {
        if let (Some(seconds), Some(share)) = (cost.server_cpu_seconds, cost.server_cpu_share) {
            let share = share * 100.0;
            let line = format!("{phase} | server CPU {seconds:.3} s, {share:.1} % of a core");
            self.line(line);
        }
        let (seconds, share) = (cost.client_cpu_seconds, cost.client_cpu_share * 100.0);
        let busy = cost.client_busy_share * 100.0;
        self.line(format!("{phase} | client CPU {seconds:.2} s, {share:.0} % of a core, busy {busy:.0} % of the time"));
        if cost.client_was_the_bottleneck {
            let what = "the client was the bottleneck: its rates are no more than the server can";
            self.line(format!("{phase} | {what}"));
        }
    }
}

/// A rate that the client set is no more than a lower bound of what the server does.
fn at_least(rate: f64, cost: &Cost) -> String {
    match cost.client_was_the_bottleneck {
        true => format!("at least {}", whole(rate)),
        false => whole(rate),
    }
}

/// What was lost, and apart from it what clients lost because they did not read, where some were to.
fn lost(all: u64, as_expected: Option<u64>) -> String {
    let others = count(all.saturating_sub(as_expected.unwrap_or(0)));
    match as_expected {
        Some(number) => format!(
            "{others} lost, {} lost as expected by those that did not read",
            count(number)
        ),
        None => format!("{others} lost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line of what was checked, of a run that lost 1,234 deliveries.
    fn checked(lost_as_expected: Option<u64>) -> String {
        let mut broadcast = Broadcasted {
            lost_as_expected,
            ..Broadcasted::default()
        };
        broadcast.missing.lost = 1234;
        let report = Report {
            broadcast: Some(broadcast),
            ..Report::default()
        };
        let text = text(&report);
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with("checked")).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_lost_because_a_client_is_slow_is_lost_as_expected() {
        let rest = "0 duplicate, 0 out of order, 0 damaged";
        for (lost_as_expected, lost) in [
            (None, "1,234 lost"),
            (
                Some(0),
                "1,234 lost, 0 lost as expected by those that did not read",
            ),
            (
                Some(1230),
                "4 lost, 1,230 lost as expected by those that did not read",
            ),
        ] {
            let line = checked(lost_as_expected);
            assert_eq!(line, format!("checked {lost}, {rest}"));
        }
    }
}
