//! One file, read token by token: no comments, no strings, nothing that is compiled for tests only.
//!
//! Nothing is resolved but paths: a name that is re-exported somewhere else counts where it is written.

use std::fs;
use std::path::Path;

/// One file: its module, `apps::events`, and its text.
pub struct Source {
    pub module: Vec<String>,
    pub text: String,
}

impl Source {
    pub fn new(module: &str, text: &str) -> Source {
        Source {
            module: module.split("::").map(str::to_owned).collect(),
            text: text.to_owned(),
        }
    }

    pub fn name(&self) -> String {
        self.module.join("::")
    }

    /// Whether it is this module, or below it.
    pub fn is_in(&self, module: &str) -> bool {
        module.split("::").zip(&self.module).all(|(a, b)| a == b)
            && self.module.len() >= module.split("::").count()
    }

    /// Every path that the code writes: `use` trees taken apart, and what leads into our own code resolved, so that it
    /// begins with `crate` and goes on from the top of the library (or with the name of a binary).
    pub fn paths(&self) -> Vec<Vec<String>> {
        let tokens = without_tests(&tokens(&self.text));
        let (mut paths, mut at) = (Vec::new(), 0);
        while at < tokens.len() {
            match is_word(&tokens[at]) {
                true => read_path(&tokens, &mut at, &[], &mut paths),
                false => at += 1,
            }
        }
        paths.into_iter().map(|path| self.resolve(&path)).collect()
    }

    fn resolve(&self, path: &[String]) -> Vec<String> {
        let root = ["crate".to_owned()];
        let is_binary = ["main", "roomcast_flood"].contains(&self.module[0].as_str());
        match path[0].as_str() {
            "roomcast" => [&root, &path[1..]].concat(),
            "crate" if is_binary => [&root, &self.module[..1], &path[1..]].concat(),
            "self" if path.len() > 1 => [&root, &self.module[..], &path[1..]].concat(),
            "super" => {
                let supers = path.iter().take_while(|word| *word == "super").count();
                let kept = self.module.len().saturating_sub(supers);
                [&root, &self.module[..kept], &path[supers..]].concat()
            }
            _ => path.to_vec(),
        }
    }
}

/// Every file below a folder, which stands for a module or for a library, but those that are compiled for tests only.
pub fn below(folder: &Path, module: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    let module: Vec<String> = module.iter().map(|name| (*name).to_owned()).collect();
    read(folder, &module, &mut sources);
    sources
}

fn read(folder: &Path, module: &[String], sources: &mut Vec<Source>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let inner = [module, &[stem.replace('-', "_")]].concat();
        let stands_for_folder = !module.is_empty() && ["mod", "main"].contains(&stem);
        if path.is_dir() {
            read(&path, &inner, sources);
        } else if path.extension().is_some_and(|kind| kind == "rs") && stem != "tests" {
            sources.push(Source {
                module: if stands_for_folder {
                    module.to_vec()
                } else {
                    inner
                },
                text: fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

/// Reads one path, or a tree of them behind a common start, and moves past it.
fn read_path(tokens: &[String], at: &mut usize, start: &[String], paths: &mut Vec<Vec<String>>) {
    let token = |at: usize| tokens.get(at).map_or("", String::as_str);
    let mut path = start.to_vec();
    while is_word(token(*at)) {
        // In a tree `self` is the start itself.
        if token(*at) != "self" || path.is_empty() {
            path.push(tokens[*at].clone());
        }
        *at += 1;
        if token(*at) != "::" {
            if token(*at) == "as" {
                *at += 2;
            }
            return paths.push(path);
        }
        *at += 1;
    }
    if token(*at) != "{" {
        return paths.push(path);
    }
    *at += 1;
    while *at < tokens.len() && token(*at) != "}" {
        match token(*at) {
            word if is_word(word) => read_path(tokens, at, &path, paths),
            sign => {
                if sign == "*" {
                    paths.push(path.clone());
                }
                *at += 1;
            }
        }
    }
    *at += 1;
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Words, `::` and single signs; no comments, no strings, no numbers.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or(' ');
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let rest = &chars[i..];
        let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
        i += match rest[0] {
            '/' if at(i + 1) == '/' => rest.iter().take_while(|c| **c != '\n').count(),
            '/' if at(i + 1) == '*' => find(rest, &['*', '/']),
            '"' => quoted(rest, '"'),
            // A character, and not a lifetime.
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => quoted(rest, '\''),
            'r' | 'b' | 'c' if raw_string(rest) > 0 => raw_string(rest),
            ':' if at(i + 1) == ':' => {
                tokens.push("::".to_owned());
                2
            }
            c if is_word(&c) => {
                let word: String = rest.iter().copied().take_while(is_word).collect();
                let length = word.chars().count();
                if !c.is_numeric() {
                    tokens.push(word);
                }
                length
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push(c.to_string());
                }
                1
            }
        };
    }
    tokens
}

/// How far it is past the first such signs, or to the end.
fn find(chars: &[char], signs: &[char]) -> usize {
    let found = chars
        .windows(signs.len())
        .position(|window| window == signs);
    found.map_or(chars.len(), |at| at + signs.len())
}

/// How long a string or a character is, its quotes included.
fn quoted(chars: &[char], quote: char) -> usize {
    let mut i = 1;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// The length of `r"…"`, `br#"…"#` and their like; 0 for anything else.
fn raw_string(chars: &[char]) -> usize {
    let prefix = chars.iter().take_while(|c| c.is_alphabetic()).count();
    let hashes = chars[prefix..].iter().take_while(|c| **c == '#').count();
    let open = prefix + hashes;
    if prefix > 2 || !chars[..prefix].contains(&'r') || chars.get(open) != Some(&'"') {
        return 0;
    }
    let end: Vec<char> = ['"'].into_iter().chain(vec!['#'; hashes]).collect();
    open + 1 + find(&chars[open + 1..], &end)
}

/// Cuts out every item behind `#[cfg(test)]`.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let here = tokens[i..].iter().map(String::as_str).take(mark.len());
        if !here.eq(mark) {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        let mut depth = 0;
        while i < tokens.len() {
            let token = tokens[i].as_str();
            depth += i32::from(token == "{") - i32::from(token == "}");
            i += 1;
            if depth == 0 && (token == "}" || token == ";") {
                break;
            }
        }
    }
    kept
}
