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
