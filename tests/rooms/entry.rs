//! Coming in and going: tokens, the state, who hears of whom.

use roomcast::apps::rooms::tokens::Tokens;
use serde_json::{Value, json};

use crate::lobby::{Lobby, SECRET};
use crate::member::Member;
use crate::player::Player;

const FAR: u64 = 4_000_000_000;

/// A player who shows this token instead.
fn with_token(player: &Player, token: &str) -> Player {
    Player {
        token: token.to_owned(),
        ..player.clone()
    }
}

fn claims(player: &Player, exp: u64) -> Value {
    json!({"room_id": player.room_id, "player_id": player.id, "exp": exp})
}

/// That the upgrade succeeds and the connection is closed with this code, before anything else.
#[track_caller]
fn closed(mut client: Member, code: u16) {
    assert_eq!(client.close_code(), code);
}

fn connected(player: &Player, name: &str) -> Value {
    notice("player_connected", player, name)
}

fn disconnected(player: &Player, name: &str) -> Value {
    notice("player_disconnected", player, name)
}

fn notice(event: &str, player: &Player, name: &str) -> Value {
    json!({"type": "event", "event": event, "payload": {"player_id": player.id, "display_name": name}})
}

#[test]
fn a_token_in_the_query_or_in_headers_opens_the_room_on_both_paths() {
    let server = Lobby::open("");
    let player = server.create("Ada");
    let Player {
        code, id, token, ..
    } = &player;
    let bearer = format!("Bearer {token}");
    let headers = [("X-Player-Id", id.as_str()), ("Authorization", &bearer)];
    for path in [
        format!("/ws/rooms/{code}"),
        format!("/ws/rooms/{code}/connect"),
    ] {
        let query = format!("{path}?player_id={id}&token={token}");
        for mut client in [server.connect(&query, &[]), server.connect(&path, &headers)] {
            assert_eq!(client.json()["event"], "room");
        }
    }
}

#[test]
fn a_token_that_a_back_end_has_signed_with_the_secret_is_as_good() {
    let server = Lobby::open("");
    let player = server.create("Ada");
    let token = Tokens::new(SECRET.as_bytes()).sign(&claims(&player, FAR));
    server.enter(&with_token(&player, &token));
}

#[test]
fn a_token_that_is_missing_or_no_token_is_unauthorized() {
    let server = Lobby::open("");
    let player = server.create("Ada");
    let Player {
        code, id, token, ..
    } = &player;
    for query in [
        String::new(),
        format!("?player_id={id}"),
        format!("?player_id={id}&token="),
        format!("?player_id={id}&token=nonsense"),
        format!("?player_id={id}&token={token}x"),
        format!("?token={token}"),
        format!("?player_id=&token={token}"),
    ] {
        closed(
            server.connect(&format!("/ws/rooms/{code}{query}"), &[]),
            4401,
        );
    }
}

#[test]
fn an_expired_token_is_unauthorized() {
    let server = Lobby::open("");
    let player = server.create("Ada");
    let token = Tokens::new(SECRET.as_bytes()).sign(&claims(&player, 1_700_000_000));
    closed(server.connect_as(&with_token(&player, &token)), 4401);
    assert_eq!(
        server.messages(&with_token(&player, &token), "").status,
        401
    );
}

#[test]
fn a_token_of_another_secret_is_unauthorized() {
    let server = Lobby::open("");
    let player = server.create("Ada");
    let token = Tokens::new(b"another").sign(&claims(&player, FAR));
    closed(server.connect_as(&with_token(&player, &token)), 4401);
}

#[test]
fn a_token_that_names_another_algorithm_is_unauthorized() {
    let server = Lobby::open("");
    let player = server.create("Ada");
    let parts: Vec<&str> = player.token.split('.').collect();
    // {"alg":"none","typ":"JWT"}, {"typ":"JWT","alg":"HS512"} and {"typ":"JWT","alg":"RS256"}.
    for header in [
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzUxMiJ9",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9",
    ] {
        for signature in ["", parts[2]] {
            let token = format!("{header}.{}.{signature}", parts[1]);
            closed(server.connect_as(&with_token(&player, &token)), 4401);
        }
    }
}

#[test]
fn a_token_for_another_room_or_player_is_unauthorized() {
    let server = Lobby::open("");
    let (ada, elsewhere) = (server.create("Ada"), server.create("Ada"));
    let bob = server.join(&ada.code, "Bob");
    closed(server.connect_as(&with_token(&ada, &bob.token)), 4401);
    closed(server.connect_as(&with_token(&ada, &elsewhere.token)), 4401);
    let mut mixed = claims(&ada, FAR);
    mixed["room_id"] = json!(elsewhere.room_id);
    let mixed = Tokens::new(SECRET.as_bytes()).sign(&mixed);
    closed(server.connect_as(&with_token(&ada, &mixed)), 4401);
    let there = Player {
        code: ada.code.clone(),
        ..elsewhere
    };
    closed(server.connect_as(&there), 4401);
}

#[test]
fn a_room_that_is_not_is_said_to_be_none() {
    let server = Lobby::open("");
    let player = server.create("Ada");
    for code in ["ABCDEF", "abc", "ABCDE0"] {
        let player = Player {
            code: code.to_owned(),
            ..player.clone()
        };
        closed(server.connect_as(&player), 4404);
        closed(
            server.connect(&format!("/ws/rooms/{code}/connect"), &[]),
            4404,
        );
    }
}

#[test]
fn who_is_refused_is_nobody() {
    let server = Lobby::open("");
    let [(ada, mut client)] = server.gather(["Ada"]);
    let bob = server.join(&ada.code, "Bob");
    closed(server.connect_as(&with_token(&bob, "nonsense")), 4401);
    let _to_bob = server.enter(&bob);
    assert_eq!(client.json(), connected(&bob, "Bob"));
}

#[test]
fn the_state_is_everybody_who_ever_joined_and_the_last_fifty_messages() {
    let server = Lobby::open("");
    let mut players = server.gather(["Ada", "Bob", "Eve"]);
    for number in 0..60 {
        players[number % 3].1.chat(&number.to_string());
        for (_, client) in &mut players {
            assert_eq!(client.json()["payload"]["message"], number.to_string());
        }
    }
    let [(ada, mut to_ada), (bob, _to_bob), (eve, to_eve)] = players;
    let absent = server.join(&ada.code, "Zoe");
    to_eve.say_goodbye(None);
    assert_eq!(to_ada.json(), disconnected(&eve, "Eve"));
    let (_, state) = server.enter(&ada);
    assert_eq!(state["code"], json!(ada.code));
    let player = |player: &Player, name: &str, connected: bool| json!({"player_id": player.id, "display_name": name, "connected": connected});
    assert_eq!(
        state["players"],
        json!([
            player(&ada, "Ada", true),
            player(&bob, "Bob", true),
            player(&eve, "Eve", false),
            player(&absent, "Zoe", false),
        ])
    );
    let messages = state["messages"].as_array().unwrap();
    let texts: Vec<String> = (10..60).map(|number: u8| number.to_string()).collect();
    assert!(
        messages
            .iter()
            .map(|message| &message["message"])
            .eq(&texts)
    );
}

#[test]
fn the_others_hear_who_comes_and_who_goes() {
    let server = Lobby::open("");
    let [(ada, mut to_ada)] = server.gather(["Ada"]);
    let bob = server.join(&ada.code, " Bob ");
    let (to_bob, _) = server.enter(&bob);
    assert_eq!(to_ada.json(), connected(&bob, "Bob"));
    to_bob.say_goodbye(None);
    assert_eq!(to_ada.json(), disconnected(&bob, "Bob"));
    // A connection that just breaks is a player who goes, too.
    drop(server.enter(&bob));
    assert_eq!(to_ada.json(), connected(&bob, "Bob"));
    assert_eq!(to_ada.json(), disconnected(&bob, "Bob"));
    // And so is one that the server closes.
    let (mut to_bob, _) = server.enter(&bob);
    assert_eq!(to_ada.json(), connected(&bob, "Bob"));
    to_bob.send("x".repeat((512 << 10) + 1));
    assert_eq!(to_bob.close_code(), 1009);
    assert_eq!(to_ada.json(), disconnected(&bob, "Bob"));
}

#[test]
fn the_state_comes_before_any_broadcast_however_close() {
    let server = Lobby::open("");
    let [(ada, mut to_ada)] = server.gather(["Ada"]);
    let bob = server.join(&ada.code, "Bob");
    for _ in 0..10 {
        to_ada.say("vote", &json!({}));
        let (to_bob, state) = server.enter(&bob);
        assert_eq!(state["players"][1]["connected"], true);
        to_ada.say("vote", &json!({}));
        to_bob.say_goodbye(None);
        while to_ada.json() != disconnected(&bob, "Bob") {}
    }
}

#[test]
fn a_newer_connection_replaces_the_older_and_nobody_hears_of_it() {
    let server = Lobby::open("");
    let [(_, mut to_ada), (bob, mut older)] = server.gather(["Ada", "Bob"]);
    let (mut newer, state) = server.enter(&bob);
    assert_eq!(state["players"][1]["connected"], true);
    assert_eq!(older.close_code(), 4409);
    newer.chat("it is me");
    assert_eq!(newer.json()["event"], "chat");
    assert_eq!(to_ada.json()["event"], "chat");
    newer.say_goodbye(None);
    assert_eq!(to_ada.json(), disconnected(&bob, "Bob"));
}

#[test]
fn a_room_is_there_for_who_comes_back_to_it() {
    let server = Lobby::open("");
    let [(ada, mut client)] = server.gather(["Ada"]);
    let told = client.chat("hello").json();
    client.say_goodbye(None);
    let (_, state) = server.enter(&ada);
    assert_eq!(state["messages"], json!([told["payload"]]));
    assert_eq!(state["players"][0]["connected"], true);
}

#[test]
fn without_a_secret_every_server_has_its_own() {
    let server = Lobby::without_secret();
    let player = server.create("Ada");
    server.enter(&player);
    for secret in ["", SECRET] {
        let token = Tokens::new(secret.as_bytes()).sign(&claims(&player, FAR));
        closed(server.connect_as(&with_token(&player, &token)), 4401);
    }
}
