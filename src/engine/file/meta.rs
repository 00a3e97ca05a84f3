//! What the file says of itself by name: the secret, and whether it was let go of in good order.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

const CLEAN: &str = "clean";
const SECRET: &str = "secret";
const PROBE: &str = "probe";
const SECRET_BYTES: usize = 32;

/// Whether the last process that had the file put everything into it before it let go.
pub fn is_clean(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(get(connection, CLEAN)?.is_some())
}

/// Says that everything is in it, or that this is no longer known.
pub fn mark_clean(connection: &Connection, is_clean: bool) -> rusqlite::Result<()> {
    match is_clean {
        true => put(connection, CLEAN, Value::Integer(1)),
        false => strike(connection, CLEAN),
    }
}

/// The secret, if there is one that can be read.
pub fn secret(connection: &Connection) -> rusqlite::Result<Option<Vec<u8>>> {
    let Some(Value::Text(digits)) = get(connection, SECRET)? else {
        return Ok(None);
    };
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes());
    Ok(bytes.ok().filter(|bytes| !bytes.is_empty()))
}

/// A secret that nobody had before.
pub fn new_secret() -> Result<Vec<u8>, String> {
    let mut secret = vec![0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(|error| error.to_string())?;
    Ok(secret)
}

/// Keeps a secret.
pub fn keep_secret(connection: &Connection, secret: &[u8]) -> rusqlite::Result<()> {
    let digits = data_encoding::HEXLOWER.encode(secret);
    put(connection, SECRET, Value::Text(digits))
}

/// Writes something that nobody reads, to see whether that can be done.
pub fn probe(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES (?1, 1)
        ON CONFLICT (name) DO UPDATE SET value = value + 1";
    connection.prepare_cached(sql)?.execute([PROBE]).map(drop)
}

/// Leaves nothing of the secret in a file, not even where it was.
pub fn forget_secret(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "
        CREATE TABLE kept (name TEXT NOT NULL PRIMARY KEY, value);
        INSERT INTO kept SELECT name, value FROM meta WHERE name != 'secret';
        DROP TABLE meta;
        ALTER TABLE kept RENAME TO meta;
    ";
    connection.pragma_update(None, "secure_delete", true)?;
    connection.execute_batch(sql)
}

fn get(connection: &Connection, name: &str) -> rusqlite::Result<Option<Value>> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    statement.query_row([name], |row| row.get(0)).optional()
}

fn put(connection: &Connection, name: &str, value: Value) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)";
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute(params![name, value]).map(drop)
}

fn strike(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("DELETE FROM meta WHERE name = ?1")?;
    statement.execute([name]).map(drop)
}
