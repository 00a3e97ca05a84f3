//! The real binary, over real sockets.

use std::net::TcpStream;

use crate::ground::Ground;
use crate::harness::server::{Server, patient};
use crate::harness::socket;

/// A process of its own, on a free port.
pub struct Process(Server);

impl Ground for Process {
    type Stream = TcpStream;

    fn open(flags: &[String]) -> Process {
        let mut command = patient("");
        command.args(flags);
        Process(Server::over(command))
    }

    fn connect(&self) -> TcpStream {
        socket::connect(self.0.address()).unwrap()
    }

    fn host(&self) -> String {
        self.0.address().to_string()
    }

    fn stop(&self) {
        self.0.signal("TERM");
    }
}
