//! The file that a copy is written to: under another name until all of it is on the disk, and for its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Who may read it.
const MODE: u32 = 0o600;

/// A file that is being written. It goes when it is dropped, unless it is finished.
#[derive(Debug)]
pub(super) struct Part<'a> {
    path: &'a Path,
    part: PathBuf,
    file: File,
    replaces: bool,
}

impl<'a> Part<'a> {
    /// Begins with a file that is to have this name. What has the name is replaced at the end, if that is wanted.
    pub fn create(path: &'a Path, replaces: bool) -> Result<Part<'a>, String> {
        check_free(path, replaces)?;
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(MODE);
        let file = options.open(&part).map_err(|error| {
            let part = part.display();
            match error.kind() {
                ErrorKind::AlreadyExists => format!(
                    "there is {part} already: another copy is being written, or was when it was killed; delete it then"
                ),
                _ => format!("{part} cannot be made: {error}"),
            }
        })?;
        Ok(Part {
            path,
            part,
            file,
            replaces,
        })
    }

    /// Writes what comes next.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let part = self.part.display();
        let written = self.file.write_all(bytes);
        written.map_err(|error| format!("{part} cannot be written: {error}"))
    }

    /// All is there: it gets its name, and stays even if the machine goes down now.
    pub fn finish(self) -> Result<(), String> {
        check_free(self.path, self.replaces)?;
        let finished = self.file.sync_all().and_then(|()| {
            fs::rename(&self.part, self.path)?;
            let folder = self.path.parent().filter(|it| !it.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        });
        let path = self.path.display();
        finished.map_err(|error| format!("{path} cannot be written: {error}"))
    }
}

/// Nothing is written over unasked.
fn check_free(path: &Path, replaces: bool) -> Result<(), String> {
    let shown = path.display();
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => Err(format!(
            "{shown} is a folder: expected the name of a file to be made"
        )),
        Ok(_) if !replaces => Err(format!(
            "there is {shown} already: give another name, or --force to replace it"
        )),
        _ => Ok(()),
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        // Once it has its name there is nothing to be found here.
        let _ = fs::remove_file(&self.part);
    }
}
