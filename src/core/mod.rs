//! Pure parts: no socket, no clock. Each keeps its own column indexed by the connection's key.

pub mod chain;
pub mod hub;
pub mod limiter;
pub mod outbox;
pub mod protocol;
pub mod wheel;
