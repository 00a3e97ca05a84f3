//! One WebSocket of a scenario: what was sent to it and not yet looked at, and whether more can come.

use std::collections::VecDeque;
use std::io::{Read, Write};

use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::{CloseFrame, Role};
use tungstenite::{Error, Message, WebSocket};

use crate::harness::http::Http;
use crate::harness::steady::Steady;
use crate::script::Said;

/// The ping that asks whether everything has come. Nothing else sends it.
const SETTLED: &str = "everything has come";

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Said(Said),
    /// The server has closed, with this code if it said one.
    Closed(u16),
}

pub struct Speech<S: Read + Write> {
    socket: WebSocket<Steady<S>>,
    inbox: VecDeque<Heard>,
}

impl<S: Read + Write> Speech<S> {
    /// Behind a 101.
    pub fn new(http: Http<S>) -> Speech<S> {
        let (stream, unread) = http.into_parts();
        Speech {
            socket: WebSocket::from_partially_read(stream, unread, Role::Client, None),
            inbox: VecDeque::new(),
        }
    }

    /// Sends a message so many times at once.
    pub fn say(&mut self, times: usize, said: &Said) -> Result<(), String> {
        for _ in 0..times {
            let messages = match said {
                Said::Text(text) => vec![Message::text(text.as_str())],
                Said::Binary(bytes) => vec![Message::binary(bytes.clone())],
                Said::Ping(text) => vec![Message::Ping(text.clone().into())],
                Said::Pong(text) => vec![Message::Pong(text.clone().into())],
                Said::Pieces(pieces) => pieces_of(pieces),
            };
            for message in messages {
                self.socket.write(message).map_err(told)?;
            }
        }
        self.socket.flush().map_err(told)
    }

    /// The next that came, or that comes.
    pub fn hear(&mut self) -> Result<Heard, String> {
        match self.inbox.pop_front() {
            Some(heard) => Ok(heard),
            None => self.read(),
        }
    }

    /// Waits until the server has done all that was said before, and gives what came meanwhile, the oldest first.
    pub fn settle(&mut self) -> Result<Option<&Heard>, String> {
        let is_over = |heard: &Heard| matches!(heard, Heard::Closed(_));
        if !self.inbox.iter().any(is_over) {
            self.say(1, &Said::Ping(SETTLED.to_owned()))?;
            loop {
                let heard = self.read()?;
                if heard == Heard::Said(Said::Pong(SETTLED.to_owned())) {
                    break;
                }
                self.inbox.push_back(heard);
                if self.inbox.back().is_some_and(is_over) {
                    break;
                }
            }
        }
        Ok(self.inbox.front())
    }

    /// Closes, and waits until the server has agreed; gives the code with which it did.
    pub fn close(&mut self, code: u16) -> Result<u16, String> {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: "".into(),
        };
        self.socket.close(Some(frame)).map_err(told)?;
        loop {
            match self.read()? {
                Heard::Closed(code) => return Ok(code),
                said => self.inbox.push_back(said),
            }
        }
    }

    /// Whether something came that nobody looked at.
    pub fn unheard(&self) -> Option<&Heard> {
        self.inbox.front()
    }

    fn read(&mut self) -> Result<Heard, String> {
        loop {
            let heard = match self.socket.read().map_err(told)? {
                Message::Text(text) => Said::Text(text.to_string()),
                Message::Binary(bytes) => Said::Binary(bytes.to_vec()),
                Message::Pong(bytes) => Said::Pong(String::from_utf8_lossy(&bytes).into_owned()),
                Message::Close(frame) => {
                    let code = frame.map_or(1005, |frame| u16::from(frame.code));
                    return self.end().map(|()| Heard::Closed(code));
                }
                // Answered by tungstenite, as every client does.
                Message::Ping(_) | Message::Frame(_) => continue,
            };
            return Ok(Heard::Said(heard));
        }
    }

    /// Behind the close frame comes the end of the stream.
    fn end(&mut self) -> Result<(), String> {
        match self.socket.read() {
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => Ok(()),
            Err(error) => Err(told(error)),
            Ok(message) => Err(format!("{message:?} behind the close frame")),
        }
    }
}

/// A text message as one frame for each piece.
fn pieces_of(pieces: &[String]) -> Vec<Message> {
    let last = pieces.len() - 1;
    let frame = |(index, piece): (usize, &String)| {
        let data = if index == 0 {
            Data::Text
        } else {
            Data::Continue
        };
        Message::Frame(Frame::message(
            piece.clone(),
            OpCode::Data(data),
            index == last,
        ))
    };
    pieces.iter().enumerate().map(frame).collect()
}

fn told(error: Error) -> String {
    match error {
        Error::Io(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            "nothing came".to_owned()
        }
        error => error.to_string(),
    }
}
