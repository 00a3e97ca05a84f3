//! The disk is full, and well again: what changes is refused meanwhile, and nothing else is.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::patience::PATIENT;
use crate::harness::process::{KEEPS_NOTHING, ROOMCAST};
use crate::harness::server::{Server, patient};
use crate::harness::stream::Stream;
use crate::place::{Place, ask_for, create, enter, hear, join, kill, make, messages, say, task};

/// How long after there is space again all is well at the latest.
const WELL_WITHIN: Duration = Duration::from_secs(15);

/// Waits until a hub is well again, from now on.
fn gets_well(hub: &Server) {
    let began = Instant::now();
    hub.until("it is well", |hub| hub.get("/readyz").status == 200);
    assert!(began.elapsed() < WELL_WITHIN, "after {:?}", began.elapsed());
}

/// A hub whose files can be held to a size; who is told by a signal that one is too long dies of it, unless its parent ignored that.
fn held_to_a_size(place: &Place) -> Server {
    let hub = patient(&place.flags(""));
    let mut command = Command::new("bash");
    command
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", ROOMCAST])
        .args(hub.get_args());
    command
        .env_clear()
        .envs(PATIENT)
        .envs([KEEPS_NOTHING])
        .env("RUST_LOG", "debug");
    let hub = Server::over(command);
    hub.until("it serves", |hub| hub.get("/readyz").status == 200);
    hub
}

/// From now on no file of a hub's may become longer than this.
fn hold(hub: &Server, bytes: u64) {
    let pid = hub.id() as i32;
    let mut old = (0, 0);
    rlimit::prlimit(
        pid,
        rlimit::Resource::FSIZE,
        None,
        Some((&mut old.0, &mut old.1)),
    )
    .unwrap();
    let limits = (bytes.min(old.1), old.1);
    rlimit::prlimit(pid, rlimit::Resource::FSIZE, Some(limits), None).unwrap();
}

#[test]
fn what_changes_is_refused_and_what_is_read_and_live_goes_on() {
    let place = Place::new();
    let hub = held_to_a_size(&place);
    let before = create(&hub, "before");
    let ann = make(&hub, "Ann");
    let bob = join(&hub, &ann, "Bob");
    let (mut at_ann, _) = enter(&hub, &ann, "");
    let (mut at_bob, _) = enter(&hub, &bob, "");
    hear(&mut at_ann);
    let mut tasks = Stream::open(hub.address(), "/api/v1/tasks/ws?version=1.0", None);
    tasks.next();
    let mut events = hub.join();
    hold(&hub, 4096);

    let refused = ask_for(&hub, "refused");
    assert_eq!(refused.error(), (503, "storage"));
    assert!(refused.header("retry-after").is_some());
    for (method, path, body) in [
        ("POST", "/api/v1/sessions".to_owned(), "{}"),
        ("POST", "/api/rooms".to_owned(), r#"{"display_name":"Cid"}"#),
        (
            "POST",
            format!("/api/rooms/{}/events", ann.code),
            r#"{"event":"said","payload":{}}"#,
        ),
        (
            "DELETE",
            format!("/api/v1/tasks/{}", before["id"].as_str().unwrap()),
            "",
        ),
    ] {
        assert_eq!(
            hub.ask(method, &path, "", body).error(),
            (503, "storage"),
            "{path}"
        );
    }
    say(&mut at_ann, "refused");
    let error = hear(&mut at_ann);
    let expected = (&json!("error"), &json!("storage"), &json!("1"));
    assert_eq!(
        (&error["type"], &error["event"], &error["correlation_id"]),
        expected,
        "{error}"
    );
    hub.until("it says so", |hub| {
        let ready = hub.get("/readyz");
        ready.status == 503 && ready.json()["reasons"] == json!(["storage"])
    });
    assert_eq!(task(&hub, &before).json(), before);
    assert_eq!(messages(&hub, &ann).json(), json!({"messages": []}));
    assert_eq!(hub.publish("chat:said", &json!({"n": 1})).status, 202);
    assert_eq!(events.event().1, json!({"n": 1}));
    // Who has nothing to be refused notices nothing.
    at_bob.settle();

    hold(&hub, u64::MAX);
    gets_well(&hub);
    let after = create(&hub, "after");
    assert_eq!(tasks.next().1["data"]["task"], after);
    say(&mut at_ann, "after");
    assert_eq!(hear(&mut at_bob)["payload"]["message"], "after");
    hear(&mut at_ann);
    kill(hub);
    let hub = place.serve("");
    let listed = hub.get("/api/v1/tasks").json();
    assert_eq!(listed["tasks"], json!([before, after]));
    let said: Value = messages(&hub, &bob).json();
    assert_eq!(said["messages"].as_array().unwrap().len(), 1, "{said}");
}

#[test]
fn a_player_who_cannot_be_let_in_is_asked_to_come_again() {
    let place = Place::new();
    let hub = held_to_a_size(&place);
    let ann = make(&hub, "Ann");
    hold(&hub, 4096);
    assert_eq!(hub.connect(&ann.path()).close_code(), 1013);
    hold(&hub, u64::MAX);
    gets_well(&hub);
    let (mut at_ann, state) = enter(&hub, &ann, "");
    assert_eq!(state["players"][0]["connected"], true);
    at_ann.settle();
}

/// A file system of a megabyte and a half, for as long as it is looked at; only who may mount has one.
struct Small(PathBuf);

impl Small {
    fn mount(place: &Place) -> Option<Small> {
        let small = Small(place.path().to_owned());
        small
            .run("mount", &["-t", "tmpfs", "-o", "size=1500k", "tmpfs"])
            .then_some(small)
    }

    fn run(&self, name: &str, arguments: &[&str]) -> bool {
        let status = Command::new(name).args(arguments).arg(&self.0).status();
        status.is_ok_and(|status| status.success())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        self.run("umount", &["--lazy"]);
    }
}

#[test]
fn a_file_system_that_is_full_fails_what_does_not_fit_and_keeps_the_rest() {
    let place = Place::new();
    let Some(small) = Small::mount(&place) else {
        println!("nothing can be mounted here: only the file that cannot become longer was tried");
        return;
    };
    let hub = place.serve("");
    let long = |n: usize| json!({"repository": "a", "title": n.to_string(), "description": "x".repeat(20_000)});
    let (mut kept, mut refused) = (Vec::new(), 0);
    while refused == 0 {
        let answer = hub.ask("POST", "/api/v1/tasks", "", &long(kept.len()).to_string());
        match answer.status {
            201 => kept.push(answer.json()),
            _ => {
                assert_eq!(answer.error(), (503, "storage"));
                refused += 1;
            }
        }
        assert!(kept.len() < 1000, "the disk does not become full");
    }
    let listed = hub.get("/api/v1/tasks?limit=1000").json();
    assert_eq!(listed["tasks"].as_array(), Some(&kept));
    assert!(small.run("mount", &["-o", "remount,size=50m"]));
    gets_well(&hub);
    kept.push(create(&hub, "after"));
    kill(hub);
    let hub = place.serve("");
    let listed = hub.get("/api/v1/tasks?limit=1000").json();
    assert_eq!(listed["tasks"].as_array(), Some(&kept));
    drop(hub);
    assert!(fs::metadata(place.data()).is_ok());
}
