//! The load: publishers, with a connection for each publish or one that they keep, and clients that come back at once
//! when they are sent away.

use std::io::{Error, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tungstenite::{Error as WebSocketError, Message, WebSocket};

use crate::books::Books;
use crate::harness::http::{Answer, Http, request};
use crate::harness::socket;
use crate::harness::steady::Steady;
use crate::hub::Port;

/// The pace of a publisher.
const PAUSE: Duration = Duration::from_millis(2);
/// How often a client that hears nothing looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// A thread that goes on until it is told to finish.
struct Worker {
    thread: JoinHandle<()>,
    ends: Arc<AtomicBool>,
}

impl Worker {
    fn start(work: impl FnOnce(&AtomicBool) + Send + 'static) -> Worker {
        let ends = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&ends);
        let thread = thread::spawn(move || work(&until));
        Worker { thread, ends }
    }

    fn finish(self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

/// Publishes one event after the other.
pub struct Publisher(Worker);

impl Publisher {
    /// One that makes a connection for each publish.
    pub fn fresh(port: &Port, books: &Arc<Books>) -> Publisher {
        let (address, books) = (port.address(), Arc::clone(books));
        Publisher(Worker::start(move |ends| {
            while !ends.load(Ordering::Relaxed) {
                publish(&mut None, address, false, &books);
                thread::sleep(PAUSE);
            }
        }))
    }

    /// One that keeps its connection until it is told that the last answer was the last.
    pub fn keeping(port: &Port, books: &Arc<Books>) -> Publisher {
        let (address, books) = (port.address(), Arc::clone(books));
        Publisher(Worker::start(move |ends| {
            let mut kept = None;
            while !ends.load(Ordering::Relaxed) {
                publish(&mut kept, address, true, &books);
                thread::sleep(PAUSE);
            }
        }))
    }

    /// One publish; gives its number.
    pub fn once(port: &Port, books: &Books) -> u64 {
        publish(&mut None, port.address(), false, books)
    }

    pub fn finish(self) {
        self.0.finish();
    }
}

fn publish(kept: &mut Option<Http>, address: SocketAddr, keeps: bool, books: &Books) -> u64 {
    let number = books.next();
    // As every client does that keeps connections: one that has ended meanwhile is not used.
    let connection = kept
        .take()
        .filter(is_open)
        .map_or_else(|| connect(address, books), Ok);
    let answer = connection.and_then(|mut http| Ok((say(&mut http, number, keeps)?, http)));
    match answer {
        Ok((answer, http)) if answer.status == 202 => {
            books.accepted(number, answer.json()["receivers"].as_u64().unwrap_or(0));
            let is_last = answer.header("connection") == Some("close");
            *kept = (keeps && !is_last).then_some(http);
        }
        Ok((answer, _)) => books.failed(format!("publish {number}: status {}", answer.status)),
        Err(error) => books.failed(format!("publish {number}: {error}")),
    }
    number
}

fn connect(address: SocketAddr, books: &Books) -> Result<Http, Error> {
    let stream = socket::connect(address).map_err(|error| during("connect", error))?;
    books.connected();
    Ok(Http::over(stream))
}

/// Whether the hub has not ended the connection meanwhile.
pub fn is_open(http: &Http) -> bool {
    let stream = http.stream();
    stream.set_nonblocking(true).unwrap();
    let waits =
        matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    stream.set_nonblocking(false).unwrap();
    waits
}

fn say(http: &mut Http, number: u64, keeps: bool) -> Result<Answer, Error> {
    let body = format!(r#"{{"type":"chat:said","payload":{{"n":{number}}}}}"#);
    let connection = if keeps { "keep-alive" } else { "close" };
    let headers = format!("Connection: {connection}\r\n");
    let request = request("POST", "/api/v1/events", &headers, &body);
    let sent = http.stream().write_all(request.as_bytes());
    sent.map_err(|error| during("send", error))?;
    http.try_answer().map_err(|error| during("answer", error))
}

/// Listens to the events, and comes back at once whenever it is sent away.
pub struct Client(Worker);

impl Client {
    pub fn new(port: &Port, books: &Arc<Books>) -> Client {
        let (address, books) = (port.address(), Arc::clone(books));
        Client(Worker::start(move |ends| {
            while !ends.load(Ordering::Relaxed) {
                let opened = connect(address, &books)
                    .map_err(|error| error.to_string())
                    .and_then(|http| open(http, address));
                match opened {
                    Ok(socket) => {
                        books.upgraded();
                        listen(socket, &books, ends);
                    }
                    Err(error) => books.failed(format!("client: {error}")),
                }
            }
        }))
    }

    pub fn finish(self) {
        self.0.finish();
    }
}

fn open(http: Http, address: SocketAddr) -> Result<WebSocket<Steady<TcpStream>>, String> {
    let (stream, _) = http.into_parts();
    let url = format!("ws://{address}/ws");
    let (socket, _) =
        tungstenite::client(url, stream).map_err(|error| format!("upgrade: {error}"))?;
    socket.get_ref().0.set_read_timeout(Some(LOOK)).unwrap();
    Ok(socket)
}

/// Hears everything until it is sent away, or finished.
fn listen(mut socket: WebSocket<Steady<TcpStream>>, books: &Books, ends: &AtomicBool) {
    while !ends.load(Ordering::Relaxed) {
        match socket.read() {
            Ok(Message::Text(text)) => {
                let event: Value = serde_json::from_str(text.as_str()).unwrap();
                if let Some(number) = event["payload"]["n"].as_u64() {
                    books.received(number);
                } else if event["type"] != "connection:status" {
                    books.failed(format!("client: {event}"));
                }
            }
            Ok(Message::Close(Some(frame))) if u16::from(frame.code) == 1001 => {
                books.told();
                let _ = socket.flush();
                return;
            }
            Ok(Message::Ping(_)) => {}
            Ok(message) => return books.failed(format!("client: {message:?}")),
            Err(WebSocketError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return books.failed(format!("client: {error}")),
        }
    }
}

fn during(what: &str, error: Error) -> Error {
    Error::new(error.kind(), format!("{what}: {error}"))
}
