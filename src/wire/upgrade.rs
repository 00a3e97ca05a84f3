//! The opening handshake (RFC 6455 §4.2): what makes a request an upgrade, and the 101 that answers it.

use tungstenite::handshake::derive_accept_key;

use super::deflate::Deflate;
use super::http::{Head, Response};

/// A request that may be upgraded.
pub struct Upgrade {
    accept: String,
    deflate: Option<Deflate>,
}

/// Why a request may not be upgraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotUpgrade {
    /// It does not ask for it.
    Plain,
    /// It asks for a version of the protocol other than 13.
    Version,
    /// It asks, and breaks a rule of RFC 6455 §4.1: which one.
    Malformed(&'static str),
}

impl Upgrade {
    /// Checks every rule that a client's handshake must keep; `deflate` says whether compression may be agreed on.
    pub fn parse(head: &Head<'_>, deflate: bool) -> Result<Upgrade, NotUpgrade> {
        if !head.lists("upgrade", "websocket") {
            return Err(NotUpgrade::Plain);
        }
        if head.method != "GET" || !head.is_http_1_1() {
            return Err(NotUpgrade::Malformed("an upgrade is a GET with HTTP/1.1"));
        }
        if !head.lists("connection", "upgrade") {
            return Err(NotUpgrade::Malformed(
                "an upgrade needs Connection: Upgrade",
            ));
        }
        let mut versions = head.all("sec-websocket-version");
        if versions.next() != Some(b"13".as_slice()) || versions.next().is_some() {
            return Err(NotUpgrade::Version);
        }
        let mut keys = head.all("sec-websocket-key");
        match (keys.next(), keys.next()) {
            (Some(key), None) if is_nonce(key) => Ok(Upgrade {
                accept: derive_accept_key(key),
                deflate: Deflate::negotiate(head).filter(|_| deflate),
            }),
            _ => Err(NotUpgrade::Malformed(
                "Sec-WebSocket-Key must be 16 bytes in base64, once",
            )),
        }
    }

    /// What was agreed on for compression.
    pub fn deflate(&self) -> Option<Deflate> {
        self.deflate
    }

    /// The answer that opens the connection.
    pub fn accept(self) -> Response {
        let response = Response::empty(101)
            .with("Upgrade", "websocket")
            .with("Connection", "Upgrade")
            .with("Sec-WebSocket-Accept", self.accept);
        match self.deflate {
            Some(deflate) => response.with("Sec-WebSocket-Extensions", deflate.header()),
            None => response,
        }
    }
}

impl From<NotUpgrade> for Response {
    fn from(why: NotUpgrade) -> Response {
        let required = |message| {
            Response::error(426, "upgrade_required", message)
                .with("Upgrade", "websocket")
                .with("Connection", "Upgrade")
                .with("Sec-WebSocket-Version", "13")
        };
        match why {
            NotUpgrade::Plain => required("this path is a WebSocket: send Upgrade: websocket"),
            NotUpgrade::Version => required("the only version spoken is Sec-WebSocket-Version: 13"),
            NotUpgrade::Malformed(rule) => Response::error(400, "bad_request", rule),
        }
    }
}

/// Whether this is the base64 of exactly 16 bytes.
fn is_nonce(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(digit)
}
