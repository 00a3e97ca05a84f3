//! Positions, as clients see them: text, an epoch and a number; and what a client may say of where it was.

use std::fmt;

/// The message of this number, in the numbering of this epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub epoch: u32,
    pub number: u64,
}

/// Since when a client asks for what it has not got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    Now,
    At(Position),
    /// Something that is no position.
    Rubbish(&'static str),
}

/// What the server says before it sends what a client has missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How many follow, and how many are lost, if that can be told; none if nothing was asked.
    pub resumed: Option<(usize, Option<usize>)>,
    /// The position before the next message.
    pub position: Position,
}

impl Position {
    /// Reads what the server wrote, in the one form in which it writes it.
    pub fn parse(text: &str) -> Result<Position, String> {
        let parsed = text.split_once('-').and_then(|(epoch, number)| {
            let epoch = u32::from_str_radix(epoch, 16).ok()?;
            let number = number.parse().ok()?;
            Some(Position { epoch, number })
        });
        parsed
            .filter(|position| position.to_string() == text)
            .ok_or_else(|| format!("{text:?} is no position"))
    }
}

impl Outcome {
    /// It, as the server writes what was asked; nothing, where nothing was.
    pub fn resumed(&self) -> Option<String> {
        let (sent, missed) = self.resumed?;
        let missed = missed.map_or_else(|| "null".into(), |missed| missed.to_string());
        Some(format!(r#""sent":{sent},"missed":{missed}"#))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.epoch, self.number)
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Since::Now => f.write_str("now"),
            Since::At(position) => position.fmt(f),
            Since::Rubbish(text) => f.write_str(text),
        }
    }
}
