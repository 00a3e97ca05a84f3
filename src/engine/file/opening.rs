//! How a file is opened: made if there is none, waited for if another process has it, refused if it is not for us.
//!
//! Until everything has been read nothing is written to a file that was there before, unless it is of an older version: what
//! is refused, is left as it was.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::header::{Companions, beside, refusal};
use super::holder::Holder;
use super::options::Options;
use super::schema::{self, Marks};
use super::trouble::{is_busy, sentence, unusable};

/// Who may read the file, and whatever is beside it.
pub const MODE: u32 = 0o600;

/// How often a file is tried that another process has.
const TRIED_EVERY: Duration = Duration::from_millis(10);

/// What is not written back yet may take so much of the disk after it has been.
const WAL_KEPT_BYTES: i64 = 4 << 20;

/// Memory for pages, in KiB.
const CACHE_KIB: i64 = 8 << 10;

/// Why a file is not opened.
#[derive(Debug)]
pub enum Unopened {
    /// It is not for us, or cannot be had: a sentence.
    Refused(String),
    /// It was waited for, and is not wanted any more.
    Unwanted,
}

/// Why this attempt has failed.
enum Refusal {
    /// Another process has the file.
    Held(Holder),
    /// No attempt will do better: why.
    Never(String),
}

/// A connection that alone has the file, whose tables are ours; while another process has it, it is asked whether to go on.
pub fn open(options: &Options, go_on: &dyn Fn() -> bool) -> Result<Connection, Unopened> {
    let (path, started) = (&options.path, Instant::now());
    let refused = |why: &str| Unopened::Refused(unusable(path, options.is_default, why));
    loop {
        match attempt(path) {
            Ok(connection) => return Ok(connection),
            Err(Refusal::Never(why)) => return Err(refused(&why)),
            Err(Refusal::Held(holder)) if started.elapsed() >= options.wait => {
                let (holder, wait) = (holder.name(), humantime::format_duration(options.wait));
                let why = format!("{holder} holds it, still after {wait} (--data-wait)");
                return Err(refused(&why));
            }
            Err(Refusal::Held(_)) if !go_on() => return Err(Unopened::Unwanted),
            Err(Refusal::Held(_)) => thread::sleep(TRIED_EVERY),
        }
    }
}

/// From here on it is written to: in which way, and who may read it.
pub fn settle(connection: &Connection, path: &Path) -> Result<(), String> {
    let set = || -> rusqlite::Result<()> {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)
    };
    set().map_err(|error| sentence(&error))?;
    let mode = || -> io::Result<()> {
        for name in ["", "-wal"] {
            let path = beside(path, name);
            // What is made beside the file later gets its mode.
            let found = match fs::metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                found => found?,
            };
            if found.permissions().mode() & 0o777 != MODE {
                fs::set_permissions(&path, Permissions::from_mode(MODE))?;
            }
        }
        Ok(())
    };
    if let Err(error) = mode() {
        log::warn!("others may be able to read the data file: {error}");
    }
    Ok(())
}

/// A file that nobody else may read.
pub fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(MODE);
    options.open(path)
}

fn attempt(path: &Path) -> Result<Connection, Refusal> {
    look(path)?;
    let had_wal = Companions::of(path).wal > 0;
    let connection = match take(path, had_wal) {
        Ok(connection) => connection,
        Err(error) if is_busy(&error) => {
            // It was taken in this moment; and our own connection is closed by now, so we may look.
            let holder = File::open(path).ok().and_then(|file| Holder::of(&file));
            return Err(Refusal::Held(holder.unwrap_or(Holder::UNSEEN)));
        }
        Err(error) => return Err(Refusal::Never(sentence(&error))),
    };
    ours(&connection).map_err(Refusal::Never)?;
    Ok(connection)
}

/// Makes the file if there is none, and looks whether it may be ours.
fn look(path: &Path) -> Result<(), Refusal> {
    let never = |error: io::Error| Refusal::Never(error.to_string());
    let companions = Companions::of(path);
    let opened = OpenOptions::new().read(true).write(true).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => match create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(match fs::read_link(path) {
                    Ok(to) => {
                        let to = to.display();
                        Refusal::Never(format!("it is a link to {to}, and that is not there"))
                    }
                    Err(_) => Refusal::Held(Holder::UNSEEN),
                });
            }
            made => made.map_err(|error| Refusal::Never(format!("it cannot be made: {error}")))?,
        },
        Err(error) if path.is_dir() => return Err(never(error)),
        Err(error) => return Err(Refusal::Never(format!("it cannot be written: {error}"))),
    };
    let kind = file.metadata().map_err(never)?;
    if !kind.is_file() {
        return Err(Refusal::Never("it is no file".to_owned()));
    }
    if let Some(holder) = Holder::of(&file) {
        return Err(Refusal::Held(holder));
    }
    match refusal(&file, companions).map_err(never)? {
        Some(why) => Err(Refusal::Never(why)),
        None => Ok(()),
    }
}

/// Opens the file and locks everybody else out. If it has something that is not written back, closing it before it is settled
/// leaves that as it is.
fn take(path: &Path, had_wal: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, had_wal)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
    Ok(connection)
}

/// Makes the tables of an empty file, and looks whether those of another are ours.
fn ours(connection: &Connection) -> Result<(), String> {
    let wrong = |error: rusqlite::Error| sentence(&error);
    let marks = Marks::of(connection).map_err(wrong)?;
    let is_new = marks.are_blank() && schema::is_blank(connection).map_err(wrong)?;
    if let Some(why) = marks.refusal().filter(|_| !is_new) {
        return Err(why);
    }
    schema::bring_up_to_date(connection, marks.version).map_err(wrong)?;
    match schema::misfit(connection) {
        Some(why) => Err(format!("its tables are not ours: {why}")),
        None => Ok(()),
    }
}
