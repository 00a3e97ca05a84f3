//! A WebSocket client that others wrote.

use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message, WebSocket};

use super::http::Http;
use super::positions::{Position, Positions};
use super::socket;
use super::steady::Steady;

/// A connected client.
pub struct Client {
    socket: WebSocket<Steady<TcpStream>>,
    positions: Positions,
}

impl Client {
    /// Connects to this path.
    pub fn connect(address: SocketAddr, path: &str) -> Client {
        Client::with(address, path, &[])
    }

    /// The same, with these headers.
    pub fn with(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Client {
        Client::open(socket::connect(address).unwrap(), address, path, headers)
    }

    /// Connects over a socket that the test has prepared.
    pub fn over(stream: TcpStream, address: SocketAddr, path: &str) -> Client {
        Client::open(socket::patient(stream).unwrap(), address, path, &[])
    }

    fn open(
        stream: TcpStream,
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Client {
        let url = format!("ws://{address}{path}");
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(*name, value);
        }
        let (socket, _) = tungstenite::client(request, Steady(stream)).unwrap();
        let positions = Positions::default();
        Client { socket, positions }
    }

    /// Sends a message at once.
    pub fn send(&mut self, message: impl Into<Message>) -> &mut Client {
        self.socket.send(message.into()).unwrap();
        self
    }

    /// The same connection, for bytes that the test writes itself.
    pub fn writer(&self) -> Http {
        Http::new(self.socket.get_ref().0.try_clone().unwrap())
    }

    /// The next message as it came, whatever it is.
    #[track_caller]
    pub fn any(&mut self) -> Message {
        let message = self.socket.read();
        message.unwrap_or_else(|error| panic!("no message came: {error}"))
    }

    /// The next message but pings and pongs, a close frame among them.
    #[track_caller]
    pub fn message(&mut self) -> Message {
        loop {
            match self.any() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// Returns once the hub has done all that was said: a pong comes in its turn. Nothing else may have come.
    #[track_caller]
    pub fn settle(&mut self) {
        self.send(Message::Ping("settled".into()));
        assert_eq!(self.any(), Message::Pong("settled".into()));
    }

    /// Whether the connection is cut before another message.
    pub fn is_cut(&mut self) -> bool {
        let read = self.socket.read();
        read.is_err_and(|error| !is_late(&error))
    }

    /// The next message, which is text.
    #[track_caller]
    pub fn text(&mut self) -> String {
        self.message().to_text().unwrap().to_owned()
    }

    /// The next message, which is JSON, without its position, which is the one that was due.
    #[track_caller]
    pub fn json(&mut self) -> Value {
        self.hear().0
    }

    /// The same, and the position, which it must have.
    #[track_caller]
    pub fn numbered(&mut self) -> (Value, Position) {
        let (message, position) = self.hear();
        match position {
            Some(position) => (message, position),
            None => panic!("there is no position: {message}"),
        }
    }

    #[track_caller]
    fn hear(&mut self) -> (Value, Option<Position>) {
        let text = self.text();
        let message = serde_json::from_str(&text);
        let mut message = message.unwrap_or_else(|_| panic!("this is no JSON: {text}"));
        let position = self.positions.hear(&mut message);
        (message, position)
    }

    /// Type and payload of the next message, which is an envelope with nothing else in it but a timestamp and a position.
    #[track_caller]
    pub fn event(&mut self) -> (String, Value) {
        let mut envelope = self.json();
        let keys: Vec<&str> = envelope
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, ["type", "payload", "timestamp"]);
        assert_timestamp(&envelope["timestamp"]);
        let kind = envelope["type"].as_str().unwrap().to_owned();
        (kind, envelope["payload"].take())
    }

    /// The code of the close frame that comes next.
    #[track_caller]
    pub fn close_code(&mut self) -> u16 {
        match self.message() {
            Message::Close(frame) => frame.map_or(1005, |frame| frame.code.into()),
            other => panic!("this is no close frame: {other:?}"),
        }
    }

    /// Says goodbye with this code, if any, and waits for the answer, whatever comes before it, and for the end behind it.
    #[track_caller]
    pub fn say_goodbye(mut self, code: Option<u16>) {
        let frame = code.map(|code| CloseFrame {
            code: code.into(),
            reason: "".into(),
        });
        self.socket.close(frame).unwrap();
        while !self.message().is_close() {}
        while self.socket.read().is_ok() {}
    }

    /// Says goodbye, and returns the code of the answer.
    pub fn leave(mut self) -> u16 {
        self.socket.close(None).unwrap();
        self.close_code()
    }
}

/// Whether nothing came in time.
fn is_late(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// RFC 3339, UTC, millisecond precision, `Z`.
pub fn assert_timestamp(value: &Value) {
    let text = value.as_str().unwrap();
    assert!(
        text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.',
        "{text}"
    );
    assert!(humantime::parse_rfc3339(text).is_ok(), "{text}");
}
