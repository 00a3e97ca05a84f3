//! The corpus of the fuzzer, replayed on every test run: each file through the function that the fuzzer feeds.
//!
//! What a fuzzer found once is a file here from then on. No fuzzer is needed for this, and no compiler but the usual.
#![allow(clippy::unwrap_used, missing_docs)]

mod drive;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// What a corpus may weigh: it is read by people, and by every test run.
const FILE_BYTES_MAX: u64 = 4096;
const FILES_MAX: usize = 60;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz")
        .join(name)
}

/// The names in a folder, without what is behind the dot.
fn names(folder: &Path) -> BTreeSet<String> {
    let items = fs::read_dir(folder).unwrap();
    items
        .map(|item| {
            item.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

fn replay(target: &str) {
    let (_, drive) = drive::TARGETS
        .into_iter()
        .find(|(name, _)| *name == target)
        .unwrap();
    let folder = folder("corpus").join(target);
    let files = names(&folder);
    assert!(!files.is_empty(), "{target} has no corpus");
    assert!(
        files.len() <= FILES_MAX,
        "{} files are too many",
        files.len()
    );
    let fails = |name: &String| {
        let input = fs::read(folder.join(name)).unwrap();
        assert!(input.len() as u64 <= FILE_BYTES_MAX, "{name} is too long");
        catch_unwind(|| drive(&input)).is_err()
    };
    let failed: Vec<&String> = files.iter().filter(|name| fails(name)).collect();
    assert!(
        failed.is_empty(),
        "tests/fuzz/corpus/{target}: {failed:?} failed"
    );
}

#[test]
fn every_target_has_a_corpus_and_is_replayed() {
    let targets = BTreeSet::from(drive::TARGETS.map(|(name, _)| name.to_owned()));
    assert_eq!(names(&folder("targets")), targets);
    assert_eq!(names(&folder("corpus")), targets);
}

#[test]
fn compressed_messages_of_the_corpus_keep_every_promise() {
    replay("deflate");
}

#[test]
fn words_of_the_corpus_keep_every_promise() {
    replay("dialects");
}

#[test]
fn frames_of_the_corpus_keep_every_promise() {
    replay("frames");
}

#[test]
fn runs_of_the_corpus_keep_every_promise() {
    replay("reactor");
}

#[test]
fn requests_of_the_corpus_keep_every_promise() {
    replay("request");
}

#[test]
fn replies_of_the_corpus_keep_every_promise() {
    replay("resp");
}

#[test]
fn settings_of_the_corpus_keep_every_promise() {
    replay("settings");
}
