//! Everything that is in the file, given back at the start, in pieces.

use rusqlite::{Connection, Row as Found, params};

use super::channel::Deserted;
use super::meta;
use super::options::Options;
use super::rows::{integer, messages_max};
use super::trouble::sentence;
use crate::bounds::Durability;
use crate::engine::row::owner;
use crate::engine::{Restored, Table};
use crate::id::AppId;
use crate::time::Unix;

/// Of one piece at most: what the channel holds several of.
const PIECE_ROWS: usize = 1000;
const PIECE_BYTES: usize = 256 << 10;

/// Why the engine ends before it has begun.
#[derive(Debug)]
pub enum Halt {
    /// The file cannot be read: why.
    Broken(String),
    /// Nobody listens.
    Deserted,
    /// It was stopped before it had begun.
    Unwanted,
}

/// What has to be written before anything else is, because of what was given back.
#[derive(Debug, Default)]
pub struct Amends {
    /// A secret that was made.
    secret: Option<Vec<u8>>,
    /// How the apps are kept from here on whose changes are kept at all; the others stay what they were.
    kept: Vec<(AppId, Durability)>,
    /// Logs that begin a new life.
    epochs: Vec<(String, u32)>,
    /// Logs that were taken up, and are struck from the file.
    struck: Vec<&'static str>,
}

/// Gives everything back that is in the file.
pub struct Restore<'a, F> {
    connection: &'a Connection,
    options: &'a Options,
    now: Unix,
    give: F,
    piece: Vec<Restored>,
    bytes: usize,
    /// Those of the log that is read.
    posts: Vec<(usize, Restored)>,
    /// Of whose logs something may be missing.
    lossy: Vec<AppId>,
    amends: Amends,
}

impl<'a, F: FnMut(Vec<Restored>) -> Result<(), Halt>> Restore<'a, F> {
    /// From this connection, a piece after the other.
    pub fn new(connection: &'a Connection, options: &'a Options, now: Unix, give: F) -> Self {
        Restore {
            connection,
            options,
            now,
            give,
            piece: Vec::new(),
            bytes: 0,
            posts: Vec::new(),
            lossy: Vec::new(),
            amends: Amends::default(),
        }
    }

    /// All of it.
    pub fn all(mut self) -> Result<Amends, Halt> {
        for app in AppId::ALL {
            if self.options.keeps(app) {
                let kept = (app, self.options.durability(app));
                let was = meta::durability(self.connection, app)?.unwrap_or(kept.1);
                if was == Durability::Lazy && !meta::is_clean(self.connection, app)? {
                    self.lossy.push(app);
                }
                self.amends.kept.push(kept);
            }
        }
        if self.options.with_secret {
            self.secret()?;
        }
        for table in Table::ALL {
            if self.options.keeps(table.app()) {
                self.records(table)?;
            }
        }
        self.logs()?;
        self.hand_over()?;
        Ok(self.amends)
    }

    fn secret(&mut self) -> Result<(), Halt> {
        let secret = match meta::secret(self.connection)? {
            Some(secret) if secret.is_empty() => {
                let why = "the secret in it, which signs the tokens of players, cannot be read";
                return Err(Halt::Broken(why.to_owned()));
            }
            Some(secret) => secret,
            None => {
                let secret = meta::new_secret().map_err(Halt::Broken)?;
                self.amends.secret = Some(secret.clone());
                secret
            }
        };
        self.add(Restored::Secret(secret), 0)
    }

    fn records(&mut self, table: Table) -> Result<(), Halt> {
        // In the order in which they are in the file: sought by their keys, each would be another page.
        let sql = format!("SELECT id, record FROM {} ORDER BY rowid", table.name());
        let mut statement = self.connection.prepare(&sql)?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let (key, record): (String, String) = (row.get(0)?, row.get(1)?);
            let bytes = key.len() + record.len();
            self.add(Restored::Record { table, key, record }, bytes)?;
        }
        Ok(())
    }

    fn logs(&mut self) -> Result<(), Halt> {
        let sql = "SELECT name, epoch, number FROM logs ORDER BY name";
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let (log, epoch, number): (String, u32, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (app, number) = (owner(&log), number.unsigned_abs());
            let is_lost = app.is_some_and(|app| self.lossy.contains(&app));
            let epoch = match self.options.new_epochs || is_lost {
                true => self.new_epoch(&log, epoch)?,
                false => epoch,
            };
            if let Some(app) = app.filter(|app| self.options.keeps(*app)) {
                self.log(app, log, epoch, number)?;
            }
        }
        Ok(())
    }

    fn log(&mut self, app: AppId, log: String, epoch: u32, number: u64) -> Result<(), Halt> {
        if [AppId::Events, AppId::Stream].contains(&app) && &*log == app.name() {
            self.amends.struck.push(app.name());
        }
        let mut posts = std::mem::take(&mut self.posts);
        self.posts(app, &log, number, &mut posts)?;
        let first = number + 1 - posts.len() as u64;
        let bytes = log.len();
        let restored = Restored::Log {
            log,
            epoch,
            number,
            first,
        };
        self.add(restored, bytes)?;
        for (bytes, post) in posts.drain(..) {
            self.add(post, bytes)?;
        }
        self.posts = posts;
        Ok(())
    }

    /// The posts that are given back: behind the oldest none is missing up to the newest, there are no more than are kept, and
    /// the oldest is not too old. They are not in memory twice, because what is taken here has not been given yet.
    fn posts(
        &mut self,
        app: AppId,
        log: &str,
        newest: u64,
        posts: &mut Vec<(usize, Restored)>,
    ) -> Result<(), Halt> {
        let oldest = self.now.0.saturating_sub(self.options.history(app).age.0);
        let behind = newest.saturating_sub(messages_max(self.options, log));
        let sql = "SELECT number, at, topic, text FROM posts
            WHERE log = ?1 AND number > ?2 AND number <= ?3 ORDER BY number";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut found = statement.query(params![log, integer(behind), integer(newest)])?;
        let mut last = None;
        while let Some(row) = found.next()? {
            let (number, at) = numbers(row)?;
            if last.replace(number).is_some_and(|last| last + 1 != number) {
                posts.clear();
            }
            if posts.is_empty() && at < oldest {
                continue;
            }
            let (topic, text): (String, String) = (row.get(2)?, row.get(3)?);
            let bytes = topic.len() + text.len();
            let post = Restored::Post {
                // The loop puts it in: a name of its own for each would be made here only to go there.
                log: String::new(),
                number,
                topic,
                at: Unix(at),
                text,
            };
            posts.push((bytes, post));
        }
        if last != Some(newest) {
            posts.clear();
        }
        Ok(())
    }

    fn new_epoch(&mut self, log: &str, old: u32) -> Result<u32, Halt> {
        let drawn = || getrandom::u32().map_err(|error| Halt::Broken(error.to_string()));
        let mut epoch = drawn()?;
        while epoch == old {
            epoch = drawn()?;
        }
        self.amends.epochs.push((log.to_owned(), epoch));
        Ok(epoch)
    }

    fn add(&mut self, restored: Restored, bytes: usize) -> Result<(), Halt> {
        self.piece.push(restored);
        self.bytes += bytes + size_of::<Restored>();
        match self.piece.len() >= PIECE_ROWS || self.bytes >= PIECE_BYTES {
            true => self.hand_over(),
            false => Ok(()),
        }
    }

    fn hand_over(&mut self) -> Result<(), Halt> {
        self.bytes = 0;
        match std::mem::take(&mut self.piece) {
            piece if piece.is_empty() => Ok(()),
            piece => (self.give)(piece),
        }
    }
}

impl Amends {
    /// Writes them, and that it is not known any more whether everything is in the file.
    pub fn make(&self, connection: &Connection) -> rusqlite::Result<()> {
        let transaction = connection.unchecked_transaction()?;
        for (app, durability) in &self.kept {
            meta::mark_clean(connection, *app, false)?;
            meta::keep_durability(connection, *app, *durability)?;
        }
        if let Some(secret) = &self.secret {
            meta::keep_secret(connection, secret)?;
        }
        let mut statement =
            connection.prepare_cached("UPDATE logs SET epoch = ?2 WHERE name = ?1")?;
        for (log, epoch) in &self.epochs {
            statement.execute(params![log, epoch])?;
        }
        for log in &self.struck {
            connection.execute("DELETE FROM posts WHERE log = ?1", [log])?;
            connection.execute("DELETE FROM logs WHERE name = ?1", [log])?;
        }
        transaction.commit()
    }
}

impl From<Deserted> for Halt {
    fn from(Deserted: Deserted) -> Halt {
        Halt::Deserted
    }
}

impl From<rusqlite::Error> for Halt {
    fn from(error: rusqlite::Error) -> Halt {
        Halt::Broken(sentence(&error))
    }
}

fn numbers(row: &Found<'_>) -> rusqlite::Result<(u64, u64)> {
    let (number, at): (i64, i64) = (row.get(0)?, row.get(1)?);
    Ok((number.unsigned_abs(), at.max(0).unsigned_abs()))
}
