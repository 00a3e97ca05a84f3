//! Messages of a megabyte, echoed by a whole server: the hub, and a server on tungstenite that does nothing else.
//!
//! Each is a process of its own on the first core, this one drives them from the second. What counts is the server's
//! CPU time, which other work on the machine disturbs least.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::duel::{Contender, compare, print_head};
use crate::stream::frame;

const MESSAGE_BYTES: usize = 1 << 20;
/// Messages of one turn.
const MESSAGES: usize = 128;
/// The first argument of a process that is to serve instead of measuring.
pub const SERVE: &str = "serve-echo";
const LISTENS: &str = "listening on http://";

/// Prints the table.
pub fn measure() {
    pin_own(1);
    let hub = Server::start(
        env!("CARGO_BIN_EXE_roomcast"),
        &[
            "--listen",
            "127.0.0.1:0",
            "--data",
            "off",
            "--echo",
            "--max-message",
            "2MiB",
        ],
    );
    let own_path = std::env::current_exe().expect("this program has a path");
    let other = Server::start(&own_path.to_string_lossy(), &[SERVE, "127.0.0.1:0"]);
    print_head();
    for (name, opcode) in [("text", 1), ("binary", 2)] {
        let message = frame(opcode, &[b'x'; MESSAGE_BYTES]);
        let (mut ours, mut theirs) = (hub.connect(), other.connect());
        let mut contenders = [
            Contender {
                name: "roomcast",
                turn: Box::new(|| hub.turn(&mut ours, &message)),
            },
            Contender {
                name: "tungstenite",
                turn: Box::new(|| other.turn(&mut theirs, &message)),
            },
        ];
        compare(
            &format!("echo 1 MiB of {name}"),
            "CPU µs/MiB",
            &mut contenders,
        );
    }
}

/// Echoes what one client after the other sends, until it is killed.
pub fn serve(address: &str) {
    let listener = TcpListener::bind(address).expect("the address is free");
    let bound = listener.local_addr().expect("it is bound");
    eprintln!("{LISTENS}{bound}");
    for stream in listener.incoming().flatten() {
        stream.set_nodelay(true).expect("a TCP stream");
        let Ok(mut socket) = tungstenite::accept(stream) else {
            continue;
        };
        while let Ok(message) = socket.read() {
            if !message.is_text() && !message.is_binary() || socket.send(message).is_err() {
                break;
            }
        }
    }
}

/// A server process, which ends with this.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(program: &str, arguments: &[&str]) -> Server {
        let mut process = Command::new("taskset")
            .args(["--cpu-list", "0", program])
            .args(arguments)
            .env_remove("ROOMCAST_LISTEN")
            .stderr(Stdio::piped())
            .spawn()
            .expect("taskset (util-linux) is installed");
        let stderr = process.stderr.take().expect("its errors are piped");
        let mut lines = BufReader::new(stderr).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split(LISTENS).nth(1)?.trim().parse().ok())
            .expect("the server says where it listens");
        // Its later lines go nowhere, but somebody has to take them.
        std::thread::spawn(move || lines.for_each(drop));
        Server { process, address }
    }

    fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP stream");
        let address = self.address;
        write!(
            stream,
            "GET /echo HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .expect("the server reads");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("the server answers");
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "the server upgrades");
        stream
    }

    /// Echoes messages, one after the other; the server's microseconds for one.
    fn turn(&self, stream: &mut TcpStream, message: &[u8]) -> f64 {
        let mut echo = vec![0; 10 + MESSAGE_BYTES];
        let before = self.cpu_nanos();
        for _ in 0..MESSAGES {
            stream.write_all(message).expect("the server reads");
            stream.read_exact(&mut echo).expect("the server echoes");
        }
        assert!(
            echo[10..].iter().all(|byte| *byte == b'x'),
            "the echo is true"
        );
        (self.cpu_nanos() - before) as f64 / 1e3 / MESSAGES as f64
    }

    /// Nanoseconds that it has had of its core, in all its threads.
    fn cpu_nanos(&self) -> u64 {
        let tasks = format!("/proc/{}/task", self.process.id());
        let tasks = fs::read_dir(tasks).expect("the server lives");
        let nanos = tasks.flatten().map(|task| {
            let schedstat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let first = schedstat.split(' ').next().unwrap_or_default();
            first.parse::<u64>().expect("nanoseconds stand first")
        });
        nanos.sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Keeps this process on a core.
fn pin_own(core: u32) {
    let pid = std::process::id().to_string();
    let pinned = Command::new("taskset")
        .args(["--cpu-list", "--pid", &core.to_string(), &pid])
        .stdout(Stdio::null())
        .status();
    assert!(
        pinned.is_ok_and(|status| status.success()),
        "this machine has a core number {core}"
    );
}
