//! What a report says of clients that were cut and came back.

use super::Text;
use crate::measure::histogram::Quantiles;
use crate::measure::spans::Spans;
use crate::measure::spread::Spread;
use crate::modes::resume::{Books, Burst, OwnTimes, Resumed};
use crate::report::grid::{bytes, count, ms};

impl Text {
    pub(super) fn resumed(&mut self, resumed: &Resumed) {
        let heard = &resumed.heard;
        let (sent, size, rate) = (count(resumed.sent), resumed.size, resumed.rate);
        let seconds = resumed.seconds;
        self.line(format!(
            "published | {sent} messages of {size} B, {rate} /s asked for, in {seconds:.1} s"
        ));
        let (cuts, clients) = (count(resumed.cuts), count(resumed.clients));
        let (resumes, missed) = (count(heard.resumes), count(heard.missed));
        let replayed = count(heard.replayed);
        self.line(format!(
            "cut | {cuts} times, {clients} clients; resumed {resumes} times, {replayed} messages, {missed} missed"
        ));
        self.kinds("failed", &resumed.failures);
        let (deliveries, lost) = (count(heard.deliveries), count(heard.lost));
        let (twice, disordered) = (count(heard.duplicates), count(heard.out_of_order));
        let damaged = count(heard.corrupt + heard.misplaced);
        self.line(format!("checked | {deliveries} heard, {lost} lost in silence, {twice} twice, {disordered} out of order, {damaged} damaged"));
        let (outcomes, notices) = (heard.wrong_outcomes, heard.wrong_notices);
        let not_back = resumed.not_back;
        self.line(format!(" | {outcomes} outcomes and {notices} notices that are not true, {not_back} clients not back"));
        if resumed.burst.is_none() {
            let Quantiles { p50, p99, .. } = resumed.latency_us;
            self.line(format!("live | p50 {} ms, p99 {} ms", ms(p50), ms(p99)));
            self.cost("resuming", &resumed.cost);
        }
        self.part(&resumed.burst, Text::burst);
        self.part(&resumed.books, Text::resumed_books);
    }

    fn resumed_books(&mut self, books: &Books) {
        let Books { server, heard, .. } = books;
        let row = |name: &str, clients: Option<u64>, server: Option<u64>| {
            let cell = |number: Option<u64>| number.map_or("–".to_owned(), count);
            vec![name.to_owned(), cell(clients), cell(server)]
        };
        let rows = vec![
            row("published", Some(books.sent), Some(books.published)),
            row("published × clients", Some(books.expected), None),
            row("  heard", Some(heard.deliveries), None),
            row("  told of when back", Some(heard.missed), None),
            row("  told of as lagged", Some(heard.told), None),
            row("offered", None, Some(server.offered)),
            row(
                "delivered",
                Some(heard.received + heard.greetings),
                Some(server.delivered),
            ),
            row("  unheard after a cut", Some(heard.unheard), None),
            row("  greetings", Some(heard.greetings), None),
            row("dropped", None, Some(server.dropped)),
            row("discarded at an end", None, Some(server.discarded)),
            row("still queued", None, Some(server.queued)),
            row("connections cut", Some(books.cuts), Some(server.closed)),
        ];
        self.grid(&["the books", "clients", "server"], rows);
    }

    fn burst(&mut self, burst: &Burst) {
        let (stayed, missed) = (count(burst.stayed), count(burst.missed));
        let rounds = burst.rounds.len();
        self.line(format!(
            "bursts | {rounds} rounds, {missed} messages to resume each, {stayed} clients stay"
        ));
        for round in &burst.rounds {
            let cpu = [&round.live, &round.back, &round.resumed]
                .map(|cost| cost.server_cpu_seconds.unwrap_or(0.0));
            let [live, back, resumed] = cpu;
            let (took, busy) = (
                round.resumed.seconds,
                round.resumed.client_busy_share * 100.0,
            );
            self.line(format!(" | server CPU live {live:.3} s, back {back:.3} s, back and resumed {resumed:.3} s; that took {took:.2} s, client busy {busy:.0} %"));
        }
        let spread = |of: &Spread| format!("{:.3} ({:.3}-{:.3})", of.median, of.p25, of.p75);
        let (live, resumed) = (spread(&burst.live_us), spread(&burst.resumed_us));
        let ratio = spread(&burst.ratio_cpu);
        self.line(format!(
            "server CPU | µs a message: live {live}, resumed {resumed}; ratio {ratio}"
        ));
        let times =
            |times: &Quantiles| format!("p50 {} ms, p99 {} ms", ms(times.p50), ms(times.p99));
        let (quiet, disturbed) = (times(&burst.quiet_us), times(&burst.disturbed_us));
        self.line(format!(
            "who stayed | quiet {quiet}; during the burst {disturbed}"
        ));
        let (p50, p99) = (spread(&burst.ratio_p50), spread(&burst.ratio_p99));
        self.line(format!("ratio | p50 {p50}, p99 {p99}"));
        for round in &burst.rounds {
            let took = round.disturbed.seconds;
            let [quiet, disturbed] = [&round.quiet_us, &round.disturbed_us].map(|us| ms(us.p99));
            let waited = round.disturbed.server_waited_share.unwrap_or(0.0) * 100.0;
            self.line(format!(" | p99 quiet {quiet} ms, during a burst of {took:.2} s {disturbed} ms; the server waited for its core {waited:.0} % of that"));
            let own = |times: &OwnTimes| {
                let most = |spans: Option<Spans>| {
                    format!(
                        "{:.1}",
                        spans.map_or(0.0, |spans| spans.p99_at_most_us / 1000.0)
                    )
                };
                (most(times.publish_to_write), most(times.loop_turn))
            };
            let (quiet, disturbed) = (own(&round.quiet_server), own(&round.disturbed_server));
            self.line(format!(" | by its own count at most {} and {} ms from publish to write, {} and {} ms a turn", quiet.0, disturbed.0, quiet.1, disturbed.1));
        }
        if let Some(peak) = &burst.peak {
            let (rss, grown) = (bytes(peak.rss), bytes(peak.rss - peak.rss_before));
            let samples = peak.samples;
            let queues = bytes(peak.queue_bytes);
            self.line(format!(
                "at most | RSS {rss} (+{grown}), logs and queues {queues}, {samples} samples"
            ));
        }
    }
}
