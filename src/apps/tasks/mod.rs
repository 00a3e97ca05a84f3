//! `tasks`: task changes, filtered by repository.
//!
//! A back-end with the key keeps tasks by HTTP; every change is an event to the rooms of the task's repository and of
//! everything, once for a client that is in both. `store` keeps the records, `task` is what one of them is, `version`
//! is what a client says when it comes in and `talk` on its connection, and `topics` tell apart what it gets when it resumes.

mod change;
pub mod store;
mod talk;
pub mod task;
mod topics;
mod version;

use std::any::Any;

use serde::{Deserialize, Serialize};
use slab::Slab;

use self::change::{Change, Kind};
use self::store::{Filter, Listing, Store};
use self::talk::Client;
use self::task::{Patch, Priority, Status, Task, TaskId};
use self::topics::{EVERY, Topics};
use super::change::{answer, committed, failed};
use super::context::Context;
use super::keep;
use super::object::Object;
use super::refusal::{bad, full, missing};
use super::routes::{Needs, Route};
use super::word::Word;
use super::{Answer, App, Call, Gap, Handler, Message, Reply, Seat, handle, number};
use crate::engine::{Heard, Restored};
use crate::id::AppId;
use crate::position::{Position, Since};
use crate::time::Unix;
use crate::wire::frame::{Encoder, Frame};
use crate::wire::request::Head;
use crate::wire::response::Response;
use crate::work;

const ALL: &str = "/api/v1/tasks";
const ONE: &str = "/api/v1/tasks/{id}";
/// Comes before the path of one task, which it would match too.
const SOCKET: &str = "/api/v1/tasks/ws";

/// What a listing is asked for by.
const LISTED_BY: [&str; 4] = ["repository", "status", "limit", "after"];

static CALLS: [(Route, Handler<Tasks>); 5] = [
    (Route::keyed("POST", ALL), Tasks::create),
    (Route::keyed("GET", ALL).taking(&LISTED_BY), Tasks::list),
    (Route::keyed("GET", ONE), Tasks::show),
    (Route::keyed("PATCH", ONE), Tasks::change),
    (Route::keyed("DELETE", ONE), Tasks::delete),
];
static UPGRADE: Route = Route::stream(SOCKET, Needs::Key);

/// Tasks on a page, unless it is said how many.
const LIMIT: usize = 100;
/// ... and at most.
const LIMIT_MAX: usize = 1000;

/// What becomes a task; what is absent, or null, has its default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    repository: String,
    title: String,
    description: Option<String>,
    status: Option<Word<Status>>,
    priority: Option<Word<Priority>>,
}

/// A page of tasks.
#[derive(Serialize)]
struct Listed<'a> {
    tasks: Vec<&'a Task>,
    next: Option<TaskId>,
}

/// The app. A seat is the key of its client.
#[derive(Default)]
pub struct Tasks {
    store: Store,
    clients: Slab<Client>,
    topics: Topics,
    /// The repositories of the client that is coming in, if it only listens.
    listened_to: Option<Vec<String>>,
}

impl App for Tasks {
    fn routes(&self) -> Vec<&'static Route> {
        // Its path is one that a task's could be, and is found before it.
        let calls = CALLS.iter().map(|(route, _)| route);
        [&UPGRADE].into_iter().chain(calls).collect()
    }

    fn request(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Reply {
        handle(self, &CALLS, call, cx).unwrap_or_else(Reply::from)
    }

    fn admit(&mut self, call: &Call<'_>, _: &mut Context<'_>) -> Result<Seat, Response> {
        version::check_version(call.head)?;
        self.listened_to = match call.listens {
            true => Some(talk::listened_to(call.head)?),
            false => None,
        };
        let seat = u32::try_from(self.clients.insert(Client::default()))
            .expect("there are at most as many clients as connections");
        Ok(Seat(seat))
    }

    fn opened(&mut self, Seat(seat): Seat, since: Option<Since>, cx: &mut Context<'_>) {
        if let Some(repositories) = self.listened_to.take() {
            self.clients[seat as usize].listen(&repositories, since, &self.topics, cx);
        }
    }

    fn message(&mut self, Seat(seat): Seat, message: Message<'_>, cx: &mut Context<'_>) {
        self.clients[seat as usize].hear(message, &self.topics, cx);
    }

    fn closed(&mut self, Seat(seat): Seat, _: &mut Context<'_>) {
        self.clients.remove(seat as usize);
    }

    fn committed(&mut self, change: Box<dyn Any>, cx: &mut Context<'_>) -> Option<Response> {
        committed(self, change, cx)
    }

    fn failed(&mut self, change: Box<dyn Any>, cx: &mut Context<'_>) {
        failed(self, change, cx);
    }

    fn heard(&mut self, heard: Heard, cx: &mut Context<'_>) -> Result<(), String> {
        for (row, number) in heard.numbered() {
            self.hear(row, number, cx)?;
        }
        cx.metrics().records[AppId::Tasks as usize] = self.store.count() as u64;
        Ok(())
    }

    fn restore(&mut self, restored: Restored, cx: &mut Context<'_>) -> Result<(), String> {
        match restored {
            Restored::Record { key, record, .. } => {
                self.store.put(change::read(&key, &record)?);
                cx.metrics().records[AppId::Tasks as usize] = self.store.count() as u64;
                Ok(())
            }
            restored => keep::restore(restored, |it| self.topics.of(it), |_, frame| frame, cx),
        }
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        keep::begin(cx);
    }

    fn lagged(&self, gap: Gap, unix: Unix, encoder: &mut Encoder) -> Frame {
        talk::lagged(gap, unix, encoder)
    }

    fn beat(&mut self, _: Seat, cx: &mut Context<'_>) {
        // One an interval: it always fits, as the pings of the protocol do, and is not among the messages missed.
        let ping = talk::saying("ping", cx).exempt();
        cx.send(cx.conn(), ping);
    }

    fn beats(&self) -> bool {
        true
    }
}

impl Tasks {
    fn create(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let changed_by = changed_by(call.head)?;
        let Object(draft): Object<Draft> = call.json()?;
        check_repository(&draft.repository)?;
        check_title(&draft.title)?;
        let now = cx.now().unix;
        let task = Task {
            id: self.store.fresh_id(now, cx.random()),
            repository: draft.repository,
            title: draft.title,
            description: draft.description.unwrap_or_default(),
            status: draft.status.map(|Word(status)| status).unwrap_or_default(),
            priority: draft
                .priority
                .map(|Word(priority)| priority)
                .unwrap_or_default(),
            created_at: now,
            updated_at: now,
        };
        self.decide(Kind::Created, task, changed_by, cx)
    }

    /// Looks at as many tasks as there is work left for, and goes on in another turn.
    fn list(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        // What has changed since it began may have been passed by then.
        let mut progress = match call.progress::<(Listing, Position)>() {
            Some(progress) => progress,
            None => {
                let (filter, limit) = asked_for(call)?;
                Box::new((Listing::new(filter, limit), cx.position(cx.log())))
            }
        };
        let tasks_max = (cx.share_left() / work::RECORD).max(1);
        let (listing, position) = &mut *progress;
        let (is_whole, looked) = self.store.look(listing, tasks_max);
        cx.spend(looked * work::RECORD);
        if !is_whole {
            return Ok(Reply::Later(progress));
        }
        let (tasks, next) = self.store.found(listing);
        let response = Response::json(200, &Listed { tasks, next });
        Ok(response.at(*position).into())
    }

    fn show(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let response = Response::json(200, self.find(call)?);
        Ok(response.at(cx.position(cx.log())).into())
    }

    fn change(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let changed_by = changed_by(call.head)?;
        let task = self.find(call)?;
        if cx.is_undecided(Change::about(task.id)) {
            return Ok(Reply::Behind(Change::about(task.id)));
        }
        let Object(patch): Object<Patch> = call.json()?;
        if let Some(title) = &patch.title {
            check_title(title)?;
        }
        match task.patched(patch, cx.now().unix) {
            None => Ok(Response::json(200, task).into()),
            Some(patched) => self.decide(Kind::Updated, patched, changed_by, cx),
        }
    }

    fn delete(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let changed_by = changed_by(call.head)?;
        let task = self.find(call)?;
        if cx.is_undecided(Change::about(task.id)) {
            return Ok(Reply::Behind(Change::about(task.id)));
        }
        self.decide(Kind::Deleted, task.clone(), changed_by, cx)
    }

    /// Decides what a task is to be, if there is capacity for that.
    fn decide(
        &mut self,
        kind: Kind,
        task: Task,
        changed_by: &'static str,
        cx: &mut Context<'_>,
    ) -> Answer {
        if kind != Kind::Deleted {
            let checked = self.store.check(&task, cx.bounds());
            checked.map_err(|_| full("tasks", cx.bounds()))?;
        }
        let about = Change::about(task.id);
        let change = Change {
            kind,
            task,
            changed_by,
            at: cx.now().unix,
        };
        answer(self, Some(about), change, cx)
    }

    /// The task that the path names.
    fn find(&self, call: &Call<'_>) -> Result<&Task, Response> {
        TaskId::parse(call.param(0))
            .and_then(|id| self.store.get(id))
            .ok_or_else(|| missing("no task has this id"))
    }
}

/// Which tasks a listing is to show, and how many.
fn asked_for(call: &Call<'_>) -> Result<(Filter, usize), Response> {
    let [repository, status, limit, after] = call.parameters(LISTED_BY);
    let name = |field: &str, sentence: String| bad(format!("{field}: {sentence}"));
    // As in a subscription, `*` stands for every repository.
    let repository = repository.filter(|repository| repository != EVERY);
    if let Some(repository) = &repository {
        talk::check_name(repository).map_err(|sentence| name("repository", sentence))?;
    }
    let status = match status {
        Some(status) => Some(Word::parse(&status).map_err(|sentence| name("status", sentence))?),
        None => None,
    };
    let limit = match limit {
        Some(limit) => number("limit", &limit, 1..=LIMIT_MAX)?,
        None => LIMIT,
    };
    let after = match after {
        Some(after) => {
            Some(TaskId::parse(&after).ok_or_else(|| bad("after: must be the id of a task"))?)
        }
        None => None,
    };
    let filter = Filter {
        repository: repository.map(String::from),
        status,
        after,
    };
    Ok((filter, limit))
}

/// Who says that he makes the change.
fn changed_by(head: &Head<'_>) -> Result<&'static str, Response> {
    let mut headers = head.all("x-changed-by");
    let by: Option<&[u8]> = match (headers.next(), headers.next()) {
        (by, None) => Some(by.unwrap_or(b"api")),
        _ => None,
    };
    match by {
        Some(b"api") => Ok("api"),
        Some(b"mcp") => Ok("mcp"),
        Some(b"cli") => Ok("cli"),
        _ => Err(bad("X-Changed-By: must be api, mcp or cli, once")),
    }
}

fn check_repository(name: &str) -> Result<(), Response> {
    if name == EVERY {
        return Err(bad(
            "repository: * stands for every repository and cannot be the name of one",
        ));
    }
    talk::check_name(name).map_err(|sentence| bad(format!("repository: {sentence}")))
}

fn check_title(title: &str) -> Result<(), Response> {
    if title.trim().is_empty() {
        return Err(bad("title: must not be blank"));
    }
    Ok(())
}
