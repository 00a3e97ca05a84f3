//! An entry of the stream, as it is read.

use super::batch::numbers;
use super::origin::Author;
use crate::wire::resp::Value;

/// A change that has become so, or the beginning of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its number, which is the version of the records that it put.
    pub number: u64,
    /// Its author, as it is written; nothing if an epoch begins with it.
    pub by: &'a str,
    /// The epoch that it is of.
    pub epoch: &'a str,
    /// The version of the language that it is written in.
    pub language: u32,
    /// What it is, in that language.
    pub change: &'a str,
    /// Of each of its posts the first number, as they are written.
    numbers: &'a str,
}

impl<'a> Entry<'a> {
    /// What the server has of it, `[ID, [FIELD, VALUE, …]]`. Fields that are not known are a later hub's business.
    pub fn read(value: &Value<'a>) -> Option<Entry<'a>> {
        let [id, fields] = value.as_array()? else {
            return None;
        };
        let (number, rest) = id.as_str()?.split_once('-')?;
        let mut entry = Entry {
            number: number.parse().ok()?,
            by: "",
            epoch: "",
            language: 0,
            change: "",
            numbers: "",
        };
        let mut found = 0;
        for (name, value) in fields.pairs()? {
            let text = value.as_str()?;
            found += 1;
            match name.as_bytes()? {
                b"by" => entry.by = text,
                b"epoch" => entry.epoch = text,
                b"language" => entry.language = text.parse().ok()?,
                b"change" => entry.change = text,
                b"numbers" => entry.numbers = text,
                _ => found -= 1,
            }
        }
        (rest == "0" && found == 5).then_some(entry)
    }

    /// Who has written it; nobody, if an epoch begins with it.
    pub fn author(&self) -> Option<Author> {
        Author::parse(self.by)
    }

    /// Whether an epoch begins with it.
    pub fn begins(&self) -> bool {
        self.by.is_empty()
    }

    /// Of each of its posts, in their order, the first number.
    pub fn numbers(&self) -> Vec<u64> {
        numbers(self.numbers).unwrap_or_default()
    }
}
