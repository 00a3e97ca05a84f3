//! Where a member may stand in the order of all that was published, as far as what it heard tells.
//!
//! What a member wants changes while it listens, and when the server has obeyed it is told only by the answer, which may
//! be dropped like any message. So there are several places at which it may stand, each with how many of its commands
//! were obeyed by then. Whatever is heard leaves those at which it can be heard; none is left if it must not come.
//!
//! What a member asks for again comes where it asked, before all that was published later: see `resuming`.

use std::collections::{BTreeSet, VecDeque};

use super::super::dialects::dialect::Dialect;
use super::super::runs::rules::Rules;
use super::super::wire::position::{Outcome, Position, Since};
use super::history::{self, Oldest};
use super::ledger::Ledger;
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
    /// It names what it wants, and perhaps since when.
    pub subscribes: Option<Subscription>,
}

/// What a member wants to hear from now on, or since it was elsewhere.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub names: Wants,
    pub since: Option<Since>,
}

impl Command {
    /// One that is still to be sent, and is answered.
    pub fn answered(wants: Wants, answer: &'static str) -> Command {
        Command {
            whole: 0,
            wants,
            answer: Some(answer),
            subscribes: None,
        }
    }

    /// One that is still to be sent, and is obeyed without a word.
    pub fn silent(wants: Wants) -> Command {
        Command {
            whole: 0,
            wants,
            answer: None,
            subscribes: None,
        }
    }

    /// The same, which names what is wanted.
    pub fn subscribing(self, names: Wants, since: Option<Since>) -> Command {
        Command {
            subscribes: Some(Subscription { names, since }),
            ..self
        }
    }

    /// Whether it asks for what was published before.
    pub fn asks_again(&self) -> bool {
        let subscribes = self.subscribes.as_ref();
        subscribes.is_some_and(|it| it.since.is_some())
    }

    /// Whether its answer may be dropped like a message.
    fn may_be_dropped(&self, dialect: Dialect) -> bool {
        self.answer.is_some() && dialect == Dialect::Tasks && !self.asks_again()
    }
}

/// What may happen to a member: what is published, and what it says itself.
pub struct Course<'a> {
    pub dialect: Dialect,
    pub ledger: &'a Ledger,
    pub rules: &'a Rules,
    pub log: &'a Log,
    /// What it wants from the first.
    pub wants: &'a [&'static str],
    pub commands: &'a [Command],
}

impl Course<'_> {
    pub fn wants(&self, obeyed: usize) -> &[&'static str] {
        match obeyed.checked_sub(1) {
            Some(last) => &self.commands[last].wants,
            None => self.wants,
        }
    }

    /// Whether the message at this place is for whoever has had so many commands obeyed.
    fn is_wanted(&self, place: usize, obeyed: usize) -> bool {
        self.is_among(place, self.wants(obeyed))
    }

    /// Whether the message at this place is for whoever wants this.
    pub fn is_among(&self, place: usize, wants: &[&'static str]) -> bool {
        let room = self.log.messages()[place].room;
        wants.iter().any(|&wanted| wanted == "*" || wanted == room)
    }

    /// What is kept in this turn, once so much has been published.
    pub fn oldest(&self, published: usize, turn: u32) -> Oldest {
        history::oldest(self.log, published, turn, self.ledger, self.rules)
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

/// One way in which it may stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stand {
    /// The place of the next message that was published after all that it has got or asked for.
    pub place: usize,
    /// How many commands were obeyed by then.
    pub obeyed: usize,
    /// What it has asked for and has still to get, before anything else.
    pub again: VecDeque<usize>,
    /// The turn in which it was answered to that.
    pub asked: u32,
    /// It has said what it wants.
    pub has_begun: bool,
    /// The number since when it has got all that it wanted, but for its gaps.
    pub counts_from: usize,
    /// The last gaps that it was told of.
    pub gaps: Vec<Hole>,
}

/// Messages that it was told that it missed: from one place to before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hole {
    pub from: usize,
    pub to: usize,
    /// The turn in which it was told of them at the earliest, and at the latest.
    pub told: (u32, u32),
}

/// How a message came that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    /// It was asked for again, and that was answered in this turn.
    pub again: Option<u32>,
    /// Or it may have come with all others.
    pub may_be_new: bool,
}

/// What was missed, as far as that is known.
#[derive(Debug, Default)]
pub struct Missed {
    /// The places that the first of them may have; none if that may have been an answer.
    pub firsts: Vec<usize>,
    /// All that may be among them.
    pub places: BTreeSet<usize>,
}

/// The ways in which it may stand.
#[derive(Clone, Debug)]
pub struct Standing(pub BTreeSet<Stand>);

impl Standing {
    /// Somebody has come in at one of these places, and has said nothing.
    pub fn new(places: impl Iterator<Item = usize>) -> Standing {
        let stand = |place| Stand {
            place,
            ..Stand::default()
        };
        Standing(places.map(stand).collect())
    }

    /// The first place at which it may stand, the fewest commands that may have been obeyed, and the most that it may still
    /// have been about to get again.
    pub fn least(&self) -> (usize, usize, usize) {
        let place = self.0.iter().map(|stand| stand.place).min();
        let obeyed = self.0.iter().map(|stand| stand.obeyed).min();
        let again = self.0.iter().map(|stand| stand.again.len()).max();
        (place.unwrap_or(0), obeyed.unwrap_or(0), again.unwrap_or(0))
    }

    /// It heard the first word, of this turn, which says since when it is in.
    pub fn enter(
        &mut self,
        since: Option<Since>,
        told: &Outcome,
        turn: u32,
        course: &Course<'_>,
    ) -> Result<(), String> {
        let subscription = Subscription {
            names: course.wants.to_vec(),
            since,
        };
        let entered = self.0.iter().flat_map(|stand| {
            let outcomes = course.outcomes(stand, &subscription, turn, turn);
            let told = outcomes.into_iter().filter(|(said, _)| said == told);
            told.map(|(_, stand)| stand)
        });
        let next = entered.collect();
        self.stand(next, || format!("{told:?}, since {since:?},"))
    }

    /// It heard the message at this place.
    pub fn hear(&mut self, place: usize, course: &Course<'_>) -> Result<Came, String> {
        let turn = course.log.messages()[place].turn;
        let (mut next, mut came) = (BTreeSet::new(), None::<Came>);
        for mut stand in self.passing(place, turn, course) {
            let again = match stand.again.front() {
                Some(&again) if again == place => {
                    stand.again.pop_front();
                    Some(stand.asked)
                }
                None if stand.place == place && course.is_wanted(place, stand.obeyed) => {
                    stand.place += 1;
                    None
                }
                _ => continue,
            };
            let before = came.unwrap_or(Came {
                again,
                may_be_new: false,
            });
            came = Some(Came {
                again: again.or(before.again),
                may_be_new: again.is_none() || before.may_be_new,
            });
            next.insert(stand);
        }
        self.stand(next, || format!("message {place}"))?;
        came.ok_or_else(|| format!("message {place} came in no way"))
    }

    /// It heard an answer, of one of these turns, that answers a command as `fits` says.
    pub fn hear_answer(
        &mut self,
        (least, most): (u32, u32),
        told: Option<&Outcome>,
        course: &Course<'_>,
        fits: impl Fn(&Command) -> bool,
    ) -> Result<(), String> {
        let (first, last) = (course.log.before(least), course.log.before(most + 1));
        let mut next = BTreeSet::new();
        for stand in self.passing(last, most, course) {
            let command = course.next_command(stand.place, stand.obeyed, most);
            let Some(command) = command.filter(|_| stand.again.is_empty()) else {
                continue;
            };
            if stand.place < first || !fits(command) {
                continue;
            }
            let least = least.max(command.whole);
            let obeyed = course.obey(&stand, command, least, most);
            let said = obeyed.into_iter().filter(|(said, _)| said.as_ref() == told);
            next.extend(said.map(|(_, stand)| stand));
        }
        self.stand(next, || {
            format!("an answer of turns {least} to {most}, {told:?},")
        })
    }

    /// It was told in one of these turns that it missed so many, the first of them behind this position.
    pub fn miss(
        &mut self,
        missed: usize,
        since: Option<Position>,
        told: (u32, u32),
        course: &Course<'_>,
    ) -> Result<Missed, String> {
        let turn = told.1;
        let last = course.log.before(turn + 1);
        let (mut firsts, mut places) = (Some(Vec::new()), BTreeSet::new());
        let since = since.map(|since| since.number as usize);
        // Each way with the first place that has a number, and the one behind the last.
        let mut ways: BTreeSet<(Stand, Option<(usize, usize)>)> =
            self.0.iter().map(|stand| (stand.clone(), None)).collect();
        for nth in 0..missed {
            let mut next = BTreeSet::new();
            for (stand, gap) in ways {
                for stand in Standing(BTreeSet::from([stand])).passing(last, turn, course) {
                    let skips = stand.skips(last, course);
                    if let Some((place, skipped)) = skips
                        && (nth > 0 || course.log.is_first(place))
                    {
                        let from = gap.map_or(place, |(from, _)| from);
                        if since == Some(from) {
                            next.insert((skipped, Some((from, place + 1))));
                            places.insert(place);
                            if nth == 0 {
                                firsts.iter_mut().for_each(|firsts| firsts.push(place));
                            }
                        }
                    }
                    let command = course.next_command(stand.place, stand.obeyed, turn);
                    let command = command.filter(|command| {
                        stand.again.is_empty() && command.may_be_dropped(course.dialect)
                    });
                    if let Some(command) = command {
                        let obeyed = course.obey(&stand, command, command.whole, turn);
                        next.extend(obeyed.into_iter().map(|(_, stand)| (stand, gap)));
                        if nth == 0 {
                            firsts = None;
                        }
                    }
                }
            }
            if next.is_empty() {
                return Err(format!(
                    "{missed} missed until turn {turn}, since {since:?}, cannot come next: it stands at one of {:?}",
                    self.0
                ));
            }
            ways = next;
        }
        let told_of = ways.into_iter().filter_map(|(mut stand, gap)| {
            let next = stand.again.front().copied().unwrap_or(stand.place);
            let is_whole = course.log.is_first(next) && gap.map(|(from, _)| from) == since;
            is_whole.then(|| {
                if let Some((from, to)) = gap {
                    stand.gaps.push(Hole { from, to, told });
                }
                stand
            })
        });
        let next = told_of.collect();
        self.stand(next, || {
            format!("{missed} missed until turn {turn}, since {since:?},")
        })?;
        let firsts = firsts.unwrap_or_default();
        Ok(Missed { firsts, places })
    }

    /// Everything has come to rest, and it has heard all that was for it, if it can have.
    pub fn rest(&mut self, course: &Course<'_>) -> Result<(), String> {
        let end = (course.log.messages().len(), course.commands.len());
        let mut next = self.passing(end.0, u32::MAX, course);
        next.retain(|stand| stand.again.is_empty() && (stand.place, stand.obeyed) == end);
        self.stand(next, || format!("rest at {end:?}"))
    }

    /// Where it may stand once it has been passed by what it does not want, up to this place, and has been obeyed without
    /// a word, up to this turn.
    fn passing(&self, until: usize, turn: u32, course: &Course<'_>) -> BTreeSet<Stand> {
        let (mut passing, mut passed) = (self.0.clone(), BTreeSet::new());
        while let Some(stand) = passing.pop_first() {
            if stand.again.is_empty() {
                let Stand { place, obeyed, .. } = stand;
                if place < until && !course.is_wanted(place, obeyed) {
                    passing.insert(Stand {
                        place: place + 1,
                        ..stand.clone()
                    });
                }
                let command = course.next_command(place, obeyed, turn);
                if let Some(command) = command.filter(|command| command.answer.is_none()) {
                    let obeyed = course.obey(&stand, command, command.whole, turn);
                    passing.extend(obeyed.into_iter().map(|(_, stand)| stand));
                }
            }
            passed.insert(stand);
        }
        passed
    }

    fn stand(&mut self, next: BTreeSet<Stand>, what: impl Fn() -> String) -> Result<(), String> {
        if next.is_empty() {
            return Err(format!(
                "{} cannot come next: it stands at one of {:?}",
                what(),
                self.0
            ));
        }
        self.0 = next;
        Ok(())
    }
}

impl Stand {
    /// The place of the next message that it can miss, before this place, and where it stands without it.
    fn skips(&self, until: usize, course: &Course<'_>) -> Option<(usize, Stand)> {
        let mut skipped = self.clone();
        if let Some(place) = skipped.again.pop_front() {
            return Some((place, skipped));
        }
        let place = self.place;
        skipped.place += 1;
        (place < until && course.is_wanted(place, self.obeyed)).then_some((place, skipped))
    }
}
