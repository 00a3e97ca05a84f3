//! One value: put from text into its place in the settings, and written back as TOML.
//!
//! A [`Slot`] is a place together with what may stand in it, so a row of the table needs no more than one. Nothing
//! here knows a setting's name or where a text came from; the caller says that in the error.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::bounds::{Durability, OnFull};
use crate::settings::text::{
    parse_address, parse_count, parse_data, parse_durability, parse_key, parse_network,
    parse_on_full, parse_origin, parse_switch, quote, shown_network,
};

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

/// Why a value was not taken.
#[derive(Debug)]
pub(super) struct Refused {
    /// The offending value for a person to read, unless it may be a secret.
    pub value: Option<String>,
    /// What was expected instead.
    pub expected: String,
}

/// A place for one value, and what may stand in it.
pub(super) trait Slot {
    /// The value as TOML. Of a secret it says whether there is one and no more, which is not TOML and goes in a comment.
    fn shown(&self) -> String;

    /// What the place takes, after the word *expected*.
    fn expected(&self) -> String;

    /// The word for its value in the help.
    fn placeholder(&self) -> &'static str;

    /// Puts a text in its place, if it fits.
    fn take_one(&mut self, _: &str) -> bool {
        false
    }

    /// Takes the items of a list, or gives the first that does not fit, for a person to read.
    fn take_list(&mut self, _: &[String], _more: bool) -> Option<String> {
        Some("a list".to_owned())
    }

    /// Puts a port into its address, if it has one.
    fn take_port(&mut self, _: u16) -> bool {
        false
    }

    /// The value as the help says it.
    fn words(&self) -> String {
        self.shown().trim_matches('"').to_owned()
    }

    /// The smallest and largest value as the help says them, where there are such.
    fn limits(&self) -> Option<String> {
        None
    }

    /// Whether the value must not be shown to anybody.
    fn is_secret(&self) -> bool {
        false
    }

    /// Whether the value is a list.
    fn is_list(&self) -> bool {
        false
    }

    /// Whether the flag may stand alone, meaning *on*.
    fn is_bare(&self) -> bool {
        false
    }

    /// Whether a second flag is another value, and not the one that counts.
    fn is_repeated(&self) -> bool {
        self.is_list()
    }
}

/// A slot of whatever kind.
pub(super) type AnySlot<'a> = Box<dyn Slot + 'a>;

impl dyn Slot + '_ {
    /// Puts a value in its place, or says what was expected; the place is then as it was.
    pub fn take(&mut self, raw: &Raw) -> Result<(), Refused> {
        let offender = match raw {
            Raw::One(text) => (!self.take_one(text)).then(|| quote(text)),
            Raw::List(items) => self.take_list(items, false),
            Raw::More(items) => self.take_list(items, true),
            Raw::Odd(what) => Some((*what).to_owned()),
            Raw::Port(text) => {
                let is_taken = parse_count(text).is_some_and(|port| self.take_port(port));
                return is_taken.then_some(()).ok_or_else(|| Refused {
                    value: Some(quote(text)),
                    expected: "a port from 0 to 65535".to_owned(),
                });
            }
        };
        match offender {
            None => Ok(()),
            Some(value) => Err(Refused {
                value: (!self.is_secret()).then_some(value),
                expected: self.expected(),
            }),
        }
    }
}

/// On or off, where *on* puts a word in the place.
struct Switch<'a> {
    place: &'a mut bool,
    on: bool,
}

impl Slot for Switch<'_> {
    fn shown(&self) -> String {
        (*self.place == self.on).to_string()
    }

    fn words(&self) -> String {
        let word = if *self.place == self.on { "on" } else { "off" };
        word.to_owned()
    }

    fn expected(&self) -> String {
        "on or off (true or false, yes or no, 1 or 0)".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "on|off"
    }

    fn take_one(&mut self, text: &str) -> bool {
        let on = parse_switch(text);
        on.map(|on| *self.place = on == self.on).is_some()
    }

    fn is_bare(&self) -> bool {
        !self.on || !*self.place
    }
}

/// On or off.
pub(super) fn switch(place: &mut bool) -> AnySlot<'_> {
    Box::new(Switch { place, on: true })
}

/// On or off, where *on* turns the place off.
pub(super) fn inverse(place: &mut bool) -> AnySlot<'_> {
    Box::new(Switch { place, on: false })
}

impl Slot for &mut OnFull {
    fn shown(&self) -> String {
        quote(match self {
            OnFull::Drop => "drop",
            OnFull::Latest => "latest",
            OnFull::Disconnect => "disconnect",
        })
    }

    fn expected(&self) -> String {
        "drop, latest or disconnect".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "drop|latest|disconnect"
    }

    fn take_one(&mut self, text: &str) -> bool {
        parse_on_full(text).map(|rule| **self = rule).is_some()
    }
}

/// How an app's changes are kept.
struct Durable<'a> {
    place: &'a mut Durability,
    /// Whether the app has changes that can be waited for.
    commits: bool,
}

impl Slot for Durable<'_> {
    fn shown(&self) -> String {
        quote(match self.place {
            Durability::Commit => "commit",
            Durability::Lazy => "lazy",
            Durability::None => "none",
        })
    }

    fn expected(&self) -> String {
        match self.commits {
            true => "commit, lazy or none".to_owned(),
            false => "lazy or none, because what this app publishes is in memory until the hub stops in good order".to_owned(),
        }
    }

    fn placeholder(&self) -> &'static str {
        match self.commits {
            true => "commit|lazy|none",
            false => "lazy|none",
        }
    }

    fn take_one(&mut self, text: &str) -> bool {
        let durability = parse_durability(text);
        let durability = durability.filter(|it| self.commits || *it != Durability::Commit);
        durability.map(|it| *self.place = it).is_some()
    }
}

/// How the changes of an app that keeps records are kept.
pub(super) fn durability(place: &mut Durability) -> AnySlot<'_> {
    Box::new(Durable {
        place,
        commits: true,
    })
}

/// How the history of an app that only publishes is kept.
pub(super) fn durability_behind(place: &mut Durability) -> AnySlot<'_> {
    Box::new(Durable {
        place,
        commits: false,
    })
}

/// A file, or none.
impl Slot for &mut Option<PathBuf> {
    fn shown(&self) -> String {
        match self {
            None => quote("off"),
            // A path may hold what Rust and TOML escape in two ways.
            Some(path) => toml::Value::from(&*path.to_string_lossy()).to_string(),
        }
    }

    fn expected(&self) -> String {
        "the path of a file, which may be ./NAME for an odd name, or off".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "PATH|off"
    }

    fn take_one(&mut self, text: &str) -> bool {
        parse_data(text).map(|path| **self = path).is_some()
    }
}

impl Slot for &mut SocketAddr {
    fn shown(&self) -> String {
        quote(&self.to_string())
    }

    fn expected(&self) -> String {
        "an address and a port such as 127.0.0.1:8080, [::1]:8080 or localhost:8080".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "ADDR"
    }

    fn take_one(&mut self, text: &str) -> bool {
        parse_address(text)
            .map(|address| **self = address)
            .is_some()
    }

    fn take_port(&mut self, port: u16) -> bool {
        self.set_port(port);
        true
    }

    // Of two listeners none may vanish without a word.
    fn is_repeated(&self) -> bool {
        true
    }
}

/// A secret; never shown.
impl Slot for &mut Option<String> {
    fn shown(&self) -> String {
        let shown = match self {
            None => "not set",
            Some(_) => "set, not shown",
        };
        shown.to_owned()
    }

    fn expected(&self) -> String {
        "a text that is not empty".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "S"
    }

    fn take_one(&mut self, text: &str) -> bool {
        let secret = (!text.is_empty()).then(|| text.to_owned());
        secret.map(|secret| **self = Some(secret)).is_some()
    }

    fn is_secret(&self) -> bool {
        true
    }
}

/// What a full queue does, where to listen, a file, or a secret.
pub(super) fn one<'a, T>(place: &'a mut T) -> AnySlot<'a>
where
    &'a mut T: Slot,
{
    Box::new(place)
}

/// A list, each item once.
struct List<'a, T> {
    place: &'a mut Vec<T>,
    parse: fn(&str) -> Option<T>,
    show: fn(&[T]) -> String,
    placeholder: &'static str,
    expected: &'static str,
    is_secret: bool,
}

impl<T: Clone + PartialEq> Slot for List<'_, T> {
    fn shown(&self) -> String {
        (self.show)(self.place)
    }

    fn expected(&self) -> String {
        format!("a list of {}", self.expected)
    }

    fn placeholder(&self) -> &'static str {
        self.placeholder
    }

    fn take_list(&mut self, items: &[String], more: bool) -> Option<String> {
        let mut taken = match more {
            true => self.place.clone(),
            false => Vec::new(),
        };
        for item in items {
            match (self.parse)(item) {
                None => return Some(quote(item)),
                Some(item) if taken.contains(&item) => {}
                Some(item) => taken.push(item),
            }
        }
        *self.place = taken;
        None
    }

    fn is_secret(&self) -> bool {
        self.is_secret
    }

    fn is_list(&self) -> bool {
        true
    }
}

/// Origins that browsers may come from.
pub(super) fn origins(place: &mut Vec<String>) -> AnySlot<'_> {
    Box::new(List {
        place,
        parse: parse_origin,
        // Every character that a checked origin may hold stands for itself in a TOML string.
        show: |origins| format!("{origins:?}"),
        placeholder: "O",
        expected: "origins, each scheme://host or scheme://host:port with nothing after it, the host perhaps as *.host, or *",
        is_secret: false,
    })
}

/// Addresses and ranges of them.
pub(super) fn networks(place: &mut Vec<IpNet>) -> AnySlot<'_> {
    Box::new(List {
        place,
        parse: parse_network,
        show: |networks| {
            let items = networks.iter().map(|it| quote(&shown_network(it)));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        },
        placeholder: "CIDR",
        expected: "addresses and ranges of them, such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32",
        is_secret: false,
    })
}

/// Keys; never shown.
pub(super) fn keys(place: &mut Vec<String>) -> AnySlot<'_> {
    Box::new(List {
        place,
        parse: parse_key,
        show: |keys| match keys.len() {
            0 => "none set".to_owned(),
            set => format!("{set} set, not shown"),
        },
        placeholder: "KEY",
        expected: "keys, none of them empty or with white space or control characters",
        is_secret: true,
    })
}
