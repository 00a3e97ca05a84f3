//! Players who do not read: what they are told that they missed, and what they get of it when they ask.

use serde_json::json;

use crate::harness::positions::{Position, outcome};
use crate::lobby::Lobby;
use crate::member::Member;
use crate::resuming::{ask, empty_room, hears, publish};

#[test]
fn a_lagged_player_asks_again_and_gets_what_is_kept_of_its_gap() {
    let flags = "--queue-messages 8 --on-full latest --set rooms.history_messages=4";
    let (server, ada, bob) = empty_room(flags);
    let mut client = Member(server.connect_narrow(&bob.path()));
    assert_eq!(client.json()["event"], "room");
    let much = json!({"event": "much", "payload": {"text": "x".repeat(100_000)}});
    let mut published = 1;
    while server.metric("roomcast_messages_dropped_total{app=\"rooms\"}") == 0.0 {
        assert_eq!(server.event(&ada.code, &much).json()["receivers"], 1);
        published += 1;
    }
    let gap = loop {
        let mut message = client.json();
        if message["event"] == "lagged" {
            break message["payload"].take();
        }
    };
    let missed = gap["missed"].as_u64().unwrap();
    let since = Position::read(gap["since"].as_str().unwrap());
    assert_eq!(since.number + missed + 1, published);
    assert_eq!(
        client.numbered().1,
        since.at(published),
        "only the newest is left"
    );
    let answer = ask(&mut client, &since);
    assert_eq!(answer, (outcome(3, missed - 3), since.at(published - 4)));
    for number in published - 3..published {
        assert_eq!(client.numbered().1, since.at(number));
    }
    assert_eq!(
        ask(&mut client, &since),
        (outcome(0, 0), since.at(published))
    );
}

#[test]
fn whispers_that_are_missed_have_no_position_and_are_lost() {
    let (server, ada, bob) = empty_room("--queue-messages 8 --set rooms.history_messages=0");
    let mut client = Member(server.connect_narrow(&bob.path()));
    assert_eq!(client.json()["event"], "room");
    let much = json!({"event": "much", "payload": {"text": "x".repeat(100_000)}, "to": [bob.id]});
    let dropped = |server: &Lobby| server.metric("roomcast_messages_dropped_total{app=\"rooms\"}");
    let mut whispers = 0;
    while dropped(&server) < 3.0 {
        server.event(&ada.code, &much);
        whispers += 1;
    }
    for _ in 0..whispers - 3 {
        assert_eq!(client.json()["event"], "much");
    }
    publish(&server, &ada, 1..=1);
    let lagged =
        json!({"type": "state", "event": "lagged", "payload": {"missed": 3, "since": null}});
    assert_eq!(client.json(), lagged);
    hears(&mut client, 1..=1, 1);
}
