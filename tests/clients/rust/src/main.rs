//! Rust's tungstenite.

#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use std::{env, fmt};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Bytes, Message, WebSocket};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const MEBIBYTE: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(120);
const WORDS: &str = "naïve 日本 👩‍🚀";
const NO_DEFLATE: &str = "tungstenite has no permessage-deflate";

/// A scenario, and how it is played; or what the library lacks for it.
type Scenario = (&'static str, Result<fn() -> Outcome, &'static str>);

const SCENARIOS: &[Scenario] = &[
    ("text", Ok(text)),
    ("binary", Ok(binary)),
    ("1 MiB", Ok(mebibyte)),
    ("fragments", Ok(fragments)),
    ("ping", Ok(ping)),
    ("compressed", Err(NO_DEFLATE)),
    ("compressed fragments", Err(NO_DEFLATE)),
    ("close by the client", Ok(close_by_the_client)),
    ("close by the hub", Ok(close_by_the_hub)),
    ("broadcast", Ok(broadcast)),
    ("refused", Ok(refused)),
];

fn main() {
    println!("client: tungstenite {}", version());
    for (name, play) in SCENARIOS {
        match play.map(|play| play()) {
            Ok(Ok(())) => println!("ok: {name}"),
            Ok(Err(error)) => println!("FAILED: {name}: {error}"),
            Err(lack) => println!("not offered: {name}: {lack}"),
        }
    }
}

/// The library's version, which only the lock file knows.
fn version() -> &'static str {
    let entry = include_str!("../Cargo.lock").split_once("name = \"tungstenite\"\nversion = \"");
    let version = entry.and_then(|(_, rest)| rest.split_once('"'));
    version.map_or("unknown", |(version, _)| version)
}

fn text() -> Outcome {
    echo(&[Message::text(WORDS)])
}

fn binary() -> Outcome {
    echo(&[Message::binary((0..=255).collect::<Vec<u8>>())])
}

fn mebibyte() -> Outcome {
    let bytes: Vec<u8> = (0..MEBIBYTE).map(|i| ((i * i) >> 7) as u8).collect();
    echo(&[
        Message::binary(bytes),
        Message::text("é".repeat(MEBIBYTE / 2)),
    ])
}

fn fragments() -> Outcome {
    let mut socket = Socket::open("/echo")?;
    for kind in [Data::Text, Data::Binary] {
        let pieces = [WORDS, "", " and ", WORDS];
        for (i, piece) in pieces.iter().enumerate() {
            let kind = if i == 0 { kind } else { Data::Continue };
            let frame = Frame::message(*piece, OpCode::Data(kind), i + 1 == pieces.len());
            socket.0.send(Message::Frame(frame))?;
        }
        let whole = pieces.concat();
        let expected = match kind {
            Data::Text => Message::text(whole),
            _ => Message::binary(whole),
        };
        same(socket.0.read()?, expected)?;
    }
    same(socket.close(1000, "")?, 1000)
}

fn ping() -> Outcome {
    let mut socket = Socket::open("/echo")?;
    let payload = Bytes::from("are you there");
    socket.0.send(Message::Ping(payload.clone()))?;
    same(socket.0.read()?, Message::Pong(payload))?;
    same(socket.close(1000, "")?, 1000)
}

fn close_by_the_client() -> Outcome {
    same(Socket::open("/echo")?.close(4321, "enough")?, 4321)
}

fn close_by_the_hub() -> Outcome {
    let (_, session) = call("POST", "/api/v1/sessions", &json!({}))?;
    let id = session["session_id"].as_str().ok_or("no session_id")?;
    let path = format!("/api/v1/sessions/{id}");
    let mut socket = Socket::open(&format!("{path}/ws?api_key=k"))?;
    same(&socket.json()?["status"], &json!("pending"))?;
    call("POST", &format!("{path}/result"), &json!({"paid": true}))?;
    same(&socket.json()?["result"], &json!({"paid": true}))?;
    same(call("DELETE", &path, &Value::Null)?.0, 204)?;
    same(socket.closed()?, 1000)
}

fn broadcast() -> Outcome {
    let mut socket = Socket::open("/ws")?;
    let status = socket.json()?;
    same(&status["type"], &json!("connection:status"))?;
    same(&status["payload"], &json!({"status": "connected"}))?;
    let mut event = json!({"type": "chat:said", "payload": {"text": WORDS}});
    let (code, answer) = call("POST", "/api/v1/events", &event)?;
    same((code, &answer["receivers"]), (202, &json!(1)))?;
    event["timestamp"] = answer["timestamp"].clone();
    let position = status["position"]
        .as_str()
        .and_then(|it| it.split_once('-'));
    let (epoch, number) = position.ok_or("no position")?;
    let number: u64 = number.parse()?;
    event["position"] = json!(format!("{epoch}-{}", number + 1));
    same(socket.json()?, event)?;
    same(socket.close(1000, "enough")?, 1000)
}

fn refused() -> Outcome {
    let wrong: [&[(&'static str, &'static str)]; 3] = [
        &[],
        &[("x-api-key", "wrong")],
        &[("authorization", "Bearer wrong")],
    ];
    for headers in wrong {
        match connect("/api/v1/sessions/any/ws", headers) {
            Err(tungstenite::Error::Http(response)) => same(response.status().as_u16(), 401)?,
            Err(error) => return Err(error.into()),
            Ok(_) => return Err(format!("let in with {headers:?}").into()),
        }
    }
    Ok(())
}

fn echo(messages: &[Message]) -> Outcome {
    let mut socket = Socket::open("/echo")?;
    for message in messages {
        socket.0.send(message.clone())?;
        same(&socket.0.read()?, message)?;
    }
    same(socket.close(1000, "")?, 1000)
}

struct Socket(WebSocket<MaybeTlsStream<TcpStream>>);

impl Socket {
    fn open(path: &str) -> Outcome<Socket> {
        let socket = connect(path, &[])?;
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE))?;
        }
        Ok(Socket(socket))
    }

    fn json(&mut self) -> Outcome<Value> {
        Ok(serde_json::from_str(self.0.read()?.to_text()?)?)
    }

    fn close(mut self, code: u16, reason: &'static str) -> Outcome<u16> {
        self.0.close(Some(CloseFrame {
            code: code.into(),
            reason: reason.into(),
        }))?;
        self.closed()
    }

    /// The code in the hub's close frame; the library answers it while it is read on.
    fn closed(&mut self) -> Outcome<u16> {
        let Message::Close(Some(frame)) = self.0.read()? else {
            return Err("expected a close frame".into());
        };
        match self.0.read() {
            Err(tungstenite::Error::ConnectionClosed) => Ok(frame.code.into()),
            other => Err(format!("expected the end, found {other:?}").into()),
        }
    }
}

fn connect(
    path: &str,
    headers: &[(&'static str, &'static str)],
) -> tungstenite::Result<WebSocket<MaybeTlsStream<TcpStream>>> {
    let mut request = format!("ws://{}{path}", host()).into_client_request()?;
    for (name, value) in headers {
        let (name, value) = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        request.headers_mut().insert(name, value);
    }
    Ok(tungstenite::connect(request)?.0)
}

/// The status and the JSON of an answer.
fn call(method: &str, path: &str, body: &Value) -> Outcome<(u16, Value)> {
    let (host, body) = (host(), body.to_string());
    let mut stream = TcpStream::connect(&host)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer k\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no whole answer")?;
    let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
    let body = if body.is_empty() { "null" } else { body };
    Ok((status, serde_json::from_str(body)?))
}

fn host() -> String {
    let url = env::var("ROOMCAST_URL").expect("ROOMCAST_URL says where the hub is");
    url.trim_start_matches("http://").to_owned()
}

fn same<T: PartialEq + fmt::Debug>(found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (format!("{found:?}"), format!("{expected:?}"));
    Err(format!("expected {expected:.200}, found {found:.200}").into())
}
