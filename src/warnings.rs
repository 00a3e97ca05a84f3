//! Warnings, at most one a second of each kind.
//!
//! What is left out is not lost: the next warning of its kind says how many it stands for. A kind is silenced by itself
//! alone, so a limit that is reached all the time hides none of the others.

use std::fmt::Arguments;

use crate::time::Millis;

/// The time for which one warning speaks for all of its kind: a log is read by people, and kept.
const INTERVAL: Millis = Millis::seconds(1);

/// What is warned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The accept rate keeps connections waiting.
    AcceptRate,
    /// A connection could not be taken in.
    Accept,
    /// There are no more descriptors.
    Descriptors,
    /// The kernel has no memory for connections that wait.
    Backlog,
    /// The kernel has no memory for what is read and written.
    KernelMemory,
    /// The loop lags.
    Lag,
    /// The memory budget is nearly spent.
    Memory,
    /// The memory budget is spent, and a connection is closed for it.
    Budget,
    /// A page of an origin that is not allowed.
    Origin,
    /// A host that is not ours.
    Host,
    /// A key that is none of ours.
    Key,
    /// An address from which strangers do too much.
    Stranger,
    /// More guests than may be: connections wait until one may be closed.
    Guests,
    /// What clients asked for could not be kept.
    Storage,
    /// A message that an app takes in silence and cannot read.
    Message,
}

/// How many kinds there are.
const KINDS: usize = Warning::Message as usize + 1;

/// When each kind was told of last, and what has been left out since.
#[derive(Debug, Default)]
pub struct Warnings([Told; KINDS]);

#[derive(Clone, Copy, Debug, Default)]
struct Told {
    at: Option<Millis>,
    left_out: u64,
}

impl Warnings {
    /// Logs a warning, unless one of its kind was logged within the last second.
    pub fn tell(&mut self, kind: Warning, now: Millis, what: Arguments<'_>) {
        match self.pass(kind, now) {
            None => {}
            Some(0) => log::warn!("{what}"),
            Some(more) => log::warn!("{what} ({more} more)"),
        }
    }

    /// How many of this kind were left out before the one that may be told now; `None` if this one is left out, too.
    fn pass(&mut self, kind: Warning, now: Millis) -> Option<u64> {
        let told = &mut self.0[kind as usize];
        if told.at.is_some_and(|at| now < at + INTERVAL) {
            told.left_out += 1;
            return None;
        }
        told.at = Some(now);
        Some(std::mem::take(&mut told.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_of_each_kind_stands_for_those_that_were_left_out() {
        let mut warnings = Warnings::default();
        let mut pass = |kind, at| warnings.pass(kind, Millis(at));
        assert_eq!(pass(Warning::Lag, 0), Some(0), "the very first");
        assert_eq!(pass(Warning::Lag, 1), None);
        assert_eq!(pass(Warning::Budget, 1), Some(0), "another kind is its own");
        assert_eq!(pass(Warning::Lag, 999), None);
        assert_eq!(pass(Warning::Lag, 1000), Some(2));
        assert_eq!(pass(Warning::Lag, 2000), Some(0), "none was left out since");
        assert_eq!(pass(Warning::Budget, 2000), Some(0));
    }
}
