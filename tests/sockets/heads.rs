//! Request heads: what two readers could understand differently is refused, and what is only unusual is not.

use crate::http::{Answer, request};
use crate::server::Server;

fn send(server: &Server, bytes: impl AsRef<[u8]>) -> Answer {
    server.http().send(bytes).answer()
}

#[track_caller]
fn refused(server: &Server, bytes: impl AsRef<[u8]>) {
    let mut http = server.http();
    assert_eq!(
        http.send(bytes).answer().error(),
        (400, "bad_request".to_owned())
    );
    assert!(
        http.is_over(),
        "after a head that is not understood nothing more is read"
    );
}

#[test]
fn a_bare_line_feed_is_refused() {
    let server = Server::start("");
    refused(&server, "GET /healthz HTTP/1.1\nHost: localhost\n\n");
    refused(
        &server,
        "GET /healthz HTTP/1.1\r\nHost: localhost\nA: b\r\n\r\n",
    );
    refused(&server, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\n");
}

#[test]
fn a_folded_header_is_refused() {
    refused(
        &Server::start(""),
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n",
    );
}

#[test]
fn a_nul_is_refused_wherever_it_stands() {
    let server = Server::start("");
    refused(
        &server,
        "GET /health\0z HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    refused(
        &server,
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: b\0c\r\n\r\n",
    );
    refused(
        &server,
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nA\0: b\r\n\r\n",
    );
    refused(&server, "\0");
}

#[test]
fn a_space_before_the_colon_is_refused() {
    refused(
        &Server::start(""),
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length : 5\r\n\r\nhello",
    );
}

#[test]
fn bytes_that_are_no_request_are_refused() {
    let server = Server::start("");
    refused(&server, "hello\r\n\r\n");
    refused(&server, "GET /healthz\r\n\r\n");
    refused(&server, "GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n");
    refused(&server, "GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    refused(&server, "GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    refused(&server, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
}

#[test]
fn exactly_one_host_is_needed() {
    let server = Server::start("");
    refused(&server, "GET /healthz HTTP/1.1\r\n\r\n");
    refused(
        &server,
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    );
}

#[test]
fn a_length_beside_a_transfer_coding_is_refused() {
    let server = Server::start("");
    for headers in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    ] {
        refused(
            &server,
            request("POST", "/api/v1/events", headers, "") + "0\r\n\r\n",
        );
    }
}

#[test]
fn a_length_that_stands_twice_is_refused() {
    let server = Server::start("");
    for headers in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Content-Length: 2, 2\r\n",
    ] {
        refused(
            &server,
            request("POST", "/api/v1/events", headers, "") + "{}",
        );
    }
}

#[test]
fn a_length_that_is_no_number_is_refused() {
    let server = Server::start("");
    for length in [
        "",
        "-1",
        "+2",
        "0x2",
        "2.0",
        "two",
        "18446744073709551616",
        "2 2",
    ] {
        refused(
            &server,
            request(
                "POST",
                "/api/v1/events",
                &format!("Content-Length: {length}\r\n"),
                "",
            ) + "{}",
        );
    }
}

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
    let mut writer = crate::http::Http::new(http.stream().try_clone().unwrap());
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
fn http_1_0_cannot_upgrade_or_send_chunks() {
    let server = Server::start("");
    let head = request("GET", "/ws", crate::http::UPGRADE, "").replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(send(&server, head).status, 400);
    let chunked = "POST /api/v1/events HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(matches!(send(&server, chunked).status, 400 | 501));
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
fn the_absolute_form_names_the_same_path() {
    let server = Server::start("");
    assert_eq!(
        send(&server, request("GET", "http://localhost/healthz", "", "")).status,
        200
    );
    assert_eq!(
        send(&server, request("GET", "http://localhost", "", "")).status,
        200
    );
    assert_eq!(
        send(&server, request("GET", "localhost:80", "", "")).status,
        400
    );
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let server = Server::start("");
    let mut http = server.http();
    http.trickle(request("GET", "/healthz", "A: b\r\n", ""));
    assert_eq!(http.answer().status, 200);
}

#[test]
fn every_answer_has_a_date_and_a_length() {
    let server = Server::start("");
    for path in ["/healthz", "/nothing", "/ws"] {
        let answer = server.get(path);
        assert!(httpdate::parse_http_date(answer.header("date").unwrap()).is_ok());
        assert_eq!(
            answer.header("content-length").unwrap().parse(),
            Ok(answer.body.len())
        );
    }
}
