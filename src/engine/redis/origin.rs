//! Who has written an entry: one life of a hub, and a number of that one's own.

use std::fmt;

/// One life of a hub. It may write once it is known to the app's meta, and until it has been forgotten there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// Its name.
    pub hub: String,
    /// Drawn anew each time it joins.
    pub generation: u64,
}

/// Who has written an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The hub.
    pub origin: Origin,
    /// Its number for it, which rises.
    pub serial: u64,
}

impl Origin {
    /// This life of the hub of this name.
    pub fn new(hub: impl Into<String>, generation: u64) -> Origin {
        Origin {
            hub: hub.into(),
            generation,
        }
    }

    /// As it is written.
    pub fn parse(text: &str) -> Option<Origin> {
        let (hub, generation) = text.rsplit_once('/')?;
        Some(Origin::new(hub, generation.parse().ok()?))
    }
}

impl Author {
    /// As it is written.
    pub fn parse(text: &str) -> Option<Author> {
        let (origin, serial) = text.rsplit_once('/')?;
        Some(Author {
            origin: Origin::parse(origin)?,
            serial: serial.parse().ok()?,
        })
    }
}

/// `HUB/GENERATION`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.hub, self.generation)
    }
}

/// `HUB/GENERATION/SERIAL`.
impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.origin, self.serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_read_as_it_is_written() {
        let author = Author {
            origin: Origin::new("a/b c", u64::MAX),
            serial: 7,
        };
        assert_eq!(author.to_string(), "a/b c/18446744073709551615/7");
        assert_eq!(Author::parse(&author.to_string()), Some(author));
        for text in ["", "a", "a/1", "a/b/1", "a/1/b", "a/-1/1"] {
            assert_eq!(Author::parse(text), None, "{text}");
        }
    }
}
