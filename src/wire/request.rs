//! Requests of HTTP/1.1 (RFC 9110, RFC 9112): heads by httparse, and the rules that it leaves to us.
//!
//! Strict where leniency lets two readers disagree about where a request ends: bare line feeds, repeated lengths and
//! lengths beside a transfer coding are refused.

use std::borrow::Cow;

use super::fault::Fault;
use super::target::Target;
use crate::work;

/// The longest request line, in bytes.
pub const LINE_BYTES_MAX: usize = 8 << 10;
/// The longest header block, in bytes.
pub const HEADERS_BYTES_MAX: usize = 16 << 10;
/// The most headers of a request.
pub const HEADERS_MAX: usize = 100;
/// A shorter head costs what any request does, whatever its elements.
const PLAIN_HEAD_BYTES_MAX: usize = 256;

/// A whole request.
pub struct Request<'a> {
    /// Everything before the body.
    pub head: Head<'a>,
    /// The body, without its framing.
    pub body: &'a [u8],
}

/// A request line and its headers, borrowed from the read buffer.
pub struct Head<'a> {
    /// As it was sent; methods are case-sensitive.
    pub method: &'a str,
    /// The path, still percent-encoded.
    pub path: &'a str,
    /// What follows the first `?`.
    pub query: &'a str,
    authority: Option<&'a str>,
    minor_version: u8,
    headers: [httparse::Header<'a>; HEADERS_MAX],
    headers_count: usize,
}

/// How the end of a body is found (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes; 0 when there is no body.
    Length(u64),
    /// Chunks, each with its length.
    Chunked,
}

impl<'a> Head<'a> {
    /// Reads a request head from the front of `bytes`, and says how long it is; `None` while it is not whole.
    pub fn parse(bytes: &'a [u8]) -> Result<Option<(Head<'a>, usize)>, Fault> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let status = request.parse(bytes).map_err(|error| match error {
            httparse::Error::TooManyHeaders => Fault::HeadersTooLarge,
            _ if line_bytes(bytes) > LINE_BYTES_MAX => Fault::LineTooLong,
            httparse::Error::HeaderName => {
                Fault::Head("a header name has a character that it may not have")
            }
            httparse::Error::HeaderValue => {
                Fault::Head("a header value has a character that it may not have")
            }
            httparse::Error::Version => Fault::Head("the version must be HTTP/1.0 or HTTP/1.1"),
            httparse::Error::NewLine => Fault::Head("a line must end with CR LF"),
            _ => Fault::Head("the request line must be METHOD SP TARGET SP HTTP/1.1"),
        })?;
        let line = line_bytes(bytes);
        if line > LINE_BYTES_MAX {
            return Err(Fault::LineTooLong);
        }
        let (is_whole, head_bytes) = match status {
            httparse::Status::Complete(head_bytes) => (true, head_bytes),
            httparse::Status::Partial => (false, bytes.len()),
        };
        if head_bytes - line > HEADERS_BYTES_MAX {
            return Err(Fault::HeadersTooLarge);
        }
        if !is_whole {
            return Ok(None);
        }
        if has_bare_line_feed(&bytes[..head_bytes]) {
            return Err(Fault::Head("a line must end with CR LF"));
        }
        let (method, target) = (request.method.unwrap_or(""), request.path.unwrap_or(""));
        let minor_version = request.version.unwrap_or(1);
        let headers_count = request.headers.len();
        let Target {
            authority,
            path,
            query,
        } = Target::parse(target)?;
        let head = Head {
            method,
            path,
            query,
            authority,
            minor_version,
            headers,
            headers_count,
        };
        if head.all("host").count() != 1 && (minor_version == 1 || head.all("host").count() > 1) {
            return Err(Fault::Host);
        }
        Ok(Some((head, head_bytes)))
    }

    /// How the end of the body is found; every doubt is refused.
    pub fn framing(&self) -> Result<Framing, Fault> {
        let mut codings = self.all("transfer-encoding");
        let mut lengths = self.all("content-length");
        match (codings.next(), lengths.next()) {
            (None, None) => Ok(Framing::Length(0)),
            (Some(_), Some(_)) => Err(Fault::LengthAndChunked),
            (Some(coding), None) => {
                let single = coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
                if single && self.minor_version == 1 {
                    Ok(Framing::Chunked)
                } else {
                    Err(Fault::Coding)
                }
            }
            (None, Some(length)) => {
                let digits = length.iter().all(u8::is_ascii_digit) && lengths.next().is_none();
                let number = std::str::from_utf8(length)
                    .ok()
                    .filter(|_| digits)
                    .and_then(|text| text.parse().ok());
                number.map(Framing::Length).ok_or(Fault::Length)
            }
        }
    }

    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    pub fn expects_continue(&self) -> Result<bool, Fault> {
        match self.header("expect") {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("100-continue") => {
                Ok(self.minor_version == 1)
            }
            Some(_) => Err(Fault::Expectation),
        }
    }

    /// Whether the connection is to stay after the answer (RFC 9112 §9.3).
    pub fn keeps_alive(&self) -> bool {
        if self.minor_version == 0 {
            return self.lists("connection", "keep-alive");
        }
        !self.lists("connection", "close")
    }

    /// Whether this is HTTP/1.1, as an upgrade needs.
    pub fn is_http_1_1(&self) -> bool {
        self.minor_version == 1
    }

    /// The values of every header of this name, in their order.
    pub fn all(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> + '_ {
        let headers = &self.headers[..self.headers_count];
        headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    }

    /// The host that the request is for: that of a target in absolute form, whatever `Host` says (RFC 9112 §3.2.2).
    pub fn host(&self) -> Option<&'a [u8]> {
        let authority = self.authority.map(str::as_bytes);
        authority.or_else(|| self.all("host").next())
    }

    /// The first header of this name, if it is text.
    pub fn header(&self, name: &'static str) -> Option<&'a str> {
        self.all(name)
            .next()
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Whether a header that is a comma-separated list names this token, in any case.
    pub fn lists(&self, name: &'static str, token: &str) -> bool {
        let mut items = self
            .all(name)
            .flat_map(|value| value.split(|&byte| byte == b','));
        items.any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    }

    /// The first value of a query parameter, decoded.
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, str>> {
        self.parameters()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// The same, but a `+` in it is a plus and no space: for what has no space in it.
    pub fn literal(&self, name: &str) -> Option<Cow<'a, str>> {
        let query = self.query.replace('+', "%2B");
        let mut parameters = form_urlencoded::parse(query.as_bytes());
        let (_, value) = parameters.find(|(key, _)| key == name)?;
        Some(Cow::Owned(value.into_owned()))
    }

    /// Every query parameter, decoded, in their order.
    pub fn parameters(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        form_urlencoded::parse(self.query.as_bytes())
    }
}

/// The origin that a head names which cannot be answered as it should be, as far as it has come: the one whole line of that
/// name, if it is plain text. An answer may have it in a header.
pub fn origin_of(bytes: &[u8]) -> Option<&str> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let whole = end.or_else(|| bytes.windows(2).rposition(|two| two == b"\r\n"))?;
    let head = &bytes[..whole];
    let mut origins = head
        .split(|&byte| byte == b'\n')
        .skip(1)
        .filter_map(|line| {
            let (name, value) = line.split_at_checked(b"origin:".len())?;
            name.eq_ignore_ascii_case(b"origin:")
                .then(|| value.trim_ascii())
        });
    let origin = origins.next().filter(|_| origins.next().is_none())?;
    let is_plain = origin.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(origin).ok().filter(|_| is_plain)
}

/// What a whole head costs beside the request, as `work` counts it: a little for its bytes, and more for the elements of
/// lists, the parameters of a query and the escapes that may be taken apart in it.
pub fn head_cost(head: &[u8]) -> u64 {
    let ends_element = |byte: &u8| u8::from(matches!(byte, b',' | b';' | b'&' | b'%' | b'+'));
    // So few at once that a byte counts them, and sixteen are compared by one instruction.
    let count = |part: &[u8]| u64::from(part.iter().map(ends_element).sum::<u8>());
    let elements: u64 = match head.len() {
        ..=PLAIN_HEAD_BYTES_MAX => 0,
        _ => head.chunks(128).map(count).sum(),
    };
    head.len() as u64 * work::HEAD + elements * work::ELEMENT
}

/// Whether a line ends without CR, which only some readers take for an end.
pub(super) fn has_bare_line_feed(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\n")
        || bytes
            .windows(2)
            .any(|pair| pair[1] == b'\n' && pair[0] != b'\r')
}

/// Bytes of the first line with its end, or of all there is.
fn line_bytes(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(bytes.len(), |at| at + 1)
}
