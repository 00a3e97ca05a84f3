//! One keep-alive HTTP connection that publishes, several requests in flight on it if allowed.
//!
//! Connects while nothing else goes on, so it may block for that; afterwards it never does. Answers must have a
//! `Content-Length`.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use roomcast::time::Micros;

use crate::failure::Failure;
use crate::message::Stamp;
use crate::target::Target;

/// Headers of an answer; more are a bad response.
const HEADERS_MAX: usize = 32;

/// What a read goes into: many answers fit.
const READ_BYTES: usize = 16 << 10;

/// Bytes that one answer may take, and so the most that is kept.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// The answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number of the message.
    pub seq: u32,
    /// When the message was meant to be sent.
    pub at: Micros,
    /// The HTTP status.
    pub status: u16,
    /// The `receivers` of its body.
    pub receivers: Option<u64>,
    /// What it should have been: the clients open when it was sent.
    pub expected: u32,
}

/// A request that was not answered yet.
#[derive(Clone, Copy, Debug)]
struct Pending {
    seq: u32,
    at: Micros,
    expected: u32,
}

/// One publishing connection.
#[derive(Debug)]
pub struct Publisher {
    socket: TcpStream,
    pending: VecDeque<Pending>,
    unsent: Vec<u8>,
    input: Vec<u8>,
}

#[derive(serde::Deserialize)]
struct Accepted {
    receivers: u64,
}

impl Publisher {
    /// Connects within `timeout`; readiness then comes with `token`.
    pub fn connect(
        target: &Target,
        timeout: Duration,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Publisher> {
        let socket = net::TcpStream::connect_timeout(&target.server(), timeout)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut socket, token, interest)?;
        Ok(Publisher {
            socket,
            pending: VecDeque::new(),
            unsent: Vec::new(),
            input: Vec::new(),
        })
    }

    /// Requests without an answer yet.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Sends the request for the message of `stamp`, which should reach `expected` clients.
    pub fn publish(
        &mut self,
        target: &Target,
        stamp: Stamp,
        body: &[u8],
        expected: u32,
    ) -> Result<(), Failure> {
        self.pending.push_back(Pending {
            seq: stamp.seq,
            at: Micros(stamp.at_us),
            expected,
        });
        target.write_publish(&mut self.unsent, body);
        self.flush()
    }

    /// Writes and reads until the socket would block, and appends the answers.
    pub fn ready(&mut self, answers: &mut Vec<Answer>) -> Result<(), Failure> {
        self.flush()?;
        loop {
            let kept = self.input.len();
            self.input.resize(kept + READ_BYTES, 0);
            let got = self.socket.read(&mut self.input[kept..]);
            self.input.truncate(kept + *got.as_ref().unwrap_or(&0));
            match got {
                Ok(0) => return Err(Failure::HungUp),
                Ok(_) => self.take_in(answers)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn take_in(&mut self, answers: &mut Vec<Answer>) -> Result<(), Failure> {
        let mut used = 0;
        while let Some((status, receivers, length)) = parse(&self.input[used..])? {
            let pending = self.pending.pop_front().ok_or(Failure::BadResponse)?;
            answers.push(Answer {
                seq: pending.seq,
                at: pending.at,
                status,
                receivers,
                expected: pending.expected,
            });
            used += length;
        }
        self.input.drain(..used);
        match self.input.len() {
            0..=ANSWER_BYTES_MAX => Ok(()),
            _ => Err(Failure::BadResponse),
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Status, receivers and length of the first answer in `bytes`, or `None` while it is not complete.
fn parse(bytes: &[u8]) -> Result<Option<(u16, Option<u64>, usize)>, Failure> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|_| Failure::BadResponse)?;
    let httparse::Status::Complete(head) = parsed else {
        return Ok(None);
    };
    let mut headers = response.headers.iter();
    let length = headers
        .find(|header| header.name.eq_ignore_ascii_case("Content-Length"))
        .and_then(|header| std::str::from_utf8(header.value).ok())
        .and_then(|value| value.trim().parse::<usize>().ok())
        .filter(|&length| length <= ANSWER_BYTES_MAX)
        .ok_or(Failure::BadResponse)?;
    let Some(body) = bytes.get(head..head + length) else {
        return Ok(None);
    };
    let status = response.code.ok_or(Failure::BadResponse)?;
    let accepted: Option<Accepted> = serde_json::from_slice(body).ok();
    let receivers = accepted.map(|accepted| accepted.receivers);
    Ok(Some((status, receivers, head + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 15\r\n\r\n{\"receivers\":7}";

    #[test]
    fn an_answer_is_read_once_its_body_is_whole() {
        for cut in 0..ANSWER.len() {
            assert_eq!(parse(&ANSWER[..cut]), Ok(None), "at {cut}");
        }
        let two = [ANSWER, ANSWER].concat();
        assert_eq!(parse(&two), Ok(Some((202, Some(7), ANSWER.len()))));
    }

    #[test]
    fn an_error_has_a_status_and_no_receivers() {
        let answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(parse(answer), Ok(Some((401, None, answer.len()))));
    }

    #[test]
    fn an_answer_without_a_length_is_refused() {
        let answer = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(parse(answer), Err(Failure::BadResponse));
    }
}
