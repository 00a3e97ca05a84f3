//! What fastwebsockets takes to read one message, without a socket and without a runtime.
//!
//! A line in, a line out, so that whoever asks can interleave it with other measurements:
//!
//! | line | what is timed |
//! |---|---|
//! | `fastwebsockets BYTES [COUNT]` | text messages through a `FragmentCollector`: copied in, parsed, unmasked, checked as UTF-8 |
//! | `fastwebsockets-parse BYTES [COUNT]` | binary messages through the `WebSocket` itself, which checks no UTF-8 in them |
//! | `fastwebsockets-unmask BYTES [COUNT]` | its `unmask` alone, over one aligned payload |
//!
//! The answer is `{"work":LINE,"ns":N}`, N the nanoseconds for one message, or `{"work":LINE,"error":SENTENCE}`. Every
//! setting of the library is its default. The bytes come from memory, as many at once as its buffer has room for: that
//! copy is counted, as it is a part of every read of a socket.

use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use fastwebsockets::{FragmentCollector, Frame, OpCode, Role, WebSocket, WebSocketError};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of messages that the memory holds before they repeat; more than the first cache of a core, less than the last.
const MEMORY_BYTES: usize = 256 << 10;
/// Payload bytes that are read by one line which names no count.
const READ_BYTES: usize = 32 << 20;
const COUNT_MAX: usize = 100_000_000;
const BYTES_MAX: usize = 16 << 20;

/// The answer to a line.
#[derive(Serialize)]
struct Answer<'a> {
    work: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ns: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (ns, error) =
            work(&line).map_or_else(|error| (None, Some(error)), |ns| (Some(ns), None));
        let work = line.as_str();
        serde_json::to_writer(&mut out, &Answer { work, ns, error })?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}

/// Does what a line asks for; the nanoseconds for one message.
fn work(line: &str) -> Result<f64, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, bytes, count) = match words[..] {
        [name, bytes] => (name, number(bytes, BYTES_MAX)?, None),
        [name, bytes, count] => (
            name,
            number(bytes, BYTES_MAX)?,
            Some(number(count, COUNT_MAX)?),
        ),
        _ => return Err("a line is a work, its BYTES and perhaps a COUNT".to_owned()),
    };
    let count = count.unwrap_or((READ_BYTES / bytes).clamp(1, 1_000_000));
    match name {
        "fastwebsockets" => read_messages(bytes, count),
        "fastwebsockets-parse" => read_frames(bytes, count),
        "fastwebsockets-unmask" => Ok(unmask(bytes, count)),
        _ => Err(format!(
            "there is no work {name}; there are fastwebsockets, fastwebsockets-parse and fastwebsockets-unmask"
        )),
    }
}

fn number(word: &str, max: usize) -> Result<usize, String> {
    match word.parse() {
        Ok(number) if (1..=max).contains(&number) => Ok(number),
        _ => Err(format!("{word} is not a number from 1 to {max}")),
    }
}

fn read_messages(bytes: usize, count: usize) -> Result<f64, String> {
    let memory = Memory::new(OpCode::Text, bytes, count);
    let mut socket = FragmentCollector::new(WebSocket::after_handshake(memory, Role::Server));
    finish(async {
        let started = Instant::now();
        check(&socket.read_frame().await?, bytes)?;
        for _ in 1..count {
            black_box(socket.read_frame().await?);
        }
        Ok(started.elapsed().as_nanos() as f64 / count as f64)
    })
}

fn read_frames(bytes: usize, count: usize) -> Result<f64, String> {
    let memory = Memory::new(OpCode::Binary, bytes, count);
    let mut socket = WebSocket::after_handshake(memory, Role::Server);
    finish(async {
        let started = Instant::now();
        check(&socket.read_frame().await?, bytes)?;
        for _ in 1..count {
            black_box(socket.read_frame().await?);
        }
        Ok(started.elapsed().as_nanos() as f64 / count as f64)
    })
}

fn unmask(bytes: usize, count: usize) -> f64 {
    let mut payload = vec![b'x'; bytes];
    let started = Instant::now();
    for _ in 0..count {
        fastwebsockets::unmask(black_box(&mut payload), black_box([0xde, 0xad, 0xbe, 0xef]));
    }
    started.elapsed().as_nanos() as f64 / count as f64
}

/// The first message must be what was sent, or nothing that is timed means anything.
fn check(frame: &Frame<'_>, bytes: usize) -> Result<(), WebSocketError> {
    if frame.payload.iter().copied().eq(text(bytes)) {
        Ok(())
    } else {
        Err(WebSocketError::InvalidValue)
    }
}

/// Memory is always ready, so one poll ends it.
fn finish(work: impl Future<Output = Result<f64, WebSocketError>>) -> Result<f64, String> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.map_err(|error| format!("fastwebsockets: {error}")),
        Poll::Pending => Err("fastwebsockets waits, though the memory never does".to_owned()),
    }
}

/// What each message says: printable, and not all the same.
fn text(bytes: usize) -> impl Iterator<Item = u8> {
    (b' '..=b'~').cycle().take(bytes)
}

/// A stream of masked messages that come round and round, up to a number of them.
struct Memory {
    messages: Vec<u8>,
    at: usize,
    left: usize,
}

impl Memory {
    fn new(opcode: OpCode, bytes: usize, count: usize) -> Memory {
        let message_bytes = header_bytes(bytes) + bytes;
        let messages_held = (MEMORY_BYTES / message_bytes).max(1);
        let mut messages = Vec::with_capacity(messages_held * message_bytes);
        // A key of its own for each message, from a sequence that is the same in every run.
        let mut key = 0x9e37_79b9_u32;
        for _ in 0..messages_held {
            key = key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            push_masked(&mut messages, opcode, key.to_be_bytes(), bytes);
        }
        Memory {
            messages,
            at: 0,
            left: message_bytes * count,
        }
    }
}

/// The header of a masked frame of so many payload bytes.
fn header_bytes(bytes: usize) -> usize {
    match bytes {
        0..126 => 6,
        126..65_536 => 8,
        _ => 14,
    }
}

fn push_masked(out: &mut Vec<u8>, opcode: OpCode, key: [u8; 4], bytes: usize) {
    out.push(0x80 | opcode as u8);
    match header_bytes(bytes) {
        6 => out.push(0x80 | bytes as u8),
        8 => {
            out.push(0xfe);
            out.extend_from_slice(&(bytes as u16).to_be_bytes());
        }
        _ => {
            out.push(0xff);
            out.extend_from_slice(&(bytes as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
    out.extend(
        text(bytes)
            .zip(key.into_iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
}

impl AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = self.messages.len() - self.at;
        let taken = rest.min(self.left).min(into.remaining());
        into.put_slice(&self.messages[self.at..self.at + taken]);
        self.left -= taken;
        self.at = (self.at + taken) % self.messages.len();
        Poll::Ready(Ok(()))
    }
}

/// Nothing is written: no message here asks for an answer.
impl AsyncWrite for Memory {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
