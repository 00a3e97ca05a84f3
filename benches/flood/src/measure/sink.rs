//! Who is told what happens to the clients: the account of a mode.

use crate::measure::clock::Micros;

/// Who is told what happens to the clients.
pub trait Sink {
    /// The handshake of `client` is complete.
    fn opened(&mut self, client: u32);
    /// `client` read a message at `now`.
    fn message(&mut self, client: u32, payload: &[u8], now: Micros);
    /// `client` was open and is gone, although nobody asked it to close.
    fn lost(&mut self, client: u32);
    /// Open clients that still wait for their first message.
    fn ungreeted(&self) -> u32;
}
