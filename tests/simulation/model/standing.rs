//! Where a member may stand in the order of all that was published, as far as what it heard tells.
//!
//! What a member wants changes while it listens, and when the server has obeyed it is told only by the answer, which may
//! be dropped like any message. So there are several places at which it may stand, each with how many of its commands
//! were obeyed by then. Whatever is heard leaves those at which it can be heard; none is left if it must not come.

use std::collections::BTreeSet;

use super::log::Log;

/// Names of rooms; a star stands for every room.
pub type Wants = Vec<&'static str>;

/// A member's word, which the server answers.
#[derive(Clone, Debug)]
pub struct Command {
    /// The turn from which on the server could have had it whole.
    pub whole: u32,
    /// What the member wants once it is obeyed.
    pub wants: Wants,
    /// The type of the answer.
    pub answer: &'static str,
}

/// What may happen to a member: what is published, and what it says itself.
pub struct Course<'a> {
    pub log: &'a Log,
    /// What it wants from the first.
    pub wants: &'a [&'static str],
    pub commands: &'a [Command],
}

impl Course<'_> {
    fn wants(&self, obeyed: usize) -> &[&'static str] {
        match obeyed.checked_sub(1) {
            Some(last) => &self.commands[last].wants,
            None => self.wants,
        }
    }

    /// Whether the message at this place is for whoever has had so many commands obeyed.
    fn is_wanted(&self, place: usize, obeyed: usize) -> bool {
        let room = self.log.messages()[place].room;
        self.wants(obeyed)
            .iter()
            .any(|&wanted| wanted == "*" || wanted == room)
    }

    /// The next command, if it can be obeyed in front of the message at this place, and in this turn or an earlier one.
    fn next_command(&self, place: usize, obeyed: usize, turn: u32) -> Option<&Command> {
        let command = self.commands.get(obeyed)?;
        let is_whole = command.whole <= turn && self.log.before(command.whole) <= place;
        is_whole.then_some(command)
    }
}

/// The places of the next message, each with how many commands were obeyed by then.
#[derive(Clone, Debug)]
pub struct Standing(BTreeSet<(usize, usize)>);

impl Standing {
    /// Somebody has come in at one of these places, and has said nothing.
    pub fn new(places: impl Iterator<Item = usize>) -> Standing {
        Standing(places.map(|place| (place, 0)).collect())
    }

    /// The first place at which it may stand, and the fewest commands that may have been obeyed.
    pub fn least(&self) -> (usize, usize) {
        let place = self.0.iter().map(|(place, _)| *place).min();
        let obeyed = self.0.iter().map(|(_, obeyed)| *obeyed).min();
        (place.unwrap_or(0), obeyed.unwrap_or(0))
    }

    /// It heard the message at this place.
    pub fn hear(&mut self, place: usize, course: &Course<'_>) -> Result<(), String> {
        let here = self.passing(place, course).into_iter().filter(|stand| {
            let &(at, obeyed) = stand;
            at == place && course.is_wanted(place, obeyed)
        });
        let next = here.map(|(_, obeyed)| (place + 1, obeyed)).collect();
        self.stand(next, || format!("message {place}"))
    }

    /// It heard an answer, of this turn, that answers a command as `fits` says.
    pub fn hear_answer(
        &mut self,
        turn: u32,
        course: &Course<'_>,
        fits: impl Fn(&Command) -> bool,
    ) -> Result<(), String> {
        let (first, last) = (course.log.before(turn), course.log.before(turn + 1));
        let here = self.passing(last, course).into_iter();
        let obeyed = here.filter(|&(place, obeyed)| {
            let command = course.next_command(place, obeyed, turn);
            place >= first && command.is_some_and(&fits)
        });
        let next = obeyed.map(|(place, obeyed)| (place, obeyed + 1)).collect();
        self.stand(next, || format!("an answer of turn {turn}"))
    }

    /// It was told in this turn that it missed so many. The places that the first of them may have; none if that may have
    /// been an answer.
    pub fn miss(
        &mut self,
        missed: usize,
        turn: u32,
        course: &Course<'_>,
    ) -> Result<Vec<usize>, String> {
        let last = course.log.before(turn + 1);
        let mut firsts = Some(Vec::new());
        for nth in 0..missed {
            let mut next = BTreeSet::new();
            for (place, obeyed) in self.passing(last, course) {
                if place < last && course.is_wanted(place, obeyed) {
                    next.insert((place + 1, obeyed));
                    if nth == 0 {
                        firsts.iter_mut().for_each(|firsts| firsts.push(place));
                    }
                }
                if course.next_command(place, obeyed, turn).is_some() {
                    next.insert((place, obeyed + 1));
                    if nth == 0 {
                        firsts = None;
                    }
                }
            }
            self.stand(next, || format!("{missed} missed until turn {turn}"))?;
        }
        Ok(firsts.unwrap_or_default())
    }

    /// Whether it can have heard all there is to be heard.
    pub fn is_complete(&self, course: &Course<'_>) -> bool {
        let end = (course.log.messages().len(), course.commands.len());
        self.passing(end.0, course).contains(&end)
    }

    /// Where it may stand once it has been passed by what it does not want, up to this place.
    fn passing(&self, until: usize, course: &Course<'_>) -> BTreeSet<(usize, usize)> {
        let (mut passing, mut passed) = (self.0.clone(), BTreeSet::new());
        while let Some((place, obeyed)) = passing.pop_first() {
            passed.insert((place, obeyed));
            if place < until && !course.is_wanted(place, obeyed) {
                passing.insert((place + 1, obeyed));
            }
        }
        passed
    }

    fn stand(
        &mut self,
        next: BTreeSet<(usize, usize)>,
        what: impl Fn() -> String,
    ) -> Result<(), String> {
        if next.is_empty() {
            return Err(format!(
                "{} cannot come next: it stands at one of {:?} (place, commands obeyed)",
                what(),
                self.0
            ));
        }
        self.0 = next;
        Ok(())
    }
}
