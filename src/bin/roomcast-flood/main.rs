//! The connection flood.
fn main() {}
