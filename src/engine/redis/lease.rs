//! Which hubs are alive: each says so now and then, by a number that rises, and looks at the numbers of all.
//!
//! A hub whose number has not risen for [`LEASE`] is to be ended, by a change that any hub may submit and one wins. A number is
//! judged by the clock of who looks, and only while the engine answers: time in which it did not, and as much as a lease after
//! it is back, do not count, for nobody could say anything then.

use std::collections::BTreeMap;

use super::keys;
use super::origin::Origin;
use super::request::Request;
use super::trouble::{Kind, Trouble};
use crate::time::Millis;
use crate::wire::resp::Value;

/// How long a hub that says nothing is taken for alive.
pub const LEASE: Millis = Millis::seconds(15);
/// How often each says something, and looks.
const RENEW_EVERY: Millis = Millis::seconds(3);
/// If the engine answers nothing for longer, it was away: twice what lies between two questions.
const AWAY: Millis = Millis::seconds(6);

/// What one hub knows of all.
#[derive(Debug)]
pub struct Leases {
    key: String,
    mine: Origin,
    seen: BTreeMap<Origin, Seen>,
    step: Step,
    /// When it last answered.
    answered: Option<Millis>,
    /// Since when it has answered without being away.
    well_since: Millis,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    number: u64,
    /// When that was first seen.
    at: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Not before this.
    Renew(Millis),
    Renewing,
    Look,
    Looking,
}

impl Leases {
    /// Of this hub, in the cluster of this prefix.
    pub fn new(prefix: &str, mine: &Origin) -> Leases {
        Leases {
            key: keys::leases(prefix),
            mine: mine.clone(),
            seen: BTreeMap::new(),
            step: Step::Renew(Millis(0)),
            answered: None,
            well_since: Millis(0),
        }
    }

    /// What is to be asked now.
    pub fn ask(&mut self, now: Millis) -> Option<Request> {
        match self.step {
            Step::Renew(at) if at <= now => {
                self.step = Step::Renewing;
                let mine = self.mine.to_string();
                Some(Request::of(["HINCRBY", &self.key, &mine, "1"]))
            }
            Step::Look => {
                self.step = Step::Looking;
                Some(Request::of(["HGETALL", &self.key]))
            }
            _ => None,
        }
    }

    /// When there is something to be asked, if that is known.
    pub fn ask_at(&self) -> Option<Millis> {
        match self.step {
            Step::Renew(at) => Some(at),
            Step::Look => Some(Millis(0)),
            Step::Renewing | Step::Looking => None,
        }
    }

    /// What was answered: the hubs that are to be ended. Each is told again until it has been dropped from the list.
    pub fn take(&mut self, answer: &Value<'_>, now: Millis) -> Result<Vec<Origin>, Trouble> {
        let was_away = self
            .answered
            .is_none_or(|answered| now.since(answered) > AWAY);
        if was_away {
            self.well_since = now;
        }
        self.answered = Some(now);
        match self.step {
            Step::Renewing => {
                self.step = Step::Look;
                Ok(Vec::new())
            }
            Step::Looking => {
                self.step = Step::Renew(now + RENEW_EVERY);
                self.look(answer, now).ok_or_else(|| {
                    let words = "the list of hubs has in it what no hub has written";
                    Trouble::new(Kind::Protocol, words)
                })
            }
            Step::Renew(_) | Step::Look => {
                let words = "the list of hubs was not asked for";
                Err(Trouble::new(Kind::Protocol, words))
            }
        }
    }

    /// The connection is another one: what was asked will not be answered.
    pub fn interrupted(&mut self, now: Millis) {
        self.step = Step::Renew(now);
    }

    /// What takes a hub off the list, when it has been ended.
    pub fn drop(&self, origin: &Origin) -> Request {
        Request::of(["HDEL", &self.key, &origin.to_string()])
    }

    /// The hubs that are on the list, this one too.
    pub fn hubs(&self) -> impl Iterator<Item = &Origin> {
        self.seen.keys()
    }

    fn look(&mut self, answer: &Value<'_>, now: Millis) -> Option<Vec<Origin>> {
        let mut seen = BTreeMap::new();
        for (origin, number) in answer.pairs()? {
            let origin = Origin::parse(origin.as_str()?)?;
            let number = u64::try_from(number.as_integer()?).ok()?;
            let known = self.seen.get(&origin);
            let same = known.filter(|known| known.number == number);
            let at = same.map_or(now, |known| known.at);
            seen.insert(origin, Seen { number, at });
        }
        self.seen = seen;
        let is_over = |seen: &Seen| now.since(seen.at.max(self.well_since)) >= LEASE;
        let others = self.seen.iter().filter(|(origin, _)| **origin != self.mine);
        let over = others.filter(|(_, seen)| is_over(seen));
        Some(over.map(|(origin, _)| origin.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One hub that looks each three seconds, at hubs whose numbers a test sets.
    struct Watch {
        leases: Leases,
        numbers: BTreeMap<String, i64>,
        now: Millis,
    }

    impl Watch {
        fn new(others: &[&str]) -> Watch {
            let numbers = others.iter().map(|&name| (format!("{name}/1"), 1));
            Watch {
                leases: Leases::new("test", &Origin::new("me", 1)),
                numbers: numbers.collect(),
                now: Millis(1_000_000),
            }
        }

        /// So much later it asks, and is answered.
        fn look(&mut self, later: Millis) -> Vec<String> {
            self.now = self.now + later;
            assert!(self.leases.ask(self.now).is_some());
            let one = Value::Integer(1);
            assert_eq!(self.leases.take(&one, self.now), Ok(Vec::new()));
            assert!(self.leases.ask(self.now).is_some());
            // What is under way is not asked again.
            assert!(self.leases.ask(self.now).is_none());
            let pairs = self.numbers.iter().map(|(name, &number)| {
                let text = Value::Blob(name.as_bytes());
                (text, Value::Integer(number))
            });
            let answer = Value::Map(pairs.collect());
            let over = self.leases.take(&answer, self.now).unwrap();
            over.iter().map(Origin::to_string).collect()
        }

        fn say(&mut self, name: &str) {
            *self.numbers.get_mut(name).unwrap() += 1;
        }
    }

    const OFTEN: Millis = RENEW_EVERY;
    const NOBODY: [String; 0] = [];

    #[test]
    fn a_hub_that_says_nothing_for_a_lease_is_to_be_ended_until_it_is_dropped() {
        let mut watch = Watch::new(&["me", "a", "b"]);
        for _ in 0..=5 {
            watch.say("a/1");
            let over = watch.look(OFTEN);
            let is_time = watch.now >= Millis(1_000_000) + OFTEN + LEASE;
            assert_eq!(over, if is_time { vec!["b/1"] } else { vec![] });
        }
        watch.say("a/1");
        assert_eq!(watch.look(OFTEN), ["b/1"]);
        // It says something again, or has been ended: either way it is over.
        watch.say("a/1");
        watch.say("b/1");
        assert_eq!(watch.look(OFTEN), NOBODY);
        watch.numbers.remove("b/1");
        assert_eq!(watch.look(OFTEN), NOBODY);
        assert_eq!(watch.leases.hubs().count(), 2);
    }

    #[test]
    fn time_in_which_the_engine_is_away_and_a_lease_after_it_do_not_count() {
        let mut watch = Watch::new(&["me", "a"]);
        for _ in 0..4 {
            assert_eq!(watch.look(OFTEN), NOBODY);
        }
        // Nine seconds of fifteen have passed; then nobody can say anything for a minute.
        watch.leases.interrupted(watch.now);
        assert_eq!(watch.look(Millis::seconds(60)), NOBODY);
        for _ in 0..4 {
            assert_eq!(watch.look(OFTEN), NOBODY);
        }
        assert_eq!(watch.look(OFTEN), ["a/1"]);
    }

    #[test]
    fn a_question_that_is_answered_late_is_the_engine_being_away() {
        let mut watch = Watch::new(&["a"]);
        for _ in 0..4 {
            assert_eq!(watch.look(OFTEN), NOBODY);
        }
        watch.now = watch.now + OFTEN;
        assert!(watch.leases.ask(watch.now).is_some());
        watch.now = watch.now + Millis::seconds(20);
        let one = Value::Integer(1);
        assert_eq!(watch.leases.take(&one, watch.now), Ok(Vec::new()));
        assert!(watch.leases.ask(watch.now).is_some());
        let answer = Value::Map(vec![(Value::Blob(b"a/1"), Value::Integer(1))]);
        assert_eq!(watch.leases.take(&answer, watch.now), Ok(Vec::new()));
    }

    #[test]
    fn what_was_not_asked_or_cannot_be_read_is_told() {
        let mut leases = Leases::new("test", &Origin::new("me", 1));
        assert!(leases.take(&Value::Integer(1), Millis(0)).is_err());
        assert!(leases.ask(Millis(0)).is_some());
        assert!(leases.take(&Value::Integer(1), Millis(0)).is_ok());
        assert!(leases.ask(Millis(0)).is_some());
        let answer = Value::Map(vec![(Value::Blob(b"nobody"), Value::Integer(1))]);
        assert!(leases.take(&answer, Millis(0)).is_err());
        assert_eq!(leases.ask_at(), Some(RENEW_EVERY));
    }
}
