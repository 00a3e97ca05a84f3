//! Two listeners on one address: which of them is led to whom.
//!
//! A program of its own, which starts no other: until one that is started has begun, it holds every listener, too, and
//! one that was closed would be among those that the kernel counts.
#![allow(clippy::unwrap_used, missing_docs)]

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use roomcast::transport::listener::Listener;
use roomcast::transport::tcp::Tcp;
use roomcast::transport::{AcceptError, Handover, Transport};

const PATIENCE: Duration = Duration::from_secs(120);
const CONNECTIONS: usize = 50;

fn bind(address: SocketAddr) -> Tcp {
    Tcp::new(Listener::bind(address, true).unwrap()).unwrap()
}

/// Connects so often, and says how many of the connections each of them gets.
fn shares<const N: usize>(mut among: [&mut Tcp; N]) -> [usize; N] {
    let address = among[0].address();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let mut shares = [0; N];
    let deadline = Instant::now() + PATIENCE;
    // For a client the handshake is over before it is for the listener.
    while shares.iter().sum::<usize>() < CONNECTIONS {
        for (tcp, share) in among.iter_mut().zip(&mut shares) {
            *share += accepted(tcp);
        }
        assert!(
            Instant::now() < deadline,
            "of {CONNECTIONS} only {shares:?}"
        );
        thread::sleep(Duration::from_millis(1));
    }
    drop(clients);
    shares
}

/// How many connections wait to be accepted.
fn accepted(tcp: &mut Tcp) -> usize {
    let accepts = std::iter::from_fn(|| match tcp.accept() {
        Ok(accepted) => Some(accepted),
        Err(AcceptError::Empty) => None,
        Err(error) => panic!("{error:?}"),
    });
    accepts.count()
}

#[test]
fn the_newest_listener_gets_every_new_connection() {
    let mut first = bind(([127, 0, 0, 1], 0).into());
    let address = first.address();
    assert_eq!(first.handover(), Handover::Address);
    assert_eq!(shares([&mut first]), [CONNECTIONS]);
    let mut second = bind(address);
    assert_eq!(shares([&mut first, &mut second]), [0, CONNECTIONS]);
    first.stop_listening();
    assert_eq!(shares([&mut second]), [CONNECTIONS]);
    let mut third = bind(address);
    assert_eq!(shares([&mut second, &mut third]), [0, CONNECTIONS]);
    // One that fails to take over gives everything back.
    drop(third);
    assert_eq!(shares([&mut second]), [CONNECTIONS]);
}

#[test]
fn an_address_is_shared_only_with_those_who_share_it() {
    let alone = Tcp::new(Listener::bind(([127, 0, 0, 1], 0).into(), false).unwrap()).unwrap();
    assert_eq!(alone.handover(), Handover::Nothing);
    assert!(Listener::bind(alone.address(), true).is_err());
    let shares = bind(([127, 0, 0, 1], 0).into());
    assert!(Listener::bind(shares.address(), false).is_err());
}

#[test]
fn nobody_is_accepted_by_a_listener_that_was_left() {
    let mut left = bind(([127, 0, 0, 1], 0).into());
    left.stop_listening();
    assert!(matches!(left.accept(), Err(AcceptError::Empty)));
    assert!(TcpStream::connect(left.address()).is_err());
}
