//! Why a run could not even take place. What went wrong with single connections is a `Failure` in the report instead.

use std::io;

/// Ends the program before there is anything to report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for makes no sense or does not fit; exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The server does not do what any run needs; exit code 1.
    #[error("{0}")]
    Server(String),
    /// The system refused something that the run cannot do without, while this was done; exit code 1.
    #[error("{0}: {1}")]
    Io(String, #[source] io::Error),
}

impl Error {
    /// The system said `source` while `doing`.
    pub fn new(doing: impl Into<String>, source: io::Error) -> Error {
        Error::Io(doing.into(), source)
    }

    /// The same, said of one of several servers.
    pub fn of(self, name: &str) -> Error {
        match self {
            Error::Usage(sentence) => Error::Usage(format!("{name}: {sentence}")),
            Error::Server(sentence) => Error::Server(format!("{name}: {sentence}")),
            Error::Io(doing, source) => Error::Io(format!("{name}: {doing}"), source),
        }
    }

    /// What the process exits with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            Error::Server(_) | Error::Io(..) => 1,
        }
    }
}
