//! Only a string is a word, and an unknown one is told which there are.

use roomcast::apps::word::*;
use serde::Deserialize;

#[derive(Deserialize, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Step {
    Opened,
    ActionStarted,
}

#[test]
fn only_a_string_is_a_word() {
    let read = |json| serde_json::from_str::<Word<Step>>(json).map(|Word(step)| step);
    assert_eq!(read(r#""action_started""#).unwrap(), Step::ActionStarted);
    assert_eq!(read(r#""\u006fpened""#).unwrap(), Step::Opened);
    for json in [r#"{"opened":null}"#, "7", "null", r#""Opened""#, r#""""#] {
        assert!(read(json).is_err(), "{json}");
    }
}

#[test]
fn an_unknown_word_is_told_which_there_are() {
    let error = Word::<Step>::parse("done").unwrap_err();
    assert!(error.contains("`opened` or `action_started`"), "{error}");
}
