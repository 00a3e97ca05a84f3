//! The links of the READMEs: what they lead to is here, and so is the heading that they name.
//!
//! Links to other places are left alone, and so is whatever stands in a block of code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Where a link may stand: what comes before its target, and what ends it.
const PLACES: [(&str, char); 3] = [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"')];
/// Folders that are made, and not kept.
const MADE: [&str; 3] = ["target", "node_modules", ".git"];

/// Every README below a folder, with its path from there.
pub fn readmes(root: &Path) -> BTreeMap<PathBuf, String> {
    let (mut found, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() && !MADE.iter().any(|made| name == *made) {
                open.push(path);
            } else if name == "README.md" {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(root).unwrap().to_owned(), text);
            }
        }
    }
    found
}

/// Every link that leads nowhere, as a sentence.
pub fn broken(root: &Path, readmes: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in readmes {
        for link in links(&prose(text)) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => path.clone(),
                file => plain(&path.parent().unwrap_or(Path::new("")).join(file)),
            };
            let has_heading = || match readmes.get(&target) {
                Some(text) => headings(&prose(text)).contains(anchor),
                None => false,
            };
            if !root.join(&target).exists() || !anchor.is_empty() && !has_heading() {
                wrong.push(format!("{}: {link} leads nowhere", path.display()));
            }
        }
    }
    wrong
}

/// The text without its blocks of code.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn links(prose: &str) -> Vec<String> {
    let of = |(before, end): (&str, char)| {
        let behind = prose.split(before).skip(1).collect::<Vec<_>>();
        behind
            .into_iter()
            .filter_map(move |rest| rest.split_once(end))
            // A link may be broken where a line ends, a target may not.
            .map(|(target, _)| target.to_owned())
            .filter(|target| !target.contains("://"))
            .collect::<Vec<_>>()
    };
    PLACES.into_iter().flat_map(of).collect()
}

/// The names that headings have in links: lower case, hyphens for blanks, nothing but letters and digits beside them.
fn headings(prose: &str) -> BTreeSet<String> {
    let titles = prose.lines().filter(|line| line.starts_with('#'));
    let name = |title: &str| {
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    };
    titles.map(name).collect()
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let text = "# A title, and `code`\n[a](b/README.md#no-such) [c](#a-title-and-code)\n```\n[d](e)\n```\n<img src=\"f.png\">";
    let readmes = BTreeMap::from([
        (PathBuf::from("README.md"), text.to_owned()),
        (PathBuf::from("b/README.md"), "## Such\n".to_owned()),
    ]);
    let root = Path::new("/nowhere");
    let wrong = broken(root, &readmes);
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert_eq!(
        headings("## A b-c, `d`\n"),
        BTreeSet::from(["a-b-c-d".to_owned()])
    );
}
