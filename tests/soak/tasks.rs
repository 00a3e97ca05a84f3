//! `tasks`: two listen to one repository, one of them to all others too; tasks are made, changed and deleted; another
//! subscribes and unsubscribes all the time.

use serde_json::json;

use crate::member::{Caller, Member};
use crate::tally::{App, Tally};
use crate::world::{Shared, Workers, World, pause};

const PATH: &str = "/api/v1/tasks/ws?version=1.0";
const CALL: &str = "/api/v1/tasks";

/// Those who hear what is published to the common repositories; the first of them hears all others, too.
const LISTENERS: u64 = 2;

pub fn listeners(world: &World) -> Workers {
    let names = ["[\"*\"]", "[\"soak\",\"end\"]"];
    names
        .map(|names| world.listener(move |shared, tally| listen(shared, tally, names)))
        .into()
}

pub fn publishers(world: &World) -> Workers {
    vec![world.worker(change), world.worker(join_and_leave)]
}

pub fn end(caller: &mut Caller, tally: &mut Tally) {
    make(caller, tally, "end", LISTENERS);
}

/// Makes a task, which so many hear of; its path.
fn make(caller: &mut Caller, tally: &mut Tally, repository: &str, listeners: u64) -> String {
    let body = json!({"repository": repository, "title": "a task"}).to_string();
    let task = caller.get(tally, "POST", CALL, &body);
    tell(tally, listeners);
    format!("{CALL}/{}", task["id"].as_str().unwrap())
}

fn tell(tally: &mut Tally, listeners: u64) {
    tally.of(App::Tasks).published += 1;
    tally.of(App::Tasks).expected += listeners;
}

fn listen(shared: &Shared, tally: &mut Tally, names: &str) {
    let mut member = Member::open(shared.address, App::Tasks, PATH, tally);
    ask(
        &mut member,
        tally,
        &format!(r#"{{"type":"subscribe","data":{{"repositories":{names}}}}}"#),
        "subscribed",
    );
    shared.here_i_am();
    let mut before = "task.deleted".to_owned();
    loop {
        let text = member.text(tally);
        let kind = text["type"].as_str().unwrap();
        match text["data"]["repository"].as_str() {
            Some("end") => break,
            Some("soak") => {
                let follows = match before.as_str() {
                    "task.created" => "task.updated",
                    "task.updated" => "task.deleted",
                    _ => "task.created",
                };
                assert!(
                    kind == follows || tally.messages(App::Tasks).told > 0,
                    "{kind} after {before}"
                );
                kind.clone_into(&mut before);
            }
            _ => {}
        }
    }
    member.leave(tally);
}

fn change(shared: &Shared, tally: &mut Tally) {
    let mut caller = Caller::new(shared.address);
    while shared.goes_on() {
        let task = make(&mut caller, tally, "soak", LISTENERS);
        caller.get(tally, "PATCH", &task, r#"{"status":"completed"}"#);
        tell(tally, LISTENERS);
        caller.get(tally, "GET", "/api/v1/tasks?repository=soak&limit=10", "");
        caller.get(tally, "DELETE", &task, "");
        tell(tally, LISTENERS);
        pause(10);
    }
}

/// Says something that is answered with this.
fn ask(member: &mut Member, tally: &mut Tally, question: &str, answer: &str) {
    member.say(question);
    tally.of(App::Tasks).expected += 1;
    // The app's own pings may come in between.
    while member.text(tally)["type"] == "ping" && answer != "ping" {}
}

/// Hears of its own tasks while it is subscribed, and of none while it is not.
fn join_and_leave(shared: &Shared, tally: &mut Tally) {
    let mut caller = Caller::new(shared.address);
    while shared.goes_on() {
        let mut member = Member::open(shared.address, App::Tasks, PATH, tally);
        for _ in 0..20 {
            ask(
                &mut member,
                tally,
                r#"{"type":"subscribe","data":{"repositories":["mine"]}}"#,
                "subscribed",
            );
            // It and the one who listens to everything.
            let task = make(&mut caller, tally, "mine", 2);
            while member.text(tally)["type"] != "task.created" {}
            ask(
                &mut member,
                tally,
                r#"{"type":"unsubscribe"}"#,
                "subscribed",
            );
            caller.get(tally, "DELETE", &task, "");
            tell(tally, 1);
            ask(&mut member, tally, r#"{"type":"ping"}"#, "pong");
            ask(&mut member, tally, "no JSON", "error");
        }
        member.leave(tally);
    }
}
