//! One connection of a churn: it comes, does what its fate says, and leaves as its fate says.
//!
//! Nothing waits here. A guest that leaves early does so without waiting for the server; one that leaves late has checked
//! everything that it was sent until then.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::measure::clock::Micros;
use mio::net::TcpStream;
use mio::{Registry, Token};
use serde::Serialize;
use socket2::Socket;

use crate::client::dial::dial;
use crate::client::failure::Failure;
use crate::client::frame::{self, CLOSE, CLOSE_NORMAL, TEXT};
use crate::client::kit::Kit;
use crate::client::transfer::attempt;
use crate::client::upgrade::Upgrade;
use crate::target::server::Target;
use crate::target::way::Way;

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

impl Guest {
    /// Connects from `source`.
    pub fn connect(
        target: &Target,
        fate: Fate,
        source: Option<SocketAddr>,
        place: (&Registry, Token),
        now: Micros,
    ) -> Result<Guest, Failure> {
        // To close it is then to reset it.
        let linger = fate.resets().then_some(Duration::ZERO);
        let tune = |socket: &Socket| socket.set_linger(linger);
        let socket = dial(target.server, source, tune, place)?;
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

    /// Does what an event allows; says whether it has left as it should.
    pub fn ready(
        &mut self,
        is_writable: bool,
        target: &Target,
        kit: &mut Kit,
        buffer: &mut [u8],
    ) -> Result<bool, Failure> {
        if self.stage == Stage::Connecting {
            if let Some(error) = self.socket.take_error()? {
                return Err(error.into());
            }
            if !is_writable {
                return Ok(false);
            }
            if self.ask(target, kit)? {
                return Ok(true);
            }
            self.stage = Stage::Upgrading;
        }
        loop {
            match attempt(|| self.socket.read(buffer))? {
                Some(0) if self.stage == Stage::Closing => return Ok(true),
                Some(0) => return Err(Failure::HungUp),
                Some(got) => self.input.extend_from_slice(&buffer[..got]),
                None => return Ok(false),
            }
            if self.take_in(target, kit)? {
                return Ok(true);
            }
        }
    }

    /// Sends the request, or half of it; says whether that was all that it came for.
    fn ask(&mut self, target: &Target, kit: &mut Kit) -> Result<bool, Failure> {
        kit.scratch.clear();
        target.write_upgrade(&mut kit.scratch, 0, &self.upgrade.key, None);
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
        Ok(self.socket.write_all(bytes)?)
    }

    /// Handles all that is complete; says whether it has left.
    fn take_in(&mut self, target: &Target, kit: &mut Kit) -> Result<bool, Failure> {
        if self.stage == Stage::Upgrading {
            let Some(used) = self.upgrade.check(&self.input, Way::WebSocket)? else {
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
        frame::write(&mut kit.scratch, CLOSE, &CLOSE_NORMAL.to_be_bytes(), mask);
        self.say(&kit.scratch)?;
        self.stage = Stage::Closing;
        Ok(false)
    }
}
