//! A player's connection, and what is said on it.

use std::ops::{Deref, DerefMut};

use serde_json::{Value, json};
use tungstenite::Message;

use crate::harness::client::Client;

pub struct Member(pub Client);

impl Member {
    /// Sends a message at once.
    pub fn send(&mut self, message: impl Into<Message>) -> &mut Member {
        self.0.send(message);
        self
    }

    /// Sends a message of this type and payload.
    pub fn say(&mut self, kind: &str, payload: &Value) -> &mut Member {
        self.send(json!({"type": kind, "payload": payload}).to_string())
    }

    /// Sends a chat message.
    pub fn chat(&mut self, message: &str) -> &mut Member {
        self.say("chat", &json!({"message": message}))
    }

    /// The next message, which is an error: its event, and the `correlation_id` (null if there is none).
    pub fn error(&mut self) -> (String, Value) {
        let mut error = self.json();
        assert_eq!(error["type"], "error", "{error}");
        assert!(error["payload"]["message"].is_string(), "{error}");
        let event = error["event"].as_str().unwrap().to_owned();
        (event, error["correlation_id"].take())
    }

    /// Closes with this code, if any, and waits for the hub to agree.
    pub fn say_goodbye(self, code: Option<u16>) {
        self.0.say_goodbye(code);
    }
}

impl Deref for Member {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

impl DerefMut for Member {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.0
    }
}
