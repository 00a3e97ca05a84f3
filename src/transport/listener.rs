//! How the server comes by its listener: it binds one of its own, binds one beside another process's, or is passed one
//! that another process holds open.
//!
//! Nothing is accepted here.

use std::io;
use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::Handover;

/// Connections the kernel holds for us between two turns (the kernel lowers it to `net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// A socket that listens.
pub struct Listener {
    pub(super) socket: TcpListener,
    pub(super) handover: Handover,
    /// Connections that wait already were made before anybody asked for `TCP_NODELAY`.
    pub(super) lacks_nodelay: bool,
}

impl Listener {
    /// Listens on `address`; port 0 takes a free one. With `reuse_port` other processes may do the same at the same
    /// time, if they ask for it, too; then the newest of them gets all new connections.
    pub fn bind(address: SocketAddr, reuse_port: bool) -> io::Result<Listener> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        #[cfg(unix)]
        socket.set_reuse_port(reuse_port)?;
        // Accepted sockets inherit it on Linux, which saves a system call for each.
        socket.set_tcp_nodelay(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        if reuse_port && let Err(error) = prefer_newest(&socket) {
            log::warn!(
                "the kernel does not lead all new connections to the newest process ({error}): a few may be reset when \
                 this one stops listening"
            );
        }
        Ok(Listener {
            socket: socket.into(),
            handover: match reuse_port {
                true => Handover::Address,
                false => Handover::Nothing,
            },
            lacks_nodelay: false,
        })
    }

    /// The socket that our parent process has passed by `LISTEN_FDS`, as systemd does; `None` if there is none. The
    /// variables are taken out of the environment.
    ///
    /// # Errors
    /// More than one socket, or one that is no listening TCP socket.
    pub fn passed() -> io::Result<Option<Listener>> {
        let mut passed = ListenFd::from_env();
        let wrong = |what: String| {
            let expected =
                "expected one TCP socket that listens (ListenStream= with an address and a port)";
            let sentence = format!("LISTEN_FDS passes {what}: {expected}");
            io::Error::new(io::ErrorKind::InvalidInput, sentence)
        };
        match passed.len() {
            0 => return Ok(None),
            1 => {}
            sockets => return Err(wrong(format!("{sockets} sockets"))),
        }
        let taken = passed.take_tcp_listener(0);
        let Some(socket) = taken.map_err(|_| wrong("something else".to_owned()))? else {
            return Ok(None);
        };
        let options = SockRef::from(&socket);
        if !options.is_listener()? {
            return Err(wrong("a socket that does not listen".to_owned()));
        }
        let lacks_nodelay = !options.tcp_nodelay()?;
        options.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Some(Listener {
            socket,
            handover: Handover::Queue,
            lacks_nodelay,
        }))
    }

    /// The bound address.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Has the kernel lead every new connection to the listener of the address that was bound last, for as long as there
/// are two. Then nobody is in the middle of a handshake with the older one when that is closed, which would reset it.
#[cfg(target_os = "linux")]
fn prefer_newest(socket: &Socket) -> io::Result<()> {
    use nix::libc::{BPF_K, BPF_RET, sock_filter, sock_fprog};
    use nix::sys::socket::{setsockopt, sockopt::AttachReusePortCbpf};

    // Listeners are numbered as they come; when one is closed, the last gets its number. So of two the newest is number
    // 1. Where there is no number 1 the kernel chooses as it would without us.
    let mut newest = [sock_filter {
        code: (BPF_RET | BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: 1,
    }];
    let program = sock_fprog {
        len: newest.len() as u16,
        filter: newest.as_mut_ptr(),
    };
    setsockopt(socket, AttachReusePortCbpf, &program).map_err(io::Error::from)
}

#[cfg(not(target_os = "linux"))]
fn prefer_newest(_: &Socket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
