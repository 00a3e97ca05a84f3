//! The contract over real sockets: the real binary on a port of its own, a client that others wrote, and raw bytes
//! where a client would be too polite.
//!
//! Nothing here sleeps to let something happen: a test waits for an answer, or asks again until a deadline.
#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;

mod access;
mod admission;
mod bodies;
mod closing;
mod crowd;
mod deadlines;
mod deflate;
mod events;
mod faults;
mod frames;
mod heads;
mod limits;
mod ops;
mod process;
mod resuming;
mod slow;
mod stopped;
