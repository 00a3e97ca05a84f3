//! Rows as they go into the file, within a transaction.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::options::Options;
use super::trouble::Trouble;
use crate::engine::row::owner;
use crate::engine::{Row, Table};
use crate::id::AppId;

/// Posts that are let go of with a group at least, if so many are too many.
const TRIMMED: u64 = 300;

/// One transaction's rows. The number of a log is read once and written once, however many posts there are.
pub struct Rows<'a> {
    connection: &'a Connection,
    options: &'a Options,
    numbers: HashMap<String, u64>,
    posts: u64,
}

impl<'a> Rows<'a> {
    /// None yet.
    pub fn new(connection: &'a Connection, options: &'a Options) -> Rows<'a> {
        Rows {
            connection,
            options,
            numbers: HashMap::new(),
            posts: 0,
        }
    }

    /// Makes this row so.
    pub fn add(&mut self, row: &Row) -> Result<(), Trouble> {
        match row {
            Row::Put { table, key, record } => self.run(put(*table), params![key, record]),
            Row::Delete { table, key } => self.run(delete(*table), params![key]),
            Row::DeleteRange { table, from, to } => {
                self.run(delete_range(*table), params![from, to])
            }
            Row::Open { log, epoch, number } => self.open(log, *epoch, *number),
            Row::Post {
                log,
                topic,
                at,
                text,
            } => {
                let number = self.next(log)?;
                self.posts += 1;
                match messages_max(self.options, log) {
                    0 => Ok(()),
                    _ => self.run(
                        "INSERT OR REPLACE INTO posts (log, number, at, topic, text) VALUES (?1, ?2, ?3, ?4, ?5)",
                        params![log, integer(number), integer(at.0), topic, text],
                    ),
                }
            }
            Row::Close { log } => {
                self.numbers.remove(log);
                self.run("DELETE FROM posts WHERE log = ?1", params![log])?;
                self.run("DELETE FROM logs WHERE name = ?1", params![log])
            }
        }
    }

    /// Writes what the logs have come to, and lets go of what is too much in them.
    pub fn finish(self) -> Result<(), Trouble> {
        let slice = (2 * self.posts).max(TRIMMED);
        for (log, number) in &self.numbers {
            let sql = "UPDATE logs SET number = ?2 WHERE name = ?1";
            self.run(sql, params![log, integer(*number)])?;
            let last = number.saturating_sub(messages_max(self.options, log));
            if last > 0 {
                let sql = "DELETE FROM posts WHERE log = ?1 AND number <= ?2
                    AND number < (SELECT min(number) FROM posts WHERE log = ?1) + ?3";
                self.run(sql, params![log, integer(last), integer(slice)])?;
            }
        }
        Ok(())
    }

    fn open(&mut self, log: &str, epoch: u32, number: u64) -> Result<(), Trouble> {
        self.run("DELETE FROM posts WHERE log = ?1", params![log])?;
        let sql = "INSERT OR REPLACE INTO logs (name, epoch, number) VALUES (?1, ?2, ?3)";
        self.run(sql, params![log, epoch, integer(number)])?;
        self.numbers.insert(log.to_owned(), number);
        Ok(())
    }

    /// The number of the next post of a log.
    fn next(&mut self, log: &str) -> Result<u64, Trouble> {
        if let Some(number) = self.numbers.get_mut(log) {
            *number += 1;
            return Ok(*number);
        }
        let sql = "SELECT number FROM logs WHERE name = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let number = statement.query_row([log], |row| row.get::<_, i64>(0));
        let Some(number) = number.optional()? else {
            return Err(Trouble::Rows(format!("there is no log {log}")));
        };
        match self.numbers.entry(log.to_owned()) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(new) => Ok(*new.insert(number.unsigned_abs() + 1)),
        }
    }

    fn run(&self, sql: &str, values: &[&dyn ToSql]) -> Result<(), Trouble> {
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }
}

/// How many posts of a log are kept: all of one that is no app's.
pub fn messages_max(options: &Options, log: &str) -> u64 {
    let messages = |app: AppId| u64::from(options.history(app).messages_max);
    owner(log).map_or(u64::MAX, messages)
}

/// A number as SQLite has them, which ends half-way.
pub fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Replaces only what differs: the key keeps its place.
macro_rules! upsert {
    ($table:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " (id, record) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET record = excluded.record"
        )
    };
}

fn put(table: Table) -> &'static str {
    match table {
        Table::Sessions => upsert!("sessions"),
        Table::Tasks => upsert!("tasks"),
        Table::Rooms => upsert!("rooms"),
        Table::Players => upsert!("players"),
        Table::Messages => upsert!("messages"),
    }
}

fn delete(table: Table) -> &'static str {
    match table {
        Table::Sessions => "DELETE FROM sessions WHERE id = ?1",
        Table::Tasks => "DELETE FROM tasks WHERE id = ?1",
        Table::Rooms => "DELETE FROM rooms WHERE id = ?1",
        Table::Players => "DELETE FROM players WHERE id = ?1",
        Table::Messages => "DELETE FROM messages WHERE id = ?1",
    }
}

fn delete_range(table: Table) -> &'static str {
    match table {
        Table::Sessions => "DELETE FROM sessions WHERE id >= ?1 AND id < ?2",
        Table::Tasks => "DELETE FROM tasks WHERE id >= ?1 AND id < ?2",
        Table::Rooms => "DELETE FROM rooms WHERE id >= ?1 AND id < ?2",
        Table::Players => "DELETE FROM players WHERE id >= ?1 AND id < ?2",
        Table::Messages => "DELETE FROM messages WHERE id >= ?1 AND id < ?2",
    }
}
