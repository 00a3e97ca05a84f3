//! The copy of what is kept that a client has asked for, from the asking until its last piece is queued. There is one at a
//! time.

use super::{Common, Context};
use crate::id::ConnId;

/// A copy that is being made, or on its way.
#[derive(Clone, Copy, Debug)]
pub struct Copying {
    /// The engine's number for it.
    pub number: u64,
    /// Who has asked for it, and waits.
    pub conn: ConnId,
    /// What is to be handed over, once it is made and the head of the answer is queued.
    pub handing: Option<Handing>,
}

/// How far the handing over has come.
#[derive(Clone, Copy, Debug)]
pub struct Handing {
    /// Bytes that are not queued yet.
    pub left: u64,
    /// The engine has been asked for what comes next.
    pub is_asked: bool,
    /// Whether the connection stays when this is over.
    pub keeps_alive: bool,
}

/// Why no copy is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncopied {
    /// Nothing is kept that could be copied.
    Nothing,
    /// Another is being made, or on its way.
    Another,
}

impl Context<'_> {
    /// Whether anything is kept beyond the process.
    pub fn keeps(&self) -> bool {
        self.common.keeps
    }

    /// Has a copy made of all that is kept, for the client that this call is about: its answer comes when it is made.
    pub fn copy(&mut self, with_secret: bool) -> Result<(), Uncopied> {
        let Common {
            copying,
            copies,
            engine,
            keeps,
            ..
        } = &mut *self.common;
        match copying {
            _ if !*keeps => Err(Uncopied::Nothing),
            Some(_) => Err(Uncopied::Another),
            None => {
                *copies += 1;
                *copying = Some(Copying {
                    number: *copies,
                    conn: self.conn,
                    handing: None,
                });
                engine.copy(*copies, with_secret);
                Ok(())
            }
        }
    }
}
