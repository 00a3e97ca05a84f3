//! Text with names in braces, `/ws/{room}`, and what the names stand for.
//!
//! Only a lower-case name in braces is a place to fill in; all other braces, those of JSON for one, stand for
//! themselves.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::Error;

/// What the names stand for.
pub type Values = BTreeMap<String, String>;

/// The name that stands for the message itself, in the body of a publish.
pub const MARK: &str = "mark";

/// Text with places to fill in.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(from = "String")]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

impl From<String> for Template {
    fn from(text: String) -> Template {
        let mut parts = Vec::new();
        let (mut plain, mut rest) = (String::new(), text.as_str());
        while let Some(brace) = rest.find('{') {
            let (before, inside) = (&rest[..brace], &rest[brace + 1..]);
            plain.push_str(before);
            match inside.split_once('}') {
                Some((name, after)) if is_name(name) => {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(Part::Name(name.to_owned()));
                    rest = after;
                }
                _ => {
                    plain.push('{');
                    rest = inside;
                }
            }
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Template { parts }
    }
}

impl Template {
    /// The text with every name filled in.
    pub fn fill(&self, values: &Values) -> Result<String, Error> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Name(name) => text.push_str(values.get(name).ok_or_else(|| unknown(name))?),
            }
        }
        Ok(text)
    }

    /// What comes before and after the mark; `None` unless it is there exactly once.
    pub fn around_mark(&self) -> Option<(Template, Template)> {
        let is_mark = |part: &Part| matches!(part, Part::Name(name) if name == MARK);
        let at = self.parts.iter().position(is_mark)?;
        let half = |parts: &[Part]| Template {
            parts: parts.to_vec(),
        };
        let (before, after) = (half(&self.parts[..at]), half(&self.parts[at + 1..]));
        (!after.parts.iter().any(is_mark)).then_some((before, after))
    }
}

fn unknown(name: &str) -> Error {
    let sentence = format!("the target file uses {{{name}}}, which nothing captured");
    Error::Usage(sentence)
}

fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    !text.is_empty() && text.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> Result<String, Error> {
        let values = Values::from([("a".to_owned(), "1".to_owned())]);
        Template::from(text.to_owned()).fill(&values)
    }

    #[test]
    fn names_are_filled_in_and_other_braces_stay() {
        assert_eq!(fill("/x/{a}?y={a}").unwrap(), "/x/1?y=1");
        assert_eq!(
            fill(r#"{"k":{"v":"{a}"}}{}{"#).unwrap(),
            r#"{"k":{"v":"1"}}{}{"#
        );
        assert_eq!(fill("").unwrap(), "");
    }

    #[test]
    fn an_unknown_name_is_named() {
        let error = fill("{a}{nobody}").unwrap_err();
        assert!(error.to_string().contains("{nobody}"), "{error}");
    }

    #[test]
    fn a_body_is_split_at_its_only_mark() {
        let split = |text: &str| Template::from(text.to_owned()).around_mark();
        let (before, after) = split(r#"{"m":"{mark}","r":"{a}"}"#).unwrap();
        assert_eq!(before.fill(&Values::new()).unwrap(), r#"{"m":""#);
        assert!(after.fill(&Values::new()).is_err());
        assert!(split("none").is_none());
        assert!(split("{mark}{mark}").is_none());
    }
}
