//! `rooms`: games with a chat. Two players stay and talk at every tick of the game's back-end; a third comes back all the
//! time, by a new connection that replaces its older one for every second time.

use serde_json::{Value, json};

use crate::member::{Caller, Member};
use crate::tally::{App, Tally};
use crate::world::{Shared, Workers, World, pause};

const ROOMS: usize = 2;
const END: &str = "soak_end";

/// Opens the rooms, and seats those who stay.
pub fn players(world: &World) -> Workers {
    let mut workers = Workers::new();
    let mut tally = Tally::default();
    let mut caller = Caller::new(world.server.address());
    for _ in 0..ROOMS {
        let room = caller.get(
            &mut tally,
            "POST",
            "/api/rooms",
            r#"{"display_name":"host"}"#,
        );
        let code = room["code"].as_str().unwrap().to_owned();
        let join = format!("/api/rooms/{code}/join");
        let host = path(&code, &room);
        let guest = path(
            &code,
            &caller.get(&mut tally, "POST", &join, r#"{"display_name":"guest"}"#),
        );
        let third = path(
            &code,
            &caller.get(&mut tally, "POST", &join, r#"{"display_name":"third"}"#),
        );
        workers.push(world.listener(move |shared, tally| stay(shared, tally, &host, "chat")));
        workers.push(world.listener(move |shared, tally| stay(shared, tally, &guest, "vote")));
        world.add_room(code, third);
    }
    workers.push(world.worker(move |_, sum| sum.add(tally)));
    workers
}

fn path(code: &str, player: &Value) -> String {
    let field = |name: &str| player[name].as_str().unwrap().to_owned();
    format!(
        "/ws/rooms/{code}?player_id={}&token={}",
        field("player_id"),
        field("token")
    )
}

pub fn publishers(world: &World) -> Workers {
    let mut workers = Workers::new();
    for (code, third) in world.rooms() {
        workers.push(world.worker(move |shared, tally| tick(shared, tally, &code)));
        workers.push(world.worker(move |shared, tally| come_back(shared, tally, &third)));
    }
    workers
}

pub fn end(caller: &mut Caller, tally: &mut Tally, codes: impl Iterator<Item = String>) {
    for code in codes {
        post(caller, tally, &code, END, 0);
    }
}

fn post(caller: &mut Caller, tally: &mut Tally, code: &str, event: &str, n: u64) {
    let body = json!({"event": event, "payload": {"n": n}}).to_string();
    caller.get(tally, "POST", &format!("/api/rooms/{code}/events"), &body);
    tally.of(App::Rooms).published += 1;
}

fn tick(shared: &Shared, tally: &mut Tally, code: &str) {
    let mut caller = Caller::new(shared.address);
    for n in 1.. {
        if !shared.goes_on() {
            return;
        }
        post(&mut caller, tally, code, "tick", n);
        if n % 20 == 0 {
            caller.ask(tally, "GET", &format!("/api/rooms/{code}/messages"), "");
        }
        pause(200);
    }
}

/// The next thing that is said in the room; everybody in it should hear it, and this one does.
fn hear(member: &mut Member, tally: &mut Tally) -> Value {
    let text = member.text(tally);
    let is_notice = text["event"] == "lagged";
    tally.of(App::Rooms).expected += u64::from(!is_notice);
    text
}

/// Talks at every tick, and hears every tick and every word of the other one in its turn.
fn stay(shared: &Shared, tally: &mut Tally, path: &str, kind: &str) {
    let mut member = Member::open(shared.address, App::Rooms, path, tally);
    assert_eq!(hear(&mut member, tally)["event"], "room");
    shared.here_i_am();
    let mut next = [1, 1, 1];
    loop {
        let text = hear(&mut member, tally);
        let (what, number) = match text["event"].as_str().unwrap() {
            END => break,
            "tick" => (0, &text["payload"]["n"]),
            "vote" => (1, &text["payload"]["n"]),
            "chat" if text["payload"]["display_name"] == "host" => (2, &text["payload"]["message"]),
            _ => continue,
        };
        let number = number
            .as_u64()
            .or_else(|| number.as_str()?.parse().ok())
            .unwrap();
        assert_eq!(number, next[what], "{text}");
        next[what] += 1;
        if what == 0 {
            let payload = match kind {
                "chat" => json!({"message": number.to_string()}),
                _ => json!({"n": number}),
            };
            member.say(&json!({"type": kind, "payload": payload}).to_string());
            tally.of(App::Rooms).published += 1;
        }
    }
    leave(member, tally);
}

fn come_back(shared: &Shared, tally: &mut Tally, path: &str) {
    for n in 0_u64.. {
        if !shared.goes_on() {
            return;
        }
        let mut member = Member::open(shared.address, App::Rooms, path, tally);
        assert_eq!(hear(&mut member, tally)["event"], "room");
        let words = [
            (
                "chat",
                json!({"message": format!("back for the {n}th time")}),
                "chat",
            ),
            ("system", json!({}), "unsupported_type"),
        ];
        for (kind, payload, answer) in words {
            let correlation = format!("{kind} {n}");
            let word = json!({"type": kind, "correlation_id": correlation, "payload": payload});
            member.say(&word.to_string());
            tally.of(App::Rooms).published += u64::from(kind == "chat");
            loop {
                let text = hear(&mut member, tally);
                if text["correlation_id"] == correlation {
                    assert_eq!(text["event"], answer, "{text}");
                    break;
                }
            }
        }
        if n % 2 == 0 {
            leave(member, tally);
        } else {
            let mut newer = Member::open(shared.address, App::Rooms, path, tally);
            assert_eq!(hear(&mut newer, tally)["event"], "room");
            counted(tally, |tally| member.closed(4409, tally));
            leave(newer, tally);
        }
        pause(250);
    }
}

fn leave(member: Member, tally: &mut Tally) {
    counted(tally, |tally| member.leave(tally));
}

/// What is read on the way out was meant for it, too.
fn counted(tally: &mut Tally, does: impl FnOnce(&mut Tally)) {
    let before = tally.messages(App::Rooms).received;
    does(tally);
    let read = tally.messages(App::Rooms).received - before;
    tally.of(App::Rooms).expected += read;
}
