//! A connection of a client: what has come on it, and that it has ended.

use crate::model::wire::answers::{self, Answer};
use crate::model::wire::frames::{self, Received};
use crate::network::{Client as End, Sim};

pub struct Line {
    end: End,
    bytes: Vec<u8>,
    /// It says and hears nothing more.
    pub is_over: bool,
}

impl Line {
    pub fn new(sim: &mut Sim) -> Line {
        Line {
            end: sim.connect(),
            bytes: Vec::new(),
            is_over: false,
        }
    }

    pub fn send(&mut self, sim: &mut Sim, bytes: &[u8]) {
        sim.send(self.end, bytes);
    }

    /// Takes in what has come.
    pub fn listen(&mut self, sim: &mut Sim) {
        self.bytes.extend(sim.receive(self.end, usize::MAX));
    }

    /// The next whole answer.
    pub fn answer(&mut self) -> Result<Option<Answer>, String> {
        let answer = answers::read(&self.bytes, false)?;
        if let Some(answer) = &answer {
            self.bytes.drain(..answer.bytes);
        }
        Ok(answer)
    }

    /// The next whole frame.
    pub fn frame(&mut self) -> Result<Option<Received>, String> {
        let frame = frames::read(&self.bytes, 0)?;
        if let Some(frame) = &frame {
            self.bytes.drain(..frame.bytes);
        }
        Ok(frame)
    }

    /// Whether the hub has ended it.
    pub fn is_ended(&self, sim: &Sim) -> bool {
        sim.is_ended(self.end)
    }

    /// The client is gone.
    pub fn leave(&mut self, sim: &mut Sim, is_rude: bool) {
        match is_rude {
            true => sim.reset(self.end),
            false => sim.finish_client(self.end),
        }
        sim.forget(self.end);
        self.is_over = true;
    }

    /// The client has heard that the hub has ended it.
    pub fn hang_up(&mut self, sim: &mut Sim) {
        sim.forget(self.end);
        self.is_over = true;
    }
}
