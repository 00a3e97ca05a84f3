//! A crowd of real clients.

use serde_json::json;

use crate::harness::http::{Http, UPGRADE, request};
use crate::harness::server::Server;

const CLIENTS: usize = 2000;
const EVENTS: usize = 50;

#[test]
fn two_thousand_clients_receive_fifty_events_each_in_order() {
    let server = Server::start("");
    let mut clients: Vec<Http> = Vec::with_capacity(CLIENTS);
    // All of them ask before the first is answered, so that the server meets them as a crowd.
    clients.resize_with(CLIENTS, || server.http());
    let upgrade = request("GET", "/ws", UPGRADE, "");
    for client in &mut clients {
        client.send(&upgrade);
    }
    for client in &mut clients {
        assert_eq!(client.answer_to_head().status, 101);
        assert_eq!(client.frame().first, 0x81);
    }
    let mut http = server.http();
    for number in 0..EVENTS {
        let event = json!({"type": "chat:said", "payload": {"number": number}}).to_string();
        let answer = http.ask("POST", "/api/v1/events", "", &event);
        assert_eq!(answer.json()["receivers"], CLIENTS);
    }
    for client in &mut clients {
        for number in 0..EVENTS {
            let payload = client.frame().payload;
            let event: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(event["payload"]["number"], number);
        }
    }
    let delivered = "roomcast_messages_delivered_total{app=\"events\"}";
    assert_eq!(server.metric(delivered), (CLIENTS * (EVENTS + 1)) as f64);
    drop(clients);
    server.until("all have left", |server| {
        server.metric("roomcast_connections{app=\"events\"}") == 0.0
    });
}
