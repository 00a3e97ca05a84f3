//! Compares what came with what is written: JSON by its structure and the order of its fields, any other text as text.
//!
//! In a text, `<any>` stands for anything, `<timestamp>` for a time as the hub writes it, and `{{name}}` for what
//! it stood for before, or, the first time, for anything. `"<any>"` by itself stands for any JSON value.

use serde_json::Value;

use crate::names::{Names, next_name};

/// A time as the hub writes it.
const TIMESTAMP: &str = "0000-00-00T00:00:00.000Z";

/// Compares, and learns names where all is as expected. The error says where it is not.
pub fn compare(expected: &str, got: &str, names: &mut Names) -> Result<(), String> {
    let mut learned = names.clone();
    match (serde_json::from_str(expected), serde_json::from_str(got)) {
        (Ok(expected), Ok(got)) => compare_json(&expected, &got, "", &mut learned)?,
        (Ok(Value::String(_)), Err(_)) | (Err(_), _) => {
            if !fits(expected, got, &mut learned) {
                return Err("the text".to_owned());
            }
        }
        (Ok(_), Err(error)) => return Err(format!("no JSON: {error}")),
    }
    *names = learned;
    Ok(())
}

fn compare_json(expected: &Value, got: &Value, at: &str, names: &mut Names) -> Result<(), String> {
    match (expected, got) {
        (Value::String(any), _) if any == "<any>" => Ok(()),
        (Value::String(expected), Value::String(got)) if fits(expected, got, names) => Ok(()),
        (Value::Array(expected), Value::Array(got)) => {
            for (index, (expected, got)) in expected.iter().zip(got).enumerate() {
                compare_json(expected, got, &format!("{at}[{index}]"), names)?;
            }
            let (expected, got) = (expected.len(), got.len());
            let same = expected == got;
            same.then_some(())
                .ok_or_else(|| format!("{at}: {got} items, not {expected}"))
        }
        (Value::Object(expected), Value::Object(got)) => {
            let path = |key: &str| match at {
                "" => key.to_owned(),
                at => format!("{at}.{key}"),
            };
            if let Some(key) = expected.keys().find(|key| !got.contains_key(*key)) {
                return Err(format!("{}: missing", path(key)));
            }
            if let Some(key) = got.keys().find(|key| !expected.contains_key(*key)) {
                return Err(format!("{}: not expected", path(key)));
            }
            let mut each = expected.iter().zip(got);
            if let Some(((key, _), _)) = each.find(|((key, _), (other, _))| key != other) {
                return Err(format!("{}: the fields are in another order", path(key)));
            }
            expected.iter().try_for_each(|(key, expected)| {
                compare_json(expected, &got[key], &path(key), names)
            })
        }
        (expected, got) if expected == got => Ok(()),
        (expected, got) if at.is_empty() => Err(format!("{got} is not {expected}")),
        (expected, got) => Err(format!("{at}: {got} is not {expected}")),
    }
}

/// Whether a text is as expected.
fn fits(expected: &str, got: &str, names: &mut Names) -> bool {
    if let Some(rest) = expected.strip_prefix("<any>") {
        return anything(rest, got, names).is_some();
    }
    if let Some(rest) = expected.strip_prefix("<timestamp>") {
        let at = TIMESTAMP.len();
        return got.is_char_boundary(at.min(got.len()))
            && got.len() >= at
            && is_timestamp(&got[..at])
            && fits(rest, &got[at..], names);
    }
    if let Some(("", name, rest)) = next_name(expected) {
        return match names.get(name).map(str::to_owned) {
            Some(value) => got
                .strip_prefix(&value)
                .is_some_and(|got| fits(rest, got, names)),
            None => match anything(rest, got, names) {
                Some(bytes) if bytes > 0 => {
                    names.bind(name, &got[..bytes]);
                    true
                }
                _ => false,
            },
        };
    }
    match (expected.chars().next(), got.chars().next()) {
        (None, None) => true,
        (Some(one), Some(other)) if one == other => {
            let bytes = one.len_utf8();
            fits(&expected[bytes..], &got[bytes..], names)
        }
        _ => false,
    }
}

/// How many bytes of `got` come before what fits `rest`: as few as possible.
fn anything(rest: &str, got: &str, names: &mut Names) -> Option<usize> {
    if rest.is_empty() {
        return Some(got.len());
    }
    let ends = got.char_indices().map(|(at, _)| at).chain([got.len()]);
    let mut ends = ends.filter(|&at| {
        let mut tried = names.clone();
        let fit = fits(rest, &got[at..], &mut tried);
        if fit {
            *names = tried;
        }
        fit
    });
    ends.next()
}

fn is_timestamp(text: &str) -> bool {
    let pairs = text.bytes().zip(TIMESTAMP.bytes());
    text.len() == TIMESTAMP.len()
        && pairs.into_iter().all(|(is, pattern)| match pattern {
            b'0' => is.is_ascii_digit(),
            other => is == other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(expected: &str, got: &str) -> String {
        let mut names = Names::default();
        names.bind("id", "7");
        compare(expected, got, &mut names).err().unwrap_or_default()
    }

    #[test]
    fn json_is_compared_by_its_structure() {
        assert_eq!(told(r#"{"a":[1,"b"]}"#, r#"{ "a": [1, "b"] }"#), "");
        assert_eq!(
            told(r#"{"a":{"b":1}}"#, r#"{"a":{"b":2}}"#),
            "a.b: 2 is not 1"
        );
        assert_eq!(told(r#"{"a":1}"#, r#"{"a":1,"b":2}"#), "b: not expected");
        assert_eq!(
            told(r#"{"a":[{"b":1}]}"#, r#"{"a":[{}]}"#),
            "a[0].b: missing"
        );
        assert_eq!(told("[1]", "[1,2]"), ": 2 items, not 1");
        assert!(told("{}", "hello").starts_with("no JSON"));
    }

    #[test]
    fn fields_come_in_the_order_that_is_written() {
        let told = told(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#);
        assert_eq!(told, "a: the fields are in another order");
    }

    #[test]
    fn placeholders_stand_for_what_they_say() {
        let time = "2026-11-20T07:35:46.409Z";
        assert_eq!(told(r#""<timestamp>""#, &format!("{time:?}")), "");
        assert_ne!(told(r#""<timestamp>""#, r#""2026-11-20T07:35:46Z""#), "");
        assert_eq!(told(r#"{"a":"<any>"}"#, r#"{"a":[1]}"#), "");
        assert_eq!(
            told(
                r#""name: <any> at <timestamp>""#,
                &format!("\"name: é at {time}\"")
            ),
            ""
        );
        assert_ne!(told(r#""name: <any>""#, r#""nam""#), "");
        assert_eq!(told("<any>\ntwo\n<any>", "one\ntwo\nthree"), "");
    }

    #[test]
    fn a_name_stands_for_one_value() {
        assert_eq!(
            told(r#"["{{id}}","{{new}}","{{new}}"]"#, r#"["7","8","8"]"#),
            ""
        );
        assert_ne!(told(r#""{{id}}""#, r#""8""#), "");
        assert_ne!(told(r#"["{{new}}","{{new}}"]"#, r#"["8","9"]"#), "");
        assert_eq!(told(r#""<{{new}}> {{new}}""#, r#""<a> a""#), "");
    }
}
