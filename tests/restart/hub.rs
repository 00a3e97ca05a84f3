//! The hubs: processes of the real binary that follow each other on one port.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::Command;

use socket2::Socket;

use crate::harness::process::{KEEPS_NOTHING, ROOMCAST, roomcast};
use crate::harness::server::Server;
use crate::harness::socket::hold;

/// A machine that is busy with other things is no reason to refuse anybody here.
const FLAGS: &str = "--drain 500ms --loop-lag-limit 1h";

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
        let (held, address) = hold();
        Port {
            address,
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

/// Starts a hub on a port, and waits until it listens.
pub fn start(port: &Port) -> Server {
    start_with(port, "")
}

/// The same with more flags.
pub fn start_with(port: &Port, more: &str) -> Server {
    let flags = format!("{FLAGS} {more}");
    let command = match &port.passed {
        Some(listener) => passed(
            listener.try_clone().unwrap(),
            "LISTEN_PID=$$ LISTEN_FDS=1",
            &flags,
        ),
        None => roomcast(&format!("--listen {} --reuse-port {flags}", port.address)),
    };
    let server = Server::over(command);
    assert_eq!(server.address(), port.address);
    server
}

/// A hub with this socket as descriptor 3, these variables and these flags.
pub fn passed(socket: impl Into<OwnedFd>, variables: &str, flags: &str) -> Command {
    let script = format!("exec 3<&0 </dev/null; {variables} exec '{ROOMCAST}' {flags}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    command.env_clear().envs([KEEPS_NOTHING]);
    command.stdin(socket.into());
    command
}

/// Waits until so many WebSockets are open on the only hub that is left.
pub fn until_it_has(server: &Server, clients: usize, restart: u64) {
    let what = format!("all have come after restart {restart}");
    server.until(&what, |server| {
        server.metric("roomcast_connections{app=\"events\"}") == clients as f64
    });
}
