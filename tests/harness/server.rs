//! The hub under test: a process that ends with its test, and everything that is said to it from outside.

use std::net::SocketAddr;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::Client;
use super::http::{Answer, Http};
use super::patience::{PATIENCE, PATIENT};
use super::process::{KEEPS_NOTHING, Process, ROOMCAST, roomcast};
use super::socket;

/// What a hub says, and then its address, when it can be connected to.
const LISTENS: &str = "listening on http://";

/// A running hub.
pub struct Server {
    process: Process,
    address: SocketAddr,
    /// What it said before it listened.
    began: Vec<String>,
}

impl Server {
    /// Starts a hub with these flags on a free port, and waits until it listens.
    pub fn start(flags: &str) -> Server {
        Server::start_logging("debug", flags)
    }

    /// The same, with this in `RUST_LOG`.
    pub fn start_logging(filters: &str, flags: &str) -> Server {
        let mut command = patient(flags);
        command.env("RUST_LOG", filters);
        Server::over(command)
    }

    /// The same, with so many descriptors at most.
    pub fn with_descriptors(descriptors: u32, flags: &str) -> Server {
        let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
        let hub = patient(flags);
        let mut command = Command::new("sh");
        command.args(["-c", &script, ROOMCAST]).args(hub.get_args());
        command.env_clear().envs(PATIENT).envs([KEEPS_NOTHING]);
        command.env("RUST_LOG", "debug");
        Server::over(command)
    }

    /// The same, with nobody at the other end of its log once it listens.
    pub fn start_unread(flags: &str) -> Server {
        let mut server = Server::start(flags);
        server.go_away();
        server
    }

    /// Starts a hub by this command, and waits until it listens.
    pub fn over(command: Command) -> Server {
        let mut process = Process::start(command);
        let listens = process.err.until(LISTENS);
        let Ok((line, began)) = listens else {
            process.kill();
            panic!("the hub does not listen; it said: {listens:#?}");
        };
        let (_, address) = line.split_once(LISTENS).unwrap();
        Server {
            address: address.trim().parse().unwrap(),
            process,
            began,
        }
    }

    /// From now on there is nobody at the other end of its log.
    pub fn go_away(&mut self) {
        self.process.err.go_away();
    }

    /// From now on nobody reads its log, and nobody closes it.
    pub fn stop_reading(&self) {
        self.process.err.stop_reading();
    }

    /// Waits until it has ended by itself.
    pub fn exit_status(&mut self) -> ExitStatus {
        self.process.exit_status()
    }

    /// Waits for its end; how it ended, and what it said that nobody has asked for.
    pub fn end(self) -> (ExitStatus, String) {
        let (status, _, said) = self.process.end();
        (status, said)
    }

    /// All that it has logged that nobody has asked for, once it has been killed.
    pub fn last_log(mut self) -> String {
        self.process.kill();
        self.began.join("\n") + "\n" + &self.process.err.rest()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it said before it listened.
    pub fn began(&self) -> &[String] {
        &self.began
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The descriptors that it holds.
    pub fn descriptors(&self) -> usize {
        let table = format!("/proc/{}/fd", self.id());
        std::fs::read_dir(table).unwrap().count()
    }

    /// A connection that speaks HTTP, or whatever the test writes.
    pub fn http(&self) -> Http {
        Http::connect(self.address)
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

    /// The same, whose kernel takes little of what it does not read.
    pub fn connect_narrow(&self, path: &str) -> Client {
        Client::over(socket::narrow(self.address), self.address, path)
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

    /// The value of one metric, labels and all; 0 for one that is not there.
    pub fn metric(&self, name: &str) -> f64 {
        self.get("/metrics").metric(name).unwrap_or(0.0)
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
        self.process.signal(name);
    }

    /// Does something while the hub is stopped, so that it meets all of it at once when it goes on.
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

    /// The next line of its log that has these words.
    #[track_caller]
    pub fn says(&self, words: &str) -> String {
        self.process.err.says(words)
    }

    /// What it has logged since it listens, or since this was asked the last time: all of it, for what has been said
    /// may still be on its way. So it is given something to say, and what comes before that has come.
    pub fn log(&self) -> String {
        let answer = self.http().send("nonsense\r\n\r\n").answer();
        assert_eq!(answer.status, 400);
        let log = self.process.err.until("the request head is not HTTP/1.1");
        let (_, before) = log.unwrap_or_else(|said| panic!("the log ended behind: {said:#?}"));
        before.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// A hub with these flags that refuses, pings and closes nobody because the machine is busy; on a free port, unless a
/// flag names one.
pub fn patient(flags: &str) -> Command {
    // The clients of a test need descriptors as the hub does, which inherits the limit.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let listen = match flags.contains("--listen") {
        true => "",
        false => "--listen 127.0.0.1:0 ",
    };
    let mut command = roomcast(&format!("{listen}{flags}"));
    command.envs(PATIENT);
    command
}

/// Runs the program with these flags until it ends by itself or listens; its exit code, and what it said.
pub fn run(flags: &str) -> (i32, String) {
    let mut command = roomcast(flags);
    command.envs(PATIENT).env("RUST_LOG", "debug");
    let (status, said) = run_until_it_listens(command);
    (status.code().unwrap_or(-1), said)
}

/// Runs a hub by this command until it ends by itself or listens; how it ended, which is by no code if it listened, and
/// what it said.
pub fn run_until_it_listens(command: Command) -> (ExitStatus, String) {
    let mut process = Process::start(command);
    let mut said = match process.err.until(LISTENS) {
        Ok((line, mut before)) => {
            before.push(line);
            before
        }
        Err(said) => said,
    };
    process.kill();
    let (status, _, rest) = process.end();
    said.push(rest);
    (status, said.join("\n"))
}
