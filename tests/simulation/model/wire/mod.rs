//! A client's own idea of what goes over the wire: HTTP, frames, messages that are compressed, and positions.

pub mod answers;
pub mod deflate;
pub mod frames;
pub mod inflate;
pub mod position;
