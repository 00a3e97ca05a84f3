//! A hub that serves the calls of `rival.toml` and lies: it does one thing wrong with one message.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use tungstenite::Message;

use crate::unrest::Place;

/// What it does wrong, and with which message, counted from 0; to everybody or to the first member only.
#[derive(Clone, Copy, Debug)]
pub enum Lie {
    /// Nothing: it tells the truth.
    None,
    /// Nobody gets it.
    Drop(usize),
    /// The first member does not get it.
    DropForOne(usize),
    /// Everybody gets it twice.
    Double(usize),
    /// It comes behind the next one.
    Swap(usize),
    /// One byte of its padding is another.
    Damage(usize),
    /// It is one byte longer.
    Lengthen(usize),
    /// It is cut short, and no JSON any more.
    Shorten(usize),
    /// It is answered with 500, and not delivered.
    Refuse(usize),
    /// Every connection is closed instead.
    HangUp(usize),
    /// The members are one more, it says.
    Miscount(usize),
    /// The echo of each message has one byte changed.
    Garble,
    /// Each message is echoed twice.
    Repeat,
}

/// The running hub; it ends with the test.
pub struct Fake {
    pub address: String,
}

#[derive(Default)]
struct State {
    members: Vec<TcpStream>,
    published: usize,
    held: Option<Vec<u8>>,
}

impl Fake {
    pub fn start(lie: Lie) -> Fake {
        Fake::among(lie, None)
    }

    /// One of several that are loaded in turn.
    pub fn among(lie: Lie, place: Option<Place>) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State::default()));
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (state, place) = (Arc::clone(&state), place.clone());
                thread::spawn(move || serve(socket, lie, &state, place.as_ref()));
            }
        });
        Fake { address }
    }
}

fn serve(mut socket: TcpStream, lie: Lie, state: &Mutex<State>, place: Option<&Place>) {
    socket.set_nodelay(true).unwrap();
    let mut head = [0; 4096];
    let got = loop {
        let got = socket.peek(&mut head).unwrap_or(0);
        if got == 0 || head[..got].windows(4).any(|part| part == b"\r\n\r\n") {
            break got;
        }
    };
    match () {
        () if head[..got].starts_with(b"GET /echo") => echo(socket, lie, place),
        () if head[..got].starts_with(b"GET ") => join(socket, state, place),
        () => {
            if let Some(place) = place {
                place.publisher(&socket);
            }
            while publish(&mut socket, lie, state, place).is_some() {}
        }
    }
}

fn join(socket: TcpStream, state: &Mutex<State>, place: Option<&Place>) {
    let member = socket.try_clone().unwrap();
    let Ok(mut socket) = tungstenite::accept(socket) else {
        return;
    };
    let greeting = br#"{"type":"connection:status","payload":{"status":"connected"}}"#;
    send(std::slice::from_ref(&member), greeting);
    if let Some(place) = place {
        place.member(&member);
    }
    state.lock().unwrap().members.push(member);
    while let Ok(message) = socket.read() {
        if let (Message::Pong(_), Some(place)) = (message, place) {
            place.pong();
        }
    }
    // The other handle would hold the connection open.
    let _ = socket.get_ref().shutdown(Shutdown::Both);
}

fn echo(socket: TcpStream, lie: Lie, place: Option<&Place>) {
    let mut socket = tungstenite::accept(socket).unwrap();
    if let Some(place) = place {
        place.member(socket.get_ref());
    }
    while let Ok(message) = socket.read() {
        match (message, place) {
            (Message::Text(text), _) => {
                if let Some(place) = place {
                    place.message();
                }
                let (echoed, copies) = match lie {
                    Lie::Garble => (text.replacen("xx", "xy", 1), 1),
                    Lie::Repeat => (text.to_string(), 2),
                    _ => (text.to_string(), 1),
                };
                for _ in 0..copies {
                    let _ = socket.send(Message::text(echoed.clone()));
                }
            }
            (Message::Pong(_), Some(place)) => place.pong(),
            _ => {}
        }
    }
    // The rivals' other handle would hold the connection open.
    let _ = socket.get_ref().shutdown(Shutdown::Both);
}

/// One request; `None` at the end of the connection.
fn publish(
    socket: &mut TcpStream,
    lie: Lie,
    state: &Mutex<State>,
    place: Option<&Place>,
) -> Option<()> {
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
    if let Some(place) = place {
        place.message();
    }
    let mut state = state.lock().unwrap();
    let more = match lie {
        Lie::Miscount(at) => usize::from(state.published == at + 1),
        _ => 0,
    };
    let receivers = format!("{{\"receivers\":{}}}", state.members.len() + more);
    let (status, length) = (deliver(&mut state, lie, body), receivers.len());
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{receivers}");
    socket.write_all(answer.as_bytes()).ok()
}

/// Does with one message what the lie wants; the status of its answer. The first message that is published is the
/// flood's probe, which is never lied about.
fn deliver(state: &mut State, lie: Lie, body: Vec<u8>) -> &'static str {
    let number = state.published.wrapping_sub(1);
    state.published += 1;
    if let Some(held) = state.held.take() {
        send(&state.members, &body);
        send(&state.members, &held);
        return "202 Accepted";
    }
    match lie {
        Lie::Drop(at) if at == number => {}
        Lie::DropForOne(at) if at == number => send(&state.members[1..], &body),
        Lie::Double(at) if at == number => {
            send(&state.members, &body);
            send(&state.members, &body);
        }
        Lie::Swap(at) if at == number => state.held = Some(body),
        Lie::Damage(at) if at == number => {
            let text = String::from_utf8(body).unwrap();
            send(&state.members, text.replacen("xx", "xy", 1).as_bytes());
        }
        Lie::Lengthen(at) if at == number => send(&state.members, &[&body[..], b" "].concat()),
        Lie::Shorten(at) if at == number => send(&state.members, &body[..body.len() - 1]),
        Lie::Refuse(at) if at == number => return "500 Internal Server Error",
        Lie::HangUp(at) if at == number => {
            for member in state.members.drain(..) {
                let _ = member.shutdown(Shutdown::Both);
            }
        }
        _ => send(&state.members, &body),
    }
    "202 Accepted"
}

/// One text frame to each.
fn send(members: &[TcpStream], payload: &[u8]) {
    let mut frame = vec![0x81];
    match payload.len() {
        short @ 0..126 => frame.push(short as u8),
        length => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    for mut member in members {
        let _ = member.write_all(&frame);
    }
}
