//! What a client did, as the reactor hears of it, and the frames that say so by themselves.

use tungstenite::protocol::frame::coding::CloseCode;

use crate::wire::buffer::Buffer;
use crate::wire::fault::Fault;
use crate::wire::frame::{Header, Kind, close, unmask};
use crate::wire::request::Request;
use crate::wire::utf8;

/// What the client did.
#[allow(
    clippy::large_enum_variant,
    reason = "made on the stack, taken apart at once, never stored"
)]
pub enum Event<'a> {
    /// A request with a body that has not come with it.
    Body {
        /// The client waits for `100 Continue` before it sends the body.
        expects_continue: bool,
    },
    /// More is there of a body or message than may be looked at or inflated at once: the next call goes on with it.
    Unfinished,
    /// A whole request.
    Request(Request<'a>),
    /// A whole text message.
    Text(&'a str),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// A ping, to be answered with the same payload.
    Ping(&'a [u8]),
    /// A pong, asked for or not.
    Pong(&'a [u8]),
    /// A close frame with this code, [`close::NO_STATUS`] if it had none.
    Close(u16),
}

impl Event<'_> {
    /// Bytes of the payload, if this is a message, a ping or a pong.
    pub fn message_bytes(&self) -> Option<usize> {
        match self {
            Event::Text(text) => Some(text.len()),
            Event::Binary(payload) | Event::Ping(payload) | Event::Pong(payload) => {
                Some(payload.len())
            }
            Event::Body { .. } | Event::Unfinished | Event::Request(_) | Event::Close(_) => None,
        }
    }
}

/// The event that a whole message is.
pub(super) fn data(text: bool, payload: &[u8]) -> Result<Event<'_>, Fault> {
    if text {
        utf8::whole(payload).map(Event::Text)
    } else {
        Ok(Event::Binary(payload))
    }
}

/// The event that a control frame is, which has come whole.
pub(super) fn control(
    header: Header,
    header_bytes: usize,
    buffer: &mut Buffer,
) -> Result<Event<'_>, Fault> {
    buffer.consume(header_bytes);
    let range = buffer.consume(header.payload_bytes as usize);
    unmask(buffer.at_mut(range.clone()), header.mask, 0);
    let payload = buffer.at(range);
    match header.kind {
        Kind::Ping => Ok(Event::Ping(payload)),
        Kind::Close => close_code(payload).map(Event::Close),
        _ => Ok(Event::Pong(payload)),
    }
}

/// The code of a close frame's payload (RFC 6455 §5.5.1, §7.4).
fn close_code(payload: &[u8]) -> Result<u16, Fault> {
    match payload {
        [] => Ok(close::NO_STATUS),
        [_] => Err(Fault::CloseFrame),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !CloseCode::from(code).is_allowed() && code != close::BAD_GATEWAY {
                return Err(Fault::CloseFrame);
            }
            utf8::whole(reason)?;
            Ok(code)
        }
    }
}
