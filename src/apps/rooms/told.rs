//! What a client is told: the shapes of the dialect, in its order of fields.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::apps::context::Resumed;
use crate::position::Position;
use crate::time::Unix;

/// The event of an error: not JSON, or not the shape.
pub const BAD_MESSAGE: &str = "bad_message";
/// The event of an error: a type that is the server's or nobody's.
pub const UNSUPPORTED_TYPE: &str = "unsupported_type";
/// The event of an error: said too soon.
pub const RATE_LIMITED: &str = "rate_limited";

/// The event of an error: it could not be stored.
pub const STORAGE: &str = "storage";

/// Everything that is sent.
#[derive(Clone, Copy, Serialize)]
pub struct Told<'a, P: Serialize> {
    r#type: &'static str,
    event: &'a str,
    payload: P,
    #[serde(skip_serializing_if = "Option::is_none")]
    player_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
}

/// The payload of `room`: all that a player who enters must know.
#[derive(Serialize)]
pub struct RoomState<'a> {
    pub code: String,
    /// The players, in the order in which they joined.
    pub players: Vec<PlayerState<'a>>,
    /// The latest of the chat, oldest first.
    pub messages: Vec<&'a RawValue>,
    /// What follows, and is lost, if the player asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resumed>,
    pub position: Position,
}

/// The payload of `resumed`.
#[derive(Serialize)]
pub struct Outcome {
    #[serde(flatten)]
    pub resumed: Resumed,
    pub position: Position,
}

/// One player in a room's state.
#[derive(Serialize)]
pub struct PlayerState<'a> {
    pub player_id: &'a str,
    pub display_name: &'a str,
    pub connected: bool,
}

/// The payload of `player_connected` and `player_disconnected`.
#[derive(Serialize)]
pub struct PlayerNotice<'a> {
    pub player_id: &'a str,
    pub display_name: &'a str,
}

/// The payload of `chat`, and a message of the history.
#[derive(Serialize)]
pub struct ChatMessage<'a> {
    pub message_id: &'a str,
    pub player_id: &'a str,
    /// What it was called then.
    pub display_name: &'a str,
    pub message: &'a str,
    pub sent_at: Unix,
}

/// The payload of an error.
#[derive(Serialize)]
pub struct ErrorText<'a> {
    pub message: &'a str,
}

impl<'a, P: Serialize> Told<'a, P> {
    /// Something happened.
    pub fn event(event: &'a str, payload: P) -> Told<'a, P> {
        Told {
            r#type: "event",
            event,
            payload,
            player_id: None,
            correlation_id: None,
            position: None,
        }
    }

    /// How something stands.
    pub fn state(event: &'a str, payload: P) -> Told<'a, P> {
        Told {
            r#type: "state",
            ..Told::event(event, payload)
        }
    }

    /// Something went wrong.
    pub fn error(event: &'a str, payload: P) -> Told<'a, P> {
        Told {
            r#type: "error",
            ..Told::event(event, payload)
        }
    }

    /// The same, from this player.
    pub fn by(self, player_id: Option<&'a str>) -> Told<'a, P> {
        Told { player_id, ..self }
    }

    /// The same at this position.
    pub fn at(self, position: Position) -> Told<'a, P> {
        let position = Some(position);
        Told { position, ..self }
    }

    /// The same, for whoever waits for this.
    pub fn answering(self, correlation_id: Option<&'a RawValue>) -> Told<'a, P> {
        Told {
            correlation_id,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_come_in_the_order_of_the_contract_and_absent_ones_not_at_all() {
        let told = Told::event("vote", 1);
        let text = serde_json::to_string(&told).unwrap();
        assert_eq!(text, r#"{"type":"event","event":"vote","payload":1}"#);
        let id = RawValue::from_string(String::from("7")).unwrap();
        let told = told.by(Some("p")).answering(Some(&id));
        let text = serde_json::to_string(&told).unwrap();
        let whole =
            r#"{"type":"event","event":"vote","payload":1,"player_id":"p","correlation_id":7}"#;
        assert_eq!(text, whole);
    }
}
