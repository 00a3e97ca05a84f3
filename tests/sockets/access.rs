//! Who may come in: keys, origins, hosts, and what a page of another origin is told.

use crate::http::{Answer, UPGRADE, request};
use crate::server::Server;

const EVENT: &str = r#"{"type":"chat:said","payload":{}}"#;

fn publish(server: &Server, path: &str, headers: &str) -> Answer {
    server.ask("POST", path, headers, EVENT)
}

fn upgrade(server: &Server, headers: &str) -> Answer {
    server
        .http()
        .send(request("GET", "/ws", &format!("{UPGRADE}{headers}"), ""))
        .answer()
}

#[test]
fn without_a_key_publishing_is_401_and_says_how() {
    let server = Server::start("--key secret");
    let answer = publish(&server, "/api/v1/events", "");
    assert_eq!(answer.error(), (401, "unauthorized".to_owned()));
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    assert_eq!(server.get("/metrics").status, 401);
}

#[test]
fn a_key_is_shown_in_one_of_two_headers() {
    let server = Server::start("--key secret --key other");
    for headers in [
        "Authorization: Bearer secret\r\n",
        "authorization: bearer other\r\n",
        "X-API-Key: secret\r\n",
        "x-api-key: other\r\n",
    ] {
        assert_eq!(
            publish(&server, "/api/v1/events", headers).status,
            202,
            "{headers}"
        );
    }
}

#[test]
fn a_wrong_key_is_401() {
    let server = Server::start("--key secret");
    for headers in [
        "Authorization: Bearer wrong\r\n",
        "Authorization: Basic secret\r\n",
        "Authorization: secret\r\n",
        "X-API-Key: secre\r\n",
        "X-API-Key: secrets\r\n",
        "X-API-Key: \r\n",
        "X-API-Key: Secret\r\n",
    ] {
        assert_eq!(
            publish(&server, "/api/v1/events", headers).error().0,
            401,
            "{headers}"
        );
    }
}

#[test]
fn a_key_in_the_query_is_for_upgrades_only() {
    let server = Server::start("--key secret");
    assert_eq!(
        publish(&server, "/api/v1/events?api_key=secret", "").status,
        401
    );
    assert_eq!(server.get("/metrics?api_key=secret").status, 401);
}

#[test]
fn an_upgrade_takes_a_key_in_the_query_and_is_refused_without_one() {
    let server = Server::start("--key secret");
    let status = |query: &str, headers: &str| {
        let path = format!("/api/v1/tasks/ws?version=1.0{query}");
        let answer = server.ask("GET", &path, &format!("{UPGRADE}{headers}"), "");
        (answer.status, answer.header("www-authenticate").is_some())
    };
    assert_eq!(status("&api_key=secret", ""), (101, false));
    assert_eq!(status("", "Authorization: Bearer secret\r\n"), (101, false));
    assert_eq!(status("", "X-API-Key: secret\r\n"), (101, false));
    assert_eq!(status("&api_key=wrong", ""), (401, true));
    assert_eq!(status("", ""), (401, true));
}

#[test]
fn health_the_pages_and_the_events_upgrade_need_no_key() {
    let server = Server::start("--key secret --echo");
    for path in ["/healthz", "/readyz", "/"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    server.join();
    server.raw("/echo");
}

#[test]
fn a_key_is_never_logged() {
    let server = Server::start("--key sesame-open");
    publish(&server, "/api/v1/events", "X-API-Key: sesame-open\r\n");
    publish(
        &server,
        "/api/v1/events?api_key=sesame-open",
        "X-API-Key: sesame-close\r\n",
    );
    assert!(!server.log().contains("sesame"));
}

#[test]
fn loopback_origins_may_connect_and_publish() {
    let server = Server::start("");
    for origin in [
        "http://localhost",
        "http://localhost:3000",
        "https://127.0.0.1:8443",
        "http://[::1]:5173",
    ] {
        let header = format!("Origin: {origin}\r\n");
        assert_eq!(upgrade(&server, &header).status, 101, "{origin}");
        let answer = publish(&server, "/api/v1/events", &header);
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin")),
            (202, Some(origin))
        );
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
}

#[test]
fn other_origins_are_refused_whatever_they_look_like() {
    let server = Server::start("");
    for origin in [
        "null",
        "http://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://localhost@evil.example",
        "file://",
        "",
        "http://localhost, http://evil.example",
        "chrome-extension://localhost",
    ] {
        let header = format!("Origin: {origin}\r\n");
        assert_eq!(
            upgrade(&server, &header).error(),
            (403, "forbidden_origin".to_owned()),
            "{origin}"
        );
        let answer = publish(&server, "/api/v1/events", &header);
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin")),
            (403, None),
            "{origin}"
        );
    }
}

#[test]
fn an_origin_is_checked_before_anything_else() {
    let server = Server::start("--key secret --max-connections 1");
    let _member = server.join();
    let evil = "Origin: http://evil.example\r\n";
    assert_eq!(publish(&server, "/api/v1/events", evil).status, 403);
    assert_eq!(publish(&server, "/nothing", evil).status, 403);
    assert_eq!(upgrade(&server, evil).status, 403);
    assert_eq!(server.ask("GET", "/ws", evil, "").status, 403);
}

#[test]
fn a_listed_origin_is_allowed_whole() {
    let server =
        Server::start("--allow-origin https://app.example --allow-origin http://dev.example:8080");
    let status = |origin: &str| upgrade(&server, &format!("Origin: {origin}\r\n")).status;
    for origin in [
        "https://app.example",
        "https://app.example:443",
        "HTTPS://App.Example",
        "http://dev.example:8080",
    ] {
        assert_eq!(status(origin), 101, "{origin}");
    }
    for origin in [
        "http://app.example",
        "https://app.example:8443",
        "https://www.app.example",
        "http://dev.example",
    ] {
        assert_eq!(status(origin), 403, "{origin}");
    }
}

#[test]
fn a_star_allows_every_origin() {
    let server = Server::start("--allow-origin *");
    for origin in ["null", "http://anything.example"] {
        assert_eq!(
            upgrade(&server, &format!("Origin: {origin}\r\n")).status,
            101,
            "{origin}"
        );
    }
}

#[test]
fn reading_needs_no_allowed_origin_and_shares_nothing_with_it() {
    let server = Server::start("");
    let answer = server.ask("GET", "/healthz", "Origin: http://evil.example\r\n", "");
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (200, None)
    );
}

#[test]
fn on_loopback_a_foreign_host_is_refused_because_it_may_be_rebound() {
    let server = Server::start("--allow-origin https://app.example");
    let ask = |host: &str| {
        server
            .http()
            .send(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .answer()
            .status
    };
    for host in [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "10.0.0.1",
        "",
    ] {
        assert_eq!(ask(host), 403, "{host}");
    }
    for host in [
        "localhost",
        "LOCALHOST:9",
        "127.0.0.1",
        "127.0.0.1:8080",
        "[::1]:8080",
        "[::1]",
        "app.example",
    ] {
        assert_eq!(ask(host), 200, "{host}");
    }
}

#[test]
fn the_own_origin_is_never_taken_from_the_host() {
    let server = Server::start("");
    let mut http = server.http();
    http.send(format!(
        "GET /ws HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n{UPGRADE}\r\n"
    ));
    assert_eq!(http.answer().status, 403);
}

#[test]
fn a_preflight_of_an_allowed_origin_is_told_methods_and_headers() {
    let server = Server::start("--key secret");
    let headers = "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n";
    let answer = server.ask("OPTIONS", "/api/v1/events", headers, "");
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (204, Some("http://localhost:3000"))
    );
    assert!(
        answer
            .header("access-control-allow-methods")
            .unwrap()
            .contains("POST")
    );
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(
        ["Authorization", "Content-Type", "X-API-Key"]
            .iter()
            .all(|name| allowed.contains(name))
    );
}

#[test]
fn a_preflight_of_another_origin_is_refused() {
    let headers = "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n";
    let answer = Server::start("").ask("OPTIONS", "/api/v1/events", headers, "");
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (403, None)
    );
}

#[test]
fn options_without_an_origin_lists_the_methods() {
    let server = Server::start("");
    let answer = server.ask("OPTIONS", "/healthz", "", "");
    assert_eq!(
        (answer.status, answer.header("allow")),
        (204, Some("GET, HEAD, OPTIONS"))
    );
    assert_eq!(server.ask("OPTIONS", "*", "", "").status, 204);
    assert_eq!(server.ask("OPTIONS", "/nothing", "", "").status, 404);
}
