//! The words of the `events` app: what is published, what the members get, what the publisher is answered.
//!
//! The payload passes through as it came, byte for byte. That its type is well-formed is not checked here.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a back-end publishes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// What a client is sent.
#[derive(Serialize)]
struct Envelope<'a, P: Serialize> {
    r#type: &'a str,
    payload: P,
    timestamp: &'a str,
}

#[derive(Serialize)]
struct Answer<'a> {
    r#type: &'a str,
    timestamp: &'a str,
    receivers: usize,
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

#[derive(Serialize)]
struct Refusal<'a> {
    error: Explanation<'a>,
}

#[derive(Serialize)]
struct Explanation<'a> {
    code: &'a str,
    message: &'a str,
}

/// The first message to every client.
pub fn greeting() -> String {
    to_json(&Envelope {
        r#type: "connection:status",
        payload: Status {
            status: "connected",
        },
        timestamp: &now(),
    })
}

/// The answer to `GET /healthz`.
pub fn health() -> String {
    to_json(&Status { status: "ok" })
}

/// The body of an error.
pub fn refusal(code: &str, message: &str) -> String {
    to_json(&Refusal {
        error: Explanation { code, message },
    })
}

/// Publishes the event in `body` by a function that takes the message and says how many it was queued for; the body of
/// the answer, or what is wrong with the event.
pub fn publish(body: &[u8], publish: impl FnOnce(String) -> usize) -> Result<String, String> {
    let event: Publish<'_> =
        serde_json::from_slice(body).map_err(|error| format!("not an event: {error}"))?;
    let timestamp = now();
    let receivers = publish(to_json(&Envelope {
        r#type: event.r#type,
        payload: event.payload,
        timestamp: &timestamp,
    }));
    Ok(to_json(&Answer {
        r#type: event.r#type,
        timestamp: &timestamp,
        receivers,
    }))
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("structs of strings and numbers are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_passes_through_as_it_came() {
        let body = br#"{"type":"a:b","payload":{ "x": 1.50, "html": "<\u00e9>" }}"#;
        let mut sent = String::new();
        let answer = publish(body, |text| {
            sent = text;
            7
        });
        let answer = answer.unwrap();
        let start = r#"{"type":"a:b","payload":{ "x": 1.50, "html": "<\u00e9>" },"timestamp":""#;
        assert!(sent.starts_with(start), "{sent}");
        assert!(
            sent.ends_with("Z\"}") && sent.len() == start.len() + 26,
            "{sent}"
        );
        assert!(answer.ends_with("\"receivers\":7}"), "{answer}");
    }

    #[test]
    fn what_is_not_an_event_is_not_published() {
        for body in [
            "",
            "{}",
            r#"{"type":"a:b"}"#,
            r#"{"type":"a:b","payload":{},"x":1}"#,
        ] {
            assert!(publish(body.as_bytes(), |_| panic!("{body}")).is_err());
        }
    }
}
