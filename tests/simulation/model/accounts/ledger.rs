//! Every publish of a run, in a log for each app, the sessions, and the time of every turn.
//!
//! Every turn has a time of its own, so a message's timestamp tells the turn in which it was published.

use std::collections::HashMap;

use roomcast::metrics::PerApp;
use roomcast::time::Now;

use super::super::dialects::dialect::Dialect;
use super::super::dialects::sessions::Sessions;
use super::log::{Log, Told};
use super::work::WorkDone;

#[derive(Default)]
pub struct Ledger {
    logs: [Log; Dialect::ALL.len()],
    pub sessions: Sessions,
    /// What every turn cost.
    pub work: WorkDone,
    /// The loop's own time in every turn, in milliseconds; a turn is a place in here.
    pub times: Vec<u64>,
    /// The turn of each time on the wall, where no turn's time is another's.
    by_wall: HashMap<String, u32>,
}

impl Ledger {
    /// What was published in an app.
    pub fn log(&self, dialect: Dialect) -> &Log {
        &self.logs[dialect as usize]
    }

    pub fn log_mut(&mut self, dialect: Dialect) -> &mut Log {
        &mut self.logs[dialect as usize]
    }

    /// An app's witness heard this next.
    pub fn hear(&mut self, dialect: Dialect, text: &str) -> Result<(), String> {
        let named = dialect.named(text)?;
        let timestamp = named.timestamp.as_deref();
        let turn = timestamp
            .map(|timestamp| self.turn_of(timestamp))
            .transpose()?;
        let told = Told {
            key: &named.key,
            name: &named.name,
            timestamp: timestamp.unwrap_or_default(),
            position: named.position,
            turn,
        };
        self.log_mut(dialect).hear(text, &told)
    }

    /// Bytes of what was published in this turn.
    pub fn bytes_of(&self, turn: u32) -> u64 {
        self.logs.iter().map(|log| log.bytes_of(turn)).sum()
    }

    /// Every publish that was accepted became a message.
    pub fn check_accepted(&self) -> Result<(), String> {
        self.logs.iter().try_for_each(Log::check_accepted)
    }

    /// One more turn, at this time, by the end of which so many messages had been published in each app.
    pub fn turn(&mut self, now: Now, published: &PerApp) {
        let turn = self.times.len() as u32;
        self.times.push(now.millis().0);
        for dialect in Dialect::ALL {
            let published = published[dialect.app() as usize];
            self.log_mut(dialect).turn(published);
        }
        self.by_wall.insert(now.unix.to_string(), turn);
    }

    /// The time of a turn.
    pub fn time(&self, turn: u32) -> u64 {
        self.times[turn as usize]
    }

    /// The turn that a timestamp names.
    pub fn turn_of(&self, timestamp: &str) -> Result<u32, String> {
        let turn = self.by_wall.get(timestamp).copied();
        turn.ok_or_else(|| format!("{timestamp} is not the time of any turn"))
    }
}
