//! What all hubs have made so, in its order: the streams, read on from the entry that one has, over a connection of its own.
//!
//! - After any interruption it first looks whether the entry that it has is still the stream's: so it notices a server that
//!   lost it, and one that has another in its place.
//! - The numbers of an epoch have no gaps. What is missing has been trimmed away, and is told.
//! - A stream that it cannot read on from is left alone until it is taken up anew, from what [`super::start`] has read.

use super::entry::Entry;
use super::request::Request;
use super::trouble::{Kind, Trouble};
use crate::wire::resp::Value;

/// How long the server waits for something to tell, in milliseconds: so often it says at least that it is there.
const BLOCK_MS: u64 = 1000;
/// Entries of one stream that are read at once: some hundred MiB, if all are as large as a message may be.
const COUNT: u64 = 64;

/// Where somebody is in a stream: the newest entry that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its number.
    pub number: u64,
    /// Its author, as it is written.
    pub by: String,
    /// The epoch.
    pub epoch: String,
}

/// What a stream has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// The next entry.
    Entry(Entry<'a>),
    /// The next entry, in a language that is newer than what is understood here.
    Newer(Entry<'a>),
    /// Entries have been trimmed away, from this number up to what follows.
    Trimmed(u64),
    /// An epoch has begun, by this entry or one that is not there any more; what was known before does not count.
    Began(Entry<'a>),
    /// The entry that one has is not in the stream, or another has its number: the server has lost something.
    Lost,
}

/// All streams that are read.
#[derive(Debug)]
pub struct Tail {
    streams: Vec<Stream>,
    language: u32,
    /// Whether the next question is if the entries that one has are still there.
    must_check: bool,
    /// Whether the question that is under way is that.
    is_checking: bool,
}

#[derive(Debug)]
struct Stream {
    key: String,
    /// Nothing while it cannot be read on.
    mark: Option<Mark>,
    /// Whether the question that is under way is about it, from this mark on.
    is_asked: bool,
}

impl Tail {
    /// Reads these streams, by their keys, which is understood up to this version of the language. None is read yet.
    pub fn new(keys: impl IntoIterator<Item = String>, language: u32) -> Tail {
        let streams = keys.into_iter().map(|key| Stream {
            key,
            mark: None,
            is_asked: false,
        });
        Tail {
            streams: streams.collect(),
            language,
            must_check: true,
            is_checking: false,
        }
    }

    /// Reads this stream on from here.
    pub fn follow(&mut self, stream: usize, mark: Mark) {
        let stream = &mut self.streams[stream];
        stream.mark = Some(mark);
        stream.is_asked = false;
        self.must_check = true;
    }

    /// The connection is another one: what was asked will not be answered.
    pub fn interrupted(&mut self) {
        self.must_check = true;
        for stream in &mut self.streams {
            stream.is_asked = false;
        }
    }

    /// Where one is in a stream; nothing if it cannot be read on.
    pub fn mark(&self, stream: usize) -> Option<&Mark> {
        self.streams[stream].mark.as_ref()
    }

    /// What to ask, if anything can be read. One such question is under way at a time.
    pub fn ask(&mut self) -> Option<Request> {
        self.is_checking = std::mem::take(&mut self.must_check);
        for stream in &mut self.streams {
            stream.is_asked = stream.mark.is_some();
        }
        let followed = || {
            let streams = self.streams.iter();
            streams.filter_map(|stream| Some((&stream.key, stream.mark.as_ref()?)))
        };
        followed().next()?;
        let mut request = Request::of(["XREAD", "COUNT"]);
        request.number(COUNT);
        if !self.is_checking {
            request.part("BLOCK");
            request.number(BLOCK_MS);
        }
        request.part("STREAMS");
        for (key, _) in followed() {
            request.part(key);
        }
        for (_, mark) in followed() {
            // What stands behind the one before it begins with itself.
            let number = mark.number - u64::from(self.is_checking && mark.number > 0);
            request.part(format!("{number}-0"));
        }
        Some(request)
    }

    /// What was answered to the last question: which stream tells what, in the order of each. A stream that was taken up since
    /// then is asked first where it is.
    pub fn take<'a>(&mut self, answer: &Value<'a>) -> Result<Vec<(usize, Told<'a>)>, Trouble> {
        let unreadable = || Trouble::new(Kind::Protocol, "a stream has what no hub has written");
        let mut told = Vec::new();
        let mut seen = vec![false; self.streams.len()];
        if !answer.is_null() {
            for (key, entries) in answer.pairs().ok_or_else(unreadable)? {
                let key = key.as_str().ok_or_else(unreadable)?;
                let position = self.streams.iter().position(|stream| stream.key == key);
                let stream = position.ok_or_else(unreadable)?;
                seen[stream] = true;
                let entries = entries.as_array().ok_or_else(unreadable)?;
                self.read(stream, entries, &mut told)
                    .ok_or_else(unreadable)?;
            }
        }
        for (index, stream) in self.streams.iter_mut().enumerate() {
            let is_missed = stream.is_asked && self.is_checking && !seen[index];
            if is_missed && stream.mark.take().is_some() {
                told.push((index, Told::Lost));
            }
            stream.is_asked = false;
        }
        Ok(told)
    }

    /// Entries of one stream.
    fn read<'a>(
        &mut self,
        index: usize,
        entries: &[Value<'a>],
        told: &mut Vec<(usize, Told<'a>)>,
    ) -> Option<()> {
        let stream = &mut self.streams[index];
        let Some(mark) = stream.mark.as_mut().filter(|_| stream.is_asked) else {
            return Some(());
        };
        told.reserve(entries.len());
        let (mut by, mut epoch) = (None, None);
        for (at, value) in entries.iter().enumerate() {
            let entry = Entry::read(value)?;
            if self.is_checking && at == 0 && entry.number == mark.number {
                if entry.by != mark.by || entry.epoch != mark.epoch {
                    stream.mark = None;
                    told.push((index, Told::Lost));
                    return Some(());
                }
                continue;
            }
            if entry.number <= mark.number {
                // They rise, and what one has was not asked for.
                return None;
            }
            let known = epoch.unwrap_or(mark.epoch.as_str());
            let is_next = entry.number == mark.number + 1;
            let is_new = entry.begins() || entry.epoch != known;
            if !is_next && !is_new {
                told.push((index, Told::Trimmed(mark.number + 1)));
            }
            told.push((
                index,
                match entry {
                    entry if is_new => Told::Began(entry),
                    entry if entry.language > self.language => Told::Newer(entry),
                    entry => Told::Entry(entry),
                },
            ));
            mark.number = entry.number;
            (by, epoch) = (Some(entry.by), Some(entry.epoch));
        }
        if let (Some(by), Some(epoch)) = (by, epoch) {
            by.clone_into(&mut mark.by);
            epoch.clone_into(&mut mark.epoch);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64, by: &'static str, epoch: &'static str) -> (String, [&'static str; 10]) {
        let fields = [
            "by", by, "epoch", epoch, "language", "1", "change", "{}", "numbers", "",
        ];
        (format!("{number}-0"), fields)
    }

    fn answer<'a>(key: &'a str, entries: &'a [(String, [&'static str; 10])]) -> Value<'a> {
        let blob = |text: &'a str| Value::Blob(text.as_bytes());
        let entries = entries.iter().map(|(id, fields)| {
            let fields = fields.iter().map(|field| blob(field)).collect();
            Value::Array(vec![blob(id), Value::Array(fields)])
        });
        Value::Map(vec![(blob(key), Value::Array(entries.collect()))])
    }

    fn mark(number: u64) -> Mark {
        Mark {
            number,
            by: "a/1/1".to_owned(),
            epoch: "1".to_owned(),
        }
    }

    fn written(request: Option<Request>) -> String {
        let mut out = Vec::new();
        request.unwrap().write(&[], &mut out);
        let text = String::from_utf8(out).unwrap();
        let parts = text
            .split("\r\n")
            .filter(|part| !part.starts_with(['*', '$']));
        parts.collect::<Vec<&str>>().join(" ")
    }

    #[test]
    fn a_stream_that_is_taken_up_while_a_question_is_under_way_is_asked_about_with_the_next() {
        let keys = ["s".to_owned(), "t".to_owned()];
        let mut tail = Tail::new(keys, 1);
        assert_eq!(tail.ask(), None);
        tail.follow(0, mark(5));
        assert_eq!(written(tail.ask()), "XREAD COUNT 64 STREAMS s 4-0 ");
        // Both are taken up meanwhile, the one from another place.
        tail.follow(0, mark(9));
        tail.follow(1, mark(3));
        let old = [entry(5, "a/1/1", "1"), entry(10, "a/1/2", "1")];
        assert_eq!(tail.take(&answer("s", &old)), Ok(vec![]));
        assert_eq!(tail.mark(0), Some(&mark(9)));
        assert_eq!(written(tail.ask()), "XREAD COUNT 64 STREAMS s t 8-0 2-0 ");
        let there = [entry(9, "a/1/1", "1")];
        assert_eq!(tail.take(&answer("s", &there)), Ok(vec![(1, Told::Lost)]));
        let asked = written(tail.ask());
        assert_eq!(asked, "XREAD COUNT 64 BLOCK 1000 STREAMS s 9-0 ");
        assert_eq!(tail.take(&Value::Null), Ok(vec![]));
    }

    #[test]
    fn an_epoch_that_began_in_what_was_trimmed_away_is_told_as_one() {
        let mut tail = Tail::new(["s".to_owned()], 1);
        tail.follow(0, mark(5));
        tail.ask();
        let entries = [entry(900, "a/1/7", "2"), entry(901, "a/1/8", "2")];
        let answer = answer("s", &entries);
        let told = tail.take(&answer).unwrap();
        let kinds: Vec<(bool, bool)> = told
            .iter()
            .map(|(_, told)| {
                (
                    matches!(told, Told::Began(_)),
                    matches!(told, Told::Entry(_)),
                )
            })
            .collect();
        assert_eq!(kinds, [(true, false), (false, true)]);
        let mark = tail.mark(0).unwrap();
        assert_eq!((mark.number, &mark.epoch[..]), (901, "2"));
    }

    #[test]
    fn what_no_hub_has_written_is_told() {
        let mut tail = Tail::new(["s".to_owned()], 1);
        tail.follow(0, mark(5));
        let mut broken = entry(5, "a/1/1", "1");
        broken.1[0] = "who";
        let falling = [entry(5, "a/1/1", "1"), entry(4, "a/1/1", "1")];
        for answer in [
            Value::Integer(1),
            answer("another", &[]),
            answer("s", &[broken]),
            answer("s", &falling),
        ] {
            tail.interrupted();
            tail.ask();
            assert!(tail.take(&answer).is_err(), "{answer:?}");
        }
    }
}
