//! A message as one line for a person: when, what, and the essentials.
//!
//! The apps are told apart by what their messages look like, not by the path, so that a proxy may put them anywhere. What
//! looks like none of them is shown as compact JSON. Whoever needs every field reads JSON.

use serde_json::{Map, Value};

use super::plain::{one_line, plain};
use crate::time::Unix;

/// The line: the time of day that the message gives, or of its arrival, and what it says.
pub(super) fn readable(text: &str, arrived: Unix) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The line without its time.
    fn words(text: &str) -> String {
        let line = readable(text, Unix(0));
        line.split_once(' ').unwrap().1.to_owned()
    }

    #[test]
    fn events_are_shown_with_the_fields_of_their_payload() {
        let text = r#"{"type":"stream:phase-changed","payload":{"projectId":"p","name":"a b","artifacts":["x"],"n":""},
            "timestamp":"2026-11-20T07:35:46.409Z"}"#;
        assert_eq!(
            readable(text, Unix(0)),
            r#"07:35:46.409Z stream:phase-changed projectId=p name="a b" artifacts=["x"] n="""#
        );
    }

    #[test]
    fn tasks_are_shown_with_who_changed_what() {
        let task = r#"{"type":"task.created","timestamp":"x","data":{"task_id":"7","repository":"web","changed_by":"cli",
            "task":{"id":"7","title":"Fix it","status":"pending","priority":"high"}}}"#;
        assert_eq!(
            words(task),
            "task.created web 7 by cli: Fix it (pending, high)"
        );
        let deleted = r#"{"type":"task.deleted","data":{"task_id":"7","repository":"web","changed_by":"api"}}"#;
        assert_eq!(words(deleted), "task.deleted web 7 by api");
        let subscribed = r#"{"type":"subscribed","data":{"repositories":["a","*"]}}"#;
        assert_eq!(words(subscribed), "subscribed to a, *");
        assert_eq!(words(r#"{"type":"error","error":"no"}"#), "error: no");
    }

    #[test]
    fn blocks_and_transactions_are_shown_with_their_hashes() {
        let block =
            r#"{"type":"newBlock","data":{"height":9,"hash":"0xa","tx_count":2,"miner":"0xb"}}"#;
        assert_eq!(words(block), "newBlock #9 0xa tx_count=2 miner=0xb");
        let tx = r#"{"type":"newTx","data":{"hash":"0xa","from_addr":"0xb","to_addr":null,"value_wei":"12","block_height":9}}"#;
        assert_eq!(
            words(tx),
            "newTx 0xa in #9: 12 wei from 0xb to a new contract"
        );
        assert_eq!(
            words(r#"{"type":"lagged","data":{"missed":3}}"#),
            "lagged: 3 missed"
        );
    }

    #[test]
    fn sessions_are_shown_with_their_status_and_result() {
        let update = r#"{"type":"status_update","session_id":"s","status":"opened"}"#;
        assert_eq!(words(update), "s is opened");
        let completed =
            r#"{"type":"completed","session_id":"s","status":"completed","result":{"ok": true}}"#;
        assert_eq!(words(completed), r#"completed s: {"ok":true}"#);
    }

    #[test]
    fn rooms_are_shown_as_people_talk() {
        let chat = r#"{"type":"event","event":"chat","payload":{"display_name":"Ada","message":"hi\n\u001b[2J"}}"#;
        assert_eq!(words(chat), r"Ada: hi\n\u{1b}[2J");
        let joined = r#"{"type":"event","event":"player_connected","payload":{"player_id":"1","display_name":"Ada"}}"#;
        assert_eq!(words(joined), "Ada connected (1)");
        let state = r#"{"type":"state","event":"room","payload":{"code":"ABC234","messages":[{},{}],"players":[
            {"display_name":"Ada","connected":true},{"display_name":"Bob","connected":false}]}}"#;
        assert_eq!(
            words(state),
            "room ABC234: 2 players, here now: Ada; 2 messages so far"
        );
        let vote = r#"{"type":"event","event":"vote","player_id":"1","payload":{"for": 2}}"#;
        assert_eq!(words(vote), r#"vote by 1: {"for":2}"#);
        let error = r#"{"type":"error","event":"rate_limited","payload":{}}"#;
        assert_eq!(words(error), "error rate_limited: {}");
    }

    #[test]
    fn anything_else_is_shown_as_it_is() {
        for text in [
            r#"{"type":"task.created","data":{"repository":1}}"#,
            r#"{"a":1}"#,
            "[1,2]",
            "not JSON",
        ] {
            assert_eq!(readable(text, Unix(5)), format!("00:00:00.005Z {text}"));
        }
    }

    #[test]
    fn a_time_that_cannot_be_is_that_of_the_arrival() {
        for time in ["soon", "1969-01-01T00:00:00Z", "99999-01-01T00:00:00Z"] {
            let text = format!(r#"{{"type":"a:b","payload":{{}},"timestamp":"{time}"}}"#);
            assert_eq!(readable(&text, Unix(5)), "00:00:00.005Z a:b");
        }
    }
}
