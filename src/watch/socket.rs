//! A stream that knows when it last heard something, and waits for more only as long as it is told.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long one address may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a write may make no progress.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// The least that a read waits. Even when the time is over it looks once at what has come: the process may have been
/// stopped for longer than that.
const GLANCE: Duration = Duration::from_millis(1);

/// One connection to the server.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    heard: Instant,
    until: Option<Instant>,
}

impl Socket {
    /// Connects to the first address of this host that takes us.
    pub fn connect(address: (&str, u16)) -> io::Result<Socket> {
        let mut failed = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => return Socket::new(stream),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn new(stream: TcpStream) -> io::Result<Socket> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let heard = Instant::now();
        Ok(Socket {
            stream,
            heard,
            until: None,
        })
    }

    /// From now on a read fails with `WouldBlock` when nothing has come by then.
    pub fn wait_until(&mut self, until: Instant) {
        self.until = Some(until);
    }

    /// From now on a read fails with `WouldBlock` at once, without a look at the stream.
    pub fn stop_reading(&mut self) {
        self.until = None;
    }

    /// When the last byte came.
    pub fn heard(&self) -> Instant {
        self.heard
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let until = self.until.ok_or(ErrorKind::WouldBlock)?;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            self.stream.set_read_timeout(Some(left.max(GLANCE)))?;
            match self.stream.read(into) {
                // A process that was stopped and goes on is told so.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    return Err(ErrorKind::WouldBlock.into());
                }
                Ok(bytes) => {
                    self.heard = Instant::now();
                    return Ok(bytes);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.stream.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
