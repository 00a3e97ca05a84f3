//! What changes sessions: what is decided about one of them, how that is kept, and what it does when it is so.

use std::borrow::Cow;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::store::{Completion, Needs, Session, Status};
use super::{Sessions, completed, nobody, outcome, room, status_update, view};
use crate::apps::change::Decides;
use crate::apps::context::Context;
use crate::apps::keep::{record, unreadable};
use crate::engine::{Row, Table};
use crate::time::{Millis, Unix};
use crate::wire::response::Response;

/// Why the sockets of a session are closed that was deleted.
const DELETED: &str = "the session was deleted";

/// A change to a session.
pub struct Change {
    /// What is decided.
    pub kind: Kind,
    /// When, as records age.
    pub aged: Millis,
}

/// What is decided about a session.
pub enum Kind {
    /// It is new.
    Created(Session),
    /// It has come so far.
    Advanced(Which, Status),
    /// It has a result.
    Completed(Which, Completion),
    /// It is gone.
    Deleted(Which),
}

/// A session that there is when something is decided about it. It may have ended when that is applied, and its key is nobody
/// else's until then.
#[derive(Clone)]
pub struct Which {
    /// Its key.
    pub key: u32,
    /// Its name in the world, which no other ever has.
    pub id: Rc<str>,
}

/// A session, as it is kept.
#[derive(Serialize, Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    session_id: Cow<'a, str>,
    status: Status,
    created_at: Unix,
    #[serde(borrow)]
    metadata: &'a RawValue,
    /// When that changed last, which its age counts from.
    changed_at: Unix,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    completed_at: Option<Unix>,
}

impl Change {
    /// The session that it changes, unless that is new.
    fn which(&self) -> Option<&Which> {
        match &self.kind {
            Kind::Created(_) => None,
            Kind::Advanced(which, _) | Kind::Completed(which, _) | Kind::Deleted(which) => {
                Some(which)
            }
        }
    }

    /// What it is about, as no other's is.
    pub fn about(&self) -> Option<u64> {
        self.which().map(|which| u64::from(which.key))
    }

    /// What keeping it needs.
    pub fn needs(&self) -> Needs {
        match &self.kind {
            Kind::Created(session) => session.needs(),
            Kind::Completed(_, completion) => completion.needs(),
            Kind::Advanced(..) | Kind::Deleted(_) => Needs::default(),
        }
    }
}

impl Sessions {
    /// Another hub has made this so.
    pub(super) fn hear(&mut self, row: Row, cx: &mut Context<'_>) -> Result<(), String> {
        match row {
            Row::Put { key, record, .. } => {
                let (session, changed_at) = read(&key, &record)?;
                let aged = changed_at.aged(cx.now().aged);
                match self.store.find(&key) {
                    Some(key) => self.become_as(key, session, aged, cx),
                    None => _ = self.store.insert(session, aged),
                }
            }
            Row::Delete { key, .. } => {
                if let Some(key) = self.store.find(&key) {
                    self.end(key, DELETED);
                }
            }
            Row::DeleteRange { .. } | Row::Open { .. } | Row::Post { .. } | Row::Close { .. } => {}
        }
        Ok(())
    }

    /// A session has come as far as another hub says, and whoever waits for it is told.
    fn become_as(&mut self, key: u32, said: Session, aged: Millis, cx: &mut Context<'_>) {
        let status = self.store.session(key).status;
        match said.completion {
            Some(completion) if status < Status::Completed => {
                self.completes(key, completion, aged, cx);
            }
            None if status < said.status => self.advances(key, said.status, aged, cx),
            _ => {}
        }
    }

    /// A session has come so far, and whoever waits for it is told.
    fn advances(&mut self, key: u32, status: Status, aged: Millis, cx: &mut Context<'_>) {
        self.store.advance(key, status, aged);
        let session = self.store.session(key);
        let update = status_update(session, status, cx);
        cx.publish(&room(session), update);
    }

    /// A session has its result, which whoever waits for it is told.
    fn completes(&mut self, key: u32, completion: Completion, aged: Millis, cx: &mut Context<'_>) {
        self.store.complete(key, completion, aged);
        let (session, completion) = self.completed(key);
        let completed = completed(session, completion, cx);
        cx.publish(&room(session), completed);
    }

    /// A session that is completed, and its result.
    fn completed(&self, key: u32) -> (&Session, &Completion) {
        let session = self.store.session(key);
        let completion = session.completion.as_ref();
        (
            session,
            completion.expect("a session that was just completed has its result"),
        )
    }
}

impl Decides for Sessions {
    type Change = Change;

    fn rows(&self, change: &Change, _: &Context<'_>) -> Vec<Row> {
        let changed_at = Unix::of_aged(change.aged);
        let row = match &change.kind {
            Kind::Created(session) => put(&Record::of(session, changed_at)),
            Kind::Advanced(which, status) => put(&Record {
                status: *status,
                ..Record::of(self.store.session(which.key), changed_at)
            }),
            Kind::Completed(which, completion) => put(&Record {
                status: Status::Completed,
                result: Some(&completion.result),
                completed_at: Some(completion.completed_at),
                ..Record::of(self.store.session(which.key), changed_at)
            }),
            Kind::Deleted(which) => gone(&which.id),
        };
        vec![row]
    }

    fn reserve(&mut self, change: &Change) {
        self.store.reserve(change.needs());
        if let Some(which) = change.which() {
            self.store.enter(which.key);
        }
    }

    fn release(&mut self, change: &Change) {
        self.store.release(change.needs());
        if let Some(which) = change.which() {
            self.store.leave(which.key);
        }
    }

    fn apply(&mut self, change: Change, cx: &mut Context<'_>) -> Option<Response> {
        // It may have become too old while this was being decided.
        let has_ended = |which: &Which| self.store.find(&which.id).is_none();
        if change.which().is_some_and(has_ended) {
            return Some(nobody());
        }
        let response = match change.kind {
            Kind::Created(session) => {
                let key = self.store.insert(session, change.aged);
                Response::json(201, &view(self.store.session(key)))
            }
            Kind::Advanced(which, status) => {
                self.advances(which.key, status, change.aged, cx);
                Response::json(200, &view(self.store.session(which.key)))
            }
            Kind::Completed(which, completion) => {
                self.completes(which.key, completion, change.aged, cx);
                let (session, completion) = self.completed(which.key);
                Response::json(201, &outcome(session, completion))
            }
            Kind::Deleted(which) => {
                self.end(which.key, DELETED);
                self.forget(cx);
                Response::empty(204)
            }
        };
        Some(response)
    }
}

impl<'a> Record<'a> {
    fn of(session: &'a Session, changed_at: Unix) -> Record<'a> {
        let completion = session.completion.as_ref();
        Record {
            session_id: Cow::Borrowed(&session.id),
            status: session.status,
            created_at: session.created_at,
            metadata: &session.metadata,
            changed_at,
            result: completion.map(|it| &*it.result),
            completed_at: completion.map(|it| it.completed_at),
        }
    }

    /// The session, and when it changed last; or why there can be none like that.
    fn session(self) -> Result<(Session, Unix), &'static str> {
        let completion = match (self.result, self.completed_at) {
            (Some(result), Some(completed_at)) => Some(Completion {
                result: result.to_owned(),
                completed_at,
            }),
            (None, None) => None,
            _ => return Err("a result and its time go together"),
        };
        if completion.is_some() != (self.status == Status::Completed) {
            return Err("a session is completed if it has a result");
        }
        let id = self.session_id.into_owned();
        let mut session = Session::new(id, self.created_at, self.metadata);
        (session.status, session.completion) = (self.status, completion);
        Ok((session, self.changed_at))
    }
}

/// Reads a session as it was kept, and when it changed last.
pub fn read(key: &str, record: &str) -> Result<(Session, Unix), String> {
    let read: Record<'_> =
        serde_json::from_str(record).map_err(|error| unreadable("session", key, error))?;
    if read.session_id != key {
        return Err(unreadable("session", key, "it is another's"));
    }
    read.session()
        .map_err(|sentence| unreadable("session", key, sentence))
}

fn put(session: &Record<'_>) -> Row {
    Row::Put {
        table: Table::Sessions,
        key: session.session_id.clone().into_owned(),
        record: record(session),
    }
}

/// A session is kept no longer.
pub fn gone(id: &str) -> Row {
    Row::Delete {
        table: Table::Sessions,
        key: id.to_owned(),
    }
}
