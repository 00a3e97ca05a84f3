//! What went wrong, in the words of an operator.

use std::fmt;

use crate::wire::resp::Fault;

/// Bytes of the server's own words that are shown.
const WORDS_MAX: usize = 200;

/// Why a connection, or what was asked over it, came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Of what kind.
    pub kind: Kind,
    /// The server's words, cut; or ours, if it has said nothing.
    words: String,
}

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// User and password are not those of the server.
    Password,
    /// The user may not do something that is needed.
    Permission,
    /// It reads what it has from its disk.
    Loading,
    /// It is a replica: it has not been made the primary, or is not any more.
    Replica,
    /// Its memory is full.
    Memory,
    /// It cannot write to its disk.
    Disk,
    /// It has too few replicas.
    Replicas,
    /// It takes no more connections.
    Clients,
    /// A script holds it up.
    Busy,
    /// A key of ours is of another type.
    Type,
    /// It is one of a cluster of Redis.
    Cluster,
    /// There is no such database.
    Database,
    /// It is too old, or no Redis at all.
    Version,
    /// What it sends cannot be read, or was not asked for.
    Protocol,
    /// The script is not known to it; this is mended and never told.
    Script,
    /// Anything else.
    Other,
}

impl Trouble {
    /// What an error of the server means.
    pub fn of(error: &[u8]) -> Trouble {
        let text = String::from_utf8_lossy(error);
        let code = text.split_ascii_whitespace().next().unwrap_or_default();
        let says = |words: &str| text.to_ascii_lowercase().contains(words);
        let kind = match code {
            "WRONGPASS" | "NOAUTH" => Kind::Password,
            "NOPERM" => Kind::Permission,
            "LOADING" => Kind::Loading,
            "READONLY" | "MASTERDOWN" => Kind::Replica,
            "OOM" => Kind::Memory,
            "MISCONF" => Kind::Disk,
            "NOREPLICAS" => Kind::Replicas,
            "BUSY" => Kind::Busy,
            "WRONGTYPE" => Kind::Type,
            "MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT" => Kind::Cluster,
            "NOPROTO" => Kind::Version,
            "NOSCRIPT" => Kind::Script,
            _ if says("db index") => Kind::Database,
            _ if says("max number of clients") => Kind::Clients,
            _ if says("unknown command") && says("hello") => Kind::Version,
            _ => Kind::Other,
        };
        Trouble::new(kind, text)
    }

    /// This, in our own words.
    pub fn new(kind: Kind, words: impl Into<String>) -> Trouble {
        let mut words = words.into();
        if words.len() > WORDS_MAX {
            let end = (0..=WORDS_MAX).rev().find(|at| words.is_char_boundary(*at));
            words.truncate(end.unwrap_or_default());
            words.push('…');
        }
        Trouble { kind, words }
    }

    /// Whether it may pass without an operator.
    pub fn may_pass(&self) -> bool {
        matches!(
            self.kind,
            Kind::Loading | Kind::Replica | Kind::Replicas | Kind::Busy | Kind::Clients
        )
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Trouble {
        Trouble::new(Kind::Protocol, fault.to_string())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self.kind {
            Kind::Password => "the engine does not take the user and password of --engine",
            Kind::Permission => "the user of --engine may not do what is needed (see its ACL)",
            Kind::Loading => "the engine is reading what it has from its disk",
            Kind::Replica => {
                "the engine is a replica and cannot be written: --engine must lead to the primary"
            }
            Kind::Memory => {
                "the engine's memory is full: raise its maxmemory (with maxmemory-policy noeviction)"
            }
            Kind::Disk => "the engine cannot write to its disk",
            Kind::Replicas => "the engine has too few replicas",
            Kind::Clients => "the engine takes no more connections (see its maxclients)",
            Kind::Busy => "a script or module holds the engine up",
            Kind::Type => {
                "a key of the engine is of another type: something else uses the same prefix (--engine-prefix)"
            }
            Kind::Cluster => "the engine is part of a Redis Cluster, which is not supported",
            Kind::Database => "the engine has no database of the number in --engine",
            Kind::Version => "the engine is neither Redis 7 nor Valkey, or something older",
            Kind::Protocol => "the engine sends what was not to be expected",
            Kind::Script => "the engine does not know the script",
            Kind::Other => "the engine refuses what it was asked",
        };
        write!(f, "{meaning}: {}", self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_server_has_a_meaning() {
        let cases = [
            (
                "WRONGPASS invalid username-password pair",
                Kind::Password,
                false,
            ),
            ("NOAUTH HELLO must be called", Kind::Password, false),
            (
                "NOPERM this user has no permissions",
                Kind::Permission,
                false,
            ),
            ("LOADING Redis is loading", Kind::Loading, true),
            ("READONLY You can't write", Kind::Replica, true),
            ("OOM command not allowed", Kind::Memory, false),
            ("MISCONF Redis is configured", Kind::Disk, false),
            ("NOREPLICAS Not enough good replicas", Kind::Replicas, true),
            ("BUSY Redis is busy", Kind::Busy, true),
            ("WRONGTYPE Operation against", Kind::Type, false),
            ("MOVED 1 127.0.0.1:1", Kind::Cluster, false),
            ("NOPROTO unsupported", Kind::Version, false),
            ("ERR unknown command 'HELLO'", Kind::Version, false),
            ("ERR DB index is out of range", Kind::Database, false),
            ("ERR max number of clients reached", Kind::Clients, true),
            ("ERR something", Kind::Other, false),
            ("", Kind::Other, false),
        ];
        for (error, kind, may_pass) in cases {
            let trouble = Trouble::of(error.as_bytes());
            assert_eq!((trouble.kind, trouble.may_pass()), (kind, may_pass));
            assert!(trouble.to_string().ends_with(error), "{trouble}");
        }
    }

    #[test]
    fn what_the_server_says_is_cut() {
        let trouble = Trouble::of("ä".repeat(1000).as_bytes());
        assert!(trouble.to_string().len() < 300, "{trouble}");
        assert!(trouble.to_string().ends_with("ä…"), "{trouble}");
        assert!(Trouble::of(b"\xff\xfe").to_string().ends_with("\u{fffd}"));
    }
}
