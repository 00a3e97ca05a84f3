//! One task, its id and the words for its states.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::apps::word::Word;
use crate::time::Unix;

/// A task's id: when it was created, and what nobody can guess. Ids are ordered as their tasks were created, and stay
/// so when tasks are deleted or the server starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(pub u128);

/// Where a task stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has begun.
    #[default]
    Pending,
    /// It is being worked on.
    InProgress,
    /// Done.
    Completed,
    /// Not to be done.
    Cancelled,
}

/// How much a task matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Less than others.
    Low,
    /// Like others.
    #[default]
    Medium,
    /// More than others.
    High,
}

/// A task, as everybody sees it, and as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its name in the world.
    pub id: TaskId,
    /// What it belongs to.
    pub repository: String,
    /// What is to be done.
    pub title: String,
    /// More about that.
    pub description: String,
    /// Where it stands.
    pub status: Status,
    /// How much it matters.
    pub priority: Priority,
    /// When it was created.
    pub created_at: Unix,
    /// When something last changed.
    pub updated_at: Unix,
}

/// What is to change in a task; what is absent, or null, stays.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// What is to be done.
    pub title: Option<String>,
    /// More about that.
    pub description: Option<String>,
    /// Where it stands.
    pub status: Option<Word<Status>>,
    /// How much it matters.
    pub priority: Option<Word<Priority>>,
}

impl TaskId {
    /// Reads an id, exactly as it is written.
    pub fn parse(text: &str) -> Option<TaskId> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(TaskId)
    }
}

impl Task {
    /// The bytes that clients have put into it.
    pub fn bytes(&self) -> u64 {
        (self.repository.len() + self.title.len() + self.description.len()) as u64
    }

    /// The task as it will be, if that differs from what it is.
    pub fn patched(&self, patch: Patch, updated_at: Unix) -> Option<Task> {
        let was = self;
        let patched = Task {
            title: patch.title.unwrap_or_else(|| was.title.clone()),
            description: patch.description.unwrap_or_else(|| was.description.clone()),
            status: patch.status.map_or(was.status, |Word(status)| status),
            priority: patch
                .priority
                .map_or(was.priority, |Word(priority)| priority),
            repository: was.repository.clone(),
            ..*was
        };
        (patched != *was).then_some(Task {
            updated_at,
            ..patched
        })
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl<'de> Deserialize<'de> for TaskId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TaskId, D::Error> {
        let text = String::deserialize(deserializer)?;
        TaskId::parse(&text).ok_or_else(|| D::Error::custom("no id of a task"))
    }
}

impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
