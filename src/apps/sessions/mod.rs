//! `sessions`: notifications for one session.
//!
//! A back-end creates a session, a phone opens it, a client waits for the outcome in the room `session:<id>`. A
//! subscriber hears first how far the session has come and then every step, each once and in their order: the record
//! changes before anybody is told, and a subscriber that comes in is told before it joins the room. What it says is ignored.
//!
//! A completion is vital: it fits any queue. A status that does not fit ends the connection with 1013, and whoever
//! comes back hears how things stand.

mod change;
pub mod store;

use std::any::Any;
use std::collections::VecDeque;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use self::change::{Change, Kind, Which};
use self::store::{Completion, Session, Status, Store};
use super::change::{answer, committed, failed};
use super::context::Context;
use super::object::Object;
use super::refusal::{bad, conflict, full, missing};
use super::routes::{Needs, Route};
use super::word::Word;
use super::{Answer, App, Call, Gap, Handler, Message, Reply, Seat, handle};
use crate::bounds::Durability;
use crate::engine::{Heard, Restored};
use crate::id::{AppId, ConnId};
use crate::position::Since;
use crate::time::{Millis, Unix};
use crate::wire::frame::{Encoder, Frame, close};
use crate::wire::response::Response;
use crate::work;

/// Sessions that are forgotten at a time for their age at most.
const FORGOTTEN_MAX: usize = 64;
/// Sockets of ended sessions that are closed at a time at most: half a millisecond's worth.
const CLOSED_MAX: usize = 64;
/// How often at least it is looked whether a session is too old, while there is any: what the process did not run for
/// moves no tick, but makes sessions older.
const LOOK_INTERVAL: Millis = Millis::seconds(60);

const ALL: &str = "/api/v1/sessions";
const ONE: &str = "/api/v1/sessions/{id}";
const STATUS: &str = "/api/v1/sessions/{id}/status";
const RESULT: &str = "/api/v1/sessions/{id}/result";
const SOCKET: &str = "/api/v1/sessions/{id}/ws";

static CALLS: [(Route, Handler<Sessions>); 6] = [
    (Route::keyed("POST", ALL), Sessions::create),
    (Route::keyed("GET", ONE), Sessions::show),
    (Route::keyed("DELETE", ONE), Sessions::delete),
    (Route::keyed("POST", STATUS), Sessions::report),
    (Route::keyed("POST", RESULT), Sessions::complete),
    (Route::keyed("GET", RESULT), Sessions::result),
];
static UPGRADE: Route = Route::stream(SOCKET, Needs::Key);

/// The steps that a back-end reports; completion is the result's.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Opened,
    ActionStarted,
}

/// A report of a step.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    status: Word<Step>,
}

/// A session, as its back-end sees it.
#[derive(Serialize)]
struct View<'a> {
    session_id: &'a str,
    status: Status,
    created_at: Unix,
    metadata: &'a RawValue,
}

/// How a session ended, as its back-end sees it.
#[derive(Serialize)]
struct Outcome<'a> {
    session_id: &'a str,
    status: Status,
    result: &'a RawValue,
    completed_at: Unix,
}

/// What a subscriber is sent at each step.
#[derive(Serialize)]
struct StatusUpdate<'a> {
    r#type: &'static str,
    session_id: &'a str,
    status: Status,
    timestamp: Unix,
}

/// What a subscriber is sent at the end.
#[derive(Serialize)]
struct Completed<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

/// The app. A seat is the key of its session.
#[derive(Default)]
pub struct Sessions {
    store: Store,
    /// Sessions that have ended whose sockets are still to be closed, and why they have. Each is kept like one that has a
    /// subscriber more.
    ending: VecDeque<(u32, &'static str)>,
    /// The tick that was asked for.
    tick: Option<Millis>,
}

impl App for Sessions {
    fn routes(&self) -> Vec<&'static Route> {
        let calls = CALLS.iter().map(|(route, _)| route);
        calls.chain([&UPGRADE]).collect()
    }

    fn request(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Reply {
        self.forget(cx);
        let answer = handle(self, &CALLS, call, cx);
        self.settle(cx);
        answer.unwrap_or_else(Reply::from)
    }

    fn admit(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Result<Seat, Response> {
        self.forget(cx);
        let found = self.find(call);
        self.settle(cx);
        let key = found?;
        self.store.enter(key);
        Ok(Seat(key))
    }

    fn opened(&mut self, Seat(key): Seat, _: Option<Since>, cx: &mut Context<'_>) {
        let session = self.store.session(key);
        let update = status_update(session, session.status, cx);
        cx.send(cx.conn(), update);
        if let Some(completion) = &session.completion {
            let completed = completed(session, completion, cx);
            cx.send(cx.conn(), completed);
        }
        cx.join(&room(session));
    }

    fn message(&mut self, _: Seat, _: Message<'_>, _: &mut Context<'_>) {}

    fn closed(&mut self, Seat(key): Seat, _: &mut Context<'_>) {
        self.store.leave(key);
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        self.tick = None;
        self.forget(cx);
        self.settle(cx);
    }

    fn committed(&mut self, change: Box<dyn Any>, cx: &mut Context<'_>) -> Option<Response> {
        let response = committed(self, change, cx);
        self.settle(cx);
        response
    }

    fn failed(&mut self, change: Box<dyn Any>, cx: &mut Context<'_>) {
        failed(self, change, cx);
    }

    fn heard(&mut self, heard: Heard, cx: &mut Context<'_>) -> Result<(), String> {
        for row in heard.rows {
            self.hear(row, cx)?;
        }
        self.forget(cx);
        self.settle(cx);
        Ok(())
    }

    fn restore(&mut self, restored: Restored, cx: &mut Context<'_>) -> Result<(), String> {
        if let Restored::Record { key, record, .. } = restored {
            let (session, changed_at) = change::read(&key, &record)?;
            self.store.restore(session, changed_at.aged(cx.now().aged));
        }
        Ok(())
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        self.store.restored();
        self.settle(cx);
    }

    fn lagged(&self, Gap { missed, .. }: Gap, unix: Unix, encoder: &mut Encoder) -> Frame {
        encoder.json(&json!({"type": "lagged", "missed": missed, "timestamp": unix}))
    }
}

impl Sessions {
    /// Forgets some sessions that are too old, and closes some sockets of those that have ended.
    fn forget(&mut self, cx: &mut Context<'_>) {
        let mut gone = Vec::new();
        for _ in 0..FORGOTTEN_MAX {
            match self.store.next_due(cx.bounds()) {
                Some((due, key)) if due <= cx.now().aged => {
                    gone.push(Rc::clone(&self.store.session(key).id));
                    self.end(key, "the session is too old");
                }
                _ => break,
            }
        }
        forgotten(&gone, cx);
        let mut left = CLOSED_MAX;
        while let Some(&(key, reason)) = self.ending.front() {
            let room = room(self.store.session(key));
            let members: Vec<ConnId> = cx.members(&room).take(left).collect();
            for &conn in &members {
                cx.spend(work::CLOSE);
                cx.close(conn, close::NORMAL, reason);
            }
            left -= members.len();
            if left == 0 {
                break;
            }
            self.ending.pop_front();
            self.store.leave(key);
        }
    }

    fn end(&mut self, key: u32, reason: &'static str) {
        self.store.enter(key);
        self.store.end(key);
        self.ending.push_back((key, reason));
    }

    /// Counts what is kept, charges for what is not any more, and asks for the tick in which there is something to
    /// forget, unless it has asked for an earlier one.
    fn settle(&mut self, cx: &mut Context<'_>) {
        let count = self.store.count() as u64;
        let before = std::mem::replace(&mut cx.metrics().records[AppId::Sessions as usize], count);
        cx.spend(before.saturating_sub(count) * work::MEMBERSHIP);
        let (now, soon) = (cx.now(), Millis(1));
        let due = self.store.next_due(cx.bounds());
        let wait = due.map(|(due, _)| due.since(now.aged).clamp(soon, LOOK_INTERVAL));
        let wait = self.ending.front().map_or(wait, |_| Some(soon));
        let tick = wait.map(|wait| now.millis() + wait);
        if let Some(tick) = tick.filter(|tick| self.tick.is_none_or(|asked| *tick < asked)) {
            self.tick = Some(tick);
            cx.tick_at(tick);
        }
    }

    fn create(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let metadata = object(call)?;
        let session = Session::new(cx.fresh_id(), cx.now().unix, metadata);
        self.decide(Kind::Created(session), cx)
    }

    fn show(&mut self, call: &Call<'_>, _: &mut Context<'_>) -> Answer {
        let session = self.store.session(self.find(call)?);
        Ok(Response::json(200, &view(session)).into())
    }

    fn delete(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let key = self.find(call)?;
        if cx.is_undecided(u64::from(key)) {
            return Ok(Reply::Behind(u64::from(key)));
        }
        self.decide(Kind::Deleted(self.which(key)), cx)
    }

    fn report(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let key = self.find(call)?;
        if cx.is_undecided(u64::from(key)) {
            return Ok(Reply::Behind(u64::from(key)));
        }
        let Object(Report { status: Word(step) }) = call.json()?;
        let (was, status) = (self.store.session(key).status, Status::from(step));
        if was == Status::Completed {
            return Err(conflict("status: the session is completed already"));
        }
        if status < was {
            let message = "status: the session has come further than that already";
            return Err(conflict(message));
        }
        if status == was {
            return Ok(Response::json(200, &view(self.store.session(key))).into());
        }
        self.decide(Kind::Advanced(self.which(key), status), cx)
    }

    fn complete(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let key = self.find(call)?;
        if cx.is_undecided(u64::from(key)) {
            return Ok(Reply::Behind(u64::from(key)));
        }
        let result = object(call)?;
        if self.store.session(key).completion.is_some() {
            return Err(conflict("the session has a result already"));
        }
        let completion = Completion {
            result: result.to_owned(),
            completed_at: cx.now().unix,
        };
        self.decide(Kind::Completed(self.which(key), completion), cx)
    }

    /// Decides what is to become of a session, if there is capacity for that.
    fn decide(&mut self, kind: Kind, cx: &mut Context<'_>) -> Answer {
        let aged = cx.now().aged;
        let change = Change { kind, aged };
        let mut gone = Vec::new();
        let made = self
            .store
            .make_capacity(change.needs(), cx.bounds(), aged, |id| gone.push(id));
        forgotten(&gone, cx);
        made.map_err(|_| full("sessions", cx.bounds()))?;
        answer(self, change.about(), change, cx)
    }

    fn which(&self, key: u32) -> Which {
        let id = Rc::clone(&self.store.session(key).id);
        Which { key, id }
    }

    fn result(&mut self, call: &Call<'_>, _: &mut Context<'_>) -> Answer {
        let session = self.store.session(self.find(call)?);
        let response = match &session.completion {
            Some(completion) => Response::json(200, &outcome(session, completion)),
            None => {
                let (id, status) = (&*session.id, session.status);
                Response::json(202, &json!({"session_id": id, "status": status}))
            }
        };
        Ok(response.into())
    }

    /// The key of the session that the path names.
    fn find(&self, call: &Call<'_>) -> Result<u32, Response> {
        self.store.find(call.param(0)).ok_or_else(nobody)
    }
}

/// Nobody has this name.
fn nobody() -> Response {
    missing("no session has this id")
}

/// What has been forgotten is not kept any longer either.
fn forgotten(gone: &[Rc<str>], cx: &mut Context<'_>) {
    if !gone.is_empty() && cx.durability() != Durability::None {
        cx.write_behind(gone.iter().map(|id| change::gone(id)).collect());
    }
}

impl From<Step> for Status {
    fn from(step: Step) -> Status {
        match step {
            Step::Opened => Status::Opened,
            Step::ActionStarted => Status::ActionStarted,
        }
    }
}

/// The body, which is any object and is kept as it came.
fn object<'a>(call: &Call<'a>) -> Result<&'a RawValue, Response> {
    let body: &RawValue = call.json()?;
    if body.get().starts_with('{') {
        Ok(body)
    } else {
        Err(bad("the body: must be a JSON object"))
    }
}

fn room(session: &Session) -> String {
    format!("session:{}", session.id)
}

fn view(session: &Session) -> View<'_> {
    View {
        session_id: &session.id,
        status: session.status,
        created_at: session.created_at,
        metadata: &session.metadata,
    }
}

fn outcome<'a>(session: &'a Session, completion: &'a Completion) -> Outcome<'a> {
    Outcome {
        session_id: &session.id,
        status: Status::Completed,
        result: &completion.result,
        completed_at: completion.completed_at,
    }
}

fn status_update(session: &Session, status: Status, cx: &mut Context<'_>) -> Frame {
    let update = StatusUpdate {
        r#type: "status_update",
        session_id: &session.id,
        status,
        timestamp: cx.now().unix,
    };
    cx.json(&update)
}

fn completed(session: &Session, completion: &Completion, cx: &mut Context<'_>) -> Frame {
    let completed = Completed {
        r#type: "completed",
        outcome: outcome(session, completion),
    };
    cx.json(&completed).vital()
}
