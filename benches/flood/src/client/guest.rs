//! One connection of a churn: it comes, does what its fate says, and leaves as its fate says.
//!
//! Nothing waits here. A guest that leaves early does so without waiting for the server; one that leaves late has checked
//! everything that it was sent until then.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::measure::clock::Micros;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use serde::Serialize;
use socket2::{Domain, Protocol, Socket, Type};

use crate::client::failure::Failure;
use crate::client::frame::{self, CLOSE, CLOSE_NORMAL, TEXT};
use crate::client::kit::Kit;
use crate::client::upgrade::Upgrade;
use crate::target::server::Target;

/// What `connect` answers on Linux when the outcome comes later.
const EINPROGRESS: i32 = 115;

/// How a guest leaves, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Says nothing, and ends the connection.
    SilentFin,
    /// Sends half a request, and ends the connection.
    HalfRequestFin,
    /// Sends half a request, and resets the connection.
    HalfRequestReset,
    /// Asks for the upgrade, and ends the connection before the answer.
    UpgradeFin,
    /// Is greeted, and says so with a close frame.
    CloseFrame,
    /// Is greeted, and ends the connection.
    Fin,
    /// Is greeted, and resets the connection.
    Reset,
    /// Waits for a message that is published, and leaves with a close frame.
    MessageCloseFrame,
}

impl Fate {
    /// All of them, which take turns.
    pub const ALL: [Fate; 8] = [
        Fate::SilentFin,
        Fate::CloseFrame,
        Fate::HalfRequestFin,
        Fate::Fin,
        Fate::HalfRequestReset,
        Fate::Reset,
        Fate::UpgradeFin,
        Fate::MessageCloseFrame,
    ];

    fn has_close_frame(self) -> bool {
        matches!(self, Fate::CloseFrame | Fate::MessageCloseFrame)
    }

    fn resets(self) -> bool {
        matches!(self, Fate::Reset | Fate::HalfRequestReset)
    }
}

/// One guest.
#[derive(Debug)]
pub struct Guest {
    socket: TcpStream,
    pub fate: Fate,
    upgrade: Upgrade,
    stage: Stage,
    input: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Upgrading,
    Greeting,
    Listening,
    Closing,
}

/// How one event went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// It is not done yet.
    Goes,
    /// It has left as it should.
    Done,
    /// It has left because of this.
    Failed(Failure),
}

impl Guest {
    /// Connects from `source`.
    pub fn connect(
        target: &Target,
        fate: Fate,
        source: Option<SocketAddr>,
        (registry, token): (&Registry, Token),
        now: Micros,
    ) -> Result<Guest, Failure> {
        let domain = Domain::for_address(target.server);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if fate.resets() {
            // To close it is then to reset it.
            socket.set_linger(Some(Duration::ZERO))?;
        }
        if let Some(source) = source {
            socket.bind(&source.into())?;
        }
        match socket.connect(&target.server.into()) {
            Err(error) if error.raw_os_error() != Some(EINPROGRESS) => return Err(error.into()),
            _ => {}
        }
        let mut socket = TcpStream::from_std(socket.into());
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Guest {
            socket,
            fate,
            upgrade: Upgrade::new(now),
            stage: Stage::Connecting,
            input: Vec::new(),
        })
    }

    /// When it came.
    pub fn came(&self) -> Micros {
        self.upgrade.started
    }

    /// Does what an event allows.
    pub fn ready(
        &mut self,
        is_writable: bool,
        target: &Target,
        kit: &mut Kit,
        buffer: &mut [u8],
    ) -> Stay {
        let stay = self.go_on(is_writable, target, kit, buffer);
        stay.unwrap_or_else(Stay::Failed)
    }

    fn go_on(
        &mut self,
        is_writable: bool,
        target: &Target,
        kit: &mut Kit,
        buffer: &mut [u8],
    ) -> Result<Stay, Failure> {
        if self.stage == Stage::Connecting {
            if let Some(error) = self.socket.take_error()? {
                return Err(error.into());
            }
            if !is_writable {
                return Ok(Stay::Goes);
            }
            if self.ask(target, kit)? {
                return Ok(Stay::Done);
            }
            self.stage = Stage::Upgrading;
        }
        loop {
            match self.socket.read(buffer) {
                Ok(0) if self.stage == Stage::Closing => return Ok(Stay::Done),
                Ok(0) => return Err(Failure::HungUp),
                Ok(got) => self.input.extend_from_slice(&buffer[..got]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Stay::Goes),
                Err(error) => return Err(error.into()),
            }
            if self.take_in(target, kit)? {
                return Ok(Stay::Done);
            }
        }
    }

    /// Sends the request, or half of it; says whether that was all that it came for.
    fn ask(&mut self, target: &Target, kit: &mut Kit) -> Result<bool, Failure> {
        kit.scratch.clear();
        target.write_upgrade(&mut kit.scratch, 0, &self.upgrade.key);
        let bytes = match self.fate {
            Fate::SilentFin => 0,
            Fate::HalfRequestFin | Fate::HalfRequestReset => kit.scratch.len() / 2,
            _ => kit.scratch.len(),
        };
        self.say(&kit.scratch[..bytes])?;
        Ok(bytes < kit.scratch.len() || self.fate == Fate::UpgradeFin)
    }

    /// A few hundred bytes always fit an empty socket.
    fn say(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match bytes {
            [] => Ok(()),
            bytes => Ok(self.socket.write_all(bytes)?),
        }
    }

    /// Handles all that is complete; says whether it has left.
    fn take_in(&mut self, target: &Target, kit: &mut Kit) -> Result<bool, Failure> {
        if self.stage == Stage::Upgrading {
            let Some(used) = self.upgrade.check(&self.input)? else {
                return Ok(false);
            };
            self.input.drain(..used);
            self.stage = Stage::Greeting;
        }
        let input = std::mem::take(&mut self.input);
        let mut used = 0;
        while let Some((frame, bytes)) = frame::parse(&input[used..], kit.payload_max)? {
            used += bytes;
            match frame.opcode {
                TEXT if self.stage == Stage::Closing => {}
                TEXT if self.hear(frame.payload, target, kit)? => return Ok(true),
                CLOSE => {
                    let code = frame::close_code(frame.payload);
                    if code != CLOSE_NORMAL || self.stage != Stage::Closing {
                        return Err(Failure::CloseCode(code));
                    }
                }
                _ => {}
            }
        }
        self.input = input;
        self.input.drain(..used);
        Ok(false)
    }

    /// The greeting comes first, then what is published; says whether it has left.
    fn hear(&mut self, text: &[u8], target: &Target, kit: &mut Kit) -> Result<bool, Failure> {
        if self.stage == Stage::Greeting {
            if !target.is_greeting(text) {
                return Err(Failure::BadResponse);
            }
            self.stage = Stage::Listening;
            if self.fate == Fate::MessageCloseFrame {
                return Ok(false);
            }
        }
        if !self.fate.has_close_frame() {
            return Ok(true);
        }
        kit.scratch.clear();
        let mask = kit.next_mask();
        frame::write_close(&mut kit.scratch, mask);
        self.say(&kit.scratch)?;
        self.stage = Stage::Closing;
        Ok(false)
    }
}
