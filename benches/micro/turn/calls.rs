//! Whole turns in which a client changes what an app keeps, where nothing is kept beyond the process.

use super::House;
use crate::harness::Table;
use crate::network::Client;
use crate::wire::frame;
use roomcast::bounds::Bounds;
use roomcast::id::AppId;
use roomcast::time::Millis;
use serde_json::Value;

/// So far in the future that it does not come.
const NEVER: Millis = Millis::seconds(1 << 32);

/// Between two messages of a player: it may say ten in a second.
const PAUSE: Millis = Millis(125);

/// Records that are never too many, a history that is soon full, and nobody who is asked whether it is there.
fn endless(bounds: &mut Bounds) {
    for app in [AppId::Sessions, AppId::Tasks, AppId::Rooms] {
        let app = bounds.app_mut(app);
        (app.records_max, app.records_bytes_max) = (u32::MAX, u64::MAX);
        app.history.messages_max = 4;
        app.ping_interval = NEVER;
    }
    bounds.keep_alive = NEVER;
}

pub fn measure(table: &mut Table) {
    let name = "turn: create a task";
    if table.wants(name) {
        let mut house = House::of(endless);
        let body =
            r#"{"repository":"acme/site","title":"Say which page is meant","priority":"high"}"#;
        let create = request("/api/v1/tasks", body);
        let created = house.ask(&create);
        assert!(created.contains("acme/site"), "{created}");
        table.row(name, 1, 20.0, || {
            house.send(house.visitor, create.as_bytes());
            house.settle();
        });
    }
    let name = "turn: create a session and give it a result";
    if table.wants(name) {
        let mut house = House::of(endless);
        let create = request("/api/v1/sessions", r#"{"user":"u-1"}"#);
        table.row(name, 1, 51.0, || {
            let created = house.ask(&create);
            let id = field(&created, "session_id");
            let path = format!("/api/v1/sessions/{id}/result");
            let answer = house.ask(&request(&path, r#"{"approved":true}"#));
            assert!(answer.contains("completed"), "{answer}");
        });
    }
    let name = "turn: chat in a room of ten";
    if table.wants(name) {
        let mut house = House::of(endless);
        let players = players(&mut house, 10);
        let said = r#"{"type":"chat","payload":{"message":"Who is at the door?"}}"#;
        let message = frame(0x81, said.as_bytes());
        table.row(name, 1, 19.0, || {
            house.send(players[0], &message);
            house.settle();
            house.reactor.transport_mut().pass(PAUSE);
        });
        // Each of them was told.
        house.reactor.transport_mut().discard(false);
        house.send(players[0], &message);
        house.settle();
        for player in players {
            let heard = house.reactor.transport_mut().receive(player, usize::MAX);
            let heard = String::from_utf8_lossy(&heard).into_owned();
            assert!(heard.contains("at the door"), "{heard}");
        }
    }
}

/// So many players of one room, all of whom are there.
fn players(house: &mut House, count: usize) -> Vec<Client> {
    let made = house.ask(&request("/api/rooms", r#"{"display_name":"Ada"}"#));
    let code = field(&made, "code");
    let path = format!("/api/rooms/{code}/join");
    let mut told = vec![made];
    for number in 1..count {
        let join = request(&path, &format!(r#"{{"display_name":"Bob {number}"}}"#));
        told.push(house.ask(&join));
    }
    let enter = |player: &String| {
        let (id, token) = (field(player, "player_id"), field(player, "token"));
        let path = format!("/ws/rooms/{code}?player_id={id}&token={token}");
        house.join(&path, 1)[0]
    };
    told.iter().map(enter).collect()
}

fn request(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// A field of an answer's body.
fn field(body: &str, name: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    body[name].as_str().unwrap().to_owned()
}
