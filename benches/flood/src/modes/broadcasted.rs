//! What a report says of messages that were published: how many, how fast, how late, and whether all of them arrived.

use serde::Serialize;

use crate::measure::clock::seconds;
use crate::measure::counts::{Counts, Missing};
use crate::measure::histogram::Quantiles;
use crate::measure::ledger::Ledger;
use crate::measure::meter::Cost;
use crate::measure::problems::{Judge, Problems};
use crate::modes::plan::Plan;
use crate::modes::published::Published;
use crate::target::seating::Seating;

/// How messages were delivered.
#[derive(Debug, Default, Serialize)]
pub struct Broadcasted {
    /// Rooms that they were published to, in turn.
    pub rooms: u32,
    /// Members of each.
    pub members: u32,
    /// Messages asked for; absent if it was a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<u32>,
    /// Bytes of each delivered payload.
    pub size: usize,
    /// Messages a second asked for; 0 is as fast as they go.
    pub rate: f64,
    /// Messages in flight; absent with a rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// Connections that published.
    pub publishers: u32,
    /// Messages sent.
    pub sent: u32,
    /// Messages that the server said it took.
    pub accepted: u32,
    /// Answers whose number of receivers was not that of the open connections.
    pub receivers_wrong: u32,
    /// What stopped the publishing early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
    /// How often nothing moved for the settling time.
    pub stalls: u32,
    /// From the first message to the last delivery.
    pub seconds: f64,
    /// Messages a second, really.
    pub messages_per_second: f64,
    /// Deliveries a second.
    pub deliveries_per_second: f64,
    /// Deliveries for each second of the server's CPU time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliveries_per_server_cpu_second: Option<f64>,
    /// Sums over all deliveries.
    #[serde(flatten)]
    pub counts: Counts,
    /// What did not arrive.
    #[serde(flatten)]
    pub missing: Missing,
    /// From the intended time to each delivery.
    pub latency_us: Quantiles,
    /// From the intended time to the last delivery of each message.
    pub last_member_us: Quantiles,
    /// From the intended time to the answer.
    pub answer_us: Quantiles,
    /// From the intended time to the sending, the part of all of the above in which the server had not got it yet:
    /// the client was late, or all the requests that may be in flight were.
    pub late_us: Quantiles,
    /// What it cost.
    pub cost: Cost,
    /// Deliveries of those that are missing which clients lost because they did not read, where some were to: what is
    /// missing is then judged elsewhere.
    #[serde(skip)]
    pub lost_as_expected: Option<u64>,
}

impl Broadcasted {
    /// What the publishers and the members saw of `plan`.
    pub fn new(plan: &Plan, ledger: &Ledger, published: &Published, cost: Cost) -> Broadcasted {
        let latency_us = Quantiles::from(ledger.latency_us());
        let timed = latency_us.count as f64;
        let span = seconds(published.elapsed_us).max(1e-6);
        let server_cpu = cost.server_cpu_seconds.filter(|&seconds| seconds > 0.0);
        let Seating { rooms, members } = ledger.seating();
        Broadcasted {
            rooms,
            members,
            messages: plan.messages,
            size: plan.size,
            rate: plan.rate,
            window: (plan.rate == 0.0).then_some(plan.window),
            publishers: plan.publishers,
            sent: published.sent,
            accepted: published.accepted,
            receivers_wrong: published.receivers_wrong,
            stopped_by: published.stopped_by(),
            stalls: published.stalls,
            seconds: seconds(published.elapsed_us),
            messages_per_second: f64::from(published.sent) / span,
            deliveries_per_second: timed / span,
            deliveries_per_server_cpu_second: server_cpu.map(|seconds| timed / seconds),
            counts: ledger.counts(),
            missing: ledger.missing(),
            latency_us,
            last_member_us: Quantiles::from(ledger.flights.last_member_us()),
            answer_us: Quantiles::from(&published.answer_us),
            late_us: Quantiles::from(&published.late_us),
            cost,
            lost_as_expected: None,
        }
    }

    /// Drops are no problem of these messages; so many deliveries were lost to clients that did not read.
    pub fn forgive_drops(&mut self, lost_as_expected: u64) {
        self.lost_as_expected = Some(lost_as_expected);
    }

    /// Adds a sentence for each kind of delivery that should not have been or was not.
    pub fn judge_deliveries(counts: &Counts, missing: &Missing, problems: &mut Problems) {
        let (unexplained, wrong_size) = (missing.unexplained, counts.wrong_size);
        problems.none_of(&[
            (missing.lost, "deliveries were lost"),
            (
                unexplained,
                "lost deliveries and lagged notices do not agree",
            ),
            (counts.duplicates, "deliveries were duplicates"),
            (counts.out_of_order, "deliveries were out of order"),
            (counts.corrupt, "deliveries were damaged or unknown"),
            (wrong_size, "deliveries had another size than asked for"),
            (counts.ungreeted, "deliveries came before the greeting"),
        ]);
    }
}

impl Judge for Broadcasted {
    fn judge(&self, problems: &mut Problems) {
        if let Some(reason) = &self.stopped_by {
            problems.check(true, || format!("publishing stopped: {reason}"));
        }
        let (misnamed, missing) = match self.lost_as_expected {
            Some(_) => (0, Missing::default()),
            None => (self.receivers_wrong, self.missing),
        };
        let unsent = self.messages.unwrap_or(self.sent).saturating_sub(self.sent);
        let untaken = self.sent.saturating_sub(self.accepted);
        problems.none_of(&[
            (unsent, "messages were not sent"),
            (untaken, "messages were not taken by the server"),
            (misnamed, "answers named another number of receivers"),
        ]);
        Broadcasted::judge_deliveries(&self.counts, &missing, problems);
    }
}
