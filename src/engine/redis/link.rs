//! One connection to the server, without the socket: what is to be sent, what has come, and which answer is whose.
//!
//! - It opens with `HELLO 3` (user, password and name in it), `SELECT`, and the scripts; requests are taken when all that has
//!   been answered.
//! - The server answers in the order of the requests. What it pushes is no answer, whenever it comes.
//! - A script that the server has forgotten is sent again, whole, behind what was sent meanwhile: who needs one order has one
//!   request of a script under way at a time.
//! - What waits is bounded, and so is what one answer may be. After a [`Trouble`] it is over; a new one is made.

use std::collections::VecDeque;

use super::address::Login;
use super::request::Request;
use super::script::Script;
use super::trouble::{Kind, Trouble};
use crate::wire::resp::{self, Bounds, Scanner, Value};

/// Bytes of requests that have not been answered: a batch is at most some MiB, and few are under way.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// Requests that have not been answered.
const WAITING_MAX: usize = 1024;
/// Bytes of one answer, values in it, and how deep they stand: of a page or a read of the stream, whose entries are as large as
/// a message may be.
const ANSWER: Bounds = Bounds {
    bytes_max: 512 << 20,
    elements_max: 1 << 20,
    depth_max: 8,
};
/// Received bytes for which space stays reserved when nothing is in them.
const RECEIVED_BYTES_KEPT: usize = 256 << 10;
/// The oldest server that is served.
const MAJOR_MIN: u32 = 7;

/// What a connection has to tell.
#[derive(Debug, PartialEq)]
pub enum Event<'a> {
    /// Requests are taken now.
    Ready,
    /// What was asked under this tag has been answered. An error of the server is the trouble of this request alone.
    Answer(u64, Result<Value<'a>, Trouble>),
    /// The server says something that nobody asked for, of this kind.
    Push(Vec<Value<'a>>),
}

/// Too much waits already; it has not been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// One connection.
#[derive(Debug)]
pub struct Link {
    out: Vec<u8>,
    received: Vec<u8>,
    /// How much of it has been read.
    at: usize,
    scanner: Scanner,
    waiting: VecDeque<Waiting>,
    /// Bytes of requests that wait for their answer.
    waiting_bytes: usize,
    /// What the server calls each script.
    names: [Vec<u8>; Script::ALL.len()],
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    /// It has been opened, and that is still to be told.
    Opened,
    Ready,
    Over,
}

/// Whose answer is due.
#[derive(Debug)]
struct Waiting {
    what: What,
    bytes: usize,
}

#[derive(Debug)]
enum What {
    Hello,
    Select,
    Load(Script),
    Plain(u64),
    /// With what it was called with, for once more.
    Run(u64, Script, Request),
    /// For the second time.
    RunWhole(u64),
}

impl Link {
    /// One that has just been connected, of a hub of this name, which has no spaces in it.
    pub fn new(login: &Login, name: &str) -> Link {
        let mut link = Link {
            out: Vec::new(),
            received: Vec::new(),
            at: 0,
            scanner: Scanner::new(ANSWER),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            names: Default::default(),
            state: State::Opening,
        };
        let mut hello = Request::of(["HELLO", "3"]);
        if let Some(password) = &login.password {
            hello.part("AUTH");
            hello.part(login.user.as_deref().unwrap_or("default"));
            hello.part(password);
        }
        hello.part("SETNAME");
        hello.part(name);
        link.put(What::Hello, &[], &hello);
        if login.database > 0 {
            let mut select = Request::of(["SELECT"]);
            select.number(login.database.into());
            link.put(What::Select, &[], &select);
        }
        for script in Script::ALL {
            let load = Request::of(["SCRIPT", "LOAD", script.text()]);
            link.put(What::Load(script), &[], &load);
        }
        link
    }

    /// Asks this, to be answered under this tag.
    pub fn ask(&mut self, tag: u64, request: &Request) -> Result<(), Full> {
        self.admit(request)?;
        self.put(What::Plain(tag), &[], request);
        Ok(())
    }

    /// Runs a script with these keys and arguments, to be answered under this tag.
    pub fn run(&mut self, tag: u64, script: Script, with: Request) -> Result<(), Full> {
        self.admit(&with)?;
        let name = std::mem::take(&mut self.names[script as usize]);
        with.write(&[b"EVALSHA", &name], &mut self.out);
        self.names[script as usize] = name;
        let bytes = with.len();
        self.wait(What::Run(tag, script, with), bytes);
        Ok(())
    }

    /// What is to be sent; who sends some of it takes that out.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// This has come.
    pub fn take(&mut self, bytes: &[u8]) {
        self.received.drain(..self.at);
        self.at = 0;
        if self.received.is_empty() && self.received.capacity() > RECEIVED_BYTES_KEPT {
            self.received = Vec::new();
        }
        self.received.extend_from_slice(bytes);
    }

    /// The next of what it has to tell.
    pub fn event(&mut self) -> Result<Option<Event<'_>>, Trouble> {
        let (what, length) = loop {
            match self.state {
                State::Over => return Ok(None),
                State::Opened => {
                    self.state = State::Ready;
                    return Ok(Some(Event::Ready));
                }
                State::Opening | State::Ready => {}
            }
            let found = self.scanner.complete(&self.received[self.at..]);
            let length = match found {
                Ok(Some(length)) => length,
                Ok(None) => return Ok(None),
                Err(fault) => return Err(self.end(fault.into())),
            };
            if self.received[self.at] == b'>' {
                break (None, length);
            }
            let Some(waiting) = self.waiting.pop_front() else {
                let trouble = Trouble::new(Kind::Protocol, "an answer to nothing");
                return Err(self.end(trouble));
            };
            self.waiting_bytes -= waiting.bytes;
            let is_forgotten = self.received[self.at..].starts_with(b"-NOSCRIPT");
            match waiting.what {
                What::Plain(tag) | What::RunWhole(tag) => break (Some(tag), length),
                What::Run(tag, script, with) if is_forgotten => {
                    self.at += length;
                    let before: [&[u8]; 2] = [b"EVAL", script.text().as_bytes()];
                    self.put(What::RunWhole(tag), &before, &with);
                }
                What::Run(tag, ..) => break (Some(tag), length),
                opening => {
                    let from = self.at;
                    self.at += length;
                    if let Err(trouble) = self.opened(&opening, from) {
                        return Err(self.end(trouble));
                    }
                }
            }
        };
        let from = self.at;
        self.at += length;
        let read = resp::read(&self.received[from..from + length], &ANSWER);
        let value = match read {
            Ok(Some((value, _))) => value,
            Ok(None) => return Ok(None),
            Err(fault) => {
                self.state = State::Over;
                return Err(fault.into());
            }
        };
        Ok(Some(match (what, value) {
            (None, Value::Push(parts)) => Event::Push(parts),
            (None, value) => Event::Push(vec![value]),
            (Some(tag), Value::Error(error)) => Event::Answer(tag, Err(Trouble::of(error))),
            (Some(tag), value) => Event::Answer(tag, Ok(value)),
        }))
    }

    /// Whether requests are taken.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Requests that wait for their answer.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether there is space for one more.
    fn admit(&self, request: &Request) -> Result<(), Full> {
        let bytes = self.waiting_bytes + request.len();
        // What is larger than all that may wait is taken alone.
        let is_much = bytes > WAITING_BYTES_MAX && self.waiting_bytes > 0;
        match self.state != State::Ready || is_much || self.waiting.len() >= WAITING_MAX {
            true => Err(Full),
            false => Ok(()),
        }
    }

    fn put(&mut self, what: What, before: &[&[u8]], request: &Request) {
        request.write(before, &mut self.out);
        self.wait(what, request.len());
    }

    fn wait(&mut self, what: What, bytes: usize) {
        self.waiting_bytes += bytes;
        self.waiting.push_back(Waiting { what, bytes });
    }

    /// Something of the opening has been answered, from this byte on.
    fn opened(&mut self, what: &What, from: usize) -> Result<(), Trouble> {
        let bytes = &self.received[from..self.at];
        let Some((value, _)) = resp::read(bytes, &ANSWER)? else {
            return Ok(());
        };
        if let Some(error) = value.as_error() {
            return Err(Trouble::of(error));
        }
        match what {
            What::Hello => greeted(&value)?,
            What::Load(script) => {
                let name = value.as_bytes().unwrap_or_default().to_vec();
                self.names[*script as usize] = name;
            }
            _ => {}
        }
        if self.waiting.is_empty() {
            self.state = State::Opened;
        }
        Ok(())
    }

    fn end(&mut self, trouble: Trouble) -> Trouble {
        self.state = State::Over;
        trouble
    }
}

/// Looks at what the server says of itself.
fn greeted(hello: &Value<'_>) -> Result<(), Trouble> {
    let text = |key| hello.get(key).and_then(|value| value.as_str());
    let (server, version) = (text("server"), text("version"));
    let (server, version) = (server.unwrap_or("?"), version.unwrap_or("?"));
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    let is_known = hello.get("proto").and_then(Value::as_integer) == Some(3);
    if !is_known || major.is_none_or(|major: u32| major < MAJOR_MIN) {
        let words = format!("it says it is {server} {version}");
        return Err(Trouble::new(Kind::Version, words));
    }
    if text("mode") == Some("cluster") {
        let words = format!("{server} {version} runs in cluster mode");
        return Err(Trouble::new(Kind::Cluster, words));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "%3\r\n+server\r\n+redis\r\n+version\r\n+7.0.15\r\n+proto\r\n:3\r\n";

    fn opened() -> Link {
        let mut link = Link::new(&Login::default(), "hub");
        link.take(HELLO.as_bytes());
        link.take(b"$3\r\nabc\r\n$3\r\ndef\r\n");
        assert_eq!(link.event(), Ok(Some(Event::Ready)));
        assert!(link.is_ready());
        link.out().clear();
        link
    }

    fn greeting(hello: &str) -> Kind {
        let mut link = Link::new(&Login::default(), "hub");
        link.take(hello.as_bytes());
        let trouble = link.event().unwrap_err();
        assert_eq!(link.event(), Ok(None));
        trouble.kind
    }

    #[test]
    fn a_server_that_is_not_the_right_one_is_told() {
        let old = HELLO.replace("7.0.15", "6.2.9");
        assert_eq!(greeting(&old), Kind::Version);
        assert_eq!(greeting(&HELLO.replace(":3", ":2")), Kind::Version);
        let cluster = HELLO.replace("%3", "%4") + "+mode\r\n+cluster\r\n";
        assert_eq!(greeting(&cluster), Kind::Cluster);
        assert_eq!(greeting("-ERR unknown command `HELLO`\r\n"), Kind::Version);
        assert_eq!(
            greeting("-ERR max number of clients reached\r\n"),
            Kind::Clients
        );
        assert_eq!(greeting("HTTP/1.1 400 Bad Request\r\n"), Kind::Protocol);
    }

    #[test]
    fn nothing_is_taken_before_the_opening_has_been_answered() {
        let mut link = Link::new(&Login::default(), "hub");
        let ping = Request::of(["PING"]);
        assert_eq!(link.ask(1, &ping), Err(Full));
        let whole = format!("{HELLO}$3\r\nabc\r\n$3\r\ndef\r\n");
        for byte in whole.bytes() {
            assert_eq!(link.event(), Ok(None));
            assert_eq!(link.ask(1, &ping), Err(Full));
            link.take(&[byte]);
        }
        assert_eq!(link.event(), Ok(Some(Event::Ready)));
        assert_eq!(link.ask(1, &ping), Ok(()));
    }

    #[test]
    fn answers_are_matched_in_order_and_pushes_are_none() {
        let mut link = opened();
        link.ask(1, &Request::of(["PING"])).unwrap();
        link.run(2, Script::Commit, Request::keys(&[])).unwrap();
        let out = String::from_utf8(link.out().clone()).unwrap();
        let expected = "*1\r\n$4\r\nPING\r\n*3\r\n$7\r\nEVALSHA\r\n$3\r\nabc\r\n$1\r\n0\r\n";
        assert_eq!(out, expected);
        link.take(b">2\r\n+invalidate\r\n_\r\n+PONG\r\n>1\r\n+x\r\n-OOM no\r\n");
        let push = vec![Value::Simple(b"invalidate"), Value::Null];
        assert_eq!(link.event(), Ok(Some(Event::Push(push))));
        assert_eq!(
            link.event(),
            Ok(Some(Event::Answer(1, Ok(Value::Simple(b"PONG")))))
        );
        let push = vec![Value::Simple(b"x")];
        assert_eq!(link.event(), Ok(Some(Event::Push(push))));
        let trouble = Trouble::of(b"OOM no");
        assert_eq!(link.event(), Ok(Some(Event::Answer(2, Err(trouble)))));
        assert_eq!(link.event(), Ok(None));
        assert_eq!((link.waiting(), link.waiting_bytes), (0, 0));
        // Nothing was asked.
        link.take(b"+OK\r\n");
        assert_eq!(link.event().unwrap_err().kind, Kind::Protocol);
        assert_eq!(link.ask(1, &Request::of(["PING"])), Err(Full));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut link = opened();
        let large = Request::of(["x".repeat(WAITING_BYTES_MAX)]);
        // What is larger than the bound goes alone.
        assert_eq!(link.ask(1, &large), Ok(()));
        assert_eq!(link.ask(2, &Request::of(["PING"])), Err(Full));
        link.take(b"+OK\r\n");
        assert!(link.event().unwrap().is_some());
        for tag in 0..WAITING_MAX as u64 {
            assert_eq!(link.ask(tag, &Request::of(["PING"])), Ok(()));
        }
        assert_eq!(link.ask(0, &Request::of(["PING"])), Err(Full));
    }
}
