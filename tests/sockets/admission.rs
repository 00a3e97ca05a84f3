//! A server that has enough to do, over real sockets: new WebSockets are refused or wait, and nobody inside notices.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::http::{UPGRADE, frame, request};
use crate::harness::server::Server;

#[test]
fn a_memory_budget_nearly_spent_refuses_upgrades_until_there_is_room() {
    let server = Server::start("--memory-budget 1MiB");
    let mut member = server.join();
    // Each holds a fragment of a message that goes on, in room for twice as much at most: 5 % of the budget. So however
    // the bytes arrive, one of them comes to rest between the nine tenths that are scarce and the whole.
    let fragment = [frame(0x01, "x".repeat(25_000)), frame(0x89, "")].concat();
    let mut hogs = Vec::new();
    while server.get("/readyz").json() != json!({"status": "memory", "reasons": ["memory"]}) {
        let mut hog = server.raw("/ws");
        assert_eq!(hog.frame().first, 0x81, "the welcome");
        hog.send(&fragment);
        assert_eq!(hog.frame().first, 0x8a, "all before the ping has come");
        hogs.push(hog);
        assert!(hogs.len() < 40, "40 of them hold 95 % at least");
    }
    let answer = server.ask("GET", "/ws", UPGRADE, "");
    assert_eq!(answer.error(), (503, "memory"));
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((2..=10).contains(&seconds), "{seconds}");
    let answer = server.publish("chat:said", &json!({"n": 1}));
    assert_eq!(
        (answer.status, &answer.json()["receivers"]),
        (202, &json!(hogs.len() + 1))
    );
    assert_eq!(member.event(), ("chat:said".to_owned(), json!({"n": 1})));
    for hog in &mut hogs {
        hog.send(frame(0x80, ""));
    }
    server.until("there is room", |server| {
        server.get("/readyz").status == 200
    });
    server.join();
    let log = server.log();
    for line in ["budget is nearly spent", "room in the memory budget"] {
        assert_eq!(log.matches(line).count(), 1, "{log}");
    }
}

#[test]
fn connections_over_the_accept_rate_wait_and_are_served() {
    const CROWD: u32 = 31;
    const A_SECOND: u32 = 50;
    let server = Server::start(&format!("--accept-rate {A_SECOND}"));
    let mut member = server.join();
    let began = Instant::now();
    // All of them are there when the server looks.
    let mut crowd: Vec<_> = server.while_stopped(|| {
        let ask = |_| {
            let mut client = server.http();
            client.send(request("GET", "/healthz", "", ""));
            client
        };
        (0..CROWD).map(ask).collect()
    });
    for client in &mut crowd {
        assert_eq!(client.answer().status, 200);
    }
    // Two may come in at once; for each of the others a token must have become due.
    let least = Duration::from_secs(1) * (CROWD - 2) / A_SECOND;
    assert!(began.elapsed() >= least, "{:?}", began.elapsed());
    let event = json!({"type": "chat:said", "payload": {}}).to_string();
    let answer = crowd[0].ask("POST", "/api/v1/events", "", &event);
    assert_eq!(answer.status, 202);
    assert_eq!(member.event().0, "chat:said");
    assert!(server.metric("roomcast_accept_waits_total") >= 1.0);
    let log = server.log();
    let warnings = log.matches("than the accept rate takes in").count();
    let seconds = began.elapsed().as_secs() as usize + 1;
    assert!((1..=seconds).contains(&warnings), "{warnings}: {log}");
}
