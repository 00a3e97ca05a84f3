//! What the simulated network and a simulated disk have in common: the machine's power, and its clock.

use std::cell::Cell;

use roomcast::time::{Micros, Millis};

/// The machine's power, and its clock: what the network and a disk have in common. Once it is cut, nothing that the
/// process does has any effect.
#[derive(Debug, Default)]
pub struct Power {
    clock: Cell<Micros>,
    /// What the process can still do.
    steps_left: Cell<Option<u64>>,
}

impl Power {
    /// What time it is.
    pub fn now(&self) -> Millis {
        self.clock.get().millis()
    }

    /// It is this time.
    pub fn set(&self, now: Micros) {
        self.clock.set(now);
    }

    /// It is cut after so many more things that the process does.
    pub fn cut_after(&self, steps: u64) {
        self.steps_left.set(Some(steps));
    }

    /// It is there again, for another process.
    pub fn restore(&self) {
        self.steps_left.set(None);
    }

    /// Whether it is there.
    pub fn is_on(&self) -> bool {
        self.steps_left.get() != Some(0)
    }

    /// The process does something; whether that has an effect.
    pub fn step(&self) -> bool {
        let left = self.steps_left.get();
        self.steps_left.set(left.map(|left| left.saturating_sub(1)));
        left != Some(0)
    }
}
