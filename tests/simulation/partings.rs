//! Scenarios of players that go while it is not known yet what becomes of them, of their rooms, or of the hub: what is out
//! stays out, and no number is given that nobody hears.

use roomcast::bounds::Durability;
use roomcast::id::AppId;
use roomcast::time::Millis;
use serde_json::Value;

use crate::kept::disk::Habits;
use crate::kept::hub::{Hub, number_of};
use crate::model::wire::frames;
use crate::network::Client;
use crate::staying::{Player, ROOMS, SYNC, chats, create, enter, hub, join, refused, say};

/// Longer than absent players are waited for.
const ABSENT: Millis = Millis::seconds(20);

/// Ada, who has made a room, and Bob, and their connections; what was said of that is read.
fn two(hub: &mut Hub) -> ([Player; 2], [Client; 2]) {
    let ada = create(hub);
    let bob = join(hub, &ada, "Bob");
    let clients = [enter(hub, &ada, ""), enter(hub, &bob, "")];
    hub.stage.wait(SYNC + SYNC + SYNC);
    for client in clients {
        hub.heard(client);
    }
    ([ada, bob], clients)
}

fn room_of(player: &Player) -> String {
    format!("{ROOMS}/{}", player.code)
}

fn path_of(player: &Player) -> String {
    format!("{}/players/{}", room_of(player), player.id)
}

fn rooms(hub: &Hub) -> u64 {
    hub.stage.reactor.metrics().records[AppId::Rooms as usize]
}

fn events(heard: &[Value]) -> Vec<&str> {
    heard
        .iter()
        .map(|it| it["event"].as_str().unwrap())
        .collect()
}

/// A player comes back with what it heard last: it has missed nothing, and what is said next has the next number.
fn goes_on(hub: &mut Hub, player: &Player, since: &Value) -> Client {
    let (epoch, _) = since.as_str().unwrap().split_once('-').unwrap();
    let query = format!("&since={}", since.as_str().unwrap());
    let client = enter(hub, player, &query);
    hub.stage.wait(SYNC);
    let heard = hub.heard(client);
    let state = &heard[0];
    assert_eq!(state["payload"]["resumed"]["missed"], 0, "{heard:?}");
    assert_eq!(heard.len(), 1, "{heard:?}");
    let position = state["payload"]["position"].as_str().unwrap().to_owned();
    assert!(position.starts_with(epoch), "{position}");
    let before = number_of(&state["payload"]["position"]);
    say(hub, client, "on");
    hub.stage.wait(SYNC);
    let heard = hub.heard(client);
    let said = chats(&heard);
    // Its own coming has a number too, which it is not told.
    let (last, number) = said.last().unwrap();
    assert_eq!(last, "on");
    assert!((before + 1..=before + 2).contains(number), "{heard:?}");
    client
}

#[test]
fn who_goes_while_its_room_ends_is_not_said_to_be_gone() {
    let mut hub = hub();
    let ([ada, bob], clients) = two(&mut hub);
    let ends = hub.ask("DELETE", &room_of(&ada), "");
    hub.stage.sim().reset(clients[0]);
    hub.stage.wait(SYNC);
    assert_eq!(hub.stage.statuses(ends), [204]);
    assert_eq!(hub.stage.close_code(clients[1]), Some(4404));
    hub.stage.wait(ABSENT);
    assert_eq!(rooms(&hub), 0);
    let names = |hub: &Hub| {
        hub.disk
            .borrow()
            .state()
            .logs
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert!(!names(&hub).iter().any(|it| it.starts_with("rooms/")));
    // What comes after it is kept.
    let other = create(&mut hub);
    hub.crash();
    assert_eq!([&ada, &bob].map(|it| refused(&mut hub, it)), [4404; 2]);
    assert_eq!(rooms(&hub), 1);
    assert_eq!(hub.change("DELETE", &room_of(&other), "").status, 204);
    assert_eq!(rooms(&hub), 0);
}

#[test]
fn who_goes_while_it_is_put_out_is_out_and_heard_of_once() {
    let mut hub = hub();
    let ([ada, bob], [listens, goes]) = two(&mut hub);
    let puts = hub.ask("DELETE", &path_of(&bob), "");
    hub.stage.sim().reset(goes);
    hub.stage.wait(SYNC);
    assert_eq!(hub.stage.statuses(puts), [204]);
    let heard = hub.heard(listens);
    assert_eq!(events(&heard), ["player_left"]);
    let last = heard[0]["position"].clone();
    hub.stage.wait(ABSENT);
    assert!(hub.heard(listens).is_empty());
    hub.crash();
    assert_eq!(refused(&mut hub, &bob), 4401);
    goes_on(&mut hub, &ada, &last);
    // Its name is free.
    join(&mut hub, &ada, "Bob");
}

#[test]
fn who_was_there_at_a_crash_is_put_out_and_not_said_to_be_gone() {
    let mut hub = hub();
    let ([ada, bob], _) = two(&mut hub);
    hub.crash();
    let listens = enter(&mut hub, &ada, "");
    hub.stage.wait(SYNC);
    hub.heard(listens);
    assert_eq!(hub.change("DELETE", &path_of(&bob), "").status, 204);
    let heard = hub.heard(listens);
    assert_eq!(events(&heard), ["player_left"]);
    let last = heard[0]["position"].clone();
    hub.stage.wait(ABSENT);
    assert!(hub.heard(listens).is_empty());
    hub.crash();
    assert_eq!(refused(&mut hub, &bob), 4401);
    goes_on(&mut hub, &ada, &last);
    join(&mut hub, &ada, "Bob");
}

#[test]
fn a_room_that_somebody_was_in_at_a_crash_ends_for_good() {
    let mut hub = hub();
    let ([ada, bob], _) = two(&mut hub);
    hub.crash();
    assert_eq!(hub.change("DELETE", &room_of(&ada), "").status, 204);
    hub.stage.wait(ABSENT);
    assert_eq!(rooms(&hub), 0);
    let other = create(&mut hub);
    hub.crash();
    assert_eq!([&ada, &bob].map(|it| refused(&mut hub, it)), [4404; 2]);
    assert_eq!(rooms(&hub), 1);
    assert_eq!(hub.change("DELETE", &room_of(&other), "").status, 204);
}

#[test]
fn nothing_is_said_lazily_once_the_disk_has_been_let_go_of() {
    let mut hub = Hub::new(Habits::taking(&[SYNC.0]), |bounds| {
        bounds.app_mut(AppId::Rooms).durability = Durability::Lazy;
        bounds.drain = Millis::seconds(2);
    });
    let ([ada, _], [listens, goes]) = two(&mut hub);
    say(&mut hub, goes, "last");
    let (last, number) = chats(&hub.heard(listens)).pop().unwrap();
    assert_eq!(last, "last");
    hub.stage.shut_down();
    while hub.disk.borrow().is_held() {
        hub.stage.wait(Millis(1));
    }
    hub.stage.sim().reset(goes);
    let mut heard = hub.heard(listens);
    hub.stage.wait(Millis::seconds(30));
    heard.extend(hub.heard(listens));
    assert!(hub.stage.exited);
    let positions = heard.iter().filter(|it| !it["position"].is_null());
    let most = positions.map(|it| number_of(&it["position"])).max();
    hub.succeed();
    hub.start();
    let back = enter(&mut hub, &ada, "");
    say(&mut hub, back, "first");
    let heard = hub.heard(back);
    let (_, first) = chats(&heard).pop().unwrap();
    assert!(first > most.unwrap_or(number), "{most:?} {heard:?}");
}

#[test]
fn a_room_that_is_spoken_to_is_not_forgotten_for_another() {
    let mut hub = Hub::new(Habits::taking(&[SYNC.0]), |bounds| {
        bounds.app_mut(AppId::Rooms).records_max = 1;
    });
    let ([ada, _], clients) = two(&mut hub);
    for client in clients {
        hub.stage.sim().reset(client);
    }
    hub.stage.wait(Millis::seconds(61 * 60));
    let path = format!("{}/events", room_of(&ada));
    let speaks = hub.ask("POST", &path, r#"{"event":"bell","payload":{}}"#);
    let makes = hub.change("POST", ROOMS, r#"{"display_name":"Eve"}"#);
    assert_eq!(makes.status, 507, "{}", makes.body);
    assert_eq!(hub.stage.statuses(speaks), [202]);
    // When nobody speaks to it any more it is.
    let makes = hub.change("POST", ROOMS, r#"{"display_name":"Eve"}"#);
    assert_eq!(makes.status, 201, "{}", makes.body);
    assert_eq!(refused(&mut hub, &ada), 4404);
}

#[test]
fn who_is_being_closed_enters_nothing() {
    let mut hub = Hub::new(Habits::taking(&[SYNC.0]), |bounds| {
        bounds.write_timeout = Millis::seconds(1);
        bounds.drain = Millis(0);
    });
    let ada = create(&mut hub);
    hub.behave(|habits| habits.sync = &[2000]);
    let enters = enter(&mut hub, &ada, "");
    hub.stage.shut_down();
    hub.stage.wait(Millis(1500));
    assert_eq!(hub.stage.close_code(enters), Some(1001));
    assert!(!hub.stage.is_ended(enters));
    hub.stage.wait(Millis(1000));
    assert!(hub.stage.frames(enters).is_empty());
    hub.stage.wait(Millis::seconds(30));
    assert!(hub.stage.exited);
}

#[test]
fn an_entry_that_is_refused_leaves_alone_what_was_decided_before_it() {
    let mut hub = hub();
    let ([_, bob], [listens, goes]) = two(&mut hub);
    hub.behave(|habits| habits.sync = &[8000]);
    hub.stage.sim().reset(goes);
    // Nothing more is taken of what waits for a disk that does not answer.
    hub.stage.wait(Millis(6500));
    assert!(hub.heard(listens).is_empty());
    assert_eq!(refused(&mut hub, &bob), 1013);
    hub.stage.wait(Millis(1600));
    assert_eq!(events(&hub.heard(listens)), ["player_disconnected"]);
    hub.behave(|habits| habits.sync = &[SYNC.0]);
    // At once: what is put right a moment later would not be seen.
    let enters = enter(&mut hub, &bob, "");
    hub.stage.wait(SYNC);
    assert_eq!(hub.heard(enters)[0]["event"], "room");
    assert_eq!(events(&hub.heard(listens)), ["player_connected"]);
    hub.stage.wait(ABSENT);
    assert!(hub.heard(listens).is_empty());
}

#[test]
fn who_went_while_the_disk_was_full_is_said_to_be_gone_soon_after() {
    for is_absent in [false, true] {
        let mut hub = Hub::new(Habits::taking(&[SYNC.0]), |bounds| {
            bounds.connections_max = 512;
            bounds.app_mut(AppId::Rooms).connections_per_minute = 0;
        });
        let ada = create(&mut hub);
        // More than are told of at once.
        let players: Vec<Player> = (0..100)
            .map(|number| join(&mut hub, &ada, &format!("P{number}")))
            .collect();
        let clients: Vec<Client> = players.iter().map(|it| enter(&mut hub, it, "")).collect();
        hub.stage.wait(SYNC + SYNC);
        if is_absent {
            hub.crash();
        }
        let listens = enter(&mut hub, &ada, "");
        hub.stage.wait(SYNC + SYNC);
        assert_eq!(hub.heard(listens)[0]["event"], "room");
        hub.behave(|habits| habits.is_full = true);
        if !is_absent {
            for client in clients {
                hub.stage.sim().reset(client);
            }
        }
        hub.stage.wait(ABSENT);
        assert!(hub.heard(listens).is_empty());
        hub.behave(|habits| habits.is_full = false);
        hub.stage.wait(Millis(2500));
        let heard = hub.heard(listens);
        assert_eq!(heard.len(), players.len());
        assert!(heard.iter().all(|it| it["event"] == "player_disconnected"));
    }
}

#[test]
fn rooms_that_are_taken_up_are_forgotten_in_the_order_in_which_they_became_empty() {
    let mut hub = Hub::new(Habits::taking(&[SYNC.0]), |bounds| {
        bounds.app_mut(AppId::Rooms).records_max = 6;
    });
    let makers: Vec<Player> = (0..6).map(|_| create(&mut hub)).collect();
    let clients: Vec<Client> = makers.iter().map(|it| enter(&mut hub, it, "")).collect();
    hub.stage.wait(SYNC + SYNC);
    let order = [3, 0, 5, 1, 4, 2];
    for number in order {
        hub.stage.sim().reset(clients[number]);
        hub.stage.wait(Millis::seconds(5));
    }
    hub.restart();
    hub.stage.wait(Millis::seconds(61 * 60));
    for (forgotten, number) in order.into_iter().enumerate() {
        create(&mut hub);
        let messages = |maker: &Player| format!("{}/messages", room_of(maker));
        let statuses = order.map(|number| hub.get(&messages(&makers[number])).status);
        let gone = statuses.iter().filter(|it| **it == 404).count();
        assert_eq!(gone, forgotten + 1, "{statuses:?}");
        assert_eq!(hub.get(&messages(&makers[number])).status, 404);
    }
}

#[test]
fn a_disk_that_does_not_answer_is_told_of_and_nothing_more_is_taken() {
    let mut hub = hub();
    let ([_, bob], clients) = two(&mut hub);
    hub.behave(|habits| habits.sync = &[9000]);
    let waits = hub.ask("POST", ROOMS, r#"{"display_name":"Eve"}"#);
    say(&mut hub, clients[0], "slow");
    hub.stage.wait(Millis(5900));
    assert_eq!(hub.get("/readyz").status, 200);
    hub.stage.wait(Millis(200));
    let ready = hub.get("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("storage"), "{}", ready.body);
    let late = hub.ask("POST", ROOMS, r#"{"display_name":"Zoe"}"#);
    let answer = hub.stage.answer(late);
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains(r#""storage""#), "{}", answer.body);
    assert_eq!(refused(&mut hub, &bob), 1013);
    hub.behave(|habits| habits.sync = &[SYNC.0]);
    hub.stage.wait(Millis(3100));
    assert_eq!(hub.stage.statuses(waits), [201]);
    assert_eq!(hub.get("/readyz").status, 200);
    for client in clients {
        assert_eq!(chats(&hub.heard(client)).len(), 1);
    }
    create(&mut hub);
}

#[test]
fn a_hub_that_is_stopped_while_it_starts_refuses_who_waits_and_loses_nothing() {
    let mut hub = hub();
    hub.stage.publish(1, 0);
    let told = |hub: &mut Hub| {
        let client = hub.stage.client(frames::upgrade("/ws?since=now"));
        hub.stage.sim().receive(client, usize::MAX)
    };
    let before = told(&mut hub);
    let position = position_in(&before);
    assert!(position.ends_with("-1"), "{position}");
    hub.stage.shut_down();
    hub.stage.wait(Millis::seconds(30));
    assert!(hub.stage.exited);
    hub.behave(|habits| habits.sync = &[1000]);
    hub.succeed();
    let held = hub.ask("GET", "/api/v1/tasks", "");
    hub.stage.wait(Millis(100));
    assert_eq!(hub.stage.sim().unread(held), 0);
    hub.stage.shut_down();
    hub.stage.settle();
    assert_eq!(hub.stage.statuses(held), [503]);
    hub.stage.wait(Millis::seconds(30));
    assert!(hub.stage.exited);
    hub.succeed();
    hub.start();
    assert_eq!(position_in(&told(&mut hub)), position);
}

/// The position in what a listener is told first.
fn position_in(bytes: &[u8]) -> String {
    let head = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let first = frames::read(&bytes[head + 4..], 0).unwrap().unwrap();
    let told: Value = serde_json::from_slice(&first.payload).unwrap();
    told["position"].as_str().unwrap().to_owned()
}
