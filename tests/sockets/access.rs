//! Who may come in: keys, origins, hosts, and what a page of another origin is told.

use crate::harness::http::{Answer, UPGRADE, request};
use crate::harness::server::Server;

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
    assert_eq!(answer.error(), (401, "unauthorized"));
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
        "Authorization: Bearer a-gateways-own\r\nX-API-Key: secret\r\n",
        "X-API-Key: a-gateways-own\r\nAuthorization: Bearer secret\r\n",
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
            (403, "forbidden_origin"),
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

#[test]
fn a_page_of_an_allowed_origin_can_read_every_refusal() {
    let server = Server::start("--allow-origin https://site.example --max-body 100KiB");
    let long = "x".repeat(9 << 10);
    let big = format!("X-Big: {}\r\n", "y".repeat(17 << 10));
    let body = "x".repeat(101 << 10);
    let chunked = "Transfer-Encoding: chunked\r\n";
    let request = |method: &str, path: &str, headers: &str, body: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://site.example\r\n{headers}\r\n{body}"
        )
    };
    let length = format!("Content-Length: {}\r\n", body.len());
    for (status, request) in [
        (
            400,
            request("POST", "/api/v1/events", "Content-Length: x\r\n", ""),
        ),
        (
            400,
            request("POST", "/api/v1/events", chunked, "no chunk\r\n"),
        ),
        (404, request("GET", "/nothing", "", "")),
        (405, request("PUT", "/healthz", "", "")),
        (413, request("POST", "/api/v1/events", &length, &body)),
        (
            413,
            request("POST", "/api/v1/events", chunked, "ffffff\r\n"),
        ),
        (414, request("GET", &format!("/{long}"), "", "")),
        (417, request("GET", "/", "Expect: a miracle\r\n", "")),
        (426, request("GET", "/ws", "", "")),
        (431, request("GET", "/healthz", &big, "")),
    ] {
        let answer = server.http().send(request).answer();
        let origin = answer.header("access-control-allow-origin");
        assert_eq!(
            (answer.status, origin),
            (status, Some("https://site.example"))
        );
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("Retry-After"), "{exposed}");
    }
}

#[test]
fn a_page_of_another_origin_can_read_none() {
    let long = "x".repeat(9 << 10);
    let request =
        format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n");
    let answer = Server::start("").http().send(request).answer();
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (414, None)
    );
}

#[test]
fn a_slow_request_is_refused_so_that_its_page_can_read_it() {
    let server = Server::start("--header-timeout 50ms");
    for rest in ["X: half a li", "Content-Length: 9\r\n\r\nhalf"] {
        let request = format!(
            "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n{rest}"
        );
        // The server meets the connection together with its first bytes, however slow we are.
        let mut http = server.while_stopped(|| {
            let mut http = server.http();
            http.send(request);
            http
        });
        let answer = http.answer();
        assert_eq!(
            (answer.status, answer.header("access-control-allow-origin")),
            (408, Some("http://localhost"))
        );
    }
}

#[test]
fn a_page_shows_its_key_as_a_subprotocol() {
    let server = Server::start("--key sesame-open");
    let ask = |offers: &str| {
        let headers = format!("{UPGRADE}Sec-WebSocket-Protocol: {offers}\r\n");
        let answer = server.ask("GET", "/api/v1/tasks/ws?version=1.0", &headers, "");
        let agreed = answer.header("sec-websocket-protocol").map(String::from);
        (answer.status, agreed)
    };
    let ours = Some("roomcast".to_owned());
    assert_eq!(ask("roomcast, bearer.c2VzYW1lLW9wZW4"), (101, ours.clone()));
    assert_eq!(ask("bearer.c2VzYW1lLW9wZW4,roomcast"), (101, ours));
    assert_eq!(ask("bearer.c2VzYW1lLW9wZW4"), (101, None));
    assert_eq!(ask("roomcast, bearer.c2VzYW1l").0, 401);
    assert_eq!(ask("roomcast").0, 401);
    assert_eq!(ask("roomcast, bearer.sesame-open").0, 101);
    // A call is no upgrade, and its page can set a header.
    let call = "Sec-WebSocket-Protocol: roomcast, bearer.c2VzYW1lLW9wZW4\r\n";
    assert_eq!(publish(&server, "/api/v1/events", call).status, 401);
    assert!(!server.log().contains("c2VzYW1l"));
}

#[test]
fn an_offer_of_other_subprotocols_is_answered_without_one() {
    let server = Server::start("");
    for (offers, agreed) in [
        ("graphql-ws, mqtt", None),
        ("roomcast.v1", None),
        ("mqtt, roomcast", Some("roomcast")),
    ] {
        let answer = upgrade(&server, &format!("Sec-WebSocket-Protocol: {offers}\r\n"));
        let said = answer.header("sec-websocket-protocol");
        assert_eq!((answer.status, said), (101, agreed), "{offers}");
    }
}

#[test]
fn a_plus_in_the_querys_key_is_a_plus() {
    let server = Server::start("--key a+b/c=");
    for (key, status) in [("a+b/c=", 101), ("a%2Bb%2Fc%3D", 101), ("a%20b/c=", 401)] {
        let path = format!("/api/v1/tasks/ws?version=1.0&api_key={key}");
        assert_eq!(
            server.ask("GET", &path, UPGRADE, "").status,
            status,
            "{key}"
        );
    }
}

#[test]
fn what_is_refused_at_the_door_is_logged_with_the_setting_that_lets_it_in() {
    let server = Server::start("--key sesame-open");
    upgrade(&server, "Origin: https://shop.example\r\n");
    upgrade(&server, "Origin: https://other.example\r\n");
    let host = "GET /healthz?token=sesame HTTP/1.1\r\nHost: proxied.example\r\n\r\n";
    assert_eq!(server.http().send(host).answer().status, 403);
    publish(&server, "/api/v1/events", "X-API-Key: sesame-close\r\n");
    let log = server.log();
    for (what, setting) in [
        ("the origin \"https://shop.example\"", "--allow-origin"),
        ("the Host \"proxied.example\"", "--allow-origin"),
        ("a key is refused", "--key"),
    ] {
        let line = log.lines().find(|line| line.contains(what)).unwrap_or(&log);
        assert!(line.contains("WARN") && line.contains(setting), "{line}");
    }
    assert!(!log.contains("sesame"), "{log}");
}
