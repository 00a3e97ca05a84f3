//! The server under test: a child process that ends with its test, and everything that is said to it from outside.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Client;
use crate::http::{Answer, Http};
use crate::patient::PATIENT;

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A running server.
pub struct Server {
    child: Child,
    address: SocketAddr,
    /// What it said before it listened.
    began: String,
    log: Receiver<String>,
    is_read: Arc<AtomicBool>,
}

impl Server {
    /// Starts a server with these flags on a free port, and waits until it listens.
    pub fn start(flags: &str) -> Server {
        let listen = match flags.contains("--listen") {
            true => "",
            false => "--listen 127.0.0.1:0 ",
        };
        Server::spawn(command(&format!("{listen}{flags}")))
    }

    /// The same, with this in `RUST_LOG`.
    pub fn start_logging(filters: &str) -> Server {
        let mut command = command("--listen 127.0.0.1:0");
        command.env("RUST_LOG", filters);
        Server::spawn(command)
    }

    /// The same, with so many descriptors at most.
    pub fn with_descriptors(descriptors: u32, flags: &str) -> Server {
        let binary = env!("CARGO_BIN_EXE_roomcast");
        let script =
            format!("ulimit -n {descriptors}; exec '{binary}' --listen 127.0.0.1:0 {flags}");
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        Server::spawn(quiet(command))
    }

    /// The same, with nobody at the other end of its log once it listens.
    pub fn start_unread(flags: &str) -> Server {
        let mut server = Server::start(flags);
        server.go_away();
        server
    }

    /// From now on there is nobody at the other end of its log.
    pub fn go_away(&mut self) {
        self.log = channel().1;
    }

    /// From now on nobody reads its log, and nobody closes it.
    pub fn stop_reading(&self) {
        self.is_read.store(false, Ordering::Relaxed);
    }

    fn spawn(mut command: Command) -> Server {
        let mut child = command.spawn().unwrap();
        let is_read = Arc::new(AtomicBool::new(true));
        let log = follow(&mut child, Arc::clone(&is_read));
        let mut said = String::new();
        let address = loop {
            let Ok(line) = log.recv_timeout(PATIENCE) else {
                let _ = child.kill();
                panic!("the server does not listen; it said: {said}");
            };
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.trim().parse().unwrap();
            }
            said += &line;
        };
        Server {
            child,
            address,
            began: said,
            log,
            is_read,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection that speaks HTTP, or whatever the test writes.
    pub fn http(&self) -> Http {
        Http::new(TcpStream::connect(self.address).unwrap())
    }

    /// A `GET` on a connection of its own.
    pub fn get(&self, path: &str) -> Answer {
        self.http().ask("GET", path, "", "")
    }

    /// A request on a connection of its own; `headers` are lines that end with CR LF.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        self.http().ask(method, path, headers, body)
    }

    /// Publishes an event and returns the answer.
    pub fn publish(&self, kind: &str, payload: &Value) -> Answer {
        let event = serde_json::json!({"type": kind, "payload": payload});
        self.ask("POST", "/api/v1/events", "", &event.to_string())
    }

    /// A WebSocket on this path.
    pub fn connect(&self, path: &str) -> Client {
        Client::connect(self.address, path)
    }

    /// A member of the events app that has been welcomed.
    pub fn join(&self) -> Client {
        let mut client = self.connect("/ws");
        assert_eq!(client.event().0, "connection:status");
        client
    }

    /// A WebSocket whose frames the test writes itself.
    pub fn raw(&self, path: &str) -> Http {
        let mut http = self.http();
        http.upgrade(path);
        http
    }

    /// The value of one metric, labels and all.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks until the answer is the wanted one.
    pub fn until(&self, what: &str, mut is_so: impl FnMut(&Server) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "waited in vain until {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal, by its name without SIG.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}");
    }

    /// Does something while the server is stopped, so that it meets all of it at once when it goes on.
    pub fn while_stopped<T>(&self, act: impl FnOnce() -> T) -> T {
        self.signal("STOP");
        self.until("it is stopped", |server| {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap();
            stat.rsplit_once(") ").unwrap().1.starts_with('T')
        });
        let done = act();
        self.signal("CONT");
        done
    }

    /// Waits until it has ended by itself.
    pub fn exit_status(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// All that it has logged that nobody has asked for, once it has been killed.
    pub fn last_log(mut self) -> String {
        let _ = self.child.kill();
        self.log
            .iter()
            .fold(self.began.clone(), |said, line| said + &line)
    }

    /// What it has logged since it listens, or since this was asked the last time: all of it, for what has been said
    /// may still be on its way. So it is given something to say, and what comes before that has come.
    pub fn log(&self) -> String {
        let answer = self.http().send("nonsense\r\n\r\n").answer();
        assert_eq!(answer.status, 400);
        let mut said = String::new();
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("the log ended behind: {said}"));
            if line.contains("the request head is not HTTP/1.1") {
                return said;
            }
            said += &line;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.is_read.store(true, Ordering::Relaxed);
        if thread::panicking() {
            eprintln!(
                "the server had {}; it said:",
                if ended { "ended" } else { "been running" }
            );
            self.log.iter().for_each(|line| eprint!("{line}"));
        }
    }
}

/// Runs the server with these flags until it ends by itself; its exit code, and what it said.
pub fn run(flags: &str) -> (i32, String) {
    let mut child = command(flags).spawn().unwrap();
    let log = follow(&mut child, Arc::new(AtomicBool::new(true)));
    let mut said = String::new();
    // The log ends when the process does.
    while let Ok(line) = log.recv_timeout(PATIENCE) {
        said += &line;
        if line.contains("listening on") {
            let _ = child.kill();
        }
    }
    let _ = child.kill();
    (child.wait().unwrap().code().unwrap_or(-1), said)
}

fn command(flags: &str) -> Command {
    // The clients of a test need descriptors as the server does, which inherits the limit.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomcast"));
    command.args(flags.split_whitespace());
    quiet(command)
}

/// Without a variable of ours, and with all that it can say.
fn quiet(mut command: Command) -> Command {
    command.env_clear().env("RUST_LOG", "debug").envs(PATIENT);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Reads what a child says for as long as it lives and somebody wants it, so that it never waits for us.
fn follow(child: &mut Child, is_read: Arc<AtomicBool>) -> Receiver<String> {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut line = String::new();
        while stderr.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                break;
            }
            while !is_read.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(5));
            }
        }
    });
    receiver
}
