//! What a test gives to the settings, and how it looks at what comes out.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use roomcast::settings::{Command, Loaded, Settings, SettingsError, load};

pub const DESCRIPTORS: u64 = 20_000;

/// What a test gives: a file's text, variables, and flags separated by blanks.
#[derive(Clone, Default)]
pub struct Given<'a> {
    pub file: Option<&'a str>,
    pub env: &'a [(&'a str, &'a str)],
    pub flags: &'a str,
}

pub fn file(text: &str) -> Given<'_> {
    Given {
        file: Some(text),
        ..Given::default()
    }
}

pub fn env<'a>(env: &'a [(&'a str, &'a str)]) -> Given<'a> {
    Given {
        env,
        ..Given::default()
    }
}

pub fn flags(flags: &str) -> Given<'_> {
    Given {
        flags,
        ..Given::default()
    }
}

pub fn save(text: &str) -> PathBuf {
    static FILES: AtomicU32 = AtomicU32::new(0);
    // Two runs at the same time have files of their own.
    let (run, file) = (std::process::id(), FILES.fetch_add(1, Ordering::Relaxed));
    let name = format!("settings-{run}-{file}.toml");
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

impl Given<'_> {
    pub fn load(&self) -> Result<Loaded, SettingsError> {
        let mut args = vec!["roomcast".to_owned()];
        args.extend(self.flags.split_whitespace().map(str::to_owned));
        if let Some(text) = self.file {
            args.extend([
                "--config".to_owned(),
                save(text).to_str().unwrap().to_owned(),
            ]);
        }
        let env = self
            .env
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        load(args.into_iter().map(OsString::from), env, DESCRIPTORS)
    }

    pub fn settings(&self) -> Settings {
        self.load().unwrap().settings
    }

    pub fn warnings(&self) -> String {
        self.load().unwrap().warnings.join("\n")
    }

    pub fn error(&self) -> String {
        let error = self.load().unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        let text = error.to_string();
        assert!(
            !text.contains('\n') && text.starts_with(|c: char| !c.is_uppercase()),
            "{text}"
        );
        text
    }

    pub fn printed(&self) -> String {
        let flags = format!("{} --print-config", self.flags);
        let given = Given {
            flags: &flags,
            ..self.clone()
        };
        match given.load().unwrap().command {
            Command::PrintConfig(text) => text,
            Command::Serve => panic!("the settings were to be printed"),
        }
    }
}

/// Asserts that an error says all of these.
pub fn says(error: &str, words: &[&str]) {
    for word in words {
        assert!(error.contains(word), "{word:?} is missing from {error:?}");
    }
}
