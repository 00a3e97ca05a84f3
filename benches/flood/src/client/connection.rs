//! One connection, a WebSocket or a stream of events: connects, upgrades, hands over messages, answers pings, closes.
//!
//! An idle client owns no heap: the handshake is freed when it is done, and what could not be parsed or written yet is
//! kept only while there is any. Nothing waits here; deadlines belong to the crowd.

use std::io::Read;
use std::net::{Shutdown, SocketAddr};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Registry, Token};
use socket2::Socket;
use tungstenite::protocol::frame::coding::OpCode;

use crate::client::dial::dial;
use crate::client::failure::Failure;
use crate::client::frame::{self, BINARY, CLOSE, CLOSE_NORMAL, PING, PONG, TEXT};
use crate::client::kit::{Kit, READ_BYTES};
use crate::client::stream::{self, Block};
use crate::client::transfer::{attempt, write};
use crate::client::upgrade::Upgrade;
use crate::measure::clock::{Clock, Micros};
use crate::measure::sink::Sink;
use crate::target::server::Target;
use crate::target::way::Way;

/// The segments of a client with a small receive buffer, in bytes: those of an Ethernet. Loopback's own are so long that
/// the kernel would hold megabytes for each client before the server had to queue anything.
const SEGMENT_BYTES: u32 = 1460;

/// Longer frames are kept where they are read to, so that they are not copied for each piece of them that comes.
const LONG_BYTES: usize = 64 << 10;

/// What a client may use while it handles an event.
#[derive(Debug)]
pub struct Context<'a, S> {
    /// Which client it is.
    pub id: u32,
    /// The server.
    pub target: &'a Target,
    /// The shared tools.
    pub kit: &'a mut Kit,
    /// Who is told.
    pub sink: &'a mut S,
}

/// How a client came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It never opened.
    Failed(Failure),
    /// It was open and should have stayed so.
    Lost(Failure),
    /// It closed, both close frames said 1000, and the server ended the TCP connection.
    Clean,
    /// It was closing, but not like that.
    Unclean(Failure),
}

/// What one readiness event brought about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The handshake was completed, so long after `connect`, in microseconds.
    pub opened_after_us: Option<u64>,
    /// The client came to its end.
    pub ended: Option<End>,
}

/// One connection, from before it connects until after it ended.
#[derive(Debug, Default)]
pub struct Client {
    socket: Option<TcpStream>,
    phase: Phase,
    /// The beginning of a frame or response whose rest is still on its way, and room for that rest if it is long.
    spill: Vec<u8>,
    /// Bytes of it that are there.
    spilled: usize,
    /// What the socket did not take yet, and how much of it the socket took.
    unsent: Vec<u8>,
    sent: usize,
    /// Whether it leaves alone what comes.
    is_paused: bool,
    /// Whether it says nothing any more.
    is_mute: bool,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Waiting,
    Upgrading(Box<Upgrade>),
    Open,
    Closing {
        answer: Option<u16>,
    },
    Ended,
}

impl Client {
    /// Connects from `source` to the target, with a receive buffer of so many bytes if it should be small. What comes
    /// of it arrives as events with the token of `place`.
    pub fn connect(
        &mut self,
        target: &Target,
        source: Option<SocketAddr>,
        receive_buffer: Option<usize>,
        place: (&Registry, Token),
        clock: Clock,
    ) -> Result<(), Failure> {
        let started = clock.now();
        let tune = |socket: &Socket| match receive_buffer {
            Some(bytes) => {
                socket.set_recv_buffer_size(bytes)?;
                socket.set_tcp_mss(SEGMENT_BYTES)
            }
            None => Ok(()),
        };
        self.socket = Some(dial(target.server, source, tune, place)?);
        self.phase = Phase::Upgrading(Box::new(Upgrade::new(started)));
        Ok(())
    }

    /// Does what the event allows, reading through `buffer`, until the socket would block.
    pub fn ready<S: Sink>(
        &mut self,
        event: &Event,
        buffer: &mut [u8],
        cx: &mut Context<'_, S>,
    ) -> Step {
        let mut step = Step::default();
        if self.socket.is_none() {
            return step;
        }
        let to_the_end = event.is_read_closed() || event.is_error();
        let written = if event.is_writable() {
            self.write_ready(cx)
        } else {
            Ok(())
        };
        let outcome = written.and_then(|()| self.read_ready(to_the_end, buffer, cx, &mut step));
        self.settle(outcome, &mut step, cx);
        step
    }

    /// From now on it leaves alone what comes.
    pub fn pause(&mut self) {
        self.is_paused = true;
    }

    /// From now on it says nothing, not even what it should, or answers again: an answer to a server that has given it
    /// up makes the kernel throw away what is still to be read.
    pub fn mute(&mut self, is_mute: bool) {
        self.is_mute = is_mute;
    }

    /// Reads again, and first of all what came meanwhile.
    pub fn resume<S: Sink>(&mut self, buffer: &mut [u8], cx: &mut Context<'_, S>) -> Step {
        let mut step = Step::default();
        if std::mem::take(&mut self.is_paused) && self.socket.is_some() {
            let outcome = self.read_ready(true, buffer, cx, &mut step);
            self.settle(outcome, &mut step, cx);
        }
        step
    }

    /// Sends `payload` as one text message.
    pub fn send_text(&mut self, payload: &[u8], kit: &mut Kit) -> Result<(), End> {
        self.send_frame(TEXT, payload, kit)
            .map_err(|failure| self.end(failure))
    }

    /// Sends bytes that are frames already.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.send(bytes).map_err(|failure| self.end(failure))
    }

    /// Forgets its connection without a word, so that it can connect again.
    pub fn cut(&mut self) {
        *self = Client::default();
    }

    /// Says that it sends nothing more, and reads on until the server ends the connection.
    pub fn hang_up(&mut self) -> Result<(), End> {
        let answer = Some(CLOSE_NORMAL);
        (self.phase, self.is_mute) = (Phase::Closing { answer }, true);
        let shut = |socket: &TcpStream| socket.shutdown(Shutdown::Write);
        let shut = self.socket.as_ref().map_or(Ok(()), shut);
        shut.map_err(|error| self.end(error.into()))
    }

    /// Starts the close handshake, which a stream of events has none of.
    pub fn close(&mut self, way: Way, kit: &mut Kit) -> Result<(), End> {
        if way == Way::Events {
            return self.hang_up();
        }
        self.phase = Phase::Closing { answer: None };
        self.send_frame(CLOSE, &CLOSE_NORMAL.to_be_bytes(), kit)
            .map_err(|failure| self.end(failure))
    }

    /// Drops the connection because of `failure`, and says what that means in its phase.
    pub fn end(&mut self, failure: Failure) -> End {
        let before = std::mem::take(self);
        self.phase = Phase::Ended;
        let gone = matches!(failure, Failure::HungUp | Failure::Reset);
        match before.phase {
            Phase::Open => End::Lost(failure),
            Phase::Closing {
                answer: Some(CLOSE_NORMAL),
            } if gone => End::Clean,
            Phase::Closing { answer: Some(code) } if gone => End::Unclean(Failure::CloseCode(code)),
            Phase::Closing { .. } => End::Unclean(failure),
            Phase::Waiting | Phase::Upgrading(_) | Phase::Ended => End::Failed(failure),
        }
    }

    /// Whether it has not connected yet, or may connect again.
    pub fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Waiting)
    }

    /// Whether it came to its end.
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Whether it is connected and nobody closes it.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Whether its close handshake is under way.
    pub fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }

    /// Whether its socket has not taken all that was to be sent.
    pub fn is_stuck(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// When it called `connect`, while its handshake is under way.
    pub fn connecting_since(&self) -> Option<Micros> {
        match &self.phase {
            Phase::Upgrading(upgrade) => Some(upgrade.started),
            _ => None,
        }
    }

    fn write_ready<S: Sink>(&mut self, cx: &mut Context<'_, S>) -> Result<(), Failure> {
        let (Some(socket), Phase::Upgrading(upgrade)) = (&self.socket, &mut self.phase) else {
            return self.flush();
        };
        if upgrade.requested {
            return self.flush();
        }
        if let Some(error) = socket.take_error()? {
            return Err(error.into());
        }
        upgrade.requested = true;
        cx.kit.scratch.clear();
        let since = cx.sink.asks(cx.id);
        cx.target
            .write_upgrade(&mut cx.kit.scratch, cx.id, &upgrade.key, since);
        self.send(&cx.kit.scratch)
    }

    /// What an outcome means for this client.
    fn settle<S: Sink>(
        &mut self,
        outcome: Result<(), Failure>,
        step: &mut Step,
        cx: &mut Context<'_, S>,
    ) {
        if let Err(failure) = outcome {
            step.ended = Some(self.end(failure));
            if matches!(step.ended, Some(End::Lost(_))) {
                cx.sink.lost(cx.id);
            }
        }
    }

    /// A read that does not fill its room has emptied the socket, and what comes later is a new edge; only when the
    /// event says that the end is near it must be read `to_the_end`.
    fn read_ready<S: Sink>(
        &mut self,
        to_the_end: bool,
        buffer: &mut [u8],
        cx: &mut Context<'_, S>,
        step: &mut Step,
    ) -> Result<(), Failure> {
        while !self.is_paused {
            let kept = self.spilled;
            let is_long = kept < self.spill.len();
            let Some(socket) = &mut self.socket else {
                return Ok(());
            };
            let room = if is_long {
                &mut self.spill[kept..]
            } else {
                buffer[..kept].copy_from_slice(&self.spill);
                &mut buffer[kept..]
            };
            let asked = room.len();
            let got = match attempt(|| socket.read(room))? {
                Some(0) => return Err(Failure::HungUp),
                Some(got) => got,
                None => return Ok(()),
            };
            let filled = kept + got;
            if !is_long {
                let used = self.take_in(&buffer[..filled], cx, step)?;
                self.spill(&buffer[used..filled], cx.target.way);
            } else if got == asked {
                let frame = std::mem::take(&mut self.spill);
                self.spilled = 0;
                self.take_in(&frame, cx, step)?;
            } else {
                self.spilled = filled;
            }
            if got < asked && !to_the_end {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Keeps the beginning of what is not complete.
    fn spill(&mut self, rest: &[u8], way: Way) {
        self.spilled = rest.len();
        if rest.is_empty() {
            self.spill = Vec::new();
            return;
        }
        self.spill.clear();
        self.spill.extend_from_slice(rest);
        let is_framed = way == Way::WebSocket && !matches!(self.phase, Phase::Upgrading(_));
        let whole = frame::length(rest).filter(|&length| is_framed && length > LONG_BYTES);
        if let Some(length) = whole {
            self.spill.resize(length, 0);
        }
    }

    /// Handles all that is complete in `bytes` and says how many bytes that was.
    fn take_in<S: Sink>(
        &mut self,
        bytes: &[u8],
        cx: &mut Context<'_, S>,
        step: &mut Step,
    ) -> Result<usize, Failure> {
        let now = cx.kit.clock.now();
        let mut used = 0;
        if let Phase::Upgrading(upgrade) = &self.phase {
            let Some(head) = upgrade.check(bytes, cx.target.way)? else {
                return Ok(0);
            };
            step.opened_after_us = Some(now.since(upgrade.started));
            self.phase = Phase::Open;
            cx.sink.opened(cx.id);
            if let Some(text) = cx.target.subscribe(cx.id) {
                self.send_frame(TEXT, text.as_bytes(), cx.kit)?;
            }
            used = head;
        }
        if cx.target.way == Way::Events {
            return Ok(used + self.take_blocks(&bytes[used..], cx, now)?);
        }
        while let Some((frame, length)) = frame::parse(&bytes[used..], cx.kit.payload_max)? {
            used += length;
            match frame.opcode {
                TEXT | BINARY => cx.sink.message(cx.id, frame.payload, now),
                PING => self.send_frame(PONG, frame.payload, cx.kit)?,
                CLOSE => {
                    self.take_close(frame.payload, cx.kit)?;
                    return Ok(bytes.len());
                }
                _ => {}
            }
        }
        Ok(used)
    }

    /// The same for what is in blocks.
    fn take_blocks<S: Sink>(
        &self,
        bytes: &[u8],
        cx: &mut Context<'_, S>,
        now: Micros,
    ) -> Result<usize, Failure> {
        let mut used = 0;
        while let Some((block, length)) = stream::parse(&bytes[used..], READ_BYTES / 2)? {
            used += length;
            match block {
                Block::Message(payload) => cx.sink.message(cx.id, payload, now),
                Block::Close(code) => return Err(Failure::CloseCode(code)),
                Block::Aside => {}
            }
        }
        Ok(used)
    }

    /// Nothing may follow a close frame, so whatever does is not looked at.
    fn take_close(&mut self, payload: &[u8], kit: &mut Kit) -> Result<(), Failure> {
        let code = frame::close_code(payload);
        match &mut self.phase {
            Phase::Closing { answer } => {
                answer.get_or_insert(code);
                Ok(())
            }
            _ => {
                self.send_frame(CLOSE, payload, kit)?;
                Err(Failure::CloseCode(code))
            }
        }
    }

    fn send_frame(&mut self, opcode: OpCode, payload: &[u8], kit: &mut Kit) -> Result<(), Failure> {
        let mask = kit.next_mask();
        kit.scratch.clear();
        frame::write(&mut kit.scratch, opcode, payload, mask);
        self.send(&kit.scratch)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.is_mute {
            return Ok(());
        }
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return self.flush();
        }
        let taken = match &mut self.socket {
            Some(socket) => write(socket, bytes)?,
            None => 0,
        };
        self.unsent.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let Some(socket) = &mut self.socket else {
            return Ok(());
        };
        self.sent += write(socket, &self.unsent[self.sent..])?;
        if self.sent == self.unsent.len() {
            (self.unsent, self.sent) = (Vec::new(), 0);
        }
        Ok(())
    }
}
