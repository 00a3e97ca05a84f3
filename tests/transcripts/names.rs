//! What a scenario has learned: a value for each `{{name}}`, bound where it is first met.

use std::collections::BTreeMap;

/// Names and their values.
#[derive(Clone, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// The value of a name, if it has one yet.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// From now on the name has this value.
    pub fn bind(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// The text with every `{{name}}` replaced by its value; the error is a name that has none.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_name(rest) {
            let value = self
                .get(name)
                .ok_or_else(|| format!("{{{{{name}}}}} has no value yet"))?;
            filled.push_str(before);
            filled.push_str(value);
            rest = after;
        }
        Ok(filled + rest)
    }
}

/// The text with every `{{text*N}}` written out.
pub fn repeat(text: &str) -> String {
    let mut written = String::new();
    let mut rest = text;
    while let Some((before, name, after)) = next_name(rest) {
        written.push_str(before);
        match name.rsplit_once('*').map(|(text, n)| (text, n.parse())) {
            Some((text, Ok(times))) => written.push_str(&text.repeat(times)),
            _ => written.push_str(&format!("{{{{{name}}}}}")),
        }
        rest = after;
    }
    written + rest
}

/// What stands before the first `{{name}}`, the name, and what stands behind it.
pub fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let starts = text.match_indices("{{").map(|(at, _)| at);
    let mut names = starts.filter_map(|at| {
        let (name, after) = text[at + 2..].split_once("}}")?;
        // JSON has braces like these, too; but it has quotes between them.
        let is_name = !name.contains(['"', '{', '}']);
        is_name.then(|| (&text[..at], name, after))
    });
    names.next()
}

#[test]
fn a_repetition_is_written_out_and_a_name_is_left() {
    assert_eq!(repeat("<{{é*3}}> {{id}}"), "<ééé> {{id}}");
}

#[test]
fn a_name_is_filled_in_once_it_is_known() {
    let mut names = Names::default();
    assert!(names.fill("/{{id}}").is_err());
    names.bind("id", "7");
    assert_eq!(names.fill("/{{id}}/{{id}}").unwrap(), "/7/7");
}
