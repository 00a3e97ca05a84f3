//! The sessions there are: one record each, by number and by id, in bounded memory.
//!
//! When there is no room for one more, the session that was completed longest ago is forgotten, if that was at least
//! an hour ago and nobody is connected to it. A session that is not completed is never forgotten, and neither is one
//! that somebody may still ask about: then there is no room.
//!
//! Invariant: `retired` names exactly the sessions that are completed and have no subscriber.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use serde::Serialize;
use serde_json::value::RawValue;
use slab::Slab;

use crate::apps::refusal::Full;
use crate::bounds::AppBounds;
use crate::time::{Millis, Unix};

/// How long a result is kept for whoever comes for it (an hour: longer than anybody waits at a screen).
const KEPT: Millis = Millis::seconds(3600);

/// How far a session has come; it never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Created.
    Pending,
    /// Somebody has opened it.
    Opened,
    /// Somebody acts.
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
    progress: Progress,
    subscribers: u32,
}

/// How a session ended.
pub struct Completion {
    /// What came out, as it came.
    pub result: Box<RawValue>,
    /// When.
    pub completed_at: Unix,
}

enum Progress {
    /// Not completed: the status.
    Under(Status),
    /// Completed, at this time of the clock that never jumps.
    Over(Completion, Millis),
}

/// All sessions.
#[derive(Default)]
pub struct Store {
    sessions: Slab<Session>,
    keys: HashMap<Rc<str>, u32>,
    /// Who may be forgotten, the longest completed first.
    retired: BTreeSet<(Millis, u32)>,
    bytes: u64,
}

impl Session {
    /// A new one.
    pub fn new(id: String, created_at: Unix, metadata: &RawValue) -> Session {
        Session {
            id: id.into(),
            created_at,
            metadata: metadata.to_owned(),
            progress: Progress::Under(Status::Pending),
            subscribers: 0,
        }
    }

    /// How far it has come.
    pub fn status(&self) -> Status {
        match self.progress {
            Progress::Under(status) => status,
            Progress::Over(..) => Status::Completed,
        }
    }

    /// How it ended, if it has.
    pub fn completion(&self) -> Option<&Completion> {
        match &self.progress {
            Progress::Under(_) => None,
            Progress::Over(completion, _) => Some(completion),
        }
    }

    /// Its place among those that may be forgotten, if it is one of them.
    fn retired(&self, key: u32) -> Option<(Millis, u32)> {
        match self.progress {
            Progress::Over(_, since) if self.subscribers == 0 => Some((since, key)),
            _ => None,
        }
    }

    fn bytes(&self) -> u64 {
        let result = self
            .completion()
            .map_or(0, |completion| completion.result.get().len());
        (self.metadata.get().len() + result) as u64
    }
}

impl Store {
    /// Keeps a new session, if there is room for it.
    pub fn insert(
        &mut self,
        session: Session,
        bounds: &AppBounds,
        now: Millis,
    ) -> Result<u32, Full> {
        self.make_room(1, session.bytes(), bounds, now)?;
        self.bytes += session.bytes();
        let id = Rc::clone(&session.id);
        let key = u32::try_from(self.sessions.insert(session))
            .expect("there are at most as many sessions as a u32 bounds");
        self.keys.insert(id, key);
        Ok(key)
    }

    /// Moves a session on, if it is not completed.
    pub fn advance(&mut self, key: u32, status: Status) {
        if let Progress::Under(was) = &mut self.sessions[key as usize].progress {
            debug_assert!(*was <= status, "a session never goes back");
            *was = status;
        }
    }

    /// Completes a session, if there is room for the result.
    pub fn complete(
        &mut self,
        key: u32,
        completion: Completion,
        bounds: &AppBounds,
        now: Millis,
    ) -> Result<(), Full> {
        let bytes = completion.result.get().len() as u64;
        self.make_room(0, bytes, bounds, now)?;
        self.bytes += bytes;
        let session = &mut self.sessions[key as usize];
        session.progress = Progress::Over(completion, now);
        self.retired.extend(session.retired(key));
        Ok(())
    }

    /// Forgets a session.
    pub fn remove(&mut self, key: u32) {
        let session = self.sessions.remove(key as usize);
        if let Some(place) = session.retired(key) {
            self.retired.remove(&place);
        }
        self.bytes -= session.bytes();
        self.keys.remove(&session.id);
    }

    /// Somebody subscribes.
    pub fn enter(&mut self, key: u32) {
        let session = &mut self.sessions[key as usize];
        if let Some(place) = session.retired(key) {
            self.retired.remove(&place);
        }
        session.subscribers += 1;
    }

    /// A subscriber has left; the session may be gone.
    pub fn leave(&mut self, key: u32) {
        if let Some(session) = self.sessions.get_mut(key as usize) {
            session.subscribers -= 1;
            self.retired.extend(session.retired(key));
        }
    }

    /// The key of the session of this id.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.keys.get(id).copied()
    }

    /// A session, by its key.
    pub fn session(&self, key: u32) -> &Session {
        &self.sessions[key as usize]
    }

    /// Makes room for so many more records and bytes.
    fn make_room(
        &mut self,
        records: usize,
        bytes: u64,
        bounds: &AppBounds,
        now: Millis,
    ) -> Result<(), Full> {
        while self.sessions.len() + records > bounds.records_max as usize
            || self.bytes + bytes > bounds.records_bytes_max
        {
            match self.retired.first() {
                Some(&(since, oldest)) if now >= since + KEPT => self.remove(oldest),
                _ => return Err(Full),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::AppId;

    const HOUR: Millis = Millis::seconds(3600);

    fn bounds(records_max: u32, records_bytes_max: u64) -> AppBounds {
        AppBounds {
            records_max,
            records_bytes_max,
            ..AppBounds::of(AppId::Sessions)
        }
    }

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    impl Store {
        fn add(&mut self, id: &str, bounds: &AppBounds, now: Millis) -> Result<u32, Full> {
            let session = Session::new(id.to_owned(), Unix(0), &raw("{}"));
            self.insert(session, bounds, now)
        }

        fn finish(&mut self, key: u32, bounds: &AppBounds, now: Millis) -> Result<(), Full> {
            let completion = Completion {
                result: raw("{\"a\":1}"),
                completed_at: Unix(0),
            };
            self.complete(key, completion, bounds, now)?;
            self.check();
            Ok(())
        }

        fn check(&self) {
            let each = |(key, session): (usize, &Session)| session.retired(key as u32);
            let retired: BTreeSet<_> = self.sessions.iter().filter_map(each).collect();
            assert_eq!(
                retired, self.retired,
                "the completed without subscribers may go"
            );
            let bytes: u64 = self
                .sessions
                .iter()
                .map(|(_, session)| session.bytes())
                .sum();
            assert_eq!(bytes, self.bytes, "the bytes are counted");
            assert_eq!(
                self.keys.len(),
                self.sessions.len(),
                "every session has its id"
            );
        }
    }

    #[test]
    fn the_longest_completed_session_makes_room_after_an_hour() {
        let bounds = bounds(2, 1000);
        let mut store = Store::default();
        let first = store.add("first", &bounds, Millis(0)).unwrap();
        let second = store.add("second", &bounds, Millis(0)).unwrap();
        store.finish(second, &bounds, Millis(5)).unwrap();
        store.finish(first, &bounds, Millis(6)).unwrap();
        let just_before = HOUR + Millis(4);
        assert_eq!(store.add("third", &bounds, just_before), Err(Full));
        assert!(store.add("third", &bounds, just_before + Millis(1)).is_ok());
        assert!(store.find("second").is_none() && store.find("first").is_some());
        store.check();
    }

    #[test]
    fn a_session_that_is_not_completed_is_never_forgotten() {
        let bounds = bounds(1, 1000);
        let mut store = Store::default();
        let key = store.add("a", &bounds, Millis(0)).unwrap();
        store.advance(key, Status::ActionStarted);
        assert_eq!(store.add("b", &bounds, HOUR + HOUR), Err(Full));
        assert!(store.find("a").is_some());
    }

    #[test]
    fn a_completed_session_with_a_subscriber_is_kept_until_it_has_none() {
        let bounds = bounds(1, 1000);
        let mut store = Store::default();
        let key = store.add("a", &bounds, Millis(0)).unwrap();
        store.enter(key);
        store.finish(key, &bounds, Millis(0)).unwrap();
        store.enter(key);
        store.leave(key);
        assert_eq!(store.add("b", &bounds, HOUR), Err(Full));
        store.leave(key);
        store.check();
        assert!(store.add("b", &bounds, HOUR).is_ok());
        assert!(store.find("a").is_none());
        store.check();
    }

    #[test]
    fn bytes_are_bounded_as_records_are() {
        let bounds = bounds(100, 11);
        let mut store = Store::default();
        let key = store.add("a", &bounds, Millis(0)).unwrap();
        let other = store.add("b", &bounds, Millis(0)).unwrap();
        store.finish(key, &bounds, Millis(0)).unwrap();
        assert_eq!(store.finish(other, &bounds, Millis(0)), Err(Full));
        assert_eq!(store.session(other).status(), Status::Pending);
        store.finish(other, &bounds, HOUR).unwrap();
        assert!(store.find("a").is_none());
        store.check();
    }

    #[test]
    fn a_removed_session_is_nowhere() {
        let bounds = bounds(1, 9);
        let mut store = Store::default();
        let key = store.add("a", &bounds, Millis(0)).unwrap();
        store.enter(key);
        store.finish(key, &bounds, Millis(0)).unwrap();
        store.remove(key);
        store.leave(key);
        store.check();
        assert!(store.find("a").is_none());
        assert!(store.add("b", &bounds, Millis(0)).is_ok());
    }
}
