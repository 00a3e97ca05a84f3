//! How connections end: by their clients in every way there is, and by a server that goes away.

use std::time::{Duration, Instant};

use serde_json::json;
use socket2::SockRef;

use crate::harness::http::UPGRADE;
use crate::harness::server::Server;

fn until_empty(server: &Server) {
    server.until("nobody is left", |server| {
        server.metric("roomcast_connections{app=\"events\"}") == 0.0
    });
}

#[test]
fn a_client_that_closes_is_answered_and_gone() {
    let server = Server::start("");
    assert_eq!(server.join().leave(), 1005);
    until_empty(&server);
}

#[test]
fn a_client_that_vanishes_is_gone() {
    let server = Server::start("");
    let clients = [server.raw("/ws"), server.raw("/ws")];
    // What a killed process leaves behind: one end with a reset, for it lingers not; one with bytes it never read.
    SockRef::from(clients[0].stream())
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    server.publish("chat:said", &json!({}));
    drop(clients);
    until_empty(&server);
    assert_eq!(
        server.metric("roomcast_closes_total{app=\"events\",code=\"1006\"}"),
        2.0
    );
    assert_eq!(
        server.publish("chat:said", &json!({})).json()["receivers"],
        0
    );
}

#[test]
fn sigterm_drains_and_exits_0() {
    let mut server = Server::start("--drain 1s");
    let mut clients: Vec<_> = (0..10).map(|_| server.join()).collect();
    server.signal("TERM");
    assert!(clients.iter_mut().all(|client| client.close_code() == 1001));
    drop(clients);
    assert_eq!(server.exit_status().code(), Some(0));
}

#[test]
fn sigint_does_the_same() {
    let mut server = Server::start("--drain 0s");
    let mut client = server.join();
    server.signal("INT");
    assert_eq!(client.close_code(), 1001);
    drop(client);
    assert_eq!(server.exit_status().code(), Some(0));
}

#[test]
fn a_server_without_clients_exits_at_once() {
    let mut server = Server::start("--drain 1h");
    server.signal("TERM");
    assert_eq!(server.exit_status().code(), Some(0));
}

#[test]
fn while_it_drains_it_is_healthy_and_takes_nothing_on() {
    let mut server = Server::start("--drain 1h");
    let _member = server.join();
    server.signal("TERM");
    server.until("it says that it drains", |server| {
        server.get("/readyz").status == 503
    });
    let ready = server.get("/readyz");
    assert_eq!(
        ready.json(),
        json!({"status": "draining", "reasons": ["draining"]})
    );
    assert_eq!(
        (server.get("/healthz").status, server.get("/metrics").status),
        (200, 200)
    );
    let upgrade = server.ask("GET", "/ws", UPGRADE, "");
    assert_eq!(
        (upgrade.status, upgrade.header("retry-after").is_some()),
        (503, true)
    );
    let publish = server.publish("chat:said", &json!({}));
    assert_eq!(
        (publish.status, publish.header("retry-after").is_some()),
        (503, true)
    );
    // A second signal exits at once: nobody here waits for an hour.
    server.signal("TERM");
    server.exit_status();
}

#[test]
fn for_the_drain_delay_it_is_unready_and_takes_everything_on() {
    let mut server = Server::start("--drain-delay 1h");
    let mut member = server.join();
    let mut kept = server.http();
    assert_eq!(
        kept.ask("GET", "/healthz", "", "").header("connection"),
        None
    );
    server.signal("TERM");
    server.until("it is unready", |server| {
        server.get("/readyz").status == 503
    });
    let last = kept.ask("GET", "/healthz", "", "");
    assert_eq!(last.header("connection"), Some("close"));
    let mut late = server.join();
    let publish = server.publish("chat:said", &json!({}));
    assert_eq!(
        (publish.status, &publish.json()["receivers"]),
        (202, &json!(2))
    );
    assert_eq!(
        (member.event().0, late.event().0),
        ("chat:said".into(), "chat:said".into())
    );
    server.signal("TERM");
    server.exit_status();
}

#[test]
fn a_drain_closes_behind_what_is_queued() {
    let mut server = Server::start("--drain 0s");
    let mut clients = [server.join(), server.join()];
    let payload = json!({"pad": "x".repeat(300_000)});
    assert!((0..3).all(|_| server.publish("chat:said", &payload).json()["receivers"] == 2));
    server.signal("TERM");
    for client in &mut clients {
        assert!((0..3).all(|_| client.event().1 == payload));
        assert_eq!(client.close_code(), 1001);
    }
    drop(clients);
    assert_eq!(server.exit_status().code(), Some(0));
}

#[test]
fn a_drain_is_spread_over_its_time_and_held_to_its_rate() {
    let mut server = Server::start("--drain 0s --drain-rate 20");
    let mut clients: Vec<_> = (0..10).map(|_| server.raw("/ws")).collect();
    let began = Instant::now();
    server.signal("TERM");
    assert!(clients.iter_mut().all(|client| client.close_code() == 1001));
    assert!(
        began.elapsed() >= Duration::from_millis(450),
        "ten at twenty a second: {:?}",
        began.elapsed()
    );
    drop(clients);
    assert_eq!(server.exit_status().code(), Some(0));
}

#[test]
fn a_client_that_never_answers_the_goodbye_does_not_keep_the_server() {
    let mut server = Server::start("--drain 0s");
    let mut stubborn = server.raw("/ws");
    server.signal("TERM");
    assert_eq!(stubborn.close_code(), 1001);
    assert_eq!(server.exit_status().code(), Some(0));
}
