//! A server of our own on a free port, and the small clients that look at it from outside.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tungstenite::{Error, Message, WebSocket};

use crate::patient::PATIENT;

/// Long enough for a loaded machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// The server's process, which ends with the test.
pub struct House {
    child: Child,
    pub address: SocketAddr,
    /// What it had said when it began to listen.
    pub said: Vec<String>,
    log: Receiver<String>,
}

/// An HTTP answer.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

/// A WebSocket of the stream.
pub struct Client(WebSocket<TcpStream>);

impl House {
    /// Starts with these flags, apart from the one for a free port.
    pub fn open(flags: &[&str]) -> House {
        House::with_env(flags, &[])
    }

    /// Starts with these flags and variables, and no others.
    pub fn with_env(flags: &[&str], env: &[(&str, &str)]) -> House {
        let named_port = env.iter().any(|(name, _)| *name == "API_PORT");
        let listen: &[&str] = if named_port {
            &[]
        } else {
            &["--listen", "127.0.0.1:0"]
        };
        // The explorers' name is behind ours.
        let named_ping = env
            .iter()
            .any(|(name, _)| *name == "WEBSOCKET_PING_INTERVAL");
        let patient = PATIENT
            .into_iter()
            .filter(|(name, _)| !(named_ping && *name == "ROOMCAST_PING_INTERVAL"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_roomcast"))
            .args(listen)
            .args(flags)
            .env_clear()
            .envs(patient)
            .envs(env.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut said = Vec::new();
        let address = loop {
            let line = log
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("the server did not start; it said {said:#?}"));
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.trim().parse().unwrap();
            }
            said.push(line);
        };
        House {
            child,
            address,
            said,
            log,
        }
    }

    /// The next line of its log that has these words.
    pub fn says(&self, words: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).expect("it says so");
            if line.contains(words) {
                return line;
            }
        }
    }

    pub fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// One request on a connection of its own.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut socket = self.connect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(body.as_bytes()).unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        Answer::parse(&text)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(
            "POST",
            path,
            "Content-Type: application/json\r\n",
            &body.to_string(),
        )
    }

    /// Asks for the stream: the answer's head, and the socket.
    pub fn upgrade(&self) -> (Answer, TcpStream) {
        let mut socket = self.connect();
        let request = format!(
            "GET /v1/stream HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address
        );
        socket.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        (Answer::parse(&String::from_utf8(head).unwrap()), socket)
    }

    /// A client that is subscribed to these channels.
    pub fn subscriber(&self, channels: &[&str]) -> Client {
        let mut client = self.client(self.connect());
        client.say(&serde_json::json!({"action": "subscribe", "channels": channels}).to_string());
        client.settle();
        client
    }

    pub fn client(&self, socket: TcpStream) -> Client {
        let url = format!("ws://{}/v1/stream", self.address);
        Client(tungstenite::client(url, socket).unwrap().0)
    }

    /// The value of a series in `/metrics`.
    pub fn metric(&self, series: &str) -> u64 {
        let text = self.ask("GET", "/metrics", "", "").body;
        let value = text.lines().find_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            (name == series).then(|| value.parse().unwrap())
        });
        value.unwrap_or_else(|| panic!("{series} is not in the metrics"))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    fn parse(text: &str) -> Answer {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head: head.to_ascii_lowercase(),
            body: String::from(body),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The sentence of an error.
    pub fn error(&self) -> String {
        let json = self.json();
        String::from(json["error"]["message"].as_str().unwrap())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let value = |line: &'_ str| {
            line.split_once(": ")
                .filter(|(is, _)| *is == name)
                .is_some()
        };
        let line = self.head.lines().find(|line| value(line))?;
        line.split_once(": ").map(|(_, value)| value)
    }
}

impl Client {
    pub fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    pub fn say_bytes(&mut self, bytes: Vec<u8>) {
        self.0.send(Message::binary(bytes)).unwrap();
    }

    /// Returns once the server has done all that was said: a pong comes in its turn. Nothing else may have come.
    pub fn settle(&mut self) {
        self.0.send(Message::Ping("settled".into())).unwrap();
        assert_eq!(self.next(), Message::Pong("settled".into()));
    }

    /// The next message as it came, whatever it is.
    pub fn next(&mut self) -> Message {
        loop {
            match self.0.read() {
                // A read that has a timeout is not taken up again by itself.
                Err(Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
                message => return message.unwrap(),
            }
        }
    }

    /// The text of the next message.
    pub fn text(&mut self) -> String {
        let message = self.next();
        String::from(message.to_text().unwrap())
    }

    /// The next message as JSON.
    pub fn json(&mut self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// The code of the close frame that comes next.
    pub fn close_code(&mut self) -> u16 {
        match self.next() {
            Message::Close(Some(frame)) => frame.code.into(),
            other => panic!("expected a close frame, not {other:?}"),
        }
    }
}
