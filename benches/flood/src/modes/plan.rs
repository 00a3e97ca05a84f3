//! What is to be published: how many messages, how fast, by how many, and how long to wait for what is missing.

use std::time::Duration;

use crate::command::options::Load;

/// A plan for one or more rounds of publishing.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Messages of a round at most, over all rooms.
    pub messages: Option<u32>,
    /// How long a round goes on publishing at most.
    pub duration: Option<Duration>,
    /// Bytes of each delivered payload.
    pub size: usize,
    /// Messages a second; 0 keeps `window` of them in flight instead.
    pub rate: f64,
    /// Messages in flight when there is no rate.
    pub window: u32,
    /// Connections that publish, in turn.
    pub publishers: u32,
    /// Requests without an answer on one of them, at most.
    pub pipeline: usize,
    /// Nothing moved for so long: whatever is missing is not coming.
    pub settle: Duration,
}

impl Plan {
    /// What was asked for; with neither a number nor a time it ends after a thousand messages.
    pub fn of(load: &Load, settle: Duration) -> Plan {
        Plan {
            messages: load.messages.or(load.duration.is_none().then_some(1000)),
            duration: load.duration,
            size: load.size as usize,
            rate: load.rate,
            window: load.window,
            publishers: load.publishers,
            pipeline: load.pipeline as usize,
            settle,
        }
    }

    /// So many messages of that size, the next one when everybody has the last.
    pub fn one_by_one(messages: u32, size: usize, settle: Duration) -> Plan {
        Plan {
            messages: Some(messages),
            duration: None,
            size,
            rate: 0.0,
            window: 1,
            publishers: 1,
            pipeline: 1,
            settle,
        }
    }
}
