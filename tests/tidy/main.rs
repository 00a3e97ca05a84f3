//! The floor plan as law: every import in `src` is read, and one that climbs fails the build. So does whatever the
//! house rules forbid everywhere: a clock or a chance of one's own, threads and what belongs to them, a file too long
//! to be one noun.
#![allow(clippy::unwrap_used, missing_docs)]

mod law;
mod plan;
mod source;
mod transgressions;

use std::fs;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn the_source_keeps_to_the_floor_plan() {
    let sources = source::below(&folder("src"));
    let files = sources.len();
    assert!(files > 50, "only {files} files were found");
    let wrong = law::check(&sources);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_test_and_benchmark_says_what_it_is() {
    for name in ["tests", "benches"] {
        for source in source::below(&folder(name)) {
            let opens = source.text.starts_with("//!");
            assert!(opens, "{} does not open with what it does", source.name());
        }
    }
}

#[test]
fn no_runtime_is_in_the_lock_file() {
    let lock = fs::read_to_string(folder("Cargo.lock")).unwrap();
    for runtime in plan::RUNTIMES {
        let entry = format!("name = \"{runtime}\"\n");
        assert!(!lock.contains(&entry), "{runtime} is in the lock file");
    }
}
