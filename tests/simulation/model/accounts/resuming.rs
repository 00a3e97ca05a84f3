//! What a member gets that asks for what it has not got: how many follow, how many are lost, and which they are.
//!
//! Written from the contract: all that was published since then and that it wants, but for what it has got already; what
//! is not kept any more is lost. Nobody can tell how many are lost of a numbering that is another, of a number that is
//! still to come, of a filter that covers more than is kept, and of a time since when it has not got all that it wanted.

use super::super::dialects::dialect::Dialect;
use super::super::wire::position::{Outcome, Position, Since};
use super::standing::{Command, Course, Hole, Stand, Subscription, Wants};

/// Gaps that the server remembers.
const GAPS_MAX: usize = 8;

impl Course<'_> {
    /// What the answer to a command may say, if it says anything, and how its sender stands then.
    pub fn obey(
        &self,
        stand: &Stand,
        command: &Command,
        least: u32,
        most: u32,
    ) -> Vec<(Option<Outcome>, Stand)> {
        let next = |stand: Stand| Stand {
            obeyed: stand.obeyed + 1,
            ..stand
        };
        let Some(subscription) = &command.subscribes else {
            let position = (command.answer == Some("subscribed")).then(|| Outcome {
                resumed: None,
                position: self.position(stand.place),
            });
            return vec![(position, next(stand.clone()))];
        };
        let outcomes = self.outcomes(stand, subscription, least, most).into_iter();
        let says = |outcome: Outcome| command.answer.map(|_| outcome);
        outcomes
            .map(|(outcome, stand)| (says(outcome), next(stand)))
            .collect()
    }

    /// The position of what was published last before this place.
    fn position(&self, place: usize) -> Position {
        Position {
            epoch: self.log.epoch().unwrap_or(0),
            number: place as u64,
        }
    }

    /// Whether these are all the rooms that there are.
    fn is_all(&self, wants: &[&'static str]) -> bool {
        match self.dialect {
            Dialect::Stream => wants.len() == 2,
            Dialect::Events | Dialect::Tasks => wants.contains(&"*"),
        }
    }

    /// What may come of it when somebody says what it wants, in one of these turns.
    pub fn outcomes(
        &self,
        stand: &Stand,
        subscription: &Subscription,
        least: u32,
        most: u32,
    ) -> Vec<(Outcome, Stand)> {
        // What it was told in a turn before was told before it was obeyed; what it was told in a turn behind was not.
        let is_before = |hole: &&Hole| hole.told.1 < least;
        let certain = stand.gaps.iter().take_while(is_before).count();
        let is_possible = |hole: &&Hole| hole.told.0 <= most;
        let possible = stand.gaps.iter().take_while(is_possible).count();
        let mut found: Vec<(Outcome, Stand)> = Vec::new();
        for told in certain..=possible.max(certain) {
            let mut stand = stand.clone();
            let later = stand.gaps.split_off(told);
            forget(&mut stand);
            stand.asked = most;
            let first = self.oldest(stand.place, least).least;
            let last = match subscription.since {
                Some(Since::At(_)) => self.oldest(stand.place, most).most,
                _ => first,
            };
            let is_border = |place: &usize| self.log.is_first(*place) || *place == stand.place;
            for oldest in (first..=last).filter(is_border) {
                let (outcome, mut stand) = self.outcome(&stand, subscription, oldest);
                stand.gaps.extend(later.iter().copied());
                if !found.contains(&(outcome, stand.clone())) {
                    found.push((outcome, stand));
                }
            }
        }
        found
    }

    /// The same, if the oldest that is kept is this.
    fn outcome(
        &self,
        stand: &Stand,
        subscription: &Subscription,
        oldest: usize,
    ) -> (Outcome, Stand) {
        let mut next = stand.clone();
        let here = self.position(stand.place);
        let Subscription { names, since } = subscription;
        let had: Wants = self.wants(stand.obeyed).to_vec();
        let is_new = match self.dialect {
            Dialect::Events | Dialect::Tasks => !stand.has_begun,
            Dialect::Stream => had.is_empty(),
        };
        next.has_begun = true;
        // Nothing changes: it goes on.
        let goes_on = self.dialect == Dialect::Events && !is_new
            || self.dialect == Dialect::Stream
                && since.is_none()
                && names.iter().all(|name| had.contains(name));
        if !goes_on {
            next.counts_from = stand.place;
        }
        let says = |resumed, position| Outcome { resumed, position };
        let since = match *since {
            None => return (says(None, here), next),
            Some(Since::Now) => return (says(Some((0, Some(0))), here), next),
            Some(Since::At(since)) if since.epoch == here.epoch && since.number <= here.number => {
                since.number as usize
            }
            Some(Since::At(_) | Since::Rubbish(_)) => {
                return (says(Some((0, None)), here), next);
            }
        };
        let had = (!is_new).then_some(had);
        if had.is_some() && since < stand.counts_from {
            return (says(Some((0, None)), here), next);
        }
        let has_all = had.as_ref().is_none_or(|had| self.is_all(had));
        if since < oldest && !(has_all && self.is_all(names)) {
            return (says(Some((0, None)), here), next);
        }
        let is_missed = |place: usize| {
            let mut gaps = stand.gaps.iter();
            gaps.any(|gap| (gap.from..gap.to).contains(&place))
        };
        let lacks = |place: &usize| {
            let had = had.as_ref().is_some_and(|had| self.is_among(*place, had));
            self.is_among(*place, names) && (!had || is_missed(*place))
        };
        let lost = (since..oldest).filter(lacks).count();
        next.again = (since.max(oldest)..stand.place).filter(lacks).collect();
        let position = next
            .again
            .front()
            .map_or(here, |&first| self.position(first));
        if !goes_on {
            next.counts_from = since;
        }
        let others = had.unwrap_or_default();
        let keeps_gaps =
            self.dialect == Dialect::Stream && !others.iter().all(|name| names.contains(name));
        if !keeps_gaps {
            next.gaps
                .iter_mut()
                .for_each(|gap| gap.to = gap.to.min(since));
            next.gaps.retain(|gap| gap.from < gap.to);
        }
        let resumed = Some((next.again.len(), Some(lost)));
        (says(resumed, position), next)
    }
}

/// The oldest of more gaps than are remembered are forgotten, and what was before them.
fn forget(stand: &mut Stand) {
    while stand.gaps.len() > GAPS_MAX {
        let forgotten = stand.gaps.remove(0);
        stand.counts_from = stand.counts_from.max(forgotten.to);
    }
}
