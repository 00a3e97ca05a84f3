//! What may be passed by `LISTEN_FDS`, and what is refused.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

use socket2::{Domain, Socket, Type};

use crate::harness::server::run_until_it_listens;
use crate::hub::passed;

const REAL: &str = "LISTEN_PID=$$ LISTEN_FDS=1";

/// Runs a hub with this socket as descriptor 3, these variables and these flags until it ends or listens; its exit
/// code, if it ended, and what it said.
fn run(socket: impl Into<OwnedFd>, variables: &str, flags: &str) -> (Option<i32>, String) {
    let (status, said) = run_until_it_listens(passed(socket, variables, flags));
    let listens = said.contains("listening on http://");
    (status.code().filter(|_| !listens), said)
}

fn refuses(socket: impl Into<OwnedFd>, variables: &str, says: &str) {
    let (code, said) = run(socket, variables, "--listen 127.0.0.1:0");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("LISTEN_FDS"), "{said}");
    assert!(said.contains(says), "{said}");
}

fn tcp(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn the_passed_socket_is_used_and_its_real_address_is_said() {
    let (listener, address) = tcp("127.0.0.1:0");
    let (code, said) = run(listener, REAL, "--listen 127.0.0.1:1");
    assert_eq!(code, None, "{said}");
    assert!(
        said.contains(&format!("listening on http://{address}\n")),
        "{said}"
    );
    assert!(
        said.contains("instead of listening on 127.0.0.1:1"),
        "{said}"
    );
}

#[test]
fn sockets_that_are_passed_to_another_process_are_none_of_ours() {
    let (listener, address) = tcp("127.0.0.1:0");
    let (code, said) = run(
        listener,
        "LISTEN_PID=1 LISTEN_FDS=1",
        "--listen 127.0.0.1:0",
    );
    assert_eq!(code, None, "{said}");
    assert!(!said.contains(&address.to_string()), "{said}");
}

#[test]
fn more_than_one_socket_is_refused() {
    refuses(
        tcp("127.0.0.1:0").0,
        "LISTEN_PID=$$ LISTEN_FDS=2",
        "2 sockets",
    );
}

#[test]
fn what_is_no_listening_tcp_socket_is_refused() {
    refuses(
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        REAL,
        "one TCP socket",
    );
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("passed.sock");
    let _ = std::fs::remove_file(&path);
    refuses(UnixListener::bind(&path).unwrap(), REAL, "one TCP socket");
    refuses(
        std::fs::File::open("/dev/null").unwrap(),
        REAL,
        "one TCP socket",
    );
    let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    silent
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    refuses(silent, REAL, "does not listen");
}

#[test]
fn open_mode_on_a_passed_socket_that_others_reach_exits_2() {
    let (listener, address) = tcp("0.0.0.0:0");
    let again = || listener.try_clone().unwrap();
    let (code, said) = run(again(), REAL, "");
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains(&address.to_string()) && said.contains("--insecure-open"),
        "{said}"
    );
    assert_eq!(run(again(), REAL, "--insecure-open").0, None);
    assert_eq!(run(again(), REAL, "--key k").0, None);
}
