//! Descriptors: a reserve of them keeps health answers possible.

use crate::http::UPGRADE;
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
