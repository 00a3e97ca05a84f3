//! A consistent copy of everything, made in steps between which others have their turn.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::header::beside;
use super::meta;
use super::opening::{COPY, create};
use super::trouble::sentence;

/// Pages of one step: 1 MiB.
const STEP_PAGES: i32 = 256;
const STEP_BYTES: u64 = 1 << 20;

/// The file that it is made in, which is not left behind.
struct Place(PathBuf);

/// A copy of the file at this path, for a hub that starts from it: in epochs of its own. Between its steps it asks whether to
/// go on.
pub fn make(
    connection: &Connection,
    path: &Path,
    with_secret: bool,
    bytes_max: u64,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Vec<u8>, String> {
    const ENDED: &str = "it was broken off, because the hub stops";
    let wrong = |error: rusqlite::Error| sentence(&error);
    let bytes = database_bytes(connection).map_err(wrong)?;
    if bytes > bytes_max {
        return Err(format!(
            "the data has {bytes} bytes, and a copy is handed over of {bytes_max} at most"
        ));
    }
    let place = Place(beside(path, COPY));
    let _ = fs::remove_file(&place.0);
    let mut file = create(&place.0).map_err(|error| error.to_string())?;
    let mut copy = open(&place.0).map_err(wrong)?;
    let backup = Backup::new(connection, &mut copy).map_err(wrong)?;
    loop {
        match backup.step(STEP_PAGES).map_err(wrong)? {
            StepResult::Done => break,
            _ if !go_on() => return Err(ENDED.to_owned()),
            _ => {}
        }
    }
    drop(backup);
    adapt(&copy, with_secret).map_err(wrong)?;
    copy.close().map_err(|(_, error)| wrong(error))?;
    let mut copied = Vec::new();
    while read(&mut file, &mut copied)? {
        if !go_on() {
            return Err(ENDED.to_owned());
        }
    }
    Ok(copied)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(path, flags)?;
    copy.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    Ok(copy)
}

/// Makes of what was copied what another hub may start from.
fn adapt(copy: &Connection, with_secret: bool) -> rusqlite::Result<()> {
    copy.pragma_update(None, "journal_mode", "MEMORY")?;
    let transaction = copy.unchecked_transaction()?;
    copy.execute("UPDATE logs SET epoch = random() & 4294967295", [])?;
    meta::mark_clean(copy, false)?;
    if !with_secret {
        meta::forget_secret(copy)?;
    }
    transaction.commit()
}

fn read(file: &mut File, copied: &mut Vec<u8>) -> Result<bool, String> {
    let read = file.take(STEP_BYTES).read_to_end(copied);
    read.map(|bytes| bytes > 0)
        .map_err(|error| error.to_string())
}

fn database_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |name| connection.query_row(name, [], |row| row.get::<_, i64>(0));
    let bytes = number("PRAGMA page_count")? * number("PRAGMA page_size")?;
    Ok(bytes.unsigned_abs())
}

impl Drop for Place {
    fn drop(&mut self) {
        for name in ["", "-wal", "-journal"] {
            let _ = fs::remove_file(beside(&self.0, name));
        }
    }
}
