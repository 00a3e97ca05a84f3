//! Leaving for good, being put out, ending a room; and tokens that are renewed.

use roomcast::apps::rooms::tokens::Tokens;
use serde_json::{Value, json};

use crate::lobby::{Lobby, SECRET};
use crate::member::Member;
use crate::player::Player;

fn left(player: &Player, name: &str) -> Value {
    json!({"type": "event", "event": "player_left", "payload": {"player_id": player.id, "display_name": name}})
}

/// That a player's token opens nothing any more.
#[track_caller]
fn is_out(server: &Lobby, player: &Player) {
    assert_eq!(server.connect_as(player).close_code(), 4401);
    for (method, path) in [("GET", "/messages"), ("POST", "/token")] {
        let answer = server.call(method, &player.code, path, Some(&player.token));
        assert_eq!(answer.error(), (401, "unauthorized"), "{method} {path}");
    }
}

#[test]
fn a_player_leaves_for_good_by_its_own_token() {
    let server = Lobby::open("");
    let [(_, mut to_ada), (bob, mut to_bob)] = server.gather(["Ada", "Bob"]);
    assert_eq!(server.remove(&bob, &bob).status, 204);
    assert_eq!(to_bob.close_code(), 4403);
    assert_eq!(to_ada.json(), left(&bob, "Bob"));
    is_out(&server, &bob);
    let again = server.join(&bob.code, "Bob");
    let (_, state) = server.enter(&again);
    let names = state["players"].as_array().unwrap().iter();
    let names: Vec<&Value> = names.map(|player| &player["display_name"]).collect();
    assert_eq!(names, ["Ada", "Bob"]);
    // Nothing came between: who has left does not disconnect.
    assert_eq!(to_ada.json()["event"], "player_connected");
}

#[test]
fn the_maker_puts_others_out_and_nobody_else_does() {
    let server = Lobby::open("");
    let [(ada, _to_ada), (bob, mut to_bob), (eve, _to_eve)] = server.gather(["Ada", "Bob", "Eve"]);
    assert_eq!(server.remove(&ada, &bob).error(), (403, "forbidden"));
    assert_eq!(server.remove(&eve, &bob).error(), (403, "forbidden"));
    assert_eq!(server.remove(&eve, &ada).status, 204);
    assert_eq!(to_bob.json(), left(&eve, "Eve"));
    assert_eq!(server.remove(&eve, &ada).error(), (404, "not_found"));
    assert_eq!(server.remove(&eve, &eve).error(), (401, "unauthorized"));
    let absent = server.join(&ada.code, "Zoe");
    assert_eq!(server.remove(&absent, &ada).status, 204);
    assert_eq!(to_bob.json(), left(&absent, "Zoe"));
}

#[test]
fn the_maker_ends_the_room_while_it_is_in() {
    let server = Lobby::open("");
    let [(ada, to_ada), (bob, to_bob)] = server.gather(["Ada", "Bob"]);
    let end = |player: &Player| server.call("DELETE", &player.code, "", Some(&player.token));
    assert_eq!(end(&bob).error(), (403, "forbidden"));
    assert_eq!(end(&ada).status, 204);
    for mut client in [to_ada, to_bob] {
        assert_eq!(client.close_code(), 4404);
    }
    assert_eq!(end(&ada).error(), (404, "not_found"));
    assert_eq!(server.connect_as(&bob).close_code(), 4404);
    assert_eq!(server.try_join(&ada.code, "Eve").status, 404);
    let ada = server.create("Ada");
    let bob = server.join(&ada.code, "Bob");
    assert_eq!(server.remove(&ada, &ada).status, 204);
    assert_eq!(end(&ada).error(), (401, "unauthorized"));
    assert_eq!(end(&bob).error(), (403, "forbidden"));
}

#[test]
fn a_key_does_what_the_maker_does_and_nothing_shown_is_not_enough() {
    let server = Lobby::open("--key sesame");
    let ada = server.create("Ada");
    let bob = server.join(&ada.code, "Bob");
    let (path, room) = (format!("/players/{}", bob.id), ada.code.as_str());
    for (path, shown) in [
        (&*path, None),
        ("", None),
        (&*path, Some("x")),
        ("", Some("x")),
    ] {
        let answer = server.call("DELETE", room, path, shown);
        assert_eq!(answer.error(), (401, "unauthorized"), "{path} {shown:?}");
    }
    assert_eq!(
        server.call("DELETE", room, &path, Some("sesame")).status,
        204
    );
    assert_eq!(
        server.call("DELETE", room, &path, Some("sesame")).status,
        404
    );
    let key = "X-API-Key: sesame\r\n";
    let end = server.ask("DELETE", &format!("/api/rooms/{room}"), key, "");
    assert_eq!(end.status, 204);
    assert_eq!(server.call("DELETE", room, "", Some("sesame")).status, 404);
}

#[test]
fn in_open_mode_who_shows_nothing_may_and_a_token_is_judged_as_one() {
    let server = Lobby::open("");
    let ada = server.create("Ada");
    let bob = server.join(&ada.code, "Bob");
    assert_eq!(server.remove(&ada, &bob).status, 403);
    assert_eq!(server.call("DELETE", &ada.code, "", Some("x")).status, 401);
    assert_eq!(server.call("DELETE", &ada.code, "", None).status, 204);
}

#[test]
fn the_name_of_who_said_goodbye_may_be_taken_and_of_nobody_else() {
    let server = Lobby::open("");
    let [(ada, mut to_ada), (bob, to_bob)] = server.gather(["Ada", "Bob"]);
    assert_eq!(server.try_join(&ada.code, "Bob").status, 409);
    drop(to_bob);
    assert_eq!(to_ada.json()["event"], "player_disconnected");
    assert_eq!(
        server.try_join(&ada.code, "Bob").status,
        409,
        "it may come back"
    );
    server.enter(&bob).0.say_goodbye(Some(1000));
    for event in ["player_connected", "player_disconnected"] {
        assert_eq!(to_ada.json()["event"], event);
    }
    let another = server.join(&ada.code, "bob");
    assert_eq!(to_ada.json(), left(&bob, "Bob"));
    is_out(&server, &bob);
    assert_eq!(server.try_join(&ada.code, "Bob").status, 409);
    server.enter(&another);
}

#[test]
fn the_name_of_the_rooms_maker_is_kept_whatever_it_says() {
    let server = Lobby::open("");
    let [(ada, to_ada), (_, mut to_bob)] = server.gather(["Ada", "Bob"]);
    to_ada.say_goodbye(Some(1000));
    assert_eq!(to_bob.json()["event"], "player_disconnected");
    assert_eq!(server.try_join(&ada.code, "Ada").status, 409);
    server.enter(&ada);
    assert_eq!(
        server
            .call("DELETE", &ada.code, "", Some(&ada.token))
            .status,
        204
    );
}

/// Tells the connection of another token.
fn show<'a>(client: &'a mut Member, token: &str) -> &'a mut Member {
    client.send(json!({"type": "token", "token": token, "correlation_id": 7}).to_string())
}

#[test]
fn a_token_is_renewed_by_a_call_and_shown_on_the_connection() {
    let server = Lobby::open("");
    let [(ada, mut client), (bob, _to_bob)] = server.gather(["Ada", "Bob"]);
    let answer = server.call("POST", &ada.code, "/token", Some(&ada.token));
    assert_eq!(answer.status, 200);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert_ne!(token, ada.token);
    show(&mut client, &token).chat("hello");
    assert_eq!(
        client.json()["event"],
        "chat",
        "it is answered with nothing"
    );
    server.enter(&Player {
        token,
        ..ada.clone()
    });
    let stranger = server.create("Eve");
    let expired = Tokens::new(SECRET.as_bytes())
        .sign(&json!({"room_id": ada.room_id, "player_id": ada.id, "exp": 1_700_000_000}));
    let (mut client, _) = server.enter(&ada);
    for wrong in ["", "x", &bob.token, &stranger.token, &expired] {
        let error = show(&mut client, wrong).error();
        assert_eq!(error, (String::from("bad_message"), json!(7)), "{wrong}");
    }
    for wrong in [
        json!({"type": "token"}),
        json!({"type": "token", "token": 7}),
        json!({"type": "token", "token": ada.token, "to": []}),
        json!({"type": "vote", "token": ada.token, "payload": {}}),
    ] {
        assert_eq!(client.send(wrong.to_string()).error().0, "bad_message");
    }
}

#[test]
fn a_token_is_renewed_by_who_has_one_that_is_right() {
    let server = Lobby::open("--key sesame");
    let (ada, eve) = (server.create("Ada"), server.create("Eve"));
    let renew = |code: &str, token| server.call("POST", code, "/token", token).status;
    assert_eq!(renew(&ada.code, None), 401);
    assert_eq!(renew(&ada.code, Some("sesame")), 401);
    assert_eq!(renew(&ada.code, Some(&eve.token)), 403);
    assert_eq!(renew("ABCDEF", Some(&ada.token)), 404);
    assert_eq!(renew(&ada.code, Some(&ada.token)), 200);
}

#[test]
fn a_token_comes_in_as_a_subprotocol_too() {
    let server = Lobby::open("--key sesame");
    let ada = server.create("Ada");
    let token = data_encoding::BASE64URL_NOPAD.encode(ada.token.as_bytes());
    let offer = format!("roomcast, bearer.{token}");
    let path = format!("/ws/rooms/{}?player_id={}", ada.code, ada.id);
    let mut client = server.connect(&path, &[("Sec-WebSocket-Protocol", &offer)]);
    assert_eq!(client.json()["event"], "room");
}

#[test]
fn a_list_of_more_players_than_a_room_may_have_is_read_no_further() {
    let server = Lobby::open("");
    let [(ada, mut client)] = server.gather(["Ada"]);
    let ids = |count: usize| vec!["0123456789abcdef"; count];
    for (count, sentence) in [
        (1000, "to[0]: no player"),
        (1001, "to: must have at most 1000"),
        (25_000, "to: must have at most 1000"),
    ] {
        let said = json!({"type": "vote", "to": ids(count), "payload": {}});
        let error = client.send(said.to_string()).json();
        let message = error["payload"]["message"].as_str().unwrap();
        assert!(message.starts_with(sentence), "{count}: {message}");
        let body = json!({"event": "a", "to": ids(count), "payload": {}});
        let answer = server.event(&ada.code, &body);
        answer.refuses(sentence);
    }
}
