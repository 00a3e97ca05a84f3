//! JSON of one shape, and a sentence about what is not: it names the field by its path, or says what was expected instead.

use serde::Deserialize;
use serde_json::error::Category;

use super::refusal::SENTENCE_BYTES_MAX;

/// A request's body, which is that of an object without fields if there is none.
pub fn body<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    match body {
        [] => read_json(b"{}").map_err(Misread::of_nothing),
        body => read_json(body).map_err(Misread::of_body),
    }
}

/// JSON of one shape that is a part of something, and a sentence that names the field by its path from the part on.
pub fn read_part<'a, T: Deserialize<'a>>(json: &'a [u8], part: &str) -> Result<T, String> {
    read(json, "").map_err(|sentence| {
        let dot = if sentence.starts_with(':') { "" } else { "." };
        format!("{part}{dot}{sentence}")
    })
}

/// JSON of one shape, and a sentence that names the field that is not, or `whole` if it is all of it.
pub fn read<'a, T: Deserialize<'a>>(json: &'a [u8], whole: &str) -> Result<T, String> {
    read_json(json).map_err(|misread| misread.of(whole))
}

fn read_json<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Misread> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| Misread {
        path: error.path().to_string(),
        why: error.into_inner(),
    })?;
    let whole = || ".".to_owned();
    reader.end().map_err(|why| Misread { path: whole(), why })?;
    Ok(value)
}

/// Why something is not JSON of one shape.
struct Misread {
    /// Where.
    path: String,
    why: serde_json::Error,
}

impl Misread {
    /// The sentence that names the field, or `whole` if it is all of it.
    fn of(self, whole: &str) -> String {
        // A question mark is where the reader cannot tell what it was at.
        let name = match self.path.strip_suffix(".?").unwrap_or(&self.path) {
            "." | "?" => whole,
            name => name,
        };
        short(format!("{name}: {}", self.why))
    }

    /// The sentence about a body, which may be no JSON at all.
    fn of_body(self) -> String {
        let why = self.why.to_string();
        // What is JSON all the same, and more than is read of it.
        let is_too_much = ["recursion limit", "number out of range"];
        let is_too_much = is_too_much.iter().any(|it| why.starts_with(it));
        match self.why.classify() {
            Category::Syntax | Category::Eof if !is_too_much => short(format!(
                "the body: must be JSON, and is not ({why}): send what a JSON encoder writes"
            )),
            _ => self.of("the body"),
        }
    }

    /// The sentence about a body of no bytes, which reads as an object without fields.
    fn of_nothing(self) -> String {
        let why = self.why.to_string();
        let field = why.strip_prefix("missing field ");
        let field = field.map(|it| it.split_once(" at line").map_or(it, |(field, _)| field));
        match field {
            Some(field) => {
                format!(
                    "the body: must be JSON, and is empty: send an object with the field {field}"
                )
            }
            None => self.of("the body"),
        }
    }
}

/// A sentence that may quote what a client sent, of whatever length.
fn short(mut sentence: String) -> String {
    sentence.truncate(sentence.floor_char_boundary(SENTENCE_BYTES_MAX));
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Point {
        #[allow(dead_code)]
        x: f64,
    }

    fn refused(text: &str) -> String {
        body::<Point>(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_body_that_is_empty_is_told_what_was_expected() {
        assert_eq!(
            refused(""),
            "the body: must be JSON, and is empty: send an object with the field `x`"
        );
        assert!(body::<Option<Point>>(b"null").unwrap().is_none());
    }

    #[test]
    fn a_body_that_is_no_json_is_told_where_and_what_to_do() {
        for (text, why) in [
            ("x=1", "expected value at line 1 column 1"),
            ("{x:1}", "key must be a string at line 1 column 2"),
            ("{\"x\":1", "EOF while parsing an object at line 1 column 6"),
            ("{\"x\":1}\n{}", "trailing characters at line 2 column 1"),
            (" ", "EOF while parsing a value at line 1 column 1"),
        ] {
            let sentence = "the body: must be JSON, and is not";
            let expected = format!("{sentence} ({why}): send what a JSON encoder writes");
            assert_eq!(refused(text), expected);
        }
    }

    #[test]
    fn json_of_another_shape_is_told_its_field() {
        assert!(refused("{}").starts_with("the body: missing field `x`"));
        assert!(refused("{\"x\":\"1\"}").starts_with("x: invalid type"));
        assert!(refused("{\"x\":1e999}").starts_with("x: number out of range"));
    }
}
