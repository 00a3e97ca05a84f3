//! One keep-alive HTTP connection that publishes, several requests in flight on it if allowed.
//!
//! Connects while nothing else goes on, so it may block for that; afterwards it never does.

use std::collections::VecDeque;
use std::net;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::client::failure::Failure;
use crate::client::transfer::{attempt, write};
use crate::error::Error;
use crate::target::answer::{self, ANSWER_BYTES_MAX};
use crate::target::mark::Mark;
use crate::target::server::Target;

/// How long it may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The message.
    pub mark: Mark,
    /// The HTTP status.
    pub status: u16,
    /// Whether it names another number of receivers than it should, the clients open when the message was sent.
    pub is_wrong: bool,
}

/// A request that was not answered yet.
#[derive(Clone, Copy, Debug)]
struct Pending {
    mark: Mark,
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

impl Publisher {
    /// Connects; readiness then comes with `token`.
    pub fn connect(target: &Target, registry: &Registry, token: Token) -> Result<Publisher, Error> {
        let connect = || {
            let socket = net::TcpStream::connect_timeout(&target.server, CONNECT_TIMEOUT)?;
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            let mut socket = TcpStream::from_std(socket);
            let interest = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut socket, token, interest)?;
            Ok(socket)
        };
        Ok(Publisher {
            socket: connect().map_err(|error| Error::new("connecting a publisher", error))?,
            pending: VecDeque::new(),
            unsent: Vec::new(),
            input: Vec::new(),
        })
    }

    /// Requests without an answer yet.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Puts the request for the message of `mark`, which should reach `expected` clients, where the next flush sends
    /// it.
    pub fn publish(&mut self, target: &Target, mark: Mark, pad: usize, expected: u32) {
        self.pending.push_back(Pending { mark, expected });
        target.write_publish(&mut self.unsent, mark, pad);
    }

    /// Writes and reads until the socket would block, and appends the answers.
    pub fn ready(&mut self, target: &Target, answers: &mut Vec<Answer>) -> Result<(), Failure> {
        self.flush()?;
        loop {
            match attempt(|| answer::read(&mut self.socket, &mut self.input))? {
                Some(0) => return Err(Failure::HungUp),
                Some(_) => self.take_in(target, answers)?,
                None => return Ok(()),
            }
        }
    }

    /// Writes and reads until the socket would block, and says how many messages were taken; all of them must be.
    pub fn take_answers(&mut self, target: &Target) -> Result<u32, Error> {
        let mut answers = Vec::new();
        let outcome = self.ready(target, &mut answers);
        outcome.map_err(|failure| Error::Server(format!("publishing failed: {failure}")))?;
        match answers.iter().find(|answer| !target.takes(answer.status)) {
            Some(Answer { status, .. }) => Err(Error::Server(format!(
                "a message was answered with {status}"
            ))),
            None => Ok(answers.len() as u32),
        }
    }

    fn take_in(&mut self, target: &Target, answers: &mut Vec<Answer>) -> Result<(), Failure> {
        let mut used = 0;
        while let Some(answer) = answer::parse(&self.input[used..])? {
            let pending = self.pending.pop_front().ok_or(Failure::BadResponse)?;
            let receivers = target.receivers(answer.body);
            let expected = Some(u64::from(pending.expected));
            answers.push(Answer {
                mark: pending.mark,
                status: answer.status,
                is_wrong: receivers.is_some_and(|receivers| receivers != expected),
            });
            used += answer.length;
        }
        self.input.drain(..used);
        match self.input.len() {
            0..=ANSWER_BYTES_MAX => Ok(()),
            _ => Err(Failure::BadResponse),
        }
    }

    /// Sends what the socket takes.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let written = write(&mut self.socket, &self.unsent)?;
        self.unsent.drain(..written);
        Ok(())
    }
}
