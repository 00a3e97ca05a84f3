//! Just as much HTTP as the calls need: a request taken from the start of some bytes, and an answer put behind others.

use std::io::Write;

use roomcast_rivals::calls::room;
use tungstenite::handshake::derive_accept_key;

const HEADERS_MAX: usize = 32;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// `/ws`, the room, and the answer to the key.
    Enter(String, String),
    /// `/echo`, and the answer to the key.
    Echo(String),
    Health,
    /// An event for a room.
    Publish(String),
    Unknown,
}

/// One request, whole.
#[derive(Debug)]
pub struct Request<'a> {
    pub asked: Asked,
    pub body: &'a [u8],
    /// Bytes of it, head and body.
    pub bytes: usize,
}

/// The request at the start, once all of it is there; an error if it is none.
pub fn request(bytes: &[u8]) -> Result<Option<Request<'_>>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = head.parse(bytes)? else {
        return Ok(None);
    };
    let header = |name: &str| {
        let mut headers = head.headers.iter();
        let found = headers.find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| header.value.trim_ascii())
    };
    let length = header("content-length").map_or(Some(0), |value| {
        std::str::from_utf8(value).ok()?.parse::<usize>().ok()
    });
    let length = length.ok_or(httparse::Error::HeaderValue)?;
    let Some(body) = bytes[head_bytes..].get(..length) else {
        return Ok(None);
    };
    let target = head.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let accept = header("sec-websocket-key").map(derive_accept_key);
    let asked = match (head.method.unwrap_or_default(), path, accept) {
        ("GET", "/ws", Some(accept)) => Asked::Enter(room(query), accept),
        ("GET", "/echo", Some(accept)) => Asked::Echo(accept),
        ("GET", "/healthz", _) => Asked::Health,
        ("POST", "/api/v1/events", _) => Asked::Publish(room(query)),
        _ => Asked::Unknown,
    };
    Ok(Some(Request {
        asked,
        body,
        bytes: head_bytes + length,
    }))
}

/// Puts an answer in JSON behind `out`.
pub fn push_answer(out: &mut Vec<u8>, status: &str, body: &str) {
    let length = body.len();
    write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("writing to a Vec cannot fail, it only grows");
}

/// Puts the answer to an upgrade behind `out`.
pub fn push_upgrade(out: &mut Vec<u8>, accept: &str) {
    write!(
        out,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .expect("writing to a Vec cannot fail, it only grows");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_once_its_last_byte_is_there() {
        let sent = b"POST /api/v1/events?room=a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
        for cut in 0..sent.len() {
            assert!(request(&sent[..cut]).unwrap().is_none());
        }
        let two = [&sent[..], &sent[..]].concat();
        let request = request(&two).unwrap().unwrap();
        assert_eq!(request.asked, Asked::Publish("a".to_owned()));
        assert_eq!((request.body, request.bytes), (&b"{}"[..], sent.len()));
    }

    #[test]
    fn what_is_no_request_is_an_error() {
        assert!(request(b"\x16\x03\x01\r\n\r\n").is_err());
        assert!(request(b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n").is_err());
    }
}
