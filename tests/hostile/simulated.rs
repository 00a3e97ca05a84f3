//! The loop of the real binary on the simulated network. Every write of a client is a read of the server's, and time
//! passes only while a client waits for an answer.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use super::network;
use roomcast::reactor::Reactor;
use roomcast::time::Millis;
use roomcast::transport::Transport;

use crate::flagged::reactor;
use crate::ground::{Ground, KEEPS_NOTHING, Stream};

/// Virtual time for which a client waits for anything: longer than any deadline of the server.
const PATIENCE: Millis = Millis::seconds(100);
/// What a client of a narrow network may leave unread.
const NARROW_BYTES: u32 = 1000;

/// A server on the simulated network.
pub struct Simulated(Rc<RefCell<Reactor<network::Sim>>>);

/// A client's end of a connection.
pub struct Line {
    reactor: Rc<RefCell<Reactor<network::Sim>>>,
    client: network::Client,
}

fn open(network: network::Sim, flags: &str) -> Simulated {
    let flags = [flags, KEEPS_NOTHING].map(str::split_whitespace);
    let flags: Vec<String> = flags.into_iter().flatten().map(String::from).collect();
    Simulated(Rc::new(RefCell::new(reactor(network, &flags))))
}

/// Turns until nothing is left to do at this moment.
fn settle(reactor: &mut Reactor<network::Sim>) {
    for _ in 0..100_000 {
        if !reactor.transport().is_restless() && !reactor.is_busy() {
            return;
        }
        reactor.turn().unwrap();
    }
    panic!("the loop does not come to rest");
}

impl Ground for Simulated {
    type Stream = Line;

    const SIMULATED: bool = true;

    fn open(flags: &str, _: &str) -> Simulated {
        open(network::Sim::new(1), flags)
    }

    fn with_descriptors(descriptors: u32, flags: &str) -> Simulated {
        let mut network = network::Sim::new(1);
        network.set_descriptors_max(descriptors);
        open(network, flags)
    }

    fn connect(&self) -> Line {
        let mut reactor = self.0.borrow_mut();
        let client = reactor.transport_mut().connect();
        settle(&mut reactor);
        Line {
            reactor: Rc::clone(&self.0),
            client,
        }
    }

    fn connect_narrow(&self) -> Line {
        let line = self.connect();
        let mut reactor = self.0.borrow_mut();
        reactor.transport_mut().resize(line.client, NARROW_BYTES);
        drop(reactor);
        line
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.borrow().transport().now().millis().0)
    }

    fn descriptors(&self) -> usize {
        self.0.borrow().transport().descriptors() as usize
    }

    fn held_bytes(&self) -> u64 {
        let mut reactor = self.0.borrow_mut();
        settle(&mut reactor);
        reactor.check_invariants();
        reactor.budgeted_bytes()
    }

    fn until(&self, what: &str, is_so: &mut dyn FnMut() -> bool) {
        settle(&mut self.0.borrow_mut());
        assert!(is_so(), "it is not so that {what}");
    }
}

impl Line {
    /// Turns until there is something to read or this much time has passed; whether there is.
    fn wait(&self, span: Millis) -> bool {
        let mut reactor = self.reactor.borrow_mut();
        let until = reactor.transport().now().millis() + span;
        reactor.transport_mut().set_horizon(until);
        loop {
            let network = reactor.transport();
            if network.unread(self.client) > 0 || network.is_ended(self.client) {
                return true;
            }
            if network.now().millis() >= until {
                return false;
            }
            reactor.turn().unwrap();
        }
    }
}

impl Read for Line {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.wait(PATIENCE) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut reactor = self.reactor.borrow_mut();
        let bytes = reactor.transport_mut().receive(self.client, into.len());
        into[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut reactor = self.reactor.borrow_mut();
        reactor.transport_mut().send(self.client, bytes);
        settle(&mut reactor);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Line {
    fn finish(&mut self) {
        let mut reactor = self.reactor.borrow_mut();
        reactor.transport_mut().finish_client(self.client);
        settle(&mut reactor);
    }

    fn reset(self) {}

    fn is_answered_within(&mut self, span: Duration) -> bool {
        self.wait(Millis(span.as_millis() as u64))
    }

    fn widen(&mut self) {
        let mut reactor = self.reactor.borrow_mut();
        reactor.transport_mut().resize(self.client, 1 << 20);
        settle(&mut reactor);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut reactor = self.reactor.borrow_mut();
        reactor.transport_mut().forget(self.client);
        settle(&mut reactor);
    }
}
