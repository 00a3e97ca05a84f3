//! Text of others, made harmless for a terminal.
//!
//! A message may hold escape sequences that move the cursor, or marks that turn the order of letters around. Those are
//! written as escapes; everything that is read from left to right or right to left by itself stays as it is.

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

fn is_harmful(c: char) -> bool {
    let line_ends = '\u{2028}'..='\u{2029}';
    let embeddings = '\u{202a}'..='\u{202e}';
    let isolates = '\u{2066}'..='\u{2069}';
    c.is_control()
        || line_ends.contains(&c)
        || embeddings.contains(&c)
        || isolates.contains(&c)
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
