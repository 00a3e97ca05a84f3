//! What became of the clients of a run: counted by kind, the handshakes timed.

use std::collections::BTreeMap;

use crate::client::connection::{End, Step};
use crate::client::failure::Failure;
use crate::measure::histogram::Latencies;

/// What became of the clients so far.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Clients that began to connect.
    pub started: u32,
    /// Handshakes completed.
    pub opened: u32,
    /// Clients that never opened, by kind.
    pub failed: BTreeMap<String, u32>,
    /// Clients that were open and went away by themselves, by kind.
    pub lost: BTreeMap<String, u32>,
    /// Close handshakes that went as they should.
    pub clean: u32,
    /// Close handshakes that did not, by kind.
    pub unclean: BTreeMap<String, u32>,
    /// From `connect` to a valid 101, in microseconds.
    pub handshake_us: Latencies,
}

impl Outcome {
    /// Counts what one event brought about.
    pub fn step(&mut self, step: Step) {
        if let Some(after_us) = step.opened_after_us {
            self.opened += 1;
            self.handshake_us.record(after_us);
        }
        if let Some(end) = step.ended {
            self.ended(end);
        }
    }

    /// Counts the end of a client that could not send; says whether it is still there.
    pub fn sent(&mut self, sent: Result<(), End>) -> bool {
        if let Err(end) = sent {
            self.ended(end);
        }
        sent.is_ok()
    }

    /// Counts the end of a client.
    pub fn ended(&mut self, end: End) {
        let (kinds, failure) = match end {
            End::Clean => {
                self.clean += 1;
                return;
            }
            End::Failed(failure) => (&mut self.failed, failure),
            End::Lost(failure) => (&mut self.lost, failure),
            End::Unclean(failure) => (&mut self.unclean, failure),
        };
        *kinds.entry(failure.to_string()).or_default() += 1;
    }

    /// Counts `clients` that never even began to connect.
    pub fn never_started(&mut self, clients: u32) {
        if clients > 0 {
            let kind = Failure::NotStarted.to_string();
            *self.failed.entry(kind).or_default() += clients;
            self.started += clients;
        }
    }

    /// Handshakes under way.
    pub fn connecting(&self) -> usize {
        let failed: u32 = self.failed.values().sum();
        (self.started - self.opened - failed) as usize
    }

    /// Close handshakes that are over, clean or not.
    pub fn closed(&self) -> usize {
        let unclean: u32 = self.unclean.values().sum();
        (self.clean + unclean) as usize
    }
}
