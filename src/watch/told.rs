//! What a message says about positions, in the words of its app.
//!
//! Only messages of the server's own are looked into, never what a back-end or a player has put into one.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::dialect::{Dialect, QUESTION};
use crate::position::{Position, Since};

/// What a message says about positions.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It was published, and has this position.
    Published(Position),
    /// What follows is behind this position.
    Begins(Position),
    /// What was asked for, and the position before the first that follows.
    Resumed {
        /// Messages that follow.
        sent: u64,
        /// Messages that are lost for good, if anybody can tell.
        missed: Option<u64>,
        /// Before the first that follows.
        position: Option<Position>,
        /// Whether the message says nothing else, and so is no line.
        is_answer: bool,
    },
    /// So many were skipped, if anybody can tell, behind this position, if they can be asked for.
    Lagged(Option<u64>, Option<Position>),
    /// Nothing.
    Nothing,
}

/// A message, as far as it is looked at.
#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    position: Option<Cow<'a, str>>,
    #[serde(borrow)]
    correlation_id: Option<&'a RawValue>,
    #[serde(borrow, alias = "data")]
    payload: Option<&'a RawValue>,
}

/// The payload of a message of the server's own.
#[derive(Default, Deserialize)]
struct Inner {
    position: Option<String>,
    since: Option<String>,
    resumed: Option<Outcome>,
    #[serde(default)]
    sent: u64,
    missed: Option<u64>,
}

#[derive(Deserialize)]
struct Outcome {
    sent: u64,
    missed: Option<u64>,
}

impl Told {
    /// Reads a message of this app.
    pub fn read(dialect: Dialect, text: &str) -> Told {
        let outer: Outer<'_> = match serde_json::from_str(text) {
            Ok(outer) if dialect.resumes() => outer,
            _ => return Told::Nothing,
        };
        let position = position(outer.position.as_deref());
        let kind = match (dialect, &*outer.r#type, outer.event.as_deref()) {
            (Dialect::Room, "state", Some(event)) => event,
            (Dialect::Room, "error", _) if is_question(outer.correlation_id) => "refused",
            (Dialect::Room, ..) => "",
            (_, kind, _) => kind,
        };
        let inner = || -> Inner {
            let payload = outer.payload.map_or("{}", RawValue::get);
            serde_json::from_str(payload).unwrap_or_default()
        };
        match (dialect, kind) {
            (Dialect::Events, "connection:status")
            | (Dialect::Tasks, "subscribed")
            | (Dialect::Room, "room") => greeting(inner(), position),
            (Dialect::Events, "connection:resumed")
            | (Dialect::Stream | Dialect::Room, "resumed") => answer(inner(), position),
            (Dialect::Room, "refused") => answer(Inner::default(), None),
            (Dialect::Events, "connection:lagged")
            | (Dialect::Tasks | Dialect::Stream | Dialect::Room, "lagged") => {
                let Inner { missed, since, .. } = inner();
                Told::Lagged(missed, self::position(since.as_deref()))
            }
            _ => position.map_or(Told::Nothing, Told::Published),
        }
    }
}

/// The first message of a connection or a subscription.
fn greeting(inner: Inner, outer: Option<Position>) -> Told {
    let position = outer.or(position(inner.position.as_deref()));
    match (inner.resumed, position) {
        (Some(Outcome { sent, missed }), position) => Told::Resumed {
            sent,
            missed,
            position,
            is_answer: false,
        },
        (None, Some(position)) => Told::Begins(position),
        (None, None) => Told::Nothing,
    }
}

/// A message that answers our question and says nothing else.
fn answer(inner: Inner, outer: Option<Position>) -> Told {
    Told::Resumed {
        sent: inner.sent,
        missed: inner.missed,
        position: outer.or(position(inner.position.as_deref())),
        is_answer: true,
    }
}

fn position(text: Option<&str>) -> Option<Position> {
    match Since::parse(text?) {
        Since::At(position) => Some(position),
        Since::Now | Since::Nowhere => None,
    }
}

fn is_question(correlation: Option<&RawValue>) -> bool {
    let text = correlation.map(|it| serde_json::from_str::<Cow<'_, str>>(it.get()));
    matches!(text, Some(Ok(text)) if text == QUESTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u64) -> Position {
        Position { epoch: 10, number }
    }

    fn resumed(sent: u64, missed: Option<u64>, number: u64, is_answer: bool) -> Told {
        Told::Resumed {
            sent,
            missed,
            position: Some(at(number)),
            is_answer,
        }
    }

    #[test]
    fn each_app_says_it_in_its_own_words() {
        let lagged = Told::Lagged(Some(3), Some(at(4)));
        let cases = [
            (
                Dialect::Events,
                r#"{"type":"connection:status","payload":{"status":"connected"},"timestamp":"","position":"0000000a-4"}"#,
                Told::Begins(at(4)),
            ),
            (
                Dialect::Events,
                r#"{"type":"connection:status","payload":{"status":"connected","resumed":{"sent":1,"missed":null}},"position":"0000000a-4"}"#,
                resumed(1, None, 4, false),
            ),
            (
                Dialect::Events,
                r#"{"type":"connection:resumed","payload":{"sent":2,"missed":1},"position":"0000000a-4"}"#,
                resumed(2, Some(1), 4, true),
            ),
            (
                Dialect::Events,
                r#"{"type":"a:b","payload":{"missed":3,"since":7},"timestamp":"","position":"0000000a-5"}"#,
                Told::Published(at(5)),
            ),
            (
                Dialect::Tasks,
                r#"{"type":"subscribed","timestamp":"","data":{"repositories":["*"],"resumed":{"sent":2,"missed":0},"position":"0000000a-4"}}"#,
                resumed(2, Some(0), 4, false),
            ),
            (
                Dialect::Stream,
                r#"{"type":"resumed","data":{"sent":2,"missed":0,"position":"0000000a-4"}}"#,
                resumed(2, Some(0), 4, true),
            ),
            (
                Dialect::Room,
                r#"{"type":"state","event":"room","payload":{"code":"A","position":"0000000a-4"}}"#,
                Told::Begins(at(4)),
            ),
            (
                Dialect::Room,
                r#"{"type":"event","event":"lagged","payload":{},"correlation_id":7,"position":"0000000a-4"}"#,
                Told::Published(at(4)),
            ),
            (
                Dialect::Room,
                r#"{"type":"state","event":"lagged","payload":{"missed":2,"since":null}}"#,
                Told::Lagged(Some(2), None),
            ),
            (
                Dialect::Stream,
                r#"{"type":"lagged","data":{"missed":3,"since":"0000000a-4"}}"#,
                lagged,
            ),
            (
                Dialect::Room,
                r#"{"type":"event","event":"chat","payload":{}}"#,
                Told::Nothing,
            ),
            (
                Dialect::Other,
                r#"{"type":"lagged","missed":1,"position":"0000000a-4"}"#,
                Told::Nothing,
            ),
            (Dialect::Events, "hello", Told::Nothing),
        ];
        for (dialect, text, told) in cases {
            assert_eq!(Told::read(dialect, text), told, "{text}");
        }
    }

    #[test]
    fn a_question_that_is_refused_is_answered_with_nobody_can_tell() {
        let text = format!(
            r#"{{"type":"error","event":"rate_limited","payload":{{}},"correlation_id":"{QUESTION}"}}"#
        );
        let refused = Told::Resumed {
            sent: 0,
            missed: None,
            position: None,
            is_answer: true,
        };
        assert_eq!(Told::read(Dialect::Room, &text), refused);
    }
}
