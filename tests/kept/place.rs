//! A file, and the hubs on it; the clients of these tests, who come to one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::http::Answer;
use crate::harness::process::roomcast;
use crate::harness::server::{Server, patient};
use crate::player::Player;

pub const TASKS: &str = "/api/v1/tasks";

/// A folder of one test's own, which goes when it does.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("roomcast-kept-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file.
    pub fn data(&self) -> PathBuf {
        self.0.join("roomcast.db")
    }

    /// The flags of a hub that has the file.
    pub fn flags(&self, more: &str) -> String {
        format!("--data {} {more}", self.data().display())
    }

    /// A hub that has the file, and listens.
    pub fn start(&self, flags: &str) -> Server {
        Server::start(&self.flags(flags))
    }

    /// The same, and it serves.
    pub fn serve(&self, flags: &str) -> Server {
        let hub = self.start(flags);
        hub.until("it serves", |hub| hub.get("/readyz").status == 200);
        hub
    }

    /// A hub on the file that is to be started by the test.
    pub fn hub(&self, flags: &str) -> std::process::Command {
        let mut command = patient(&self.flags(flags));
        command.env("RUST_LOG", "debug");
        command
    }

    /// How a hub on the file ends by itself, and what it says until then.
    pub fn run(&self, flags: &str) -> (Option<i32>, String) {
        let command = roomcast(&self.flags(&format!("--listen 127.0.0.1:0 {flags}")));
        let (status, _, said) = crate::harness::process::Process::start(command).end();
        (status.code(), said)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Ends a hub in the middle of whatever it does.
pub fn kill(hub: Server) {
    drop(hub);
}

/// Has a hub end in good order.
pub fn stop(mut hub: Server) {
    hub.signal("TERM");
    assert_eq!(hub.exit_status().code(), Some(0));
}

/// A task that the hub answers for.
#[track_caller]
pub fn create(hub: &Server, title: &str) -> Value {
    let answer = ask_for(hub, title);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

/// The answer to who asks for a task.
pub fn ask_for(hub: &Server, title: &str) -> Answer {
    let task = json!({"repository": "a", "title": title});
    hub.ask("POST", TASKS, "", &task.to_string())
}

/// The task as it is.
pub fn task(hub: &Server, task: &Value) -> Answer {
    hub.get(&format!("{TASKS}/{}", task["id"].as_str().unwrap()))
}

/// A room's maker.
pub fn make(hub: &Server, name: &str) -> Player {
    let body = json!({"display_name": name}).to_string();
    let answer = hub.ask("POST", "/api/rooms", "", &body);
    let code = answer.json()["code"].as_str().unwrap().to_owned();
    Player::new(&code, &answer)
}

/// Another player of that room.
pub fn join(hub: &Server, maker: &Player, name: &str) -> Player {
    let body = json!({"display_name": name}).to_string();
    let path = format!("/api/rooms/{}/join", maker.code);
    Player::new(&maker.code, &hub.ask("POST", &path, "", &body))
}

/// The messages of a player's room, newest first.
pub fn messages(hub: &Server, player: &Player) -> Answer {
    let path = format!("/api/rooms/{}/messages", player.code);
    let token = format!("Authorization: Bearer {}\r\n", player.token);
    hub.ask("GET", &path, &token, "")
}

/// A player enters, and hears how the room stands.
pub fn enter(hub: &Server, player: &Player, since: &str) -> (Client, Value) {
    let since = match since {
        "" => String::new(),
        position => format!("&since={position}"),
    };
    let mut client = hub.connect(&format!("{}{since}", player.path()));
    let state: Value = serde_json::from_str(&client.text()).unwrap();
    assert_eq!(state["event"], "room", "{state}");
    (client, state["payload"].clone())
}

/// A player says something.
pub fn say(client: &mut Client, message: &str) {
    let said = json!({"type": "chat", "correlation_id": "1", "payload": {"message": message}});
    client.send(said.to_string());
}

/// What a player hears next, with its position.
pub fn hear(client: &mut Client) -> Value {
    serde_json::from_str(&client.text()).unwrap()
}
