//! A message as one line for a person: when, what, and the essentials.
//!
//! The apps are told apart by what their messages look like, not by the path, so that a proxy may put them anywhere. What
//! looks like none of them is shown as compact JSON. A program that needs every field reads JSON.

use serde_json::{Map, Value};

use super::plain::{one_line, plain};
use crate::time::Unix;

/// The line: the time of day that the message gives, or of its arrival, and what it says.
pub fn readable(text: &str, arrived: Unix) -> String {
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    let (said, words) = match &parsed {
        Some(value) => (timestamp(value), describe(value)),
        None => (None, None),
    };
    let words = words.unwrap_or_else(|| match &parsed {
        Some(_) => one_line(text).into_owned(),
        None => text.to_owned(),
    });
    format!("{} {}", time(said.unwrap_or(arrived)), plain(&words))
}

/// The time of day, UTC.
pub(super) fn time(at: Unix) -> String {
    let whole = at.to_string();
    let (_, time) = whole.split_once('T').unwrap_or(("", &whole));
    time.to_owned()
}

/// When the message says that it was.
fn timestamp(message: &Value) -> Option<Unix> {
    let paths = ["/timestamp", "/completed_at", "/payload/sent_at"];
    let text = paths
        .iter()
        .find_map(|path| message.pointer(path)?.as_str());
    let instant = humantime::parse_rfc3339(text?).ok()?;
    let since = instant.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok().map(Unix)
}

/// The essentials, if this is a message of an app that we know.
fn describe(message: &Value) -> Option<String> {
    let kind = message.get("type")?.as_str()?;
    match kind {
        "newBlock" | "newTx" | "lagged" => stream(kind, message.get("data")?),
        "status_update" | "completed" => session(kind, message),
        "event" | "state" => room(kind, message),
        "error" if message.get("event").is_some() => room(kind, message),
        "error" => Some(format!("error: {}", word(message.get("error")?))),
        "subscribed" => {
            let names = message.pointer("/data/repositories")?.as_array()?;
            Some(format!("subscribed to {}", list(names.iter(), "nothing")))
        }
        _ if kind.starts_with("task.") => task(kind, message.get("data")?),
        _ if kind.contains(':') => {
            let payload = message.get("payload")?.as_object()?;
            Some(format!("{kind}{}", fields(payload, &[])))
        }
        _ => None,
    }
}

fn stream(kind: &str, data: &Value) -> Option<String> {
    let at = |name: &str| data.get(name).map(word);
    match kind {
        "newBlock" => {
            let (height, hash) = (at("height")?, at("hash")?);
            let rest = fields(data.as_object()?, &["height", "hash"]);
            Some(format!("newBlock #{height} {hash}{rest}"))
        }
        "newTx" => {
            let to = at("to_addr").unwrap_or_else(|| "null".to_owned());
            let to = if to == "null" { "a new contract" } else { &to };
            let (hash, from, wei) = (at("hash")?, at("from_addr")?, at("value_wei")?);
            let height = at("block_height")?;
            Some(format!(
                "newTx {hash} in #{height}: {wei} wei from {from} to {to}"
            ))
        }
        _ => Some(format!("lagged: {} missed", at("missed")?)),
    }
}

fn session(kind: &str, message: &Value) -> Option<String> {
    let (id, status) = (word(message.get("session_id")?), message.get("status")?);
    match kind {
        "completed" => {
            let result = message.get("result")?;
            Some(format!("completed {id}: {result}"))
        }
        _ => Some(format!("{id} is {}", word(status))),
    }
}

fn task(kind: &str, data: &Value) -> Option<String> {
    let at = |path: &str| data.pointer(path).map(word);
    let (id, repository) = (at("/task_id")?, at("/repository")?);
    let by = at("/changed_by").map_or(String::new(), |who| format!(" by {who}"));
    let about = match data.get("task") {
        Some(Value::Object(task)) => {
            let about = |name: &str| task.get(name).map(word);
            let (title, status) = (about("title")?, about("status")?);
            format!(": {title} ({status}, {})", about("priority")?)
        }
        _ => String::new(),
    };
    Some(format!("{kind} {repository} {id}{by}{about}"))
}

fn room(kind: &str, message: &Value) -> Option<String> {
    let event = message.get("event")?.as_str()?;
    let payload = message.get("payload")?;
    let at = |name: &str| payload.get(name).map(word);
    match (kind, event) {
        ("event", "chat") => Some(format!("{}: {}", at("display_name")?, at("message")?)),
        ("event", "player_connected" | "player_disconnected") => {
            let verb = event.strip_prefix("player_")?;
            let (name, id) = (at("display_name")?, at("player_id")?);
            Some(format!("{name} {verb} ({id})"))
        }
        ("state", "room") => {
            let players = payload.get("players")?.as_array()?;
            let here = players.iter().filter(|player| player["connected"] == true);
            let here = here.filter_map(|player| player.get("display_name"));
            let here = list(here, "nobody");
            let messages = payload.get("messages")?.as_array()?.len();
            let (code, players) = (at("code")?, players.len());
            Some(format!(
                "room {code}: {players} players, here now: {here}; {messages} messages so far"
            ))
        }
        ("state", "lagged") => Some(format!("lagged: {} missed", at("missed")?)),
        _ => {
            let by = message.get("player_id").map(word);
            let by = by.map_or(String::new(), |who| format!(" by {who}"));
            let said = format!("{event}{by}: {payload}");
            Some(match kind {
                "event" => said,
                kind => format!("{kind} {said}"),
            })
        }
    }
}

/// ` name=value` for each field but those shown already.
fn fields(object: &Map<String, Value>, shown: &[&str]) -> String {
    let rest = object
        .iter()
        .filter(|(name, _)| !shown.contains(&name.as_str()));
    rest.map(|(name, value)| format!(" {name}={}", quoted(value)))
        .collect()
}

fn list<'a>(values: impl Iterator<Item = &'a Value>, none: &str) -> String {
    let words: Vec<String> = values.map(word).collect();
    match words.as_slice() {
        [] => none.to_owned(),
        words => words.join(", "),
    }
}

/// A text without its quotes, anything else as JSON.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A text without quotes where it is one word, anything else as JSON.
fn quoted(value: &Value) -> String {
    match value {
        Value::String(text)
            if !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"') =>
        {
            text.clone()
        }
        other => other.to_string(),
    }
}
