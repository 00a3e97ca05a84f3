//! Scenarios of sessions and rooms that outlive the process: what was answered stays, and nobody hears of what is not so.

use roomcast::id::AppId;
use roomcast::time::Millis;
use serde_json::{Value, json};

use crate::kept::disk::Habits;
use crate::kept::hub::{Hub, number_of};
use crate::model::wire::frames;
use crate::network::Client;
use crate::stage::text;

const SESSIONS: &str = "/api/v1/sessions";
pub const ROOMS: &str = "/api/rooms";
/// What a sync takes here.
pub const SYNC: Millis = Millis(100);

pub fn hub() -> Hub {
    Hub::new(Habits::taking(&[SYNC.0]), |_| {})
}

/// A session that has been made, and its path.
fn session(hub: &mut Hub) -> String {
    let answer = hub.change("POST", SESSIONS, r#"{"name":"é"}"#);
    assert_eq!(answer.status, 201, "{}", answer.body);
    let session: Value = serde_json::from_str(&answer.body).unwrap();
    format!("{SESSIONS}/{}", session["session_id"].as_str().unwrap())
}

fn subscribe(hub: &mut Hub, session: &str) -> Client {
    let key = "api_key=a%20key%20of%20the%20simulation";
    hub.stage.open(&format!("{session}/ws?{key}"))
}

/// How far a session has come, as its subscriber has been told since it was asked last.
fn statuses(hub: &mut Hub, client: Client) -> Vec<String> {
    let heard = hub.heard(client).into_iter();
    heard
        .map(|it| it["status"].as_str().unwrap().into())
        .collect()
}

fn opened() -> String {
    json!({"status": "opened"}).to_string()
}

#[test]
fn a_session_goes_on_when_that_is_synced_and_not_before() {
    let mut hub = hub();
    let path = session(&mut hub);
    let subscriber = subscribe(&mut hub, &path);
    let (status, result) = (format!("{path}/status"), format!("{path}/result"));
    let one = hub.ask("POST", &status, &opened());
    let other = hub.ask("POST", &status, &opened());
    let last = hub.ask("POST", &result, r#"{"n":1}"#);
    hub.stage.wait(SYNC - Millis(1));
    assert_eq!(statuses(&mut hub, subscriber), Vec::<String>::new());
    assert_eq!(hub.shown(&path)["status"], "pending");
    hub.stage.wait(Millis(1));
    // The second finds it as it is by then, and changes nothing.
    assert_eq!(hub.stage.statuses(one), [200]);
    assert_eq!(hub.stage.statuses(other), [200]);
    assert_eq!(statuses(&mut hub, subscriber), ["opened"]);
    assert!(hub.stage.statuses(last).is_empty());
    hub.stage.wait(SYNC);
    assert_eq!(hub.stage.statuses(last), [201]);
    assert_eq!(statuses(&mut hub, subscriber), ["completed"]);
}

#[test]
fn a_session_that_cannot_be_stored_stands_where_it_stood() {
    let mut hub = hub();
    let path = session(&mut hub);
    let subscriber = subscribe(&mut hub, &path);
    hub.behave(|habits| habits.is_full = true);
    let calls = [
        ("POST", SESSIONS.to_owned(), String::new()),
        ("POST", format!("{path}/status"), opened()),
        ("POST", format!("{path}/result"), "{}".to_owned()),
        ("DELETE", path.clone(), String::new()),
    ];
    for (method, path, body) in &calls {
        let answer = hub.change(method, path, body);
        assert_eq!(answer.status, 503, "{method} {path}");
        assert!(answer.body.contains(r#""storage""#), "{}", answer.body);
    }
    assert!(hub.heard(subscriber).is_empty() && !hub.stage.is_ended(subscriber));
    hub.behave(|habits| habits.is_full = false);
    assert_eq!(hub.shown(&path)["status"], "pending");
    let answer = hub.change("POST", &format!("{path}/status"), &opened());
    assert_eq!(answer.status, 200);
    assert_eq!(statuses(&mut hub, subscriber), ["opened"]);
}

#[test]
fn sessions_are_after_a_restart_what_they_were() {
    for crashes in [true, false] {
        let mut hub = hub();
        let paths: Vec<String> = (0..4).map(|_| session(&mut hub)).collect();
        let [pending, open, complete, deleted] = &paths[..] else {
            unreachable!("there are four");
        };
        let (status, result) = (format!("{open}/status"), format!("{complete}/result"));
        assert_eq!(hub.change("POST", &status, &opened()).status, 200);
        assert_eq!(hub.change("POST", &result, r#"{"n":[1]}"#).status, 201);
        assert_eq!(hub.change("DELETE", deleted, "").status, 204);
        let shown = [pending, open, complete, &result];
        let before = shown.map(|path| hub.get(path).body);
        match crashes {
            true => hub.crash(),
            false => hub.restart(),
        }
        assert_eq!(shown.map(|path| hub.get(path).body), before);
        assert_eq!(hub.get(deleted).status, 404);
        assert_eq!(hub.change("POST", &result, "{}").status, 409);
        let kept = hub.stage.reactor.metrics().records[AppId::Sessions as usize];
        assert_eq!(kept, 3);
    }
}

/// A player, as it knows itself.
#[derive(Clone)]
pub struct Player {
    pub code: String,
    pub id: String,
    pub token: String,
}

fn player(body: &str, code: Option<&str>) -> Player {
    let body: Value = serde_json::from_str(body).unwrap();
    let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    Player {
        code: code.map_or_else(|| field("code"), str::to_owned),
        id: field("player_id"),
        token: field("token"),
    }
}

pub fn create(hub: &mut Hub) -> Player {
    let answer = hub.change("POST", ROOMS, r#"{"display_name":"Ada"}"#);
    assert_eq!(answer.status, 201, "{}", answer.body);
    player(&answer.body, None)
}

pub fn join(hub: &mut Hub, room: &Player, name: &str) -> Player {
    let body = json!({"display_name": name}).to_string();
    let answer = hub.change("POST", &format!("{ROOMS}/{}/join", room.code), &body);
    assert_eq!(answer.status, 201, "{}", answer.body);
    player(&answer.body, Some(&room.code))
}

/// A player's connection, whose entry is not stored yet.
pub fn enter(hub: &mut Hub, player: &Player, since: &str) -> Client {
    let Player { code, id, token } = player;
    hub.stage.open(&format!(
        "/ws/rooms/{code}?player_id={id}&token={token}{since}"
    ))
}

/// The code with which a player is closed behind its 101.
pub fn refused(hub: &mut Hub, player: &Player) -> u16 {
    let Player { code, id, token } = player;
    let path = format!("/ws/rooms/{code}?player_id={id}&token={token}");
    let client = hub.stage.client(frames::upgrade(&path));
    hub.stage.wait(SYNC);
    let bytes = hub.stage.sim().receive(client, usize::MAX);
    let head = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let close = frames::read(&bytes[head + 4..], 0).unwrap().unwrap();
    assert_eq!(close.opcode, frames::CLOSE);
    frames::close_code(&close.payload).unwrap()
}

pub fn say(hub: &mut Hub, client: Client, message: &str) {
    let says = json!({"type": "chat", "payload": {"message": message}});
    hub.stage.send(client, text(&says.to_string()));
}

/// What has been said in the messages that have come, each with the number of its position.
pub fn chats(heard: &[Value]) -> Vec<(String, u64)> {
    let chats = heard.iter().filter(|it| it["event"] == "chat");
    chats
        .map(|it| {
            (
                it["payload"]["message"].as_str().unwrap().into(),
                number_of(&it["position"]),
            )
        })
        .collect()
}

#[test]
fn a_player_hears_nothing_before_its_entry_is_stored_and_nobody_hears_it_either() {
    let mut hub = hub();
    let ada = create(&mut hub);
    let bob = join(&mut hub, &ada, "Bob");
    let listens = enter(&mut hub, &ada, "");
    hub.stage.wait(SYNC);
    assert_eq!(hub.heard(listens)[0]["event"], "room");
    let enters = enter(&mut hub, &bob, "");
    // What it says meanwhile waits.
    say(&mut hub, enters, "hello");
    hub.stage.wait(SYNC - Millis(1));
    assert!(hub.heard(enters).is_empty() && hub.heard(listens).is_empty());
    hub.stage.wait(Millis(1));
    let (state, told) = (hub.heard(enters), hub.heard(listens));
    assert_eq!((state.len(), &state[0]["event"]), (1, &json!("room")));
    assert_eq!(
        (told.len(), &told[0]["event"]),
        (1, &json!("player_connected"))
    );
    hub.stage.wait(SYNC);
    for client in [enters, listens] {
        let heard = hub.heard(client);
        assert_eq!(chats(&heard).len(), 1, "{heard:?}");
    }
}

#[test]
fn what_a_player_says_that_cannot_be_stored_is_told_it_alone() {
    let mut hub = hub();
    let ada = create(&mut hub);
    let bob = join(&mut hub, &ada, "Bob");
    let clients = [enter(&mut hub, &ada, ""), enter(&mut hub, &bob, "")];
    hub.stage.wait(SYNC + SYNC);
    for client in clients {
        hub.heard(client);
    }
    hub.behave(|habits| habits.is_full = true);
    say(&mut hub, clients[0], "never");
    hub.stage.wait(SYNC);
    let [told, other] = clients.map(|client| hub.heard(client));
    assert_eq!((told.len(), other.len()), (1, 0), "{told:?} {other:?}");
    assert_eq!(
        (&told[0]["type"], &told[0]["event"]),
        (&json!("error"), &json!("storage"))
    );
    // Where an entry cannot be stored the connection is closed, and the older one stays.
    let newer = enter(&mut hub, &bob, "");
    hub.stage.wait(SYNC);
    assert_eq!(hub.stage.close_code(newer), Some(1013));
    hub.behave(|habits| habits.is_full = false);
    hub.stage.wait(Millis::seconds(2));
    say(&mut hub, clients[1], "now");
    hub.stage.wait(SYNC);
    for client in clients {
        assert_eq!(chats(&hub.heard(client)).len(), 1);
    }
}

#[test]
fn a_room_goes_on_after_a_restart_with_the_same_tokens_and_positions() {
    for crashes in [true, false] {
        let mut hub = hub();
        let ada = create(&mut hub);
        let [bob, eve] = ["Bob", "Eve"].map(|name| join(&mut hub, &ada, name));
        let ended = create(&mut hub);
        let path = format!("{ROOMS}/{}", ended.code);
        assert_eq!(hub.change("DELETE", &path, "").status, 204);
        let path = format!("{ROOMS}/{}/players/{}", ada.code, eve.id);
        let clients = [&ada, &bob, &eve].map(|player| enter(&mut hub, player, ""));
        hub.stage.wait(Millis(3 * SYNC.0));
        assert_eq!(hub.change("DELETE", &path, "").status, 204);
        assert_eq!(hub.stage.close_code(clients[2]), Some(4403));
        for said in ["a", "b"] {
            say(&mut hub, clients[0], said);
            hub.stage.wait(SYNC);
        }
        let heard = hub.heard(clients[1]);
        let position = heard.last().unwrap()["position"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(chats(&heard).len(), 2);
        // Bob does not hear the last two.
        hub.stage.sim().reset(clients[1]);
        hub.stage.wait(SYNC);
        for said in ["c", "d"] {
            say(&mut hub, clients[0], said);
            hub.stage.wait(SYNC);
        }
        let before = chats(&hub.heard(clients[0]));
        assert_eq!(before.len(), 4);
        match crashes {
            true => hub.crash(),
            false => hub.restart(),
        }
        let back = enter(&mut hub, &bob, &format!("&since={position}"));
        hub.stage.wait(SYNC);
        let heard = hub.heard(back);
        let resumed = &heard[0]["payload"]["resumed"];
        assert_eq!(resumed["missed"], 0, "{heard:?}");
        assert_eq!(chats(&heard), before[2..], "{heard:?}");
        let newcomer = enter(&mut hub, &ada, "");
        hub.stage.wait(SYNC);
        let state = hub.heard(newcomer);
        let messages = state[0]["payload"]["messages"].as_array().unwrap();
        let messages: Vec<&str> = messages
            .iter()
            .map(|it| it["message"].as_str().unwrap())
            .collect();
        assert_eq!(messages, ["a", "b", "c", "d"]);
        say(&mut hub, newcomer, "e");
        hub.stage.wait(SYNC);
        let last = chats(&hub.heard(back)).pop().unwrap();
        assert!(last.0 == "e" && last.1 > before[3].1, "{last:?} {before:?}");
        // Who was put out is out, and what was ended has ended.
        assert_eq!(refused(&mut hub, &eve), 4401);
        assert_eq!(refused(&mut hub, &ended), 4404);
    }
}
