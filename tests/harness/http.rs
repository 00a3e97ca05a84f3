//! One connection with nothing between the test and its bytes: requests are written as they are, answers are read by
//! a parser that is not ours.

use std::borrow::Cow;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde::Deserialize;
use serde_json::Value;

use super::patience::PATIENCE;
use super::socket;
use super::steady::Steady;

/// A connection, and what has come that nobody has read.
pub struct Http<S = TcpStream> {
    stream: Steady<S>,
    unread: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub reason: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// One frame from the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub first: u8,
    pub payload: Vec<u8>,
}

impl Http {
    /// Makes a connection.
    pub fn connect(address: SocketAddr) -> Http {
        Http::over(socket::connect(address).unwrap())
    }

    /// Takes a fresh connection that the test has prepared.
    pub fn new(stream: TcpStream) -> Http {
        Http::over(socket::patient(stream).unwrap())
    }

    /// Ends our side.
    pub fn finish(&mut self) -> &mut Http {
        self.stream().shutdown(Shutdown::Write).unwrap();
        self
    }
}

impl<S: Read + Write> Http<S> {
    /// Takes a connection of any kind; a read that nothing comes for in time must be an error.
    pub fn over(stream: S) -> Http<S> {
        Http {
            stream: Steady(stream),
            unread: Vec::new(),
        }
    }

    /// Writes bytes as they are. A server that has hung up is no error here: its answer tells why.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Http<S> {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// Writes bytes one at a time, each in a write of its own.
    pub fn trickle(&mut self, bytes: impl AsRef<[u8]>) -> &mut Http<S> {
        for byte in bytes.as_ref() {
            self.send([*byte]);
        }
        self
    }

    /// The socket itself.
    pub fn stream(&self) -> &S {
        &self.stream.0
    }

    /// The same, to be changed.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream.0
    }

    /// The same, for good; what nobody has read is lost.
    pub fn into_stream(self) -> S {
        self.stream.0
    }

    /// The socket, and what has come that nobody has read.
    pub fn into_parts(self) -> (Steady<S>, Vec<u8>) {
        (self.stream, self.unread)
    }

    /// Sends a request and reads its answer; `headers` are lines that end with CR LF.
    pub fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        self.send(request(method, path, headers, body));
        match method {
            "HEAD" => self.answer_to_head(),
            _ => self.answer(),
        }
    }

    /// Reads one answer.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        let answer = self.try_answer();
        answer.unwrap_or_else(|error| panic!("no answer: {error}; there is {:?}", self.unread))
    }

    /// Reads one answer that has no body, whatever its length says.
    #[track_caller]
    pub fn answer_to_head(&mut self) -> Answer {
        let answer = self.try_answer_to_head();
        answer.unwrap_or_else(|error| panic!("no answer: {error}; there is {:?}", self.unread))
    }

    /// Reads one answer, if one comes.
    pub fn try_answer(&mut self) -> Result<Answer> {
        let mut answer = self.try_answer_to_head()?;
        if answer.status >= 200 && ![204, 304].contains(&answer.status) {
            let bytes = answer.header("content-length").unwrap().parse().unwrap();
            answer.body = self.try_take(bytes)?;
        }
        Ok(answer)
    }

    /// Reads one answer that has no body, if one comes.
    pub fn try_answer_to_head(&mut self) -> Result<Answer> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut response = httparse::Response::new(&mut headers);
            let parsed = response.parse(&self.unread).unwrap();
            if let httparse::Status::Complete(head_bytes) = parsed {
                let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
                let pairs = response.headers.iter();
                let answer = Answer {
                    status: response.code.unwrap(),
                    reason: response.reason.unwrap().to_owned(),
                    headers: pairs
                        .map(|pair| (pair.name.to_lowercase(), text(pair.value)))
                        .collect(),
                    body: Vec::new(),
                };
                self.unread.drain(..head_bytes);
                return Ok(answer);
            }
            self.fill()?;
        }
    }

    /// Opens a WebSocket on this path.
    pub fn upgrade(&mut self, path: &str) {
        let answer = self.ask("GET", path, UPGRADE, "");
        assert_eq!(answer.status, 101, "{}", answer.text());
    }

    /// Reads one frame.
    pub fn frame(&mut self) -> Frame {
        let header = self.take(2);
        let length = match header[1] {
            126 => u16::from_be_bytes(self.take(2).try_into().unwrap()).into(),
            127 => u64::from_be_bytes(self.take(8).try_into().unwrap()) as usize,
            length => {
                assert!(length < 126, "a server's frames are not masked");
                length.into()
            }
        };
        let payload = self.take(length);
        Frame {
            first: header[0],
            payload,
        }
    }

    /// The code of the close frame that comes, whatever comes before it; 1005 if it has none.
    pub fn close_code(&mut self) -> u16 {
        loop {
            let frame = self.frame();
            match (frame.first, frame.payload.as_slice()) {
                (0x88, []) => return 1005,
                (0x88, [high, low, ..]) => return u16::from_be_bytes([*high, *low]),
                _ => {}
            }
        }
    }

    /// Whether the server ends the connection without another byte.
    pub fn is_over(&mut self) -> bool {
        self.unread.is_empty() && self.is_at_its_end()
    }

    /// Everything until the server ends the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        while !self.is_at_its_end() {}
        std::mem::take(&mut self.unread)
    }

    /// Whatever has come, at least a byte.
    #[track_caller]
    pub fn some(&mut self) -> Vec<u8> {
        if self.unread.is_empty() {
            self.fill().unwrap();
        }
        std::mem::take(&mut self.unread)
    }

    #[track_caller]
    fn take(&mut self, bytes: usize) -> Vec<u8> {
        let taken = self.try_take(bytes);
        taken.unwrap_or_else(|error| panic!("{bytes} bytes do not come: {error}"))
    }

    fn try_take(&mut self, bytes: usize) -> Result<Vec<u8>> {
        while self.unread.len() < bytes {
            self.fill()?;
        }
        let rest = self.unread.split_off(bytes);
        Ok(std::mem::replace(&mut self.unread, rest))
    }

    /// Reads what comes, and says whether it was the end of the connection, however that came.
    fn is_at_its_end(&mut self) -> bool {
        match self.fill() {
            Ok(()) => false,
            Err(error) if error.kind() == ErrorKind::TimedOut => panic!("{error}"),
            Err(_) => true,
        }
    }

    /// Reads what comes; the end of the connection is an error.
    fn fill(&mut self) -> Result<()> {
        let mut bytes = [0; 16 << 10];
        match self.stream.read(&mut bytes) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.unread.extend_from_slice(&bytes[..count]);
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let told = format!("nothing came for {PATIENCE:?}");
                Err(Error::new(ErrorKind::TimedOut, told))
            }
            Err(error) => Err(error),
        }
    }
}

impl Answer {
    /// The first header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.headers.iter();
        pairs
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status and code of an error, whose shape is checked.
    #[track_caller]
    pub fn error(&self) -> (u16, &str) {
        (self.status, self.fault().code)
    }

    /// The sentence of an error.
    #[track_caller]
    pub fn message(&self) -> String {
        self.fault().message.into_owned()
    }

    /// That it is a 400 which names this field.
    #[track_caller]
    pub fn refuses(&self, field: &str) {
        assert_eq!(self.error(), (400, "bad_request"), "{}", self.text());
        let message = self.message();
        assert!(message.contains(field), "{field} is not named: {message}");
    }

    #[track_caller]
    fn fault(&self) -> Fault<'_> {
        assert_eq!(self.header("content-type"), Some("application/json"));
        let refusal: Refusal<'_> = serde_json::from_slice(&self.body).unwrap();
        assert!(!refusal.error.message.is_empty(), "{}", self.text());
        refusal.error
    }

    /// The value of one of these metrics, labels and all.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let text = std::str::from_utf8(&self.body).unwrap();
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map(|value| value.parse().unwrap())
    }
}

/// The body of an error, and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal<'a> {
    #[serde(borrow)]
    error: Fault<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault<'a> {
    code: &'a str,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// What an upgrade needs beside its path.
pub const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A whole request, with a length if it has a body.
pub fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = match body.len() {
        0 => String::new(),
        bytes => format!("Content-Length: {bytes}\r\n"),
    };
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}\r\n{body}")
}

/// A client's frame: its first byte, its payload, masked.
pub fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let payload = payload.as_ref();
    let mut bytes = vec![first];
    match payload.len() {
        length @ ..126 => bytes.push(0x80 | length as u8),
        length @ ..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&MASK);
    bytes.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}
