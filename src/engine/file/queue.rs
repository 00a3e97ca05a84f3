//! What waits for the next transaction, in the order in which it was submitted.

use std::collections::VecDeque;
use std::time::Instant;

use super::LAZY_FOR;
use crate::engine::{Job, Row};

/// Bytes of rows that go into one transaction, if more have gathered.
const GROUP_BYTES: usize = 16 << 20;

/// Jobs, and which of them have failed already.
#[derive(Debug, Default)]
pub struct Queue {
    jobs: VecDeque<Job>,
    /// Jobs that wait and are of an earlier one have failed with what has failed before.
    generation: u64,
    /// Of all rows.
    bytes: usize,
    /// Jobs whose outcome somebody waits for.
    awaited: usize,
    /// When the oldest of the others came.
    since: Option<Instant>,
    /// Whether something was let go of that nobody waited for.
    has_lost: bool,
}

impl Queue {
    /// Takes these behind the others.
    pub fn take(&mut self, generation: u64, jobs: Vec<Job>) {
        for job in jobs {
            match job.serial {
                Some(_) if generation < self.generation => continue,
                Some(_) => self.awaited += 1,
                None => self.since = self.since.or_else(|| Some(Instant::now())),
            }
            self.bytes += bytes(&job.rows);
            self.jobs.push_back(job);
        }
    }

    /// The next group; a job is not divided, however large it is.
    pub fn group(&mut self) -> Vec<Job> {
        let mut group = Vec::new();
        let mut taken = 0;
        while let Some(job) = self.jobs.front()
            && (group.is_empty() || taken + bytes(&job.rows) <= GROUP_BYTES)
        {
            taken += bytes(&job.rows);
            self.awaited -= usize::from(job.serial.is_some());
            group.extend(self.jobs.pop_front());
        }
        self.bytes -= taken;
        if self.jobs.is_empty() {
            self.since = None;
        }
        group
    }

    /// This group has failed, and with it all that wait; the others are tried again, in their order. The generation of those
    /// that follow, if anybody waited.
    pub fn fail(&mut self, group: Vec<Job>) -> Option<u64> {
        let jobs = group.into_iter().chain(std::mem::take(&mut self.jobs));
        let (awaited, kept): (Vec<Job>, Vec<Job>) = jobs.partition(|job| job.serial.is_some());
        self.jobs = VecDeque::from(kept);
        self.bytes = self.jobs.iter().map(|job| bytes(&job.rows)).sum();
        self.awaited = 0;
        self.since = (!self.jobs.is_empty()).then(Instant::now);
        (!awaited.is_empty()).then(|| {
            self.generation += 1;
            self.generation
        })
    }

    /// Something that nobody waited for will never be written.
    pub fn lose(&mut self, why: &str) {
        if !std::mem::replace(&mut self.has_lost, true) {
            log::error!("changes that nobody waited for are not kept in the data file: {why}");
        }
    }

    /// Whether somebody waits, or there is so much that it should not.
    pub fn is_due(&self) -> bool {
        let is_old = |since: Instant| since.elapsed() >= LAZY_FOR;
        self.awaited > 0 || self.bytes > GROUP_BYTES || self.since.is_some_and(is_old)
    }

    /// Since when the oldest of those waits that nobody waits for.
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Whether something is not in the file that should be.
    pub fn has_lost(&self) -> bool {
        self.has_lost
    }
}

/// What it costs to keep these until they are so.
pub fn bytes(rows: &[Row]) -> usize {
    rows.iter().map(Row::bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Table;
    use crate::time::Unix;

    fn job(serial: Option<u64>, bytes: usize) -> Job {
        let row = Row::Put {
            table: Table::Tasks,
            key: String::new(),
            record: "x".repeat(bytes),
        };
        Job {
            serial,
            unix: Unix(0),
            rows: vec![row],
        }
    }

    fn serials(jobs: &[Job]) -> Vec<Option<u64>> {
        jobs.iter().map(|job| job.serial).collect()
    }

    #[test]
    fn a_failure_leaves_what_nobody_waits_for_in_its_order() {
        let mut queue = Queue::default();
        let first = [job(None, 1), job(Some(1), 0), job(None, 2)];
        queue.take(0, first.to_vec());
        let group = queue.group();
        queue.take(0, vec![job(Some(2), 0), job(None, 3)]);
        assert_eq!(queue.fail(group), Some(1));
        // What was submitted before that was heard of has failed, too.
        queue.take(0, vec![job(Some(3), 0), job(None, 4)]);
        queue.take(1, vec![job(Some(4), 0)]);
        let group = queue.group();
        assert_eq!(serials(&group), [None, None, None, None, Some(4)]);
        let kept = [job(None, 1), job(None, 2), job(None, 3), job(None, 4)];
        assert_eq!(group[..4], kept);
        assert!(queue.is_empty() && !queue.is_due() && queue.bytes == 0);
    }

    #[test]
    fn a_failure_of_what_nobody_waits_for_is_no_failure_of_others() {
        let mut queue = Queue::default();
        queue.take(0, vec![job(None, 1)]);
        let group = queue.group();
        assert_eq!(queue.fail(group), None);
        queue.take(0, vec![job(Some(1), 0)]);
        assert_eq!(serials(&queue.group()), [None, Some(1)]);
    }
}
