//! Why one connection failed, was lost or did not close cleanly: the kinds that a report counts.

use std::io;

use crate::client::{frame, stream};

/// One kind of bad end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody listens, or the accept queue turned it away.
    #[error("refused")]
    Refused,
    /// The peer reset the TCP connection.
    #[error("reset")]
    Reset,
    /// The time for it was over.
    #[error("timeout")]
    Timeout,
    /// The upgrade was answered with another status than it should be.
    #[error("status {0}")]
    Status(u16),
    /// A 101 whose `Sec-WebSocket-Accept` does not fit the key.
    #[error("bad accept")]
    BadAccept,
    /// No HTTP response, or one without the headers that it should have.
    #[error("bad response")]
    BadResponse,
    /// The TCP connection ended without a close frame.
    #[error("hung up")]
    HungUp,
    /// The peer sent a close frame, or a last event, with this code.
    #[error("close code {0}")]
    CloseCode(u16),
    /// The peer broke the framing.
    #[error("bad frame ({0})")]
    Frame(#[from] frame::Fault),
    /// The peer broke the form of a stream of events.
    #[error("bad event ({0})")]
    Stream(#[from] stream::Fault),
    /// No free port at the source address.
    #[error("no free port")]
    NoPort,
    /// The run ended before its turn came.
    #[error("not started")]
    NotStarted,
    /// Anything else that the system reports.
    #[error("{0}")]
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
