//! The sessions dialect, whole: the calls, and what subscribers hear.

use serde_json::{Value, json};

use crate::harness::client::{Client, assert_timestamp};
use crate::harness::http::{Answer, UPGRADE, request};
use crate::harness::server::Server;
use crate::helpers::{KEY, call, fields, knock, metric, refused, start, without_times};

mod calls;
mod store;
mod talk;

/// A session on a server.
struct Session {
    path: String,
    id: String,
}

impl Session {
    fn new(server: &Server) -> Session {
        let answer = call(server, "POST", "/api/v1/sessions", "");
        assert_eq!(answer.status, 201, "{}", answer.text());
        let id = answer.json()["session_id"].as_str().unwrap().to_owned();
        Session {
            path: format!("/api/v1/sessions/{id}"),
            id,
        }
    }

    fn show(&self, server: &Server) -> Answer {
        call(server, "GET", &self.path, "")
    }

    fn report(&self, server: &Server, status: &str) -> Answer {
        let body = json!({"status": status}).to_string();
        call(server, "POST", &format!("{}/status", self.path), &body)
    }

    fn complete(&self, server: &Server, result: &str) -> Answer {
        call(server, "POST", &format!("{}/result", self.path), result)
    }

    fn result(&self, server: &Server) -> Answer {
        call(server, "GET", &format!("{}/result", self.path), "")
    }

    fn delete(&self, server: &Server) -> Answer {
        call(server, "DELETE", &self.path, "")
    }

    fn socket(&self) -> String {
        format!("{}/ws?api_key=k", self.path)
    }

    fn subscribe(&self, server: &Server) -> Client {
        server.connect(&self.socket())
    }

    /// A subscriber that has heard this status first.
    fn subscriber(&self, server: &Server, status: &str) -> Client {
        let mut client = self.subscribe(server);
        self.hears(&mut client, status);
        client
    }

    /// The client's next message is an update to this status.
    #[track_caller]
    fn hears(&self, client: &mut Client, status: &str) {
        let update = client.json();
        assert_eq!(
            fields(&update),
            ["type", "session_id", "status", "timestamp"]
        );
        let expected = json!({"type": "status_update", "session_id": self.id, "status": status});
        assert_eq!(without_times(update, ["timestamp"]), expected);
    }

    /// The client's next message is the completion, with this result.
    #[track_caller]
    fn hears_result(&self, client: &mut Client, result: &Value) {
        let completed = client.json();
        assert_eq!(
            fields(&completed),
            ["type", "session_id", "status", "result", "completed_at"]
        );
        let expected = json!({"type": "completed", "session_id": self.id, "status": "completed", "result": result});
        assert_eq!(without_times(completed, ["completed_at"]), expected);
    }
}
