//! The only seam between the hub and the world: sockets, the clock and chance.
//!
//! The reactor is written once, generic over [`Transport`]; [`tcp`] is the ground it stands on in production, and
//! `tests/simulation/network.rs` the one in the simulator, so that the simulator runs the very code that production runs.
//!
//! The contract that both keep:
//!
//! - Sockets are watched once, for both directions, edge-triggered: a [`Ready`] says that something *became* possible.
//! - A read that returns fewer bytes than it had space for has emptied the socket, and a write that took fewer bytes
//!   than it was given has filled it; an edge follows when that changes. (epoll(7), question 9, says so of stream
//!   sockets, and it saves a system call that moves no byte.) The end of the stream is told by [`Ready::Socket`]'s
//!   `ended`, after which a short read proves nothing.
//! - No call blocks but [`Transport::wait`].
//! - A signal interrupts nothing: a call is made again, and a wait may end early without anything being ready.
//! - A call that the kernel had no memory for has done nothing ([`is_shortage`]), and no edge tells when it may be made
//!   again.

pub mod listener;
pub mod tcp;

use std::io::{self, IoSlice};
use std::net::SocketAddr;

use crate::id::ConnId;
use crate::time::{Millis, Now};

/// What became possible since the last wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// A client knocks.
    Listener,
    /// A connection can be read or written again. It may have been closed meanwhile: compare generations.
    Socket {
        /// The connection as it was given to [`Transport::watch`].
        conn: ConnId,
        /// Bytes or the end of the stream are there to be read.
        readable: bool,
        /// The socket takes bytes again.
        writable: bool,
        /// The peer has ended its side, or the connection broke.
        ended: bool,
    },
    /// The process is asked to end: SIGTERM or SIGINT.
    Shutdown,
}

/// Why no connection came out of the listener.
#[derive(Debug)]
pub enum AcceptError {
    /// Nobody waits.
    Empty,
    /// No file descriptor was free; the client that waited was turned away, so that the queue moves.
    Exhausted,
    /// No file descriptor was free, not even to turn a client away: those that wait still do.
    Stuck,
    /// The kernel has no memory for it now: the clients that wait still do.
    OutOfMemory,
    /// This one connection failed before it was accepted; the next may do better.
    Failed(io::Error),
}

/// What of the listener belongs to other processes, too, so that one of them can take over from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// Nothing: when we stop listening, nobody does.
    Nothing,
    /// Its address. The clients in our queue are ours alone, and have to be accepted before the listener is closed.
    Address,
    /// Its queue. The clients that wait in it can be accepted by another process.
    Queue,
}

/// Whether a call failed only because the kernel had no memory for it, which passes.
pub fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENOMEM | ENOBUFS))
}

/// Linux's numbers; the standard library has no names for them.
const ENOMEM: i32 = 12;
const ENOBUFS: i32 = 105;

/// Sockets, the clock and chance; see the module for what it promises.
pub trait Transport {
    /// One connection's socket.
    type Socket;

    /// What time it is.
    fn now(&self) -> Now;

    /// Sleeps until something is ready or `until` has come (`None`: for as long as it takes), and appends what became
    /// ready. A time in the past does not sleep.
    fn wait(&mut self, until: Option<Millis>, ready: &mut Vec<Ready>) -> io::Result<()>;

    /// The next connection that waits, not yet watched, and its address.
    fn accept(&mut self) -> Result<(Self::Socket, SocketAddr), AcceptError>;

    /// Whether another process can take over the listener.
    fn handover(&self) -> Handover;

    /// Closes our listener: nobody knocks any more, and nobody is accepted.
    fn stop_listening(&mut self);

    /// From now on tells what becomes possible on this socket, under this name. Once a socket.
    fn watch(&mut self, socket: &mut Self::Socket, conn: ConnId) -> io::Result<()>;

    /// Reads what is there; 0 is the end of the stream.
    fn read(&mut self, socket: &mut Self::Socket, into: &mut [u8]) -> io::Result<usize>;

    /// Writes the parts in their order, as much of them as fits.
    fn write(&mut self, socket: &mut Self::Socket, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Says that no more will be written, and goes on reading.
    fn finish(&mut self, socket: &mut Self::Socket);

    /// Gives the socket back.
    fn close(&mut self, socket: Self::Socket);

    /// Thirty-two unpredictable bytes, from which all chance above is drawn.
    fn seed(&mut self) -> io::Result<[u8; 32]>;
}
