//! An engine in the hands of a test: what is submitted waits until the test lets it become so, or not.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use roomcast::engine::{Engine, Heard, Job, Outcome, Restored, Row, Table};
use roomcast::id::AppId;
use roomcast::time::Unix;

/// What is kept, and outlives the process.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    records: BTreeMap<(Table, String), String>,
    logs: BTreeMap<String, Log>,
}

#[derive(Clone, Debug)]
struct Log {
    epoch: u32,
    number: u64,
    posts: Vec<Post>,
}

#[derive(Clone, Debug)]
struct Post {
    number: u64,
    topic: String,
    at: Unix,
    text: String,
}

#[derive(Default)]
struct State {
    /// Of all processes that share the engine.
    kept: Rc<RefCell<Kept>>,
    submitted: VecDeque<Job>,
    outcomes: VecDeque<Outcome>,
    /// What has become so and another process has not heard, if another shares the engine.
    heard: Option<Vec<Heard>>,
    asked: Vec<Asked>,
}

/// What is asked for of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Copy(u64, bool),
    Read(u64),
    Drop(u64),
}

/// The engine, as the reactor has it.
pub struct Holding(Rc<RefCell<State>>);

/// The same, as the test has it.
pub struct Hand(Rc<RefCell<State>>);

/// An engine that has kept nothing, and that other processes may share.
pub fn sharing() -> (Holding, Hand) {
    begun(Rc::default(), Some(Vec::new()))
}

/// An engine that has kept this.
pub fn holding(kept: Kept) -> (Holding, Hand) {
    begun(Rc::new(RefCell::new(kept)), None)
}

fn begun(kept: Rc<RefCell<Kept>>, heard: Option<Vec<Heard>>) -> (Holding, Hand) {
    let outcomes = kept.borrow().restored().map(Outcome::Restored);
    let outcomes = outcomes.chain([Outcome::Started]).collect();
    let state = Rc::new(RefCell::new(State {
        kept,
        outcomes,
        heard,
        ..State::default()
    }));
    (Holding(Rc::clone(&state)), Hand(state))
}

impl Hand {
    /// All that waits becomes so.
    pub fn commit(&self) {
        while self.commit_oldest() {}
    }

    /// The oldest that waits becomes so; false if nothing does.
    pub fn commit_oldest(&self) -> bool {
        let mut state = self.0.borrow_mut();
        let Some(job) = state.submitted.pop_front() else {
            return false;
        };
        let heard = state.kept.borrow_mut().take(job.rows);
        if let Some(all) = &mut state.heard {
            all.extend(heard);
        }
        state.outcomes.extend(job.serial.map(Outcome::Committed));
        true
    }

    /// All that waits fails, but what nobody waits for.
    pub fn fail(&self) {
        let mut state = self.0.borrow_mut();
        while let Some(job) = state.submitted.pop_front() {
            match job.serial {
                Some(serial) => state.outcomes.push_back(Outcome::Failed(serial)),
                None => _ = state.kept.borrow_mut().take(job.rows),
            }
        }
    }

    /// Something is told.
    pub fn tell(&self, outcome: Outcome) {
        self.0.borrow_mut().outcomes.push_back(outcome);
    }

    /// What has become so since this was last asked, as another process hears it.
    pub fn heard(&self) -> Vec<Heard> {
        let mut state = self.0.borrow_mut();
        state.heard.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Another process that shares the engine, which this one has from its start.
    pub fn shared(&self) -> (Holding, Hand) {
        begun(Rc::clone(&self.0.borrow().kept), Some(Vec::new()))
    }

    /// What has been asked for of copies since this was last asked.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.0.borrow_mut().asked)
    }

    /// How many jobs wait.
    pub fn waiting(&self) -> usize {
        self.0.borrow().submitted.len()
    }

    /// What is kept.
    pub fn kept(&self) -> Kept {
        self.0.borrow().kept.borrow().clone()
    }

    /// The records of one table, by their keys.
    pub fn records(&self, table: Table) -> Vec<(String, String)> {
        let state = self.0.borrow();
        let kept = state.kept.borrow();
        let records = kept.records.iter();
        let records = records.filter(|((of, _), _)| *of == table);
        records
            .map(|((_, key), record)| (key.clone(), record.clone()))
            .collect()
    }
}

impl Engine for Holding {
    fn keeps(&self) -> bool {
        true
    }

    fn shares(&self) -> bool {
        self.0.borrow().heard.is_some()
    }

    fn submit(&mut self, job: Job) {
        let mut state = self.0.borrow_mut();
        let is_failing = |it: &Outcome| matches!(it, Outcome::Failed(_));
        match job.serial {
            Some(serial) if state.outcomes.iter().any(is_failing) => {
                state.outcomes.push_back(Outcome::Failed(serial));
            }
            _ => state.submitted.push_back(job),
        }
    }

    fn send(&mut self) {}

    fn next(&mut self) -> Option<Outcome> {
        self.0.borrow_mut().outcomes.pop_front()
    }

    fn copy(&mut self, number: u64, with_secret: bool) {
        let asked = Asked::Copy(number, with_secret);
        self.0.borrow_mut().asked.push(asked);
    }

    fn read_copy(&mut self, number: u64) {
        self.0.borrow_mut().asked.push(Asked::Read(number));
    }

    fn drop_copy(&mut self, number: u64) {
        self.0.borrow_mut().asked.push(Asked::Drop(number));
    }

    fn stop(&mut self, last: Vec<Row>) {
        let mut state = self.0.borrow_mut();
        state.kept.borrow_mut().take(last);
        state.outcomes.push_back(Outcome::Stopped);
    }
}

impl Kept {
    /// What is there after a record was written by hand.
    pub fn with(mut self, table: Table, key: &str, record: &str) -> Kept {
        self.records
            .insert((table, key.to_owned()), record.to_owned());
        self
    }

    /// Makes rows so; what another process hears of them, if there are any.
    fn take(&mut self, rows: Vec<Row>) -> Option<Heard> {
        let app = match rows.first()? {
            Row::Put { table, .. } | Row::Delete { table, .. } | Row::DeleteRange { table, .. } => {
                table.app()
            }
            Row::Open { log, .. } | Row::Post { log, .. } | Row::Close { log } => {
                let name = log.split('/').next().unwrap();
                *AppId::ALL.iter().find(|app| app.name() == name).unwrap()
            }
        };
        let mut heard = Heard {
            app,
            rows: rows.clone(),
            numbers: Vec::new(),
        };
        for row in rows {
            match row {
                Row::Put { table, key, record } => {
                    self.records.insert((table, key), record);
                }
                Row::Delete { table, key } => {
                    self.records.remove(&(table, key));
                }
                Row::DeleteRange { table, from, to } => {
                    let is_meant = |key: &String| (&from..&to).contains(&key);
                    self.records
                        .retain(|(of, key), _| *of != table || !is_meant(key));
                }
                Row::Open { log, epoch, number } => {
                    let posts = Vec::new();
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
                    let log = self.logs.get_mut(&log).expect("a log is open");
                    log.number += 1;
                    let number = log.number;
                    heard.numbers.push(number);
                    log.posts.push(Post {
                        number,
                        topic,
                        at,
                        text,
                    });
                }
                Row::Close { log } => {
                    self.logs.remove(&log);
                }
            }
        }
        Some(heard)
    }

    fn restored(&self) -> impl Iterator<Item = Restored> + use<> {
        let records = self.records.iter();
        let records = records.map(|((table, key), record)| Restored::Record {
            table: *table,
            key: key.clone(),
            record: record.clone(),
        });
        let logs = self.logs.iter().flat_map(|(name, log)| {
            let first = log.posts.first().map_or(log.number + 1, |post| post.number);
            let opened = Restored::Log {
                log: name.clone(),
                epoch: log.epoch,
                number: log.number,
                first,
            };
            let posts = log.posts.iter().map(|post| Restored::Post {
                log: name.clone(),
                number: post.number,
                topic: post.topic.clone(),
                at: post.at,
                text: post.text.clone(),
            });
            [opened].into_iter().chain(posts).collect::<Vec<_>>()
        });
        let secret = [Restored::Secret(vec![7; 32])];
        let all: Vec<Restored> = secret.into_iter().chain(records).chain(logs).collect();
        all.into_iter()
    }
}
