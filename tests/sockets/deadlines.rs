//! Deadlines: who says nothing for too long, and who takes too long to say it.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::harness::http::{Http, frame, request};
use crate::harness::patience::PATIENCE;
use crate::harness::server::Server;

#[test]
fn a_silent_member_is_pinged_and_then_closed_with_4408() {
    // Far apart, so that a server that does not run for a while finds one of them due before the other.
    let server = Server::start("--ping-interval 100ms --pong-timeout 5s");
    let mut raw = server.raw("/ws");
    assert_eq!(raw.frame().first, 0x81);
    assert_eq!(raw.frame().first, 0x89);
    assert_eq!(raw.close_code(), 4408);
    assert!(raw.is_over());
}

#[test]
fn a_pong_is_life_and_so_is_any_byte() {
    let server = Server::start("--ping-interval 50ms --pong-timeout 10s");
    let (mut answers, mut talks) = (server.raw("/ws"), server.raw("/ws"));
    // Somebody who came after them and says nothing measures the time: they are given up sooner, if they are.
    let _silent = server.raw("/ws");
    let mut slow_frame = frame(0x82, [7; 60_000]).into_iter();
    let given_up = "roomcast_closes_total{app=\"events\",code=\"4408\"}";
    while server.metric(given_up) == 0.0 {
        // Each ping that one client hears is also when the other sends its next byte of one long message.
        while answers.frame().first != 0x89 {}
        answers.send(frame(0x8a, ""));
        talks.send([slow_frame.next().unwrap()]);
    }
    assert_eq!(server.metric("roomcast_connections{app=\"events\"}"), 2.0);
    assert_eq!(server.metric(given_up), 1.0);
}

#[test]
fn an_idle_connection_is_closed_after_the_keep_alive() {
    let server = Server::start("--keep-alive 200ms");
    let mut http = server.http();
    assert_eq!(http.ask("GET", "/healthz", "", "").status, 200);
    assert!(http.is_over());
}

#[test]
fn between_two_requests_the_keep_alive_counts_and_not_the_header_timeout() {
    let server = Server::start("--keep-alive 60s --header-timeout 100ms");
    // The server meets the connection together with its request, however slow we are.
    let (mut idle, mut other) = server.while_stopped(|| {
        let mut idle = server.http();
        idle.send(request("GET", "/healthz", "", ""));
        (idle, server.http())
    });
    assert_eq!(idle.answer().status, 200);
    // The other connection measures the time: it is closed once the header timeout has passed.
    assert!(other.is_over());
    assert_eq!(idle.ask("GET", "/healthz", "", "").status, 200);
}

#[test]
fn the_clock_of_a_request_runs_from_its_first_byte() {
    let server = Server::start("--header-timeout 300ms");
    // The server meets the connections together with their first requests, however slow we are.
    let (mut slow, mut other) = server.while_stopped(|| {
        let mut both = (server.http(), server.http());
        both.0.send(request("GET", "/healthz", "", ""));
        both.1.send(request("GET", "/healthz", "", ""));
        both
    });
    assert_eq!((slow.answer().status, other.answer().status), (200, 200));
    let began = Instant::now();
    // A byte now and then does not put the end off.
    for byte in request("GET", "/healthz", "", "").into_bytes() {
        slow.send([byte]);
        other.ask("GET", "/healthz", "", "");
        if began.elapsed() > Duration::from_millis(600) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(slow.answer().status, 408);
}

#[test]
fn somebody_who_never_stops_sending_is_cut_off() {
    let server = Server::start("--max-body 1000 --echo");
    let mut http = server.http();
    http.send(request(
        "POST",
        "/api/v1/events",
        "Content-Length: 2000\r\n",
        "",
    ));
    assert!(ends_while(&mut http, &[b'x'; 1000]));
    let mut raw = server.raw("/echo");
    raw.send(frame(0x83, "a reserved opcode"));
    assert!(ends_while(&mut raw, &frame(0x81, "more")));
}

/// Whether the connection ends although these bytes are sent again and again.
fn ends_while(http: &mut Http, bytes: &[u8]) -> bool {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if http.stream().write_all(bytes).is_err() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}
