//! A hub that numbers what it publishes, keeps all of it, and lets clients resume; it lies about one thing to whoever
//! comes back.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use tungstenite::Message;

const EPOCH: &str = "0000c0de";

/// What it does wrong when a client resumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untruth {
    /// Nothing.
    None,
    /// The oldest message is left out, and said to be among those that follow.
    Lose,
    /// The oldest message comes twice.
    Double,
    /// The oldest two change places.
    Swap,
    /// It begins with the last that the client had.
    Again,
    /// One message more is said to be lost for good than is.
    Missed,
    /// The oldest message is left out, and the client is told of it: this is true.
    Forget,
    /// The oldest message is left out, and nobody can tell how many are.
    Unknown,
    /// One message less is said to follow than does.
    Sent,
    /// Each message has the position of the next one.
    Shift,
    /// The first message that is published when it is back does not come.
    Late,
}

/// The running hub; it ends with the test.
pub struct Keeper {
    pub address: String,
}

#[derive(Default)]
struct State {
    log: Vec<String>,
    members: Vec<Member>,
    /// Those of them that are to miss one message.
    deprived: Vec<Member>,
}

struct Member {
    socket: TcpStream,
    is_stream: bool,
}

impl Member {
    /// One message, at this position.
    fn tell(&self, text: &str, position: usize) {
        let mut told = Vec::new();
        if self.is_stream {
            told.extend(format!("id: {EPOCH}-{position}\ndata: {text}\n\n").bytes());
        } else {
            // None of them is shorter or longer than this form is for.
            told.extend([0x81, 126]);
            told.extend((text.len() as u16).to_be_bytes());
            told.extend(text.bytes());
        }
        let _ = (&self.socket).write_all(&told);
    }
}

impl Keeper {
    pub fn start(lie: Untruth) -> Keeper {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State::default()));
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&state);
                thread::spawn(move || serve(socket, lie, &state));
            }
        });
        Keeper { address }
    }
}

fn serve(mut socket: TcpStream, lie: Untruth, state: &Mutex<State>) {
    socket.set_nodelay(true).unwrap();
    let mut head = [0; 4096];
    let got = loop {
        let got = socket.peek(&mut head).unwrap_or(0);
        if got == 0 || head[..got].windows(4).any(|part| part == b"\r\n\r\n") {
            break got;
        }
    };
    let head = String::from_utf8_lossy(&head[..got]).into_owned();
    match head.starts_with("GET ") {
        true => join(socket, &head, lie, state),
        false => while publish(&mut socket, lie, state).is_some() {},
    }
}

fn join(mut socket: TcpStream, head: &str, lie: Untruth, state: &Mutex<State>) {
    let is_stream = head.contains("text/event-stream");
    let since = match is_stream {
        true => head.split_once("Last-Event-ID: "),
        false => head.split_once("since="),
    };
    let since = since.map(|(_, rest)| rest.split([' ', '\r']).next().unwrap());
    let since = since.map(|position| position.split_once('-').unwrap().1.parse().unwrap());
    let member = Member {
        socket: socket.try_clone().unwrap(),
        is_stream,
    };
    let mut reader = None;
    if is_stream {
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 1000\n\n";
        socket.write_all(answer.as_bytes()).unwrap();
    } else {
        let Ok(accepted) = tungstenite::accept(socket.try_clone().unwrap()) else {
            return;
        };
        reader = Some(accepted);
    }
    let mut state = state.lock().unwrap();
    welcome(&member, since, lie, &state.log);
    if lie == Untruth::Late && since.is_some() {
        state.deprived.push(member);
    } else {
        state.members.push(member);
    }
    drop(state);
    match &mut reader {
        Some(reader) => {
            while let Ok(message) = reader.read() {
                if let Message::Close(_) = message {
                    let _ = reader.flush();
                }
            }
        }
        None => while socket.read(&mut [0; 64]).is_ok_and(|got| got > 0) {},
    }
    let _ = socket.shutdown(std::net::Shutdown::Both);
}

/// The greeting, and what was published since then.
fn welcome(member: &Member, since: Option<usize>, lie: Untruth, log: &[String]) {
    let newest = log.len();
    let Some(since) = since else {
        return member.tell(&greeting("", newest), newest);
    };
    let (mut from, mut sent, mut missed) = (since, newest - since, "0".to_owned());
    let mut order: Vec<usize> = (from..newest).collect();
    if !order.is_empty() {
        match lie {
            Untruth::Lose => drop(order.remove(0)),
            Untruth::Double => order.insert(0, order[0]),
            Untruth::Swap if order.len() > 1 => order.swap(0, 1),
            Untruth::Again => order.insert(0, order[0] - 1),
            Untruth::Missed => missed = "1".to_owned(),
            Untruth::Forget => {
                order.remove(0);
                (from, sent, missed) = (from + 1, sent - 1, "1".to_owned());
            }
            Untruth::Unknown => {
                order.clear();
                (from, sent, missed) = (newest, 0, "null".to_owned());
            }
            Untruth::Sent => sent -= 1,
            _ => {}
        }
    }
    let resumed = format!(",\"resumed\":{{\"sent\":{sent},\"missed\":{missed}}}");
    member.tell(&greeting(&resumed, from), from);
    for index in order {
        member.tell(&log[index], index + 1);
    }
}

fn greeting(resumed: &str, position: usize) -> String {
    format!(
        "{{\"type\":\"connection:status\",\"payload\":{{\"status\":\"connected\"{resumed}}},\
         \"timestamp\":\"2026-12-01T00:00:00.000Z\",\"position\":\"{EPOCH}-{position}\"}}"
    )
}

/// One request; `None` at the end of the connection.
fn publish(socket: &mut TcpStream, lie: Untruth, state: &Mutex<State>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let (_, length) = head.split_once("Content-Length: ").unwrap();
    let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
    socket.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).unwrap();
    let mut state = state.lock().unwrap();
    // The probe has the first position, which says where the others are.
    let more = usize::from(lie == Untruth::Shift && !state.log.is_empty());
    let position = state.log.len() + 1;
    let body = body.strip_suffix('}').unwrap();
    let said = position + more;
    let text = format!("{body},\"position\":\"{EPOCH}-{said}\"}}");
    for member in &state.members {
        member.tell(&text, said);
    }
    let deprived = std::mem::take(&mut state.deprived);
    state.members.extend(deprived);
    state.log.push(text);
    let answer = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
    socket.write_all(answer.as_bytes()).ok()
}
