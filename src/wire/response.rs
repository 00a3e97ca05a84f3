//! Answers of HTTP/1.1 (RFC 9110, RFC 9112), as bytes; an error is JSON with a code and a sentence.

use std::borrow::Cow;
use std::io::Write;

use serde::Serialize;
use serde_json::json;

use super::fault::{Answer, Fault};
use super::frame::Frame;
use crate::position::Position;
use crate::time::Unix;

/// An answer to a request.
#[derive(Debug)]
pub struct Response {
    status: u16,
    headers: Vec<(&'static str, Cow<'static, str>)>,
    body: Cow<'static, [u8]>,
    extent: Extent,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// It is all there.
    Whole,
    /// It goes on until the connection ends.
    Endless,
    /// It follows in pieces, which are so many bytes together, if that is known.
    Pieces(Option<u64>),
}

impl Response {
    /// An answer without a body.
    pub fn empty(status: u16) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: Cow::Borrowed(b""),
            extent: Extent::Whole,
        }
    }

    /// A body of some type.
    pub fn body(
        status: u16,
        content_type: &'static str,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Response {
        Response {
            status,
            headers: vec![("Content-Type", content_type.into())],
            body: body.into(),
            extent: Extent::Whole,
        }
    }

    /// A JSON body.
    ///
    /// # Panics
    /// When the value cannot be JSON (a map with keys that are not strings), which is a programmer's error.
    pub fn json(status: u16, value: &impl Serialize) -> Response {
        let body =
            serde_json::to_vec(value).expect("our own answers are JSON, and a vector takes all");
        Response::body(status, "application/json", body)
    }

    /// An error in the one shape that errors have: `{"error":{"code","message"}}`.
    pub fn error(status: u16, code: &str, message: impl AsRef<str>) -> Response {
        Response::json(
            status,
            &json!({"error": {"code": code, "message": message.as_ref()}}),
        )
    }

    /// The same answer with one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    /// The same answer, whose body only begins with this.
    pub fn endless(self) -> Response {
        Response {
            extent: Extent::Endless,
            ..self
        }
    }

    /// An answer whose body follows in pieces: so many bytes, which only an answer to `HEAD` may leave open.
    pub fn pieces(content_type: &'static str, bytes: Option<u64>) -> Response {
        Response {
            extent: Extent::Pieces(bytes),
            ..Response::body(200, content_type, b"")
        }
    }

    /// How many bytes follow in pieces.
    pub fn pieces_bytes(&self) -> Option<u64> {
        match self.extent {
            Extent::Pieces(bytes) => bytes,
            Extent::Whole | Extent::Endless => None,
        }
    }

    /// The same answer, which shows how something stands at this position.
    pub fn at(self, position: Position) -> Response {
        self.with("Roomcast-Position", position.to_string())
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The bytes that go out: with the body or, for `HEAD`, only its length; `closes` says that nothing follows.
    pub fn encode(&self, unix: Unix, head_only: bool, closes: bool) -> Frame {
        let mut out = Vec::with_capacity(256 + self.body.len());
        let date = httpdate::HttpDate::from(unix.system_time());
        // Writing to a vector cannot fail.
        let _ = write!(
            out,
            "HTTP/1.1 {} {}\r\nServer: roomcast\r\nDate: {date}\r\n",
            self.status,
            reason(self.status)
        );
        for (name, value) in &self.headers {
            let _ = write!(out, "{name}: {value}\r\n");
        }
        // An answer that cannot have a body has no length either, and 304 would have to give that of the file, not its
        // own (RFC 9110 §8.6).
        let has_length = self.status >= 200 && !matches!(self.status, 204 | 304);
        let length = match self.extent {
            Extent::Whole => Some(self.body.len() as u64),
            Extent::Pieces(bytes) => bytes,
            Extent::Endless => None,
        };
        if let Some(length) = length.filter(|_| has_length) {
            let _ = write!(out, "Content-Length: {length}\r\n");
        }
        if closes || self.extent == Extent::Endless {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        out.extend_from_slice(b"\r\n");
        if !head_only {
            out.extend_from_slice(&self.body);
        }
        Frame::answer(out)
    }
}

/// The answer to an error on the wire.
impl From<Fault> for Response {
    fn from(fault: Fault) -> Response {
        match fault.answer() {
            Answer::Status(status, code) => Response::error(status, code, fault.to_string()),
            Answer::Close(_) => Response::error(400, "bad_request", fault.to_string()),
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        507 => "Insufficient Storage",
        _ => "Unknown",
    }
}
