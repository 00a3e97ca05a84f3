//! What a client says: which messages have the shape of one, and what is said of the others.

use roomcast::apps::rooms::said::{Said, Saying};

/// The event of the error and the `correlation_id` with it.
fn wrong(text: &str) -> (&'static str, Option<String>) {
    let wrong = Said::parse(text).expect_err(text);
    let id = wrong.correlation_id.map(|id| id.get().to_owned());
    (wrong.event, id)
}

fn said_in_chat(message: &str) -> Option<String> {
    let message = serde_json::to_string(message).unwrap();
    let text = format!(r#"{{"type":"chat","payload":{{"message":{message}}}}}"#);
    match Said::parse(&text).ok()?.kind {
        Saying::Chat(message) => Some(message.into_owned()),
        _ => None,
    }
}

#[test]
fn a_chat_message_is_trimmed_and_counted_in_characters() {
    assert_eq!(said_in_chat(" \n a\nb \t"), Some(String::from("a\nb")));
    let longest = "\u{1f600}".repeat(2000);
    assert_eq!(said_in_chat(&format!(" {longest}\n")), Some(longest));
    assert_eq!(said_in_chat(&"é".repeat(2001)), None);
    assert_eq!(said_in_chat(" \n\t "), None);
}

#[test]
fn a_chat_message_has_no_control_character_but_newline() {
    for text in ["a\tb", "a\rb", "a\u{0}b", "a\u{7f}b", "a\u{85}b"] {
        assert_eq!(said_in_chat(text), None, "{text:?}");
    }
}

#[test]
fn a_game_message_passes_as_it_came() {
    let payload = "{ \"b\":1.50, \"a\":\"\\u00fc\"\n}";
    let text = format!(r#" {{"payload":{payload},"type":"vote"}}"#);
    let Saying::Game("vote", passed) = Said::parse(&text).unwrap().kind else {
        panic!("this is a vote");
    };
    assert_eq!(passed.get(), payload);
}

#[test]
fn a_payload_however_deep_costs_no_stack() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let text = format!(r#"{{"type":"vote","payload":{{"deep":{deep}}}}}"#);
    assert!(Said::parse(&text).is_ok());
    assert_eq!(wrong(&text.replace("vote", "dance")).0, "unsupported_type");
    assert_eq!(wrong(&text[..text.len() - 9]).0, "bad_message");
}

#[test]
fn what_is_said_about_a_bad_message_is_short() {
    let text = format!(r#"{{"type":"vote","{}":1}}"#, "é".repeat(10_000));
    let wrong = Said::parse(&text).unwrap_err();
    assert!(wrong.sentence.len() <= 500, "{wrong:?}");
    let text = format!(r#"{{"type":"{}"}}"#, "é".repeat(10_000));
    let wrong = Said::parse(&text).unwrap_err();
    assert!(wrong.sentence.len() <= 500, "{wrong:?}");
}

#[test]
fn null_is_as_good_as_absent() {
    let text = r#"{"type":"vote","to":null,"correlation_id":null,"payload":{}}"#;
    let said = Said::parse(text).unwrap();
    assert!(said.to.is_none() && said.correlation_id.is_none());
}

#[test]
fn a_type_that_is_not_known_is_told_so_whatever_else_there_is() {
    let id = Some(String::from("\"c\""));
    for text in [
        r#"{"type":"system","correlation_id":"c","payload":{}}"#,
        r#"{"type":"dance","correlation_id":"c"}"#,
        r#"{"type":"dance","correlation_id":"c","payload":7,"more":1}"#,
        r#"{"type":"","correlation_id":"c"}"#,
    ] {
        assert_eq!(wrong(text), ("unsupported_type", id.clone()), "{text}");
    }
}

#[test]
fn what_has_not_the_shape_is_bad_and_keeps_its_correlation_id() {
    let id = Some(String::from("\"c\""));
    for text in [
        r#"{"type":"vote","correlation_id":"c"}"#,
        r#"{"type":"vote","correlation_id":"c","payload":[]}"#,
        r#"{"type":"vote","correlation_id":"c","payload":null}"#,
        r#"{"type":"vote","correlation_id":"c","payload":{},"too":["a"]}"#,
        r#"{"type":"vote","correlation_id":"c","payload":{},"to":"a"}"#,
        r#"{"type":"vote","correlation_id":"c","payload":{},"to":[7]}"#,
        r#"{"type":"chat","correlation_id":"c","payload":{}}"#,
        r#"{"type":"chat","correlation_id":"c","payload":{"message":7}}"#,
        r#"{"type":"chat","correlation_id":"c","payload":{"message":"a","more":1}}"#,
        r#"{"type":7,"correlation_id":"c","payload":{}}"#,
        r#"{"correlation_id":"c","payload":{}}"#,
    ] {
        assert_eq!(wrong(text), ("bad_message", id.clone()), "{text}");
    }
}

#[test]
fn what_is_no_json_object_is_bad() {
    for text in [
        "",
        "hello",
        "7",
        "null",
        "[]",
        r#"["chat"]"#,
        r#"{"type":"chat""#,
        "{}",
        r#"{"type":"vote","payload":{}} x"#,
        r#"{"type":"vote","type":"vote","payload":{}}"#,
    ] {
        assert_eq!(wrong(text), ("bad_message", None), "{text}");
    }
}

#[test]
fn a_correlation_id_is_short_text_or_a_number() {
    let with = |id: &str| {
        let text = format!(r#"{{"type":"vote","correlation_id":{id},"payload":{{}}}}"#);
        Said::parse(&text).is_ok_and(|said| said.correlation_id.unwrap().get() == id)
    };
    assert!(with("\"\"") && with("7") && with("-1.5e3"));
    assert!(with(&format!("\"{}\"", "é".repeat(128))));
    assert!(with(&format!("\"{}\"", "\\ud83d\\ude00".repeat(128))));
    assert!(!with(&format!("\"{}\"", "a".repeat(129))));
    assert!(!with(&"7".repeat(129)));
    assert!(!with("true") && !with("[]") && !with("{}"));
}
