//! Scenarios of clients who would pay for what others do: whose memory is given up, who waits for whom, and what it costs
//! when many leave much behind.

use serde_json::{Value, json};

use roomcast::id::AppId;

use super::network::Client;
use crate::model::runs::rules::KEY;
use crate::model::wire::frames::{self, TEXT, frame};
use crate::stage::{Stage, request, text};

const WIDE: u32 = 1 << 30;

/// An upgrade whose client takes compressed messages.
fn packed(path: &str) -> String {
    frames::upgrade_with(path, "permessage-deflate")
}

#[test]
fn nobody_is_closed_for_those_who_wait_for_long_messages_to_be_compressed() {
    let mut stage = Stage::new(|bounds| bounds.memory_budget_bytes = 1_800_000);
    let honest = stage.narrow_listeners(1, 10)[0];
    stage.publish(1, 300);
    let greedy = [(); 2].map(|()| {
        let client = stage.client(packed("/echo"));
        assert_eq!(stage.answer(client).status, 101);
        client
    });
    for client in greedy {
        stage.send(client, text(&"x".repeat(500_000)));
    }
    let evictions = stage.reactor.metrics().evictions;
    assert!(!stage.is_ended(honest), "{evictions:?}");
    assert_eq!(evictions[AppId::Events as usize], 0);
    assert!(evictions[AppId::Ops as usize] <= 1, "{evictions:?}");
}

#[test]
fn what_nobody_waits_for_any_more_is_not_kept_to_be_compressed() {
    let mut stage = Stage::new(|_| ());
    let clients: Vec<Client> = (0..20).map(|_| stage.client(packed("/echo"))).collect();
    for &client in &clients {
        stage.sim().send(client, &text(&"x".repeat(500_000)));
    }
    for _ in 0..40 {
        stage.turn();
    }
    clients.iter().for_each(|&client| stage.sim().reset(client));
    stage.settle();
    let held = stage.reactor.budgeted_bytes();
    assert!(held < 100_000, "{held} bytes");
}

#[test]
fn a_member_that_is_being_told_is_not_closed_for_a_message_that_all_share() {
    let mut stage = Stage::new(|bounds| {
        bounds.connections_max = 4096;
        bounds.memory_budget_bytes = 1_500_000;
    });
    let listeners = stage.listeners(100);
    for &listener in &listeners {
        stage.sim().resize(listener, WIDE);
    }
    let strangers = [(); 3].map(|()| stage.open("/v1/stream"));
    let publisher = stage.client("");
    stage.sim().send(publisher, request(1, 900_000).as_bytes());
    while stage.reactor.transport().unread(listeners[0]) < 900_000 {
        stage.turn();
    }
    let last = listeners[99];
    assert_eq!(stage.reactor.transport().unread(last), 0, "half are told");
    let half = frame(true, TEXT, &vec![b'x'; 500_000]);
    for stranger in strangers {
        stage.sim().send(stranger, &half[..400_000]);
    }
    stage.settle();
    let evictions = stage.reactor.metrics().evictions;
    assert_eq!(evictions[AppId::Events as usize], 0, "{evictions:?}");
    for listener in listeners {
        assert_eq!(stage.events(listener), [1]);
    }
}

/// The members of a room, and how its first player enters.
fn room(stage: &mut Stage, members: usize) -> (Vec<Client>, String) {
    let key = format!("X-API-Key: {KEY}\r\n");
    let mut path = String::from("/api/rooms");
    let (mut code, mut first) = (String::new(), String::new());
    let mut clients = Vec::new();
    for number in 0..members {
        let body = json!({"display_name": number.to_string()}).to_string();
        let answer = stage.ask("POST", &path, &key, &body);
        let player: Value = serde_json::from_str(&answer.body).unwrap();
        let field = |name: &str| player[name].as_str().unwrap().to_owned();
        if number == 0 {
            code = field("code");
            path = format!("/api/rooms/{code}/join");
        }
        let (id, token) = (field("player_id"), field("token"));
        let entry = format!("/ws/rooms/{code}?player_id={id}&token={token}");
        clients.push(stage.open(&entry));
        if number == 0 {
            first = entry;
        }
    }
    for &client in &clients {
        stage.frames(client);
        stage.sim().resize(client, WIDE);
    }
    (clients, first)
}

fn chat(message: &str) -> Vec<u8> {
    text(&json!({"type": "chat", "payload": {"message": message}}).to_string())
}

#[test]
fn who_is_told_much_at_the_door_keeps_no_other_room_from_speaking() {
    let mut stage = Stage::new(|bounds| bounds.connections_max = 4096);
    let (loud, entry) = room(&mut stage, 10);
    let (members, _) = room(&mut stage, 10);
    for &member in &loud {
        for _ in 0..10 {
            stage.send(member, chat(&"y".repeat(2000)));
        }
    }
    let mut heard = 0;
    for turn in 0..600 {
        let comer = stage.sim().connect();
        stage.sim().resize(comer, WIDE);
        stage.sim().send(comer, packed(&entry).as_bytes());
        if turn < 180 {
            stage.sim().send(members[1 + turn % 9], &chat("hello"));
        }
        stage.turn();
        heard += stage.frames_at_hand(members[0]);
    }
    assert_eq!(heard, 180);
}

#[test]
fn a_publisher_of_long_messages_has_its_turn_beside_many_of_short_ones() {
    let mut stage = Stage::new(|bounds| {
        bounds.connections_max = 4096;
        bounds.app_mut(AppId::Events).queue.messages_max = 16;
    });
    for listener in stage.listeners(2) {
        stage.sim().resize(listener, WIDE);
    }
    let publishers: Vec<Client> = (0..21).map(|_| stage.client("")).collect();
    let message = |number| request(1, if number == 0 { 50_000 } else { 0 });
    for (number, &publisher) in publishers.iter().enumerate() {
        stage.sim().send(publisher, message(number).as_bytes());
    }
    let mut answers = [0; 21];
    for _ in 0..400 {
        stage.turn();
        for (number, &publisher) in publishers.iter().enumerate() {
            if stage.sim().unread(publisher) > 0 {
                stage.answer(publisher);
                answers[number] += 1;
                stage.sim().send(publisher, message(number).as_bytes());
            }
        }
    }
    let light = answers[1..].iter().min().unwrap();
    assert!(answers[0] * 3 >= *light && *light > 0, "{answers:?}");
}

#[test]
fn nobody_waits_for_ever_to_publish_beside_those_who_always_have_more() {
    let mut stage = Stage::new(|_| ());
    for listener in stage.listeners(2) {
        stage.sim().resize(listener, WIDE);
    }
    let message = request(1, 524_000);
    let heavy = [(); 3].map(|()| stage.client(""));
    for publisher in heavy {
        stage.sim().send(publisher, message.repeat(3).as_bytes());
    }
    let light = stage.client("");
    let mut turns = Vec::new();
    for _ in 0..10 {
        stage.sim().send(light, request(2, 0).as_bytes());
        let mut waited = 0;
        while stage.sim().unread(light) == 0 {
            stage.turn();
            waited += 1;
            for publisher in heavy {
                if stage.sim().unread(publisher) > 0 {
                    stage.answer(publisher);
                    stage.sim().send(publisher, message.as_bytes());
                }
            }
            assert!(waited < 200, "{turns:?} and no end");
        }
        stage.answer(light);
        turns.push(waited);
    }
}

#[test]
fn those_who_leave_many_rooms_take_the_time_that_it_costs() {
    let mut stage = Stage::new(|bounds| bounds.connections_max = 4096);
    let key = KEY.replace(' ', "%20");
    let path = format!("/api/v1/tasks/ws?version=1.0&api_key={key}");
    let clients: Vec<Client> = (0..60).map(|_| stage.open(&path)).collect();
    for (number, &client) in clients.iter().enumerate() {
        let names: Vec<String> = (0..1000).map(|name| format!("{number}/{name}")).collect();
        let say = json!({"type": "subscribe", "data": {"repositories": names}});
        stage.sim().resize(client, WIDE);
        stage.send(client, text(&say.to_string()));
    }
    for &client in &clients {
        stage.sim().send(client, &frames::close(1000, ""));
    }
    let here = |stage: &Stage| stage.reactor.metrics().connections[AppId::Tasks as usize];
    let mut before = here(&stage);
    assert_eq!(before, 60);
    while before > 0 {
        stage.turn();
        // Both purses of those that are served, and a step of either: three milliseconds and two times a third of one.
        assert!(
            before - here(&stage) <= 12,
            "{} in a turn",
            before - here(&stage)
        );
        before = here(&stage);
    }
}
