//! A WebSocket client that others wrote.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use tungstenite::{Error, Message, WebSocket};

use crate::http::Http;
use crate::server::PATIENCE;

/// A connected client.
pub struct Client {
    socket: WebSocket<TcpStream>,
}

impl Client {
    /// Connects to this path.
    pub fn connect(address: SocketAddr, path: &str) -> Client {
        Client::over(TcpStream::connect(address).unwrap(), address, path)
    }

    /// Connects over a socket that the test has prepared.
    pub fn over(stream: TcpStream, address: SocketAddr, path: &str) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(format!("ws://{address}{path}"), stream).unwrap();
        Client { socket }
    }

    /// Sends a message at once.
    pub fn send(&mut self, message: impl Into<Message>) -> &mut Client {
        self.socket.send(message.into()).unwrap();
        self
    }

    /// The same connection, for bytes that the test writes itself.
    pub fn writer(&self) -> Http {
        Http::new(self.socket.get_ref().try_clone().unwrap())
    }

    /// The next message but pings and pongs, a close frame among them.
    pub fn message(&mut self) -> Message {
        loop {
            match self.socket.read() {
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(message) => return message,
                // A read that has a timeout is not taken up again by itself.
                Err(Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("no message came: {error}"),
            }
        }
    }

    /// The next message, which is JSON.
    pub fn json(&mut self) -> Value {
        serde_json::from_str(self.message().to_text().unwrap()).unwrap()
    }

    /// Type and payload of the next message, which is an envelope with nothing else in it but a timestamp.
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
    pub fn close_code(&mut self) -> u16 {
        match self.message() {
            Message::Close(frame) => frame.map_or(1005, |frame| frame.code.into()),
            other => panic!("this is no close frame: {other:?}"),
        }
    }

    /// Says goodbye, and returns the code of the answer.
    pub fn leave(mut self) -> u16 {
        self.socket.close(None).unwrap();
        self.close_code()
    }
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
