//! What is so: records, and logs with their posts, as the rows of one job after the other have made it.

use std::collections::BTreeMap;

use roomcast::bounds::{Bounds, Durability};
use roomcast::engine::{Job, Restored, Row, Table};
use roomcast::id::AppId;
use roomcast::time::Unix;

/// Everything that is so.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub records: BTreeMap<(Table, String), String>,
    pub logs: BTreeMap<String, Log>,
    /// The last process has said that this is all.
    pub is_clean: bool,
}

/// A numbering, and what is kept of it.
#[derive(Clone, Debug)]
pub struct Log {
    pub epoch: u32,
    pub number: u64,
    pub posts: BTreeMap<u64, Post>,
}

/// A message, without its position.
#[derive(Clone, Debug)]
pub struct Post {
    pub topic: String,
    pub at: Unix,
    pub text: String,
}

/// A message that has got its position.
pub struct Posted<'a> {
    pub log: &'a str,
    pub epoch: u32,
    pub number: u64,
    pub text: &'a str,
}

impl State {
    /// Makes a job so, and says which messages got which positions.
    ///
    /// # Panics
    /// If a message is published in no log: then an app has forgotten to open it.
    pub fn apply(&mut self, job: &Job, bounds: &Bounds, mut posted: impl FnMut(Posted<'_>)) {
        for row in &job.rows {
            match row.clone() {
                Row::Put { table, key, record } => {
                    self.records.insert((table, key), record);
                }
                Row::Delete { table, key } => {
                    self.records.remove(&(table, key));
                }
                Row::DeleteRange { table, from, to } => self
                    .records
                    .retain(|(other, key), _| *other != table || *key < from || *key >= to),
                Row::Open { log, epoch, number } => {
                    let posts = BTreeMap::new();
                    let opened = Log {
                        epoch,
                        number,
                        posts,
                    };
                    self.logs.insert(log, opened);
                }
                Row::Post {
                    log,
                    topic,
                    at,
                    text,
                } => {
                    let messages_max = bounds.app(owner(&log)).history.messages_max;
                    let found = self.logs.get_mut(&log);
                    let found = found.unwrap_or_else(|| panic!("there is no log {log}"));
                    found.number += 1;
                    posted(Posted {
                        log: &log,
                        epoch: found.epoch,
                        number: found.number,
                        text: &text,
                    });
                    found.posts.insert(found.number, Post { topic, at, text });
                    while found.posts.len() > messages_max as usize {
                        found.posts.pop_first();
                    }
                }
                Row::Close { log } => {
                    self.logs.remove(&log);
                }
            }
        }
    }

    /// Begins anew with what is there: a numbering of which something may be missing gets another epoch, drawn here, and what only a
    /// clean stop writes is struck. Gives back what there was, in the order in which an engine does.
    pub fn take_up(
        &mut self,
        bounds: &Bounds,
        now: Unix,
        mut epoch: impl FnMut() -> u32,
    ) -> Vec<Restored> {
        let is_clean = std::mem::take(&mut self.is_clean);
        let mut restored: Vec<Restored> = Vec::new();
        for ((table, key), record) in &self.records {
            let durability = bounds.app(table.app()).durability;
            if durability != Durability::None {
                restored.push(Restored::Record {
                    table: *table,
                    key: key.clone(),
                    record: record.clone(),
                });
            }
        }
        for (name, log) in &mut self.logs {
            let app = bounds.app(owner(name));
            if app.durability == Durability::Lazy && !is_clean {
                log.epoch = epoch();
            }
            let oldest = now.0.saturating_sub(app.history.age.0);
            let is_old = |post: &Post| post.at.0 < oldest;
            let old = log.posts.iter().rfind(|(_, post)| is_old(post));
            let first = old.map(|(number, _)| number + 1);
            let first = first.or(log.posts.keys().next().copied());
            let first = first.unwrap_or(log.number + 1);
            if app.durability == Durability::None {
                continue;
            }
            restored.push(Restored::Log {
                log: name.clone(),
                epoch: log.epoch,
                number: log.number,
                first,
            });
            let posts = log.posts.range(first..);
            restored.extend(posts.map(|(number, post)| Restored::Post {
                log: name.clone(),
                number: *number,
                topic: post.topic.clone(),
                at: post.at,
                text: post.text.clone(),
            }));
        }
        for app in [AppId::Events, AppId::Stream] {
            self.logs.remove(app.name());
        }
        restored
    }
}

/// The app whose log this is.
fn owner(log: &str) -> AppId {
    let (name, _) = log.split_once('/').unwrap_or((log, ""));
    let owner = AppId::ALL.into_iter().find(|app| app.name() == name);
    owner.unwrap_or_else(|| panic!("{log} is no app's"))
}
