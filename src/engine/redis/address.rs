//! Where the engine is and who we are to it, as `--engine` says it.
//!
//! `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, `redis+unix://[[USER]:PASSWORD@]/PATH[?db=DATABASE]`; what stands between
//! is percent-encoded. `rediss://` is known and refused.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// The port of a server, if none is named.
const PORT: u16 = 6379;
/// Bytes of an address that are looked at.
const BYTES_MAX: usize = 4096;

/// What `--engine` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where it listens.
    pub place: Place,
    /// Who comes.
    pub login: Login,
}

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A host, by its name or address, without the brackets of IPv6, and a port.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Who comes, and to which database.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// The user; without one it is the server's `default`.
    pub user: Option<String>,
    /// The password, if there is one.
    pub password: Option<String>,
    /// The database.
    pub database: u32,
}

impl Address {
    /// Reads it. What is wrong is said without what might be the password.
    pub fn parse(text: &str) -> Result<Address, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("an address has at most {BYTES_MAX} bytes"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("an address begins with redis://, rediss:// or redis+unix://".to_owned());
        };
        match scheme.to_ascii_lowercase().as_str() {
            "redis" => tcp(rest),
            "redis+unix" | "unix" => unix(rest),
            "rediss" => Err(
                "rediss:// is not served yet: TLS to the engine is still to come; use redis:// over a private network, or redis+unix://"
                    .to_owned(),
            ),
            _ => Err("the scheme is none of redis, rediss and redis+unix".to_owned()),
        }
    }
}

/// `[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`.
fn tcp(text: &str) -> Result<Address, String> {
    let (text, query) = cut(text, '?');
    let (authority, path) = cut(text, '/');
    let (mut login, host) = login(authority)?;
    let (host, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest
                .split_once(']')
                .ok_or("an IPv6 address stands between [ and ]")?;
            let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
            is_address
                .then_some(())
                .ok_or("between [ and ] stands no IPv6 address")?;
            let port = match port {
                "" => None,
                port => Some(port.strip_prefix(':').ok_or("behind ] stands no port")?),
            };
            (host.to_owned(), port)
        }
        None => match host.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("an IPv6 address stands between [ and ]".to_owned());
            }
            Some((host, port)) => (decode(host, "the host")?, Some(port)),
            None => (decode(host, "the host")?, None),
        },
    };
    if host.is_empty() {
        return Err("it names no host".to_owned());
    }
    let port = match port {
        None => PORT,
        Some(port) => match decimal(port).and_then(|port| u16::try_from(port).ok()) {
            None | Some(0) => return Err("the port is no number from 1 to 65535".to_owned()),
            Some(port) => port,
        },
    };
    login.database = database(path.unwrap_or_default(), query)?;
    Ok(Address {
        place: Place::Tcp(host, port),
        login,
    })
}

/// `[[USER]:PASSWORD@]/PATH[?db=DATABASE]`.
fn unix(text: &str) -> Result<Address, String> {
    let (text, query) = cut(text, '?');
    let at = text
        .find('/')
        .ok_or("it names no absolute path, as redis+unix:///run/redis/redis.sock does")?;
    let (authority, path) = text.split_at(at);
    let (mut login, host) = login(authority)?;
    if !host.is_empty() {
        return Err(
            "a Unix socket has no host: write three slashes, redis+unix:///PATH".to_owned(),
        );
    }
    login.database = database("", query)?;
    let path = decode(path, "the path")?;
    if path.contains('\0') {
        return Err("the path has a zero byte in it".to_owned());
    }
    Ok(Address {
        place: Place::Unix(PathBuf::from(path)),
        login,
    })
}

/// Who comes, and what stands behind it.
fn login(authority: &str) -> Result<(Login, &str), String> {
    let Some((who, host)) = authority.rsplit_once('@') else {
        return Ok((Login::default(), authority));
    };
    let (user, password) = cut(who, ':');
    let user = decode(user, "the user")?;
    let password = password
        .map(|password| decode(password, "the password"))
        .transpose()?;
    if password.is_none() {
        return Err(
            "a user needs a password: USER:PASSWORD@, or :PASSWORD@ for the default user"
                .to_owned(),
        );
    }
    let login = Login {
        user: (!user.is_empty()).then_some(user),
        password,
        database: 0,
    };
    Ok((login, host))
}

/// Which database is meant, by the path or by `?db=`.
fn database(path: &str, query: Option<&str>) -> Result<u32, String> {
    let named = match query {
        None | Some("") => None,
        Some(query) => match query.strip_prefix("db=") {
            Some(number) => Some(number),
            None => return Err("behind ? stands something else than db=NUMBER".to_owned()),
        },
    };
    let text = match (path, named) {
        ("", None) => return Ok(0),
        (path, None) => path,
        ("", Some(named)) => named,
        _ => return Err("it names a database twice".to_owned()),
    };
    decimal(text).ok_or_else(|| "the database is no number".to_owned())
}

/// A decimal number without signs.
fn decimal(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

/// What stands before and behind the first of these.
fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
}

/// What is meant by percent signs.
fn decode(text: &str, what: &str) -> Result<String, String> {
    let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = text.as_bytes();
    for (at, _) in text.match_indices('%') {
        if !is_hex(bytes.get(at + 1)) || !is_hex(bytes.get(at + 2)) {
            return Err(format!(
                "in {what} a % stands without two hexadecimal digits; the sign itself is %25"
            ));
        }
    }
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| format!("{what} is no UTF-8"))?;
    Ok(decoded.into_owned())
}

/// Never with the password.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("database", &self.database)
            .finish()
    }
}

/// For the log: where, and nothing of who.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp(host, port) if host.contains(':') => write!(f, "redis://[{host}]:{port}")?,
            Place::Tcp(host, port) => write!(f, "redis://{host}:{port}")?,
            Place::Unix(path) => write!(f, "redis+unix://{}", path.display())?,
        }
        match self.login.database {
            0 => Ok(()),
            database => write!(f, " (database {database})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> (Place, Option<String>, Option<String>, u32) {
        let Address { place, login } = Address::parse(text).unwrap();
        (place, login.user, login.password, login.database)
    }

    fn tcp(host: &str, port: u16) -> Place {
        Place::Tcp(host.to_owned(), port)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn an_address_is_read() {
        let plain = |place| (place, None, None, 0);
        assert_eq!(address("redis://host"), plain(tcp("host", 6379)));
        assert_eq!(address("REDIS://host:1/"), plain(tcp("host", 1)));
        assert_eq!(
            address("redis://[::1]:6380/15"),
            (tcp("::1", 6380), None, None, 15)
        );
        assert_eq!(address("redis://[::1]"), plain(tcp("::1", 6379)));
        assert_eq!(
            address("redis://me:a%40b%2F%3ac@host/3"),
            (tcp("host", 6379), some("me"), some("a@b/:c"), 3)
        );
        assert_eq!(
            address("redis://:pass@host?db=4"),
            (tcp("host", 6379), None, some("pass"), 4)
        );
        let socket = Place::Unix(PathBuf::from("/run/a b.sock"));
        assert_eq!(
            address("redis+unix:///run/a%20b.sock"),
            plain(socket.clone())
        );
        assert_eq!(
            address("redis+unix://me:p%25@/run/a%20b.sock?db=2"),
            (socket, some("me"), some("p%"), 2)
        );
    }

    #[test]
    fn what_is_wrong_is_said_and_the_password_is_not() {
        let cases = [
            ("", "an address begins with"),
            ("host:6379", "an address begins with"),
            ("http://host", "the scheme is none of"),
            ("rediss://me:secret@host", "rediss:// is not served yet"),
            ("redis://", "names no host"),
            ("redis://me:secret@:1", "names no host"),
            ("redis://me:secret@host:0", "the port is no number"),
            ("redis://me:secret@host:65536", "the port is no number"),
            ("redis://me:secret@host:+1", "the port is no number"),
            ("redis://me:secret@host:", "the port is no number"),
            ("redis://::1", "between [ and ]"),
            ("redis://[::1", "between [ and ]"),
            ("redis://[secret]", "no IPv6 address"),
            ("redis://[::1]6379", "behind ] stands no port"),
            ("redis://host/x", "the database is no number"),
            ("redis://host/-1", "the database is no number"),
            ("redis://host/1/2", "the database is no number"),
            ("redis://host/1?db=2", "names a database twice"),
            ("redis://host?timeout=2", "something else than db=NUMBER"),
            ("redis://secret@host", "a user needs a password"),
            ("redis://me:secret%@host", "in the password a %"),
            ("redis://me:secret%2@host", "in the password a %"),
            ("redis://me:secret%ff@host", "the password is no UTF-8"),
            ("redis+unix://me:secret@run/sock", "has no host"),
            ("redis+unix://run/sock", "has no host"),
            ("redis+unix://sock", "no absolute path"),
            ("redis+unix:///a%00b", "a zero byte"),
        ];
        for (text, expected) in cases {
            let wrong = Address::parse(text).unwrap_err();
            assert!(wrong.contains(expected), "{text}: {wrong}");
            assert!(!wrong.contains("secret"), "{text}: {wrong}");
        }
        let long = format!("redis://{}", "a".repeat(5000));
        assert!(Address::parse(&long).is_err());
    }

    #[test]
    fn a_password_is_never_shown() {
        let address = Address::parse("redis://me:secret@[::1]/7").unwrap();
        assert_eq!(address.to_string(), "redis://[::1]:6379 (database 7)");
        let debug = format!("{address:?}");
        assert!(debug.contains("\"me\"") && !debug.contains("secret"));
    }
}
