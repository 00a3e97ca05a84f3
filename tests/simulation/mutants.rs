//! The deliberate bugs of `mutants.toml`: whether each can still be made. Whether each is caught is shown by
//! `scripts/mutants.sh`, which takes longer.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// Fewer would say little about the seeds.
const MUTANTS_MIN: usize = 14;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    name: String,
    file: String,
    find: String,
    replace: String,
}

#[test]
fn every_deliberate_bug_can_still_be_made() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = fs::read_to_string(root.join("tests/simulation/mutants.toml")).unwrap();
    let List { mutant: mutants } = toml::from_str(&list).unwrap();
    assert!(mutants.len() >= MUTANTS_MIN, "only {}", mutants.len());
    let names: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.name.as_str()).collect();
    assert_eq!(names.len(), mutants.len(), "a name is given twice");
    for Mutant {
        name,
        file,
        find,
        replace,
    } in &mutants
    {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let found = text.matches(find.as_str()).count();
        assert_eq!(
            found, 1,
            "{name}: its text must occur once in {file}, and occurs {found} times: write it anew in mutants.toml"
        );
        assert_ne!(find, replace, "{name}: nothing is changed");
    }
}
