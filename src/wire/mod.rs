//! Bytes and what they mean, without any connection around them: frames, HTTP heads, the upgrade, faults; and what a
//! Redis is told and says.

pub mod body;
pub mod buffer;
pub mod deflate;
pub mod fault;
pub mod frame;
pub mod growth;
pub mod packing;
pub mod request;
pub mod resp;
pub mod response;
pub mod sse;
pub mod subprotocol;
mod target;
pub mod upgrade;
pub mod utf8;
