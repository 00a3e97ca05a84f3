//! Positions in a room, and players who come back and say since when.
//!
//! What the back-end says has a number in its payload; in most of these rooms Ada's entry is the first message, and the
//! back-end's next.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::harness::positions::{Position, outcome};
use crate::lobby::Lobby;
use crate::member::Member;
use crate::player::Player;

/// The back-end says these numbers to the room, one after the other.
pub fn publish(server: &Lobby, room: &Player, numbers: RangeInclusive<u64>) {
    for number in numbers {
        let event = json!({"event": "tick", "payload": {"number": number}});
        assert_eq!(server.event(&room.code, &event).status, 202);
    }
}

/// A player who comes in and says since when, how the room stands for it, and at which position.
fn back(server: &Lobby, player: &Player, since: impl ToString) -> (Member, Value, Position) {
    let path = format!("{}&since={}", player.path(), since.to_string());
    let mut client = server.connect(&path, &[]);
    let (mut state, position) = client.numbered();
    assert_eq!(
        (&state["type"], &state["event"]),
        (&json!("state"), &json!("room"))
    );
    (client, state["payload"].take(), position)
}

/// The same, of which only what is told of resuming matters.
fn told(server: &Lobby, player: &Player, since: impl ToString) -> (Value, Position) {
    let (mut client, mut state, position) = back(server, player, since);
    client.settle();
    (state["resumed"].take(), position)
}

/// Asks on the connection.
pub fn ask(client: &mut Member, since: impl ToString) -> (Value, Position) {
    let since = since.to_string();
    client.say("resume", &json!({"since": since}));
    let (mut told, position) = client.numbered();
    assert_eq!(
        (&told["type"], &told["event"]),
        (&json!("state"), &json!("resumed"))
    );
    (told["payload"].take(), position)
}

/// The client's next messages are what the back-end said with these numbers, so much later in the room.
#[track_caller]
pub fn hears(client: &mut Member, numbers: RangeInclusive<u64>, later: u64) {
    for number in numbers {
        let (event, position) = client.numbered();
        assert_eq!(event["payload"], json!({"number": number}));
        assert_eq!(position.number, number + later);
    }
}

/// The newest position in a player's room, which it reads as a page does.
fn newest(server: &Lobby, player: &Player) -> Position {
    let answer = server.messages(player, "?limit=1");
    Position::read(answer.header("roomcast-position").unwrap())
}

/// A room in which nobody is, and its two players.
pub fn empty_room(flags: &str) -> (Lobby, Player, Player) {
    let server = Lobby::open(flags);
    let ada = server.create("Ada");
    let bob = server.join(&ada.code, "Bob");
    (server, ada, bob)
}

#[test]
fn positions_are_dense_the_same_for_everybody_and_last() {
    let server = Lobby::open("");
    let [(ada, mut to_ada), (bob, mut to_bob)] = server.gather(["Ada", "Bob"]);
    to_ada.chat("one");
    to_bob.say("vote", &json!({}));
    let begin = newest(&server, &ada).at(0);
    for client in [&mut to_ada, &mut to_bob] {
        assert_eq!(client.numbered().1, begin.at(3));
        assert_eq!(client.numbered().1, begin.at(4));
    }
    publish(&server, &bob, 5..=5);
    hears(&mut to_ada, 5..=5, 0);
    hears(&mut to_bob, 5..=5, 0);
}

#[test]
fn the_senders_own_copy_has_the_position_of_what_the_others_hear() {
    let server = Lobby::open("");
    let [(_, mut to_ada), (_, mut to_bob)] = server.gather(["Ada", "Bob"]);
    for kind in ["vote", "action"] {
        let said = json!({"type": kind, "correlation_id": "c", "payload": {}});
        let (own, position) = to_ada.send(said.to_string()).numbered();
        assert_eq!(
            (&own["event"], &own["correlation_id"]),
            (&json!(kind), &json!("c"))
        );
        assert_eq!(to_bob.numbered().1, position);
    }
}

#[test]
fn what_is_for_some_only_has_no_position_and_is_not_kept() {
    let server = Lobby::open("");
    let [(ada, mut to_ada), (bob, mut to_bob)] = server.gather(["Ada", "Bob"]);
    let before = newest(&server, &ada);
    let whisper = json!({"type": "vote", "to": [bob.id], "payload": {}});
    to_ada.send(whisper.to_string());
    let event = json!({"event": "role", "payload": {}, "to": [bob.id]});
    assert_eq!(server.event(&ada.code, &event).status, 202);
    for text in [to_ada.text(), to_bob.text(), to_bob.text()] {
        assert!(!text.contains("position"), "{text}");
    }
    assert_eq!(newest(&server, &ada), before);
    assert_eq!(told(&server, &bob, &before), (outcome(0, 0), before));
}

#[test]
fn who_comes_back_gets_all_that_happened_and_then_what_is_new() {
    let server = Lobby::open("");
    let [(ada, mut to_ada), (bob, mut to_bob)] = server.gather(["Ada", "Bob"]);
    let since = newest(&server, &bob);
    to_bob.settle();
    drop(to_bob);
    assert_eq!(to_ada.json()["event"], "player_disconnected");
    to_ada
        .chat("one")
        .say("vote", &json!({}))
        .say("action", &json!({}));
    let eve = server.join(&ada.code, "Eve");
    server.enter(&eve).0.say_goodbye(None);
    publish(&server, &ada, 1..=1);
    let (mut to_bob, state, position) = back(&server, &bob, &since);
    assert_eq!(state["resumed"], outcome(6, 0));
    assert_eq!(state["messages"], json!([]));
    // Before the first that follows there is only its own going.
    assert_eq!(position, since.plus(1));
    publish(&server, &ada, 2..=2);
    for (event, number) in [
        "chat",
        "vote",
        "action",
        "player_connected",
        "player_disconnected",
    ]
    .into_iter()
    .zip(2..)
    {
        let (heard, position) = to_bob.numbered();
        assert_eq!(
            (heard["event"].as_str(), position),
            (Some(event), since.plus(number))
        );
    }
    let ticks = since.number + 6;
    hears(&mut to_bob, 1..=1, ticks);
    // Its own coming is between them.
    hears(&mut to_bob, 2..=2, ticks + 1);
    to_bob.settle();
}

#[test]
fn who_reads_the_messages_and_then_enters_has_no_gap() {
    let server = Lobby::open("");
    let [(ada, mut to_ada)] = server.gather(["Ada"]);
    let bob = server.join(&ada.code, "Bob");
    to_ada.chat("one");
    to_ada.json();
    let answer = server.messages(&bob, "");
    assert_eq!(answer.json()["messages"].as_array().unwrap().len(), 1);
    let since = Position::read(answer.header("roomcast-position").unwrap());
    to_ada.chat("two");
    to_ada.json();
    let (mut to_bob, state, position) = back(&server, &bob, &since);
    assert_eq!((&state["resumed"], position), (&outcome(1, 0), since));
    assert_eq!(to_bob.json()["payload"]["message"], "two");
    to_bob.settle();
}

#[test]
fn its_own_coming_and_going_a_player_neither_gets_nor_misses() {
    let (server, ada, bob) = empty_room("");
    let begin = newest(&server, &ada);
    for round in 1..=3 {
        server.enter(&bob).0.say_goodbye(None);
        publish(&server, &ada, round..=round);
    }
    // Six of its own, and three of the back-end's.
    let (mut to_bob, state, _) = back(&server, &bob, &begin);
    assert_eq!(state["resumed"], outcome(3, 0));
    for number in 1..=3 {
        assert_eq!(to_bob.numbered().1, begin.at(3 * number));
    }
    to_bob.settle();
    to_bob.say_goodbye(None);
    // To the others they are as good as anything else.
    assert_eq!(told_of(&server, &ada, &begin), outcome(11, 0));
}

/// What somebody is told of resuming, whatever follows.
fn told_of(server: &Lobby, player: &Player, since: &Position) -> Value {
    let (_, mut state, _) = back(server, player, since);
    state["resumed"].take()
}

#[test]
fn its_own_coming_and_going_is_not_counted_where_it_is_not_kept_either() {
    let (server, ada, bob) = empty_room("--set rooms.history_messages=2");
    let begin = newest(&server, &ada);
    server.enter(&bob).0.say_goodbye(None);
    publish(&server, &ada, 1..=2);
    server.enter(&bob).0.say_goodbye(None);
    publish(&server, &ada, 3..=4);
    // Of eight the last two are kept; of the six before four are its own.
    let (mut to_bob, state, position) = back(&server, &bob, &begin);
    assert_eq!((&state["resumed"], position), (&outcome(2, 2), begin.at(6)));
    hears(&mut to_bob, 3..=4, 4);
    assert_eq!(
        told_of(&server, &ada, &begin),
        outcome(2, 7),
        "and one more coming"
    );
}

#[test]
fn what_it_said_itself_comes_back_as_it_came_to_the_others() {
    let server = Lobby::open("");
    let [(_, _to_ada), (bob, mut to_bob)] = server.gather(["Ada", "Bob"]);
    let since = newest(&server, &bob);
    let said = json!({"type": "vote", "correlation_id": "c", "payload": {"for": "Eve"}});
    let (own, position) = to_bob.send(said.to_string()).numbered();
    assert_eq!(own["correlation_id"], "c");
    let (mut to_bob, state, _) = back(&server, &bob, &since);
    assert_eq!(state["resumed"], outcome(1, 0));
    let (again, at) = to_bob.numbered();
    let theirs =
        json!({"type": "event", "event": "vote", "payload": {"for": "Eve"}, "player_id": bob.id});
    assert_eq!((again, at), (theirs, position));
}

#[test]
fn a_newer_connection_resumes_where_the_older_one_was() {
    let (server, ada, bob) = empty_room("");
    let begin = newest(&server, &ada);
    let (mut older, _) = server.enter(&bob);
    publish(&server, &ada, 1..=3);
    hears(&mut older, 1..=3, 1);
    let (mut newer, state, position) = back(&server, &bob, begin.at(2));
    assert_eq!((&state["resumed"], position), (&outcome(2, 0), begin.at(2)));
    assert_eq!(older.close_code(), 4409);
    publish(&server, &ada, 4..=4);
    hears(&mut newer, 2..=4, 1);
    newer.settle();
}

#[test]
fn a_rooms_history_outlives_its_members() {
    let (server, ada, bob) = empty_room("");
    let (mut to_ada, _) = server.enter(&ada);
    to_ada.chat("anybody there?");
    let (_, said) = to_ada.numbered();
    to_ada.0.leave();
    server.until("nobody is there", |server| {
        server.metric("roomcast_rooms{app=\"rooms\"}") == 0.0
    });
    publish(&server, &ada, 1..=2);
    let (mut to_bob, state, position) = back(&server, &bob, said.at(1));
    assert_eq!((&state["resumed"], position), (&outcome(4, 0), said.at(1)));
    assert_eq!(to_bob.json()["event"], "chat");
    assert_eq!(to_bob.json()["event"], "player_disconnected");
    hears(&mut to_bob, 1..=2, 3);
    to_bob.settle();
}

#[test]
fn what_is_not_kept_any_more_is_counted_exactly() {
    let (server, ada, bob) = empty_room("--set rooms.history_messages=3");
    let begin = newest(&server, &ada);
    publish(&server, &ada, 1..=10);
    let (mut to_bob, state, position) = back(&server, &bob, begin.at(4));
    assert_eq!((&state["resumed"], position), (&outcome(3, 3), begin.at(7)));
    hears(&mut to_bob, 8..=10, 0);
    to_bob.settle();
}

#[test]
fn of_all_rooms_together_the_oldest_give_way_first() {
    let (server, ada, _) = empty_room("--set rooms.history_total=16KiB");
    let eve = server.create("Eve");
    let begin = newest(&server, &ada);
    let much = json!({"event": "much", "payload": {"text": "x".repeat(3000)}});
    for room in [&ada, &ada, &ada, &eve, &eve, &eve, &eve] {
        assert_eq!(server.event(&room.code, &much).status, 202);
    }
    // Five of the seven fit.
    assert_eq!(told_of(&server, &ada, &begin), outcome(1, 2));
    let begin = newest(&server, &eve).at(0);
    assert_eq!(told_of(&server, &eve, &begin), outcome(4, 0));
}

#[test]
fn each_room_is_numbered_by_itself() {
    let (server, ada, _) = empty_room("");
    let eve = server.create("Eve");
    publish(&server, &ada, 1..=5);
    let (here, there) = (newest(&server, &ada), newest(&server, &eve));
    assert_eq!((here.number, there.number), (5, 0));
    assert_ne!(here.epoch, there.epoch);
    assert_eq!(told(&server, &eve, here.at(0)), (outcome(0, None), there));
}

#[test]
fn nobody_can_tell_what_was_missed_since_a_position_that_is_none_of_these() {
    let (server, ada, bob) = empty_room("");
    publish(&server, &ada, 1..=2);
    let (mut to_ada, _) = server.enter(&ada);
    let mut now = newest(&server, &bob);
    let another = u32::from_str_radix(&now.epoch, 16).unwrap() ^ 1;
    for since in [
        format!("{another:08x}-1"),
        now.at(100).to_string(),
        "rubbish".to_owned(),
    ] {
        let (mut client, mut state, position) = back(&server, &bob, &since);
        assert_eq!(
            (state["resumed"].take(), position),
            (outcome(0, None), now.clone())
        );
        assert_eq!(state["messages"], json!([]));
        client.settle();
        client.say_goodbye(None);
        for event in ["player_connected", "player_disconnected"] {
            assert_eq!(to_ada.json()["event"], event);
        }
        now = now.plus(2);
        assert_eq!(ask(&mut to_ada, &since), (outcome(0, None), now.clone()));
    }
}

#[test]
fn now_asks_for_the_position_alone() {
    let (server, ada, bob) = empty_room("");
    publish(&server, &ada, 1..=2);
    let (mut client, state, position) = back(&server, &bob, "now");
    assert_eq!(
        (&state["resumed"], position),
        (&outcome(0, 0), newest(&server, &ada).at(2))
    );
    publish(&server, &ada, 3..=3);
    hears(&mut client, 3..=3, 1);
}

#[test]
fn without_a_history_everything_missed_is_lost_and_counted() {
    let (server, ada, bob) = empty_room("--set rooms.history_messages=0");
    publish(&server, &ada, 1..=5);
    let now = newest(&server, &ada);
    assert_eq!(told(&server, &bob, now.at(2)), (outcome(0, 3), now.clone()));
    assert_eq!(server.metric("roomcast_queue_bytes"), 0.0);
}

#[test]
fn what_is_too_old_is_lost() {
    let (server, ada, bob) = empty_room("--set rooms.history_age=100ms");
    publish(&server, &ada, 1..=5);
    let since = newest(&server, &ada).at(2);
    server.until("all is too old", |server| {
        server.metric("roomcast_queue_bytes") == 0.0
    });
    assert_eq!(told(&server, &bob, &since), (outcome(0, 3), since.at(5)));
}

#[test]
fn on_its_connection_a_player_has_missed_nothing_since_it_came() {
    let (server, ada, bob) = empty_room("");
    publish(&server, &ada, 1..=2);
    let (mut client, _) = server.enter(&bob);
    publish(&server, &ada, 3..=3);
    hears(&mut client, 3..=3, 1);
    let now = newest(&server, &ada);
    for (since, missed) in [(4, Some(0)), (3, Some(0)), (2, Some(0)), (1, None)] {
        let answer = ask(&mut client, now.at(since));
        assert_eq!(answer, (outcome(0, missed), now.clone()), "{since}");
    }
}

#[test]
fn a_question_that_is_none_is_a_bad_message() {
    let server = Lobby::open("");
    let [(ada, mut client)] = server.gather(["Ada"]);
    for said in [
        json!({"type": "resume"}),
        json!({"type": "resume", "payload": {}}),
        json!({"type": "resume", "payload": {"since": 3}}),
        json!({"type": "resume", "payload": {"since": "now", "more": 1}}),
        json!({"type": "resume", "since": "now"}),
        json!({"type": "resume", "to": [ada.id], "payload": {"since": "now"}}),
    ] {
        let error = client.send(said.to_string()).error();
        assert_eq!(error.0, "bad_message", "{said}");
    }
    let said = json!({"type": "resume", "correlation_id": "c", "payload": {"since": "now"}});
    let answer = client.send(said.to_string()).json();
    assert_eq!(
        (&answer["event"], &answer["correlation_id"]),
        (&json!("resumed"), &json!("c"))
    );
}
