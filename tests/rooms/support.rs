//! The server under test and what is said to it: a child process that ends with its test.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

use crate::patient::PATIENT;

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);
/// What signs the tokens.
pub const SECRET: &str = "a secret of thirty-two bytes or so";

/// A running server.
pub struct Server {
    child: Child,
    address: SocketAddr,
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

/// A player, as it knows itself.
#[derive(Clone, Debug)]
pub struct Player {
    pub code: String,
    pub room_id: String,
    pub id: String,
    pub token: String,
}

/// A connected client.
pub struct Client {
    socket: WebSocket<TcpStream>,
}

impl Server {
    /// Starts a server with these flags on a free port, and waits until it listens.
    pub fn start(flags: &str) -> Server {
        Server::start_with(&[("ROOMCAST_SECRET", SECRET)], flags)
    }

    /// The same with these variables and no other.
    pub fn start_with(variables: &[(&str, &str)], flags: &str) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomcast"));
        command
            .args(["--listen", "127.0.0.1:0"])
            .args(flags.split_whitespace())
            .env_clear()
            .envs(PATIENT)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = log
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| Some(line.split_once("listening on http://")?.1.parse().unwrap()));
        // Whatever else it says is read, so that it never waits for us.
        thread::spawn(move || log.for_each(drop));
        Server {
            child,
            address: address.expect("the server listens"),
        }
    }

    /// A request on a connection of its own; `headers` are lines that end with CR LF.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: serde_json::from_str(body).unwrap_or_default(),
        }
    }

    /// `POST` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, "", &body.to_string())
    }

    /// A new room, as its first player.
    pub fn create(&self, name: &str) -> Player {
        let answer = self.post("/api/rooms", &json!({"display_name": name}));
        assert_eq!(answer.status, 201, "{answer:?}");
        let code = answer.body["code"].as_str().unwrap();
        Player::new(code, &answer)
    }

    /// One more player of a room.
    pub fn join(&self, code: &str, name: &str) -> Player {
        let answer = self.try_join(code, name);
        assert_eq!(answer.status, 201, "{answer:?}");
        Player::new(code, &answer)
    }

    /// Whatever is answered to one more player.
    pub fn try_join(&self, code: &str, name: &str) -> Answer {
        let path = format!("/api/rooms/{code}/join");
        self.post(&path, &json!({"display_name": name}))
    }

    /// What was said in a player's room; `query` begins with `?`.
    pub fn messages(&self, player: &Player, query: &str) -> Answer {
        let path = format!("/api/rooms/{}/messages{query}", player.code);
        let token = format!("Authorization: Bearer {}\r\n", player.token);
        self.ask("GET", &path, &token, "")
    }

    /// A call about a room, with this token if any; `path` is what comes behind its code.
    pub fn call(&self, method: &str, code: &str, path: &str, token: Option<&str>) -> Answer {
        let path = format!("/api/rooms/{code}{path}");
        let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        self.ask(method, &path, &bearer.unwrap_or_default(), "")
    }

    /// Takes a player out, in the name of another.
    pub fn remove(&self, player: &Player, by: &Player) -> Answer {
        let path = format!("/players/{}", player.id);
        self.call("DELETE", &by.code, &path, Some(&by.token))
    }

    /// The game's back-end speaks to a room.
    pub fn event(&self, code: &str, body: &Value) -> Answer {
        self.post(&format!("/api/rooms/{code}/events"), body)
    }

    /// A WebSocket on this path, with these headers.
    pub fn connect(&self, path: &str, headers: &[(&'static str, &str)]) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let url = format!("ws://{}{path}", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(*name, value);
        }
        let (socket, _) = tungstenite::client(request, stream).unwrap();
        Client { socket }
    }

    /// A player's connection, which has heard nothing yet.
    pub fn connect_as(&self, player: &Player) -> Client {
        self.connect(&player.path(), &[])
    }

    /// A player's connection, which has heard how the room stands, and that.
    pub fn enter(&self, player: &Player) -> (Client, Value) {
        let mut client = self.connect_as(player);
        let mut state = client.json();
        assert_eq!(
            (&state["type"], &state["event"]),
            (&json!("state"), &json!("room"))
        );
        (client, state["payload"].take())
    }

    /// Players of one room who are all there, and have heard of each other.
    pub fn gather<const N: usize>(&self, names: [&str; N]) -> [(Player, Client); N] {
        let mut code = None;
        let players = names.map(|name| match &code {
            None => {
                let first = self.create(name);
                code = Some(first.code.clone());
                first
            }
            Some(code) => self.join(code, name),
        });
        let mut gathered = players.map(|player| {
            let client = self.enter(&player).0;
            (player, client)
        });
        for (index, (_, client)) in gathered.iter_mut().enumerate() {
            for _ in index + 1..N {
                assert_eq!(client.json()["event"], "player_connected");
            }
        }
        gathered
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    /// Status and code of an error.
    pub fn error(&self) -> (u16, &str) {
        (self.status, self.body["error"]["code"].as_str().unwrap())
    }

    /// That it is a 400 which names this field.
    #[track_caller]
    pub fn refuses(&self, field: &str) {
        assert_eq!(self.error(), (400, "bad_request"), "{self:?}");
        let message = self.body["error"]["message"].as_str().unwrap();
        assert!(message.contains(field), "{field} is not named: {message}");
    }
}

impl Player {
    fn new(code: &str, answer: &Answer) -> Player {
        let field = |name: &str| answer.body[name].as_str().unwrap().to_owned();
        Player {
            code: code.to_owned(),
            room_id: field("room_id"),
            id: field("player_id"),
            token: field("token"),
        }
    }

    /// The path of its WebSocket.
    pub fn path(&self) -> String {
        let Player {
            code, id, token, ..
        } = self;
        format!("/ws/rooms/{code}?player_id={id}&token={token}")
    }
}

impl Client {
    /// Sends a message at once.
    pub fn send(&mut self, message: impl Into<Message>) -> &mut Client {
        self.socket.send(message.into()).unwrap();
        self
    }

    /// Sends a message of this type and payload.
    pub fn say(&mut self, kind: &str, payload: &Value) -> &mut Client {
        self.send(json!({"type": kind, "payload": payload}).to_string())
    }

    /// Sends a chat message.
    pub fn chat(&mut self, message: &str) -> &mut Client {
        self.say("chat", &json!({"message": message}))
    }

    fn message(&mut self) -> Message {
        loop {
            match self.socket.read() {
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                // A read that has a timeout is not taken up again by itself.
                Err(Error::Io(error)) if error.kind() == ErrorKind::Interrupted => {}
                message => return message.unwrap(),
            }
        }
    }

    /// The next message.
    pub fn text(&mut self) -> String {
        self.message().to_text().unwrap().to_owned()
    }

    /// The next message, which is JSON.
    pub fn json(&mut self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("this is no JSON: {text}"))
    }

    /// The next message, which is an error: its event, and the `correlation_id` (null if there is none).
    pub fn error(&mut self) -> (String, Value) {
        let mut error = self.json();
        assert_eq!(error["type"], "error", "{error}");
        assert!(error["payload"]["message"].is_string(), "{error}");
        let event = error["event"].as_str().unwrap().to_owned();
        (event, error["correlation_id"].take())
    }

    /// The code of the close frame that comes next.
    pub fn close_code(&mut self) -> u16 {
        match self.message() {
            Message::Close(frame) => frame.map_or(1005, |frame| frame.code.into()),
            other => panic!("this is no close frame: {other:?}"),
        }
    }

    /// Closes with 1000, and waits for the server to agree.
    pub fn say_goodbye(mut self) {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        self.socket.close(Some(frame)).unwrap();
        while self.socket.read().is_ok() {}
    }

    /// Says goodbye, and waits for the answer.
    pub fn leave(mut self) {
        self.socket.close(None).unwrap();
        while !self.message().is_close() {}
    }
}
