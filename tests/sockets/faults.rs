//! Every HTTP error: its status, its shape and the headers that go with it.

use crate::http::{Answer, UPGRADE, request};
use crate::server::Server;

#[track_caller]
fn assert_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        answer.error(),
        (status, code.to_owned()),
        "{}",
        answer.text()
    );
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
fn a_slow_request_is_408() {
    let server = Server::start("--header-timeout 200ms");
    let mut http = server.http();
    http.send("GET /healthz HTTP/1.1\r\nHost: loc");
    assert_error(&http.answer(), 408, "request_timeout");
    assert!(http.is_over());
}

#[test]
fn a_slow_body_is_408() {
    let server = Server::start("--header-timeout 200ms");
    let mut http = server.http();
    http.send(request(
        "POST",
        "/api/v1/events",
        "Content-Length: 100\r\n",
        "",
    ))
    .send("{");
    assert_error(&http.answer(), 408, "request_timeout");
    assert!(http.is_over());
}

#[test]
fn a_body_over_the_limit_is_413_before_it_is_sent() {
    let server = Server::start("--max-body 1000");
    let mut http = server.http();
    http.send(request(
        "POST",
        "/api/v1/events",
        "Content-Length: 1001\r\n",
        "",
    ));
    assert_error(&http.answer(), 413, "body_too_large");
    assert!(http.is_over());
}

#[test]
fn a_chunked_body_over_the_limit_is_413() {
    let server = Server::start("--max-body 1000");
    let mut http = server.http();
    http.send(request(
        "POST",
        "/api/v1/events",
        "Transfer-Encoding: chunked\r\n",
        "",
    ));
    for _ in 0..3 {
        http.send("190\r\n").send("x".repeat(400)).send("\r\n");
    }
    assert_error(&http.answer(), 413, "body_too_large");
    assert!(http.is_over());
}

#[test]
fn a_client_that_sends_on_still_reads_its_413() {
    let server = Server::start("--max-body 1000");
    let mut http = server.http();
    http.send(request(
        "POST",
        "/api/v1/events",
        "Content-Length: 3000000\r\n",
        "",
    ));
    http.send("x".repeat(3_000_000));
    assert_error(&http.answer(), 413, "body_too_large");
}

#[test]
fn a_body_just_as_long_as_the_limit_is_taken() {
    let server = Server::start("--max-body 1000");
    let body = format!("{EVENT}{}", " ".repeat(1000 - EVENT.len()));
    assert_eq!(post(&server, "", &body).status, 202);
    assert_error(
        &post(&server, "", &format!("{body} ")),
        413,
        "body_too_large",
    );
}

#[test]
fn a_request_line_over_8_kib_is_414() {
    let server = Server::start("");
    let line = |bytes: usize| {
        format!(
            "GET /{} HTTP/1.1\r\n",
            "x".repeat(bytes - "GET / HTTP/1.1\r\n".len())
        )
    };
    let ask = |line: &str| {
        server
            .http()
            .send(format!("{line}Host: localhost\r\n\r\n"))
            .answer()
    };
    assert_error(&ask(&line(8192)), 404, "not_found");
    assert_error(&ask(&line(8193)), 414, "uri_too_long");
    assert_error(
        &server
            .http()
            .send("GET /".to_owned() + &"x".repeat(9000))
            .answer(),
        414,
        "uri_too_long",
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
fn another_version_of_websocket_is_426() {
    let server = Server::start("");
    for version in [
        "Sec-WebSocket-Version: 12",
        "Sec-WebSocket-Version: 14",
        "X: y",
        "Sec-WebSocket-Version: 13, 8",
    ] {
        let headers = UPGRADE.replace("Sec-WebSocket-Version: 13", version);
        assert_upgrade_required(&server.ask("GET", "/ws", &headers, ""));
    }
}

#[test]
fn a_malformed_upgrade_is_400() {
    let server = Server::start("");
    for (right, wrong) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="),
        ("dGhlIHNhbXBsZSBub25jZQ==", "not base64 at all!!!!!!!"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("Connection: Upgrade\r\n", ""),
        ("Connection: Upgrade\r\n", "Connection: keep-alive\r\n"),
    ] {
        let answer = server.ask("GET", "/ws", &UPGRADE.replace(right, wrong), "");
        assert_error(&answer, 400, "bad_request");
    }
    let headers = format!("{UPGRADE}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    assert_error(&server.ask("GET", "/ws", &headers, ""), 400, "bad_request");
}

#[test]
fn headers_over_16_kib_are_431() {
    let server = Server::start("");
    let answer = |bytes: usize| {
        server.ask(
            "GET",
            "/healthz",
            &format!("A: {}\r\n", "x".repeat(bytes)),
            "",
        )
    };
    assert_eq!(answer(16_000).status, 200);
    assert_error(&answer(16_400), 431, "headers_too_large");
    let mut http = server.http();
    http.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: ")
        .send("x".repeat(20_000));
    assert_error(&http.answer(), 431, "headers_too_large");
}

#[test]
fn more_than_100_headers_are_431() {
    let server = Server::start("");
    let answer =
        |headers: usize| server.ask("GET", "/healthz", &"A: b\r\n".repeat(headers - 1), "");
    assert_eq!(answer(100).status, 200);
    assert_error(&answer(101), 431, "headers_too_large");
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
    server.signal("STOP");
    let mut clients: Vec<_> = (0..20).map(|_| server.http()).collect();
    for client in &mut clients {
        client.send(request("GET", "/ws", UPGRADE, ""));
    }
    server.signal("CONT");
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

#[test]
fn an_expectation_of_something_else_is_417() {
    let answer = post(&Server::start(""), "Expect: the-unexpected\r\n", EVENT);
    assert_eq!(answer.status, 417);
}

#[test]
fn a_transfer_coding_other_than_chunked_is_501() {
    let server = Server::start("");
    for coding in ["gzip", "gzip, chunked", "chunked, chunked", "identity"] {
        let mut http = server.http();
        http.send(request(
            "POST",
            "/api/v1/events",
            &format!("Transfer-Encoding: {coding}\r\n"),
            "",
        ));
        assert_error(&http.answer(), 501, "not_implemented");
    }
}
