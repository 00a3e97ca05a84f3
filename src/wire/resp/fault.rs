//! What a server can get wrong in RESP3. After any of these nothing that it says can be told apart any more.

use std::fmt;

/// A server's fault, or a reply that is more than is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A value begins with a byte that begins none.
    Type(u8),
    /// The reply is not RESP3; the text says what was expected.
    Form(&'static str),
    /// A value of more bytes than are taken, which are given.
    TooLong(usize),
    /// A value of more elements than are taken, which are given.
    TooMany(usize),
    /// A value with more aggregates in one another than are taken, which are given.
    TooDeep(usize),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Fault::Type(byte) => write!(
                f,
                "the server's reply is not RESP3: no value begins with {:?}",
                char::from(byte)
            ),
            Fault::Form(what) => write!(f, "the server's reply is not RESP3: {what}"),
            Fault::TooLong(max) => write!(f, "the server's reply is over {max} bytes"),
            Fault::TooMany(max) => write!(f, "the server's reply has over {max} elements"),
            Fault::TooDeep(max) => write!(
                f,
                "the server's reply has over {max} aggregates in one another"
            ),
        }
    }
}

impl std::error::Error for Fault {}
