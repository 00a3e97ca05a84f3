//! The engine that keeps nothing: whatever is decided is so, in the same call, for as long as the process lives.

use super::{Engine, Job, Outcome, Row};

/// Nothing is kept.
#[derive(Debug, Default)]
pub struct Memory {
    stopped: bool,
}

impl Engine for Memory {
    fn keeps(&self) -> bool {
        false
    }

    /// # Panics
    /// In a debug build: there is nothing to submit.
    fn submit(&mut self, _: Job) {
        debug_assert!(
            false,
            "nothing is submitted to an engine that keeps nothing"
        );
    }

    fn send(&mut self) {}

    fn next(&mut self) -> Option<Outcome> {
        std::mem::take(&mut self.stopped).then_some(Outcome::Stopped)
    }

    fn stop(&mut self, _: Vec<Row>) {
        self.stopped = true;
    }
}
