//! `events`: one broadcast to everybody, in a room of which everybody is a member from the first word on.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::accounts::ledger::Ledger;
use super::super::accounts::log::{Log, TIME};
use super::super::runs::chance::Chance;
use super::dialect::{Dialect, Named, Publish, Said};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    payload: &'a RawValue,
    timestamp: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted<'a> {
    r#type: &'a str,
    timestamp: &'a str,
    receivers: u32,
}

/// What a member is told.
pub fn read(text: &str) -> Result<(Said, Option<&str>), String> {
    let (kind, timestamp) = ends(text).ok_or(format!("not an event: {text}"))?;
    let said = match kind {
        "connection:status" => {
            if text != envelope(kind, r#"{"status":"connected"}"#, timestamp) {
                return Err(format!("the welcome is not just so: {text}"));
            }
            Said::Welcome
        }
        "connection:lagged" => {
            let missed = text
                .split_once(r#""missed":"#)
                .and_then(|(_, rest)| rest.split('}').next()?.parse().ok())
                .ok_or(format!("not a notice: {text}"))?;
            let payload = format!(r#"{{"missed":{missed}}}"#);
            if missed == 0 || text != envelope(kind, &payload, timestamp) {
                return Err(format!("not a notice: {text}"));
            }
            Said::Lagged(missed)
        }
        _ => Said::Published,
    };
    Ok((said, Some(timestamp)))
}

/// An event's payload is unlike any other.
pub fn named(text: &str) -> Result<Named, String> {
    let envelope: Envelope<'_> = serde_json::from_str(text)
        .map_err(|error| format!("an event is not JSON: {error}: {text}"))?;
    Ok(Named {
        key: envelope.payload.get().into(),
        name: String::new(),
        timestamp: Some(envelope.timestamp.into()),
    })
}

/// Publishes an event unlike any other.
pub fn publish(chance: &mut Chance, log: &mut Log) -> Publish {
    let (kind, payload) = event(chance, log.wishes());
    let body = match chance.below(3) {
        0 => format!(r#"{{"type":"{kind}","payload":{payload}}}"#),
        1 => format!("{{ \"payload\": {payload},\r\n \"type\" : \"{kind}\" }}\n"),
        _ => format!(
            r#"{{"payload":{payload},"type":"{}"}}"#,
            kind.replace('-', r"\u002d")
        ),
    };
    let text = envelope(kind, &payload, TIME);
    Publish {
        wish: log.wish("", payload, text),
        method: "POST",
        path: "/api/v1/events".into(),
        header: "",
        body,
        status: 202,
    }
}

/// A publisher got this 202.
pub fn accepted(wish: usize, body: &str, ledger: &Ledger) -> Result<u32, String> {
    let accepted: Accepted<'_> =
        serde_json::from_str(body).map_err(|error| format!("a 202 says {body}: {error}"))?;
    ledger.turn_of(accepted.timestamp)?;
    let text = ledger.log(Dialect::Events).text(wish);
    if ends(text).is_none_or(|(kind, _)| kind != accepted.r#type) {
        return Err(format!("a 202 to {text:?} says {body}"));
    }
    Ok(accepted.receivers)
}

/// The type and the timestamp of an event, which are at its ends.
fn ends(text: &str) -> Option<(&str, &str)> {
    let (kind, _) = text.strip_prefix(r#"{"type":""#)?.split_once('"')?;
    let (_, timestamp) = text
        .strip_suffix(r#""}"#)?
        .rsplit_once(r#""timestamp":""#)?;
    Some((kind, timestamp))
}

fn envelope(kind: &str, payload: &str, timestamp: &str) -> String {
    format!(r#"{{"type":"{kind}","payload":{payload},"timestamp":"{timestamp}"}}"#)
}

/// An event unlike any other: its type and its payload.
fn event(chance: &mut Chance, number: usize) -> (&'static str, String) {
    match chance.below(8) {
        0 => (
            "stream:created",
            format!(r#"{{"projectId":"{number}","streamId":"s","name":"é"}}"#),
        ),
        1 => (
            "stream:phase-changed",
            format!(
                r#"{{"projectId":"{number}","streamId":"s","phase":"p","artifacts":["a","b"]}}"#
            ),
        ),
        2 => (
            "artifact:deleted",
            format!(
                r#"{{ "streamId":"","projectId":"{number}", "artifactId":"", "phaseName":"\u00e9","isSharded":false }}"#
            ),
        ),
        3 => {
            // What a compressor finds again is further back than the smallest window.
            let noise = chance.noise(700);
            (
                "noise:twice",
                format!(r#"{{"n":{number},"noise":["{noise}","{noise}"]}}"#),
            )
        }
        _ => {
            let count = chance.size(500);
            let pad = chance.text(count);
            (
                "chat:message",
                format!(r#"{{"n":{number}, "pad":"{pad}", "deep":[[{{}}],1e400]}}"#),
            )
        }
    }
}
