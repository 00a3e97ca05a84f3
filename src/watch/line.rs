//! From a message to a line.
//!
//! A line of JSON is always one JSON value: the message as it came. Only what would break that is touched: line ends
//! between its tokens go, and characters that a terminal would obey become escapes of the same meaning. A message that is
//! no JSON comes as `{"text":"…"}`, a binary one as `{"binary":"…"}` in base64.

use data_encoding::BASE64;
use serde::de::IgnoredAny;
use serde_json::json;
use tungstenite::Message;

use super::plain::{one_line, plain};
use super::readable;
use crate::time::Unix;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// For programs.
    Json,
    /// For people.
    Text,
}

/// The line for a message that arrived now, without its end; control frames have none.
pub(super) fn line(message: &Message, style: Style, now: Unix) -> Option<String> {
    match (message, style) {
        (Message::Text(text), Style::Json) => Some(json_of(text)),
        (Message::Binary(bytes), Style::Json) => {
            Some(json!({"binary": BASE64.encode(bytes)}).to_string())
        }
        (Message::Text(text), Style::Text) => Some(readable::readable(text, now)),
        (Message::Binary(bytes), Style::Text) => {
            let (time, length) = (readable::time(now), bytes.len());
            let bytes = BASE64.encode(bytes);
            Some(format!("{time} binary ({length} bytes) {bytes}"))
        }
        _ => None,
    }
}

fn json_of(text: &str) -> String {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => one_line(text).into_owned(),
        Err(_) => one_line(&json!({"text": text}).to_string()).into_owned(),
    }
}

/// A text of the server's in one line, for an error.
pub(super) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    plain(&short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_line(text: &str) -> String {
        line(&Message::text(text), Style::Json, Unix(0)).unwrap()
    }

    #[test]
    fn json_on_one_line_comes_as_it_came() {
        for text in [
            r#"{"a": 1.000000000000000000001, "a": 2, "b":"é\n\u001b"}"#,
            "12345678901234567890123456789",
            r#""a \"b\\""#,
            "null",
        ] {
            assert_eq!(json_line(text), text);
        }
    }

    #[test]
    fn json_on_several_lines_becomes_one_with_its_strings_untouched() {
        let text = "{\r\n  \"a b\": [1,\t2e400],\n  \"c \\\" d\": \"\\\\\"\n}\n";
        assert_eq!(json_line(text), r#"{"a b":[1,2e400],"c \" d":"\\"}"#);
    }

    #[test]
    fn characters_that_a_terminal_obeys_become_escapes() {
        assert_eq!(json_line("\"a\u{9b}b\u{7f}\""), r#""a\u009bb\u007f""#);
    }

    #[test]
    fn what_is_no_json_is_wrapped() {
        assert_eq!(json_line("hello\nyou"), r#"{"text":"hello\nyou"}"#);
        assert_eq!(json_line(""), r#"{"text":""}"#);
        let bytes = Message::binary(vec![0, 1, 255]);
        let binary = line(&bytes, Style::Json, Unix(0)).unwrap();
        assert_eq!(binary, r#"{"binary":"AAH/"}"#);
    }

    #[test]
    fn deeply_nested_json_is_json() {
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        assert_eq!(json_line(&deep), deep);
    }

    #[test]
    fn an_excerpt_is_short_and_harmless() {
        assert_eq!(excerpt("a\nb"), r"a\nb");
        assert_eq!(excerpt(&"é".repeat(300)).chars().count(), 201);
    }
}
