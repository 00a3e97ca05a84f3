//! Microbenchmarks of the hot path, one row each: nanoseconds, instructions and allocations for one operation.
//!
//! Times depend on the machine and on who else uses it; compare them side by side only. Instructions and allocations do
//! not: they are counted, and what is counted is held against `budget.toml`, a file beside this one.
//!
//! `cargo bench --bench micro` times all rows, `cargo bench --bench micro -- outbox` those with this word in their
//! names. `scripts/icount.sh` counts.
#![allow(clippy::unwrap_used, missing_docs)]

mod budget;
mod core;
mod counting;
mod harness;
#[allow(dead_code)]
#[path = "../../tests/simulation/network.rs"]
mod network;
mod turn;
mod wire;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use budget::{Budget, Tools};
use harness::Table;

const BUDGET: &str = "benches/micro/budget.toml";

/// Times the hot path, a row for each part of it, or counts its instructions and allocations.
#[derive(Parser)]
struct Options {
    /// Count with valgrind instead, and fail if a row costs more than the budget allows
    #[arg(long)]
    count: bool,

    /// Count all rows and write the budget anew
    #[arg(long, conflicts_with = "words")]
    update: bool,

    /// Only rows with one of these words in their names
    words: Vec<String>,

    /// Do the work of this row, for the one who counts.
    #[arg(long, hide = true, requires = "calls")]
    row: Option<String>,

    /// How often to do that.
    #[arg(long, hide = true)]
    calls: Option<u32>,

    /// A flag that `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let (Some(row), Some(calls)) = (options.row, options.calls) {
        let table = measure(Table::repeating(row, calls));
        return counting::tell(table.repeated());
    }
    if options.update || options.count {
        return count(&options.words, options.update).unwrap_or_else(|error| {
            eprintln!("icount: {error}");
            ExitCode::from(2)
        });
    }
    measure(Table::timing(options.words)).finish()
}

fn measure(mut table: Table) -> Table {
    wire::measure(&mut table);
    core::measure(&mut table);
    turn::measure(&mut table);
    table
}

/// Counts, and compares with the budget or writes it anew.
fn count(words: &[String], update: bool) -> Result<ExitCode, String> {
    let is_wanted =
        |name: &String| words.is_empty() || words.iter().any(|word| name.contains(word));
    let all = measure(Table::naming()).names();
    let names = all.iter().filter(|name| is_wanted(name)).cloned();
    let (counts, cpu) = counting::count(&names.collect::<Vec<_>>())?;
    let found = Budget::new(Tools::here(cpu)?, counts);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(BUDGET);
    if update {
        found.write(&file)?;
        println!("{found}\nicount: this is what {BUDGET} says now");
        return Ok(ExitCode::SUCCESS);
    }
    let verdict = Budget::read(&file)?.judge(&found, &all);
    println!("{verdict}");
    Ok(match verdict.passed() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
