//! What has been heard of a numbering, over all connections: everything up to the newest position, but for the gaps that
//! are still to be filled.
//!
//! What fills a gap comes behind newer messages. So the newest position alone does not say since when to ask again: a
//! connection that ends in the middle of a refill would lose the rest of it, or get twice what was between two gaps.

use crate::position::Position;

/// Numbers that have not been heard.
#[derive(Debug)]
struct Gap {
    /// The number before the first.
    since: u64,
    /// The last.
    to: u64,
    /// The round in which they were skipped last.
    round: u64,
    /// Whether it has not been touched since, so that what comes of it next may leave some out.
    is_torn: bool,
}

/// What has been heard. Positions of another epoch than the one that it knows begin it anew.
#[derive(Debug, Default)]
pub(super) struct Heard {
    newest: Option<Position>,
    gaps: Vec<Gap>,
    /// Rounds of skipping, over all connections. Each is followed by a question, which the server may answer when later
    /// rounds are told.
    round: u64,
    /// Whether messages were skipped behind the newest.
    is_skipping: bool,
    /// Messages that come before the gaps up to a round are as full as they will be.
    left: u64,
    answered: u64,
    /// Whether they come in one order, so that what is behind a gap ends it.
    is_in_order: bool,
}

impl Heard {
    /// Everything up to here, whatever was before.
    fn start(&mut self, newest: Position) {
        *self = Heard {
            newest: Some(newest),
            round: self.round,
            ..Heard::default()
        };
    }

    /// The round up to which a question fills the gaps that is asked now.
    pub fn round(&self) -> u64 {
        self.round
    }

    /// A new connection is asked for everything behind [`Heard::since`].
    pub fn returns(&mut self) {
        self.is_skipping = false;
        self.left = 0;
        self.is_in_order = !self.gaps.is_empty();
    }

    /// A message of this position has come; whether it is the first time.
    pub fn take(&mut self, at: Position) -> bool {
        let Some(newest) = self.newest.filter(|newest| newest.epoch == at.epoch) else {
            self.start(at);
            return true;
        };
        let number = at.number;
        let gap = self
            .gaps
            .iter_mut()
            .find(|gap| (gap.since + 1..=gap.to).contains(&number));
        let is_first = gap.is_some() || number > newest.number;
        if let Some(gap) = gap {
            let before = Gap {
                to: number - 1,
                ..*gap
            };
            gap.since = number;
            if std::mem::take(&mut gap.is_torn) {
                self.gaps.push(before);
            }
        }
        if number > newest.number {
            self.reach(newest, at, number - 1);
            // What is sent again may be newer than all that was heard, and says nothing of what was skipped behind it.
            self.is_skipping &= self.left > 0;
        }
        let is_in_order = self.is_in_order;
        self.gaps
            .retain(|gap| gap.since < gap.to && !(is_in_order && gap.to <= number));
        if self.left > 0 {
            self.left -= 1;
            if self.left == 0 {
                self.close();
            }
        }
        is_first
    }

    /// What follows is behind this position.
    pub fn begins(&mut self, at: Position) {
        match self.newest {
            Some(newest) if newest.epoch != at.epoch => self.start(at),
            Some(newest) if newest.number >= at.number => {}
            Some(newest) => self.reach(newest, at, at.number),
            None => self.start(at),
        }
    }

    /// The server sends so many again of what was skipped up to a round, and has lost so many. If it cannot say how many,
    /// what it says now is a beginning.
    pub fn resumes(&mut self, at: Option<Position>, sent: u64, missed: Option<u64>, round: u64) {
        match (at, missed) {
            (Some(at), None) => self.start(at),
            (Some(at), Some(_)) => self.begins(at),
            (None, _) => {}
        }
        self.left = sent;
        self.answered = round;
        // What is lost comes first.
        for gap in self.gaps.iter_mut().filter(|gap| gap.round <= round) {
            gap.since = gap.since.max(at.map_or(0, |at| at.number));
        }
        self.gaps.retain(|gap| gap.since < gap.to);
        if sent == 0 {
            self.close();
        }
    }

    /// The server has skipped messages behind this position.
    pub fn skips(&mut self, at: Position) {
        // Behind a lagged, so that up to here was skipped, it leaves a gap.
        self.begins(at);
        self.is_skipping = true;
        self.round += 1;
        // What was to fill the gaps may be among it, so that less comes than is left.
        for gap in self.gaps.iter_mut().filter(|gap| gap.to > at.number) {
            gap.round = self.round;
            gap.is_torn = true;
        }
        self.is_in_order = false;
    }

    /// The position behind which lies everything that has not been heard.
    pub fn since(&self) -> Option<Position> {
        let newest = self.newest?;
        let first = self.gaps.iter().map(|gap| gap.since).min();
        Some(Position {
            number: first.unwrap_or(newest.number).min(newest.number),
            ..newest
        })
    }

    fn reach(&mut self, newest: Position, at: Position, skipped: u64) {
        if self.is_skipping && skipped > newest.number {
            self.gaps.push(Gap {
                since: newest.number,
                to: skipped,
                round: self.round,
                is_torn: true,
            });
        }
        self.newest = Some(at);
    }

    /// The gaps of what is answered are as full as they will be.
    fn close(&mut self) {
        self.gaps.retain(|gap| gap.round > self.answered);
        self.is_skipping &= self.round > self.answered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u64) -> Position {
        Position { epoch: 10, number }
    }

    fn heard_up_to(number: u64) -> Heard {
        let mut heard = Heard::default();
        heard.begins(at(0));
        assert!((1..=number).all(|number| heard.take(at(number))));
        heard
    }

    #[test]
    fn the_newest_counts_and_another_epoch_begins_anew() {
        let mut heard = heard_up_to(3);
        assert_eq!(heard.since(), Some(at(3)));
        heard.begins(at(2));
        assert_eq!(heard.since(), Some(at(3)));
        let other = Position {
            epoch: 11,
            number: 1,
        };
        assert!(heard.take(other));
        assert_eq!(heard.since(), Some(other));
    }

    #[test]
    fn a_gap_is_open_until_its_refill_has_come() {
        let mut heard = heard_up_to(1);
        heard.skips(at(1));
        assert!(heard.take(at(5)));
        assert_eq!(heard.since(), Some(at(1)));
        heard.resumes(Some(at(2)), 2, Some(1), 1);
        assert!(heard.take(at(3)));
        assert_eq!(heard.since(), Some(at(3)));
        assert!(heard.take(at(4)));
        assert_eq!(heard.since(), Some(at(5)));
    }

    #[test]
    fn a_refill_that_is_cut_goes_on_and_nothing_comes_twice() {
        let mut heard = heard_up_to(1);
        heard.skips(at(1));
        assert!(heard.take(at(5)) && heard.take(at(6)));
        heard.resumes(Some(at(1)), 3, Some(0), 1);
        assert!(heard.take(at(2)));
        heard.returns();
        assert_eq!(heard.since(), Some(at(2)));
        heard.resumes(Some(at(2)), 5, Some(0), 1);
        let first = (3..=7).filter(|&number| heard.take(at(number)));
        assert_eq!(first.collect::<Vec<u64>>(), [3, 4, 7]);
        assert_eq!(heard.since(), Some(at(7)));
    }

    #[test]
    fn a_refill_that_is_skipped_itself_stays_open() {
        let mut heard = heard_up_to(1);
        heard.skips(at(1));
        assert!(heard.take(at(5)));
        heard.resumes(Some(at(1)), 3, Some(0), 1);
        assert!(heard.take(at(2)));
        heard.skips(at(2));
        assert!(heard.take(at(8)));
        heard.resumes(Some(at(2)), 4, Some(0), 2);
        assert!(heard.take(at(3)));
        assert_eq!(heard.since(), Some(at(3)));
        assert!([4, 6, 7].iter().all(|&number| heard.take(at(number))));
        assert_eq!(heard.since(), Some(at(8)));
    }

    #[test]
    fn an_answer_leaves_the_gaps_open_that_it_was_not_asked_for() {
        for (sent, missed) in [(40, 0), (1, 39), (0, 40)] {
            let mut heard = heard_up_to(10);
            heard.skips(at(10));
            assert!(heard.take(at(51)));
            heard.skips(at(51));
            assert!(heard.take(at(80)));
            heard.resumes(Some(at(50 - sent)), sent, Some(missed), 1);
            assert!((51 - sent..51).all(|number| heard.take(at(number))));
            assert_eq!(heard.since(), Some(at(51)));
            heard.resumes(Some(at(80)), 0, Some(28), 2);
            assert_eq!(heard.since(), Some(at(80)));
        }
    }

    #[test]
    fn what_was_skipped_of_a_refill_is_open_until_it_is_answered_itself() {
        let mut heard = heard_up_to(10);
        heard.skips(at(10));
        assert!(heard.take(at(51)));
        heard.skips(at(51));
        assert!(heard.take(at(80)));
        heard.resumes(Some(at(10)), 40, Some(0), 1);
        assert!((11..=20).all(|number| heard.take(at(number))));
        heard.skips(at(20));
        heard.resumes(Some(at(80)), 0, Some(28), 2);
        assert_eq!(heard.since(), Some(at(20)));
        heard.resumes(Some(at(80)), 0, Some(30), 3);
        assert_eq!(heard.since(), Some(at(80)));
    }

    #[test]
    fn what_was_skipped_in_the_middle_of_a_refill_is_a_gap_of_its_own() {
        let mut heard = heard_up_to(10);
        heard.skips(at(10));
        assert!(heard.take(at(51)));
        heard.resumes(Some(at(10)), 40, Some(0), 1);
        assert!((11..=20).all(|number| heard.take(at(number))));
        heard.skips(at(20));
        assert!((31..=40).all(|number| heard.take(at(number))));
        assert_eq!(heard.since(), Some(at(20)));
        heard.returns();
        heard.resumes(Some(at(20)), 32, Some(0), 2);
        let first: Vec<u64> = (21..=52).filter(|&number| heard.take(at(number))).collect();
        let unheard: Vec<u64> = (21..=30).chain(41..=50).chain([52]).collect();
        assert_eq!(first, unheard);
        assert_eq!(heard.since(), Some(at(52)));
    }

    #[test]
    fn a_refill_that_is_skipped_up_to_the_next_gap_leaves_both_open() {
        let mut heard = heard_up_to(10);
        heard.skips(at(10));
        assert!(heard.take(at(51)));
        heard.skips(at(51));
        assert!(heard.take(at(80)));
        heard.resumes(Some(at(10)), 68, Some(0), 1);
        assert!((11..=20).all(|number| heard.take(at(number))));
        heard.skips(at(20));
        assert!((61..=79).all(|number| heard.take(at(number))));
        heard.resumes(Some(at(80)), 0, Some(0), 2);
        heard.returns();
        assert_eq!(heard.since(), Some(at(20)));
        let first: Vec<u64> = (21..=80).filter(|&number| heard.take(at(number))).collect();
        assert_eq!(first, (21..=50).chain(52..=60).collect::<Vec<u64>>());
    }

    #[test]
    fn two_skips_with_nothing_in_between_leave_both_gaps_open() {
        let mut heard = heard_up_to(10);
        heard.skips(at(10));
        heard.skips(at(30));
        assert_eq!(heard.since(), Some(at(10)));
        assert!(heard.take(at(51)));
        heard.resumes(Some(at(10)), 20, Some(0), 1);
        assert!((11..=30).all(|number| heard.take(at(number))));
        assert_eq!(heard.since(), Some(at(30)));
    }

    #[test]
    fn a_refill_that_is_newer_than_all_that_was_heard_hides_no_skip_behind_it() {
        let mut heard = heard_up_to(9);
        heard.skips(at(9));
        // Of a refill of 6 to 8 and what was live behind it, 16 and 17.
        heard.skips(at(5));
        heard.resumes(Some(at(9)), 6, Some(0), 1);
        assert!((10..=15).all(|number| heard.take(at(number))));
        assert!(heard.take(at(18)));
        assert_eq!(heard.since(), Some(at(15)));
    }

    #[test]
    fn a_gap_of_which_nothing_has_come_yet_may_be_refilled_from_its_middle() {
        let mut heard = heard_up_to(22);
        heard.skips(at(22));
        assert!(heard.take(at(29)));
        heard.skips(at(9));
        assert!(!heard.take(at(10)) && heard.take(at(24)));
        assert_eq!(heard.since(), Some(at(22)));
    }

    #[test]
    fn what_was_had_already_does_not_come_again() {
        let mut heard = heard_up_to(3);
        assert!(!heard.take(at(3)) && !heard.take(at(1)));
        heard.skips(at(3));
        assert!(heard.take(at(6)));
        heard.resumes(Some(at(3)), 4, Some(0), 1);
        let first = [4, 4, 6, 5, 5, 7].map(|number| heard.take(at(number)));
        assert_eq!(first, [true, false, false, true, false, true]);
        assert_eq!(heard.since(), Some(at(7)));
    }

    #[test]
    fn where_nobody_can_tell_what_is_missed_the_position_is_a_beginning() {
        let mut heard = heard_up_to(9);
        heard.resumes(Some(at(2)), 0, None, 0);
        assert_eq!(heard.since(), Some(at(2)));
    }
}
