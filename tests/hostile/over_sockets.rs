//! The real binary, over real sockets.

use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::ground::{Ground, KEEPS_NOTHING, Stream};
use crate::harness::patience::PATIENCE;
use crate::harness::server::Server;
use crate::harness::socket;

/// A process of its own, on a free port.
pub struct Sockets {
    server: Server,
    began: Instant,
}

impl Sockets {
    fn of(server: Server) -> Sockets {
        let began = Instant::now();
        Sockets { server, began }
    }
}

impl Ground for Sockets {
    type Stream = TcpStream;

    const SIMULATED: bool = false;

    fn open(flags: &str, hurried: &str) -> Sockets {
        let flags = format!("{flags} {hurried} {KEEPS_NOTHING}");
        Sockets::of(Server::start(&flags))
    }

    fn with_descriptors(descriptors: u32, flags: &str) -> Sockets {
        let flags = format!("{flags} {KEEPS_NOTHING}");
        Sockets::of(Server::with_descriptors(descriptors, &flags))
    }

    fn connect(&self) -> TcpStream {
        socket::connect(self.server.address()).unwrap()
    }

    fn connect_narrow(&self) -> TcpStream {
        socket::narrow(self.server.address())
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn descriptors(&self) -> usize {
        self.server.descriptors()
    }

    fn held_bytes(&self) -> u64 {
        0
    }

    fn until(&self, what: &str, is_so: &mut dyn FnMut() -> bool) {
        // Most often it is so at once, and there are thousands who ask.
        let began = Instant::now();
        let mut pause = Duration::from_micros(20);
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }
}

impl Stream for TcpStream {
    fn finish(&mut self) {
        // A server that has hung up already has nothing to be told.
        let _ = self.shutdown(Shutdown::Write);
    }

    fn reset(self) {
        let socket = SockRef::from(&self);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }

    fn is_answered_within(&mut self, span: Duration) -> bool {
        self.set_read_timeout(Some(span)).unwrap();
        let answered = self.peek(&mut [0]).is_ok();
        self.set_read_timeout(Some(PATIENCE)).unwrap();
        answered
    }

    fn widen(&mut self) {}
}
