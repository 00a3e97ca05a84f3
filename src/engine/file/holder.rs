//! Who has the file: another process that holds a lock on it, seen before we hold one ourselves.
//!
//! Whoever closes a descriptor of a file lets go of all the locks that the process has on it. So nothing here is called while
//! our own connection to the file is open.

use std::fs::File;

/// Another process that holds a lock on the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its identifier, if it can be seen from here: it cannot, if it runs in another container.
    pid: Option<i32>,
}

impl Holder {
    /// One that has the file though nothing can be seen of it.
    pub const UNSEEN: Holder = Holder { pid: None };

    /// Whoever holds the file that is open here.
    pub fn of(file: &File) -> Option<Holder> {
        let pid = look(file)?;
        Some(Holder {
            pid: (pid > 0).then_some(pid),
        })
    }

    /// The process, in words.
    pub fn name(self) -> String {
        match self.pid {
            Some(pid) => format!("process {pid}"),
            None => "another process".to_owned(),
        }
    }
}

/// The process that holds what SQLite locks of a file: 512 bytes at 1 GiB, of which a reader holds some, too.
#[cfg(target_os = "linux")]
fn look(file: &File) -> Option<i32> {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    const FIRST: i64 = 1 << 30;
    const BYTES: i64 = 512;
    let mut lock = libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: FIRST,
        l_len: BYTES,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_GETLK(&mut lock)).ok()?;
    (lock.l_type != libc::F_UNLCK as i16).then_some(lock.l_pid)
}

/// Elsewhere only the attempt tells.
#[cfg(not(target_os = "linux"))]
fn look(_: &File) -> Option<i32> {
    None
}
