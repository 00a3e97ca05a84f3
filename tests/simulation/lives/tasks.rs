//! What is known of tasks: which changes were asked for, and what came of each; and what the messages make of them.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

/// The repositories there are.
pub const REPOSITORIES: [&str; 3] = ["web", "web/é", "repo:web"];

/// A change that somebody has asked for; it is told from all others by its description, or as the deletion of its task.
#[derive(Debug, Default)]
pub struct Wish {
    /// The life in which it was answered with a success.
    pub done: Option<u32>,
    /// The life in which it was refused for the disk's sake, and whether something was in doubt by then.
    pub refused: Option<(u32, bool)>,
    /// The number of its message, once somebody has heard it.
    pub heard: Option<u64>,
}

/// A task that somebody has been told of.
#[derive(Debug)]
pub struct Known {
    pub id: String,
    /// Somebody has asked for its deletion, and has been told that it is deleted.
    pub is_going: bool,
    pub is_gone: bool,
}

/// All changes, and all tasks that anybody knows.
#[derive(Debug, Default)]
pub struct Tasks {
    wishes: HashMap<String, Wish>,
    pub known: Vec<Known>,
    /// The newest number that anybody has heard.
    pub newest: u64,
    asked: usize,
}

impl Tasks {
    /// A description unlike any other.
    pub fn wish(&mut self) -> String {
        self.asked += 1;
        let mark = format!("wish {}", self.asked);
        self.wishes.insert(mark.clone(), Wish::default());
        mark
    }

    /// What tells the deletion of a task, which is asked for now.
    pub fn wish_gone(&mut self, task: usize) -> String {
        self.known[task].is_going = true;
        let mark = format!("gone {}", self.known[task].id);
        self.wishes.entry(mark.clone()).or_default();
        mark
    }

    pub fn wished(&mut self, mark: &str) -> Result<&mut Wish, String> {
        let found = self.wishes.get_mut(mark);
        found.ok_or_else(|| format!("nobody asked for {mark:?}"))
    }

    /// Somebody has been told of this task.
    pub fn learn(&mut self, id: &str) {
        if !self.known.iter().any(|known| known.id == id) {
            self.known.push(Known {
                id: id.into(),
                is_going: false,
                is_gone: false,
            });
        }
    }

    /// Somebody has heard this message, in this life.
    pub fn hear(&mut self, text: &str, number: u64, life: u32) -> Result<(), String> {
        let message = read(text)?;
        let wish = self.wished(&mark(&message))?;
        let is_one = *wish.heard.get_or_insert(number) == number;
        if !is_one {
            return Err(format!("{text} was published twice"));
        }
        if let Some((refused, in_doubt)) = wish.refused
            && (refused == life || !in_doubt)
        {
            return Err(format!(
                "{text} was refused in life {refused}, and heard in {life}"
            ));
        }
        self.newest = self.newest.max(number);
        Ok(())
    }

    /// Holds all changes against what has become so, by number.
    pub fn check(&self, posts: &BTreeMap<u64, String>) -> Result<(), String> {
        let mut so: HashMap<String, u64> = HashMap::new();
        for (number, text) in posts {
            let mark = mark(&read(text)?);
            if !self.wishes.contains_key(&mark) {
                return Err(format!("nobody asked for {text}"));
            }
            if so.insert(mark, *number).is_some() {
                return Err(format!("{text} was done twice"));
            }
        }
        for (mark, wish) in &self.wishes {
            let is_so = so.get(mark);
            if wish.done.is_some() && is_so.is_none() {
                return Err(format!("{mark:?} was answered, and is not there: {wish:?}"));
            }
            if wish.heard.is_some() && is_so != wish.heard.as_ref() {
                return Err(format!("{mark:?} is at {is_so:?}: {wish:?}"));
            }
            if wish.refused.is_some_and(|(_, in_doubt)| !in_doubt) && is_so.is_some() {
                return Err(format!("{mark:?} was refused, and is there: {wish:?}"));
            }
        }
        Ok(())
    }
}

/// What messages make of the tasks: each by its identifier, as JSON.
#[derive(Debug, Default)]
pub struct Made(pub BTreeMap<String, Value>);

impl Made {
    /// This message comes next.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let message = read(text)?;
        let data = &message["data"];
        let id = data["task_id"].as_str().unwrap_or_default().to_owned();
        let before = self.0.remove(&id);
        match (message["type"].as_str(), before) {
            (Some("task.created"), None) => {
                self.0.insert(id, data["task"].clone());
            }
            // It was decided from what it was.
            (Some("task.updated"), Some(mut before)) => {
                let after = &data["task"];
                for field in ["description", "updated_at", "status"] {
                    if field != "status" || is_settled(after) {
                        before[field] = after[field].clone();
                    }
                }
                if before != *after {
                    return Err(format!("{text} must be made from {before}"));
                }
                self.0.insert(id, before);
            }
            (Some("task.deleted"), Some(_)) => {}
            (_, before) => return Err(format!("{text} comes after {before:?}")),
        }
        Ok(())
    }
}

/// Whether the change that made a task what it is has said what its status is to be: every other one does.
fn is_settled(task: &Value) -> bool {
    let description = task["description"].as_str().unwrap_or_default();
    says_status(description)
}

/// Whether the change of this description says what the status is to be.
pub fn says_status(description: &str) -> bool {
    description.ends_with(['1', '3', '5', '7', '9'])
}

/// What a message is told by.
fn mark(message: &Value) -> String {
    let data = &message["data"];
    match data["task"]["description"].as_str() {
        Some(description) => description.into(),
        None => format!("gone {}", data["task_id"].as_str().unwrap_or_default()),
    }
}

pub fn read(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|why| format!("not JSON: {why}: {text}"))
}
