//! What one app has, read when a hub begins: where its stream is, its logs, and its records in pages.
//!
//! The others go on meanwhile. So a record may be newer than the place in the stream from which one reads on: its version says
//! by which entry it was written, and whoever applies the stream leaves out of an entry what a record has already. A record may
//! be told twice, and one that was deleted meanwhile may be told or not.

use super::batch::{Record, record, whole};
use super::entry::Entry;
use super::keys::Keys;
use super::request::Request;
use super::tail::Mark;
use super::trouble::{Kind, Trouble};
use crate::wire::resp::Value;

/// Records of a page, about.
const PAGE: u64 = 256;

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A log, of this epoch, whose newest message has this number.
    Log(&'a str, u32, u64),
    /// A record, written by the entry of this number.
    Record(Record<'a>, u64, &'a str),
    /// That was all, and the stream is read on from here.
    All(Mark),
    /// There is no epoch, or the stream is not that of the meta: there must be an inquiry first.
    Nothing,
}

/// A reader of one app. When it has told [`Found::All`] or [`Found::Nothing`] it is over.
#[derive(Debug)]
pub struct Start {
    keys: Keys,
    step: Step,
    mark: Mark,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Meta,
    Newest,
    /// From this cursor on.
    Logs(Vec<u8>),
    Records(Vec<u8>),
    Over,
}

impl Start {
    /// One that has read nothing yet.
    pub fn new(keys: &Keys) -> Start {
        Start {
            keys: keys.clone(),
            step: Step::Meta,
            mark: Mark {
                number: 0,
                by: String::new(),
                epoch: String::new(),
            },
        }
    }

    /// What to ask next. One such question is under way at a time.
    pub fn ask(&self) -> Option<Request> {
        let Keys {
            meta,
            stream,
            records,
            logs,
            ..
        } = &self.keys;
        Some(match &self.step {
            Step::Meta => Request::of(["HMGET", meta, "epoch", "number"]),
            Step::Newest => Request::of(["XREVRANGE", stream, "+", "-", "COUNT", "1"]),
            Step::Logs(cursor) => page(logs, cursor),
            Step::Records(cursor) => page(records, cursor),
            Step::Over => return None,
        })
    }

    /// What was answered.
    pub fn take<'a>(&mut self, answer: &Value<'a>) -> Result<Vec<Found<'a>>, Trouble> {
        self.read(answer).ok_or_else(|| {
            let words = "a key has in it what no hub has written";
            Trouble::new(Kind::Protocol, words)
        })
    }

    fn read<'a>(&mut self, answer: &Value<'a>) -> Option<Vec<Found<'a>>> {
        match &self.step {
            Step::Meta => {
                let [epoch, number] = answer.as_array()? else {
                    return None;
                };
                if epoch.is_null() || number.is_null() {
                    return Some(self.nothing());
                }
                self.mark.epoch = epoch.as_str()?.to_owned();
                self.mark.number = whole(number)?;
                self.step = Step::Newest;
                Some(Vec::new())
            }
            Step::Newest => {
                let newest = answer.as_array()?.first().map(Entry::read);
                let Some(entry) = newest else {
                    return Some(self.nothing());
                };
                let entry = entry?;
                if entry.number < self.mark.number {
                    return Some(self.nothing());
                }
                if entry.epoch != self.mark.epoch {
                    // It began between the two questions.
                    self.step = Step::Meta;
                    return Some(Vec::new());
                }
                self.mark.number = entry.number;
                self.mark.by = entry.by.to_owned();
                self.step = Step::Logs(b"0".to_vec());
                Some(Vec::new())
            }
            Step::Logs(_) => {
                let (cursor, fields) = scanned(answer)?;
                let mut found = Vec::new();
                for (name, value) in fields.pairs()? {
                    let (number, epoch) = value.as_str()?.split_once(' ')?;
                    let epoch = u32::from_str_radix(epoch, 16).ok()?;
                    found.push(Found::Log(name.as_str()?, epoch, number.parse().ok()?));
                }
                self.step = match cursor {
                    b"0" => Step::Records(b"0".to_vec()),
                    cursor => Step::Logs(cursor.to_vec()),
                };
                Some(found)
            }
            Step::Records(_) => {
                let (cursor, fields) = scanned(answer)?;
                let mut found = Vec::new();
                for (key, value) in fields.pairs()? {
                    let (version, text) = value.as_str()?.split_once(' ')?;
                    let version = version.parse().ok()?;
                    found.push(Found::Record(record(key.as_str()?)?, version, text));
                }
                self.step = match cursor {
                    b"0" => {
                        found.push(Found::All(self.mark.clone()));
                        Step::Over
                    }
                    cursor => Step::Records(cursor.to_vec()),
                };
                Some(found)
            }
            Step::Over => None,
        }
    }

    fn nothing<'a>(&mut self) -> Vec<Found<'a>> {
        self.step = Step::Over;
        vec![Found::Nothing]
    }
}

fn page(key: &str, cursor: &[u8]) -> Request {
    let mut request = Request::of(["HSCAN", key]);
    request.part(cursor);
    request.part("COUNT");
    request.number(PAGE);
    request
}

/// The cursor of the next page, and the fields of this one.
fn scanned<'v, 'a>(answer: &'v Value<'a>) -> Option<(&'a [u8], &'v Value<'a>)> {
    match answer.as_array()? {
        [cursor, fields] => Some((cursor.as_bytes()?, fields)),
        _ => None,
    }
}
