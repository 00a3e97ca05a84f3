//! The inquiry: whether the epoch goes on, when the server's life is another than that for which it holds.
//!
//! The replication id of a server changes when it is restarted and when a replica is made the primary, whether anything was lost
//! or not. So every hub that has applied something says which entry that was; if the stream has all of those, the epoch goes
//! on; if one is missing, or there is nobody to ask, a new one begins. A script looks and decides at once, so that one hub's
//! decision is that of all: the others find it made. A hub that says nothing in time finds out by itself, when it reads on
//! ([`super::tail`]).

use super::keys::Keys;
use super::origin::Origin;
use super::request::Request;
use super::script::Script;
use super::tail::Mark;
use super::trouble::{Kind, Trouble};
use crate::time::Millis;
use crate::wire::resp::Value;

/// How long is waited for what the others say.
const WAIT: Millis = Millis(2000);
/// How often it is looked whether they have.
const LOOK_EVERY: Millis = Millis(100);
/// How long an answer stays, in milliseconds.
const ANSWER_MS: u64 = 10_000;

/// What is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// This; what is answered matters to nobody, unless it is an error.
    Plain(Request),
    /// This script with this; [`Inquiry::take`] wants the answer.
    Run(Script, Request),
}

/// What has been decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The epoch that holds.
    pub epoch: String,
    /// The number of the app's newest entry.
    pub number: u64,
    /// Whether it is this inquiry that began it.
    pub is_new: bool,
}

/// An inquiry of one app by one hub.
#[derive(Debug)]
pub struct Inquiry {
    keys: Keys,
    origin: Origin,
    applied: Option<Mark>,
    /// The life of the server that it is about.
    replid: String,
    since: Millis,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// What was applied here is to be said.
    Say,
    /// And for how long that holds.
    Expire,
    /// To be looked at, not before this.
    Look(Millis),
    /// That has been asked, at this time.
    Looking(Millis),
    Decided,
}

impl Inquiry {
    /// One that begins now, for a server of this replication id, by a hub that has applied this: the newest entry on whose
    /// strength anybody was told anything, whether it came by the stream or as an answer.
    pub fn new(
        keys: &Keys,
        origin: &Origin,
        applied: Option<Mark>,
        replid: impl Into<String>,
        now: Millis,
    ) -> Inquiry {
        Inquiry {
            keys: keys.clone(),
            origin: origin.clone(),
            applied,
            replid: replid.into(),
            since: now,
            step: Step::Say,
        }
    }

    /// What is to be asked now; `fresh` is the epoch that begins if one must.
    pub fn ask(&mut self, now: Millis, fresh: u32) -> Option<Ask> {
        let Keys {
            meta,
            stream,
            answers,
            ..
        } = &self.keys;
        if self.applied.is_none() && self.step == Step::Say {
            self.step = Step::Look(now);
        }
        match (self.step, &self.applied) {
            (Step::Say, Some(mark)) => {
                let Mark { number, by, epoch } = mark;
                let said = format!("{} {epoch} {number} {by}", self.replid);
                self.step = Step::Expire;
                let origin = self.origin.to_string();
                Some(Ask::Plain(Request::of(["HSET", answers, &origin, &said])))
            }
            (Step::Expire, _) => {
                self.step = Step::Look(now);
                let mut request = Request::of(["PEXPIRE", answers]);
                request.number(ANSWER_MS);
                Some(Ask::Plain(request))
            }
            (Step::Look(at), _) if at <= now => {
                self.step = Step::Looking(now);
                let mut request = Request::keys(&[meta, stream, answers]);
                request.part(&self.replid);
                request.part(format!("{fresh:08x}"));
                request.number(u64::from(now.since(self.since) >= WAIT));
                Some(Ask::Run(Script::Decide, request))
            }
            _ => None,
        }
    }

    /// When there is something to be asked, if that is known.
    pub fn ask_at(&self) -> Option<Millis> {
        match self.step {
            Step::Say | Step::Expire => Some(self.since),
            Step::Look(at) => Some(at),
            Step::Looking(_) | Step::Decided => None,
        }
    }

    /// What the script answers.
    pub fn take(&mut self, answer: &Value<'_>, now: Millis) -> Result<Option<Decision>, Trouble> {
        self.read(answer, now).ok_or_else(|| {
            let words = format!("the script for epochs answers {answer:?}");
            Trouble::new(Kind::Protocol, words)
        })
    }

    fn read(&mut self, answer: &Value<'_>, now: Millis) -> Option<Option<Decision>> {
        let Step::Looking(looked) = self.step else {
            return None;
        };
        let parts = answer.as_array()?;
        let text = |at: usize| parts.get(at).and_then(Value::as_str);
        match text(0)? {
            "wait" => {
                let whenever = looked + LOOK_EVERY;
                self.step = Step::Look(whenever.min(self.since + WAIT).max(now));
                Some(None)
            }
            "moved" => {
                // Another life, which is asked about from the beginning.
                text(1)?.clone_into(&mut self.replid);
                self.since = now;
                self.step = Step::Say;
                Some(None)
            }
            "stands" => {
                self.step = Step::Decided;
                Some(Some(Decision {
                    epoch: text(1)?.to_owned(),
                    number: text(2)?.parse().ok()?,
                    is_new: parts.get(3)?.as_integer()? == 1,
                }))
            }
            _ => None,
        }
    }
}
