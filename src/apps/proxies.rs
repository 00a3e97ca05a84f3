//! Who the client is, behind proxies that are trusted to say so: by `Forwarded` (RFC 7239) or `X-Forwarded-For`.
//!
//! Each proxy adds the address that it was asked from at the right. So the right-most one that is not a trusted proxy's is
//! the client's, and whatever stands before it the client may have made up. If all are trusted, it is the left-most.
//! Where it says no address (`unknown`, `_hidden`, anything else), or the two headers disagree, the peer itself counts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::wire::request::Head;
use crate::work;

/// The proxies that are trusted.
#[derive(Debug, Default)]
pub struct Proxies(Vec<IpNet>);

/// What a header says, where there is one: an address, or none that can be used.
type Said = Option<Option<IpAddr>>;

impl Proxies {
    /// Those of these addresses.
    pub fn new(trusted: Vec<IpNet>) -> Proxies {
        Proxies(trusted)
    }

    /// Who asks, if this peer has sent a request with this head, and what it costs to find that out.
    pub fn client(&self, peer: IpAddr, head: &Head<'_>) -> (IpAddr, u64) {
        if !self.trusts(peer) {
            return (peer, 0);
        }
        let lines = ["forwarded", "x-forwarded-for"].map(|name| head.all(name));
        let bytes = lines.into_iter().flatten().map(<[u8]>::len).sum::<usize>();
        let elements = |line| split(line, b',');
        let forwarded = self.read(head.all("forwarded").flat_map(elements), forwarded_for);
        let lines = head.all("x-forwarded-for");
        let bare = lines.flat_map(|line| line.split(|&byte| byte == b','));
        let client = match (forwarded, self.read(bare, address)) {
            (Some(one), Some(other)) => one.filter(|_| one == other),
            (one, other) => one.or(other).flatten(),
        };
        (client.unwrap_or(peer), bytes as u64 * work::ADDRESSED)
    }

    /// The right-most that is not a trusted proxy's, of a list from left to right; an empty item is none.
    fn read<'a>(
        &self,
        items: impl Iterator<Item = &'a [u8]>,
        address: fn(&str) -> Option<IpAddr>,
    ) -> Said {
        let items = items.map(<[u8]>::trim_ascii).filter(|it| !it.is_empty());
        let hops = items.map(|item| std::str::from_utf8(item).ok().and_then(address));
        hops.fold(None, |said, hop| match hop {
            Some(hop) if said.is_some() && self.trusts(hop) => said,
            hop => Some(hop),
        })
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|trusted| trusted.contains(&address))
    }
}

/// The parts between these bytes, but for those in a quoted string.
fn split(text: &[u8], at: u8) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |&byte| {
        if !std::mem::take(&mut is_escaped) {
            is_escaped = is_quoted && byte == b'\\';
            is_quoted ^= byte == b'"';
        }
        byte == at && !is_quoted
    })
}

/// The address of an element of `Forwarded`; none if anything about the element is odd, because a client may have begun a
/// quoted string in which the proxy's own words stand.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in split(element.as_bytes(), b';') {
        let pair = std::str::from_utf8(pair.trim_ascii()).ok()?;
        if pair.is_empty() {
            continue;
        }
        let (name, value) = pair.split_once('=')?;
        let inner = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let value = inner.unwrap_or(value);
        if value.contains(['"', '\\']) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") && found.replace(node(value)?).is_some() {
            return None;
        }
    }
    found
}

/// An address by itself, which `X-Forwarded-For` may have besides a node.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse().ok().map(|it: IpAddr| it.to_canonical());
    bare.or_else(|| node(text))
}

/// The address of a node (RFC 7239 §6): IPv6 in brackets, and a port or none.
fn node(text: &str) -> Option<IpAddr> {
    let (address, rest): (IpAddr, _) = match text.strip_prefix('[') {
        Some(inner) => {
            let (address, rest) = inner.split_once(']')?;
            (address.parse::<Ipv6Addr>().ok()?.into(), rest)
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            (text[..end].parse::<Ipv4Addr>().ok()?.into(), &text[end..])
        }
    };
    (rest.is_empty() || is_port(rest)).then(|| address.to_canonical())
}

/// A port behind its colon, or a word that hides it.
fn is_port(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let Some(port) = text.strip_prefix(':') else {
        return false;
    };
    match port.strip_prefix('_') {
        Some(hidden) => !hidden.is_empty() && hidden.bytes().all(is_word),
        None => (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()),
    }
}
