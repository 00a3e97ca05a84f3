//! A client's own idea of what goes over the wire: HTTP, frames, and messages that are compressed.

pub mod answers;
pub mod deflate;
pub mod frames;
pub mod inflate;
