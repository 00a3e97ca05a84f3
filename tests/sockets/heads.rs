//! Request heads that keep the rules, in every usual and unusual way; those that break one are in `tests/hostile`.

use crate::harness::http::request;
use crate::harness::server::Server;

#[test]
fn requests_stay_on_one_connection() {
    let server = Server::start("");
    let mut http = server.http();
    for _ in 0..20 {
        let answer = http.ask("GET", "/healthz", "", "");
        assert_eq!((answer.status, answer.header("connection")), (200, None));
    }
    assert_eq!(
        server.metric("roomcast_accepts_total{result=\"accepted\"}"),
        2.0
    );
}

#[test]
fn ten_requests_in_one_write_are_answered_in_order() {
    let server = Server::start("");
    let paths = [
        "/healthz", "/nothing", "/readyz", "/ws", "/healthz", "/", "/metrics", "/x", "/readyz",
        "/healthz",
    ];
    let mut http = server.http();
    http.send(paths.map(|path| request("GET", path, "", "")).concat());
    let statuses = paths.map(|_| http.answer().status);
    assert_eq!(statuses, [200, 404, 200, 426, 200, 200, 200, 404, 200, 200]);
}

#[test]
fn a_pipeline_longer_than_any_buffer_is_answered_whole() {
    let server = Server::start("");
    let mut http = server.http();
    let mut writer = crate::harness::http::Http::new(http.stream().try_clone().unwrap());
    let writing = std::thread::spawn(move || {
        let hundred = request("GET", "/", "", "").repeat(100);
        for _ in 0..50 {
            writer.send(&hundred);
        }
    });
    assert!((0..5000).all(|_| http.answer().status == 200));
    writing.join().unwrap();
}

#[test]
fn empty_lines_before_a_request_are_passed_over() {
    let server = Server::start("");
    let mut http = server.http();
    for _ in 0..3 {
        http.send("\r\n\r\n")
            .send(request("GET", "/healthz", "", ""));
        assert_eq!(http.answer().status, 200);
    }
}

#[test]
fn connection_close_is_answered_and_obeyed() {
    let server = Server::start("");
    let mut http = server.http();
    http.send(
        request("GET", "/healthz", "Connection: Close\r\n", "")
            + &request("GET", "/readyz", "", ""),
    );
    let answer = http.answer();
    assert_eq!(
        (answer.status, answer.header("connection")),
        (200, Some("close"))
    );
    assert!(http.is_over());
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let server = Server::start("");
    let mut http = server.http();
    assert_eq!(
        http.send("GET /healthz HTTP/1.0\r\n\r\n").answer().status,
        200
    );
    assert!(http.is_over());
}

#[test]
fn http_1_0_stays_if_it_asks_to_and_is_told_so() {
    let server = Server::start("");
    let mut http = server.http();
    for _ in 0..2 {
        let answer = http
            .send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            .answer();
        assert_eq!(
            (answer.status, answer.header("connection")),
            (200, Some("keep-alive"))
        );
    }
}

#[test]
fn a_path_is_percent_decoded_segment_by_segment() {
    let server = Server::start("");
    assert_eq!(server.get("/%68ealth%7A").status, 200);
    assert_eq!(server.get("/healthz?query=%ff&x").status, 200);
    assert_eq!(server.get("/%E0%80").status, 404);
    assert_eq!(server.get("/%").status, 404);
    let event = r#"{"type":"chat:said","payload":{}}"#;
    assert_eq!(
        server.ask("POST", "/%61pi/v1/events", "", event).status,
        202
    );
    assert_eq!(
        server.ask("POST", "/api%2Fv1/events", "", event).status,
        404
    );
}

#[test]
fn every_answer_has_a_reason_a_date_and_a_length() {
    let server = Server::start("");
    for (path, reason) in [
        ("/healthz", "OK"),
        ("/nothing", "Not Found"),
        ("/ws", "Upgrade Required"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.reason, reason);
        assert!(httpdate::parse_http_date(answer.header("date").unwrap()).is_ok());
        assert_eq!(
            answer.header("content-length").unwrap().parse(),
            Ok(answer.body.len())
        );
    }
}
