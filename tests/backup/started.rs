//! What is in a copy, and what a hub makes of it that starts from it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::http::Http;
use crate::harness::positions::Position;
use crate::harness::server::Server;
use crate::hub::{BACKUP, Hub, KEY, rows_of};

const TASKS: &str = "/api/v1/tasks";

/// A member of the tasks app that is told how it stands since then.
fn resumed(hub: &Hub, since: &Position) -> (Value, Position) {
    let path = "/api/v1/tasks/ws?version=1.0&api_key=k";
    let mut client = hub.server.connect(path);
    let data = json!({"repositories": ["r"], "since": since.to_string()});
    client.send(json!({"type": "subscribe", "data": data}).to_string());
    loop {
        let (mut message, position) = client.numbered();
        if message["type"] == "subscribed" {
            return (message["data"]["resumed"].take(), position);
        }
    }
}

#[test]
fn a_copy_that_is_made_while_others_write_has_all_that_was_answered_before_and_nothing_half() {
    let hub = Hub::start("");
    let address = hub.server.address();
    let is_over = AtomicBool::new(false);
    let copies: Vec<(Vec<String>, Vec<u8>)> = thread::scope(|scope| {
        let is_over = &is_over;
        let write = move || {
            let mut made = Vec::new();
            let mut http = Http::connect(address);
            while !is_over.load(Ordering::Relaxed) {
                let body = json!({"repository": "r", "title": "t".repeat(200)}).to_string();
                let answer = http.ask("POST", TASKS, KEY, &body);
                assert_eq!(answer.status, 201, "{}", answer.text());
                made.push(answer.json()["id"].as_str().unwrap().to_owned());
            }
            made
        };
        let writers = [(); 3].map(|()| scope.spawn(write));
        let copies = (0..5).map(|_| {
            let task = hub.made(TASKS, &json!({"repository": "r", "title": "before"}));
            let before = task["id"].as_str().unwrap().to_owned();
            (vec![before], hub.copy(""))
        });
        let copies = copies.collect();
        is_over.store(true, Ordering::Relaxed);
        for writer in writers {
            assert!(!writer.join().unwrap().is_empty(), "they write");
        }
        copies
    });
    let mut least = 0;
    for (before, copy) in copies {
        let found = rows_of(
            &copy,
            "SELECT (SELECT count(*) FROM tasks), (SELECT count(*) FROM posts WHERE log = 'tasks'),
                (SELECT max(number) FROM posts WHERE log = 'tasks'), (SELECT number FROM logs WHERE name = 'tasks')",
        );
        let [tasks, posts, newest, number] = [0, 1, 2, 3].map(|at| found[0][at].as_u64().unwrap());
        // Each task is a record and a message of its log, both or none.
        assert!(tasks >= posts && posts > 0 && newest == number, "{found}");
        assert_eq!(number, tasks, "{found}");
        assert!(tasks > least, "the copies follow each other: {found}");
        least = tasks;
        for id in before {
            let query = format!("SELECT count(*) FROM tasks WHERE id = '{id}'");
            assert_eq!(rows_of(&copy, &query), json!([[1]]), "{id}");
        }
    }
}

#[test]
fn a_hub_that_starts_from_a_copy_has_its_records_in_epochs_of_its_own() {
    let hub = Hub::start("");
    let task = hub.made(TASKS, &json!({"repository": "r", "title": "t"}));
    let session = hub.made("/api/v1/sessions", &json!({"user": "u-1"}));
    let room = hub.made("/api/rooms", &json!({"display_name": "Ada"}));
    let since = resumed(&hub, &Position::read("00000000-1")).1;
    assert_eq!(resumed(&hub, &since).0, json!({"sent": 0, "missed": 0}));
    let copy = hub.copy("");

    let other = Hub::from(&copy, "");
    let path = format!("{TASKS}/{}", task["id"].as_str().unwrap());
    assert_eq!(other.call("GET", &path, &json!(null)).json(), task);
    let id = session["session_id"].as_str().unwrap();
    let kept = other.call("GET", &format!("/api/v1/sessions/{id}"), &json!(null));
    assert_eq!(kept.json()["session_id"], session["session_id"]);
    let path = format!("/api/rooms/{}/join", room["code"].as_str().unwrap());
    let joined = other.call("POST", &path, &json!({"display_name": "Bob"}));
    assert_eq!(joined.json()["room_id"], room["room_id"]);

    let (told, position) = resumed(&other, &since);
    assert_eq!(told, json!({"sent": 0, "missed": null}));
    assert_ne!(position.epoch, since.epoch);
    // The first goes on in its own.
    assert_eq!(resumed(&hub, &since).0, json!({"sent": 0, "missed": 0}));
}

#[test]
fn tokens_are_good_at_a_hub_whose_copy_has_the_secret_and_at_no_other() {
    let hub = Hub::start("");
    let room = hub.made("/api/rooms", &json!({"display_name": "Ada"}));
    let text = |name: &str| room[name].as_str().unwrap().to_owned();
    let token = format!("Authorization: Bearer {}\r\n", text("token"));
    let id = format!("X-Player-Id: {}\r\n", text("player_id"));
    let path = format!("/api/rooms/{}/messages", text("code"));
    let asks = |hub: &Hub| {
        hub.server
            .ask("GET", &path, &format!("{token}{id}"), "")
            .status
    };
    assert_eq!(asks(&hub), 200);
    for (query, status) in [("", 401), ("?secrets=0", 401), ("?secrets=1", 200)] {
        let copy = hub.copy(query);
        let names = rows_of(&copy, "SELECT name FROM meta WHERE name = 'secret'");
        assert_eq!(names.as_array().unwrap().len(), usize::from(status == 200));
        assert_eq!(asks(&Hub::from(&copy, "")), status, "{query}");
    }
}

#[test]
fn a_copy_is_told_in_headers_and_stays_nowhere() {
    let hub = Hub::start("");
    let mut client = hub.server.http();
    for method in ["HEAD", "GET", "HEAD"] {
        let answer = client.ask(method, BACKUP, KEY, "");
        assert_eq!(answer.status, 200);
        for (name, value) in [
            ("content-type", "application/vnd.sqlite3"),
            (
                "content-disposition",
                "attachment; filename=\"roomcast-backup.db\"",
            ),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{method}");
        }
        assert_eq!(answer.header("content-length").is_some(), method == "GET");
    }
    assert_eq!(hub.folder.names(), ["roomcast.db", "roomcast.db-wal"]);
}

#[test]
fn who_may_not_have_a_copy_is_told_why() {
    let hub = Hub::start("");
    let asked = |path: &str, key: &str| hub.server.ask("GET", path, key, "");
    assert_eq!(asked(BACKUP, "").error(), (401, "unauthorized"));
    assert_eq!(
        asked(BACKUP, "X-API-Key: l\r\n").error(),
        (401, "unauthorized")
    );
    let path = format!("{BACKUP}?secrets=yes");
    asked(&path, KEY).refuses("secrets");
    asked(&format!("{BACKUP}?secret=1"), KEY).refuses("secret");
    let posted = hub.call("POST", BACKUP, &json!({}));
    assert_eq!(posted.error(), (405, "method_not_allowed"));

    let other = Server::start("--key k --data off");
    for method in ["GET", "HEAD"] {
        let answer = other.ask(method, BACKUP, KEY, "");
        assert_eq!(answer.status, 409);
        if method == "GET" {
            assert_eq!(answer.error(), (409, "conflict"));
            assert!(answer.message().contains("--data"), "{}", answer.message());
        }
    }
}

#[test]
fn a_hub_that_waits_for_its_file_has_no_copy_yet() {
    let hub = Hub::start("");
    let data = hub.folder.file("roomcast.db");
    let flags = format!("--key k --data {} --data-wait 10m", data.display());
    let next = Server::start(&flags);
    assert_eq!(next.ask("GET", BACKUP, KEY, "").error(), (503, "starting"));
}

#[test]
fn a_copy_that_cannot_be_made_is_told_and_the_next_can() {
    let hub = Hub::start("");
    // Where it would be made there is something else, which is not taken away.
    let place = hub.folder.file("roomcast.db-copy");
    std::fs::create_dir(&place).unwrap();
    let answer = hub.call("GET", BACKUP, &json!(null));
    assert_eq!(answer.error(), (503, "storage"));
    assert!(answer.header("retry-after").is_some());
    std::fs::remove_dir(&place).unwrap();
    assert!(!hub.copy("").is_empty());
    // Nothing else is wrong with what is kept.
    assert_eq!(hub.server.get("/readyz").status, 200);
}

#[test]
fn members_go_on_while_a_copy_is_made() {
    let (hub, bytes) = Hub::heavy("");
    let address = hub.server.address();
    let mut member = hub.server.join();
    let copy = thread::scope(|scope| {
        let copy = scope.spawn(move || Http::connect(address).ask("GET", BACKUP, KEY, ""));
        let event = json!({"type": "chat:said", "payload": {}});
        let answer = hub.call("POST", "/api/v1/events", &event);
        assert_eq!(answer.status, 202);
        assert_eq!(member.event().0, "chat:said");
        copy.join().unwrap()
    });
    assert_eq!(copy.status, 200);
    assert!(copy.body.len() > bytes);
}
