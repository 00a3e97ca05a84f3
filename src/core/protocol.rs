//! One connection's state machine: request → open → closing → over.
//!
//! [`Protocol::next`] turns the unread bytes of the shared [`Buffer`] into events, one a call, until it says `None`:
//! it needs more. It holds memory only while something is half received, and then only as much as has arrived.
//!
//! It writes nothing and knows no time: answers and deadlines are the reactor's.

mod assembly;
mod event;

use self::assembly::{Assembly, Gathered, Partial, Piece};
pub use self::event::Event;
use self::event::{control, data};
use crate::wire::body::{Body, Taken};
use crate::wire::buffer::{Buffer, Unpacking};
use crate::wire::fault::Fault;
use crate::wire::frame::{Header, Kind, unmask};
use crate::wire::request::{Framing, Head, Request, head_cost};
use crate::work;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It speaks HTTP.
    Request,
    /// It speaks WebSocket.
    Open,
    /// It gets a stream of events, and what it sends has no meaning.
    Listening,
    /// We have sent a close frame and wait for the peer's.
    Closing,
    /// Nothing it sends has a meaning any more.
    Over,
}

/// What may be received at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request body.
    pub body_bytes_max: u32,
    /// Bytes of a message.
    pub message_bytes_max: u32,
    /// Whether messages may be compressed.
    pub deflate: bool,
    /// What inflating a message, or taking the pieces of one or of a body, may cost at once, as `work` counts it: what is
    /// left goes on in the next call.
    pub cost_max: u64,
}

/// The state of one connection's input.
pub struct Protocol {
    phase: Phase,
    /// Bytes of a request's head that were looked at, and of which more is missing: they say nothing new until more come.
    part_bytes: u32,
    /// One word while nothing is half received, and no more.
    work: Option<Box<Work>>,
}

/// What is half received.
enum Work {
    Body(Body),
    Message(Assembly),
    /// Nothing is missing of it; it is text, or binary.
    Unpacking(Box<Unpacking>, bool),
}

/// A message that came in pieces and is whole.
enum Whole {
    /// Text that was checked as it came.
    CheckedText,
    /// Text that is to be checked, or bytes.
    Data { text: bool },
    /// It is still to be inflated.
    Unpacking,
}

impl Protocol {
    /// A connection that was just accepted.
    pub fn new() -> Protocol {
        Protocol {
            phase: Phase::Request,
            part_bytes: 0,
            work: None,
        }
    }

    /// The request was answered with 101.
    pub fn open(&mut self) {
        debug_assert!(
            self.phase == Phase::Request,
            "only a request can be upgraded"
        );
        self.phase = Phase::Open;
    }

    /// The request was answered with a stream of events.
    pub fn listen(&mut self) {
        debug_assert!(
            self.phase == Phase::Request,
            "only a request is answered with a stream"
        );
        self.phase = Phase::Listening;
    }

    /// A close frame was sent.
    pub fn closing(&mut self) {
        debug_assert!(
            self.phase == Phase::Open,
            "only an open connection sends a close frame"
        );
        self.phase = Phase::Closing;
    }

    /// From now on input is thrown away.
    pub fn over(&mut self) {
        self.phase = Phase::Over;
        self.work = None;
    }

    /// The next event in the buffer; `None` once it needs more bytes.
    pub fn next<'a>(
        &mut self,
        buffer: &'a mut Buffer,
        limits: Limits,
    ) -> Result<Option<Event<'a>>, Fault> {
        match self.phase {
            Phase::Request => self.next_request(buffer, limits),
            Phase::Open | Phase::Closing if self.is_unpacking() => self.unpack(buffer, limits),
            Phase::Open | Phase::Closing => self.next_frame(buffer, limits),
            Phase::Listening | Phase::Over => {
                buffer.consume(buffer.unread().len());
                Ok(None)
            }
        }
    }

    fn next_request<'a>(
        &mut self,
        buffer: &'a mut Buffer,
        limits: Limits,
    ) -> Result<Option<Event<'a>>, Fault> {
        if let Some(Work::Body(body)) = self.work.as_deref_mut() {
            let stops_at = buffer.cost().saturating_add(limits.cost_max);
            return match body.take(buffer, stops_at)? {
                Taken::Whole => Ok(self.whole_request(buffer)),
                Taken::Part => Ok(None),
                Taken::Slice => Ok(Some(Event::Unfinished)),
            };
        }
        // A client may send an empty line before its request (RFC 9112 §2.2).
        while buffer.unread().starts_with(b"\r\n") {
            buffer.consume(2);
            buffer.spend(2 * work::LINE);
        }
        if matches!(buffer.unread(), [] | [b'\r']) {
            return Ok(None);
        }
        let buffer: &'a Buffer = buffer;
        let unread = buffer.unread();
        if unread.len() == self.part_bytes as usize {
            return Ok(None);
        }
        let Some((head, head_bytes)) = Head::parse(unread)? else {
            buffer.spend(unread.len() as u64 * work::HEAD);
            self.part_bytes = unread.len() as u32;
            return Ok(None);
        };
        self.part_bytes = 0;
        buffer.spend(head_cost(&unread[..head_bytes]));
        let framing = head.framing()?;
        let expects_continue = head.expects_continue()?;
        let behind = &unread[head_bytes..];
        if let Framing::Length(length) = framing
            && length <= u64::from(limits.body_bytes_max)
            && length <= behind.len() as u64
        {
            let body = &behind[..length as usize];
            buffer.consume(head_bytes + body.len());
            return Ok(Some(Event::Request(Request { head, body })));
        }
        let body = Body::new(&unread[..head_bytes], framing, limits.body_bytes_max)?;
        buffer.consume(head_bytes);
        self.work = Some(Box::new(Work::Body(body)));
        Ok(Some(Event::Body {
            expects_continue: expects_continue && behind.is_empty(),
        }))
    }

    fn whole_request<'a>(&mut self, buffer: &'a mut Buffer) -> Option<Event<'a>> {
        let Work::Body(body) = *self.work.take()? else {
            return None;
        };
        let (bytes, head_bytes) = body.into_parts();
        buffer.adopt(bytes);
        let (head, body) = buffer.adopted().split_at(head_bytes);
        buffer.spend(head_cost(head));
        let (head, _) = Head::parse(head)
            .ok()
            .flatten()
            .expect("a head that was parsed once parses again");
        Some(Event::Request(Request { head, body }))
    }

    fn next_frame<'a>(
        &mut self,
        buffer: &'a mut Buffer,
        limits: Limits,
    ) -> Result<Option<Event<'a>>, Fault> {
        let stops_at = buffer.cost().saturating_add(limits.cost_max);
        loop {
            if let Some(Work::Message(message)) = self.work.as_deref_mut()
                && message.frame.is_some()
            {
                match message.take(buffer)? {
                    Piece::Last => {}
                    Piece::OfMore => continue,
                    Piece::Nothing => return Ok(None),
                }
                let cost_max = stops_at.saturating_sub(buffer.cost());
                let limits = Limits { cost_max, ..limits };
                return match self.keep_whole(buffer, limits)? {
                    Whole::CheckedText => Ok(Some(Event::Text(buffer.adopted_text()))),
                    Whole::Data { text } => data(text, buffer.adopted()).map(Some),
                    Whole::Unpacking => Ok(Some(Event::Unfinished)),
                };
            }
            let Some((header, header_bytes)) = Header::parse(buffer.unread(), limits.deflate)?
            else {
                return Ok(None);
            };
            let arrived = (buffer.unread().len() - header_bytes) as u64 >= header.payload_bytes;
            if header.kind.is_control() {
                if !arrived {
                    return Ok(None);
                }
                return control(header, header_bytes, buffer).map(Some);
            }
            self.check_order(&header, limits)?;
            if arrived && header.last && self.work.is_none() {
                buffer.consume(header_bytes);
                let range = buffer.consume(header.payload_bytes as usize);
                unmask(buffer.at_mut(range.clone()), header.mask, 0);
                let text = header.kind == Kind::Text;
                if header.compressed {
                    let (max, cost_max) = (limits.message_bytes_max, limits.cost_max);
                    if let Some(unpacking) = buffer.inflate(range, max, cost_max)? {
                        self.put_aside(unpacking, text);
                        return Ok(Some(Event::Unfinished));
                    }
                    return data(text, buffer.adopted()).map(Some);
                }
                return data(text, buffer.at(range)).map(Some);
            }
            buffer.consume(header_bytes);
            self.begin_frame(header);
            // A frame of a message may be empty, so that many of them come with one read.
            buffer.spend(work::FRAGMENT);
            if buffer.cost() >= stops_at {
                return Ok(Some(Event::Unfinished));
            }
        }
    }

    /// The rules for the order of data frames (RFC 6455 §5.4), and the limit on what they add up to.
    fn check_order(&self, header: &Header, limits: Limits) -> Result<(), Fault> {
        let so_far = match (self.message(), header.kind) {
            (Some(message), Kind::Continuation) => message.gathered.bytes() as u64,
            (Some(_), _) => return Err(Fault::Interleaved),
            (None, Kind::Continuation) => return Err(Fault::ContinuesNothing),
            _ => 0,
        };
        let compressed = header.compressed
            || self
                .message()
                .is_some_and(|message| message.gathered.is_compressed());
        // What cannot be made shorter gets longer, in small blocks by up to a sixteenth; how much it is when it is inflated
        // is looked at then.
        let max = u64::from(limits.message_bytes_max);
        let max = if compressed { max + max / 16 + 64 } else { max };
        if so_far.saturating_add(header.payload_bytes) > max {
            return Err(Fault::MessageTooBig(limits.message_bytes_max));
        }
        Ok(())
    }

    fn begin_frame(&mut self, header: Header) {
        let begun = || {
            Box::new(Work::Message(Assembly {
                gathered: Gathered::new(&header),
                frame: None,
            }))
        };
        if let Work::Message(message) = &mut **self.work.get_or_insert_with(begun) {
            message.frame = Some(Partial {
                header,
                taken_bytes: 0,
            });
        }
    }

    /// Gives the buffer a message that came in pieces, and says what it is. (An event has room for a request's head: were
    /// one passed on from here, all of that would be copied.)
    fn keep_whole(&mut self, buffer: &mut Buffer, limits: Limits) -> Result<Whole, Fault> {
        let message = match self.work.take().map(|work| *work) {
            Some(Work::Message(message)) => message,
            _ => unreachable!("only a message that has begun can end"),
        };
        match message.gathered {
            Gathered::Text(text) => {
                buffer.adopt_text(text.finish()?);
                Ok(Whole::CheckedText)
            }
            Gathered::Binary(bytes) => {
                buffer.adopt(bytes);
                Ok(Whole::Data { text: false })
            }
            Gathered::Compressed { text, bytes } => {
                let (max, cost_max) = (limits.message_bytes_max, limits.cost_max);
                if let Some(unpacking) = buffer.adopt_inflated(bytes, max, cost_max)? {
                    self.put_aside(unpacking, text);
                    return Ok(Whole::Unpacking);
                }
                Ok(Whole::Data { text })
            }
        }
    }

    fn is_unpacking(&self) -> bool {
        matches!(self.work.as_deref(), Some(Work::Unpacking(..)))
    }

    /// Goes on with a compressed message that is there.
    #[cold]
    fn unpack<'a>(
        &mut self,
        buffer: &'a mut Buffer,
        limits: Limits,
    ) -> Result<Option<Event<'a>>, Fault> {
        let Some(Work::Unpacking(unpacking, text)) = self.work.as_deref_mut() else {
            return Ok(None);
        };
        let text = *text;
        if !buffer.go_on(unpacking, limits.message_bytes_max, limits.cost_max)? {
            return Ok(Some(Event::Unfinished));
        }
        self.work = None;
        data(text, buffer.adopted()).map(Some)
    }

    #[cold]
    fn put_aside(&mut self, unpacking: Unpacking, text: bool) {
        self.work = Some(Box::new(Work::Unpacking(Box::new(unpacking), text)));
    }

    /// The last request is to be given again. What came with its head is unread since the mark; one that had `pieces` is
    /// given back by the buffer.
    pub fn put_back(&mut self, buffer: &mut Buffer, mark: usize, pieces: bool) {
        if !pieces {
            return buffer.unread_from(mark);
        }
        let bytes = buffer.take_adopted();
        let head = Head::parse(&bytes).ok().flatten();
        let (_, head_bytes) = head.expect("a head that was parsed once parses again");
        self.work = Some(Box::new(Work::Body(Body::whole(bytes, head_bytes))));
    }

    /// Whether a body is half received.
    pub fn has_body(&self) -> bool {
        matches!(self.work.as_deref(), Some(Work::Body(_)))
    }

    /// How far the connection has come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether a body or a message is half received.
    pub fn is_midway(&self) -> bool {
        self.work.is_some()
    }

    /// The head of the request whose body is half received.
    pub fn head(&self) -> Option<&[u8]> {
        match self.work.as_deref() {
            Some(Work::Body(body)) => Some(body.head()),
            _ => None,
        }
    }

    /// Bytes of memory that the half-received body or message holds.
    pub fn held_bytes(&self) -> usize {
        match self.work.as_deref() {
            None => 0,
            Some(Work::Body(body)) => size_of::<Work>() + body.held_bytes(),
            Some(Work::Message(message)) => size_of::<Work>() + message.gathered.held_bytes(),
            Some(Work::Unpacking(unpacking, _)) => size_of::<Work>() + unpacking.held_bytes(),
        }
    }

    /// The message that is half received.
    fn message(&self) -> Option<&Assembly> {
        match self.work.as_deref() {
            Some(Work::Message(message)) => Some(message),
            _ => None,
        }
    }
}

impl Default for Protocol {
    fn default() -> Protocol {
        Protocol::new()
    }
}
