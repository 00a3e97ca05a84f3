//! The rooms dialect, whole: the real server on a free port, plain HTTP, and WebSocket clients that others wrote.
#![allow(clippy::unwrap_used)]

mod calls;
mod chat;
mod codes;
mod entry;
mod game;
mod history;
mod leaving;
mod names;
#[path = "../sockets/patient.rs"]
mod patient;
mod said;
mod store;
mod support;
mod tokens;
