//! What the tests on real sockets have in common: a program that is started and ends with its test, the hub as such a
//! program, a connection for raw HTTP and frames, and a WebSocket client that others wrote.
//!
//! Each of these tests includes this folder by its path, and most need only some of it. What a dialect says stands
//! beside the tests of that dialect, and not here. Nothing here sleeps to let something happen: it waits for an answer,
//! or asks again until a deadline.

pub mod client;
pub mod http;
pub mod patience;
pub mod positions;
pub mod process;
pub mod server;
pub mod socket;
pub mod steady;
pub mod stream;
