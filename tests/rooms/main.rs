//! The rooms dialect, whole: the real server on a free port, plain HTTP, and WebSocket clients that others wrote.
#![allow(clippy::unwrap_used)]

mod calls;
mod chat;
mod entry;
mod game;
mod leaving;
mod names;
#[path = "../sockets/patient.rs"]
mod patient;
mod support;
mod tokens;
