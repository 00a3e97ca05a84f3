//! The real binary, over real sockets.

use std::fs;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use crate::ground::{Ground, Stream};
use crate::server::{PATIENCE, Server};

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

    fn connect_with(&self, prepare: impl FnOnce(&Socket)) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        prepare(&socket);
        socket.connect(&self.server.address().into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

impl Ground for Sockets {
    type Stream = TcpStream;

    const SIMULATED: bool = false;

    fn open(flags: &str, hurried: &str) -> Sockets {
        Sockets::of(Server::start(&format!("{flags} {hurried}")))
    }

    fn with_descriptors(descriptors: u32, flags: &str) -> Sockets {
        Sockets::of(Server::with_descriptors(descriptors, flags))
    }

    fn connect(&self) -> TcpStream {
        self.connect_with(|_| ())
    }

    fn connect_narrow(&self) -> TcpStream {
        self.connect_with(|socket| socket.set_recv_buffer_size(4096).unwrap())
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn descriptors(&self) -> usize {
        let table = format!("/proc/{}/fd", self.server.id());
        fs::read_dir(table).unwrap().count()
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
