//! The hubs: processes of the real binary that follow each other on one port.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::books::PATIENCE;

/// The server.
pub const BINARY: &str = env!("CARGO_BIN_EXE_roomcast");

/// A port, and how one hub after the other comes by it.
pub struct Port {
    address: SocketAddr,
    /// The socket that hubs are passed; without one they share the address.
    passed: Option<TcpListener>,
    /// Keeps the address ours between two hubs. It does not listen, so no connection comes to it.
    _held: Option<Socket>,
}

impl Port {
    /// Every hub binds a listener of its own.
    pub fn shared() -> Port {
        let held = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        held.set_reuse_port(true).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        held.bind(&any.into()).unwrap();
        Port {
            address: held.local_addr().unwrap().as_socket().unwrap(),
            passed: None,
            _held: Some(held),
        }
    }

    /// Hubs are passed one listener, which is held here as systemd holds it.
    pub fn passed() -> Port {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Port {
            address: listener.local_addr().unwrap(),
            passed: Some(listener),
            _held: None,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A running hub.
pub struct Hub {
    child: Child,
    address: SocketAddr,
    log: Receiver<String>,
}

impl Hub {
    /// Starts one, and waits until it listens.
    pub fn start(port: &Port) -> Hub {
        let mut command = match &port.passed {
            Some(listener) => {
                let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
                let mut command = Command::new("sh");
                command.args(["-c", script, BINARY]);
                command.stdin(OwnedFd::from(listener.try_clone().unwrap()));
                command
            }
            None => {
                let mut command = Command::new(BINARY);
                command.args(["--listen", &port.address.to_string(), "--reuse-port"]);
                command.stdin(Stdio::null());
                command
            }
        };
        // A machine that is busy with other things is no reason to refuse anybody here.
        command.args(["--drain", "500ms", "--loop-lag-limit", "1h"]);
        command.env_clear().stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = follow(&mut child);
        let mut said = String::new();
        loop {
            let Ok(line) = log.recv_timeout(PATIENCE) else {
                let _ = child.kill();
                panic!("the hub does not listen; it said: {said}");
            };
            if let Some((_, address)) = line.split_once("listening on http://") {
                assert_eq!(address.trim().parse(), Ok(port.address));
                break;
            }
            said += &line;
        }
        Hub {
            child,
            address: port.address,
            log,
        }
    }

    /// Asks it to go.
    pub fn stop(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}");
    }

    /// Waits until it has ended by itself.
    pub fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the hub does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until so many WebSockets are open on the only hub that is left.
    pub fn until_it_has(&self, clients: usize, restart: u64) {
        let deadline = Instant::now() + PATIENCE;
        let line = format!("roomcast_connections{{app=\"events\"}} {clients}\n");
        while !self.metrics().contains(&line) {
            assert!(Instant::now() < deadline, "restart {restart}: not all came");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("hub {} said:", self.child.id());
            self.log.iter().for_each(|line| eprint!("{line}"));
        }
    }
}

/// Reads what a hub says for as long as it lives, so that it never waits for us.
pub fn follow(child: &mut Child) -> Receiver<String> {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut line = String::new();
        while stderr.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            let _ = sender.send(std::mem::take(&mut line));
        }
    });
    receiver
}
