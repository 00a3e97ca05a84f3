//! Who the client is, behind proxies that are trusted to say so: by `Forwarded` (RFC 7239) or `X-Forwarded-For`.
//!
//! Each proxy adds the address that it was asked from at the right. So the right-most one that is not a trusted proxy's is
//! the client's, and whatever stands before it the client may have made up. If all are trusted, it is the left-most.
//! Where it says no address (`unknown`, `_hidden`, anything else), or the two headers disagree, the peer itself counts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::wire::http::Head;

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

    /// Who asks, if this peer has sent a request with this head.
    pub fn client(&self, peer: IpAddr, head: &Head<'_>) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let elements = |line| split(line, b',');
        let forwarded = self.read(head.all("forwarded").flat_map(elements), forwarded_for);
        let lines = head.all("x-forwarded-for");
        let bare = lines.flat_map(|line| line.split(|&byte| byte == b','));
        let client = match (forwarded, self.read(bare, address)) {
            (Some(one), Some(other)) => one.filter(|_| one == other),
            (one, other) => one.or(other).flatten(),
        };
        client.unwrap_or(peer)
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
    match text
        .strip_prefix(':')
        .map(|port| (port, port.strip_prefix('_')))
    {
        Some((_, Some(hidden))) => !hidden.is_empty() && hidden.bytes().all(is_word),
        Some((port, None)) => {
            (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who asks by these header lines, if the peer is a trusted proxy.
    fn client(lines: &[&str]) -> String {
        client_of("10.0.0.1", lines)
    }

    fn client_of(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|it| it.parse().unwrap());
        let text = format!(
            "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n\r\n",
            lines.join("\r\n")
        );
        let (head, _) = Head::parse(text.as_bytes()).unwrap().unwrap();
        let proxies = Proxies::new(trusted.into());
        proxies.client(peer.parse().unwrap(), &head).to_string()
    }

    /// What an element of `Forwarded` says, or the peer.
    fn element(text: &str) -> String {
        client(&[&format!("Forwarded: {text}")])
    }

    #[test]
    fn the_right_most_address_that_is_no_proxys_is_the_client() {
        for lines in [
            &["X-Forwarded-For: 192.0.2.1"][..],
            &["X-Forwarded-For: 203.0.113.9, 192.0.2.1"],
            &["X-Forwarded-For: 203.0.113.9,192.0.2.1 , 10.2.3.4,10.0.0.9"],
            &[
                "X-Forwarded-For: 203.0.113.9",
                "x-forwarded-for: 192.0.2.1",
                "X-Forwarded-For: 10.0.0.9",
            ],
            &["X-Forwarded-For: unknown, 192.0.2.1,, 10.0.0.9"],
            &["X-Forwarded-For: ::ffff:192.0.2.1"],
            &[
                "Forwarded: for=203.0.113.9, for=192.0.2.1;proto=https;by=_a, For=\"[2001:db8:ffff::1]:80\"",
            ],
            &[
                "Forwarded: for=192.0.2.1",
                "X-Forwarded-For: 192.0.2.1:4000",
            ],
        ] {
            assert_eq!(client(lines), "192.0.2.1", "{lines:?}");
        }
        let all_trusted = ["X-Forwarded-For: 10.7.7.7, 10.0.0.9"];
        assert_eq!(client(&all_trusted), "10.7.7.7");
    }

    #[test]
    fn what_is_no_address_or_disagrees_leaves_the_peer() {
        for lines in [
            &[][..],
            &["X-Forwarded-For: "],
            &["X-Forwarded-For: 192.0.2.1, unknown"],
            &["X-Forwarded-For: 192.0.2.1, 192.0.2.1.evil, 10.0.0.9"],
            &["X-Forwarded-For: 192.0.2.1\u{e9}"],
            &["Forwarded: for=192.0.2.1, proto=https"],
            &["Forwarded: for=192.0.2.1", "X-Forwarded-For: 192.0.2.2"],
            &["Forwarded: for=192.0.2.1", "X-Forwarded-For: unknown"],
        ] {
            assert_eq!(client(lines), "10.0.0.1", "{lines:?}");
        }
    }

    #[test]
    fn nodes_are_as_rfc_7239_has_them() {
        for (text, expected) in [
            ("for=192.0.2.1:8080", "192.0.2.1"),
            ("for=\"192.0.2.1:_http\"", "192.0.2.1"),
            ("for=\"[2001:db8::1]\"", "2001:db8::1"),
            ("FOR=\"[2001:db8::1]:65535\" ; proto=http", "2001:db8::1"),
        ] {
            assert_eq!(element(text), expected, "{text}");
        }
        for text in [
            "for=unknown",
            "for=_hidden",
            "for=\"[2001:db8::1]80\"",
            "for=\"2001:db8::1\"",
            "for=192.0.2.1:",
            "for=192.0.2.1:_",
            "for=192.0.2.1:123456",
            "for=192.0.2.1:+80",
            "for=\"[192.0.2.1]\"",
            "for",
            "for=192.0.2.1;for=192.0.2.2",
            "for=\"192.0.2.1",
            "for=\"192.0.2\\.1\"",
        ] {
            assert_eq!(element(text), "10.0.0.1", "{text}");
        }
    }

    #[test]
    fn a_client_cannot_hide_the_proxys_words_in_a_string() {
        let appended = "for=203.0.113.9;proto=\"x, for=192.0.2.1";
        assert_eq!(element(appended), "10.0.0.1");
        assert_eq!(
            element("for=203.0.113.9;proto=\"x\\\", for=192.0.2.1"),
            "10.0.0.1"
        );
        let line = [
            "Forwarded: for=203.0.113.9;proto=\"x",
            "Forwarded: for=192.0.2.1",
        ];
        assert_eq!(client(&line), "192.0.2.1");
        assert_eq!(
            element("for=\"203.0.113.9\";proto=\"a,;\\\"b\", for=192.0.2.1"),
            "192.0.2.1"
        );
    }

    #[test]
    fn a_peer_that_is_not_trusted_may_say_what_it_likes() {
        let lines = ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1"];
        assert_eq!(client_of("11.0.0.1", &lines), "11.0.0.1");
        assert_eq!(client_of("::ffff:10.0.0.1", &lines), "192.0.2.1");
    }
}
