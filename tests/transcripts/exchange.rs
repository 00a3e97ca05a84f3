//! One HTTP exchange over a stream.

use std::io::{self, Read, Write};

use crate::script::{CONNECT, Request};

/// The key of an upgrade, and so what the answer must show: the example of RFC 6455 §1.3.
const UPGRADE: [(&str, &str); 4] = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// An answer.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// The values of a header, as one list.
    pub fn header(&self, name: &str) -> Option<String> {
        let named = self.headers.iter();
        let named = named.filter(|(is, _)| is.eq_ignore_ascii_case(name));
        let values: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

/// Sends a request and reads its answer to the end, but nothing of what follows an upgrade.
pub fn exchange(
    stream: &mut (impl Read + Write),
    host: &str,
    request: &Request,
) -> io::Result<Answer> {
    stream.write_all(encode(host, request).as_bytes())?;
    let mut head = Vec::new();
    loop {
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        if !head.starts_with(b"HTTP/1.1 100") {
            break;
        }
        head.clear();
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let mut lines = head.trim_end().lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": "));
    let mut answer = Answer {
        status: status.ok_or_else(|| io::Error::other(head.clone()))?,
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: String::new(),
    };
    let length = answer
        .header("content-length")
        .and_then(|length| length.parse().ok());
    if let (Some(length), true) = (length, request.method != "HEAD") {
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        answer.body = String::from_utf8_lossy(&body).into_owned();
    }
    Ok(answer)
}

/// The request with what every client adds, unless the transcript says otherwise.
fn encode(host: &str, request: &Request) -> String {
    let is_upgrade = request.method == CONNECT;
    let length = request.body.len().to_string();
    let mut headers = vec![("Host", host)];
    if is_upgrade {
        headers.extend(UPGRADE);
    } else {
        headers.push(("Connection", "close"));
    }
    if !request.body.is_empty() {
        headers.extend([
            ("Content-Type", "application/json"),
            ("Content-Length", &length),
        ]);
    }
    let given = &request.headers;
    headers.retain(|(name, _)| !given.iter().any(|(is, _)| is.eq_ignore_ascii_case(name)));
    headers.extend(
        given
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let method = if is_upgrade { "GET" } else { &request.method };
    let mut text = format!("{method} {} HTTP/1.1\r\n", request.target);
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n" + &request.body
}
