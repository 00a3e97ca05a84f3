//! What a file is opened with.

use std::path::PathBuf;
use std::time::Duration;

use crate::bounds::{Bounds, Durability, HistoryBounds};
use crate::id::AppId;

/// How a file is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it is. It is made, if there is none.
    pub path: PathBuf,
    /// Whether nobody chose that path.
    pub is_default: bool,
    /// How long it is waited for while another process has it.
    pub wait: Duration,
    /// How the changes of each app are kept, by its number.
    pub durability: [Durability; AppId::ALL.len()],
    /// Which posts of each app's logs are kept, by its number: so many of each, of no more than an age.
    pub history: [HistoryBounds; AppId::ALL.len()],
    /// Whether all logs begin a new life: the file is a copy that was put back, and another may have gone on from it.
    pub new_epochs: bool,
    /// Whether the secret is asked for. It is made, if there is none.
    pub with_secret: bool,
}

impl Options {
    /// The file at this path, kept as these bounds say.
    pub fn new(path: impl Into<PathBuf>, bounds: &Bounds) -> Options {
        Options {
            path: path.into(),
            is_default: false,
            wait: Duration::from_secs(10),
            durability: AppId::ALL.map(|app| bounds.app(app).durability),
            history: AppId::ALL.map(|app| bounds.app(app).history),
            new_epochs: false,
            with_secret: true,
        }
    }

    /// How the changes of an app are kept.
    pub(super) fn durability(&self, app: AppId) -> Durability {
        self.durability[app as usize]
    }

    /// Whether anything of an app is in the file.
    pub(super) fn keeps(&self, app: AppId) -> bool {
        self.durability(app) != Durability::None
    }

    /// Which posts of an app's logs are kept.
    pub(super) fn history(&self, app: AppId) -> HistoryBounds {
        self.history[app as usize]
    }
}
