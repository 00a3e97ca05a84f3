//! Text of others, made harmless for a terminal.
//!
//! A message may hold escape sequences that move the cursor, or marks that turn the order of letters around. Those are
//! written as escapes; everything that is read from left to right or right to left by itself stays as it is.

use std::borrow::Cow;

/// The text with its control characters and its marks of direction escaped: one line, whatever was in it.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The same JSON value on one line. Its numbers keep their digits and its objects their repeated names, because nothing
/// is decoded.
pub(super) fn one_line(json: &str) -> Cow<'_, str> {
    if !json.chars().any(char::is_control) {
        return Cow::Borrowed(json);
    }
    let mut line = String::with_capacity(json.len());
    let (mut in_string, mut is_escaped) = (false, false);
    for c in json.chars() {
        match c {
            // JSON has no raw control characters in strings but these, and none but white space between tokens.
            '\u{7f}'..='\u{9f}' => line += &format!("\\u{:04x}", u32::from(c)),
            ' ' | '\t' | '\n' | '\r' if !in_string => {}
            _ => line.push(c),
        }
        in_string ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && in_string && !is_escaped;
    }
    Cow::Owned(line)
}

fn is_harmful(c: char) -> bool {
    // Line ends and embeddings, isolates, and marks by themselves.
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(
            plain("a\u{1b}[2Jb\n\u{9b}c\u{202e}"),
            r"a\u{1b}[2Jb\n\u{9b}c\u{202e}"
        );
        assert_eq!(plain("naïve \"日本\" 👩‍🚀 שלום"), "naïve \"日本\" 👩‍🚀 שלום");
    }
}
