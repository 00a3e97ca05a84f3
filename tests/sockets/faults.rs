//! Every HTTP error: its status, its shape and the headers that go with it.

use crate::harness::http::{Answer, UPGRADE, request};
use crate::harness::server::Server;

#[track_caller]
fn assert_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.error(), (status, code), "{}", answer.text());
}

fn post(server: &Server, headers: &str, body: &str) -> Answer {
    server.ask("POST", "/api/v1/events", headers, body)
}

const EVENT: &str = r#"{"type":"chat:said","payload":{}}"#;

#[test]
fn an_unknown_path_is_404() {
    let server = Server::start("");
    for path in [
        "/nothing",
        "/healthz/",
        "//healthz",
        "/healthz/x",
        "/%2Fhealthz",
        "/api/v1%2Fevents",
        "/HEALTHZ",
        "/%ff",
    ] {
        assert_error(&server.get(path), 404, "not_found");
    }
    assert_error(&server.ask("POST", "/nothing", "", "{}"), 404, "not_found");
}

#[test]
fn another_method_is_405_and_names_those_that_are() {
    let server = Server::start("");
    let answer = server.ask("POST", "/healthz", "", "");
    assert_error(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
    let answer = server.get("/api/v1/events");
    assert_error(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
    assert_error(
        &server.ask("BREW", "/healthz", "", ""),
        405,
        "method_not_allowed",
    );
    assert_error(
        &server.ask("get", "/healthz", "", ""),
        405,
        "method_not_allowed",
    );
    assert_error(
        &server.ask("DELETE", "/ws", "", ""),
        405,
        "method_not_allowed",
    );
}

#[test]
fn a_body_that_says_it_is_not_json_is_415() {
    let server = Server::start("");
    assert_error(
        &post(&server, "Content-Type: text/plain\r\n", EVENT),
        415,
        "unsupported_media_type",
    );
    assert_error(
        &post(&server, "Content-Type: application/xml\r\n", EVENT),
        415,
        "unsupported_media_type",
    );
    for fits in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/cloudevents+json",
    ] {
        assert_eq!(
            post(&server, &format!("Content-Type: {fits}\r\n"), EVENT).status,
            202,
            "{fits}"
        );
    }
    assert_eq!(post(&server, "", EVENT).status, 202);
}

#[track_caller]
fn assert_upgrade_required(answer: &Answer) {
    assert_error(answer, 426, "upgrade_required");
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(answer.header("sec-websocket-version"), Some("13"));
    assert!(
        answer
            .header("connection")
            .unwrap()
            .to_lowercase()
            .contains("upgrade")
    );
}

#[test]
fn a_plain_get_on_an_upgrade_path_is_426() {
    assert_upgrade_required(&Server::start("").get("/ws"));
}

#[test]
fn a_full_server_is_503_and_says_when_to_come_back() {
    let server = Server::start("--max-connections 2");
    let (_first, second) = (server.join(), server.join());
    let answer = server.ask("GET", "/ws", UPGRADE, "");
    assert_error(&answer, 503, "full");
    assert!(
        answer
            .header("retry-after")
            .unwrap()
            .parse::<u32>()
            .unwrap()
            > 0
    );
    second.leave();
    server.join();
}

#[test]
fn an_app_may_be_full_alone() {
    let server = Server::start("--echo --set events.max_connections=1");
    let _first = server.join();
    assert_error(&server.ask("GET", "/ws", UPGRADE, ""), 503, "full");
    server.raw("/echo");
}

#[test]
fn clients_that_come_at_once_do_not_slip_past_the_limit() {
    let server = Server::start("--max-connections 2");
    let mut clients: Vec<_> = server.while_stopped(|| {
        let knock = |_| {
            let mut client = server.http();
            client.send(request("GET", "/ws", UPGRADE, ""));
            client
        };
        (0..20).map(knock).collect()
    });
    let admitted = clients
        .iter_mut()
        .filter_map(|client| (client.answer().status == 101).then_some(()));
    assert_eq!(admitted.count(), 2);
}

#[test]
fn one_address_may_be_limited_by_the_minute() {
    let server = Server::start("--set events.connections_per_minute=3");
    (0..3).for_each(|_| drop(server.join()));
    let answer = server.ask("GET", "/ws", UPGRADE, "");
    assert_eq!(answer.status, 429);
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&seconds));
}
