//! What the battery is fired at: a server that can be connected to and looked into, and the client's end of a
//! connection.

use std::io::{Read, Write};
use std::time::Duration;

/// Flags of every server: what is published is not kept for those who may come back, so that whatever is held at rest is
/// what a client has left behind.
pub const KEEPS_NOTHING: &str = "--set events.history_messages=0";

/// A server, which ends when this is dropped.
pub trait Ground {
    type Stream: Stream;

    /// Whether time is virtual here.
    const SIMULATED: bool;

    /// Starts a server with these flags; `hurried` are more of them for where nobody wants to wait.
    fn open(flags: &str, hurried: &str) -> Self;

    /// The same, with so many descriptors at most.
    fn with_descriptors(descriptors: u32, flags: &str) -> Self;

    /// Connects to it; the reads of the stream give up after a while that nobody should need.
    fn connect(&self) -> Self::Stream;

    /// How long it has been running, on its own clock.
    fn elapsed(&self) -> Duration;

    /// The same, with a network that takes little of what the client does not read.
    fn connect_narrow(&self) -> Self::Stream;

    /// Descriptors that the server holds.
    fn descriptors(&self) -> usize;

    /// Bytes that queues and half-received messages hold, where they can be seen, and every rule of the loop checked.
    fn held_bytes(&self) -> u64;

    /// Asks until it is so; panics with the sentence if it never is.
    fn until(&self, what: &str, is_so: &mut dyn FnMut() -> bool);
}

/// The client's end of a connection. Dropping it is vanishing.
pub trait Stream: Read + Write {
    /// Says that nothing more will be sent.
    fn finish(&mut self);

    /// Breaks the connection, so that the server learns of it by an error.
    fn reset(self);

    /// Waits so long at most; true as soon as there is something to read, be it the end.
    fn is_answered_within(&mut self, span: Duration) -> bool;

    /// The network takes again what the client does not read.
    fn widen(&mut self);
}
