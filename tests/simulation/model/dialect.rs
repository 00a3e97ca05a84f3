//! The apps whose members hear what is published to a room: what is said to them, and what everybody hears who has said
//! nothing yet. The words of each are in a file of their own.

use roomcast::id::AppId;

use super::chance::Chance;
use super::events;
use super::ledger::Ledger;
use super::log::Log;

/// An app with members, and a witness among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Events,
}

/// What a text is, beside a message that was published.
#[derive(Debug)]
pub enum Said {
    /// The first word, which comes once.
    Welcome,
    /// So many were missed.
    Lagged(usize),
    /// What somebody published.
    Published,
}

/// What tells a published message from all others.
pub struct Named {
    pub key: String,
    /// The name that the server gave, if it gives any.
    pub name: String,
    pub timestamp: String,
}

/// A request that publishes.
pub struct Publish {
    pub wish: usize,
    pub method: &'static str,
    pub path: String,
    pub body: String,
    pub status: u16,
}

impl Dialect {
    pub const ALL: [Dialect; 1] = [Dialect::Events];

    pub fn app(self) -> AppId {
        match self {
            Dialect::Events => AppId::Events,
        }
    }

    /// Where its members ask for the upgrade.
    pub fn path(self) -> &'static str {
        match self {
            Dialect::Events => "/ws",
        }
    }

    /// What a member is told, and the timestamp that it carries; its form is checked, but for what was published.
    pub fn read(self, text: &str) -> Result<(Said, &str), String> {
        match self {
            Dialect::Events => events::read(text),
        }
    }

    /// What tells this published message from all others.
    pub fn named(self, text: &str) -> Result<Named, String> {
        match self {
            Dialect::Events => events::named(text),
        }
    }

    /// Thinks of something to publish.
    pub fn publish(self, chance: &mut Chance, log: &mut Log) -> Publish {
        match self {
            Dialect::Events => events::publish(chance, log),
        }
    }

    /// A publisher got this answer: how many receivers it names, if it does.
    pub fn accepted(self, wish: usize, body: &str, ledger: &Ledger) -> Result<Option<u32>, String> {
        match self {
            Dialect::Events => events::accepted(wish, body, ledger),
        }
    }
}
