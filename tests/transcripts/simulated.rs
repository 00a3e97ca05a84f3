//! The same apps and the same loop on the simulated network, with the same flags. Time stands still unless a client
//! waits for something that only time brings.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;

use super::network::{Client, Sim};
use roomcast::reactor::{Flow, Reactor};
use roomcast::time::Millis;
use roomcast::transport::Ready;

use crate::flagged::reactor;
use crate::ground::Ground;

/// How long an answer may take, by the simulated clock; whoever waits longer has failed.
const PATIENCE: Millis = Millis::seconds(20);

/// A server on the simulated network.
pub struct Simulated(Rc<RefCell<World>>);

/// A client's end of a connection.
pub struct Stream {
    world: Rc<RefCell<World>>,
    client: Client,
}

struct World {
    reactor: Reactor<Sim>,
    has_exited: bool,
}

impl Ground for Simulated {
    type Stream = Stream;

    fn open(flags: &[String]) -> Simulated {
        let reactor = reactor(Sim::new(1), flags);
        Simulated(Rc::new(RefCell::new(World {
            reactor,
            has_exited: false,
        })))
    }

    fn connect(&self) -> Stream {
        let client = self.0.borrow_mut().reactor.transport_mut().connect();
        Stream {
            world: Rc::clone(&self.0),
            client,
        }
    }

    fn host(&self) -> String {
        "127.0.0.1:8080".to_owned()
    }

    fn stop(&self) {
        let mut world = self.0.borrow_mut();
        world.reactor.transport_mut().stray(Ready::Shutdown);
        world.turn();
    }
}

impl World {
    fn turn(&mut self) {
        self.has_exited |= self.reactor.turn().unwrap() == Flow::Exit;
        self.reactor.check_invariants();
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        let now = world.reactor.now().millis();
        let give_up = now + PATIENCE;
        world.reactor.transport_mut().set_horizon(give_up);
        loop {
            let transport = world.reactor.transport_mut();
            let bytes = transport.receive(self.client, into.len());
            if !bytes.is_empty() {
                into[..bytes.len()].copy_from_slice(&bytes);
                return Ok(bytes.len());
            }
            if transport.is_ended(self.client) || world.has_exited {
                return Ok(0);
            }
            if world.reactor.now().millis() >= give_up {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            world.turn();
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        world.reactor.transport_mut().send(self.client, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        world.reactor.transport_mut().forget(self.client);
    }
}
