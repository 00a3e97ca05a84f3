//! roomcast: a WebSocket hub that holds very many connections on a single core.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod apps;
pub mod bounds;
pub mod core;
pub mod id;
pub mod metrics;
pub mod reactor;
pub mod settings;
pub mod time;
pub mod transport;
pub mod web;
pub mod wire;
