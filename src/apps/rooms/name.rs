//! Display names: what a player is called in a room, and when two of them are the same.

/// The longest name, in characters: what a list of players shows in one line.
pub const CHARACTERS_MAX: usize = 32;

/// A name that obeys the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName {
    shown: Box<str>,
    folded: Box<str>,
}

impl DisplayName {
    /// The name that was given, trimmed; `None` if it is not 1 to 32 characters then, or has a control character.
    pub fn parse(text: &str) -> Option<DisplayName> {
        let shown = text.trim();
        let fits = (1..=CHARACTERS_MAX).contains(&shown.chars().count());
        if !fits || shown.chars().any(char::is_control) {
            return None;
        }
        // Up and down again, so that what has one capital (ß and SS, both sigmas) is one name.
        let upper = shown.chars().flat_map(char::to_uppercase);
        let folded: String = upper.flat_map(char::to_lowercase).collect();
        Some(DisplayName {
            shown: shown.into(),
            folded: folded.into(),
        })
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// Whether both are the same name but for their case.
    pub fn is_like(&self, other: &DisplayName) -> bool {
        self.folded == other.folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_counted_in_characters_after_trimming() {
        let longest = format!(" \u{3000}{}\t", "\u{1f600}".repeat(32));
        let name = DisplayName::parse(&longest).unwrap();
        assert_eq!(name.as_str(), "\u{1f600}".repeat(32));
        assert_eq!(DisplayName::parse(&"é".repeat(33)), None);
        assert_eq!(DisplayName::parse(" \n"), None);
        assert_eq!(DisplayName::parse(""), None);
    }

    #[test]
    fn a_control_character_is_refused() {
        for text in ["a\nb", "a\u{0}b", "a\u{7f}b", "a\u{85}b", "a\u{9b}b"] {
            assert_eq!(DisplayName::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn names_are_alike_in_any_case() {
        let alike = |left: &str, right: &str| {
            DisplayName::parse(left)
                .unwrap()
                .is_like(&DisplayName::parse(right).unwrap())
        };
        assert!(alike("Ada", " aDA "));
        assert!(alike("ÄRGER", "ärger"));
        assert!(alike("Straße", "STRASSE"));
        assert!(alike("ΟΔΟΣ", "οδος"));
        assert!(alike("οδοσ", "οδος"));
        assert!(!alike("Ada", "Ada2"));
        assert!(!alike("a", "á"));
    }
}
