//! The hub with its rooms, as games and their players call it.

use std::ops::Deref;

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::http::Answer;
use crate::harness::server::{Server, patient};
use crate::member::Member;
use crate::player::Player;

/// What signs the tokens.
pub const SECRET: &str = "a secret of thirty-two bytes or so";

/// A running hub.
pub struct Lobby(Server);

impl Lobby {
    /// Starts a hub with these flags on a free port, and waits until it listens.
    pub fn open(flags: &str) -> Lobby {
        let mut command = patient(flags);
        command.env("ROOMCAST_SECRET", SECRET);
        Lobby(Server::over(command))
    }

    /// The same, with a secret that nobody knows.
    pub fn without_secret() -> Lobby {
        Lobby(Server::over(patient("")))
    }

    /// `POST` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, "", &body.to_string())
    }

    /// A new room, as its first player.
    pub fn create(&self, name: &str) -> Player {
        let answer = self.post("/api/rooms", &json!({"display_name": name}));
        assert_eq!(answer.status, 201, "{answer:?}");
        let room = answer.json();
        Player::new(room["code"].as_str().unwrap(), &answer)
    }

    /// One more player of a room.
    pub fn join(&self, code: &str, name: &str) -> Player {
        let answer = self.try_join(code, name);
        assert_eq!(answer.status, 201, "{answer:?}");
        Player::new(code, &answer)
    }

    /// Whatever is answered to one more player.
    pub fn try_join(&self, code: &str, name: &str) -> Answer {
        let path = format!("/api/rooms/{code}/join");
        self.post(&path, &json!({"display_name": name}))
    }

    /// What was said in a player's room; `query` begins with `?`.
    pub fn messages(&self, player: &Player, query: &str) -> Answer {
        let path = format!("/api/rooms/{}/messages{query}", player.code);
        let token = format!("Authorization: Bearer {}\r\n", player.token);
        self.ask("GET", &path, &token, "")
    }

    /// A call about a room, with this token if any; `path` is what comes behind its code.
    pub fn call(&self, method: &str, code: &str, path: &str, token: Option<&str>) -> Answer {
        let path = format!("/api/rooms/{code}{path}");
        let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        self.ask(method, &path, &bearer.unwrap_or_default(), "")
    }

    /// Takes a player out, in the name of another.
    pub fn remove(&self, player: &Player, by: &Player) -> Answer {
        let path = format!("/players/{}", player.id);
        self.call("DELETE", &by.code, &path, Some(&by.token))
    }

    /// The game's back-end speaks to a room.
    pub fn event(&self, code: &str, body: &Value) -> Answer {
        self.post(&format!("/api/rooms/{code}/events"), body)
    }

    /// A WebSocket on this path, with these headers.
    pub fn connect(&self, path: &str, headers: &[(&'static str, &str)]) -> Member {
        Member(Client::with(self.address(), path, headers))
    }

    /// A player's connection, which has heard nothing yet.
    pub fn connect_as(&self, player: &Player) -> Member {
        self.connect(&player.path(), &[])
    }

    /// A player's connection, which has heard how the room stands, and that.
    pub fn enter(&self, player: &Player) -> (Member, Value) {
        let mut client = self.connect_as(player);
        let mut state = client.json();
        assert_eq!(
            (&state["type"], &state["event"]),
            (&json!("state"), &json!("room"))
        );
        (client, state["payload"].take())
    }

    /// Players of one room who are all there, and have heard of each other.
    pub fn gather<const N: usize>(&self, names: [&str; N]) -> [(Player, Member); N] {
        let mut code = None;
        let players = names.map(|name| match &code {
            None => {
                let first = self.create(name);
                code = Some(first.code.clone());
                first
            }
            Some(code) => self.join(code, name),
        });
        let mut gathered = players.map(|player| {
            let client = self.enter(&player).0;
            (player, client)
        });
        for (index, (_, client)) in gathered.iter_mut().enumerate() {
            for _ in index + 1..N {
                assert_eq!(client.json()["event"], "player_connected");
            }
        }
        gathered
    }
}

impl Deref for Lobby {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}
