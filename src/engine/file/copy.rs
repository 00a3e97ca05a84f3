//! A consistent copy of everything, made in steps between which others have their turn, and handed over in pieces.
//!
//! It is made beside the file, on the same disk; once it is whole its name is taken away, so that it is gone with whoever has
//! it open, however that ends.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::header::beside;
use super::meta;
use super::opening::create;
use super::trouble::sentence;
use crate::engine::PIECE_BYTES;
use crate::id::AppId;

/// Pages of one step: 1 MiB.
const STEP_PAGES: i32 = 256;

/// The ending of a copy while it is made, and those of what SQLite may put beside it.
const NAMES: [&str; 3] = ["-copy", "-copy-wal", "-copy-journal"];

/// A copy that is whole.
#[derive(Debug)]
pub struct Copy {
    number: u64,
    file: File,
    bytes: u64,
}

/// The file that it is made in, whose name is not left behind.
struct Place<'a>(&'a Path);

impl Copy {
    /// A copy under this number of the file at this path, for a hub that starts from it: in epochs of its own. Between its
    /// steps it asks whether to go on.
    pub fn make(
        number: u64,
        connection: &Connection,
        path: &Path,
        with_secret: bool,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Copy, String> {
        let wrong = |error: rusqlite::Error| sentence(&error);
        let failed = |error: std::io::Error| error.to_string();
        clear(path);
        let place = beside(path, NAMES[0]);
        let mut file = create(&place).map_err(failed)?;
        let _place = Place(path);
        let mut copy = open(&place).map_err(wrong)?;
        let backup = Backup::new(connection, &mut copy).map_err(wrong)?;
        loop {
            match backup.step(STEP_PAGES).map_err(wrong)? {
                StepResult::Done => break,
                _ if !go_on() => return Err("it is not wanted any more".to_owned()),
                _ => {}
            }
        }
        drop(backup);
        adapt(&copy, with_secret).map_err(wrong)?;
        copy.close().map_err(|(_, error)| wrong(error))?;
        let bytes = file.metadata().map_err(failed)?.len();
        file.rewind().map_err(failed)?;
        Ok(Copy {
            number,
            file,
            bytes,
        })
    }

    /// Under which number it was asked for.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// All of its bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What comes next; nothing once that cannot be read.
    pub fn piece(&mut self) -> Vec<u8> {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let mut next = (&self.file).take(PIECE_BYTES as u64);
        if let Err(error) = next.read_to_end(&mut piece) {
            log::error!("a copy of the data file cannot be read: {error}");
            piece.clear();
        }
        piece
    }
}

/// Takes away whatever is there of copies that were being made when a process was killed.
pub fn clear(path: &Path) {
    for place in NAMES.map(|name: &str| -> PathBuf { beside(path, name) }) {
        let _ = fs::remove_file(place);
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(path, flags)?;
    copy.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    // What is not whole is thrown away: nothing has to be put back.
    copy.pragma_update(None, "journal_mode", "OFF")?;
    Ok(copy)
}

/// Makes of what was copied what another hub may start from.
fn adapt(copy: &Connection, with_secret: bool) -> rusqlite::Result<()> {
    // It says of itself what it was copied from.
    copy.pragma_update(None, "journal_mode", "OFF")?;
    let transaction = copy.unchecked_transaction()?;
    copy.execute("UPDATE logs SET epoch = random() & 4294967295", [])?;
    for app in AppId::ALL {
        meta::mark_clean(copy, app, false)?;
    }
    if !with_secret {
        meta::forget_secret(copy)?;
    }
    transaction.commit()
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        clear(self.0);
    }
}
