//! Who may come in: keys, origins and hosts.
//!
//! Nothing here looks at what a request asks for; the table of routes says what it must show.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use subtle::{Choice, ConstantTimeEq};

use crate::wire::request::Head;
use crate::wire::response::Response;

/// What is shown in the log of a host or an origin is cut here.
const SHOWN_BYTES_MAX: usize = 200;

/// What is needed to decide who may come in.
pub struct Access {
    keys: Vec<String>,
    listener: SocketAddr,
    origins: Vec<String>,
    any_origin: bool,
}

impl Access {
    /// No key at all is open mode. `origins` are `scheme://host[:port]` in lower case, the host perhaps with `*.`
    /// before it; or `*`.
    pub fn new(keys: Vec<String>, origins: Vec<String>, listener: SocketAddr) -> Access {
        let any_origin = origins.iter().any(|origin| origin == "*");
        Access {
            keys,
            listener,
            origins,
            any_origin,
        }
    }

    /// Whether no key is configured, so that every check of one passes.
    pub fn is_open(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether the request shows a key, in any of the places for one, or none is configured. An upgrade may show it as a
    /// subprotocol or in the query, too: a page can set no header.
    pub fn check_key<'a>(&self, head: &Head<'a>, upgrade: bool) -> Result<(), Denied<'a>> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let authorization = head.header("authorization").and_then(bearer);
        let headers = [authorization, head.header("x-api-key")];
        let headers = headers.into_iter().flatten().map(Cow::Borrowed);
        let of_upgrade = || head.shown_bearers().chain(head.literal("api_key"));
        let mut shown = headers.chain(upgrade.then(of_upgrade).into_iter().flatten());
        // A gateway's own token, or a player's, may stand where a key would.
        let mut denied = Denied::NoKey;
        let is_known = shown.any(|text| {
            denied = Denied::WrongKey;
            self.is_key(text.as_bytes())
        });
        is_known.then_some(()).ok_or(denied)
    }

    /// Every key is compared, so that the time tells neither which one came close nor how close.
    fn is_key(&self, shown: &[u8]) -> bool {
        let each = self.keys.iter().map(|key| key.as_bytes().ct_eq(shown));
        let known = each.fold(Choice::from(0), |known, equal| known | equal);
        known.into()
    }

    /// On a loopback listener, whether the request was meant for it: a page that rebinds its own name to 127.0.0.1
    /// still sends that name as the host.
    pub fn check_host<'a>(&self, head: &Head<'a>) -> Result<(), Denied<'a>> {
        if !self.is_on_loopback() || self.any_origin {
            return Ok(());
        }
        let Some(host) = head.host() else {
            return Ok(());
        };
        let lower = String::from_utf8_lossy(host).to_ascii_lowercase();
        let is_allowed = host_name(&lower).is_some_and(|name| {
            let of_origin =
                |origin: &String| origin_host(origin).is_some_and(|host| fits(host, name));
            is_loopback(name) || self.origins.iter().any(of_origin)
        });
        is_allowed.then_some(()).ok_or(Denied::Host(host))
    }

    /// Whether a page of the request's `Origin` may do this; a request without one may.
    pub fn check_origin<'a>(&self, head: &Head<'a>) -> Result<(), Denied<'a>> {
        let mut origins = head.all("origin");
        let Some(origin) = origins.next() else {
            return Ok(());
        };
        let text = std::str::from_utf8(origin).ok();
        let one = text.filter(|_| origins.next().is_none());
        let is_allowed = one.is_some_and(|origin| self.allows_origin(origin));
        is_allowed.then_some(()).ok_or(Denied::Origin(origin))
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
        let plain = without_default_port(&origin);
        let same = |allowed: &String| fits(without_default_port(allowed), plain);
        if self.origins.iter().any(same) {
            return true;
        }
        if !matches!(scheme, "http" | "https") {
            return false;
        }
        if self.is_on_loopback() && is_loopback_name(authority) {
            return true;
        }
        // The listener's own literal address, and never what a Host header says it is.
        let own = format!("http://{}", self.listener);
        !self.listener.ip().is_unspecified() && without_default_port(&own) == plain
    }

    fn is_on_loopback(&self) -> bool {
        self.listener.ip().to_canonical().is_loopback()
    }
}

/// Why a request may not come in; as text it is a line for the log, which has neither keys nor queries in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied<'a> {
    /// Its host is not ours.
    Host(&'a [u8]),
    /// It is a page's, of this origin.
    Origin(&'a [u8]),
    /// It shows no key.
    NoKey,
    /// It shows one, and it is not one of ours.
    WrongKey,
}

impl fmt::Display for Denied<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::Host(host) => write!(
                f,
                "the Host {} is refused, because it is neither loopback nor the host of an allowed origin: --allow-origin would let it in",
                shown(host)
            ),
            Denied::Origin(b"null") => f.write_str(
                "a page without an origin (a file, or a sandbox) is refused: serve it by http, as on localhost",
            ),
            Denied::Origin(origin) => write!(
                f,
                "a page of the origin {} is refused: --allow-origin would let it in",
                shown(origin)
            ),
            Denied::NoKey => f.write_str("a request without a key is refused: see --key"),
            Denied::WrongKey => f.write_str(
                "a key is refused, because it is none of those that --key (ROOMCAST_KEYS) gives",
            ),
        }
    }
}

impl From<Denied<'_>> for Response {
    fn from(denied: Denied<'_>) -> Response {
        match denied {
            Denied::Host(_) => Response::error(
                403,
                "forbidden_host",
                "the Host is neither loopback nor the host of an allowed origin; see --allow-origin",
            ),
            Denied::Origin(b"null") => Response::error(
                403,
                "forbidden_origin",
                "a page from a file or a sandbox has no Origin that could be allowed: serve it by http, as on localhost",
            ),
            Denied::Origin(_) => Response::error(
                403,
                "forbidden_origin",
                "this Origin is not allowed; see --allow-origin",
            ),
            Denied::NoKey => {
                unauthorized("a key is needed: Authorization: Bearer KEY, or X-API-Key: KEY")
            }
            Denied::WrongKey => unauthorized("the key is not one of this server's"),
        }
    }
}

/// What a client sent, fit for the log: escaped, cut, and without what may be a query.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.split(['?', '#']).next().unwrap_or_default();
    format!("{:?}", &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)])
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
    host_name(authority).is_some_and(|name| matches!(name, "localhost" | "127.0.0.1" | "[::1]"))
}

fn is_loopback(name: &str) -> bool {
    let literal = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match literal {
        Some(literal) => literal.parse::<Ipv6Addr>().is_ok_and(|it| it.is_loopback()),
        None => name == "localhost" || name.parse::<Ipv4Addr>().is_ok_and(|it| it.is_loopback()),
    }
}

/// A host without its port; an IPv6 literal keeps its brackets. What has anything else behind it is no host.
fn host_name(authority: &str) -> Option<&str> {
    let name_bytes = match authority.find(']') {
        Some(end) if authority.starts_with('[') => end + 1,
        _ => authority.find(':').unwrap_or(authority.len()),
    };
    let (name, port) = authority.split_at(name_bytes);
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(name)
}

/// The host of an origin that is allowed, which may be `*.site.example`.
fn origin_host(origin: &str) -> Option<&str> {
    let (_, authority) = origin.split_once("://")?;
    host_name(authority)
}

/// Whether a name or an origin is what is allowed: the same, or one or more labels in the place of a star.
fn fits(allowed: &str, given: &str) -> bool {
    let Some((before, behind)) = allowed.split_once('*') else {
        return allowed == given;
    };
    let rest = given.strip_prefix(before);
    let is_label = |label: &str| {
        let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        !label.is_empty() && label.bytes().all(may_stand)
    };
    rest.and_then(|rest| rest.strip_suffix(behind))
        .is_some_and(|labels| labels.split('.').all(is_label))
}

fn without_default_port(origin: &str) -> &str {
    let default = if origin.starts_with("https:") {
        ":443"
    } else {
        ":80"
    };
    origin.strip_suffix(default).unwrap_or(origin)
}
