//! A `redis-server` that a test has started: it listens on a socket in a temporary folder and on no port, keeps nothing,
//! and ends with its test.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::client::Client;
use crate::harness::process::Process;

/// What it says once it takes connections on its socket, in whatever version.
const READY: &str = "eady to accept connections";

/// A server that runs. It ends before its folder does.
pub struct Server {
    _process: Process,
    folder: Folder,
}

impl Server {
    /// Starts one, and waits until it says that it is ready.
    pub fn start() -> Server {
        let folder = Folder::new();
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--unixsocket", "socket", "--save", ""]);
        command.args(["--appendonly", "no", "--daemonize", "no"]);
        command.current_dir(&folder.0).stdin(Stdio::null());
        let process = Process::start(command);
        process.out.says(READY);
        Server {
            _process: process,
            folder,
        }
    }

    /// A connection that speaks RESP3.
    pub fn client(&self) -> Client {
        let mut client = self.old_client();
        client.ask(&["HELLO", "3"], |hello| {
            assert_eq!(
                hello.get("proto").and_then(|it| it.as_integer()),
                Some(3),
                "{hello:?}"
            );
        });
        client
    }

    /// A connection that speaks RESP2, as each does at first.
    pub fn old_client(&self) -> Client {
        Client::connect(&self.folder.0.join("socket"))
    }
}

/// A folder that is empty at first, with a path that is short enough for a socket.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("roomcast-resp-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
