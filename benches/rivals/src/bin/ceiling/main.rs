//! The ceiling: what the kernel allows one thread to send and to receive over these sockets.
//!
//! It speaks the calls of the hub, so that it is driven as the others are, and does nothing between them that can be left
//! out. A published message is one send for each member, of a frame that was made once; publishes that are read together
//! are sent together. An echo is a read and a write with the key taken off in between. There are no queues: a member
//! whose socket is full keeps what it has begun, and gets nothing new until that has gone out. Nothing that a client says
//! is checked, and nobody is ever timed out.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod calls;
mod frames;
mod rooms;

use std::io::{self, Read, Write};

use calls::{Asked, push_answer, push_upgrade, request};
use frames::{Frames, push_text};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use roomcast_rivals::event;
use roomcast_rivals::listener::listen;
use rooms::{Place, Rooms};
use slab::Slab;

const EVENTS: usize = 4096;
const READ_BYTES: usize = 64 << 10;
/// A request that is longer is not waited for.
const REQUEST_BYTES_MAX: usize = 16 << 20;
const LISTENER: Token = Token(usize::MAX);

fn main() -> io::Result<()> {
    let mut listener = TcpListener::from_std(listen());
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(EVENTS);
    let mut ceiling = Ceiling::default();
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            match event.token() {
                LISTENER => ceiling.accept(&listener, &poll)?,
                Token(key) => {
                    if event.is_writable() {
                        ceiling.resume(key);
                    }
                    if event.is_readable() || event.is_read_closed() {
                        ceiling.serve(key, event.is_read_closed());
                    }
                }
            }
        }
    }
}

enum Kind {
    Http,
    Member(Place, Frames),
    Echo(Frames),
}

struct Conn {
    stream: TcpStream,
    kind: Kind,
    /// What was read and is not whole yet.
    spill: Vec<u8>,
    /// What the socket had no room for.
    unsent: Vec<u8>,
}

#[derive(Default)]
struct Ceiling {
    conns: Slab<Conn>,
    rooms: Rooms,
    buffer: Vec<u8>,
    /// Messages for one room that were read together, and go out together.
    batch: Vec<u8>,
    answers: Vec<u8>,
    dead: Vec<usize>,
}

/// The connection is over.
struct Ended;

impl Ceiling {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> io::Result<()> {
        // Whatever is wrong with one, the next may be better; an edge comes with it.
        while let Ok((stream, _)) = listener.accept() {
            let entry = self.conns.vacant_entry();
            let token = Token(entry.key());
            let conn = entry.insert(Conn {
                stream,
                kind: Kind::Http,
                spill: Vec::new(),
                unsent: Vec::new(),
            });
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut conn.stream, token, both)?;
        }
        Ok(())
    }

    /// Sends what the socket had no room for, and then reads on where that was waited for.
    fn resume(&mut self, key: usize) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if conn.unsent.is_empty() {
            return;
        }
        let Ok(sent) = write(&mut conn.stream, &conn.unsent) else {
            return self.remove(key);
        };
        conn.unsent.drain(..sent);
        if !conn.unsent.is_empty() {
            return;
        }
        conn.unsent = Vec::new();
        match &conn.kind {
            Kind::Member(place, _) => self.rooms.unblock(&place.room),
            _ => self.serve(key, true),
        }
    }

    /// Reads until there is nothing more. A read that does not fill the buffer was the last one, unless the client `ended`:
    /// then its end is still to be read.
    fn serve(&mut self, key: usize, ended: bool) {
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Some(conn) = self.conns.get_mut(key) {
            if !conn.unsent.is_empty() && !matches!(conn.kind, Kind::Member(..)) {
                break;
            }
            let kept = conn.spill.len();
            if buffer.len() < kept + READ_BYTES {
                buffer.resize(kept + READ_BYTES, 0);
            }
            buffer[..kept].copy_from_slice(&conn.spill);
            let read = match conn.stream.read(&mut buffer[kept..]) {
                Ok(0) => Err(Ended),
                Ok(read) => Ok(read),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => Err(Ended),
            };
            conn.spill.clear();
            let filled = read.as_ref().is_ok_and(|read| kept + read == buffer.len());
            let handled = read.and_then(|read| self.handle(key, &mut buffer[..kept + read]));
            if handled.is_err() {
                self.remove(key);
                break;
            }
            if !filled && !ended {
                break;
            }
        }
        buffer.resize(READ_BYTES, 0);
        self.buffer = buffer;
        while let Some(key) = self.dead.pop() {
            self.remove(key);
        }
    }

    fn handle(&mut self, key: usize, bytes: &mut [u8]) -> Result<(), Ended> {
        let used = match self.conns[key].kind {
            Kind::Http => self.handle_requests(key, bytes)?,
            _ => 0,
        };
        if !matches!(self.conns[key].kind, Kind::Http) {
            return self.handle_frames(key, &mut bytes[used..]);
        }
        let rest = &bytes[used..];
        if rest.len() > REQUEST_BYTES_MAX {
            return Err(Ended);
        }
        self.conns[key].spill.extend_from_slice(rest);
        Ok(())
    }

    fn handle_frames(&mut self, key: usize, bytes: &mut [u8]) -> Result<(), Ended> {
        let (frames, echoes) = match &mut self.conns[key].kind {
            Kind::Member(_, frames) => (frames, false),
            Kind::Echo(frames) => (frames, true),
            Kind::Http => return Ok(()),
        };
        let turned = frames.turn(bytes, echoes);
        if turned.ready > 0 {
            self.send(key, &bytes[..turned.ready])?;
        }
        if turned.closed {
            return Err(Ended);
        }
        let rest = &bytes[turned.taken..];
        self.conns[key].spill.extend_from_slice(rest);
        Ok(())
    }

    /// Answers all requests that are there, up to an upgrade; how many bytes they were.
    fn handle_requests(&mut self, key: usize, bytes: &[u8]) -> Result<usize, Ended> {
        let mut answers = std::mem::take(&mut self.answers);
        let mut batch_room = String::new();
        let mut used = 0;
        let mut understood = Ok(());
        while matches!(self.conns[key].kind, Kind::Http) {
            let request = match request(&bytes[used..]) {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(_) => {
                    understood = Err(Ended);
                    break;
                }
            };
            used += request.bytes;
            match request.asked {
                Asked::Publish(room) => {
                    if room != batch_room {
                        self.publish(&batch_room);
                        batch_room = room;
                    }
                    let published = event::publish(request.body, |text| {
                        push_text(&mut self.batch, &text);
                        self.rooms.receivers(&batch_room)
                    });
                    match published {
                        Ok(answer) => push_answer(&mut answers, "202 Accepted", &answer),
                        Err(message) => {
                            let refusal = event::refusal("bad_request", &message);
                            push_answer(&mut answers, "400 Bad Request", &refusal);
                        }
                    }
                }
                Asked::Enter(room, accept) => {
                    push_upgrade(&mut answers, &accept);
                    push_text(&mut answers, &event::greeting());
                    let place = self.rooms.join(room, key);
                    self.conns[key].kind = Kind::Member(place, Frames::default());
                }
                Asked::Echo(accept) => {
                    push_upgrade(&mut answers, &accept);
                    self.conns[key].kind = Kind::Echo(Frames::default());
                }
                Asked::Health => push_answer(&mut answers, "200 OK", &event::health()),
                Asked::Unknown => {
                    let refusal = event::refusal("not_found", "there is no such call");
                    push_answer(&mut answers, "404 Not Found", &refusal);
                }
            }
        }
        self.publish(&batch_room);
        let sent = match answers.is_empty() {
            true => Ok(()),
            false => self.send(key, &answers),
        };
        answers.clear();
        self.answers = answers;
        sent.and(understood).map(|()| used)
    }

    /// Sends the batch to every member of a room that is not blocked.
    fn publish(&mut self, room: &str) {
        if self.batch.is_empty() {
            return;
        }
        let mut blocked = 0;
        for &key in self.rooms.members(room) {
            let conn = &mut self.conns[key];
            if !conn.unsent.is_empty() {
                continue;
            }
            match write(&mut conn.stream, &self.batch) {
                Ok(sent) if sent == self.batch.len() => {}
                Ok(sent) => {
                    conn.unsent.extend_from_slice(&self.batch[sent..]);
                    blocked += 1;
                }
                Err(_) => self.dead.push(key),
            }
        }
        for _ in 0..blocked {
            self.rooms.block(room);
        }
        self.batch.clear();
    }

    /// Sends bytes to one connection, behind what it has not been sent yet.
    fn send(&mut self, key: usize, bytes: &[u8]) -> Result<(), Ended> {
        let conn = &mut self.conns[key];
        let was_blocked = !conn.unsent.is_empty();
        let sent = match was_blocked {
            true => 0,
            false => write(&mut conn.stream, bytes).map_err(|_| Ended)?,
        };
        conn.unsent.extend_from_slice(&bytes[sent..]);
        if let Kind::Member(place, _) = &conn.kind
            && !was_blocked
            && sent < bytes.len()
        {
            self.rooms.block(&place.room);
        }
        Ok(())
    }

    fn remove(&mut self, key: usize) {
        let Some(conn) = self.conns.try_remove(key) else {
            return;
        };
        let Kind::Member(left, _) = conn.kind else {
            return;
        };
        let moved = self.rooms.leave(&left, !conn.unsent.is_empty());
        if let Some(moved) = moved
            && let Kind::Member(place, _) = &mut self.conns[moved].kind
        {
            place.moved(&left);
        }
    }
}

/// Writes once; how many bytes the socket had room for.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match stream.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
