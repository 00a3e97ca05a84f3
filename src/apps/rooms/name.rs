//! Display names: what a player is called in a room, and when two of them are the same.
//!
//! They follow the Nickname profile of PRECIS (RFC 8266): blanks are made one kind and fewer, compatible spellings are
//! made one, and names are compared in lower case. The crate has the rules; its table of characters ends with Unicode
//! 6.3, as IANA's does, so what has been assigned since is judged here by its general category, as the RFC derives it.

use std::borrow::Cow;

use precis_profiles::Nickname;
use precis_profiles::precis_core::profile::{Rules, stabilize};
use precis_profiles::precis_core::{DerivedPropertyValue, Error, FreeformClass, StringClass};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// The longest name, in characters: what a list of players shows in one line.
pub const CHARACTERS_MAX: usize = 32;
/// The longest text that is looked at, in bytes: four characters for each of the longest name, as they are composed in
/// few scripts, each as long as may be.
pub const GIVEN_BYTES_MAX: usize = 4 * 4 * CHARACTERS_MAX;
/// What a byte of a text costs, as [`crate::work`] counts it: it is made a name and made comparable, each several times.
pub const BYTE: u64 = 400;
/// Characters that show nothing although their properties do not say so: an empty pattern of Braille, an empty note, and
/// the one ignorable character that is younger than the table and no format control.
const BLANKS: [char; 3] = ['\u{2800}', '\u{1d159}', '\u{180f}'];

/// A name that obeys the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName {
    shown: Box<str>,
    /// What it is compared by; `None` where that is what is shown.
    compared: Option<Box<str>>,
}

impl DisplayName {
    /// The name that was given, as the profile enforces it; `None` if it is not 1 to 32 characters then, has a
    /// character that is not allowed, or nothing but blanks and marks.
    pub fn parse(text: &str) -> Option<DisplayName> {
        // Counted first: a character may stand for eighteen, and some rules look at the whole text for each.
        let solid = text.nfkc().filter(|it| !it.is_whitespace());
        if text.len() > GIVEN_BYTES_MAX || solid.take(CHARACTERS_MAX + 1).count() > CHARACTERS_MAX {
            return None;
        }
        let profile = Nickname::new();
        let shown = stabilize(text, |text| profile.normalization_rule(prepare(text)?)).ok()?;
        let compared = stabilize(text, |text| {
            profile.normalization_rule(profile.case_mapping_rule(prepare(text)?)?)
        });
        let compared = compared.ok()?;
        let fits = (1..=CHARACTERS_MAX).contains(&shown.chars().count());
        if !fits || !shown.chars().any(has_shape) {
            return None;
        }
        Some(DisplayName {
            compared: (compared != shown).then(|| compared.into()),
            shown: shown.into(),
        })
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// Whether both are the same name.
    pub fn is_like(&self, other: &DisplayName) -> bool {
        self.compared() == other.compared()
    }

    /// Bytes of what is kept of it.
    pub fn bytes(&self) -> u64 {
        (self.shown.len() + self.compared.as_ref().map_or(0, |text| text.len())) as u64
    }

    fn compared(&self) -> &str {
        self.compared.as_deref().unwrap_or(&self.shown)
    }
}

/// Checks the characters of a name and maps its blanks.
fn prepare(text: &str) -> Result<Cow<'_, str>, Error> {
    Seen.allows(text)?;
    Nickname::new().additional_mapping_rule(text)
}

/// The free-form class of PRECIS, by the Unicode of today, less what cannot be seen.
struct Seen;

impl StringClass for Seen {
    fn get_value_from_char(&self, character: char) -> DerivedPropertyValue {
        match FreeformClass::default().get_value_from_char(character) {
            _ if BLANKS.contains(&character) => DerivedPropertyValue::Disallowed,
            // The joiners, which are ignorable.
            DerivedPropertyValue::ContextJ => DerivedPropertyValue::Disallowed,
            DerivedPropertyValue::Unassigned
                if has_shape(character)
                    || character.general_category_group() == GeneralCategoryGroup::Mark =>
            {
                DerivedPropertyValue::SpecClassPval
            }
            value => value,
        }
    }

    fn get_value_from_codepoint(&self, number: u32) -> DerivedPropertyValue {
        char::from_u32(number).map_or(DerivedPropertyValue::Disallowed, |character| {
            self.get_value_from_char(character)
        })
    }
}

/// Whether it is a letter, a digit, a symbol or a punctuation mark.
fn has_shape(character: char) -> bool {
    use GeneralCategoryGroup::{Letter, Number, Punctuation, Symbol};
    let group = character.general_category_group();
    matches!(group, Letter | Number | Punctuation | Symbol)
}
