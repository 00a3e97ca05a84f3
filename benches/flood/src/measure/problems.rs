//! What was wrong with a run: a sentence for each check that did not hold.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::Serialize;

/// The sentences, in the order in which the checks were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problems(Vec<String>);

/// What can be wrong.
pub trait Judge {
    /// Adds a sentence for each check that does not hold.
    fn judge(&self, problems: &mut Problems);

    /// Those sentences alone.
    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        self.judge(&mut problems);
        problems
    }
}

/// A part that a run does not have is right.
impl<T: Judge> Judge for Option<T> {
    fn judge(&self, problems: &mut Problems) {
        if let Some(part) = self {
            part.judge(problems);
        }
    }
}

impl Problems {
    /// Adds a sentence if `is_wrong`.
    pub fn check(&mut self, is_wrong: bool, sentence: impl FnOnce() -> String) {
        if is_wrong {
            self.0.push(sentence());
        }
    }

    /// Adds a sentence for each number that is not zero: the number, and what there are so many of.
    pub fn none_of<T: Copy + Into<u64>>(&mut self, counts: &[(T, &str)]) {
        for &(count, what) in counts {
            let count = count.into();
            self.check(count > 0, || format!("{count} {what}"));
        }
    }

    /// Adds a sentence for each kind of what should not have been.
    pub fn no_kinds(&mut self, what: &str, kinds: &BTreeMap<String, u32>) {
        let each = kinds.iter();
        self.0
            .extend(each.map(|(kind, count)| format!("{count} {what}: {kind}")));
    }

    /// Adds those of one of several servers.
    pub fn of(&mut self, name: &str, problems: Problems) {
        let each = problems.0.iter();
        self.0
            .extend(each.map(|problem| format!("{name}: {problem}")));
    }
}

impl Deref for Problems {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}
