//! RESP3 as the real `redis-server` speaks it. Each test has a server of its own, on a socket in a folder of its own.
#![allow(clippy::unwrap_used, missing_docs)]

mod client;
#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;
mod replies;
mod server;
