//! What a transcript is played on: a server that can be connected to and asked to go away.

use std::io::{Read, Write};
use std::time::Duration;

/// How long an answer may take, on the ground's own clock; whoever waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

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
