//! `events`: one broadcast to everybody, in a room of which everybody is a member from the first word on.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::accounts::ledger::Ledger;
use super::super::accounts::log::{Log, POSITION, TIME, at, lagged};
use super::super::accounts::standing::Command;
use super::super::runs::chance::Chance;
use super::super::wire::position::{Outcome, Position, Since};
use super::dialect::{Dialect, Named, Publish, Said};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    payload: &'a RawValue,
    timestamp: &'a str,
    position: &'a str,
}

/// What a client is told that resumes, and where it is.
#[derive(Deserialize)]
struct Placed<'a> {
    payload: Payload<'a>,
    timestamp: &'a str,
    position: Option<&'a str>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    resumed: Option<Resumed>,
    sent: Option<usize>,
    #[serde(default)]
    missed: Option<usize>,
    since: Option<&'a str>,
}

#[derive(Clone, Copy, Deserialize)]
struct Resumed {
    sent: usize,
    missed: Option<usize>,
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
    let kind = kind(text).ok_or(format!("not an event: {text}"))?;
    if !kind.starts_with("connection:") {
        let envelope = envelope_of(text)?;
        let position = Position::parse(envelope.position)?;
        return Ok((Said::Published(position), Some(envelope.timestamp)));
    }
    let placed: Placed<'_> =
        serde_json::from_str(text).map_err(|why| format!("not an event: {why}: {text}"))?;
    let (payload, timestamp) = (&placed.payload, placed.timestamp);
    let position = placed.position.map(Position::parse).transpose()?;
    let outcome = |resumed: Option<Resumed>| {
        let resumed = resumed.map(|it| (it.sent, it.missed));
        let position = position.ok_or(format!("it says no position: {text}"))?;
        Ok::<_, String>(Outcome { resumed, position })
    };
    let (said, payload) = match kind {
        "connection:status" => {
            let outcome = outcome(payload.resumed)?;
            let resumed = outcome.resumed();
            let resumed = resumed.map(|resumed| format!(r#","resumed":{{{resumed}}}"#));
            let status = r#""status":"connected""#;
            let payload = format!("{status}{}", resumed.unwrap_or_default());
            (Said::Welcome(outcome), payload)
        }
        "connection:resumed" => {
            let missed = payload.missed;
            let outcome = outcome(payload.sent.map(|sent| Resumed { sent, missed }))?;
            let payload = outcome.resumed().unwrap_or_default();
            (Said::Answer(Some(outcome)), payload)
        }
        "connection:lagged" => {
            let missed = payload.missed.unwrap_or(0);
            let since = payload.since.map(Position::parse).transpose()?;
            if missed == 0 || since.is_none() {
                return Err(format!("not a notice: {text}"));
            }
            let said = Said::Lagged(missed, since);
            (said, lagged(missed, since))
        }
        _ => return Err(format!("not a message of events: {text}")),
    };
    let expected = envelope(kind, &format!("{{{payload}}}"), timestamp);
    let expected = match position {
        Some(position) => at(&expected, &position.to_string()),
        None => expected,
    };
    match text == expected {
        true => Ok((said, Some(timestamp))),
        false => Err(format!("{text} must be {expected}")),
    }
}

/// An event's payload is unlike any other.
pub fn named(text: &str) -> Result<Named, String> {
    let envelope = envelope_of(text)?;
    Ok(Named {
        key: envelope.payload.get().into(),
        name: String::new(),
        timestamp: Some(envelope.timestamp.into()),
        position: Position::parse(envelope.position)?,
    })
}

/// What a member says that asks for what it has not got.
pub fn resume(since: Since) -> (String, Command) {
    let text = format!(r#"{{"type":"resume","since":"{since}"}}"#);
    let wants = vec!["*"];
    let command = Command::answered(wants.clone(), "resumed");
    (text, command.subscribing(wants, Some(since)))
}

fn envelope_of(text: &str) -> Result<Envelope<'_>, String> {
    serde_json::from_str(text).map_err(|error| format!("not an event: {error}: {text}"))
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
    let text = at(&envelope(kind, &payload, TIME), POSITION);
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
    if kind(text) != Some(accepted.r#type) {
        return Err(format!("a 202 to {text:?} says {body}"));
    }
    Ok(accepted.receivers)
}

/// The type of an event, which is at its beginning.
fn kind(text: &str) -> Option<&str> {
    let (kind, _) = text.strip_prefix(r#"{"type":""#)?.split_once('"')?;
    Some(kind)
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
