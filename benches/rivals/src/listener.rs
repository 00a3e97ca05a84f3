//! The one socket that a rival listens on, bound as the server binds its own, and where it says so.

use std::net::{SocketAddr, TcpListener};
use std::process::exit;

use socket2::{Domain, Protocol, Socket, Type};

/// As many connections wait to be accepted as at the server.
const BACKLOG: i32 = 4096;

/// Listens on what `--listen` names, without blocking, and says where on standard error; without that, says why not and
/// ends the process.
pub fn listen() -> TcpListener {
    let address = address(std::env::args().skip(1)).unwrap_or_else(|error| fail(&error, 2));
    let bound = bind(address)
        .and_then(|listener| Ok((listener.local_addr()?, listener)))
        .map_err(|error| format!("cannot listen on {address}: {error}"));
    let (address, listener) = bound.unwrap_or_else(|error| fail(&error, 1));
    eprintln!("listening on http://{address}");
    listener
}

fn address(mut args: impl Iterator<Item = String>) -> Result<SocketAddr, String> {
    let usage = "the command line takes --listen ADDR:PORT and nothing else";
    match (args.next().as_deref(), args.next(), args.next()) {
        (None, None, None) => Ok(SocketAddr::from(([127, 0, 0, 1], 0))),
        (Some("--listen"), Some(address), None) => address
            .parse()
            .map_err(|_| format!("{address} is not an address with a port, as 127.0.0.1:8080 is")),
        _ => Err(usage.to_owned()),
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it on Linux.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn fail(error: &str, status: i32) -> ! {
    eprintln!("error: {error}");
    exit(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_an_address_or_nothing() {
        let read = |line: &str| address(line.split_whitespace().map(str::to_owned));
        assert_eq!(read("").unwrap().port(), 0);
        assert_eq!(read("--listen 127.0.0.1:99").unwrap().port(), 99);
        for wrong in [
            "--listen",
            "--listen nowhere",
            "--port 1",
            "--listen 127.0.0.1:1 x",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
