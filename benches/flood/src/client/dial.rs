//! Begins to connect, from an address of our own, and leaves the outcome to an event.

use std::io;
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

/// What `connect` answers on Linux when the outcome comes later; the standard library has no stable name for it.
const EINPROGRESS: i32 = 115;

/// Connects from `source` to `server` with a socket that `tune` has set up. What comes of it arrives as events with
/// `token`.
pub fn dial(
    server: SocketAddr,
    source: Option<SocketAddr>,
    tune: impl FnOnce(&Socket) -> io::Result<()>,
    (registry, token): (&Registry, Token),
) -> io::Result<TcpStream> {
    let domain = Domain::for_address(server);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Without this the end of a long message would wait for the acknowledgement of its beginning.
    socket.set_tcp_nodelay(true)?;
    tune(&socket)?;
    if let Some(source) = source {
        socket.bind(&source.into())?;
    }
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() != Some(EINPROGRESS) => return Err(error),
        _ => {}
    }
    let mut socket = TcpStream::from_std(socket.into());
    registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(socket)
}
