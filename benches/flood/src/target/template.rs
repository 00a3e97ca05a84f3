//! Text with names in braces, `/ws/{room}`, and what the names stand for.
//!
//! Only a lower-case name in braces is a place to fill in; all other braces, those of JSON for one, stand for
//! themselves.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};
use serde::Deserialize;

use crate::error::Error;

/// What the names stand for.
pub type Values = BTreeMap<String, String>;

/// What stands for the message itself, in the body of a publish.
const MARK: &str = "{mark}";

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\{([a-z_]+)\}").expect("the pattern is a constant, and a test uses it")
});

/// Text with places to fill in.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Template(String);

impl Template {
    /// The text with every name filled in.
    pub fn fill(&self, values: &Values) -> Result<String, Error> {
        let mut places = NAME.captures_iter(&self.0);
        if let Some(place) = places.find(|place| !values.contains_key(&place[1])) {
            let name = &place[0];
            let sentence = format!("the target file uses {name}, which nothing captured");
            return Err(Error::Usage(sentence));
        }
        let filled = NAME.replace_all(&self.0, |place: &Captures| &values[&place[1]]);
        Ok(filled.into_owned())
    }

    /// What comes before and after the mark; `None` unless it is there exactly once.
    pub fn around_mark(&self) -> Option<(Template, Template)> {
        let (before, after) = self.0.split_once(MARK)?;
        let halves = (Template(before.to_owned()), Template(after.to_owned()));
        (!after.contains(MARK)).then_some(halves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> Result<String, Error> {
        let values = Values::from([("a".to_owned(), "1".to_owned())]);
        Template(text.to_owned()).fill(&values)
    }

    #[test]
    fn names_are_filled_in_and_other_braces_stay() {
        assert_eq!(fill("/x/{a}?y={a}").unwrap(), "/x/1?y=1");
        let json = fill(r#"{"k":{"v":"{a}"}}{}{"#).unwrap();
        assert_eq!(json, r#"{"k":{"v":"1"}}{}{"#);
        assert_eq!(fill("").unwrap(), "");
    }

    #[test]
    fn an_unknown_name_is_named() {
        let error = fill("{a}{nobody}").unwrap_err();
        assert!(error.to_string().contains("{nobody}"), "{error}");
    }

    #[test]
    fn a_body_is_split_at_its_only_mark() {
        let split = |text: &str| Template(text.to_owned()).around_mark();
        let (before, after) = split(r#"{"m":"{mark}","r":"{a}"}"#).unwrap();
        assert_eq!(before.fill(&Values::new()).unwrap(), r#"{"m":""#);
        assert!(after.fill(&Values::new()).is_err());
        assert!(split("none").is_none());
        assert!(split("{mark}{mark}").is_none());
    }
}
