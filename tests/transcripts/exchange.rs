//! One HTTP exchange as a transcript has it.

use std::io::{self, Read, Write};

use crate::harness::http::{Answer, Http};
use crate::script::{CONNECT, Request};

/// The key of an upgrade, and so what the answer must show: the example of RFC 6455 §1.3.
const UPGRADE: [(&str, &str); 4] = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// Sends a request and reads its answer to the end, but nothing of what follows an upgrade.
pub fn exchange<S: Read + Write>(
    http: &mut Http<S>,
    host: &str,
    request: &Request,
) -> io::Result<Answer> {
    http.send(encode(host, request));
    loop {
        let answer = match request.method.as_str() {
            "HEAD" => http.try_answer_to_head()?,
            _ => http.try_answer()?,
        };
        if answer.status != 100 {
            return Ok(answer);
        }
    }
}

/// The values of a header, as one list.
pub fn values(answer: &Answer, name: &str) -> String {
    let named = answer.headers.iter();
    let named = named.filter(|(is, _)| is.eq_ignore_ascii_case(name));
    let values: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
    values.join(", ")
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
