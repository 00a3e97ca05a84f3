//! `events`: one broadcast to everybody.
//!
//! One room, and one numbering. A client hears `connection:status` first, then what it missed, if it asks for that, and every event
//! from its entry on; what it says is ignored, but for a ping and for a question about what it missed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::context::{Context, Resumed};
use super::json::read_part;
use super::keep;
use super::object::{Fields as Given, Object, Texts};
use super::refusal::bad;
use super::routes::{Needs, Route};
use super::{Answer, App, Call, Gap, Got, Message, Reply, Seat, Wanted};
use crate::engine::{Heard, Restored, Row};
use crate::id::Topic;
use crate::position::{Position, Since};
use crate::time::Unix;
use crate::wire::frame::{Encoder, Frame};
use crate::wire::response::Response;

const ROOM: &str = "events";

/// A longer message is neither a ping nor such a question, and is not looked at.
const SAID_BYTES_MAX: usize = 256;

static UPGRADE: Route = Route::stream("/ws", Needs::Nothing);
static PUBLISH: Route = Route::keyed("POST", "/api/v1/events");

/// What a field of a known payload holds.
#[derive(Clone, Copy)]
enum Field {
    Text,
    OptionalText,
    Texts,
    Bool,
    Object,
}

type Fields = &'static [(&'static str, Field)];

const CREATED: Fields = &[
    ("projectId", Field::Text),
    ("streamId", Field::Text),
    ("name", Field::Text),
];
const ARCHIVED: Fields = &[
    ("projectId", Field::Text),
    ("streamId", Field::Text),
    ("outcome", Field::Text),
];
const UPDATED: Fields = &[
    ("projectId", Field::Text),
    ("streamId", Field::Text),
    ("changes", Field::Object),
];
const PHASE: Fields = &[
    ("projectId", Field::Text),
    ("streamId", Field::Text),
    ("phase", Field::Text),
    ("artifacts", Field::Texts),
];
const PROJECT: Fields = &[
    ("projectId", Field::Text),
    ("name", Field::Text),
    ("path", Field::Text),
];
const ARTIFACT: Fields = &[
    ("projectId", Field::Text),
    ("streamId", Field::Text),
    ("artifactId", Field::Text),
    ("phaseName", Field::Text),
    ("isSharded", Field::Bool),
    ("parentId", Field::OptionalText),
];

/// The payload of a type that is known, as its fields; any other type passes with any object.
fn known(kind: &str) -> Option<Fields> {
    match kind {
        "stream:created" => Some(CREATED),
        "stream:archived" => Some(ARCHIVED),
        "stream:updated" => Some(UPDATED),
        "stream:phase-changed" => Some(PHASE),
        "project:registered" | "project:unregistered" => Some(PROJECT),
        "artifact:created" | "artifact:updated" | "artifact:deleted" => Some(ARTIFACT),
        _ => None,
    }
}

/// What a back-end publishes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish<'a> {
    r#type: String,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// What a client is sent.
#[derive(Serialize)]
struct Envelope<'a, P: Serialize> {
    r#type: &'a str,
    payload: P,
    timestamp: Unix,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
}

impl<'a, P: Serialize> Envelope<'a, P> {
    fn new(r#type: &'a str, payload: P, timestamp: Unix) -> Envelope<'a, P> {
        Envelope {
            r#type,
            payload,
            timestamp,
            position: None,
        }
    }

    fn at(self, position: Position) -> Envelope<'a, P> {
        let position = Some(position);
        Envelope { position, ..self }
    }
}

/// The payload of the first message.
#[derive(Serialize)]
struct Status {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed: Option<Resumed>,
}

/// What a client says that is heard.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    since: Option<Cow<'a, str>>,
}

/// The app. It remembers nothing: the members of the room are all there is.
pub struct Events;

impl App for Events {
    fn routes(&self) -> Vec<&'static Route> {
        vec![&UPGRADE, &PUBLISH]
    }

    fn request(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Reply {
        publish(call, cx).unwrap_or_else(Reply::from)
    }

    fn admit(&mut self, _: &Call<'_>, _: &mut Context<'_>) -> Result<Seat, Response> {
        Ok(Seat::default())
    }

    fn opened(&mut self, _: Seat, since: Option<Since>, cx: &mut Context<'_>) {
        let planned = cx.resume(cx.log(), since, &Wanted::All, &Got::Nothing);
        let payload = Status {
            status: "connected",
            resumed: since.map(|_| Resumed::from(&planned)),
        };
        let welcome = Envelope::new("connection:status", payload, cx.now().unix);
        let welcome = cx.json(&welcome.at(planned.position));
        // Sent before the room is joined, so nothing can come before it.
        cx.send(cx.conn(), welcome);
        cx.replay(planned);
        cx.join(ROOM);
    }

    fn message(&mut self, _: Seat, message: Message<'_>, cx: &mut Context<'_>) {
        let Message::Text(text) = message else { return };
        if text.len() > SAID_BYTES_MAX {
            return;
        }
        let Ok(Object(Said { r#type, since })) = serde_json::from_str(text) else {
            return;
        };
        match (&*r#type, since) {
            ("ping", _) => {
                let pong = cx.json(&Envelope::new("connection:pong", json!({}), cx.now().unix));
                // It fits, because the client is read only as fast as it takes its answers.
                cx.send(cx.conn(), pong.exempt());
            }
            ("resume", Some(since)) => resume(Since::parse(&since), cx),
            _ => {}
        }
    }

    fn closed(&mut self, _: Seat, _: &mut Context<'_>) {}

    fn heard(&mut self, heard: Heard, cx: &mut Context<'_>) -> Result<(), String> {
        for (row, number) in heard.numbered() {
            if let Row::Post { log, text, .. } = row {
                let event = keep::next(cx.log(), &log, (number, &text), 0, cx)?;
                cx.publish_on(Topic::default(), ROOM, event);
            }
        }
        Ok(())
    }

    fn restore(&mut self, restored: Restored, cx: &mut Context<'_>) -> Result<(), String> {
        keep::restore(restored, |_| Topic::default(), |_, frame| frame, cx)
    }

    fn last_rows(&mut self, cx: &mut Context<'_>) -> Vec<Row> {
        keep::last_rows(|_| "", cx)
    }

    fn lagged(&self, gap: Gap, unix: Unix, encoder: &mut Encoder) -> Frame {
        encoder.json(&Envelope::new("connection:lagged", gap, unix))
    }
}

/// Queues what a client is to get that was told of a gap, behind what it has still to get.
fn resume(since: Since, cx: &mut Context<'_>) {
    let planned = cx.resume(cx.log(), Some(since), &Wanted::All, &Got::All);
    let outcome = Envelope::new("connection:resumed", Resumed::from(&planned), cx.now().unix);
    let outcome = cx.json(&outcome.at(planned.position));
    cx.send(cx.conn(), outcome.exempt());
    cx.replay(planned);
}

fn publish(call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
    let Object(event): Object<Publish<'_>> = call.json()?;
    let kind = event.r#type.as_str();
    check_type(kind)?;
    check_payload(kind, event.payload)?;
    let timestamp = cx.now().unix;
    let envelope = Envelope::new(kind, event.payload, timestamp);
    let frame = cx.json(&envelope.at(cx.next_position(cx.log())));
    let receivers = cx.publish_on(Topic::default(), ROOM, frame);
    let told = json!({"type": kind, "timestamp": timestamp, "receivers": receivers});
    Ok(Response::json(202, &told).into())
}

/// `namespace:kebab-case`, and not the namespace that is the server's own.
fn check_type(kind: &str) -> Result<(), Response> {
    let kebab = |name: &str| {
        name.split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
    };
    match kind.split_once(':') {
        Some(("connection", _)) => Err(bad("type: connection:* is reserved for the server")),
        Some((namespace, name)) if kebab(namespace) && kebab(name) => Ok(()),
        _ => Err(bad(
            "type: must be namespace:kebab-case, in lower-case letters a to z",
        )),
    }
}

fn check_payload(kind: &str, payload: &RawValue) -> Result<(), Response> {
    if !payload.get().starts_with('{') {
        return Err(bad("payload: must be an object"));
    }
    let Some(fields) = known(kind) else {
        return Ok(());
    };
    let payload = read_part(payload.get().as_bytes(), "payload");
    let Given(payload) = payload.map_err(bad)?;
    for (name, field) in fields {
        let given = payload.iter().find(|(key, _)| key == name);
        let value = given.map_or("", |(_, value)| value.get());
        // Its first letter tells what a value is.
        let begins = |letters: &[char]| value.starts_with(letters);
        let (fits, expected) = match field {
            Field::Text => (begins(&['"']), "a string"),
            Field::OptionalText => (
                value.is_empty() || begins(&['"', 'n']),
                "a string, or absent",
            ),
            Field::Texts => (
                serde_json::from_str::<Texts>(value).is_ok(),
                "an array of strings",
            ),
            Field::Bool => (begins(&['t', 'f']), "true or false"),
            Field::Object => (begins(&['{']), "an object"),
        };
        if !fits {
            return Err(bad(format!("payload.{name}: {kind} needs {expected} here")));
        }
    }
    let keys = payload.iter().map(|(key, _)| key);
    let mut unknown = keys.filter(|key| fields.iter().all(|(name, _)| name != key));
    unknown.next().map_or(Ok(()), |key| {
        Err(bad(format!("payload.{key}: {kind} has no such field")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_namespace_and_kebab_case() {
        for kind in ["a:b", "stream:phase-changed", "tool-box:a-b-c"] {
            assert!(check_type(kind).is_ok(), "{kind}");
        }
        for kind in [
            "",
            "a",
            ":",
            "a:",
            ":a",
            "a:b:c",
            "A:b",
            "a:b-",
            "a:-b",
            "a:b--c",
            "a1:b",
            "connection:status",
        ] {
            assert!(check_type(kind).is_err(), "{kind}");
        }
    }
}
