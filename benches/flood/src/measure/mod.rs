//! What is proved and measured: every delivery checked and timed, both ends' books, both processes watched.
//!
//! Nothing here opens a connection.

pub mod books;
pub mod clock;
pub mod counts;
pub mod envelope;
pub mod flights;
pub mod histogram;
pub mod ledger;
pub mod meter;
pub mod problems;
pub mod process;
pub mod sampler;
pub mod sink;
pub mod spans;
pub mod spread;
