//! Why one connection failed, was lost or did not close cleanly: the kinds that a report counts.

use std::fmt;
use std::io;

use crate::client::frame::Fault;

/// One kind of bad end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens, or the accept queue turned it away.
    Refused,
    /// The peer reset the TCP connection.
    Reset,
    /// The time for it was over.
    Timeout,
    /// The upgrade was answered with another status than 101.
    Status(u16),
    /// A 101 whose `Sec-WebSocket-Accept` does not fit the key.
    BadAccept,
    /// No HTTP response, or a 101 without its other headers.
    BadResponse,
    /// The TCP connection ended without a close frame.
    HungUp,
    /// The peer sent a close frame with this code.
    CloseCode(u16),
    /// The peer broke the framing.
    Frame(Fault),
    /// No free port at the source address.
    NoPort,
    /// The run ended before its turn came.
    NotStarted,
    /// Anything else that the system reports.
    Io(io::ErrorKind),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure::Refused,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Failure::Reset,
            io::ErrorKind::TimedOut => Failure::Timeout,
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => Failure::NoPort,
            io::ErrorKind::InvalidData => Failure::BadResponse,
            other => Failure::Io(other),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        Failure::Frame(fault)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused => f.write_str("refused"),
            Failure::Reset => f.write_str("reset"),
            Failure::Timeout => f.write_str("timeout"),
            Failure::Status(status) => write!(f, "status {status}"),
            Failure::BadAccept => f.write_str("bad accept"),
            Failure::BadResponse => f.write_str("bad response"),
            Failure::HungUp => f.write_str("hung up"),
            Failure::CloseCode(code) => write!(f, "close code {code}"),
            Failure::Frame(fault) => write!(f, "bad frame ({fault})"),
            Failure::NoPort => f.write_str("no free port"),
            Failure::NotStarted => f.write_str("not started"),
            Failure::Io(kind) => write!(f, "{kind}"),
        }
    }
}
