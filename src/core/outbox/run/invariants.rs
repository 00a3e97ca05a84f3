//! What holds of runs between two calls.

use super::super::{BLOCKED, FINISHING, NONE, Outbox};
use crate::id::AppId;

impl Outbox {
    /// Checks the rules of runs, and counts the copies that runs hold.
    ///
    /// # Panics
    /// When a rule is broken.
    pub(in crate::core::outbox) fn check_runs(&self, copies: &mut Vec<u32>) {
        let (mut members_left, mut underway) = (0, [0; AppId::ALL.len()]);
        for (run, found) in &self.runs.runs {
            members_left += found.members.len() - found.next;
            let still = |key: &&u32| self.queues[**key as usize].run == run as u32;
            assert_eq!(
                found.members[found.next..].iter().filter(still).count(),
                found.waiting as usize,
                "who waits for run {run} is ahead of it"
            );
            assert!(
                found.waiting > 0 && !found.messages.is_empty(),
                "somebody waits for the messages of run {run}"
            );
            for told in &found.messages {
                let message = told.message as usize;
                copies.resize(copies.len().max(message + 1), 0);
                copies[message] += 1;
                if let Some(log) = found.log {
                    assert_eq!(
                        self.logs.at(log, told.at),
                        told.message,
                        "run {run} names the entries of its log"
                    );
                }
            }
            let listed = |key: &&u32| **key as usize == run;
            assert_eq!(
                self.runs.listed.iter().filter(listed).count(),
                1,
                "run {run} is on the list once"
            );
            if found.is_sealed {
                underway[found.app.map_or(0, |app| app as usize)] += 1;
            }
        }
        assert_eq!(
            members_left, self.runs.members_left,
            "the members are counted"
        );
        assert_eq!(
            underway, self.runs.underway,
            "the runs that are underway are counted"
        );
        for (key, queue) in self.queues.iter().enumerate() {
            let is_idle = queue.head == NONE && queue.flags & (BLOCKED | FINISHING) == 0;
            assert!(
                queue.run == NONE || is_idle,
                "connection {key} waits for its run alone"
            );
        }
    }
}
