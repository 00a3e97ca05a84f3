//! Scenarios of rooms: tokens that end, rooms that nobody entered, and strangers who guess codes.

use super::network::Client;
use roomcast::apps::rooms::tokens::Tokens;
use roomcast::bounds::Bounds;
use roomcast::id::AppId;
use roomcast::time::Millis;
use roomcast::transport::Transport;
use serde_json::{Value, json};

use crate::model::runs::rules::KEY;
use crate::model::runs::world::SECRET;
use crate::model::wire::answers::Answer;
use crate::model::wire::frames;
use crate::stage::{Stage, text};

const MINUTE: Millis = Millis::seconds(60);

/// The ground on which rooms are made.
struct Rooms {
    stage: Stage,
    /// Whose connection shows no key.
    stranger: Client,
}

/// A player, as it knows itself.
#[derive(Clone, Debug)]
struct Player {
    code: String,
    room_id: String,
    id: String,
    token: String,
}

impl Rooms {
    fn new(change: impl FnOnce(&mut Bounds)) -> Rooms {
        let mut stage = Stage::new(|bounds| {
            // Nobody here answers a ping, or is in a hurry.
            bounds.pong_timeout = Millis(u64::MAX);
            bounds.keep_alive = Millis(u64::MAX);
            bounds.header_timeout = Millis(u64::MAX);
            change(bounds);
        });
        let stranger = stage.client("");
        Rooms { stage, stranger }
    }

    /// A call with a key, and its answer.
    fn keyed(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let key = format!("X-API-Key: {KEY}\r\n");
        self.stage
            .ask(method, &format!("/api/rooms{path}"), &key, body)
    }

    /// The stranger's call, with this token if any.
    fn call(&mut self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        let shown = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        let length = body.len();
        let call = format!(
            "{method} /api/rooms{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{shown}\r\n{body}"
        );
        self.stage.send(self.stranger, call);
        self.stage.answer(self.stranger)
    }

    /// The same, and the status alone.
    fn stranger(&mut self, method: &str, path: &str, token: &str) -> u16 {
        let body = r#"{"display_name":"Eve"}"#;
        let body = if path.ends_with("join") { body } else { "" };
        self.call(method, path, token, body).status
    }

    /// What the stranger's upgrade is answered.
    fn knock(&mut self, path: &str) -> u16 {
        self.stage.send(self.stranger, frames::upgrade(path));
        self.stage.answer(self.stranger).status
    }

    fn create(&mut self) -> Player {
        let answer = self.keyed("POST", "", r#"{"display_name":"Ada"}"#);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let field = |name: &str| body[name].as_str().unwrap().to_owned();
        Player {
            code: field("code"),
            room_id: field("room_id"),
            id: field("player_id"),
            token: field("token"),
        }
    }

    fn join(&mut self, room: &Player, name: &str) -> Player {
        let body = json!({"display_name": name}).to_string();
        let answer = self.keyed("POST", &format!("/{}/join", room.code), &body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        Player {
            id: body["player_id"].as_str().unwrap().to_owned(),
            token: body["token"].as_str().unwrap().to_owned(),
            ..room.clone()
        }
    }

    /// A token for a player that ends so many milliseconds from now, without the leeway.
    fn token(&self, player: &Player, ends_in: i64) -> String {
        let now = self.stage.reactor.transport().now().unix.0 as i64;
        let exp = (now + ends_in) as f64 / 1000.0;
        let claims = json!({"room_id": player.room_id, "player_id": player.id, "exp": exp});
        Tokens::new(SECRET).sign(&claims)
    }

    fn enter(&mut self, player: &Player, token: &str) -> Client {
        let Player { code, id, .. } = player;
        self.stage
            .open(&format!("/ws/rooms/{code}?player_id={id}&token={token}"))
    }

    fn kept(&self) -> u64 {
        self.stage.reactor.metrics().records[AppId::Rooms as usize]
    }

    fn members(&self) -> u64 {
        self.stage.reactor.metrics().connections[AppId::Rooms as usize]
    }
}

#[test]
fn a_connection_ends_when_its_token_does_and_no_later_than_that() {
    let mut rooms = Rooms::new(|_| ());
    let ada = rooms.create();
    let token = rooms.token(&ada, 5250);
    let client = rooms.enter(&ada, &token);
    rooms.stage.wait(Millis(35_249));
    assert_eq!(rooms.members(), 1);
    rooms.stage.wait(Millis(1));
    assert_eq!(rooms.stage.close_code(client), Some(4401));
    assert_eq!(rooms.members(), 0);
}

#[test]
fn the_last_token_that_a_connection_showed_counts() {
    let mut rooms = Rooms::new(|_| ());
    let ada = rooms.create();
    let short = rooms.token(&ada, 1000);
    let client = rooms.enter(&ada, &short);
    let show = |rooms: &mut Rooms, token: &str| {
        let said = json!({"type": "token", "token": token}).to_string();
        rooms.stage.send(client, text(&said));
    };
    let longer = rooms.token(&ada, 15_000);
    show(&mut rooms, &longer);
    // What is refused does not count.
    show(&mut rooms, "none");
    let past = rooms.token(&ada, -31_000);
    show(&mut rooms, &past);
    rooms.stage.wait(Millis(44_999));
    assert_eq!(rooms.members(), 1);
    let shorter = rooms.token(&ada, -20_000);
    show(&mut rooms, &shorter);
    rooms.stage.wait(Millis(1));
    assert_eq!(rooms.members(), 1, "it showed another at the last moment");
    rooms.stage.wait(Millis(10_000));
    assert_eq!(rooms.stage.close_code(client), Some(4401));
}

#[test]
fn a_newer_connection_lives_by_its_own_token() {
    let mut rooms = Rooms::new(|_| ());
    let ada = rooms.create();
    let (short, long) = (rooms.token(&ada, 1000), rooms.token(&ada, 40_000));
    let older = rooms.enter(&ada, &short);
    let newer = rooms.enter(&ada, &long);
    assert_eq!(rooms.stage.close_code(older), Some(4409));
    rooms.stage.wait(Millis(60_000));
    assert_eq!(rooms.members(), 1);
    rooms.stage.wait(Millis(10_000));
    assert_eq!(rooms.stage.close_code(newer), Some(4401));
}

#[test]
fn a_token_ends_by_the_clock_on_the_wall() {
    let mut rooms = Rooms::new(|_| ());
    let ada = rooms.create();
    let token = rooms.token(&ada, 3_600_000);
    let client = rooms.enter(&ada, &token);
    rooms.stage.sim().set_wall_ahead(3_631_000);
    rooms.stage.wait(MINUTE);
    assert_eq!(
        rooms.stage.close_code(client),
        Some(4401),
        "the clock was set"
    );
}

#[test]
fn tokens_that_end_together_cost_a_turn_no_more_than_so_many() {
    let mut rooms = Rooms::new(|bounds| bounds.connections_max = 1000);
    let ada = rooms.create();
    for number in 0..300 {
        let player = rooms.join(&ada, &number.to_string());
        let token = rooms.token(&player, 0);
        let now = rooms.stage.now();
        assert!(now < MINUTE, "nobody's token has ended yet");
        rooms.enter(&player, &token);
    }
    assert_eq!(rooms.members(), 300);
    rooms.stage.sim().set_wall_ahead(40_000);
    let mut before = 300;
    while before > 0 {
        rooms.stage.sim().pass(Millis(50));
        rooms.stage.turn();
        let after = rooms.members();
        assert!(before - after <= 256, "{} at once", before - after);
        before = after;
    }
}

#[test]
fn who_is_put_out_and_who_is_in_a_room_that_ends_is_closed_behind_what_waits_for_it() {
    let mut rooms = Rooms::new(|_| ());
    let ada = rooms.create();
    let players: Vec<Player> = ["Bob", "Eve", "Zoe"]
        .map(|name| rooms.join(&ada, name))
        .into();
    let clients: Vec<Client> = players
        .iter()
        .map(|player| rooms.enter(player, &player.token))
        .collect();
    let narrow = clients[1];
    rooms.stage.sim().resize(narrow, 10);
    rooms
        .stage
        .send(clients[2], text(r#"{"type":"vote","payload":{}}"#));
    let path = format!("/{}", ada.code);
    for (player, status) in [(&players[0], 204), (&players[0], 404)] {
        let path = format!("{path}/players/{}", player.id);
        assert_eq!(rooms.keyed("DELETE", &path, "").status, status);
    }
    assert_eq!(rooms.stage.close_code(clients[0]), Some(4403));
    assert_eq!(rooms.members(), 2);
    assert_eq!(rooms.keyed("DELETE", &path, "").status, 204);
    assert_eq!((rooms.members(), rooms.kept()), (0, 0));
    rooms.stage.sim().resize(narrow, 1 << 20);
    let told = rooms.stage.frames(narrow);
    // Zoe has come, and voted; Bob has left; the room has ended.
    assert_eq!(told.len(), 4);
    for (frames, client) in [(told, narrow), (rooms.stage.frames(clients[2]), clients[2])] {
        let last = frames.last().unwrap();
        assert_eq!(frames::close_code(&last.payload), Ok(4404), "{client:?}");
    }
    // The next room has the number of the one that has ended, and nothing else of it.
    let next = rooms.create();
    rooms.enter(&next, &next.token.clone());
    assert_eq!((rooms.members(), rooms.kept()), (1, 1));
}

#[test]
fn a_room_that_nobody_enters_is_forgotten_and_one_that_somebody_entered_is_kept() {
    let mut rooms = Rooms::new(|_| ());
    let (left, entered) = (rooms.create(), rooms.create());
    let client = rooms.enter(&entered, &entered.token.clone());
    rooms.stage.sim().reset(client);
    rooms.stage.wait(Millis(15 * MINUTE.0 - 1));
    assert_eq!(rooms.kept(), 2);
    rooms.stage.wait(Millis(1));
    assert_eq!(rooms.kept(), 1, "nobody had to ask");
    assert_eq!(
        rooms.stranger("POST", &format!("/{}/join", left.code), ""),
        404
    );
    assert_eq!(
        rooms.stranger("POST", &format!("/{}/join", entered.code), ""),
        201
    );
    rooms.stage.wait(Millis(24 * 60 * MINUTE.0));
    assert_eq!(rooms.kept(), 0);
}

#[test]
fn a_stranger_is_told_when_it_has_too_many_rooms_or_players_and_a_key_may_go_on() {
    let mut rooms = Rooms::new(|bounds| {
        bounds.guest_calls_per_minute = 0;
        let rooms = bounds.app_mut(AppId::Rooms);
        (rooms.rooms_per_guest, rooms.players_per_guest) = (2, 3);
    });
    let create = |rooms: &mut Rooms| {
        let answer = rooms.call("POST", "", "", r#"{"display_name":"Eve"}"#);
        (answer.status, answer.header("retry-after").is_some())
    };
    assert_eq!(create(&mut rooms), (201, false));
    assert_eq!(create(&mut rooms), (201, false));
    assert_eq!(create(&mut rooms), (429, true));
    let room = rooms.create();
    for number in 0..5 {
        let body = json!({"display_name": number.to_string()}).to_string();
        let path = format!("/{}/join", room.code);
        let expected = if number < 3 { 201 } else { 429 };
        assert_eq!(rooms.call("POST", &path, "", &body).status, expected);
    }
    rooms.join(&room, "friend");
}

#[test]
fn nobody_loses_its_place_to_a_stranger_who_may_have_none() {
    let mut rooms = Rooms::new(|bounds| bounds.app_mut(AppId::Rooms).players_per_guest = 1);
    let ada = rooms.create();
    let eve = rooms.join(&ada, "Eve");
    let client = rooms.enter(&eve, &eve.token);
    let goodbye = frames::frame(true, frames::CLOSE, &1000_u16.to_be_bytes());
    rooms.stage.send(client, goodbye);
    let path = format!("/{}/join", ada.code);
    let body = r#"{"display_name":"Zoe"}"#;
    assert_eq!(rooms.call("POST", &path, "", body).status, 201);
    assert_eq!(rooms.stranger("POST", &path, ""), 429);
    rooms.enter(&eve, &eve.token);
    assert_eq!(rooms.members(), 1, "she may come back");
}

#[test]
fn a_token_that_is_right_is_never_charged_for_a_join() {
    let mut rooms = Rooms::new(|bounds| bounds.app_mut(AppId::Rooms).players_per_guest = 0);
    let ada = rooms.create();
    let path = format!("/{}/join", ada.code);
    for number in 0..30 {
        let body = format!(r#"{{"display_name":"a{number}"}}"#);
        assert_eq!(rooms.call("POST", &path, &ada.token, &body).status, 201);
    }
}

#[test]
fn with_no_room_for_another_the_one_that_was_left_longest_ago_goes() {
    let mut rooms = Rooms::new(|bounds| bounds.app_mut(AppId::Rooms).records_max = 2);
    let left = [rooms.create(), rooms.create()];
    for room in &left {
        let client = rooms.enter(room, &room.token);
        let goodbye = frames::frame(true, frames::CLOSE, &1000_u16.to_be_bytes());
        rooms.stage.send(client, goodbye);
    }
    let create = |rooms: &mut Rooms| {
        rooms
            .call("POST", "", "", r#"{"display_name":"Zoe"}"#)
            .status
    };
    assert_eq!(create(&mut rooms), 507);
    rooms.stage.wait(Millis::seconds(3600));
    assert_eq!(create(&mut rooms), 201);
    for (room, expected) in left.iter().zip([404, 200]) {
        let path = format!("/{}/messages", room.code);
        assert_eq!(rooms.call("GET", &path, &room.token, "").status, expected);
    }
}

#[test]
fn who_has_guessed_too_often_is_told_nothing_about_any_code() {
    let mut rooms = Rooms::new(|_| ());
    let (ada, other) = (rooms.create(), rooms.create());
    let (path, token) = (format!("/{}", ada.code), ada.token.clone());
    for guess in 0..25 {
        let expected = if guess < 20 { 404 } else { 429 };
        // The token of another room is a stranger's there.
        let (method, shown) = [("GET", ""), ("GET", &*other.token)][guess % 2];
        assert_eq!(rooms.stranger(method, "/AAAAAA/messages", shown), expected);
    }
    for code in ["/AAAAAA", &path] {
        for (method, behind) in [
            ("POST", "/join"),
            ("GET", "/messages"),
            ("POST", "/token"),
            ("DELETE", ""),
            ("DELETE", "/players/x"),
        ] {
            for shown in ["", "wrong", &*other.token] {
                let status = rooms.stranger(method, &format!("{code}{behind}"), shown);
                assert_eq!(status, 429, "{method} {code}{behind}");
            }
        }
        assert_eq!(rooms.knock(&format!("/ws/rooms{code}")), 429, "{code}");
    }
    // Who shows what is right is no stranger.
    assert_eq!(
        rooms.stranger("GET", &format!("{path}/messages"), &token),
        200
    );
    rooms.enter(&ada, &token);
    assert_eq!(rooms.keyed("DELETE", "/AAAAAA", "").status, 404);
    assert_eq!(rooms.keyed("DELETE", &path, "").status, 204);
    rooms.stage.wait(Millis(3000));
    assert_eq!(rooms.stranger("GET", "/AAAAAA/messages", ""), 404);
}

#[test]
fn wrong_tokens_are_charged_and_nothing_shown_is_nothing_wrong() {
    let mut rooms = Rooms::new(|_| ());
    let ada = rooms.create();
    let (path, token) = (format!("/{}/messages", ada.code), ada.token.clone());
    for _ in 0..30 {
        assert_eq!(rooms.stranger("GET", &path, ""), 401);
        assert_eq!(rooms.stranger("GET", &path, &token), 200);
    }
    for attempt in 0..25 {
        let expected = if attempt < 20 { 401 } else { 429 };
        assert_eq!(rooms.stranger("GET", &path, "wrong"), expected);
    }
    let Player { code, id, .. } = &ada;
    let upgrade = format!("/ws/rooms/{code}?player_id={id}&token=wrong");
    assert_eq!(rooms.knock(&upgrade), 429);
    assert_eq!(rooms.stranger("GET", &path, &token), 200);
    rooms.enter(&ada, &token);
}
