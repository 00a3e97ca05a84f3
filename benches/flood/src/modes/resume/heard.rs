//! What the clients of `resume` heard, summed over all of them.

use serde::Serialize;

use crate::measure::problems::{Judge, Problems};

/// Sums over all clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// Messages read, whatever was wrong with them, those that came when a client had been cut included.
    pub received: u64,
    /// Greetings read.
    pub greetings: u64,
    /// Messages heard, each once.
    pub deliveries: u64,
    /// Those of them that a client resumed.
    pub replayed: u64,
    /// Messages that came when a client had been cut; it must hear them again.
    pub unheard: u64,
    /// Clients that came back and were told the outcome.
    pub resumes: u64,
    /// Messages that they were told they missed.
    pub missed: u64,
    /// Notices of drops, and the messages that they speak of.
    pub notices: u64,
    /// Messages that the notices speak of.
    pub told: u64,
    /// Messages that a client did not hear and was told nothing of.
    pub lost: u64,
    /// Messages that it heard before.
    pub duplicates: u64,
    /// Messages behind a later one.
    pub out_of_order: u64,
    /// Messages that were damaged, or that nobody published.
    pub corrupt: u64,
    /// Messages whose position is not that of their number.
    pub misplaced: u64,
    /// Outcomes of a resume, or first positions, that cannot be true.
    pub wrong_outcomes: u64,
    /// Notices of a gap that is not where they say.
    pub wrong_notices: u64,
    /// Messages before the greeting.
    pub ungreeted: u64,
    /// Anything else that was said.
    pub others: u64,
}

impl Judge for Heard {
    fn judge(&self, problems: &mut Problems) {
        problems.none_of(&[
            (self.lost, "messages were lost in silence"),
            (self.duplicates, "messages came twice"),
            (self.out_of_order, "messages were out of order"),
            (self.corrupt, "messages were damaged or unknown"),
            (self.misplaced, "messages had the position of another"),
            (self.wrong_outcomes, "outcomes of a resume are not true"),
            (
                self.wrong_notices,
                "lagged notices name a gap that is elsewhere",
            ),
            (self.ungreeted, "messages came before the greeting"),
        ]);
    }
}
