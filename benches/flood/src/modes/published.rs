//! What the publishers of a run saw: messages sent and answered, and how long that took.

use crate::client::failure::Failure;
use crate::client::publisher::Answer;
use crate::measure::clock::Micros;
use crate::measure::histogram::Latencies;

/// Sums over all publishers.
#[derive(Debug, Default)]
pub struct Published {
    /// Messages sent within the plan.
    pub sent: u32,
    /// Messages that the server said it took.
    pub accepted: u32,
    /// Answers whose number of receivers was not that of the open clients.
    pub receivers_wrong: u32,
    /// The status of the first answer that refused a message; nothing is published after it.
    pub refused: Option<u16>,
    /// What ended a publisher's connection; nothing is published after it.
    pub broken: Option<Failure>,
    /// How often nothing moved for the settling time although messages were in flight.
    pub stalls: u32,
    /// Whether the deadline came first.
    pub timed_out: bool,
    /// From the start to the last delivery, in microseconds, over all rounds.
    pub elapsed_us: u64,
    /// From the time a message was meant to be sent to when it was: the client was late, or the pipeline was full.
    pub late_us: Latencies,
    /// From the time a message was meant to be sent to the answer.
    pub answer_us: Latencies,
}

impl Published {
    /// Why nothing is published any more, if that is so.
    pub fn stopped_by(&self) -> Option<String> {
        let refused = self.refused.map(|status| format!("status {status}"));
        refused.or(self.broken.map(|failure| failure.to_string()))
    }

    /// Counts an answer read at `now`. One to a message beyond the plan is checked, too, but not timed.
    pub fn take(&mut self, answer: Answer, is_taken: bool, is_timed: bool, now: Micros) {
        if !is_taken {
            self.refused.get_or_insert(answer.status);
            return;
        }
        if is_timed {
            self.accepted += 1;
            let span_us = now.since(Micros(answer.mark.at_us));
            self.answer_us.record(span_us);
        }
        self.receivers_wrong += u32::from(answer.is_wrong);
    }
}
