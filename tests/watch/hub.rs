//! The real hub, whose publishers have a key.

use std::net::SocketAddr;

use serde_json::json;

use crate::harness::server::{Server, patient};

pub struct Hub(Server);

impl Hub {
    pub fn start() -> Hub {
        Hub::at("127.0.0.1:0".parse().unwrap())
    }

    pub fn at(address: SocketAddr) -> Hub {
        let flags = format!("--listen {address} --reuse-port --key k");
        Hub(Server::over(patient(&flags)))
    }

    pub fn publish(&self, body: &str) {
        let key = "X-API-Key: k\r\n";
        let answer = self.0.ask("POST", "/api/v1/events", key, body);
        assert_eq!(answer.status, 202, "{}", answer.text());
    }

    pub fn say(&self, kind: &str) {
        self.publish(&json!({"type": kind, "payload": {}}).to_string());
    }

    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}
