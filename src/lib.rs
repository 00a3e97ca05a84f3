//! roomcast: a WebSocket hub that holds very many connections on a single core.
#![forbid(unsafe_code)]

pub mod bounds;
pub mod id;
pub mod time;
