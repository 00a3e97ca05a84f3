//! What must be so: what everybody has been told, held against what is on the disk, and against what everybody else has been told.

use std::collections::{BTreeMap, HashSet};

use roomcast::engine::Table;
use serde_json::Value;

use super::tasks::{Made, Tasks, read};
use crate::kept::disk::Shared;
use crate::model::accounts::log::at;
use crate::model::wire::position::Position;

/// What somebody has been shown of one task, and by when that was so.
struct Shown {
    position: Position,
    id: String,
    body: String,
}

/// A part of the tasks' messages that somebody has followed.
#[derive(Debug)]
pub struct Span {
    /// Of this repository, or of all.
    pub repository: Option<&'static str>,
    /// From behind this number to this one.
    pub from: u64,
    pub to: u64,
    pub heard: Vec<u64>,
}

/// How the hub is, as far as clients may know.
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    /// Its process, counted from 0.
    pub life: u32,
    /// What there was has been taken up.
    pub has_begun: bool,
    /// It has been told to go.
    pub is_going: bool,
    /// It has not let go of the disk.
    pub has_disk: bool,
}

pub struct Book {
    pub disk: Shared,
    pub state: State,
    pub tasks: Tasks,
    /// What was published of the events, by epoch and number.
    events: BTreeMap<(u32, u64), String>,
    events_asked: usize,
    /// The epoch of the events in this life, and those of lives before.
    pub epoch: Option<u32>,
    pub old_epochs: HashSet<u32>,
    newest_event: u64,
    /// The tasks' only one.
    tasks_epoch: Option<u32>,
    shown: Vec<Shown>,
    spans: Vec<Span>,
    /// Doubts when this life began.
    doubts: u64,
    /// The newest numbers, of the tasks and of the events, that anybody had heard before this turn.
    newest_before: (u64, u64),
}

impl Book {
    pub fn new(disk: Shared) -> Book {
        Book {
            disk,
            state: State {
                has_disk: true,
                ..State::default()
            },
            tasks: Tasks::default(),
            events: BTreeMap::new(),
            events_asked: 0,
            epoch: None,
            old_epochs: HashSet::new(),
            newest_event: 0,
            tasks_epoch: None,
            shown: Vec::new(),
            spans: Vec::new(),
            doubts: 0,
            newest_before: (0, 0),
        }
    }

    /// Another process begins; the last one has stopped in good order, or not.
    pub fn begin_life(&mut self, is_clean: bool) {
        if !is_clean {
            self.old_epochs.extend(self.epoch.take());
            self.newest_event = 0;
        }
        // As long as nothing has been published, nobody waits until the numbering itself is on the disk.
        if !self.disk.borrow().state().logs.contains_key("tasks") {
            self.tasks_epoch = None;
        }
        self.look();
        self.doubts = self.disk.borrow().doubts;
        self.state = State {
            life: self.state.life + 1,
            has_disk: true,
            ..State::default()
        };
    }

    /// A turn is over: everybody hears what has come of it.
    pub fn look(&mut self) {
        self.newest_before = (self.tasks.newest, self.newest_event());
    }

    /// The newest numbers, of the tasks and of the events, that anybody had heard before this turn.
    pub fn newest_before(&self) -> (u64, u64) {
        self.newest_before
    }

    /// Whether in this life something was written of which nobody knows whether it is there.
    pub fn is_in_doubt(&self) -> bool {
        self.disk.borrow().doubts > self.doubts
    }

    /// The number of an event that is asked for now.
    pub fn wish_event(&mut self) -> usize {
        self.events_asked += 1;
        self.events_asked
    }

    /// The tasks are of one epoch, whatever happens.
    pub fn place_tasks(&mut self, position: Position) -> Result<u64, String> {
        let epoch = *self.tasks_epoch.get_or_insert(position.epoch);
        match position.epoch == epoch {
            true => Ok(position.number),
            false => Err(format!("{position} is not of the epoch {epoch:08x}")),
        }
    }

    /// The events are of one epoch from a start to the next, and of the same one after a stop in good order.
    pub fn place_events(&mut self, position: Position) -> Result<u64, String> {
        if self.old_epochs.contains(&position.epoch) {
            return Err(format!("{position} is of an epoch that has ended"));
        }
        let epoch = *self.epoch.get_or_insert(position.epoch);
        if position.epoch != epoch {
            return Err(format!("{position} is not of the epoch {epoch:08x}"));
        }
        self.newest_event = self.newest_event.max(position.number);
        Ok(position.number)
    }

    /// Somebody has heard a message of the tasks: it is on the disk by now, just so.
    pub fn hear_task(&mut self, text: &str, position: Position) -> Result<(), String> {
        let number = self.place_tasks(position)?;
        let disk = self.disk.borrow();
        let post = disk.post("tasks", position.epoch, number);
        let post = post.ok_or_else(|| format!("{text} was heard before it was so"))?;
        if at(post, &position.to_string()) != text {
            return Err(format!("{text} is kept as {post}"));
        }
        drop(disk);
        self.tasks.hear(text, number, self.state.life)
    }

    /// Somebody has heard an event: whoever hears of its number hears the same.
    pub fn hear_event(&mut self, text: &str, position: Position) -> Result<(), String> {
        let number = self.place_events(position)?;
        let before = self.events.entry((position.epoch, number));
        let before = before.or_insert_with(|| text.into());
        match before == text {
            true => Ok(()),
            false => Err(format!("{text} has the number of {before}")),
        }
    }

    /// The newest number of the events that anybody has been told in this epoch.
    pub fn newest_event(&self) -> u64 {
        self.newest_event
    }

    /// The position before the first message of the tasks, if any has been told.
    pub fn first(&self) -> Option<Position> {
        let epoch = self.tasks_epoch?;
        Some(Position { epoch, number: 0 })
    }

    /// Somebody has been shown a task.
    pub fn show(&mut self, position: Position, id: &str, body: &str) -> Result<(), String> {
        self.place_tasks(position)?;
        let (id, body) = (id.into(), body.into());
        self.shown.push(Shown { position, id, body });
        Ok(())
    }

    /// Somebody has followed the tasks so far.
    pub fn follow(&mut self, span: Span) {
        self.spans.push(span);
    }

    /// The number of the newest message of the tasks that is so.
    pub fn newest_so(&self) -> u64 {
        let disk = self.disk.borrow();
        disk.state().logs.get("tasks").map_or(0, |log| log.number)
    }

    /// Whatever somebody was told, at any time, fits to what has become so.
    pub fn check(&self) -> Result<(), String> {
        let disk = self.disk.borrow();
        let posts = disk.posts("tasks");
        let posts: BTreeMap<u64, String> = posts
            .map(|(_, number, text)| (number, text.to_owned()))
            .collect();
        let newest = posts.keys().last().copied().unwrap_or(0);
        if posts.len() as u64 != newest {
            return Err(format!("of {newest} numbers {} are given", posts.len()));
        }
        self.tasks.check(&posts)?;
        let made = self.check_shown(&posts)?;
        for span in &self.spans {
            let mut expected = Vec::new();
            let behind = posts
                .range(span.from..)
                .filter(|(number, _)| **number > span.from);
            for (number, text) in behind.take_while(|(number, _)| **number <= span.to) {
                let repository = &read(text)?["data"]["repository"];
                if span.repository.is_none_or(|only| repository == only) {
                    expected.push(*number);
                }
            }
            if span.heard != expected {
                return Err(format!("{span:?}, and {expected:?} was published"));
            }
        }
        let records = disk.state().records.iter();
        let records = records.filter(|((table, _), _)| *table == Table::Tasks);
        let records: Vec<Value> = records.map(|(_, it)| read(it)).collect::<Result<_, _>>()?;
        let made: Vec<Value> = made.0.into_values().collect();
        match records == made {
            true => Ok(()),
            false => Err(format!("{records:?} are there, and {made:?} were told")),
        }
    }

    /// Whatever was shown is what the messages up to there had made of it. Gives what all of them have made.
    fn check_shown(&self, posts: &BTreeMap<u64, String>) -> Result<Made, String> {
        let mut shown: Vec<&Shown> = self.shown.iter().collect();
        shown.sort_by_key(|shown| shown.position.number);
        let (mut made, mut shown) = (Made::default(), shown.into_iter().peekable());
        let ends = posts.iter().map(|(number, text)| (*number, Some(text)));
        for (number, text) in [(0, None)].into_iter().chain(ends) {
            text.map_or(Ok(()), |text| made.add(text))?;
            while let Some(Shown { position, id, body }) =
                shown.next_if(|shown| shown.position.number == number)
            {
                if made.0.get(id) != Some(&read(body)?) {
                    return Err(format!("at {position}, {id} was shown as {body}"));
                }
            }
        }
        match shown.next() {
            Some(shown) => Err(format!("{} is no position yet", shown.position)),
            None => Ok(made),
        }
    }

    /// All tasks as the messages have made them, in the order of their identifiers.
    pub fn all(&self) -> Result<Vec<Value>, String> {
        let (disk, mut made) = (self.disk.borrow(), Made::default());
        for (_, _, text) in disk.posts("tasks") {
            made.add(text)?;
        }
        Ok(made.0.into_values().collect())
    }
}
