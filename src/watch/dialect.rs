//! What a client of each app has to say by itself: what it wants to hear, and that it is alive.
//!
//! An app is known by its path. A path that ends like an app's is that app's, so that a proxy may put it under a prefix.

use serde::Deserialize;
use serde_json::json;

/// The channels of the stream app.
const CHANNELS: [&str; 2] = ["newBlocks", "newTxs"];

/// An app, as far as its clients have to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Subscribes to repositories, names a version, answers pings in words.
    Tasks,
    /// Subscribes to channels.
    Stream,
    /// Shows a player's token.
    Room,
    /// Listens: `events`, `sessions`, and whatever else there may be.
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
        } else {
            Dialect::Other
        }
    }

    /// The message that subscribes to these names, or to everything if there are none; or what is wrong with them.
    pub fn subscription(self, names: &[String]) -> Result<Option<String>, String> {
        match self {
            Dialect::Tasks => {
                let everything = ["*".to_owned()];
                let names = if names.is_empty() { &everything } else { names };
                let message = json!({"type": "subscribe", "data": {"repositories": names}});
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
                let message = json!({"action": "subscribe", "channels": channels});
                Ok(Some(message.to_string()))
            }
            Dialect::Room | Dialect::Other if names.is_empty() => Ok(None),
            Dialect::Room | Dialect::Other => Err(
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
            ("/ws", Dialect::Other),
            ("/api/v1/sessions/1/ws", Dialect::Other),
        ];
        for (path, dialect) in cases {
            assert_eq!(Dialect::at(path), dialect, "{path}");
        }
    }

    #[test]
    fn no_names_subscribe_to_everything() {
        let message = |dialect: Dialect| dialect.subscription(&[]).unwrap();
        assert_eq!(
            message(Dialect::Tasks).unwrap(),
            r#"{"type":"subscribe","data":{"repositories":["*"]}}"#
        );
        assert_eq!(
            message(Dialect::Stream).unwrap(),
            r#"{"action":"subscribe","channels":["newBlocks","newTxs"]}"#
        );
        assert_eq!(message(Dialect::Other), None);
    }

    #[test]
    fn names_that_cannot_be_subscribed_to_are_told() {
        let names = ["newTx".to_owned()];
        let error = Dialect::Stream.subscription(&names).unwrap_err();
        assert!(
            error.contains("\"newTx\"") && error.contains("newTxs"),
            "{error}"
        );
        assert!(Dialect::Room.subscription(&names).is_err());
        assert!(Dialect::Other.subscription(&names).is_err());
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
