//! The apps whose members hear what is published to a room: what is said to them, and what everybody hears who has said
//! nothing yet. The words of each are in a file of their own.

use roomcast::id::AppId;

use super::super::accounts::ledger::Ledger;
use super::super::accounts::log::Log;
use super::super::accounts::standing::{Command, Wants};
use super::super::clients::heard::Answer;
use super::super::runs::chance::Chance;
use super::super::wire::position::{Outcome, Position, Since};
use super::events;
use super::stream;
use super::tasks::{self, Task};

/// An app with members, and a witness among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Events,
    Tasks,
    Stream,
}

/// What a text is, beside a message that was published.
#[derive(Debug)]
pub enum Said {
    /// The first word, which comes once.
    Welcome(Outcome),
    /// So many were missed, behind this position.
    Lagged(usize, Option<Position>),
    /// What answers a command, and what it says of what follows.
    Answer(Option<Outcome>),
    /// A sign of life.
    Beat,
    /// What somebody published, and its position.
    Published(Position),
}

/// What tells a published message from all others.
pub struct Named {
    pub key: String,
    /// The name that the server gave, if it gives any.
    pub name: String,
    pub timestamp: Option<String>,
    pub position: Position,
}

/// A request that publishes.
pub struct Publish {
    pub wish: usize,
    pub method: &'static str,
    pub path: String,
    /// One header more, or none.
    pub header: &'static str,
    pub body: String,
    pub status: u16,
}

impl Dialect {
    pub const ALL: [Dialect; 3] = [Dialect::Events, Dialect::Tasks, Dialect::Stream];

    pub fn app(self) -> AppId {
        match self {
            Dialect::Events => AppId::Events,
            Dialect::Tasks => AppId::Tasks,
            Dialect::Stream => AppId::Stream,
        }
    }

    /// Where its members ask for the upgrade.
    pub fn path(self) -> &'static str {
        match self {
            Dialect::Events => "/ws",
            Dialect::Tasks => {
                "/api/v1/tasks/ws?version=1.0&api_key=a%20key%20of%20the%20simulation"
            }
            Dialect::Stream => "/v1/stream",
        }
    }

    /// What a member is told, and the timestamp that it carries, if it does; its form is checked, but for what was published.
    pub fn read(self, text: &str) -> Result<(Said, Option<&str>), String> {
        match self {
            Dialect::Events => events::read(text),
            Dialect::Tasks => tasks::read(text),
            Dialect::Stream => stream::read(text),
        }
    }

    /// What tells this published message from all others.
    pub fn named(self, text: &str) -> Result<Named, String> {
        match self {
            Dialect::Events => events::named(text),
            Dialect::Tasks => tasks::named(text),
            Dialect::Stream => stream::named(text),
        }
    }

    /// Thinks of something to publish.
    pub fn publish(self, chance: &mut Chance, log: &mut Log, tasks: &mut Vec<Task>) -> Publish {
        match self {
            Dialect::Events => events::publish(chance, log),
            Dialect::Tasks => tasks::publish(chance, log, tasks),
            Dialect::Stream => stream::publish(chance, log),
        }
    }

    /// A publisher got this answer.
    pub fn accepted(self, wish: usize, body: &str, ledger: &mut Ledger) -> Result<(), String> {
        let receivers = match self {
            Dialect::Events => Some(events::accepted(wish, body, ledger)?),
            Dialect::Tasks => {
                tasks::accepted(wish, body, ledger)?;
                None
            }
            Dialect::Stream => {
                stream::accepted(ledger.log(self).count(wish), body)?;
                None
            }
        };
        ledger.log_mut(self).accepted(wish, receivers);
        Ok(())
    }

    /// What everybody wants who has said nothing yet.
    pub fn wants(self) -> &'static [&'static str] {
        match self {
            Dialect::Events => &["*"],
            Dialect::Tasks | Dialect::Stream => &[],
        }
    }

    /// Whether a first word comes unasked.
    pub fn welcomes(self) -> bool {
        self == Dialect::Events
    }

    /// Something that a member says of what it wants, given what it wants now, and since when it has not got that; none
    /// where it has nothing to say.
    pub fn command(
        self,
        chance: &mut Chance,
        wants: &Wants,
        since: Option<Since>,
    ) -> Option<(String, Command)> {
        match self {
            Dialect::Events => since.map(events::resume),
            Dialect::Tasks => Some(tasks::command(chance, wants, since)),
            Dialect::Stream => Some(stream::command(chance, wants, since)),
        }
    }

    /// Whether it gives a sign of life of its own in every interval of pings.
    pub fn beats(self) -> bool {
        self == Dialect::Tasks
    }

    /// Whether this answers this command, whatever it says of what follows.
    pub fn is_answer(self, answer: &Answer, command: &Command) -> bool {
        match self {
            Dialect::Events | Dialect::Stream => command.answer.is_some(),
            Dialect::Tasks => tasks::is_answer(answer, command),
        }
    }

    /// What a witness has to say before it hears everything.
    pub fn enrol(self) -> Option<(String, Command)> {
        match self {
            Dialect::Events => None,
            Dialect::Tasks => Some(tasks::subscribe_to_all()),
            Dialect::Stream => Some(stream::subscribe_to_all()),
        }
    }
}
