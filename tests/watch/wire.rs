//! A wire between the client and the hub that a test links and cuts.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;

use crate::fake::Fake;

/// Where the client connects to. Nobody gets through before the test links it.
pub struct Wire {
    near: Fake,
    hub: SocketAddr,
}

/// A client that is linked to the hub.
pub struct Link(TcpStream, TcpStream);

impl Wire {
    pub fn to(hub: SocketAddr) -> Wire {
        let near = Fake::new();
        Wire { near, hub }
    }

    pub fn url(&self, path: &str) -> String {
        self.near.url(path)
    }

    /// Lets the next client through.
    pub fn link(&self) -> Link {
        let near = self.near.stream().0;
        let far = TcpStream::connect(self.hub).unwrap();
        pass(&near, &far);
        pass(&far, &near);
        Link(near, far)
    }
}

impl Link {
    pub fn cut(self) {
        for stream in [self.0, self.1] {
            // The other side may have gone before.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Passes on what comes from one to the other until either ends.
fn pass(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    from.set_read_timeout(None).unwrap();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
