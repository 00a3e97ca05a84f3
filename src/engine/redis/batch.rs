//! A batch of one hub's changes of one app, as [`super::script::Script::Commit`] takes it, and what becomes of each.

use super::keys::Keys;
use super::origin::Origin;
use super::request::Request;
use super::trouble::{Kind, Trouble};
use crate::engine::Table;
use crate::wire::resp::Value;

/// Records that one change may expect: more would not fit on the stack of the server's Lua.
pub const EXPECTS_MAX: usize = 1000;

/// A record, by its table and key.
pub type Record<'a> = (Table, &'a str);

/// Something that a change makes so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// There is this record, of the version that is the entry's number.
    Put(Record<'a>, &'a str),
    /// There is none.
    Delete(Record<'a>),
    /// There is none whose key is at least the one and below the other, in a table that is deleted by ranges.
    DeleteRange(Table, &'a str, &'a str),
    /// There is this log, of this epoch, and its newest message has this number.
    Open(&'a str, u32, u64),
    /// So many messages are published in this log, which get its next numbers.
    Post(&'a str, u32),
    /// There is no such log.
    Close(&'a str),
    /// This hub has gone: nothing more is taken from it.
    Forget(&'a Origin),
}

/// One change.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its number among the hub's, which rises.
    pub serial: u64,
    /// The version of the language that it is written in.
    pub language: u32,
    /// What it is, in that language, for those who apply it.
    pub change: &'a str,
    /// The records that it was made from and their versions, 0 of those that were not there; at most [`EXPECTS_MAX`].
    pub expects: &'a [(Record<'a>, u64)],
    /// What it makes so.
    pub operations: &'a [Operation<'a>],
}

/// Changes of one hub that go together, in their order; each has its own fate.
#[derive(Clone, Debug)]
pub struct Batch {
    request: Request,
    entries: usize,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Each change has been judged, in their order; what is missing at the end was not looked at, and is not so.
    Judged(Vec<Verdict>),
    /// Nothing is so: the epoch is another, or it does not hold for this life of the server.
    Fenced {
        /// The epoch, if there is one.
        epoch: String,
        /// The replication id for which it holds.
        replid: String,
        /// The one that the server has.
        now: String,
    },
    /// Nothing is so: this hub has been forgotten, or never joined.
    Gone,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is so, as the entry of this number, and its posts have these numbers: of each, the first.
    Committed(u64, Vec<u64>),
    /// Its serial was judged before: it is so if it is in the stream up to this entry.
    Earlier(u64),
    /// It is not so: these records have these versions.
    Conflict(Vec<(String, u64)>),
    /// It is not so, and never will be: there is no log of this name.
    NoLog(String),
    /// It is not so: the stream does not take it, for it is not that of the meta. There must be an inquiry.
    Torn(String),
}

impl Batch {
    /// None yet, of this hub in this epoch; so many entries of the stream are kept at least.
    pub fn new(keys: &Keys, epoch: &str, origin: &Origin, kept: u64) -> Batch {
        let mut request = Request::keys(&[
            &keys.meta,
            &keys.stream,
            &keys.records,
            &keys.ranges,
            &keys.logs,
        ]);
        request.part(epoch);
        request.part(origin.to_string());
        request.number(kept.max(1));
        Batch {
            request,
            entries: 0,
        }
    }

    /// This one behind the others.
    pub fn add(&mut self, entry: &Entry<'_>) {
        debug_assert!(entry.expects.len() <= EXPECTS_MAX);
        let request = &mut self.request;
        request.number(entry.serial);
        request.number(entry.language.into());
        request.part(entry.change);
        request.number(entry.expects.len() as u64);
        request.number(entry.operations.len() as u64);
        for (record, version) in entry.expects {
            request.part(key(*record));
            request.number(*version);
        }
        for operation in entry.operations {
            write(*operation, request);
        }
        self.entries += 1;
    }

    /// Changes in it.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Bytes of it.
    pub fn bytes(&self) -> usize {
        self.request.len()
    }

    /// What the script is called with.
    pub fn request(self) -> Request {
        self.request
    }
}

impl Outcome {
    /// What the script answers.
    pub fn read(answer: &Value<'_>) -> Result<Outcome, Trouble> {
        read(answer).ok_or_else(|| {
            let words = format!("the script for changes answers {answer:?}");
            Trouble::new(Kind::Protocol, words)
        })
    }
}

/// The key of a record in the hash of all.
pub fn key((table, key): Record<'_>) -> String {
    format!("{}/{key}", table.name())
}

/// The table and key of a record, from its key in the hash of all.
pub fn record(key: &str) -> Option<Record<'_>> {
    let (name, key) = key.split_once('/')?;
    let table = Table::ALL.into_iter().find(|table| table.name() == name)?;
    Some((table, key))
}

/// Whether records of a table are deleted by ranges.
fn is_ranged(table: Table) -> bool {
    matches!(table, Table::Players | Table::Messages)
}

fn write(operation: Operation<'_>, request: &mut Request) {
    match operation {
        Operation::Put(record, text) => {
            request.part(if is_ranged(record.0) { "i" } else { "p" });
            request.part(key(record));
            request.part(text);
        }
        Operation::Delete(record) => {
            request.part(if is_ranged(record.0) { "x" } else { "d" });
            request.part(key(record));
        }
        Operation::DeleteRange(table, from, to) => {
            debug_assert!(is_ranged(table));
            request.part("r");
            request.part(key((table, from)));
            request.part(key((table, to)));
        }
        Operation::Open(log, epoch, number) => {
            request.part("o");
            request.part(log);
            request.part(format!("{epoch:08x}"));
            request.number(number);
        }
        Operation::Post(log, count) => {
            request.part("n");
            request.part(log);
            request.number(count.into());
        }
        Operation::Close(log) => {
            request.part("c");
            request.part(log);
        }
        Operation::Forget(origin) => {
            request.part("f");
            request.part(origin.to_string());
        }
    }
}

fn read(answer: &Value<'_>) -> Option<Outcome> {
    let parts = answer.as_array()?;
    let text = |at: usize| parts.get(at).and_then(Value::as_str).map(str::to_owned);
    match parts.first()?.as_str()? {
        "ok" => {
            let verdicts = parts[1..].iter().map(verdict);
            Some(Outcome::Judged(verdicts.collect::<Option<_>>()?))
        }
        "fenced" => Some(Outcome::Fenced {
            epoch: text(1)?,
            replid: text(2)?,
            now: text(3)?,
        }),
        "gone" => Some(Outcome::Gone),
        _ => None,
    }
}

fn verdict(value: &Value<'_>) -> Option<Verdict> {
    let parts = value.as_array()?;
    let number = |at: usize| parts.get(at).and_then(whole);
    let text = |at: usize| parts.get(at).and_then(Value::as_str).map(str::to_owned);
    Some(match number(0)? {
        1 => Verdict::Committed(number(1)?, numbers(parts.get(2)?.as_str()?)?),
        2 => Verdict::Earlier(number(1)?),
        3 => {
            let pair = |pair: &[Value<'_>]| {
                let key = pair.first()?.as_str()?.to_owned();
                Some((key, whole(pair.get(1)?)?))
            };
            Verdict::Conflict(parts[1..].chunks(2).map(pair).collect::<Option<_>>()?)
        }
        4 => Verdict::NoLog(text(1)?),
        5 => Verdict::Torn(text(1)?),
        _ => return None,
    })
}

/// Numbers with spaces between them.
pub(super) fn numbers(text: &str) -> Option<Vec<u64>> {
    let words = text.split_ascii_whitespace();
    words.map(|word| word.parse().ok()).collect()
}

/// A number that is none below zero.
pub(super) fn whole(value: &Value<'_>) -> Option<u64> {
    u64::try_from(value.as_integer()?).ok()
}
