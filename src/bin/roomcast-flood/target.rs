//! The server under test and how one speaks to it: its address, the upgrade, what a client sends first, how a
//! message is published.
//!
//! Nothing here is particular to a mode; another server is another `Target`. Only requests are written here, their
//! answers are read by whoever sent them.

use std::io::Write;
use std::net::SocketAddr;

/// One server, one path, one way to publish.
#[derive(Clone, Debug)]
pub struct Target {
    server: SocketAddr,
    path: String,
    publish_path: String,
    key: Option<String>,
    subscribe: Option<String>,
    greets: bool,
}

impl Target {
    /// The `events` app of a roomcast, upgraded at `path`; a path that is not its own sends no greeting.
    pub fn events(server: SocketAddr, path: &str, key: Option<&str>) -> Target {
        Target {
            server,
            path: path.to_owned(),
            publish_path: "/api/v1/events".to_owned(),
            key: key.map(str::to_owned),
            subscribe: None,
            greets: path == "/ws",
        }
    }

    /// Where to connect to.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// What is upgraded, for people.
    pub fn url(&self) -> String {
        format!("ws://{}{}", self.server, self.path)
    }

    /// The text message that a client sends once it is upgraded, if any.
    pub fn subscribe(&self) -> Option<&str> {
        self.subscribe.as_deref()
    }

    /// Whether `connection:status` must come to every client before anything else.
    pub fn greets(&self) -> bool {
        self.greets
    }

    /// Appends the request that asks for an upgrade, with the given `Sec-WebSocket-Key`.
    pub fn write_upgrade(&self, out: &mut Vec<u8>, websocket_key: &str) {
        self.write_head(out, "GET", &self.path);
        put(
            out,
            format_args!(
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: {websocket_key}\r\n\r\n"
            ),
        );
    }

    /// Appends the request that publishes `body`, on a connection that stays.
    pub fn write_publish(&self, out: &mut Vec<u8>, body: &[u8]) {
        self.write_head(out, "POST", &self.publish_path);
        put(
            out,
            format_args!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            ),
        );
        out.extend_from_slice(body);
    }

    fn write_head(&self, out: &mut Vec<u8>, method: &str, path: &str) {
        let server = self.server;
        put(
            out,
            format_args!("{method} {path} HTTP/1.1\r\nHost: {server}\r\n"),
        );
        if let Some(key) = &self.key {
            put(out, format_args!("X-API-Key: {key}\r\n"));
        }
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("writing to a Vec cannot fail, it only grows");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upgrade_asks_for_the_path_with_the_key_shown() {
        let target = Target::events("127.0.0.1:8080".parse().unwrap(), "/ws", Some("secret"));
        let mut out = Vec::new();
        target.write_upgrade(&mut out, "dGhlIHNhbXBsZSBub25jZQ==");
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("GET /ws HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nX-API-Key: secret\r\n")
        );
        assert!(text.ends_with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
        assert!(target.greets());
    }

    #[test]
    fn a_publish_request_gives_the_length_of_its_body() {
        let target = Target::events("[::1]:9".parse().unwrap(), "/echo", None);
        let mut out = Vec::new();
        target.write_publish(&mut out, b"{}");
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("POST /api/v1/events HTTP/1.1\r\nHost: [::1]:9\r\n"));
        assert!(text.ends_with("Content-Length: 2\r\n\r\n{}"));
        assert!(!target.greets());
    }
}
