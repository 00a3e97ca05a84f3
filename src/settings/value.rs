//! One value: put from text into its place in the settings, and written back as TOML.
//!
//! A [`Slot`] is a place together with what may stand in it, so a row of the table needs no more than one. Nothing
//! here knows a setting's name or where a text came from; whoever calls says that in the error.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;

use crate::bounds::OnFull;
use crate::settings::text::{
    duration, parse_address, parse_count, parse_duration, parse_key, parse_network, parse_on_full,
    parse_origin, parse_size, parse_switch, quote, shown_network, size,
};
use crate::time::Millis;

/// The word for a limit that is none, which a program may write as the number that stands for it.
const ANY: &str = "any";

/// A value as a source gave it.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    /// One text: a flag's value, a variable, or a scalar of the file.
    One(String),
    /// A whole list, which replaces the list below it.
    List(Vec<String>),
    /// More items for the list below it.
    More(Vec<String>),
    /// Another port for the address below it.
    Port(String),
    /// Something of the file that no setting takes, described.
    Odd(&'static str),
}

/// A place for one value, and what may stand in it.
#[derive(Debug)]
pub(super) enum Slot<'a> {
    /// A plain number; where it may be the largest there is, that one is any.
    Count(&'a mut u32, RangeInclusive<u32>),
    /// A plain number up to a largest one; 0 is any.
    Limit(&'a mut u32, u32),
    /// Bytes.
    Size(&'a mut u32, RangeInclusive<u64>),
    /// Bytes up to a largest number of them; 0 is any.
    SizeLimit(&'a mut u32, u32),
    /// Bytes, where four gibibytes may not be enough.
    LongSize(&'a mut u64, RangeInclusive<u64>),
    /// A span of time, its range in milliseconds.
    Span(&'a mut Millis, RangeInclusive<u64>),
    /// On or off.
    Switch(&'a mut bool),
    /// On or off, where *on* turns the place off.
    Inverse(&'a mut bool),
    /// What a full queue does.
    OnFull(&'a mut OnFull),
    /// Where to listen.
    Address(&'a mut SocketAddr),
    /// Origins that browsers may come from.
    Origins(&'a mut Vec<String>),
    /// Addresses and ranges of them.
    Networks(&'a mut Vec<IpNet>),
    /// Keys; never shown.
    Keys(&'a mut Vec<String>),
    /// A secret; never shown.
    Secret(&'a mut Option<String>),
}

/// Why a value was not taken.
#[derive(Debug)]
pub(super) struct Refused {
    /// The offending value for a person to read, unless it may be a secret.
    pub value: Option<String>,
    /// What was expected instead.
    pub expected: String,
}

impl Slot<'_> {
    /// Puts a value in its place, or says what was expected; the place is then as it was.
    pub fn take(&mut self, raw: &Raw) -> Result<(), Refused> {
        let offender = match raw {
            Raw::One(text) => (!self.take_one(text)).then(|| quote(text)),
            Raw::List(items) => self.take_list(items, false),
            Raw::More(items) => self.take_list(items, true),
            Raw::Port(text) => return self.take_port(text),
            Raw::Odd(what) => Some((*what).to_owned()),
        };
        match offender {
            None => Ok(()),
            Some(value) => Err(Refused {
                value: (!self.is_secret()).then_some(value),
                expected: self.expected(),
            }),
        }
    }

    /// Whether the value must not be shown to anybody.
    pub fn is_secret(&self) -> bool {
        matches!(self, Slot::Keys(_) | Slot::Secret(_))
    }

    /// Whether the value is a list.
    pub fn is_list(&self) -> bool {
        matches!(self, Slot::Keys(_) | Slot::Origins(_) | Slot::Networks(_))
    }

    /// Whether the flag may stand alone, meaning *on*.
    pub fn is_bare(&self) -> bool {
        matches!(self, Slot::Inverse(_)) || matches!(self, Slot::Switch(on) if !**on)
    }

    /// The value as TOML. Of a secret it says whether there is one and no more, which is not TOML and goes in a comment.
    pub fn shown(&self) -> String {
        if self.is_any() {
            return quote(ANY);
        }
        match self {
            Slot::Count(n, _) | Slot::Limit(n, _) => n.to_string(),
            Slot::Size(bytes, _) | Slot::SizeLimit(bytes, _) => quote(&size(u64::from(**bytes))),
            Slot::LongSize(bytes, _) => quote(&size(**bytes)),
            Slot::Span(span, _) => quote(&duration(**span)),
            Slot::Switch(on) => on.to_string(),
            Slot::Inverse(on) => (!**on).to_string(),
            Slot::OnFull(OnFull::Drop) => quote("drop"),
            Slot::OnFull(OnFull::Disconnect) => quote("disconnect"),
            Slot::Address(address) => quote(&address.to_string()),
            // Every character that a checked origin may hold stands for itself in a TOML string.
            Slot::Origins(origins) => format!("{origins:?}"),
            Slot::Networks(networks) => {
                let items = networks.iter().map(|it| quote(&shown_network(it)));
                format!("[{}]", items.collect::<Vec<_>>().join(", "))
            }
            Slot::Keys(keys) if keys.is_empty() => "none set".to_owned(),
            Slot::Keys(keys) => format!("{} set, not shown", keys.len()),
            Slot::Secret(None) => "not set".to_owned(),
            Slot::Secret(Some(_)) => "set, not shown".to_owned(),
        }
    }

    /// The value as the help says it.
    pub fn words(&self) -> String {
        match self {
            Slot::Switch(on) if **on => "on".to_owned(),
            Slot::Switch(_) => "off".to_owned(),
            Slot::Inverse(on) if **on => "off".to_owned(),
            Slot::Inverse(_) => "on".to_owned(),
            _ => self.shown().trim_matches('"').to_owned(),
        }
    }

    /// What the place takes, after the word *expected*.
    pub fn expected(&self) -> String {
        let (least, most) = self.range().unwrap_or_default();
        match self {
            Slot::Count(_, range) if *range.end() == u32::MAX => {
                format!("a whole number, {least} or more, or {ANY}")
            }
            Slot::Count(..) => format!("a whole number from {least} to {most}"),
            Slot::Limit(..) => format!("a whole number from {least} to {most}, or {ANY}"),
            Slot::SizeLimit(..) => {
                format!("a size such as 512KiB, 1MiB or plain bytes, from {least} to {most}, or {ANY}")
            }
            Slot::Size(..) | Slot::LongSize(..) => {
                format!("a size such as 512KiB, 1MiB or plain bytes, from {least} to {most}")
            }
            Slot::Span(..) => {
                format!("a duration such as 500ms, 30s or 5m, from {least} to {most}")
            }
            Slot::Switch(_) | Slot::Inverse(_) => {
                "on or off (true or false, yes or no, 1 or 0)".to_owned()
            }
            Slot::OnFull(_) => "drop or disconnect".to_owned(),
            Slot::Address(_) => {
                "an address and a port such as 127.0.0.1:8080, [::1]:8080 or localhost:8080".to_owned()
            }
            Slot::Origins(_) => "a list of origins, each scheme://host or scheme://host:port with nothing after it, the host perhaps as *.host, or *"
                .to_owned(),
            Slot::Networks(_) => {
                "a list of addresses and ranges of them, such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32".to_owned()
            }
            Slot::Keys(_) => {
                "a list of keys, none of them empty or with white space or control characters".to_owned()
            }
            Slot::Secret(_) => "a text that is not empty".to_owned(),
        }
    }

    /// The word for its value in the help.
    pub fn placeholder(&self) -> &'static str {
        match self {
            Slot::Count(..) | Slot::Limit(..) => "N",
            Slot::Size(..) | Slot::SizeLimit(..) | Slot::LongSize(..) => "SIZE",
            Slot::Span(..) => "D",
            Slot::Switch(_) | Slot::Inverse(_) => "on|off",
            Slot::OnFull(_) => "drop|disconnect",
            Slot::Address(_) => "ADDR",
            Slot::Origins(_) => "O",
            Slot::Networks(_) => "CIDR",
            Slot::Keys(_) => "KEY",
            Slot::Secret(_) => "S",
        }
    }

    /// The smallest and largest value as the help says them, where there are such.
    pub fn limits(&self) -> Option<String> {
        let (least, most) = self.range()?;
        Some(match self {
            Slot::Count(_, range) if *range.end() == u32::MAX => {
                format!("{least} or more, or {ANY}")
            }
            Slot::Limit(..) | Slot::SizeLimit(..) => format!("{least} to {most}, or {ANY}"),
            _ => format!("{least} to {most}"),
        })
    }

    fn range(&self) -> Option<(String, String)> {
        Some(match self {
            Slot::Count(_, range) => (range.start().to_string(), range.end().to_string()),
            Slot::Limit(_, most) => ("1".to_owned(), most.to_string()),
            Slot::SizeLimit(_, most) => (size(1), size(u64::from(*most))),
            Slot::Size(_, range) | Slot::LongSize(_, range) => {
                (size(*range.start()), size(*range.end()))
            }
            Slot::Span(_, range) => (
                duration(Millis(*range.start())),
                duration(Millis(*range.end())),
            ),
            _ => return None,
        })
    }

    /// Whether the value is the one that stands for any.
    fn is_any(&self) -> bool {
        match self {
            Slot::Count(n, _) => **n == u32::MAX,
            Slot::Limit(n, _) | Slot::SizeLimit(n, _) => **n == 0,
            _ => false,
        }
    }

    fn take_one(&mut self, text: &str) -> bool {
        match self {
            Slot::Count(place, range) if text == ANY => {
                let any = Some(u32::MAX).filter(|any| range.contains(any));
                any.map(|any| **place = any)
            }
            Slot::Limit(place, _) | Slot::SizeLimit(place, _) if text == ANY => {
                **place = 0;
                Some(())
            }
            Slot::Count(place, range) => within(range, parse_count(text)).map(|n| **place = n),
            Slot::Limit(place, most) => {
                within(&(0..=*most), parse_count(text)).map(|n| **place = n)
            }
            Slot::SizeLimit(place, most) => within(&(0..=u64::from(*most)), parse_size(text))
                .and_then(|bytes| u32::try_from(bytes).ok())
                .map(|bytes| **place = bytes),
            Slot::Size(place, range) => within(range, parse_size(text))
                .and_then(|bytes| u32::try_from(bytes).ok())
                .map(|bytes| **place = bytes),
            Slot::LongSize(place, range) => within(range, parse_size(text)).map(|n| **place = n),
            Slot::Span(place, range) => within(range, parse_duration(text)).map(|ms| place.0 = ms),
            Slot::Switch(place) => parse_switch(text).map(|on| **place = on),
            Slot::Inverse(place) => parse_switch(text).map(|on| **place = !on),
            Slot::OnFull(place) => parse_on_full(text).map(|rule| **place = rule),
            Slot::Address(place) => parse_address(text).map(|address| **place = address),
            Slot::Secret(place) => {
                let secret = (!text.is_empty()).then(|| text.to_owned());
                secret.map(|secret| **place = Some(secret))
            }
            Slot::Origins(_) | Slot::Networks(_) | Slot::Keys(_) => None,
        }
        .is_some()
    }

    /// Takes the items of a list, or gives the first that does not fit, for a person to read.
    fn take_list(&mut self, items: &[String], more: bool) -> Option<String> {
        match self {
            Slot::Origins(place) => take_items(place, parse_origin, items, more),
            Slot::Networks(place) => take_items(place, parse_network, items, more),
            Slot::Keys(place) => take_items(place, parse_key, items, more),
            _ => Some("a list".to_owned()),
        }
    }

    fn take_port(&mut self, text: &str) -> Result<(), Refused> {
        let port = parse_count::<u16>(text);
        if let (Slot::Address(address), Some(port)) = (self, port) {
            address.set_port(port);
            return Ok(());
        }
        Err(Refused {
            value: Some(quote(text)),
            expected: "a port from 0 to 65535".to_owned(),
        })
    }
}

/// Puts items into a list, behind what is in it if these are more; or gives the first that does not fit.
fn take_items<T: Clone + PartialEq>(
    place: &mut Vec<T>,
    parse: fn(&str) -> Option<T>,
    items: &[String],
    more: bool,
) -> Option<String> {
    let mut taken = if more { place.clone() } else { Vec::new() };
    for item in items {
        match parse(item) {
            None => return Some(quote(item)),
            Some(item) if taken.contains(&item) => {}
            Some(item) => taken.push(item),
        }
    }
    *place = taken;
    None
}

/// A value that was read, if it is within the range.
fn within<T: PartialOrd>(range: &RangeInclusive<T>, value: Option<T>) -> Option<T> {
    value.filter(|value| range.contains(value))
}
