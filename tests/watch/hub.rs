//! The real hub, whose publishers have a key.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::server::{Server, patient};

pub struct Hub(Server);

impl Hub {
    pub fn start() -> Hub {
        Hub::at("127.0.0.1:0".parse().unwrap())
    }

    pub fn at(address: SocketAddr) -> Hub {
        Hub::with(&format!("--listen {address} --reuse-port"))
    }

    pub fn with(flags: &str) -> Hub {
        Hub(Server::over(patient(&format!("--key k {flags}"))))
    }

    pub fn publish(&self, body: &str) {
        let key = "X-API-Key: k\r\n";
        let answer = self.0.ask("POST", "/api/v1/events", key, body);
        assert_eq!(answer.status, 202, "{}", answer.text());
    }

    /// Asks for this, which is done; what it is answered.
    pub fn call(&self, path: &str, body: &Value) -> Value {
        let answer = self
            .0
            .ask("POST", path, "X-API-Key: k\r\n", &body.to_string());
        assert!(answer.status < 300, "{}", answer.text());
        serde_json::from_str(&answer.text()).unwrap()
    }

    pub fn say(&self, kind: &str) {
        self.publish(&json!({"type": kind, "payload": {}}).to_string());
    }

    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}
