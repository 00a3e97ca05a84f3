//! The clients: what they do and say, right and wrong, and what they hear.

pub mod client;
pub mod heard;
pub mod hearing;
pub mod lies;
pub mod outgoing;
pub mod script;
pub mod witness;
