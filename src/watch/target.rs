//! What is watched: from a URL to an address, a path and an app.
//!
//! Its query may hold a key and is never shown, nor is any part of a URL that cannot be read.

use std::fmt;

use tungstenite::http::Uri;
use tungstenite::http::uri::{Authority, InvalidUri, Scheme};

use super::dialect::Dialect;

const EXPECTED: &str = "expected ws://HOST:PORT/PATH";
/// What to do where TLS is spoken.
pub(super) const WITHOUT_TLS: &str = "TLS is not built in: give ws:// and the address at which the hub itself listens, \
     behind its proxy, or that of a program beside you that speaks TLS for you, such as stunnel";

/// A URL that a session can be opened to.
#[derive(Clone)]
pub(super) struct Target {
    /// What to ask for.
    pub uri: Uri,
    /// The app.
    pub dialect: Dialect,
    host: String,
    port: u16,
}

impl Target {
    /// Reads `ws://host:port/path`, `http://…`, which is taken for the same, or `host:port/path`.
    pub fn parse(text: &str) -> Result<Target, String> {
        let text = text.trim();
        let whole = match text.contains("://") {
            true => text.to_owned(),
            false => format!("ws://{text}"),
        };
        let uri: Uri = whole
            .parse()
            .map_err(|error: InvalidUri| format!("the URL cannot be read ({error}): {EXPECTED}"))?;
        check_scheme(uri.scheme())?;
        let authority = uri
            .authority()
            .ok_or_else(|| format!("the URL names no host: {EXPECTED}"))?;
        let (host, port) = check_authority(authority)?;
        if matches!(uri.path(), "" | "/") {
            return Err(
                "the URL has no path, and each app has its own: /ws (events), /api/v1/tasks/ws (tasks), /v1/stream \
                 (stream), /api/v1/sessions/ID/ws (a session), /ws/rooms/CODE (a room)"
                    .to_owned(),
            );
        }
        let dialect = Dialect::at(uri.path());
        let mut parts = uri.into_parts();
        parts.scheme = "ws".parse().ok();
        let uri = Uri::from_parts(parts).map_err(|error| format!("{error}: {EXPECTED}"))?;
        Ok(Target {
            uri,
            host,
            port,
            dialect,
        })
    }

    /// Where to connect to, a name or a literal address.
    pub fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Whether the query gives a value for this name.
    pub fn has_parameter(&self, name: &str) -> bool {
        let query = self.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).any(|(given, _)| given == name)
    }

    /// Takes the values for this name out of the query; the first of them.
    pub fn take_parameter(&mut self, name: &str) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        let mut taken = None;
        let mut rest = Vec::new();
        for part in query.split('&') {
            match form_urlencoded::parse(part.as_bytes()).next() {
                Some((given, value)) if given == name => {
                    taken.get_or_insert(value.into_owned());
                }
                _ => rest.push(part),
            }
        }
        if taken.is_some() {
            self.uri = with_query(&self.uri, &rest.join("&"));
        }
        taken
    }

    /// What to ask for, with this value in the query.
    pub fn uri_with(&self, name: &str, value: &str) -> Uri {
        let mut pair = form_urlencoded::Serializer::new(String::new());
        let pair = pair.append_pair(name, value).finish();
        let query = match self.uri.query().filter(|query| !query.is_empty()) {
            Some(query) => format!("{query}&{pair}"),
            None => pair,
        };
        with_query(&self.uri, &query)
    }
}

/// The URL as it may be shown: without its query.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.uri.authority().map_or("", Authority::as_str);
        write!(f, "ws://{authority}{}", self.uri.path())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The same with another query, which has been part of a URL or was encoded for one.
fn with_query(uri: &Uri, query: &str) -> Uri {
    let mut parts = uri.clone().into_parts();
    let path = uri.path();
    let whole = match query {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    };
    parts.path_and_query = whole.parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

fn check_scheme(scheme: Option<&Scheme>) -> Result<(), String> {
    let scheme = scheme.map_or("", Scheme::as_str);
    match scheme.to_ascii_lowercase().as_str() {
        "ws" | "http" => Ok(()),
        "wss" | "https" => Err(format!("{scheme}:// cannot be watched, as {WITHOUT_TLS}")),
        _ => Err(format!("the scheme {scheme:?} is not known: {EXPECTED}")),
    }
}

/// The host without brackets, and the port.
pub(crate) fn check_authority(authority: &Authority) -> Result<(String, u16), String> {
    if authority.as_str().contains('@') {
        return Err(
            "the URL holds a user name, which no app takes: give a key with --key or ROOMCAST_KEY"
                .to_owned(),
        );
    }
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let behind = authority.as_str().get(host.len()..).unwrap_or_default();
    let port = match behind.strip_prefix(':') {
        None => Some(80),
        Some(port) => port.parse().ok().filter(|port| *port != 0),
    };
    let port = port.ok_or_else(|| "the URL's port is not a number from 1 to 65535".to_owned())?;
    if host.is_empty() {
        return Err(format!("the URL names no host: {EXPECTED}"));
    }
    Ok((bare.unwrap_or(host).to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_with_or_without_its_scheme() {
        for text in [
            "ws://localhost:8080/ws",
            "WS://localhost:8080/ws",
            "http://localhost:8080/ws",
            "localhost:8080/ws",
            " localhost:8080/ws ",
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!(target.address(), ("localhost", 8080), "{text}");
            assert_eq!(target.uri.to_string(), "ws://localhost:8080/ws");
        }
        let target = Target::parse("[::1]:9/ws").unwrap();
        assert_eq!(target.address(), ("::1", 9));
        let target = Target::parse("hub.example/v1/stream").unwrap();
        assert_eq!(target.address(), ("hub.example", 80));
        assert_eq!(target.dialect, Dialect::Stream);
    }

    #[test]
    fn the_query_is_sent_and_not_shown() {
        let target = Target::parse("ws://h:1/ws?api_key=abc&version=1.0").unwrap();
        assert_eq!(target.to_string(), "ws://h:1/ws");
        assert_eq!(target.uri.query(), Some("api_key=abc&version=1.0"));
        assert!(target.has_parameter("version") && !target.has_parameter("key"));
    }

    #[test]
    fn a_parameter_is_taken_out_and_another_put_in() {
        let mut target = Target::parse("h/ws?a=1&since=x%2B1&b").unwrap();
        assert_eq!(target.take_parameter("since").as_deref(), Some("x+1"));
        assert_eq!(target.uri.query(), Some("a=1&b"));
        assert_eq!(target.take_parameter("since"), None);
        let uri = target.uri_with("since", "y &1");
        assert_eq!(uri.query(), Some("a=1&b&since=y+%261"));
        let mut target = Target::parse("h/ws?since=x").unwrap();
        target.take_parameter("since");
        assert_eq!(
            target.uri_with("since", "1").to_string(),
            "ws://h/ws?since=1"
        );
        assert_eq!(target.uri.to_string(), "ws://h/ws");
    }

    #[test]
    fn a_url_without_a_path_is_told_the_paths() {
        for text in [
            "h:1",
            "ws://h:1",
            "http://h:1/",
            "ws://h:1?x",
            "127.0.0.1:8080",
        ] {
            let error = Target::parse(text).unwrap_err();
            assert!(
                error.contains("/ws (events)") && error.contains("/v1/stream"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn tls_is_refused_with_a_way_out() {
        for text in ["wss://h/ws", "https://h/ws"] {
            let error = Target::parse(text).unwrap_err();
            assert!(
                error.contains("TLS") && error.contains("give ws://") && error.contains("stunnel"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_repeated() {
        for text in [
            "",
            "/ws",
            ":8080/ws",
            "ws://h:99999/ws",
            "ws://h:0/ws",
            "ws://h:/ws",
            "ws://h:x/ws",
            "ftp://h/ws?secret",
            "ws://user:secret@h/ws",
            "ws://secret @h/ws",
            "secret/ws://x y",
        ] {
            let error = Target::parse(text).unwrap_err();
            assert!(!error.contains("secret"), "{text}: {error}");
        }
    }
}
