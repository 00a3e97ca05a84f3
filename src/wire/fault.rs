//! What a client did wrong: a value, never a panic. Each fault knows the HTTP status or the close code that answers
//! it, and a sentence that says who erred and what was expected.

use std::fmt;

/// One thing that a client did wrong on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request head is not HTTP/1.x: what httparse objected to.
    Head(&'static str),
    /// A request line over the limit.
    LineTooLong,
    /// A header block over the limit, in bytes or in number.
    HeadersTooLarge,
    /// `Host` is missing or stands twice (RFC 9112 §3.2).
    Host,
    /// A `Content-Length` that is no number, or several.
    Length,
    /// `Content-Length` beside `Transfer-Encoding` (RFC 9112 §6.1).
    LengthAndChunked,
    /// A transfer coding other than a single `chunked`.
    Coding,
    /// The body says chunked and is not.
    Chunk,
    /// An expectation other than `100-continue`.
    Expectation,
    /// A body over the limit, which is given in bytes.
    BodyTooLarge(u32),
    /// The request was not complete in time.
    RequestTooSlow,
    /// A reserved bit without an extension that gave it a meaning (RFC 6455 §5.2).
    ReservedBits,
    /// A reserved opcode.
    ReservedOpcode(u8),
    /// A frame from a client without a mask (RFC 6455 §5.1).
    Unmasked,
    /// A length that is not written in the fewest bytes, or with the top bit set (RFC 6455 §5.2).
    LengthForm,
    /// A control frame of more than 125 bytes (RFC 6455 §5.5).
    ControlTooLong,
    /// A control frame without FIN (RFC 6455 §5.5).
    ControlFragmented,
    /// A continuation of nothing (RFC 6455 §5.4).
    ContinuesNothing,
    /// A new message inside an unfinished one (RFC 6455 §5.4).
    Interleaved,
    /// A close frame with half a code, or a code that may not be sent (RFC 6455 §7.4).
    CloseFrame,
    /// Text, or a close reason, that is not UTF-8 (RFC 6455 §8.1).
    NotUtf8,
    /// A compressed message that cannot be inflated (RFC 7692 §7.2.2).
    NotDeflate,
    /// A message over the limit, which is given in bytes.
    MessageTooBig(u32),
    /// A started message was not complete in time.
    MessageTooSlow,
    /// More messages than a client may send, which is given for a second.
    TooManyMessages(u32),
    /// More bytes of messages than a client may send, which is given for a second.
    TooManyBytes(u32),
}

/// How a fault is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP status and the code of its error body.
    Status(u16, &'static str),
    /// A WebSocket close code.
    Close(u16),
}

impl Fault {
    /// The status or close code for it.
    pub fn answer(self) -> Answer {
        match self {
            Fault::Head(_)
            | Fault::Host
            | Fault::Length
            | Fault::LengthAndChunked
            | Fault::Chunk => Answer::Status(400, "bad_request"),
            Fault::RequestTooSlow => Answer::Status(408, "request_timeout"),
            Fault::BodyTooLarge(_) => Answer::Status(413, "body_too_large"),
            Fault::LineTooLong => Answer::Status(414, "uri_too_long"),
            Fault::Expectation => Answer::Status(417, "expectation_failed"),
            Fault::HeadersTooLarge => Answer::Status(431, "headers_too_large"),
            Fault::Coding => Answer::Status(501, "not_implemented"),
            Fault::NotUtf8 | Fault::NotDeflate => Answer::Close(1007),
            Fault::MessageTooSlow | Fault::TooManyMessages(_) | Fault::TooManyBytes(_) => {
                Answer::Close(1008)
            }
            Fault::MessageTooBig(_) => Answer::Close(1009),
            Fault::ReservedBits
            | Fault::ReservedOpcode(_)
            | Fault::Unmasked
            | Fault::LengthForm
            | Fault::ControlTooLong
            | Fault::ControlFragmented
            | Fault::ContinuesNothing
            | Fault::Interleaved
            | Fault::CloseFrame => Answer::Close(1002),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match *self {
            Fault::Head(what) => return write!(f, "the request head is not HTTP/1.1: {what}"),
            Fault::BodyTooLarge(max) => return write!(f, "the body is over {max} bytes"),
            Fault::MessageTooBig(max) => return write!(f, "the message is over {max} bytes"),
            Fault::TooManyMessages(max) => {
                return write!(f, "more than client_messages_per_second, which is {max}");
            }
            Fault::TooManyBytes(max) => {
                return write!(f, "more than client_bytes_per_second, which is {max}");
            }
            Fault::ReservedOpcode(code) => return write!(f, "opcode {code} is reserved"),
            Fault::LineTooLong => "the request line is over 8 KiB",
            Fault::HeadersTooLarge => "the headers are over 16 KiB, or more than 100",
            Fault::Host => "exactly one Host header is needed",
            Fault::Length => "Content-Length must be one decimal number",
            Fault::LengthAndChunked => "Content-Length and Transfer-Encoding exclude each other",
            Fault::Coding => "the only transfer coding taken is chunked, once",
            Fault::Chunk => "the body is not chunked as its head says",
            Fault::Expectation => "the only expectation met is 100-continue",
            Fault::RequestTooSlow => "the request was not complete in time",
            Fault::ReservedBits => "a reserved bit is set without an extension for it",
            Fault::Unmasked => "a client's frames must be masked",
            Fault::LengthForm => "a length must be written in the fewest bytes",
            Fault::ControlTooLong => "a control frame carries at most 125 bytes",
            Fault::ControlFragmented => "a control frame cannot be fragmented",
            Fault::ContinuesNothing => "a continuation came without a message to continue",
            Fault::Interleaved => "a message began inside another",
            Fault::CloseFrame => "the close code is not one that may be sent",
            Fault::NotUtf8 => "text must be UTF-8",
            Fault::NotDeflate => "a compressed message must be DEFLATE data, whole",
            Fault::MessageTooSlow => "the message was not complete in time",
        };
        f.write_str(sentence)
    }
}

impl std::error::Error for Fault {}
