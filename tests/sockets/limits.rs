//! Limits: a reserve of descriptors keeps health answers possible, and a client that sends too much is closed.

use std::time::Instant;

use rlimit::Resource;
use tungstenite::Message;

use crate::harness::http::{UPGRADE, frame};
use crate::harness::patience::PATIENCE;
use crate::harness::server::Server;

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

#[test]
fn a_client_over_its_message_rate_gets_its_answers_and_1008() {
    let server = Server::start(
        "--echo --client-messages-per-second 1000000 --set ops.client_messages_per_second=20",
    );
    let (mut flooder, mut other) = (server.connect("/echo"), server.connect("/echo"));
    let began = Instant::now();
    // In one write, so that it is a flood however slow we are.
    let flood = (0..200).flat_map(|number| frame(0x81, number.to_string()));
    flooder.writer().send(flood.collect::<Vec<u8>>());
    let mut answers: usize = 0;
    let close = loop {
        match flooder.message() {
            Message::Text(text) => assert_eq!(text.as_str(), answers.to_string()),
            Message::Close(close) => break close.unwrap(),
            other => panic!("this is no echo: {other:?}"),
        }
        answers += 1;
    };
    assert_eq!(u16::from(close.code), 1008);
    assert_eq!(
        close.reason.as_str(),
        "more than client_messages_per_second, which is 20"
    );
    // A second's worth, and what the time brought that all this took.
    let most = 20 + began.elapsed().as_millis() as usize * 20 / 1000 + 1;
    assert!((20..=most).contains(&answers), "{answers} answers");
    assert_eq!(other.send("still here").message(), "still here".into());
    assert_eq!(
        server.metric("roomcast_closes_total{app=\"ops\",code=\"1008\"}"),
        1.0
    );
}

#[test]
fn a_client_over_its_bytes_gets_1008_and_one_long_message_does_not() {
    let server = Server::start("--echo --client-bytes-per-second 1KiB --max-message 256KiB");
    let mut client = server.connect("/echo");
    let long = "x".repeat(256 << 10);
    assert_eq!(client.send(long.as_str()).message(), long.into());
    // What the time may have brought since is far less.
    assert_eq!(client.send("y".repeat(64 << 10)).close_code(), 1008);
    let mut pinger = server.connect("/echo");
    // Twice what may come at once, so that it would take minutes to be allowed.
    let pings = frame(0x89, [b'z'; 125]).repeat(2 * (256 << 10) / 125);
    pinger.writer().send(pings);
    assert_eq!(pinger.close_code(), 1008);
}

#[test]
fn where_not_even_one_descriptor_is_free_the_loop_does_not_spin() {
    let server = Server::start("");
    let mut known = server.http();
    let mut exhausted = || {
        let text = known.ask("GET", "/metrics", "", "").text();
        let name = "roomcast_accepts_total{result=\"exhausted\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(exhausted(), 0);
    let set = |soft| {
        let pid = server.id() as i32;
        let (mut before, mut hard) = (0, 0);
        rlimit::prlimit(pid, Resource::NOFILE, None, Some((&mut before, &mut hard))).unwrap();
        rlimit::prlimit(pid, Resource::NOFILE, Some((soft, hard)), None).unwrap();
    };
    set(3);
    let began = Instant::now();
    let mut knocks = server.http();
    while exhausted() < 5 {
        assert!(began.elapsed() < PATIENCE);
    }
    // It is tried again every 50 ms.
    let (found, millis) = (exhausted(), began.elapsed().as_millis() as u64);
    assert!(found <= 2 + millis / 50, "{found} times in {millis} ms");
    set(1000);
    assert_eq!(knocks.ask("GET", "/healthz", "", "").status, 200);
}
