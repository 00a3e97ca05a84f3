//! The first hundred bytes of a file, read before SQLite may touch it: so that what is not ours is left as it was.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::schema::Marks;

const BYTES: u64 = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";

/// What stands beside a file, which SQLite has put there.
#[derive(Clone, Copy, Debug)]
pub struct Companions {
    /// Bytes of what has not been written back yet.
    pub wal: u64,
    /// Bytes of what a step that was broken off has to put back.
    pub journal: u64,
}

impl Companions {
    /// Those of this file.
    pub fn of(path: &Path) -> Companions {
        let bytes = |name| fs::metadata(beside(path, name)).map_or(0, |file| file.len());
        Companions {
            wal: bytes("-wal"),
            journal: bytes("-journal"),
        }
    }
}

/// The path of a companion, which has the name of the file and this behind it.
pub fn beside(path: &Path, name: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(name);
    PathBuf::from(path)
}

/// Why a file is not for us, if its beginning and its length say so.
pub fn refusal(file: &File, companions: Companions) -> io::Result<Option<String>> {
    let length = file.metadata()?.len();
    let mut header = Vec::with_capacity(BYTES as usize);
    file.take(BYTES).read_to_end(&mut header)?;
    if companions.journal > 0 {
        // It says what it was before a step that was broken off only when SQLite has put that back.
        return Ok(None);
    }
    if header.is_empty() {
        let lost = "it is empty, though its companion with the ending -wal is not";
        return Ok((companions.wal > 0).then(|| lost.to_owned()));
    }
    if !header.starts_with(MAGIC) {
        let is_beginning = MAGIC.starts_with(&header);
        let words = if is_beginning {
            "it has been cut"
        } else {
            "it is no SQLite database"
        };
        return Ok(Some(words.to_owned()));
    }
    if header.len() < BYTES as usize {
        return Ok(Some("it has been cut".to_owned()));
    }
    let number = |at: usize| {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u32::from_be_bytes(bytes)
    };
    let marks = Marks {
        version: number(60),
        application: number(68),
    };
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 1 << 16,
        bytes => u64::from(bytes),
    };
    if marks.are_blank() && length <= page {
        // Making it was broken off before it had tables, if it has none.
        return Ok(None);
    }
    if let Some(why) = marks.refusal() {
        return Ok(Some(why));
    }
    // The count of pages holds only if the last who wrote it is the last who changed anything.
    let is_counted = number(24) == number(92) && companions.wal == 0;
    let expected = u64::from(number(28)) * page;
    let is_cut = is_counted && length < expected;
    Ok(is_cut
        .then(|| format!("it has been cut: {length} bytes are left of it, where {expected} were")))
}
