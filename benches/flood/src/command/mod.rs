//! What was asked for: the command line, the values on it, and the servers that it names.

pub mod arguments;
pub mod contender;
pub mod options;
pub mod resume;
pub mod server;
