//! The reader of frames that others wrote, and what it makes of a stream.

use std::io::{self, Cursor, Read, Write};

use roomcast::wire::frame::close;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use super::reader::{MESSAGE_BYTES_MAX, Seen};

/// What they read, in order, and whether they refused to go on.
pub struct Theirs {
    pub messages: Vec<Seen>,
    pub is_refused: bool,
}

impl Theirs {
    /// How they would show what we have seen: they do not know the close code that was registered last, and show it as
    /// they show one that may not be sent.
    pub fn would_show(seen: &[Seen]) -> Vec<Seen> {
        let shown = |seen: &Seen| match seen {
            Seen::Close(close::BAD_GATEWAY) => Seen::Close(close::PROTOCOL),
            other => other.clone(),
        };
        seen.iter().map(shown).collect()
    }
}

/// Input from memory; whatever is answered is lost.
struct Input(Cursor<Vec<u8>>);

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            bytes => Ok(bytes),
        }
    }
}

impl Write for Input {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite makes of a client's frames.
pub fn read_by_tungstenite(frames: &[u8]) -> Theirs {
    let bytes_max = Some(MESSAGE_BYTES_MAX as usize);
    let config = WebSocketConfig::default()
        .max_message_size(bytes_max)
        .max_frame_size(bytes_max);
    let input = Input(Cursor::new(frames.to_vec()));
    let mut socket = WebSocket::from_raw_socket(input, Role::Server, Some(config));
    let mut messages = Vec::new();
    loop {
        let seen = match socket.read() {
            Ok(Message::Text(text)) => Seen::Text(text.to_string()),
            Ok(Message::Binary(bytes)) => Seen::Binary(bytes.to_vec()),
            Ok(Message::Ping(payload)) => Seen::Ping(payload.to_vec()),
            Ok(Message::Pong(_)) => Seen::Pong,
            Ok(Message::Close(frame)) => Seen::Close(frame.map_or(1005, |frame| frame.code.into())),
            Ok(Message::Frame(_)) => unreachable!("no frame is read alone"),
            Err(error) => {
                let is_hungry = matches!(&error, tungstenite::Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock);
                let is_closed = matches!(error, tungstenite::Error::ConnectionClosed);
                return Theirs {
                    messages,
                    is_refused: !is_hungry && !is_closed,
                };
            }
        };
        messages.push(seen);
    }
}
