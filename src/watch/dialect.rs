//! What a client of each app has to say by itself: what it wants to hear, and that it is alive.
//!
//! An app is known by its path. A path that ends like an app's is that app's, so that a proxy may put it under a prefix.

use serde::Deserialize;
use serde_json::json;

/// The channels of the stream app.
const CHANNELS: [&str; 2] = ["newBlocks", "newTxs"];

/// The word by which nothing is asked for but the position.
pub(super) const NOW: &str = "now";
/// By which a room's answer to our own question is known.
pub(super) const QUESTION: &str = "roomcast watch: resume";

/// An app, as far as its clients have to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Resumes at the door, and by a question.
    Events,
    /// Subscribes to repositories, names a version, answers pings in words.
    Tasks,
    /// Subscribes to channels.
    Stream,
    /// Shows a player's token; resumes as `events` does.
    Room,
    /// Listens: `sessions`, and whatever else there may be.
    Other,
}

impl Dialect {
    /// The app at this path.
    pub fn at(path: &str) -> Dialect {
        if path.ends_with("/api/v1/tasks/ws") {
            Dialect::Tasks
        } else if path.ends_with("/v1/stream") {
            Dialect::Stream
        } else if path.contains("/ws/rooms/") {
            Dialect::Room
        } else if path.ends_with("/ws") && !path.contains("/api/v1/") {
            Dialect::Events
        } else {
            Dialect::Other
        }
    }

    /// Whether its messages have positions.
    pub fn resumes(self) -> bool {
        self != Dialect::Other
    }

    /// Whether it is said in the query of the address since when to resume.
    pub fn resumes_at_the_door(self) -> bool {
        matches!(self, Dialect::Events | Dialect::Room)
    }

    /// The message that asks on a connection for what is behind this position; where there is none, it is subscribed again.
    pub fn question(self, since: &str) -> Option<String> {
        let message = match self {
            Dialect::Events => json!({"type": "resume", "since": since}),
            Dialect::Room => {
                json!({"type": "resume", "correlation_id": QUESTION, "payload": {"since": since}})
            }
            Dialect::Tasks | Dialect::Stream | Dialect::Other => return None,
        };
        Some(message.to_string())
    }

    /// The message that subscribes to these names, or to everything if there are none, and asks for what is behind this
    /// position; or what is wrong with them.
    pub fn subscription(
        self,
        names: &[String],
        since: Option<&str>,
    ) -> Result<Option<String>, String> {
        match self {
            Dialect::Tasks => {
                let everything = ["*".to_owned()];
                let names = if names.is_empty() { &everything } else { names };
                let mut data = json!({"repositories": names});
                if let Some(since) = since {
                    data["since"] = json!(since);
                }
                let message = json!({"type": "subscribe", "data": data});
                Ok(Some(message.to_string()))
            }
            Dialect::Stream => {
                let unknown = names.iter().find(|name| !CHANNELS.contains(&name.as_str()));
                if let Some(name) = unknown {
                    let [blocks, txs] = CHANNELS;
                    return Err(format!(
                        "the stream app has no channel {name:?} (flag --subscribe): expected {blocks} or {txs}"
                    ));
                }
                let channels = if names.is_empty() {
                    json!(CHANNELS)
                } else {
                    json!(names)
                };
                // Who names a time is answered: that is how the position is known before anything is published.
                let since = since.unwrap_or(NOW);
                let message =
                    json!({"action": "subscribe", "channels": channels, "since": since});
                Ok(Some(message.to_string()))
            }
            Dialect::Events | Dialect::Room | Dialect::Other if names.is_empty() => Ok(None),
            Dialect::Events | Dialect::Room | Dialect::Other => Err(
                "there is nothing to subscribe to at this path (flag --subscribe): expected the path of the tasks or the stream app"
                    .to_owned(),
            ),
        }
    }

    /// The answer to a message that only asks whether we are alive.
    pub fn pong(self, text: &str) -> Option<&'static str> {
        #[derive(Deserialize)]
        struct Typed<'a> {
            r#type: &'a str,
        }
        // The message is short; an event of a task, which may be long, is not looked through.
        let is_short = self == Dialect::Tasks && text.len() < 256;
        let typed: Typed<'_> = serde_json::from_str(text).ok().filter(|_| is_short)?;
        (typed.r#type == "ping").then_some(r#"{"type":"pong"}"#)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_known_by_the_end_of_its_path() {
        let cases = [
            ("/api/v1/tasks/ws", Dialect::Tasks),
            ("/hub/api/v1/tasks/ws", Dialect::Tasks),
            ("/v1/stream", Dialect::Stream),
            ("/ws/rooms/ABC234", Dialect::Room),
            ("/ws/rooms/ABC234/connect", Dialect::Room),
            ("/ws", Dialect::Events),
            ("/hub/ws", Dialect::Events),
            ("/api/v1/stats/ws", Dialect::Other),
            ("/api/v1/sessions/1/ws", Dialect::Other),
        ];
        for (path, dialect) in cases {
            assert_eq!(Dialect::at(path), dialect, "{path}");
        }
    }

    #[test]
    fn no_names_subscribe_to_everything() {
        let message = |dialect: Dialect| dialect.subscription(&[], None).unwrap();
        assert_eq!(
            message(Dialect::Tasks).unwrap(),
            r#"{"type":"subscribe","data":{"repositories":["*"]}}"#
        );
        assert_eq!(
            message(Dialect::Stream).unwrap(),
            r#"{"action":"subscribe","channels":["newBlocks","newTxs"],"since":"now"}"#
        );
        assert_eq!(message(Dialect::Other), None);
    }

    #[test]
    fn each_app_is_asked_for_what_is_behind_a_position_in_its_own_words() {
        let subscribed = Dialect::Tasks.subscription(&[], Some("a-1")).unwrap();
        assert_eq!(
            subscribed.unwrap(),
            r#"{"type":"subscribe","data":{"repositories":["*"],"since":"a-1"}}"#
        );
        let subscribed = Dialect::Stream.subscription(&[], Some("a-1")).unwrap();
        assert!(subscribed.unwrap().ends_with(r#","since":"a-1"}"#));
        assert_eq!(
            Dialect::Events.question("a-1").unwrap(),
            r#"{"type":"resume","since":"a-1"}"#
        );
        let question = Dialect::Room.question("a-1").unwrap();
        assert!(
            question.contains(r#""payload":{"since":"a-1"}"#),
            "{question}"
        );
        assert_eq!(Dialect::Tasks.question("a-1"), None);
    }

    #[test]
    fn names_that_cannot_be_subscribed_to_are_told() {
        let names = ["newTx".to_owned()];
        let error = Dialect::Stream.subscription(&names, None).unwrap_err();
        assert!(
            error.contains("\"newTx\"") && error.contains("newTxs"),
            "{error}"
        );
        assert!(Dialect::Room.subscription(&names, None).is_err());
        assert!(Dialect::Other.subscription(&names, None).is_err());
    }

    #[test]
    fn only_the_tasks_app_asks_for_a_pong_in_words() {
        let ping = r#"{"type":"ping","timestamp":"2026-01-01T00:00:00.000Z"}"#;
        assert!(Dialect::Tasks.pong(ping).is_some());
        assert!(Dialect::Tasks.pong(r#"{"type":"task.created"}"#).is_none());
        assert!(Dialect::Tasks.pong("ping").is_none());
        assert!(Dialect::Other.pong(ping).is_none());
    }
}
