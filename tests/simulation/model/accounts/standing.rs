//! Where a member may stand in the order of all that was published, as far as what it heard tells.
//!
//! What a member wants changes while it listens, and when the server has obeyed it is told only by the answer, which may
//! be dropped like any message. So there are several places at which it may stand, each with how many of its commands
//! were obeyed by then. Whatever is heard leaves those at which it can be heard; none is left if it must not come.

use std::collections::BTreeSet;

use super::log::Log;

/// Names of rooms; a star stands for every room.
pub type Wants = Vec<&'static str>;

/// A member's word, which the server obeys.
#[derive(Clone, Debug)]
pub struct Command {
    /// The turn from which on the server could have had it whole.
    pub whole: u32,
    /// What the member wants once it is obeyed.
    pub wants: Wants,
    /// The type of the answer, if one comes.
    pub answer: Option<&'static str>,
}

impl Command {
    /// One that is still to be sent, and is answered.
    pub fn answered(wants: Wants, answer: &'static str) -> Command {
        Command {
            whole: 0,
            wants,
            answer: Some(answer),
        }
    }

    /// One that is still to be sent, and is obeyed without a word.
    pub fn silent(wants: Wants) -> Command {
        Command {
            whole: 0,
            wants,
            answer: None,
        }
    }
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
        let is_whole = command.whole <= turn
            && self.log.before(command.whole) <= place
            && self.log.is_first(place);
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
        let turn = course.log.messages()[place].turn;
        let passing = self.passing(place, turn, course);
        let here = passing.into_iter().filter(|stand| {
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
        let here = self.passing(last, turn, course).into_iter();
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
            for (place, obeyed) in self.passing(last, turn, course) {
                if nth == 0 && !course.log.is_first(place) {
                    continue;
                }
                if place < last && course.is_wanted(place, obeyed) {
                    next.insert((place + 1, obeyed));
                    if nth == 0 {
                        firsts.iter_mut().for_each(|firsts| firsts.push(place));
                    }
                }
                let command = course.next_command(place, obeyed, turn);
                if command.is_some_and(|command| command.answer.is_some()) {
                    next.insert((place, obeyed + 1));
                    if nth == 0 {
                        firsts = None;
                    }
                }
            }
            if nth + 1 == missed {
                next.retain(|(place, _)| course.log.is_first(*place));
            }
            self.stand(next, || format!("{missed} missed until turn {turn}"))?;
        }
        Ok(firsts.unwrap_or_default())
    }

    /// Everything has come to rest, and it has heard all that was for it, if it can have.
    pub fn rest(&mut self, course: &Course<'_>) -> Result<(), String> {
        let end = (course.log.messages().len(), course.commands.len());
        let mut next = self.passing(end.0, u32::MAX, course);
        next.retain(|stand| *stand == end);
        self.stand(next, || format!("rest at {end:?}"))
    }

    /// Where it may stand once it has been passed by what it does not want, up to this place, and has been obeyed without
    /// a word, up to this turn.
    fn passing(&self, until: usize, turn: u32, course: &Course<'_>) -> BTreeSet<(usize, usize)> {
        let (mut passing, mut passed) = (self.0.clone(), BTreeSet::new());
        while let Some((place, obeyed)) = passing.pop_first() {
            passed.insert((place, obeyed));
            if place < until && !course.is_wanted(place, obeyed) {
                passing.insert((place + 1, obeyed));
            }
            let command = course.next_command(place, obeyed, turn);
            if command.is_some_and(|command| command.answer.is_none()) {
                passing.insert((place, obeyed + 1));
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
