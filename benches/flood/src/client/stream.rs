//! A stream of events (HTML Living Standard §9.2) from the client's side, block by block.
//!
//! A block is borrowed from the read buffer and never copied. A message on several lines of `data` and line ends other than
//! `\n` are faults here, although the standard has them: the servers under test send none of them. What a block says as
//! its `id` must be the position that its message says last, or a client that goes by the one would not get what one
//! gets that goes by the other.

use memchr::memchr;
use serde_json::Value;

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block<'a> {
    /// A message, still in the read buffer.
    Message(&'a [u8]),
    /// The server ends the stream with this code.
    Close(u16),
    /// A comment, a position or a time to wait: nothing that a client of ours does anything about.
    Aside,
}

/// What a server did wrong in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A field that the standard does not have, or a value that cannot be its.
    #[error("unknown field")]
    Field,
    /// A message on several lines.
    #[error("message in lines")]
    Lines,
    /// The block's `id` is not its message's position.
    #[error("id is not the position")]
    Id,
    /// An event of a type that is none of ours.
    #[error("unknown event")]
    Event,
    /// More bytes than the read buffer can hold.
    #[error("block too long for this run")]
    TooLong,
}

/// What the lines of a block say.
#[derive(Default)]
struct Fields<'a> {
    id: Option<&'a [u8]>,
    event: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
}

/// The first block of `bytes` and how many bytes it takes, or `None` while it is not complete. More than `bytes_max`
/// bytes that are not are a fault.
#[inline]
pub fn parse(bytes: &[u8], bytes_max: usize) -> Result<Option<(Block<'_>, usize)>, Fault> {
    let (mut fields, mut at) = (Fields::default(), 0);
    while let Some(length) = memchr(b'\n', &bytes[at..]) {
        let line = &bytes[at..at + length];
        at += length + 1;
        if line.is_empty() {
            return Ok(Some((fields.block()?, at)));
        }
        fields.take(line)?;
    }
    match bytes.len() <= bytes_max {
        true => Ok(None),
        false => Err(Fault::TooLong),
    }
}

impl<'a> Fields<'a> {
    #[inline]
    fn take(&mut self, line: &'a [u8]) -> Result<(), Fault> {
        if let Some(data) = line.strip_prefix(b"data: ") {
            return match self.data.replace(data) {
                None => Ok(()),
                Some(_) => Err(Fault::Lines),
            };
        }
        if let Some(id) = line.strip_prefix(b"id: ") {
            self.id = Some(id);
        } else if let Some(event) = line.strip_prefix(b"event: ") {
            self.event = Some(event);
        } else if !line.starts_with(b":") {
            let retry = line.strip_prefix(b"retry: ").ok_or(Fault::Field)?;
            if !retry.iter().all(u8::is_ascii_digit) {
                return Err(Fault::Field);
            }
        }
        Ok(())
    }

    #[inline]
    fn block(self) -> Result<Block<'a>, Fault> {
        match (self.event, self.data) {
            (None, None) => Ok(Block::Aside),
            (None, Some(data)) => match self.id.is_none_or(|id| ends_with(data, id)) {
                true => Ok(Block::Message(data)),
                false => Err(Fault::Id),
            },
            (Some(b"close"), Some(data)) => {
                let said: Option<Value> = serde_json::from_slice(data).ok();
                let code = said.and_then(|said| said["code"].as_u64());
                let code = code.and_then(|code| u16::try_from(code).ok());
                code.map(Block::Close).ok_or(Fault::Event)
            }
            (Some(_), _) => Err(Fault::Event),
        }
    }
}

/// Whether `id` is the position that a message says last.
fn ends_with(data: &[u8], id: &[u8]) -> bool {
    let rest = data.strip_suffix(b"\"}");
    let rest = rest.and_then(|rest| rest.strip_suffix(id));
    rest.is_some_and(|rest| rest.ends_with(b"\"position\":\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "{\"type\":\"a\",\"position\":\"000000ff-9\"}";

    fn one(text: &str) -> Result<Block<'_>, Fault> {
        let parsed = parse(text.as_bytes(), 1000)?;
        let (block, used) = parsed.expect("the block is whole");
        assert_eq!(used, text.len());
        Ok(block)
    }

    #[test]
    fn a_block_cut_at_every_byte_is_incomplete_until_it_is_whole() {
        let block = format!("id: 000000ff-9\ndata: {MESSAGE}\n\n");
        for cut in 0..block.len() {
            assert_eq!(parse(&block.as_bytes()[..cut], 1000), Ok(None), "at {cut}");
        }
        let two = format!("{block}:\n\n");
        let (first, used) = parse(two.as_bytes(), 1000).unwrap().unwrap();
        assert_eq!(first, Block::Message(MESSAGE.as_bytes()));
        assert_eq!(used, block.len());
    }

    #[test]
    fn comments_positions_and_times_to_wait_are_asides() {
        for text in [":\n\n", "id: 000000ff-9\n\n", "retry: 1500\n\n", "\n"] {
            assert_eq!(one(text), Ok(Block::Aside), "{text:?}");
        }
    }

    #[test]
    fn a_message_without_a_position_has_no_id() {
        assert_eq!(one("data: {\"a\":1}\n\n"), Ok(Block::Message(b"{\"a\":1}")));
    }

    #[test]
    fn the_last_event_is_a_close_with_a_code() {
        let close = "event: close\ndata: {\"code\":1001,\"reason\":\"\"}\n\n";
        assert_eq!(one(close), Ok(Block::Close(1001)));
    }

    #[test]
    fn what_no_server_of_ours_sends_is_a_fault() {
        let id = format!("id: 000000ff-8\ndata: {MESSAGE}\n\n");
        for (text, fault) in [
            (&id[..], Fault::Id),
            ("id: 000000ff-8\ndata: {\"a\":1}\n\n", Fault::Id),
            ("data: a\ndata: b\n\n", Fault::Lines),
            ("data:a\n\n", Fault::Field),
            ("retry: soon\n\n", Fault::Field),
            ("event: open\ndata: {}\n\n", Fault::Event),
            ("event: close\ndata: {}\n\n", Fault::Event),
        ] {
            assert_eq!(one(text), Err(fault), "{text:?}");
        }
        assert_eq!(parse(&[b'x'; 11], 10), Err(Fault::TooLong));
    }
}
