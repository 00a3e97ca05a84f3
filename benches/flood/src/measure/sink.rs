//! Who is told what happens to the clients: the account of a mode.

use crate::measure::clock::Micros;
use crate::target::position::Position;

/// Who is told what happens to the clients.
pub trait Sink {
    /// `client` is about to ask for its upgrade; the position that it resumes from, if it heard one before.
    fn asks(&mut self, _client: u32) -> Option<Position> {
        None
    }
    /// The handshake of `client` is complete.
    fn opened(&mut self, client: u32);
    /// `client` read a message at `now`.
    fn message(&mut self, client: u32, payload: &[u8], now: Micros);
    /// `client` was open and is gone, although nobody asked it to close.
    fn lost(&mut self, client: u32);
    /// Open clients that still wait for their first message.
    fn ungreeted(&self) -> u32;
}
