//! A `redis-server` of one test's own, in a folder of its own, which ends with it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

pub struct Server {
    process: Child,
    folder: PathBuf,
    options: Vec<String>,
    port: u16,
    /// Whether the folder is another's business.
    is_lent: bool,
}

impl Server {
    /// With an AOF that is synced each second, on a Unix socket.
    pub fn start() -> Server {
        Server::with(&[])
    }

    /// With these options as well.
    pub fn with(options: &[&str]) -> Server {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("roomcast-redis-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        Server::run(folder, options, 0, true)
    }

    /// With an AOF that is synced before anything is answered. While a sync of each second takes its time, the server answers
    /// before it has even written; so it may lose that when it is killed, though nothing happens to the machine.
    pub fn synced() -> Server {
        Server::with(&["--appendfsync", "always"])
    }

    /// On a port of this machine as well, so that another can follow it.
    pub fn on_a_port() -> Server {
        let mut server = Server::start();
        // Somebody else may take the port between the two; then the server says so, and does not start.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        server.port = free.local_addr().unwrap().port();
        drop(free);
        server.restart();
        server
    }

    /// Killed, and started again on what it has on its disk.
    pub fn restart(&mut self) {
        self.kill();
        self.revive();
    }

    /// Started again after it was killed.
    pub fn revive(&mut self) {
        let again = Server::run(self.folder.clone(), self.options.clone(), self.port, true);
        self.is_lent = true;
        *self = again;
    }

    /// The same without waiting until it is ready: it still reads its disk.
    pub fn revive_slowly(&mut self, options: &[&str]) {
        let mut all = self.options.clone();
        all.extend(options.iter().map(|&option| option.to_owned()));
        let again = Server::run(self.folder.clone(), all, self.port, false);
        self.is_lent = true;
        *self = again;
    }

    /// Ended as a crash does.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.join("redis.sock")).unwrap()
    }

    fn run(folder: PathBuf, options: Vec<String>, port: u16, waits: bool) -> Server {
        let _ = fs::remove_file(folder.join("redis.sock"));
        let mut process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--unixsocket", "redis.sock"])
            .args(["--save", "", "--appendonly", "yes"])
            .args(["--repl-diskless-sync-delay", "0"])
            .args(&options)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-server is there (Debian's package redis-server)");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // From here on it ends, whatever happens.
        let server = Server {
            process,
            folder,
            options,
            port,
            is_lent: false,
        };
        let awaited = if waits {
            "ready to accept connections at"
        } else {
            "Server initialized"
        };
        let mut said = Vec::new();
        while !said
            .last()
            .is_some_and(|line: &String| line.contains(awaited))
        {
            let line = lines.next();
            let line = line.unwrap_or_else(|| panic!("it has ended: {said:#?}"));
            said.push(line.unwrap());
        }
        // What it says later is read, so that it never waits for that.
        thread::spawn(move || lines.for_each(drop));
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if !self.is_lent {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
