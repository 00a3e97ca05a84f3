//! What one client, or all of them, did and saw; every worker has its own, and they are added up in the end.

use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum App {
    Sessions,
    Events,
    Tasks,
    Stream,
    Rooms,
}

impl App {
    pub const ALL: [App; 5] = [
        App::Sessions,
        App::Events,
        App::Tasks,
        App::Stream,
        App::Rooms,
    ];

    /// The label in the metrics.
    pub fn name(self) -> &'static str {
        ["sessions", "events", "tasks", "stream", "rooms"][self as usize]
    }
}

/// One app's messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// Published by a call or by a client.
    pub published: u64,
    /// Meant for a client, each once a client, as far as the clients can know.
    pub expected: u64,
    /// Read by a client.
    pub received: u64,
    /// Notices of drops, and the drops that they told of.
    pub notices: u64,
    pub told: u64,
}

#[derive(Debug, Default)]
pub struct Tally {
    messages: [Messages; App::ALL.len()],
    /// WebSockets that ended, by app and the code that the server counts.
    pub closes: BTreeMap<(App, u16), u64>,
    /// Answers by status, upgrades among them.
    pub statuses: BTreeMap<u16, u64>,
}

impl Tally {
    pub fn of(&mut self, app: App) -> &mut Messages {
        &mut self.messages[app as usize]
    }

    pub fn messages(&self, app: App) -> Messages {
        self.messages[app as usize]
    }

    pub fn close(&mut self, app: App, code: u16) {
        *self.closes.entry((app, code)).or_default() += 1;
    }

    pub fn status(&mut self, status: u16) {
        *self.statuses.entry(status).or_default() += 1;
    }

    /// Adds what another one counted.
    pub fn add(&mut self, other: Tally) {
        for app in App::ALL {
            let (sum, one) = (self.of(app), other.messages(app));
            sum.published += one.published;
            sum.expected += one.expected;
            sum.received += one.received;
            sum.notices += one.notices;
            sum.told += one.told;
        }
        for (key, count) in other.closes {
            *self.closes.entry(key).or_default() += count;
        }
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
    }
}
