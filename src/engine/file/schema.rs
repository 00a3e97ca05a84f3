//! The tables, their versions, and the way from an older one to ours.

use rusqlite::Connection;

use super::trouble::sentence;

/// What `PRAGMA application_id` says of our files: `room` in ASCII.
pub const APPLICATION: u32 = 0x726f_6f6d;

/// The version of the tables, as `PRAGMA user_version` says it.
pub const VERSION: u32 = 1;

/// What makes of each version the next: of an empty file the first. Records are no part of the tree of their keys, because
/// one of more than a kilobyte would have a page of its own there; posts are, so that those of a log are beside each other.
const STEPS: [&str; VERSION as usize] = ["
    CREATE TABLE sessions (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL);
    CREATE TABLE tasks (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL);
    CREATE TABLE rooms (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL);
    CREATE TABLE players (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL);
    CREATE TABLE messages (id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL);
    CREATE TABLE logs (name TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL, number INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE posts (
        log TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL, topic TEXT NOT NULL, text TEXT NOT NULL,
        PRIMARY KEY (log, number)
    ) WITHOUT ROWID;
    CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value);
"];

/// What must be there, or the file is not what its version says.
const LOOKS: [&str; 8] = [
    "SELECT id, record FROM sessions",
    "SELECT id, record FROM tasks",
    "SELECT id, record FROM rooms",
    "SELECT id, record FROM players",
    "SELECT id, record FROM messages",
    "SELECT name, epoch, number FROM logs",
    "SELECT log, number, at, topic, text FROM posts",
    "SELECT name, value FROM meta",
];

/// What a file says of itself before anything of it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Whose file it is.
    pub application: u32,
    /// In which version.
    pub version: u32,
}

impl Marks {
    /// As the connection reads them.
    pub fn of(connection: &Connection) -> rusqlite::Result<Marks> {
        let number = |name| connection.query_row(name, [], |row| row.get::<_, i32>(0));
        Ok(Marks {
            application: number("PRAGMA application_id")? as u32,
            version: number("PRAGMA user_version")? as u32,
        })
    }

    /// Whether it says nothing, as one does in which there is nothing yet.
    pub fn are_blank(self) -> bool {
        (self.application, self.version) == (0, 0)
    }

    /// Why a file that says so is not for us.
    pub fn refusal(self) -> Option<String> {
        let Marks {
            application,
            version,
        } = self;
        match (application, version) {
            (APPLICATION, 1..=VERSION) => None,
            (APPLICATION, 0) => Some("it says of itself that it has no version".to_owned()),
            (APPLICATION, newer) => Some(format!(
                "it is of version {newer}, and this roomcast knows none beyond {VERSION}: a newer one has written it"
            )),
            _ => Some("it is a database of another program".to_owned()),
        }
    }
}

/// Makes the tables of an empty file, or brings those of an older version up to date, in one step.
pub fn bring_up_to_date(connection: &Connection, from: u32) -> rusqlite::Result<()> {
    if from >= VERSION {
        return Ok(());
    }
    let transaction = connection.unchecked_transaction()?;
    for step in &STEPS[from as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Whether there is nothing in it.
pub fn is_blank(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) = 0 FROM sqlite_schema";
    connection.query_row(sql, [], |row| row.get(0))
}

/// Why these are not the tables of our version.
pub fn misfit(connection: &Connection) -> Option<String> {
    let misfits = LOOKS
        .iter()
        .filter_map(|look| connection.prepare(look).err());
    misfits.map(|error| sentence(&error)).next()
}
