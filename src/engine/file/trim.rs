//! Posts that are too many or too old leave the file while there is nothing else to do, in slices.

use rusqlite::{Connection, params};

use super::options::Options;
use super::rows::{integer, messages_max};
use crate::engine::row::owner;
use crate::time::Unix;

/// Of one slice at most: logs that are looked at, and posts that go.
const LOGS: usize = 200;
const POSTS: usize = 300;

/// One round through all logs, by name.
#[derive(Debug, Default)]
pub struct Trim {
    behind: String,
}

/// Whether a round has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// There are logs left.
    Goes,
    /// All have been looked at; the next begins anew.
    Over,
}

impl Trim {
    /// A slice of the round, in a transaction of its own if there is something to do.
    pub fn slice(
        &mut self,
        connection: &Connection,
        options: &Options,
        now: Unix,
    ) -> rusqlite::Result<Round> {
        let logs = self.logs(connection)?;
        let is_last = logs.len() < LOGS;
        let (mut cuts, mut posts) = (Vec::new(), 0);
        let mut round = if is_last { Round::Over } else { Round::Goes };
        for (log, number) in logs {
            let left = POSTS - posts;
            let (upto, found) = cut(connection, options, now, &log, number, left)?;
            posts += found;
            cuts.extend(upto.map(|upto| (log.clone(), upto)));
            if posts >= POSTS {
                round = Round::Goes;
                break;
            }
            self.behind = log;
        }
        if !cuts.is_empty() {
            let transaction = connection.unchecked_transaction()?;
            let sql = "DELETE FROM posts WHERE log = ?1 AND number <= ?2";
            for (log, upto) in cuts {
                let mut statement = connection.prepare_cached(sql)?;
                statement.execute(params![log, upto])?;
            }
            transaction.commit()?;
        }
        if round == Round::Over {
            self.behind.clear();
        }
        Ok(round)
    }

    fn logs(&self, connection: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
        let sql = "SELECT name, number FROM logs WHERE name > ?1 ORDER BY name LIMIT ?2";
        let mut statement = connection.prepare_cached(sql)?;
        let logs = statement.query_map(params![self.behind, LOGS as i64], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        logs.collect()
    }
}

/// Up to which post a log has too many or too old ones, and how many those are.
fn cut(
    connection: &Connection,
    options: &Options,
    now: Unix,
    log: &str,
    number: i64,
    most: usize,
) -> rusqlite::Result<(Option<i64>, usize)> {
    let Some(app) = owner(log).filter(|app| options.keeps(*app)) else {
        return Ok((None, 0));
    };
    let many = number.saturating_sub(integer(messages_max(options, log)));
    let old = integer(now.0.saturating_sub(options.history(app).age.0));
    let sql = "SELECT number, at FROM posts WHERE log = ?1 ORDER BY number LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params![log, most as i64])?;
    let (mut upto, mut posts) = (None, 0);
    while let Some(row) = found.next()? {
        let (number, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        if number > many && at >= old {
            break;
        }
        (upto, posts) = (Some(number), posts + 1);
    }
    Ok((upto, posts))
}
