//! What passes the seam: rows, as an app wants them to be, and as they are given back.
//!
//! A record is JSON that a person can read, under a key that is the app's business. A post is a message of a log, without its
//! position, which is put behind it when it is known: `{"type":"…","position":"…"}`.

use crate::id::AppId;
use crate::time::Unix;

/// Where records of one kind are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Table {
    /// Sessions, by their identifiers.
    Sessions,
    /// Tasks, by their identifiers.
    Tasks,
    /// Rooms, by their identifiers.
    Rooms,
    /// Players, by room and player, as `ROOM_ID/PLAYER_ID`.
    Players,
    /// Chat messages, by room and message, as `ROOM_ID/MESSAGE_ID`.
    Messages,
}

/// Something that shall be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// There is this record, instead of any of the same key.
    Put {
        /// Where.
        table: Table,
        /// Its key.
        key: String,
        /// Its JSON.
        record: String,
    },
    /// There is none of this key.
    Delete {
        /// Where.
        table: Table,
        /// Its key.
        key: String,
    },
    /// There is none whose key is at least the one and below the other.
    DeleteRange {
        /// Where.
        table: Table,
        /// The least of the keys.
        from: String,
        /// The least key that is not meant.
        to: String,
    },
    /// There is this log, empty, instead of any of the same name: its next message has the number behind this one.
    Open {
        /// Its name: that of its app, or `rooms/ROOM_ID`.
        log: String,
        /// The life of its numbering.
        epoch: u32,
        /// The number of its newest message.
        number: u64,
    },
    /// A message is published in a log.
    Post {
        /// The log's name.
        log: String,
        /// What it is about, if readers go by that.
        topic: String,
        /// When it was published.
        at: Unix,
        /// Its JSON, without its position.
        text: String,
    },
    /// There is no log of this name.
    Close {
        /// The log's name.
        log: String,
    },
}

/// What was there at the start, in this order: the secret, records by table, those of a table in the order in which they were
/// first put, logs, and their posts by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored {
    /// What signs, made when the store was.
    Secret(Vec<u8>),
    /// A record.
    Record {
        /// Where it was.
        table: Table,
        /// Its key.
        key: String,
        /// Its JSON.
        record: String,
    },
    /// A log.
    Log {
        /// Its name.
        log: String,
        /// The life of its numbering.
        epoch: u32,
        /// The number of its newest message.
        number: u64,
        /// The number of the oldest one that follows; one more than the newest, if none does.
        first: u64,
    },
    /// A message of the log that was given last.
    Post {
        /// The log's name.
        log: String,
        /// Its number.
        number: u64,
        /// What it is about.
        topic: String,
        /// When it was published.
        at: Unix,
        /// Its JSON, without its position.
        text: String,
    },
}

/// What another process has made so with which the engine is shared: rows of one app, together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Whose rows they are.
    pub app: AppId,
    /// The rows.
    pub rows: Vec<Row>,
    /// The number that each post among them has got in its log.
    pub numbers: Vec<u64>,
}

impl Table {
    /// Every table, in the order in which they are given back.
    pub const ALL: [Table; 5] = [
        Table::Sessions,
        Table::Tasks,
        Table::Rooms,
        Table::Players,
        Table::Messages,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Sessions => "sessions",
            Table::Tasks => "tasks",
            Table::Rooms => "rooms",
            Table::Players => "players",
            Table::Messages => "messages",
        }
    }

    /// Whose records are in it.
    pub const fn app(self) -> AppId {
        match self {
            Table::Sessions => AppId::Sessions,
            Table::Tasks => AppId::Tasks,
            Table::Rooms | Table::Players | Table::Messages => AppId::Rooms,
        }
    }
}

impl Row {
    /// What it costs to keep until it is so.
    pub fn bytes(&self) -> usize {
        let text = match self {
            Row::Put { key, record, .. } => key.len() + record.len(),
            Row::Delete { key, .. } => key.len(),
            Row::DeleteRange { from, to, .. } => from.len() + to.len(),
            Row::Post {
                log, topic, text, ..
            } => log.len() + topic.len() + text.len(),
            Row::Open { log, .. } | Row::Close { log } => log.len(),
        };
        size_of::<Row>() + text
    }
}

impl Heard {
    /// The rows, each with its number if it is a post.
    pub fn numbered(self) -> impl Iterator<Item = (Row, u64)> {
        let mut numbers = self.numbers.into_iter();
        self.rows.into_iter().map(move |row| {
            let number = match row {
                Row::Post { .. } => numbers.next().unwrap_or_default(),
                _ => 0,
            };
            (row, number)
        })
    }
}

impl Restored {
    /// Whose it is; nobody's in particular is `None`.
    pub fn app(&self) -> Option<AppId> {
        match self {
            Restored::Secret(_) => Some(AppId::Rooms),
            Restored::Record { table, .. } => Some(table.app()),
            Restored::Log { log, .. } | Restored::Post { log, .. } => owner(log),
        }
    }
}

/// The app whose log this is.
pub(super) fn owner(log: &str) -> Option<AppId> {
    let (name, _) = log.split_once('/').unwrap_or((log, ""));
    AppId::ALL.into_iter().find(|app| app.name() == name)
}
