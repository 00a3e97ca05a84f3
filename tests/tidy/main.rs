//! The floor plan as law: every import of the hub and of the flood is read, and one that climbs fails the build. So does whatever the
//! house rules forbid everywhere: a clock or a chance of one's own, threads and what belongs to them, a file too long
//! to be one noun. And the READMEs are read: a link that leads nowhere fails it, too.
#![allow(clippy::unwrap_used, missing_docs)]

mod law;
mod links;
mod plan;
mod source;
mod transgressions;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn the_source_keeps_to_the_floor_plan() {
    let mut sources = source::below(&folder("src"), &[]);
    let hub = sources.len();
    sources.extend(source::below(
        &folder("benches/flood/src"),
        &["roomcast_flood"],
    ));
    let flood = sources.len() - hub;
    assert!(
        hub > 50 && flood > 50,
        "only {hub} and {flood} files were found"
    );
    let wrong = law::check(&sources);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_test_and_benchmark_says_what_it_is() {
    for name in ["tests", "benches"] {
        for source in source::below(&folder(name), &[]) {
            let opens = source.text.starts_with("//!");
            assert!(opens, "{} does not open with what it does", source.name());
        }
    }
}

#[test]
fn no_link_of_a_readme_leads_nowhere() {
    let root = folder("");
    let readmes = links::readmes(&root);
    assert!(readmes.len() > 5, "only {} were found", readmes.len());
    let wrong = links::broken(&root, &readmes);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn no_runtime_and_no_fuzzer_is_in_the_lock_file() {
    let lock = fs::read_to_string(folder("Cargo.lock")).unwrap();
    for name in plan::RUNTIMES.iter().chain(&plan::FUZZERS) {
        let entry = format!("name = \"{name}\"\n");
        assert!(!lock.contains(&entry), "{name} is in the lock file");
    }
}

#[test]
fn what_is_fuzzed_is_made_of_what_is_run() {
    let locked = |lock: &str| -> BTreeSet<(String, String)> {
        let text = fs::read_to_string(folder(lock)).unwrap();
        let value = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
        let packages = text.split("[[package]]\n").skip(1).map(|package| {
            let mut lines = package.lines().map(value);
            (
                lines.next().unwrap_or_default(),
                lines.next().unwrap_or_default(),
            )
        });
        packages.collect()
    };
    let (served, fuzzed) = (locked("Cargo.lock"), locked("tests/fuzz/Cargo.lock"));
    assert!(
        served.len() > 50,
        "only {} packages were found",
        served.len()
    );
    let names: BTreeSet<&String> = served.iter().map(|(name, _)| name).collect();
    let others = fuzzed
        .difference(&served)
        .filter(|(name, _)| names.contains(name));
    let others: Vec<_> = others.collect();
    assert!(
        others.is_empty(),
        "run cargo update --precise in tests/fuzz for {others:?}"
    );
}
