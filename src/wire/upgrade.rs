//! The opening handshake (RFC 6455 §4.2): what makes a request an upgrade, what is agreed on for compression (RFC 7692
//! §7.1), and the 101 that answers it.

use tungstenite::handshake::derive_accept_key;

use super::request::Head;
use super::response::Response;
use super::subprotocol::OURS;

/// A request that may be upgraded.
pub struct Upgrade {
    accept: String,
    deflate: Option<Deflate>,
    is_ours: bool,
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
        if !head.all("sec-websocket-extensions").all(is_extension_list) {
            return Err(NotUpgrade::Malformed(
                "Sec-WebSocket-Extensions must be a list of tokens, each with parameters that are tokens",
            ));
        }
        let mut keys = head.all("sec-websocket-key");
        match (keys.next(), keys.next()) {
            (Some(key), None) if is_nonce(key) => Ok(Upgrade {
                accept: derive_accept_key(key),
                deflate: Deflate::negotiate(head).filter(|_| deflate),
                is_ours: head.offers_ours(),
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
        // A client that gets none of those it offered closes; one that offered none of ours does not want us.
        let response = match self.is_ours {
            true => response.with("Sec-WebSocket-Protocol", OURS),
            false => response,
        };
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

/// The window that is written, as a power of two.
const WINDOW_BITS: u8 = 15;

/// What was agreed on with a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// The largest window that the client takes, as a power of two, if it named one.
    window_bits: Option<u8>,
}

impl Deflate {
    /// The first of a client's offers that we can keep, if there is one. An offer with a parameter that is unknown,
    /// repeated or out of range is declined (RFC 7692 §7.1).
    pub fn negotiate(head: &Head<'_>) -> Option<Deflate> {
        let headers = head.all("sec-websocket-extensions");
        let texts = headers.filter_map(|value| std::str::from_utf8(value).ok());
        texts
            .flat_map(|text| split(text, ','))
            .find_map(Deflate::consider)
    }

    fn consider(offer: &str) -> Option<Deflate> {
        let mut parts = split(offer, ';');
        if parts.next()? != "permessage-deflate" {
            return None;
        }
        let mut seen = Vec::new();
        let mut deflate = Deflate { window_bits: None };
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), Some(unquoted(value.trim()))),
                None => (part, None),
            };
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
            match (name, value) {
                (
                    "server_no_context_takeover"
                    | "client_no_context_takeover"
                    | "client_max_window_bits",
                    None,
                ) => {}
                ("client_max_window_bits", Some(bits)) => drop(window_bits(bits)?),
                ("server_max_window_bits", Some(bits)) => {
                    deflate.window_bits = Some(window_bits(bits)?);
                }
                _ => return None,
            }
        }
        Some(deflate)
    }

    /// The header that says what was agreed on.
    pub fn header(self) -> String {
        let mut header = String::from(
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        );
        if let Some(bits) = self.window_bits {
            header.push_str(&format!("; server_max_window_bits={bits}"));
        }
        header
    }

    /// Whether we send messages compressed: one window is written for all clients, the largest, and a client that takes
    /// only smaller ones is sent plain messages, as any may be (RFC 7692 §6).
    pub fn packs(self) -> bool {
        self.window_bits.is_none_or(|bits| bits == WINDOW_BITS)
    }
}

/// The parts of a list, without the space around them; a separator inside quotes separates nothing.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parts = text.split(move |character| {
        quoted ^= character == '"';
        character == separator && !quoted
    });
    parts.map(str::trim)
}

/// Whether this follows the grammar of RFC 6455 §9.1, which every offer must, known or not. An empty element is none.
fn is_extension_list(value: &[u8]) -> bool {
    let is_parameter = |part: &str| match part.split_once('=') {
        Some((name, value)) => is_token(name.trim()) && is_token(unquoted(value.trim())),
        None => is_token(part),
    };
    let is_extension = |extension: &str| {
        let mut parts = split(extension, ';');
        extension.is_empty() || parts.next().is_some_and(is_token) && parts.all(is_parameter)
    };
    std::str::from_utf8(value).is_ok_and(|text| split(text, ',').all(is_extension))
}

/// Whether this is a token (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(may_stand)
}

fn unquoted(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value)
}

/// 8 to 15, in decimal without a leading zero.
fn window_bits(value: &str) -> Option<u8> {
    let bits: u8 = value.parse().ok()?;
    ((8..=15).contains(&bits) && value == bits.to_string()).then_some(bits)
}

/// Whether this is the base64 of exactly 16 bytes.
fn is_nonce(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_of_extensions_is_told_from_one_that_is_declined() {
        for list in [
            "",
            " , a,, b",
            "a; b; c=d; e=\"f\"",
            "x-webkit-deflate-frame; nonsense",
        ] {
            assert!(is_extension_list(list.as_bytes()), "{list}");
        }
        for list in [
            "a; b=",
            "a; =b",
            "a;",
            "; a",
            "a b",
            "a; b=\"c",
            "a; b=\"c d\"",
            "a; b=\"c, permessage-deflate\"",
            "a=b",
            "(a)",
            "é",
        ] {
            assert!(!is_extension_list(list.as_bytes()), "{list}");
        }
        assert!(!is_extension_list(b"a\xff"));
    }
}
