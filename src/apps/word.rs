//! JSON strings that are one of a few words.
//!
//! A derived reader of an enum takes more than its words (`{"opened":null}` for `"opened"`), and says of anything else
//! only that it expected a value.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::value::Error;
use serde::de::{Deserializer, IntoDeserializer};

/// A value that was written as a string.
#[derive(Debug)]
pub struct Word<T>(pub T);

impl<T: for<'a> Deserialize<'a>> Word<T> {
    /// Reads a word from elsewhere; the error says which there are.
    pub fn parse(text: &str) -> Result<T, String> {
        T::deserialize(text.into_deserializer()).map_err(|error: Error| error.to_string())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Word<T>, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        T::deserialize(text.into_deserializer()).map(Word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Step {
        Opened,
        ActionStarted,
    }

    #[test]
    fn only_a_string_is_a_word() {
        let read = |json| serde_json::from_str::<Word<Step>>(json).map(|Word(step)| step);
        assert_eq!(read(r#""action_started""#).unwrap(), Step::ActionStarted);
        assert_eq!(read(r#""\u006fpened""#).unwrap(), Step::Opened);
        for json in [r#"{"opened":null}"#, "7", "null", r#""Opened""#, r#""""#] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn an_unknown_word_is_told_which_there_are() {
        let error = Word::<Step>::parse("done").unwrap_err();
        assert!(error.contains("`opened` or `action_started`"), "{error}");
    }
}
