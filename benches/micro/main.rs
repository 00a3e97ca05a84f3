//! Microbenchmarks of the hot path, one row each: nanoseconds and allocations for one operation.
//!
//! Times depend on the machine and on who else uses it; compare them side by side only. Allocations do not: they are
//! counted, and a row that says how many there may be fails the run when there are more.
//!
//! `cargo bench` runs all of them, `cargo bench -- outbox` those with this word in their names.
#![allow(clippy::unwrap_used, missing_docs)]

mod core;
mod harness;
mod turn;
mod wire;

use std::process::ExitCode;

use harness::Table;

fn main() -> ExitCode {
    let mut table = Table::new(std::env::args().skip(1));
    wire::measure(&mut table);
    core::measure(&mut table);
    turn::measure(&mut table);
    table.finish()
}
