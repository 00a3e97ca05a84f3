//! What went wrong, in the words of an operator.

use std::path::Path;

use rusqlite::ffi::{Error as Code, ErrorCode};

/// Why a transaction did not become so.
#[derive(Debug)]
pub enum Trouble {
    /// The disk, or the file on it: it may pass.
    Disk(String),
    /// The rows themselves: they will never become so.
    Rows(String),
}

impl Trouble {
    /// The sentence.
    pub fn sentence(&self) -> &str {
        match self {
            Trouble::Disk(sentence) | Trouble::Rows(sentence) => sentence,
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        match code(&error) {
            Some(code) if is_of_disk(code.code) => Trouble::Disk(sentence(&error)),
            _ => Trouble::Rows(error.to_string()),
        }
    }
}

/// Whether another connection has the file.
pub fn is_busy(error: &rusqlite::Error) -> bool {
    let busy = [ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked];
    code(error).is_some_and(|code| busy.contains(&code.code))
}

/// What is wrong, in a few words.
pub fn sentence(error: &rusqlite::Error) -> String {
    let Some(code) = code(error) else {
        return error.to_string();
    };
    let words = match code.code {
        ErrorCode::DiskFull => "the disk is full",
        ErrorCode::SystemIoFailure => "the disk failed",
        ErrorCode::ReadOnly => "the file cannot be written",
        ErrorCode::CannotOpen => "the file, or one beside it, cannot be opened",
        ErrorCode::DatabaseCorrupt => "the file is broken",
        ErrorCode::NotADatabase => "the file is no database",
        ErrorCode::OutOfMemory => "there is no memory",
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "another process holds the file",
        _ => return error.to_string(),
    };
    let detail = Code::new(code.extended_code);
    format!("{words} ({detail})")
}

/// Why a path cannot be opened or made; a path that nobody chose is told how to choose another.
pub fn unusable(path: &Path, is_default: bool, why: &str) -> String {
    let path = path.display();
    match is_default {
        true => format!(
            "the data file {path} cannot be used: {why}; choose another place with --data PATH, or none with --data off"
        ),
        false => format!("the data file {path} (--data) cannot be used: {why}"),
    }
}

fn code(error: &rusqlite::Error) -> Option<Code> {
    match error {
        rusqlite::Error::SqliteFailure(code, _) => Some(*code),
        _ => None,
    }
}

fn is_of_disk(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::OutOfMemory
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
    )
}
