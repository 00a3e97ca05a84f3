//! What an app keeps, as it is written and read: its records, and the one numbering, which goes on where it was when the
//! process before this one ended.

use serde::Serialize;

use super::context::Context;
use crate::core::outbox::Reopened;
use crate::engine::{Restored, Row};
use crate::id::{LogId, Topic};
use crate::position::Position;
use crate::wire::frame::Frame;
use crate::wire::packing::parts;

/// What a message has last, in front of its position.
const POSITION: &str = ",\"position\":";

/// Takes up the app's log, or a message of it, whose topic is told by its name, in a frame as the app makes it.
pub fn restore(
    restored: Restored,
    topic: impl Fn(&str) -> Topic,
    made: impl Fn(&str, Frame) -> Frame,
    cx: &mut Context<'_>,
) -> Result<(), String> {
    restore_in(cx.log(), restored, topic, made, cx)
}

/// The same in a log within the app.
pub fn restore_in(
    log: LogId,
    restored: Restored,
    topic: impl Fn(&str) -> Topic,
    made: impl Fn(&str, Frame) -> Frame,
    cx: &mut Context<'_>,
) -> Result<(), String> {
    match restored {
        Restored::Log {
            epoch,
            number,
            first,
            ..
        } => {
            let position = Position { epoch, number };
            cx.reopen_log(log, Reopened { position, first });
        }
        Restored::Post {
            log: name,
            number,
            topic: about,
            text,
            ..
        } => {
            let frame = next(log, &name, (number, &text), 0, cx)?;
            cx.republish(log, topic(&about), made(&about, frame));
        }
        Restored::Secret(_) | Restored::Record { .. } => {}
    }
    Ok(())
}

/// The next message of a log, or that behind so many, which has this number and this text.
pub fn next(
    log: LogId,
    name: &str,
    (number, text): (u64, &str),
    behind: u64,
    cx: &Context<'_>,
) -> Result<Frame, String> {
    let position = cx.next_position(log).plus(behind);
    if position.number != number {
        return Err(format!(
            "the log {name} has message {number} where {} was expected",
            position.number
        ));
    }
    let whole = at(text, position)
        .ok_or_else(|| format!("message {number} of the log {name} is no JSON object"))?;
    Ok(Frame::text(&whole))
}

/// Has the app's log written, if it was not kept, so that messages can be kept in it.
pub fn begin(cx: &mut Context<'_>) {
    let (log, position) = (cx.app().name().to_owned(), cx.position(cx.log()));
    if position.number == 0 {
        cx.write_behind(vec![opened(log, position)]);
    }
}

/// The row of a log whose newest message has this position.
pub fn opened(log: String, position: Position) -> Row {
    let Position { epoch, number } = position;
    Row::Open { log, epoch, number }
}

/// The app's whole log as rows, its messages by the names of their topics, for an app that writes nothing before.
pub fn last_rows(topic: impl Fn(Topic) -> &'static str, cx: &Context<'_>) -> Vec<Row> {
    let (log, name) = (cx.log(), cx.app().name());
    let mut rows = Vec::new();
    let mut before = cx.position(log);
    for kept in cx.kept(log) {
        if rows.is_empty() {
            before.number = kept.position.number - 1;
        }
        for ((_, payload), index) in parts(kept.frames).zip(0..) {
            let text = String::from_utf8_lossy(payload);
            rows.push(Row::Post {
                log: name.to_owned(),
                topic: topic(kept.topic).to_owned(),
                at: cx.now().unix,
                text: without(&text, kept.position.plus(index)),
            });
        }
    }
    rows.insert(0, opened(name.to_owned(), before));
    rows
}

/// A message with its position, from one without.
fn at(text: &str, position: Position) -> Option<String> {
    let open = text.strip_suffix('}')?;
    let comma = if open.ends_with('{') { "" } else { "," };
    Some(format!("{open}{comma}\"position\":\"{position}\"}}"))
}

/// A message without its position, from one with it.
fn without(text: &str, position: Position) -> String {
    let tail = format!("{POSITION}\"{position}\"}}");
    match text.strip_suffix(&tail) {
        Some(open) => format!("{open}}}"),
        None => text.to_owned(),
    }
}

/// A record of an app as it is kept.
///
/// # Panics
/// When it cannot be JSON, which is a programmer's error.
pub fn record(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our own records are JSON")
}

/// What is said of a record that cannot be read.
pub fn unreadable(what: &str, key: &str, error: impl std::fmt::Display) -> String {
    format!("the record of the {what} {key} cannot be read: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_put_last_and_taken_away_again() {
        let position = Position {
            epoch: 0xff,
            number: 7,
        };
        for (text, whole) in [
            (r#"{"a":1}"#, r#"{"a":1,"position":"000000ff-7"}"#),
            (r#"{"a":{}}"#, r#"{"a":{},"position":"000000ff-7"}"#),
        ] {
            assert_eq!(at(text, position).as_deref(), Some(whole));
            assert_eq!(without(whole, position), text);
        }
        assert_eq!(at("[1]", position), None);
        let other = r#"{"a":1,"position":"000000ff-8"}"#;
        assert_eq!(without(other, position), other);
    }
}
