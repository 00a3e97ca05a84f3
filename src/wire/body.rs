//! A request body that did not come with its head: collected piece by piece, by length or by chunks (RFC 9112 §6, §7).
//!
//! Memory follows what has arrived, never what a length announces; the announced length is checked against the limit
//! before a byte is kept.

use super::buffer::Buffer;
use super::fault::Fault;
use super::growth::{self, Rest};
use super::request::{Framing, HEADERS_BYTES_MAX, has_bare_line_feed};
use crate::work;

/// The longest line that gives a chunk's size, extensions included.
const CHUNK_LINE_BYTES_MAX: usize = 256;

/// A head and as much of its body as has come.
pub struct Body {
    bytes: Vec<u8>,
    head_bytes: usize,
    body_bytes_max: u32,
    state: State,
}

/// How much was taken of what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All, and the body is whole.
    Whole,
    /// All, and more is needed.
    Part,
    /// As much as may be at once.
    Slice,
}

/// What comes next.
#[derive(Clone, Copy)]
enum State {
    /// So many more bytes, and then the end.
    Fixed(u64),
    /// A line with a chunk's size.
    Size,
    /// So many more bytes of a chunk.
    Chunk(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    /// Trailers up to an empty line, all of them ignored.
    Trailers,
    /// Nothing: the body is whole.
    Whole,
}

impl Body {
    /// Begins the body of the request with this head.
    pub fn new(head: &[u8], framing: Framing, body_bytes_max: u32) -> Result<Body, Fault> {
        let state = match framing {
            Framing::Length(0) => State::Whole,
            Framing::Length(bytes) if bytes > u64::from(body_bytes_max) => {
                return Err(Fault::BodyTooLarge(body_bytes_max));
            }
            Framing::Length(bytes) => State::Fixed(bytes),
            Framing::Chunked => State::Size,
        };
        Ok(Body {
            bytes: head.to_vec(),
            head_bytes: head.len(),
            body_bytes_max,
            state,
        })
    }

    /// A head and its body that have come, as [`Body::into_parts`] gave them.
    pub fn whole(bytes: Vec<u8>, head_bytes: usize) -> Body {
        Body {
            bytes,
            head_bytes,
            body_bytes_max: 0,
            state: State::Whole,
        }
    }

    /// Takes what the buffer has of it, until the buffer's cost has come to `stops_at`. Chunks may be of one byte, so that
    /// many of them come with one read.
    pub fn take(&mut self, buffer: &Buffer, stops_at: u64) -> Result<Taken, Fault> {
        loop {
            let unread = buffer.unread();
            self.state = match self.state {
                State::Whole => return Ok(Taken::Whole),
                _ if unread.is_empty() => return Ok(Taken::Part),
                State::Fixed(left) => match self.keep(buffer, left, Rest::Whole(left)) {
                    0 => State::Whole,
                    left => State::Fixed(left),
                },
                State::Chunk(left) => match self.keep(buffer, left, Rest::Part(left)) {
                    0 => State::ChunkEnd,
                    left => State::Chunk(left),
                },
                State::Size if buffer.cost() >= stops_at => return Ok(Taken::Slice),
                State::Size => match httparse::parse_chunk_size(unread) {
                    Ok(httparse::Status::Complete((line_bytes, size)))
                        if line_bytes <= CHUNK_LINE_BYTES_MAX
                            && unread[0].is_ascii_hexdigit()
                            && !has_bare_line_feed(&unread[..line_bytes]) =>
                    {
                        buffer.consume(line_bytes);
                        buffer.spend(work::CHUNK + line_bytes as u64 * work::LINE);
                        self.begin_chunk(size)?
                    }
                    Ok(httparse::Status::Partial) if unread.len() < CHUNK_LINE_BYTES_MAX => {
                        return Ok(Taken::Part);
                    }
                    _ => return Err(Fault::Chunk),
                },
                State::ChunkEnd => match unread {
                    [b'\r', b'\n', ..] => {
                        buffer.consume(2);
                        State::Size
                    }
                    [b'\r'] => return Ok(Taken::Part),
                    _ => return Err(Fault::Chunk),
                },
                State::Trailers => {
                    let mut trailers = [httparse::EMPTY_HEADER; 16];
                    match httparse::parse_headers(unread, &mut trailers) {
                        Ok(httparse::Status::Complete((trailers_bytes, _)))
                            if trailers_bytes <= HEADERS_BYTES_MAX
                                && !has_bare_line_feed(&unread[..trailers_bytes]) =>
                        {
                            buffer.consume(trailers_bytes);
                            buffer.spend(trailers_bytes as u64 * work::HEAD);
                            State::Whole
                        }
                        Ok(httparse::Status::Partial) if unread.len() < HEADERS_BYTES_MAX => {
                            buffer.spend(unread.len() as u64 * work::HEAD);
                            return Ok(Taken::Part);
                        }
                        _ => return Err(Fault::Chunk),
                    }
                }
            };
        }
    }

    fn begin_chunk(&self, size: u64) -> Result<State, Fault> {
        let so_far = (self.bytes.len() - self.head_bytes) as u64;
        if so_far.saturating_add(size) > u64::from(self.body_bytes_max) {
            return Err(Fault::BodyTooLarge(self.body_bytes_max));
        }
        Ok(if size == 0 {
            State::Trailers
        } else {
            State::Chunk(size)
        })
    }

    /// Keeps up to `left` unread bytes and says how many are still to come.
    fn keep(&mut self, buffer: &Buffer, left: u64, rest: Rest) -> u64 {
        let piece = left.min(buffer.unread().len() as u64) as usize;
        let range = buffer.consume(piece);
        growth::reserve(&mut self.bytes, piece, rest);
        self.bytes.extend_from_slice(buffer.at(range));
        left - piece as u64
    }

    /// Bytes of memory that it holds.
    pub fn held_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The head.
    pub fn head(&self) -> &[u8] {
        &self.bytes[..self.head_bytes]
    }

    /// Head and body behind each other, and where the body begins.
    pub fn into_parts(self) -> (Vec<u8>, usize) {
        (self.bytes, self.head_bytes)
    }
}
