//! The dialects over real sockets: the real binary on a port of its own, and a client that others wrote.
//!
//! Nothing here sleeps to let something happen: a test waits for an answer, or asks again until a deadline. That
//! nothing came is known from what comes behind it.
#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;

mod helpers;
mod sessions;
mod tasks;
