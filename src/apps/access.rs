//! Who may come in: keys, origins and hosts.
//!
//! Nothing here looks at what a request asks for; the table of routes says what it must show.

use std::net::{IpAddr, SocketAddr};

use subtle::{Choice, ConstantTimeEq};

use crate::wire::http::{Head, Response};

/// What is needed to decide who may come in.
pub struct Access {
    keys: Vec<String>,
    listener: SocketAddr,
    origins: Vec<String>,
    any_origin: bool,
}

impl Access {
    /// No key at all is open mode. `origins` are `scheme://host[:port]` in lower case, or `*`.
    pub fn new(keys: Vec<String>, origins: Vec<String>, listener: SocketAddr) -> Access {
        let any_origin = origins.iter().any(|origin| origin == "*");
        Access {
            keys,
            listener,
            origins,
            any_origin,
        }
    }

    /// Whether the request shows a key, or none is configured. `upgrade` allows it in the query too.
    pub fn check_key(&self, head: &Head<'_>, upgrade: bool) -> Result<(), Response> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let bearer = head
            .header("authorization")
            .and_then(bearer)
            .map(String::from);
        let header = head.header("x-api-key").map(String::from);
        let query = || {
            head.parameter("api_key")
                .filter(|_| upgrade)
                .map(String::from)
        };
        let Some(shown) = bearer.or(header).or_else(query) else {
            let ways = "a key is needed: Authorization: Bearer KEY, or X-API-Key: KEY";
            return Err(unauthorized(ways));
        };
        // Every key is compared, so that the time tells neither which one came close nor how close.
        let each = self
            .keys
            .iter()
            .map(|key| key.as_bytes().ct_eq(shown.as_bytes()));
        let known = each.fold(Choice::from(0), |known, equal| known | equal);
        if known.into() {
            Ok(())
        } else {
            Err(unauthorized("the key is not one of this server's"))
        }
    }

    /// On a loopback listener, whether the request was meant for it: a page that rebinds its own name to 127.0.0.1
    /// still sends that name as the host.
    pub fn check_host(&self, head: &Head<'_>) -> Result<(), Response> {
        if !self.listener.ip().is_loopback() || self.any_origin {
            return Ok(());
        }
        let Some(host) = head.host() else {
            return Ok(());
        };
        let host = String::from_utf8_lossy(host).to_ascii_lowercase();
        let name = host_name(&host);
        let allowed = is_loopback(name)
            || self
                .origins
                .iter()
                .any(|origin| origin_host(origin) == Some(name));
        if allowed {
            return Ok(());
        }
        let message =
            "the Host is neither loopback nor the host of an allowed origin; see --allow-origin";
        Err(Response::error(403, "forbidden_host", message))
    }

    /// Whether a page of the request's `Origin` may do this; a request without one may.
    pub fn check_origin(&self, head: &Head<'_>) -> Result<(), Response> {
        let mut origins = head.all("origin");
        let Some(origin) = origins.next() else {
            return Ok(());
        };
        let origin = std::str::from_utf8(origin)
            .ok()
            .filter(|_| origins.next().is_none());
        if origin.is_some_and(|origin| self.allows_origin(origin)) {
            return Ok(());
        }
        Err(Response::error(
            403,
            "forbidden_origin",
            "this Origin is not allowed; see --allow-origin",
        ))
    }

    /// Whether pages of this origin are allowed, compared whole.
    pub fn allows_origin(&self, origin: &str) -> bool {
        if self.any_origin {
            return true;
        }
        let origin = origin.to_ascii_lowercase();
        let Some((scheme, authority)) = origin.split_once("://") else {
            return false;
        };
        let same =
            |allowed: &String| without_default_port(allowed) == without_default_port(&origin);
        if self.origins.iter().any(same) {
            return true;
        }
        if !matches!(scheme, "http" | "https") {
            return false;
        }
        if self.listener.ip().is_loopback() && is_loopback_name(authority) {
            return true;
        }
        // The listener's own literal address, and never what a Host header says it is.
        let own = format!("http://{}", self.listener);
        !self.listener.ip().is_unspecified()
            && without_default_port(&own) == without_default_port(&origin)
    }
}

/// The 401 that says how to do better.
pub fn unauthorized(message: &str) -> Response {
    Response::error(401, "unauthorized", message)
        .with("WWW-Authenticate", "Bearer realm=\"roomcast\"")
}

/// The token of `Authorization: Bearer TOKEN`.
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// `localhost`, `127.0.0.1` or `[::1]`, with any port or none, and nothing else.
fn is_loopback_name(authority: &str) -> bool {
    let name = host_name(authority);
    let port = &authority[name.len()..];
    let is_port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok());
    is_port && matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

fn is_loopback(name: &str) -> bool {
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || literal
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A host without its port; an IPv6 literal keeps its brackets.
fn host_name(authority: &str) -> &str {
    match authority.find(']') {
        Some(end) if authority.starts_with('[') => &authority[..=end],
        _ => authority
            .rsplit_once(':')
            .map_or(authority, |(name, _)| name),
    }
}

fn origin_host(origin: &str) -> Option<&str> {
    origin
        .split_once("://")
        .map(|(_, authority)| host_name(authority))
}

fn without_default_port(origin: &str) -> &str {
    let default = if origin.starts_with("https:") {
        ":443"
    } else {
        ":80"
    };
    origin.strip_suffix(default).unwrap_or(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(listener: &str, origins: &[&str]) -> Access {
        let origins = origins.iter().map(ToString::to_string).collect();
        Access::new(Vec::new(), origins, listener.parse().unwrap())
    }

    #[test]
    fn a_loopback_listener_allows_loopback_origins_and_no_look_alikes() {
        let access = access("127.0.0.1:8080", &[]);
        for origin in [
            "http://localhost",
            "https://localhost:3000",
            "http://127.0.0.1:1",
            "http://[::1]:8080",
        ] {
            assert!(access.allows_origin(origin), "{origin}");
        }
        for origin in [
            "null",
            "http://localhost.evil.example",
            "http://localhost:80.evil.example",
            "http://evil.example",
            "http://127.0.0.1.evil.example",
            "ftp://localhost",
            "http://localhost@evil.example",
            "http://localhost:99999",
        ] {
            assert!(!access.allows_origin(origin), "{origin}");
        }
    }

    #[test]
    fn a_public_listener_allows_itself_and_what_is_listed() {
        let access = access("192.0.2.1:80", &["https://app.example"]);
        assert!(access.allows_origin("http://192.0.2.1"));
        assert!(access.allows_origin("https://app.example:443"));
        assert!(!access.allows_origin("http://app.example"));
        assert!(!access.allows_origin("http://localhost"));
        assert!(!access.allows_origin("https://app.example:8443"));
    }
}
