//! RESP3, the protocol of Redis and Valkey (the specification is `protocol-spec` in Redis's documentation): what a client
//! writes, which is commands, and what it reads, which is values.
//!
//! A [`Scanner`] finds where the next value ends, and looks at each byte once, however the stream is cut; what it has found
//! whole is built in one go, of slices of the bytes that were read. So nothing is allocated for what is only announced, and
//! the server is held to [`Bounds`] as soon as it announces more.
//!
//! Attributes are read and dropped. Streamed strings and aggregates are refused, which no server has ever sent. What a
//! reply answers, and which value is a reply at all, is not known here.

mod command;
mod fault;
mod head;
mod number;
mod reader;
mod scanner;
mod value;

pub use command::{begin, command, number, part};
pub use fault::Fault;
pub use scanner::{Bounds, Scanner};
pub use value::{Pairs, Value};

/// Reads the value at the front of `bytes`, and says how long it is; `None` while it is not whole. Where a large value comes
/// piece by piece, a [`Scanner`] remembers how far it was.
pub fn read<'a>(bytes: &'a [u8], bounds: &Bounds) -> Result<Option<(Value<'a>, usize)>, Fault> {
    Scanner::new(*bounds).read(bytes)
}
