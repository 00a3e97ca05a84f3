//! What changes tasks: what is decided about one of them, how that is kept, and what it does when it is so.

use serde::Serialize;

use super::task::{Task, TaskId};
use super::topics::EVERY;
use super::{Tasks, talk};
use crate::apps::change::Decides;
use crate::apps::context::Context;
use crate::apps::keep::{next, record, unreadable};
use crate::engine::{Row, Table};
use crate::id::{AppId, Topic};
use crate::position::Position;
use crate::time::Unix;
use crate::wire::response::Response;

/// What is decided about a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is new.
    Created,
    /// It is changed.
    Updated,
    /// It is gone.
    Deleted,
}

/// A change to a task.
pub struct Change {
    /// What is decided about it.
    pub kind: Kind,
    /// The task as it will be, or was.
    pub task: Task,
    /// Who says so.
    pub changed_by: &'static str,
    /// When.
    pub at: Unix,
}

/// What subscribers are sent.
#[derive(Serialize)]
struct Event<'a> {
    r#type: &'static str,
    timestamp: Unix,
    data: Data<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
}

#[derive(Serialize)]
struct Data<'a> {
    task_id: TaskId,
    repository: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'a Task>,
    changed_by: &'a str,
}

impl Change {
    /// What a change to a task of this id is about, as no other's is.
    pub fn about(id: TaskId) -> u64 {
        // The halves of an id are a time and chance.
        (id.0 >> 64) as u64 ^ id.0 as u64
    }

    /// What subscribers are sent.
    fn event(&self, position: Option<Position>) -> Event<'_> {
        let (kind, task) = match self.kind {
            Kind::Created => ("task.created", Some(&self.task)),
            Kind::Updated => ("task.updated", Some(&self.task)),
            Kind::Deleted => ("task.deleted", None),
        };
        Event {
            r#type: kind,
            timestamp: self.at,
            data: Data {
                task_id: self.task.id,
                repository: &self.task.repository,
                task,
                changed_by: self.changed_by,
            },
            position,
        }
    }
}

/// Reads a task as it was kept.
pub fn read(key: &str, record: &str) -> Result<Task, String> {
    serde_json::from_str(record).map_err(|error| unreadable("task", key, error))
}

impl Tasks {
    /// Another hub has made this so, and given it this number if it is a post.
    pub(super) fn hear(
        &mut self,
        row: Row,
        number: u64,
        cx: &mut Context<'_>,
    ) -> Result<(), String> {
        match row {
            Row::Put { key, record, .. } => {
                self.store.put(read(&key, &record)?);
            }
            Row::Delete { key, .. } => {
                TaskId::parse(&key).and_then(|id| self.store.remove(id));
            }
            Row::Post {
                log, topic, text, ..
            } => {
                let event = next(cx.log(), &log, (number, &text), 0, cx)?;
                let (topic, room) = self.place(&topic);
                cx.publish_both(topic, [&room, EVERY], event);
            }
            Row::DeleteRange { .. } | Row::Open { .. } | Row::Close { .. } => {}
        }
        Ok(())
    }

    /// Where the subscribers of a repository hear of it.
    fn place(&self, repository: &str) -> (Topic, String) {
        let room = talk::room(repository).into_owned();
        (self.topics.of(repository), room)
    }
}

impl Decides for Tasks {
    type Change = Change;

    fn rows(&self, change: &Change, _: &Context<'_>) -> Vec<Row> {
        let (table, key) = (Table::Tasks, change.task.id.to_string());
        let row = match change.kind {
            Kind::Created | Kind::Updated => Row::Put {
                table,
                key,
                record: record(&change.task),
            },
            Kind::Deleted => Row::Delete { table, key },
        };
        let post = Row::Post {
            log: AppId::Tasks.name().to_owned(),
            topic: change.task.repository.clone(),
            at: change.at,
            text: record(&change.event(None)),
        };
        vec![row, post]
    }

    fn reserve(&mut self, change: &Change) {
        if change.kind != Kind::Deleted {
            self.store.reserve(&change.task);
        }
    }

    fn release(&mut self, change: &Change) {
        if change.kind != Kind::Deleted {
            self.store.release(&change.task);
        }
    }

    fn apply(&mut self, change: Change, cx: &mut Context<'_>) -> Option<Response> {
        let position = cx.next_position(cx.log());
        let event = cx.json(&change.event(Some(position)));
        let (topic, room) = self.place(&change.task.repository);
        let answer = match change.kind {
            Kind::Created => Response::json(201, self.store.put(change.task)),
            Kind::Updated => Response::json(200, self.store.put(change.task)),
            Kind::Deleted => {
                self.store.remove(change.task.id);
                Response::empty(204)
            }
        };
        cx.publish_both(topic, [&room, EVERY], event);
        cx.metrics().records[AppId::Tasks as usize] = self.store.count() as u64;
        Some(answer)
    }
}
