//! The engine that many hubs share, against a real `redis-server` that each test starts: its scripts and its machines.
#![allow(clippy::unwrap_used, missing_docs)]

mod commits;
mod hubs;
mod links;
mod restarts;
mod server;
mod shell;
mod tails;
