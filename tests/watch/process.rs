//! The two programs: the server and the client under test. Each ends with its test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The lines of a pipe, as they come.
pub fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (lines, received) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    received
}

/// All the lines until the pipe is closed, which is when the program has ended.
pub fn rest(lines: &Receiver<String>) -> String {
    let began = Instant::now();
    let mut rest = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE.saturating_sub(began.elapsed())) {
            Ok(line) => rest.push(line),
            Err(RecvTimeoutError::Disconnected) => return rest.join("\n"),
            Err(RecvTimeoutError::Timeout) => panic!("the program goes on: {rest:?}"),
        }
    }
}

pub fn roomcast(args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomcast"));
    command.args(args.split_whitespace()).env_clear();
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// An address for one hub after the other, and what keeps everybody else from it between two of them. It does not
/// listen, so no connection comes to it.
pub fn hold() -> (Socket, SocketAddr) {
    let held = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    held.set_reuse_port(true).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    held.bind(&any.into()).unwrap();
    let address = held.local_addr().unwrap().as_socket().unwrap();
    (held, address)
}

/// The real server.
pub struct Hub {
    child: Child,
    pub address: SocketAddr,
}

impl Hub {
    pub fn start() -> Hub {
        Hub::at("127.0.0.1:0".parse().unwrap())
    }

    pub fn at(address: SocketAddr) -> Hub {
        // A machine that is busy with other tests must not make it refuse anybody.
        let flags = format!("--listen {address} --reuse-port --key k --loop-lag-limit 60s");
        let mut child = roomcast(&flags).spawn().unwrap();
        let log = lines(child.stderr.take().unwrap());
        let address = loop {
            let line = log.recv_timeout(PATIENCE).expect("the server listens");
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.trim().parse().unwrap();
            }
        };
        Hub { child, address }
    }

    pub fn publish(&self, body: &str) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let length = body.len();
        let head = format!(
            "POST /api/v1/events HTTP/1.1\r\nHost: {}\r\nX-API-Key: k\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n",
            self.address
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    }

    pub fn say(&self, kind: &str) {
        self.publish(&json!({"type": kind, "payload": {}}).to_string());
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The client under test.
pub struct Watch {
    pub child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Watch {
    pub fn start(args: &str) -> Watch {
        Watch::spawn(roomcast(&format!("watch {args}")))
    }

    pub fn spawn(mut command: Command) -> Watch {
        let mut child = command.spawn().unwrap();
        let out = lines(child.stdout.take().unwrap());
        let err = lines(child.stderr.take().unwrap());
        Watch { child, out, err }
    }

    pub fn line(&self) -> String {
        self.out.recv_timeout(PATIENCE).expect("a line comes")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.line()).expect("every line is JSON")
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// Waits until standard error says this.
    pub fn says(&self, words: &str) {
        while !self
            .err
            .recv_timeout(PATIENCE)
            .expect(words)
            .contains(words)
        {}
    }

    /// Waits for its end, and gives what was still to be read of standard output and of standard error.
    pub fn end(mut self) -> (ExitStatus, String, String) {
        let (out, err) = (rest(&self.out), rest(&self.err));
        (self.child.wait().unwrap(), out, err)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
