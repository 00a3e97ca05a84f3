//! The operator's own: health, metrics, the echo and the pages.

use roomcast::web::{ASSETS, MOVED};
use serde_json::json;
use tungstenite::Message;

use crate::harness::http::{UPGRADE, frame};
use crate::harness::server::Server;

#[test]
fn health_is_ok() {
    let answer = Server::start("").get("/healthz");
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"status": "ok"}))
    );
}

#[test]
fn an_idle_server_is_ready() {
    let answer = Server::start("").get("/readyz");
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"status": "ready"}))
    );
}

#[test]
fn a_full_server_is_healthy_and_not_ready() {
    let server = Server::start("--max-connections 1");
    let _member = server.join();
    let answer = server.get("/readyz");
    assert_eq!(
        (answer.status, answer.json()),
        (503, json!({"status": "full", "reasons": ["full"]}))
    );
    assert!(answer.header("retry-after").is_some());
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn metrics_are_prometheus_text_with_every_public_name() {
    let server = Server::start("");
    let _member = server.join();
    let answer = server.get("/metrics");
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let text = answer.text();
    for name in [
        "roomcast_connections{app=\"events\"} 1",
        "roomcast_rooms{app=\"events\"} 1",
        "roomcast_accepts_total{result=\"accepted\"} 2",
        "roomcast_closes_total{",
        "roomcast_messages_received_total{",
        "roomcast_messages_published_total{",
        "roomcast_messages_delivered_total{app=\"events\"} 1",
        "roomcast_messages_dropped_total{",
        "roomcast_queue_bytes ",
        "roomcast_queue_messages ",
        "roomcast_memory_budget_bytes 268435456",
        "roomcast_http_requests_total{route=\"/ws\",status=\"101\"} 1",
        "roomcast_loop_turn_seconds_count",
        "roomcast_publish_to_write_seconds_count 1",
        "process_",
        "explorer_websocket_connections 0",
        "explorer_websocket_messages_sent{type=\"newBlock\"} 0",
        "# TYPE explorer_websocket_errors counter",
        "explorer_websocket_broadcast_latency_seconds_count",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(name)),
            "{name} is missing from {text}"
        );
    }
}

#[test]
fn metrics_count_what_happened_to_events() {
    let server = Server::start("");
    let mut clients = [server.join(), server.join()];
    server.publish("chat:said", &json!({}));
    clients
        .iter_mut()
        .for_each(|client| assert_eq!(client.event().0, "chat:said"));
    assert_eq!(
        server.metric("roomcast_messages_published_total{app=\"events\"}"),
        1.0
    );
    assert_eq!(
        server.metric("roomcast_messages_delivered_total{app=\"events\"}"),
        4.0
    );
    let [first, second] = clients;
    assert_eq!((first.leave(), second.leave()), (1005, 1005));
    assert_eq!(
        server.metric("roomcast_closes_total{app=\"events\",code=\"1005\"}"),
        2.0
    );
    assert_eq!(server.metric("roomcast_connections{app=\"events\"}"), 0.0);
    assert_eq!(server.metric("roomcast_rooms{app=\"events\"}"), 0.0);
}

#[test]
fn a_head_is_answered_like_a_get_without_its_body() {
    let server = Server::start("");
    for path in ["/healthz", "/readyz", "/", "/nothing", "/ws"] {
        let get = server.get(path);
        let mut http = server.http();
        let head = http.ask("HEAD", path, "Connection: close\r\n", "");
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(
            head.header("content-length"),
            get.header("content-length"),
            "{path}"
        );
        assert_eq!(http.rest(), b"", "{path}");
    }
}

#[test]
fn an_echo_returns_every_message_as_it_was() {
    let server = Server::start("--echo");
    let mut client = server.connect("/echo");
    for message in [
        Message::text("hello"),
        Message::text(""),
        Message::text("ü\u{1f600}\0"),
        Message::binary(vec![0, 159, 146, 150]),
        Message::binary(vec![]),
        Message::binary(vec![7; 70_000]),
        Message::text("x".repeat(500_000)),
    ] {
        client.send(message.clone());
        assert_eq!(client.message(), message);
    }
}

#[test]
fn an_echo_keeps_the_order_of_messages_sent_in_one_write() {
    let server = Server::start("--echo");
    let mut raw = server.raw("/echo");
    let all: Vec<u8> = (0..500u16)
        .flat_map(|number| frame(0x82, number.to_be_bytes()))
        .collect();
    raw.send(all);
    assert!((0..500u16).all(|number| raw.frame().payload == number.to_be_bytes()));
}

#[test]
fn without_the_flag_there_is_no_echo() {
    let server = Server::start("");
    assert_eq!(
        server.ask("GET", "/echo", UPGRADE, "").error(),
        (404, "not_found")
    );
}

#[test]
fn the_page_is_html() {
    let answer = Server::start("").get("/");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(!answer.body.is_empty());
}

#[test]
fn every_file_is_served_as_it_is_to_nobody_who_frames_or_guesses() {
    let server = Server::start("");
    for asset in ASSETS {
        let answer = server.get(asset.path);
        assert_eq!(answer.status, 200, "{}", asset.path);
        assert_eq!(answer.text(), asset.body);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        for (name, value) in [
            ("content-type", asset.content_type),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-cache"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{} {name}", asset.path);
        }
    }
}

#[test]
fn a_page_without_its_last_slash_leads_to_the_page_under_any_prefix() {
    let server = Server::start("");
    for (path, to) in MOVED {
        let answer = server.get(path);
        assert_eq!(answer.status, 308, "{path}");
        assert_eq!(answer.header("location"), Some(*to), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
        assert!(path.ends_with(to.trim_end_matches('/')) && !to.starts_with('/'));
        assert_eq!(server.get(&format!("{path}/")).status, 200, "{path}");
    }
}

#[test]
fn a_browser_that_has_a_file_is_told_so_and_no_more() {
    let server = Server::start("");
    let ask = |path: &str, tags: &str| {
        let headers = format!("If-None-Match: {tags}\r\n");
        server.ask("GET", path, &headers, "")
    };
    for asset in ASSETS {
        let tag = server.get(asset.path).header("etag").unwrap().to_owned();
        assert_eq!(tag, asset.tag());
        let old = "\"0123456789abcdef\"";
        for has in [
            tag.clone(),
            format!("W/{tag}"),
            format!("{old}, {tag}"),
            "*".into(),
        ] {
            let answer = ask(asset.path, &has);
            assert_eq!(answer.status, 304, "{} {has}", asset.path);
            assert_eq!(answer.header("etag"), Some(tag.as_str()));
            assert_eq!(answer.header("content-length"), None);
        }
        for has_not in [old, tag.trim_matches('"')] {
            assert_eq!(ask(asset.path, has_not).status, 200, "{has_not}");
        }
    }
}

#[test]
fn a_file_that_has_not_changed_leaves_the_connection_for_more() {
    let server = Server::start("");
    let tag = server.get("/style.css").header("etag").unwrap().to_owned();
    let mut http = server.http();
    let headers = format!("If-None-Match: {tag}\r\n");
    assert_eq!(http.ask("GET", "/style.css", &headers, "").status, 304);
    assert_eq!(http.ask("HEAD", "/style.css", &headers, "").status, 304);
    assert_eq!(http.ask("GET", "/healthz", "", "").status, 200);
}

#[test]
fn a_file_is_only_read() {
    let answer = Server::start("").ask("POST", "/style.css", "", "");
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("GET, HEAD, OPTIONS"))
    );
}

#[test]
fn without_pages_there_is_nothing_at_the_root() {
    let server = Server::start("--no-pages");
    for asset in ASSETS {
        assert_eq!(server.get(asset.path).status, 404, "{}", asset.path);
    }
    assert_eq!(server.get("/healthz").status, 200);
}
