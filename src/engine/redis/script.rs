//! The scripts: what is done in one step at the server.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Script {
    /// A batch of changes.
    Commit,
    /// Which epoch holds.
    Decide,
}

impl Script {
    /// All of them.
    pub const ALL: [Script; 2] = [Script::Commit, Script::Decide];

    /// Its text.
    pub const fn text(self) -> &'static str {
        match self {
            Script::Commit => include_str!("commit.lua"),
            Script::Decide => include_str!("decide.lua"),
        }
    }
}
