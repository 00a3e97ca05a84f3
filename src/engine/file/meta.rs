//! What the file says of itself by name: the secret, and of each app how it was kept, and whether all of it
//! was there when the file was let go of.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use crate::bounds::Durability;
use crate::id::AppId;

const CLEAN: &str = "clean";
const DURABILITY: &str = "durability";
const COMMIT: &str = "commit";
const LAZY: &str = "lazy";
const SECRET: &str = "secret";
const PROBE: &str = "probe";
const SECRET_BYTES: usize = 32;

/// Whether the last process that kept this app's changes put all of them into the file before it let go.
pub fn is_clean(connection: &Connection, app: AppId) -> rusqlite::Result<bool> {
    Ok(get(connection, &of(CLEAN, app))?.is_some())
}

/// Says that everything of this app is in it, or that this is no longer known.
pub fn mark_clean(connection: &Connection, app: AppId, is_clean: bool) -> rusqlite::Result<()> {
    match is_clean {
        true => put(connection, &of(CLEAN, app), Value::Integer(1)),
        false => strike(connection, &of(CLEAN, app)),
    }
}

/// How this app's changes were kept by the last process that kept them.
pub fn durability(connection: &Connection, app: AppId) -> rusqlite::Result<Option<Durability>> {
    let was = get(connection, &of(DURABILITY, app))?;
    Ok(was.map(|was| match was {
        Value::Text(name) if name == COMMIT => Durability::Commit,
        // Whatever else it says, it does not say that nothing is missing.
        _ => Durability::Lazy,
    }))
}

/// Says how this app's changes are kept from now on.
pub fn keep_durability(
    connection: &Connection,
    app: AppId,
    durability: Durability,
) -> rusqlite::Result<()> {
    let name = match durability {
        Durability::Commit => COMMIT,
        Durability::Lazy | Durability::None => LAZY,
    };
    put(
        connection,
        &of(DURABILITY, app),
        Value::Text(name.to_owned()),
    )
}

/// The secret, if there is one: empty, if it cannot be read.
pub fn secret(connection: &Connection) -> rusqlite::Result<Option<Vec<u8>>> {
    let read = |value| match value {
        Value::Text(digits) => data_encoding::HEXLOWER_PERMISSIVE
            .decode(digits.as_bytes())
            .ok(),
        _ => None,
    };
    let found = get(connection, SECRET)?;
    Ok(found.map(|value| read(value).unwrap_or_default()))
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

/// What is said of one app has its name behind it: `clean:tasks`.
fn of(name: &str, app: AppId) -> String {
    format!("{name}:{}", app.name())
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
