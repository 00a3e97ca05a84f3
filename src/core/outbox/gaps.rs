//! What each connection was told that it missed, so that it can ask for it again while it is connected.
//!
//! Only the last gaps are remembered, and only of connections that have any. From a number on a connection has got all
//! that it wanted but for those gaps; what was before that is not known here.

use std::collections::{HashMap, VecDeque};

use super::log::Numbers;

/// Gaps that are remembered of a connection.
const GAPS_MAX: usize = 8;
/// What the gaps of a connection cost: their place in the map, their list, and the allocator's own.
const GAPS_BYTES: u64 = (GAPS_MAX * size_of::<Numbers>() + 96) as u64;

/// The gaps of all connections.
#[derive(Default)]
pub(super) struct Gaps {
    told: HashMap<u32, VecDeque<Numbers>>,
}

impl Gaps {
    /// A connection has been told of a gap; the number up to which nothing is remembered any more for that, if so.
    pub(super) fn told(&mut self, key: u32, gap: Numbers) -> Option<u64> {
        let gaps = self
            .told
            .entry(key)
            .or_insert_with(|| VecDeque::with_capacity(GAPS_MAX));
        let forgotten = match gaps.len() {
            GAPS_MAX => gaps.pop_front(),
            _ => None,
        };
        gaps.push_back(gap);
        forgotten.map(Numbers::last)
    }

    /// Forgets what a connection missed behind a number, because it gets that now or never.
    pub(super) fn close(&mut self, key: u32, since: u64) {
        let Some(gaps) = self.told.get_mut(&key) else {
            return;
        };
        gaps.retain_mut(|gap| {
            gap.count = gap
                .count
                .min(since.saturating_sub(gap.since).min(u64::from(u32::MAX)) as u32);
            gap.count > 0
        });
        if gaps.is_empty() {
            self.told.remove(&key);
        }
    }

    /// Forgets a connection.
    pub(super) fn forget(&mut self, key: u32) {
        if !self.told.is_empty() {
            self.told.remove(&key);
        }
    }

    /// What a connection missed behind a number, as far as it is remembered.
    pub(super) fn since(
        &self,
        key: u32,
        since: u64,
    ) -> impl Iterator<Item = Numbers> + Clone + use<'_> {
        let gaps = self.told.get(&key).into_iter().flatten();
        gaps.filter_map(move |gap| {
            let from = gap.since.max(since);
            let count = gap.last().saturating_sub(from) as u32;
            (count > 0).then_some(Numbers {
                since: from,
                count,
                ..*gap
            })
        })
    }

    /// What they cost.
    pub(super) fn held_bytes(&self) -> u64 {
        self.told.len() as u64 * GAPS_BYTES
    }
}
