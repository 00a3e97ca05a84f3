//! How values are written: sizes, durations, switches, addresses, keys and origins, from text and back.
//!
//! Each parser takes exactly what the help promises, and gives `None` for everything else: the sentence about it is made
//! by those who know which setting it was. No crate reads sizes so strictly: those at hand take `1k` for a thousand
//! and `1e` for an exabyte, round what they print, and saturate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;

use crate::bounds::{Durability, OnFull};
use crate::time::Millis;

/// The sizes that have a name, largest first.
const UNITS: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// A text in quotes, its control characters escaped.
pub(super) fn quote(text: &str) -> String {
    format!("{text:?}")
}

/// Digits and nothing else: no sign, no separator, no fraction.
pub(super) fn parse_count<T: FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Digits, and a unit of [`UNITS`] in any case, or none for bytes.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" => 1,
        _ => {
            UNITS
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(unit))?
                .1
        }
    };
    parse_count::<u64>(number)?.checked_mul(factor)
}

/// A size in the largest unit that gives a whole number.
pub(super) fn size(bytes: u64) -> String {
    let fits = |factor: u64| bytes >= factor && bytes.is_multiple_of(factor);
    let found = UNITS.iter().find(|(_, factor)| fits(*factor));
    let (name, factor) = found.copied().unwrap_or(("B", 1));
    format!("{}{name}", bytes / factor)
}

/// Milliseconds, if they are whole.
pub(super) fn parse_duration(text: &str) -> Option<u64> {
    let span = humantime::parse_duration(text).ok()?;
    let whole = span.subsec_nanos().is_multiple_of(1_000_000);
    whole
        .then(|| u64::try_from(span.as_millis()).ok())
        .flatten()
}

/// A duration as the defaults are written: hours, seconds or milliseconds, the largest that gives a whole number.
pub(super) fn duration(span: Millis) -> String {
    match span.0 {
        ms if ms >= 3_600_000 && ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        ms if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}

pub(super) fn parse_switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn parse_on_full(text: &str) -> Option<OnFull> {
    match text {
        "drop" => Some(OnFull::Drop),
        "latest" => Some(OnFull::Latest),
        "disconnect" => Some(OnFull::Disconnect),
        _ => None,
    }
}

pub(super) fn parse_durability(text: &str) -> Option<Durability> {
    match text {
        "commit" => Some(Durability::Commit),
        "lazy" => Some(Durability::Lazy),
        "none" => Some(Durability::None),
        _ => None,
    }
}

/// The path of a file, or none for what says *off*. What says *on* is no file's name, as somebody meant a switch; nor is
/// what SQLite takes for a store in memory or an address.
pub(super) fn parse_data(text: &str) -> Option<Option<PathBuf>> {
    match parse_switch(text) {
        Some(false) => return Some(None),
        Some(true) => return None,
        None => {}
    }
    let path = Path::new(text);
    let is_folder = text.ends_with('/') || path.file_name().is_none();
    let is_odd = text.trim().is_empty()
        || text.contains(char::is_control)
        || [":", "file:"].iter().any(|start| text.starts_with(start));
    (!is_folder && !is_odd).then(|| Some(path.to_owned()))
}

pub(super) fn parse_address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some((IpAddr::V4(Ipv4Addr::LOCALHOST), parse_count(port)?).into()),
        None => text.parse().ok(),
    }
}

pub(super) fn parse_key(text: &str) -> Option<String> {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    (!text.is_empty() && !text.contains(odd)).then(|| text.to_owned())
}

/// A range of addresses, or one; of a range only what all of it has in common.
pub(super) fn parse_network(text: &str) -> Option<IpNet> {
    let network = text
        .parse()
        .map(|network: IpNet| canonical(network.trunc()));
    let address = || {
        text.parse()
            .map(|address: IpAddr| address.to_canonical().into())
    };
    network.or_else(|_| address()).ok()
}

/// The same range of IPv4, where it is one that IPv6 has as `::ffff:0:0/96`.
fn canonical(network: IpNet) -> IpNet {
    let of_ipv4 = || {
        let address = network.addr().to_canonical();
        let length = network.prefix_len().checked_sub(96)?;
        IpNet::new(address, length)
            .ok()
            .filter(|_| address.is_ipv4())
    };
    match network {
        IpNet::V4(_) => network,
        IpNet::V6(_) => of_ipv4().unwrap_or(network),
    }
}

/// A range as it is written, one address without its length.
pub(super) fn shown_network(network: &IpNet) -> String {
    match network.prefix_len() == network.max_prefix_len() {
        true => network.addr().to_string(),
        false => network.to_string(),
    }
}

/// An origin as a browser writes it: lower case, no default port, nothing behind it.
pub(super) fn parse_origin(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let lower = text.to_ascii_lowercase();
    let (scheme, authority) = lower.split_once("://")?;
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(parse_count::<u16>(port)?)),
        _ => (authority, None),
    };
    let host = parse_host(host).filter(|_| scheme_fits)?;
    Some(match (scheme, port) {
        (_, Some(0)) => return None,
        (_, None) | ("http", Some(80)) | ("https", Some(443)) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
    })
}

/// A host, of which the first labels may be any.
fn parse_host(host: &str) -> Option<String> {
    if let Some(behind) = host.strip_prefix("*.") {
        let fits = !behind.starts_with(['.', '[', '*']);
        return parse_host(behind)
            .filter(|_| fits)
            .map(|it| format!("*.{it}"));
    }
    if let Some(inner) = host.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"-._".contains(&c);
    (!host.is_empty() && host.bytes().all(fits)).then(|| host.to_owned())
}
