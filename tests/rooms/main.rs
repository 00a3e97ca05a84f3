//! The rooms dialect, whole: the real server on a free port, plain HTTP, and WebSocket clients that others wrote.
#![allow(clippy::unwrap_used)]

mod behind;
mod calls;
mod chat;
mod codes;
mod entry;
mod game;
#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;
mod history;
mod leaving;
mod lobby;
mod member;
mod names;
mod player;
mod resuming;
mod said;
mod store;
mod tokens;
