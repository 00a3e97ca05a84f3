//! One member of an app, which reads all that it is sent and counts it; and a caller of plain HTTP.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::harness::http::{Answer, Http, frame};
use crate::tally::{App, Tally};

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// What a slow reader's kernel holds for it, in bytes, and the segments in which it comes: those of an Ethernet, or the
/// server's side would hold megabytes.
const SLOW_BUFFER_BYTES: usize = 4096;
const SLOW_SEGMENT_BYTES: u32 = 1460;

/// A keep-alive connection.
pub struct Caller {
    http: Http,
}

impl Caller {
    pub fn new(address: SocketAddr) -> Caller {
        Caller {
            http: Http::connect(address),
        }
    }

    /// A call, counted by its status.
    pub fn ask(&mut self, tally: &mut Tally, method: &str, path: &str, body: &str) -> Answer {
        let answer = self.http.ask(method, path, "", body);
        tally.status(answer.status);
        answer
    }

    /// A call that must succeed; its answer, if that is JSON.
    pub fn get(&mut self, tally: &mut Tally, method: &str, path: &str, body: &str) -> Value {
        let answer = self.ask(tally, method, path, body);
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {}",
            answer.text()
        );
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }
}

pub struct Member {
    app: App,
    pub http: Http,
}

/// What a member was sent.
#[derive(Debug)]
pub enum Said {
    Text(Value),
    Close(u16),
}

impl Member {
    pub fn open(address: SocketAddr, app: App, path: &str, tally: &mut Tally) -> Member {
        Member::over(TcpStream::connect(address).unwrap(), app, path, tally)
    }

    /// One whose kernel holds little for it.
    pub fn open_slow(address: SocketAddr, app: App, path: &str, tally: &mut Tally) -> Member {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(SLOW_BUFFER_BYTES).unwrap();
        socket.set_tcp_mss(SLOW_SEGMENT_BYTES).unwrap();
        socket.connect(&address.into()).unwrap();
        Member::over(socket.into(), app, path, tally)
    }

    fn over(stream: TcpStream, app: App, path: &str, tally: &mut Tally) -> Member {
        let mut http = Http::new(stream);
        http.upgrade(path);
        tally.status(101);
        Member { app, http }
    }

    pub fn say(&mut self, text: &str) {
        self.http.send(frame(TEXT, text));
    }

    /// The next message or close frame; pings are answered.
    pub fn next(&mut self, tally: &mut Tally) -> Said {
        loop {
            let found = self.http.frame();
            match found.first {
                TEXT => {
                    let text: Value = serde_json::from_slice(&found.payload).unwrap();
                    count(self.app, &text, tally);
                    return Said::Text(text);
                }
                PING => drop(self.http.send(frame(PONG, &found.payload))),
                PONG => {}
                CLOSE => {
                    let code = found
                        .payload
                        .first_chunk()
                        .map_or(1005, |code| u16::from_be_bytes(*code));
                    return Said::Close(code);
                }
                other => panic!("{:?}: a frame that begins with {other:#x}", self.app),
            }
        }
    }

    /// The next message, which must be one.
    pub fn text(&mut self, tally: &mut Tally) -> Value {
        match self.next(tally) {
            Said::Text(text) => text,
            Said::Close(code) => panic!("{:?}: closed with {code}", self.app),
        }
    }

    /// The next message with this `type`, which must come next.
    pub fn expect(&mut self, kind: &str, tally: &mut Tally) -> Value {
        let text = self.text(tally);
        assert_eq!(text["type"], kind, "{text}");
        text
    }

    /// Reads until the server closes with this code.
    pub fn closed(mut self, code: u16, tally: &mut Tally) {
        loop {
            if let Said::Close(found) = self.next(tally) {
                assert_eq!(found, code, "{:?}", self.app);
                self.http.send(frame(CLOSE, code.to_be_bytes()));
                return tally.close(self.app, code);
            }
        }
    }

    /// Says goodbye, and reads all that was on its way.
    pub fn leave(mut self, tally: &mut Tally) {
        self.http.send(frame(CLOSE, 1000_u16.to_be_bytes()));
        self.closed(1000, tally);
    }

    /// Reads all that the server had written before it gave this client up.
    pub fn given_up(mut self, tally: &mut Tally) {
        let bytes = self.http.rest();
        let mut rest = &bytes[..];
        while let Some((first, payload, used)) = split(rest) {
            if first == TEXT {
                count(self.app, &serde_json::from_slice(payload).unwrap(), tally);
            }
            rest = &rest[used..];
        }
        tally.close(self.app, 1006);
    }

    /// Leaves without a word: with a FIN, or with a reset.
    pub fn vanish(self, resets: bool, tally: &mut Tally) {
        if resets {
            let socket = socket2::SockRef::from(self.http.stream());
            socket.set_linger(Some(Duration::ZERO)).unwrap();
        }
        tally.close(self.app, 1006);
    }
}

/// Counts a message; a notice of drops and a ping of the tasks app are none.
fn count(app: App, text: &Value, tally: &mut Tally) {
    let missed = [&text["payload"]["missed"], &text["data"]["missed"]];
    let is_notice = [&text["type"], &text["event"]]
        .iter()
        .any(|kind| kind.as_str().is_some_and(|kind| kind.ends_with("lagged")));
    if is_notice {
        let missed = missed.iter().find_map(|missed| missed.as_u64()).unwrap();
        tally.of(app).notices += 1;
        tally.of(app).told += missed;
    } else if !(app == App::Tasks && text["type"] == "ping") {
        tally.of(app).received += 1;
    }
}

/// The first whole frame of these bytes: its first byte, its payload, and how long it is.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (head, length) = match *bytes.get(1)? {
        126 => (
            4,
            u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?).into(),
        ),
        127 => (
            10,
            u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize,
        ),
        short => (2, short.into()),
    };
    let payload = bytes.get(head..head + length)?;
    Some((bytes[0], payload, head + length))
}
