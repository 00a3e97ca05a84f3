//! A player, as it knows itself.

use crate::harness::http::Answer;

#[derive(Clone, Debug)]
pub struct Player {
    pub code: String,
    pub room_id: String,
    pub id: String,
    pub token: String,
}

impl Player {
    /// Somebody whom this answer lets into the room of this code.
    pub fn new(code: &str, answer: &Answer) -> Player {
        let body = answer.json();
        let field = |name: &str| body[name].as_str().unwrap().to_owned();
        Player {
            code: code.to_owned(),
            room_id: field("room_id"),
            id: field("player_id"),
            token: field("token"),
        }
    }

    /// The path of its WebSocket.
    pub fn path(&self) -> String {
        let Player {
            code, id, token, ..
        } = self;
        format!("/ws/rooms/{code}?player_id={id}&token={token}")
    }
}
