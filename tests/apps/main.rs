//! The dialects over real sockets: the real binary on a port of its own, and a client that others wrote.
//!
//! Nothing here sleeps to let something happen: a test waits for an answer, or asks again until a deadline. That
//! nothing came is known from what comes behind it.
#![allow(clippy::unwrap_used, missing_docs)]
// The house that the tests of the sockets live in has more than is needed here.
#[allow(dead_code)]
#[path = "../sockets/client.rs"]
mod client;
#[allow(dead_code)]
#[path = "../sockets/http.rs"]
mod http;
#[path = "../sockets/patient.rs"]
mod patient;
#[allow(dead_code)]
#[path = "../sockets/server.rs"]
mod server;

mod helpers;
mod sessions;
mod tasks;
