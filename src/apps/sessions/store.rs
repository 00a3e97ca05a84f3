//! The sessions there are: one record each, by number and by id, in bounded memory.
//!
//! A session is forgotten some time after its last change, and before that, when there is no capacity for one more, if it was
//! completed at least an hour ago, longest ago of all, and nobody is connected to it. All ages count the time for which
//! the process did not run, too.
//!
//! Invariants: `keys` names exactly the sessions that have not ended, and each of them is in the list of its kind, the one
//! that changed longest ago first; `retired` names exactly those that are completed and have no subscriber. One that has
//! ended keeps its number until its last subscriber has left. One that is being decided about has a subscriber more.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::apps::refusal::Full;
use crate::bounds::AppBounds;
use crate::core::chain::Chain;
use crate::time::{Millis, Unix};

/// How long a result is kept for a client that comes for it (an hour: longer than anybody waits at a screen).
const KEPT: Millis = Millis::seconds(3600);
/// Sessions that go for one more at most: some milliseconds' worth.
const RETIRED_MAX: u32 = 4096;
/// The list of the sessions that nobody has completed.
const PENDING: usize = 0;
/// The list of those that are completed.
const COMPLETED: usize = 1;

/// How far a session has come; it never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Created.
    Pending,
    /// The session has been opened.
    Opened,
    /// An action has begun.
    ActionStarted,
    /// The result is there.
    Completed,
}

/// One session.
pub struct Session {
    /// Its name in the world.
    pub id: Rc<str>,
    /// When it was created.
    pub created_at: Unix,
    /// What its back-end gave it on the way, as it came.
    pub metadata: Box<RawValue>,
    /// How far it has come.
    pub status: Status,
    /// How it ended, if it has.
    pub completion: Option<Completion>,
    /// When that changed last.
    since: Millis,
    subscribers: u32,
    ended: bool,
}

/// How a session ended.
pub struct Completion {
    /// What came out, as it came.
    pub result: Box<RawValue>,
    /// When.
    pub completed_at: Unix,
}

/// All sessions.
#[derive(Default)]
pub struct Store {
    sessions: Chain<Session, 2>,
    keys: HashMap<Rc<str>, u32>,
    /// Who may be forgotten, the longest completed first.
    retired: BTreeSet<(Millis, u32)>,
    bytes: u64,
    /// What is needed for what is being decided.
    reserved: Needs,
    /// Those that were taken up and are in no list yet.
    restored: Vec<u32>,
}

/// What is to be kept more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// So many sessions.
    pub records: usize,
    /// So many bytes.
    pub bytes: u64,
}

impl Session {
    /// A new one.
    pub fn new(id: String, created_at: Unix, metadata: &RawValue) -> Session {
        Session {
            id: id.into(),
            created_at,
            metadata: metadata.to_owned(),
            status: Status::Pending,
            completion: None,
            since: Millis(0),
            subscribers: 0,
            ended: false,
        }
    }

    /// Its place among those that may be forgotten, if it is one of them.
    fn retired(&self, key: u32) -> Option<(Millis, u32)> {
        let is_retired = self.completion.is_some() && self.subscribers == 0 && !self.ended;
        is_retired.then_some((self.since, key))
    }

    /// What keeping it needs.
    pub fn needs(&self) -> Needs {
        Needs {
            records: 1,
            bytes: self.bytes(),
        }
    }

    /// Bytes of clients' text.
    fn bytes(&self) -> u64 {
        let result = self.completion.as_ref().map_or(0, Completion::bytes);
        self.metadata.get().len() as u64 + result
    }
}

impl Completion {
    /// What keeping it needs, beside its session.
    pub fn needs(&self) -> Needs {
        Needs {
            records: 0,
            bytes: self.bytes(),
        }
    }

    fn bytes(&self) -> u64 {
        self.result.get().len() as u64
    }
}

impl Store {
    /// Keeps a new session, for which there is capacity.
    pub fn insert(&mut self, session: Session, now: Millis) -> u32 {
        let key = self.add(session);
        self.changed(key, PENDING, now);
        key
    }

    fn add(&mut self, session: Session) -> u32 {
        self.bytes += session.bytes();
        let id = Rc::clone(&session.id);
        let key = self.sessions.insert(session);
        self.keys.insert(id, key);
        key
    }

    /// Takes up a session that was kept and changed last at this time, whether there is capacity for it or not. It has its
    /// place among the others once all have been taken up.
    pub fn restore(&mut self, session: Session, since: Millis) {
        let key = self.add(Session { since, ..session });
        self.restored.push(key);
    }

    /// All that were kept have been taken up: they are forgotten in the order of their ages.
    pub fn restored(&mut self) {
        let mut keys = std::mem::take(&mut self.restored);
        keys.sort_unstable_by_key(|&key| self.session(key).since);
        for key in keys {
            let session = self.session(key);
            let list = match session.completion {
                Some(_) => COMPLETED,
                None => PENDING,
            };
            self.retired.extend(session.retired(key));
            self.sessions.join(key, list);
        }
    }

    /// Moves a session on, if it is not completed.
    pub fn advance(&mut self, key: u32, status: Status, now: Millis) {
        let session = self.sessions.value_mut(key);
        if session.completion.is_none() {
            debug_assert!(session.status <= status, "a session never goes back");
            session.status = status;
            self.changed(key, PENDING, now);
        }
    }

    /// Completes a session, with a result for which there is capacity.
    pub fn complete(&mut self, key: u32, completion: Completion, now: Millis) {
        self.bytes += completion.bytes();
        let session = self.sessions.value_mut(key);
        (session.status, session.completion) = (Status::Completed, Some(completion));
        self.changed(key, COMPLETED, now);
        self.retired.extend(self.session(key).retired(key));
    }

    fn changed(&mut self, key: u32, list: usize, now: Millis) {
        self.sessions.value_mut(key).since = now;
        self.sessions.join(key, list);
    }

    /// Forgets a session. Its number is given to another once nobody is connected to it.
    pub fn end(&mut self, key: u32) {
        let session = self.sessions.value_mut(key);
        if let Some(place) = session.retired(key) {
            self.retired.remove(&place);
        }
        session.ended = true;
        self.bytes -= session.bytes();
        self.keys.remove(&session.id);
        self.sessions.leave(key);
        self.bury(key);
    }

    /// A connection subscribes.
    pub fn enter(&mut self, key: u32) {
        let session = self.sessions.value_mut(key);
        if let Some(place) = session.retired(key) {
            self.retired.remove(&place);
        }
        session.subscribers += 1;
    }

    /// A subscriber has left.
    pub fn leave(&mut self, key: u32) {
        let session = self.sessions.value_mut(key);
        session.subscribers -= 1;
        self.retired.extend(session.retired(key));
        self.bury(key);
    }

    fn bury(&mut self, key: u32) {
        let session = self.session(key);
        if session.ended && session.subscribers == 0 {
            self.sessions.remove(key);
        }
    }

    /// The session that is to be forgotten next, and when.
    pub fn next_due(&self, bounds: &AppBounds) -> Option<(Millis, u32)> {
        let ages = [bounds.pending_age, bounds.completed_age];
        let first = |(list, age)| {
            let key = self.sessions.first(list)?;
            Some((self.session(key).since + age, key))
        };
        ages.into_iter().enumerate().filter_map(first).min()
    }

    /// How many are kept.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// The key of the session of this id.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.keys.get(id).copied()
    }

    /// A session, by its key.
    pub fn session(&self, key: u32) -> &Session {
        self.sessions.value(key)
    }

    /// Makes capacity for something, beside what is reserved; whatever is forgotten for that is told by its id. What needs
    /// nothing more has its place, though more may be kept than there is capacity for now.
    pub fn make_capacity(
        &mut self,
        needs: Needs,
        bounds: &AppBounds,
        now: Millis,
        mut gone: impl FnMut(Rc<str>),
    ) -> Result<(), Full> {
        let records = needs.records + self.reserved.records;
        let bytes = needs.bytes + self.reserved.bytes;
        let mut retired = 0;
        while needs.records > 0 && self.count() + records > bounds.records_max as usize
            || needs.bytes > 0 && self.bytes + bytes > bounds.records_bytes_max
        {
            retired += 1;
            match self.retired.first() {
                Some(&(since, oldest)) if now >= since + KEPT && retired <= RETIRED_MAX => {
                    gone(Rc::clone(&self.session(oldest).id));
                    self.end(oldest);
                }
                _ => return Err(Full),
            }
        }
        Ok(())
    }

    /// Something is to be kept, once that is decided: it has what it needs.
    pub fn reserve(&mut self, needs: Needs) {
        self.reserved.records += needs.records;
        self.reserved.bytes += needs.bytes;
    }

    /// It is decided.
    pub fn release(&mut self, needs: Needs) {
        self.reserved.records -= needs.records;
        self.reserved.bytes -= needs.bytes;
    }

    /// Checks every rule; for tests.
    ///
    /// # Panics
    /// When a rule is broken.
    pub fn check_invariants(&self) {
        let each = |&key: &u32| self.session(key).retired(key);
        let retired: BTreeSet<_> = self.keys.values().filter_map(each).collect();
        assert_eq!(
            retired, self.retired,
            "the completed without subscribers may go"
        );
        let bytes = self.keys.values().map(|&key| self.session(key).bytes());
        assert_eq!(bytes.sum::<u64>(), self.bytes, "the bytes are counted");
        for &key in self.keys.values() {
            let list = usize::from(self.session(key).completion.is_some());
            assert_eq!(self.sessions.list(key), Some(list));
        }
    }

    /// Sessions that take a place, those among them that have ended.
    pub fn places(&self) -> usize {
        self.sessions.len()
    }
}
