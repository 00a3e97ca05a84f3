//! What has been written but not written back: SQLite's write-ahead log beside the file, and when it is emptied.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::header::beside;
use super::trouble::sentence;

/// With so many bytes it is written back though somebody waits: reading it at a start takes longer the longer it is.
const LARGE_BYTES: u64 = 64 << 20;

/// What failed is not tried again before.
const TRIED_EVERY: Duration = Duration::from_secs(5);

/// The log beside one file.
#[derive(Debug)]
pub struct Wal {
    data: PathBuf,
    path: PathBuf,
    is_written_back: bool,
    has_failed: bool,
    next_at: Instant,
}

impl Wal {
    /// The one beside this file.
    pub fn new(data: &Path) -> Wal {
        Wal {
            data: data.to_owned(),
            path: beside(data, "-wal"),
            is_written_back: false,
            has_failed: false,
            next_at: Instant::now(),
        }
    }

    /// A transaction was added.
    pub fn grows(&mut self) {
        self.is_written_back = false;
    }

    /// Writes everything back, so that it begins at its start again.
    pub fn write_back(&mut self, connection: &Connection) {
        let checkpoint = "PRAGMA wal_checkpoint(PASSIVE)";
        let written = connection.query_row(checkpoint, [], |row| {
            let (frames, done): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok(frames == done)
        });
        self.is_written_back = matches!(written, Ok(true));
        if let Err(error) = &written
            && !self.has_failed
        {
            let why = sentence(error);
            log::error!("the data file stays behind its companion: {why}");
        }
        self.has_failed = written.is_err();
        self.next_at = match self.is_written_back {
            true => Instant::now(),
            false => Instant::now() + TRIED_EVERY,
        };
    }

    /// Whether it is so large that it has to be written back now.
    pub fn is_large(&self) -> bool {
        Instant::now() >= self.next_at && bytes(&self.path) >= LARGE_BYTES
    }

    /// Whether nothing is left to be written back.
    pub fn is_written_back(&self) -> bool {
        self.is_written_back
    }

    /// When it may be tried again.
    pub fn next_at(&self) -> Instant {
        self.next_at
    }

    /// Bytes of the file and its companion.
    pub fn total_bytes(&self) -> u64 {
        bytes(&self.data) + bytes(&self.path)
    }
}

/// Bytes of a file and its companion.
pub fn total_bytes(data: &Path) -> u64 {
    Wal::new(data).total_bytes()
}

fn bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}
