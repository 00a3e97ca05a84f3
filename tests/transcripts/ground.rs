//! What a transcript is played on: a server that can be connected to and asked to go away.

use std::io::{Read, Write};

/// A server, which ends when this is dropped.
pub trait Ground {
    /// One connection. A read that nothing comes for in time is an error.
    type Stream: Read + Write;

    /// Starts a server with these flags.
    fn open(flags: &[String]) -> Self;

    /// Connects to it.
    fn connect(&self) -> Self::Stream;

    /// What a client calls it.
    fn host(&self) -> String;

    /// Asks it to go away, as an operator does.
    fn stop(&self);
}
