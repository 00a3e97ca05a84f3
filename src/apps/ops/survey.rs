//! The largest of very many, found a part at a time.
//!
//! Looking at everything costs more the more there is, so each look takes in a part of bounded size and, beside it,
//! what was largest so far. While everything fits in one part the answer is exact; beyond that what has grown is found
//! within a round.

use std::ops::Range;

/// How many are found.
const FOUND_MAX: usize = 10;

/// Where the next look goes on, and what was largest so far.
#[derive(Debug)]
pub struct Survey {
    part_max: u32,
    next: u32,
    largest: Vec<(u64, u32)>,
}

impl Survey {
    /// A survey that looks at no more than so many at a time.
    pub fn new(part_max: u32) -> Survey {
        Survey {
            part_max,
            next: 0,
            largest: Vec::with_capacity(FOUND_MAX + 1),
        }
    }

    /// The sizes and numbers of the largest, the largest first, among those with numbers below `end`; what has no size
    /// is not among them.
    pub fn look(&mut self, end: u32, size: impl Fn(u32) -> u64) -> &[(u64, u32)] {
        let part = self.part(end);
        let earlier = std::mem::take(&mut self.largest);
        let outside = earlier
            .iter()
            .map(|(_, number)| *number)
            .filter(|number| *number < end && !part.contains(number));
        for number in outside.chain(part.clone()) {
            let size = size(number);
            let least = self.largest.last().map_or(0, |(least, _)| *least);
            let is_full = self.largest.len() == FOUND_MAX;
            if size == 0 || is_full && size <= least {
                continue;
            }
            let place = self.largest.partition_point(|(other, _)| *other >= size);
            self.largest.insert(place, (size, number));
            self.largest.truncate(FOUND_MAX);
        }
        &self.largest
    }

    /// The numbers that are looked at this time.
    fn part(&mut self, end: u32) -> Range<u32> {
        let start = if self.next < end { self.next } else { 0 };
        let stop = end.min(start.saturating_add(self.part_max));
        self.next = stop;
        start..stop
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_fits_in_one_part_is_found_at_once_and_in_order() {
        let mut survey = Survey::new(100);
        let found = survey.look(100, |number| u64::from(number % 50)).to_vec();
        let sizes: Vec<u64> = found.iter().map(|(size, _)| *size).collect();
        assert_eq!(sizes, [49, 49, 48, 48, 47, 47, 46, 46, 45, 45]);
        assert_eq!(found[..2], [(49, 49), (49, 99)]);
    }

    #[test]
    fn what_has_no_size_is_not_found() {
        let mut survey = Survey::new(100);
        assert_eq!(survey.look(50, |number| u64::from(number == 7)), [(1, 7)]);
        assert_eq!(survey.look(50, |_| 0), []);
        assert_eq!(survey.look(0, |_| 1), []);
    }

    #[test]
    fn a_look_is_bounded_and_a_round_of_them_sees_everything() {
        let mut survey = Survey::new(100);
        let looks = Cell::new(0);
        let size = |number: u32| {
            looks.set(looks.get() + 1);
            u64::from(number) + 1
        };
        for part in 1..=10 {
            let before = looks.get();
            assert_eq!(
                survey.look(1000, size)[0],
                (part * 100, part as u32 * 100 - 1)
            );
            assert!(looks.get() - before <= 100 + FOUND_MAX);
        }
        assert_eq!(
            survey.look(1000, size)[0],
            (1000, 999),
            "what was found is kept"
        );
        assert_eq!(
            survey.look(1000, |_| 1).len(),
            FOUND_MAX,
            "and measured anew"
        );
    }

    #[test]
    fn nothing_is_found_twice() {
        let mut survey = Survey::new(7);
        for end in [20, 20, 20, 5, 20, 13] {
            let mut numbers: Vec<u32> = survey
                .look(end, |_| 1)
                .iter()
                .map(|(_, number)| *number)
                .collect();
            let found = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), found);
            assert!(numbers.iter().all(|number| *number < end));
        }
    }
}
