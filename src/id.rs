//! Small numbers instead of pointers.

use std::fmt;

/// One connection, for as long as it lives: the key of its slab entry and of every column, and the generation that
/// tells it from an earlier holder of the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    /// The index into every column.
    pub key: u32,
    /// Counts the connections accepted, and so differs for each holder of a key.
    pub generation: u32,
}

impl ConnId {
    /// No connection: a key that is never given out.
    pub const NOBODY: ConnId = ConnId {
        key: u32::MAX,
        generation: 0,
    };

    /// The poll token: `generation << 32 | key`.
    pub fn token(self) -> usize {
        (self.generation as usize) << 32 | self.key as usize
    }

    /// The connection that a poll token names; it may be long gone.
    pub fn from_token(token: usize) -> ConnId {
        ConnId {
            key: token as u32,
            generation: (token >> 32) as u32,
        }
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.generation)
    }
}

/// A room of the hub; reused once the room is empty, so nobody keeps one for longer than a turn without being in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(pub u32);

/// A log: what is published in one numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogId(pub u32);

/// What an entry of a log is about, as its app numbers it: what a reader that does not want everything goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(pub u64);

/// The apps: five dialects, and the operator's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum AppId {
    /// Health, metrics, echo and pages.
    Ops,
    /// Notifications for one session.
    Sessions,
    /// One broadcast to everybody.
    Events,
    /// Task changes, filtered by repository.
    Tasks,
    /// Public channels of a block explorer.
    Stream,
    /// Game rooms with chat.
    Rooms,
}

impl AppId {
    /// Every app, in the order of its number.
    pub const ALL: [AppId; 6] = [
        AppId::Ops,
        AppId::Sessions,
        AppId::Events,
        AppId::Tasks,
        AppId::Stream,
        AppId::Rooms,
    ];

    /// The name in settings and metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            AppId::Ops => "ops",
            AppId::Sessions => "sessions",
            AppId::Events => "events",
            AppId::Tasks => "tasks",
            AppId::Stream => "stream",
            AppId::Rooms => "rooms",
        }
    }
}
