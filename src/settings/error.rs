//! What can be wrong with settings, in sentences that name the setting, the value, the source and what was expected.
//!
//! Values of keys and secrets never get this far.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// Why there are no settings to serve with.
#[derive(Debug)]
pub enum SettingsError {
    /// Nothing is wrong: the help or the version was asked for, and this is it. Exit 0.
    Shown(clap::Error),
    /// A flag, variable, key or value is wrong; the sentence says which. Exit 2.
    Wrong(String),
}

/// Where a value came from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A line of the file.
    File {
        /// The file, fit to be shown.
        path: String,
        /// Counted from 1.
        line: usize,
    },
    /// A variable.
    Environment(String),
    /// A flag, without its dashes.
    Flag(&'static str),
}

impl SettingsError {
    pub(super) fn wrong(sentence: impl Into<String>) -> SettingsError {
        SettingsError::Wrong(sentence.into())
    }

    /// Whether nothing is wrong and the text belongs on standard output.
    pub fn is_help(&self) -> bool {
        matches!(self, SettingsError::Shown(_))
    }

    /// The status to exit with: 0 after a help text, else 2.
    pub fn exit_code(&self) -> u8 {
        if self.is_help() { 0 } else { 2 }
    }

    /// Prints the text where it belongs, in colour on a terminal, and gives the status to exit with.
    pub fn report(&self) -> ExitCode {
        // Standard output or error may be closed; then there is nobody to tell, and the status still says it.
        let _ = match self {
            SettingsError::Shown(text) => text.print(),
            SettingsError::Wrong(sentence) => {
                writeln!(std::io::stderr(), "roomcast: {sentence}")
            }
        };
        ExitCode::from(self.exit_code())
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingsError::Shown(text) => text.render().fmt(f),
            SettingsError::Wrong(sentence) => sentence.fmt(f),
        }
    }
}

impl std::error::Error for SettingsError {}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(f, "file {path}, line {line}"),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Flag(flag) => write!(f, "flag --{flag}"),
        }
    }
}
