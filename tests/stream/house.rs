//! A hub as a block explorer's back-end and its clients use it.

use std::ops::Deref;

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::http::{Answer, Http, UPGRADE};
use crate::harness::patience::PATIENT;
use crate::harness::process::roomcast;
use crate::harness::server::{Server, patient};

/// The path of the stream.
pub const STREAM: &str = "/v1/stream";

/// The hub, which ends with the test.
pub struct House(Server);

impl House {
    /// Starts with these flags, apart from the one for a free port.
    pub fn open(flags: &[&str]) -> House {
        House::with_env(flags, &[])
    }

    /// Starts with these flags and variables, and no others.
    pub fn with_env(flags: &[&str], env: &[(&str, &str)]) -> House {
        let names = |name: &str| env.iter().any(|(is, _)| *is == name);
        let mut command = if names("API_PORT") {
            roomcast("")
        } else {
            patient("")
        };
        command.args(flags).envs(PATIENT);
        // The explorers' name is behind ours.
        if names("WEBSOCKET_PING_INTERVAL") {
            command.env_remove("ROOMCAST_PING_INTERVAL");
        }
        command.envs(env.iter().copied());
        House(Server::over(command))
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = "Content-Type: application/json\r\n";
        self.ask("POST", path, headers, &body.to_string())
    }

    /// Asks for the stream: the answer, and the connection.
    pub fn upgrade(&self) -> (Answer, Http) {
        let mut http = self.http();
        let answer = http.ask("GET", STREAM, UPGRADE, "");
        (answer, http)
    }

    /// A client that is subscribed to these channels.
    pub fn subscriber(&self, channels: &[&str]) -> Client {
        let mut client = self.connect(STREAM);
        client.send(json!({"action": "subscribe", "channels": channels}).to_string());
        client.settle();
        client
    }

    /// The value of a series in `/metrics`.
    pub fn metric(&self, series: &str) -> u64 {
        let value = self.get("/metrics").metric(series);
        value.unwrap_or_else(|| panic!("{series} is not in the metrics")) as u64
    }
}

impl Deref for House {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}
