//! The law itself: what is wrong with a set of files, a sentence each.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{
    CRATES, GROUND, GROUNDED, LAYERS, LINES_MAX, MARKS, NEVER, NOTES, THREADED, THREADS, entry,
};
use super::source::Source;

/// Modules beside each other, of which the first imports the second.
type Edges = BTreeSet<(Vec<String>, Vec<String>)>;

/// Everything that is wrong with these files.
pub fn check(sources: &[Source]) -> Vec<String> {
    let mut wrong = BTreeSet::new();
    let mut edges = Edges::new();
    for source in sources {
        check_text(source, &mut wrong);
        for path in source.paths() {
            check_words(source, &path, &mut wrong);
            if path[0] == "crate" && path.len() > 1 {
                check_import(source, &path[1..], &mut wrong);
                edges.extend(edge(sources, source, &path[1..]));
            }
        }
    }
    for (from, to) in edges.iter().filter(|(from, to)| leads(&edges, to, from)) {
        let (from, to) = (from.join("::"), to.join("::"));
        wrong.insert(format!("{from} imports {to}, which leads back to it"));
    }
    wrong.into_iter().collect()
}

fn check_import(source: &Source, path: &[String], wrong: &mut BTreeSet<String>) {
    let (name, top) = (source.name(), path[0].as_str());
    let may = match entry(NOTES, &source.module) {
        Some((module, allowed)) => path.join("::").starts_with(module) || allowed.contains(&top),
        None => may_import(&source.module[0], top),
    };
    if !may {
        wrong.insert(format!("{name} imports crate::{top}, which it may not"));
    }
}

/// Whether what stands at the top of the library may use what else stands there.
fn may_import(mine: &str, other: &str) -> bool {
    let layer = |name: &str| LAYERS.iter().find(|(known, _)| *known == name);
    match (layer(mine), layer(other)) {
        _ if mine == "main" || mine == "lib" => true,
        (Some((_, mine)), Some((_, other))) => other <= mine,
        _ => false,
    }
}

/// The modules beside each other that an import joins, if it leads out of its own.
fn edge(
    sources: &[Source],
    source: &Source,
    path: &[String],
) -> Option<(Vec<String>, Vec<String>)> {
    let is_file = |prefix: &&[String]| sources.iter().any(|source| source.module == *prefix);
    let prefixes = (1..=path.len()).rev().map(|length| &path[..length]);
    let target = prefixes.into_iter().find(is_file)?;
    let mine = &source.module;
    let common = target.iter().zip(mine).take_while(|(a, b)| a == b).count();
    let are_apart = common < target.len() && common < mine.len();
    are_apart.then(|| (mine[..=common].to_vec(), target[..=common].to_vec()))
}

/// Whether a way of imports leads from one module to the other.
fn leads(edges: &Edges, from: &Vec<String>, goal: &Vec<String>) -> bool {
    let mut next: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(from).or_default().push(to);
    }
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(module) = open.pop() {
        if module == goal {
            return true;
        }
        if seen.insert(module) {
            open.extend(next.get(module).into_iter().flatten());
        }
    }
    false
}

/// The rules for single words and paths.
fn check_words(source: &Source, path: &[String], wrong: &mut BTreeSet<String>) {
    let (name, written) = (source.name(), path.join("::"));
    let holds = |words: &[&str]| path.windows(words.len()).any(|window| window == words);
    for (_, why) in NEVER.iter().filter(|(words, _)| holds(words)) {
        wrong.insert(format!("{name} says {written}: {why}"));
    }
    let has_thread = THREADED.iter().any(|module| source.is_in(module));
    for (_, why) in THREADS.iter().filter(|(words, _)| holds(words)) {
        if !has_thread {
            wrong.insert(format!("{name} says {written}: {why}"));
        }
    }
    if path.iter().any(|word| word.starts_with("Atomic")) {
        wrong.insert(format!(
            "{name} says {written}: one thread needs no atomics"
        ));
    }
    let has_ground = GROUNDED.iter().any(|module| source.is_in(module));
    for (_, why) in GROUND.iter().filter(|(words, _)| holds(words)) {
        if !has_ground {
            wrong.insert(format!("{name} says {written} outside transport: {why}"));
        }
    }
    let users = CRATES.iter().find(|(known, _)| *known == path[0]);
    if let Some((known, users)) = users
        && path.len() > 1
        && !users.iter().any(|user| source.is_in(user))
    {
        let users = users.join(", ");
        wrong.insert(format!("{name} uses {known}, which is for {users}"));
    }
}

/// The rules for a file as a whole.
fn check_text(source: &Source, wrong: &mut BTreeSet<String>) {
    let (name, text) = (source.name(), &source.text);
    let lines = text.lines().count();
    if lines > LINES_MAX {
        wrong.insert(format!(
            "{name} has {lines} lines: ask what noun is hiding in it"
        ));
    }
    if !text.starts_with("//!") {
        wrong.insert(format!("{name} does not open with what it does"));
    }
    for mark in MARKS.iter().filter(|mark| text.contains(**mark)) {
        wrong.insert(format!("{name} leaves a {mark}"));
    }
}
