//! Descriptors: they run out, they come back, and a reserve of them keeps health answers possible.

use crate::http::{Http, UPGRADE};
use crate::server::Server;

#[test]
fn the_default_limit_leaves_descriptors_for_health_answers() {
    let server = Server::with_descriptors(100, "");
    let members: Vec<_> = (0..36).map(|_| server.raw("/ws")).collect();
    assert_eq!(server.ask("GET", "/ws", UPGRADE, "").status, 503);
    assert_eq!(
        (server.get("/healthz").status, server.get("/readyz").status),
        (200, 503)
    );
    drop(members);
    server.until("it is ready again", |server| {
        server.get("/readyz").status == 200
    });
}

#[test]
fn without_a_free_descriptor_newcomers_are_turned_away_and_nobody_else() {
    let server = Server::with_descriptors(64, "");
    let mut member = server.raw("/ws");
    let mut crowd: Vec<Http> = (0..100).map(|_| server.http()).collect();
    assert!(crowd.last_mut().unwrap().is_over());
    member.send(crate::http::frame(0x89, "still there?"));
    while member.frame().first != 0x8a {}
    drop(crowd);
    server.until("there is room again", |server| {
        let mut http = server.http();
        !http
            .send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .rest()
            .is_empty()
    });
    assert!(server.metric("roomcast_accepts_total{result=\"exhausted\"}") >= 30.0);
}
