//! A server of a test's own: it does nothing that the test does not do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use socket2::SockRef;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

use crate::harness::patience::PATIENCE;
use crate::harness::socket;
use crate::harness::steady::Steady;

/// Where it listens.
pub struct Fake(TcpListener);

pub type Peer = WebSocket<Steady<TcpStream>>;

impl Fake {
    pub fn new() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // An accept obeys the time-out of reads.
        let patience = Some(PATIENCE);
        SockRef::from(&listener).set_read_timeout(patience).unwrap();
        Fake(listener)
    }

    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.0.local_addr().unwrap())
    }

    pub fn stream(&self) -> Steady<TcpStream> {
        let (stream, _) = self.0.accept().unwrap();
        Steady(socket::patient(stream).unwrap())
    }

    /// The next client, upgraded, and what it asked for.
    pub fn accept(&self) -> (Peer, Request) {
        let mut asked = None;
        let keep = |request: &Request, response: Response| {
            asked = Some(request.clone());
            Ok(response)
        };
        let peer = tungstenite::accept_hdr(self.stream(), keep).unwrap();
        (peer, asked.unwrap())
    }

    /// Answers the next client with this head.
    pub fn refuse(&self, head: &str) {
        let mut stream = self.stream();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

pub fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    let value = request.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

pub fn read(peer: &mut Peer) -> String {
    peer.read().unwrap().to_text().unwrap().to_owned()
}

pub fn tell(peer: &mut Peer, text: &str) {
    peer.send(Message::text(text)).unwrap();
}

pub fn close(mut peer: Peer, code: u16) {
    let reason = "because".into();
    let code = code.into();
    peer.close(Some(CloseFrame { code, reason })).unwrap();
    // The answer to it, or the end of the connection.
    while peer.read().is_ok() {}
}
