//! The settings: text in, and one clear sentence or settings out, which are the same when they are printed and read.
//!
//! An input is a file, lines of `NAME=VALUE` for the environment, and flags, one a line, with [`SEPARATOR`] between the
//! three. What names a file to read is left out: that is not for a fuzzer to choose.

use std::ffi::OsString;
use std::path::PathBuf;
use std::{env, fs, process, thread};

use roomcast::settings::{Command, Loaded, SettingsError, load};

const SEPARATOR: u8 = 0x1e;
const DESCRIPTORS: u64 = 20_000;
/// What an error says that names the source of what is wrong.
const SOURCES: [&str; 4] = ["file ", "environment ", "flag -", "argument "];

pub fn drive(input: &[u8]) {
    let mut parts = input.splitn(3, |&byte| byte == SEPARATOR);
    let file = parts.next().unwrap_or_default();
    let environment = parts.next().map(variables).unwrap_or_default();
    let flags = parts.next().map(flags).unwrap_or_default();
    let loaded = match give(file, &environment, &flags) {
        Ok(loaded) => loaded,
        Err(SettingsError::Shown(_)) => {
            let is_asked = |flag: &String| {
                ["-h", "--h", "-V", "--v"]
                    .iter()
                    .any(|asks| flag.starts_with(asks))
            };
            assert!(flags.iter().any(is_asked), "help, unasked: {flags:?}");
            return;
        }
        Err(SettingsError::Wrong(sentence)) => return check_sentence(&sentence),
    };
    for warning in &loaded.warnings {
        assert!(!warning.chars().any(char::is_control), "{warning:?}");
    }
    check_printed(file, &environment, &flags, loaded);
}

fn check_sentence(sentence: &str) {
    let is_one_line = !sentence.chars().any(char::is_control);
    assert!(
        is_one_line && !sentence.starts_with(char::is_uppercase),
        "{sentence:?}"
    );
    let says_where = SOURCES.iter().any(|source| sentence.contains(source));
    assert!(says_where, "it does not say where it came from: {sentence}");
}

/// What is printed reads back as what it was, but for keys and the secret, which are not printed.
fn check_printed(
    file: &[u8],
    environment: &[(OsString, OsString)],
    given: &[String],
    loaded: Loaded,
) {
    let given = [given, &["--print-config".to_owned()]].concat();
    let printed = match give(file, environment, &given).map(|loaded| loaded.command) {
        Ok(Command::PrintConfig(printed)) => printed,
        // What came last may have waited for a value.
        Ok(Command::Serve) | Err(_) => return,
    };
    let mut settings = loaded.settings;
    let mut hidden = Vec::new();
    if !settings.keys.is_empty() {
        hidden.push(("ROOMCAST_KEYS".into(), "k".into()));
        settings.keys = vec!["k".to_owned()];
    }
    settings.secret = None;
    // A flag of one start is no setting.
    settings.new_epochs = false;
    let again = give(printed.as_bytes(), &hidden, &[]);
    let again = again.unwrap_or_else(|why| panic!("{why}\n{printed}"));
    assert_eq!(again.settings, settings, "{printed}");
}

fn give(
    file: &[u8],
    environment: &[(OsString, OsString)],
    flags: &[String],
) -> Result<Loaded, SettingsError> {
    let path = path();
    fs::write(&path, file).unwrap();
    let named = [
        "roomcast".into(),
        "--config".into(),
        path.clone().into_os_string(),
    ];
    let arguments = named.into_iter().chain(flags.iter().map(OsString::from));
    let loaded = load(arguments, environment.iter().cloned(), DESCRIPTORS);
    fs::remove_file(&path).unwrap();
    loaded
}

/// A file of this thread's own, where files are memory if they are somewhere.
fn path() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() {
        memory
    } else {
        env::temp_dir()
    };
    let (process, thread) = (process::id(), thread::current().id());
    folder.join(format!("roomcast-fuzz-{process}-{thread:?}.toml"))
}

fn lines(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    // An argument and a variable end where C says.
    text.split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| line.replace('\0', ""))
        .collect()
}

fn variables(text: &[u8]) -> Vec<(OsString, OsString)> {
    let pairs = lines(text);
    let pairs = pairs.iter().filter_map(|line| line.split_once('='));
    pairs
        .filter(|(name, _)| *name != "ROOMCAST_CONFIG")
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn flags(text: &[u8]) -> Vec<String> {
    let names_file = |flag: &String| flag.starts_with("--config");
    lines(text)
        .into_iter()
        .filter(|flag| !names_file(flag))
        .collect()
}
