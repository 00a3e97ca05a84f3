//! One row: what a client does and hears, step by step, and what becomes of its connection.

use crate::harness::http::{UPGRADE, request};

/// What a client does, in its order.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// Sends these bytes in one write.
    Send(Vec<u8>),
    /// Sends these bytes one by one.
    Trickle(Vec<u8>),
    /// Sends these bytes again and again, with so many milliseconds between, until it is answered.
    Drip(Vec<u8>, u64),
    /// Says that it will send no more.
    Finish,
    /// Hears this and nothing before it.
    Hear(Said),
    /// Is still served: a question is answered, and nothing comes before the answer.
    Stays(Speech),
    /// Hears nothing more but the end.
    Ends,
    /// Breaks the connection.
    Reset,
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    Http,
    WebSocket,
}

/// What the server says.
#[derive(Clone, Debug)]
pub enum Said {
    /// An answer of this status that is no error.
    Status(u16),
    /// An upgrade, with what was agreed on.
    Upgraded(Option<&'static str>),
    /// An error: its status, code and sentence.
    Error(u16, &'static str, String),
    /// A frame: its first byte and its payload.
    Frame(u8, Vec<u8>),
    /// A close frame: its code and reason.
    Close(u16, String),
}

/// What most of those hear who agree on compression.
pub const AGREED: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// A client that has connected.
pub fn row(name: impl Into<String>) -> Row {
    Row {
        name: name.into(),
        steps: Vec::new(),
    }
}

/// A client whose messages are echoed.
pub fn open(name: impl Into<String>) -> Row {
    row(name)
        .send(request("GET", "/echo", UPGRADE, ""))
        .hears(Said::Upgraded(None))
}

/// The same, with compression agreed on.
pub fn compressed(name: impl Into<String>) -> Row {
    let offer = format!("{UPGRADE}Sec-WebSocket-Extensions: permessage-deflate\r\n");
    row(name)
        .send(request("GET", "/echo", &offer, ""))
        .hears(Said::Upgraded(Some(AGREED)))
}

/// 400 for a request that is not as its syntax or its framing needs.
pub fn bad(sentence: impl Into<String>) -> Said {
    Said::Error(400, "bad_request", sentence.into())
}

/// 400 for a head.
pub fn bad_head(what: &str) -> Said {
    bad(format!("the request head is not HTTP/1.1: {what}"))
}

/// A close frame of the server's own.
pub fn close(code: u16, reason: &str) -> Said {
    Said::Close(code, reason.to_owned())
}

impl Row {
    fn step(mut self, step: Step) -> Row {
        self.steps.push(step);
        self
    }

    pub fn send(self, bytes: impl Into<Vec<u8>>) -> Row {
        self.step(Step::Send(bytes.into()))
    }

    pub fn drip(self, bytes: impl Into<Vec<u8>>, millis: u64) -> Row {
        self.step(Step::Drip(bytes.into(), millis))
    }

    pub fn finish(self) -> Row {
        self.step(Step::Finish)
    }

    pub fn hears(self, said: Said) -> Row {
        self.step(Step::Hear(said))
    }

    pub fn answers_on(self) -> Row {
        self.step(Step::Stays(Speech::Http))
    }

    pub fn stays_open(self) -> Row {
        self.step(Step::Stays(Speech::WebSocket))
    }

    pub fn ends(self) -> Row {
        self.step(Step::Ends)
    }

    pub fn resets(self) -> Row {
        self.step(Step::Reset)
    }

    /// The same client with its last write byte by byte.
    pub fn trickled(&self) -> Row {
        self.resent("byte by byte", |bytes| vec![Step::Trickle(bytes)])
    }

    /// The same client with its last write cut in two before each of its bytes but the first.
    pub fn cuts(&self) -> impl Iterator<Item = Row> + '_ {
        (1..self.last_write().len()).map(|at| {
            self.resent(&format!("cut at {at}"), |bytes| {
                let (front, back) = bytes.split_at(at);
                vec![Step::Send(front.to_vec()), Step::Send(back.to_vec())]
            })
        })
    }

    /// What it sends in its last write.
    pub fn last_write(&self) -> &[u8] {
        let mut writes = self.steps.iter().filter_map(|step| match step {
            Step::Send(bytes) => Some(bytes),
            _ => None,
        });
        writes.next_back().unwrap()
    }

    fn resent(&self, how: &str, steps: impl FnOnce(Vec<u8>) -> Vec<Step>) -> Row {
        let is_send = |step: &Step| matches!(step, Step::Send(_));
        let at = self.steps.iter().rposition(is_send).unwrap();
        let again = steps(self.last_write().to_vec());
        let mut row = self.clone();
        row.steps.splice(at..=at, again);
        row.name = format!("{}, {how}", self.name);
        row
    }
}
