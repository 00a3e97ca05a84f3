//! Transcripts that are wrong are told to be wrong, and where.

use crate::player;
use crate::script::Script;
use crate::simulated::Simulated;

/// What is said about a transcript whose scenario begins in line 1.
fn told(lines: &str) -> String {
    let text = format!("== a title\n{lines}");
    match Script::parse("a.txt", &text) {
        Ok(script) => player::play::<Simulated>(&script.scenarios[0])
            .err()
            .unwrap_or_default(),
        Err(fault) => fault,
    }
}

const HEALTHY: &str = "a: GET /healthz\n< 200\n< {\"status\":\"ok\"}\n";
const CONNECTED: &str = "a: connect /ws\n< 101\n< {\"type\":\"connection:status\",\"payload\":\"<any>\",\"timestamp\":\"<timestamp>\",\"position\":\"{{epoch}}-0\"}\n";

fn after(before: &str, lines: &str) -> String {
    told(&format!("{before}{lines}"))
}

#[test]
fn what_is_right_is_right() {
    assert_eq!(told(HEALTHY), "");
    assert_eq!(after(CONNECTED, "(nothing)\n(close 1000)\n"), "");
}

#[test]
fn another_answer_is_told_with_its_place() {
    let told = told(&HEALTHY.replace("ok", "fine"));
    let expected = "a.txt:2: a title\n  expected  200 {\"status\":\"fine\"}\n  got       200 {\"status\":\"ok\"}\n  at        status: \"ok\" is not \"fine\"";
    assert_eq!(told, expected);
}

#[test]
fn another_status_header_or_body_is_found() {
    for (right, wrong) in [
        ("200\n", "201\n"),
        ("200\n", "200\n< Content-Type: text/html\n"),
        ("200\n", "200\n< Retry-After: 1\n"),
        ("< {\"status\":\"ok\"}\n", ""),
        ("{\"status\":\"ok\"}", "{}"),
        ("{\"status\":\"ok\"}", "{\"status\":\"ok\",\"more\":1}"),
        ("/healthz", "/nothing"),
    ] {
        let told = told(&HEALTHY.replace(right, wrong));
        assert!(told.starts_with("a.txt:2: "), "{wrong}: {told}");
    }
}

#[test]
fn another_message_is_found() {
    let told = told(&CONNECTED.replace("status", "state"));
    assert!(
        told.starts_with("a.txt:4: a title\n  expected  {"),
        "{told}"
    );
    assert!(told.contains("connection:state"), "{told}");
}

#[test]
fn a_message_that_does_not_come_is_found() {
    let told = after(CONNECTED, "< {}\n");
    assert!(told.starts_with("a.txt:5: "), "{told}");
    assert!(told.ends_with("got       nothing came"), "{told}");
}

#[test]
fn a_message_that_nobody_expects_is_found() {
    let silent = "a: connect /ws\n< 101\n";
    let nothing = after(silent, "(nothing)\n");
    assert!(
        nothing.starts_with("a.txt:4: a title\n  expected  nothing\n"),
        "{nothing}"
    );
    for lines in ["", "(close 1000)\n", "(closed 1000)\n"] {
        let told = after(silent, lines);
        assert!(told.contains("connection:status"), "{lines}: {told}");
    }
}

#[test]
fn a_close_that_does_not_come_is_found() {
    let told = after(CONNECTED, "(closed 1000)\n");
    assert!(
        told.starts_with("a.txt:5: ") && told.contains("nothing came"),
        "{told}"
    );
}

#[test]
fn a_name_must_be_known_and_keep_its_value() {
    let unknown = told("a: GET /{{path}}\n< 404\n");
    assert!(unknown.contains("{{path}} has no value yet"), "{unknown}");
    let other = format!(
        "{}{}",
        HEALTHY.replace("ok", "{{it}}"),
        "a: GET /readyz\n< 200\n< {\"status\":\"{{it}}\"}\n"
    );
    assert!(told(&other).starts_with("a.txt:5: "), "{}", told(&other));
}

#[test]
fn a_line_that_cannot_be_read_is_told() {
    for (lines, words) in [
        ("hello\n", "a client's name"),
        ("a: GET\n", "a method and a path"),
        ("a: GET /\n", "a status"),
        ("a:\n(later)\n", "nothing, close, closed or gone"),
        ("a:\n(closed soon)\n", "no close code"),
        ("a:\n> (binary xx)\n", "expected bytes"),
        ("a:\n> (blob 00)\n", "expected binary"),
        ("a:\n> hello\n", "a is not connected"),
        (
            &format!("{CONNECTED}a: GET /\n< 200\n"),
            "connected already",
        ),
    ] {
        let told = told(lines);
        assert!(
            told.starts_with("a.txt:") && told.contains(words),
            "{lines}: {told}"
        );
    }
    assert!(Script::parse("a.txt", "a: GET /").is_err());
}
