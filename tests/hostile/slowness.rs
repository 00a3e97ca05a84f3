//! Who takes too long to say it: a request has the header timeout from its first byte, a message the message timeout,
//! however many bytes come meanwhile.

use std::thread;
use std::time::Duration;

use crate::battery::{play, serves};
use crate::books::Books;
use crate::ground::Ground;
use crate::harness::http::{frame, request};
use crate::row::{Row, Said, close, compressed, open, row};

on_both! {
    slow_requests_are_408
    slow_messages_are_1008
    who_says_nothing_is_sent_away_without_a_word
}

/// What they are where time is not virtual. A client has come in by the time that its message is due; a request is due
/// from when it connects, and so has as long as it has by default.
const HURRIED: &str = "--message-timeout 2s --header-timeout 10s --keep-alive 10m";
const HURRIED_MESSAGE_TIMEOUT: Duration = Duration::from_secs(2);
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Fires rows, each at a server of its own and all at once: with the defaults where time is virtual, and each then takes
/// as long as the timeout says; hurried where it is not, and each then takes at least that long, and a busy machine as
/// long as it likes.
fn fire_slowly<G: Ground>(rows: Vec<Row>, timeout: Duration, hurried: Duration) {
    let timeout = if G::SIMULATED { timeout } else { hurried };
    thread::scope(|scope| {
        for row in rows {
            scope.spawn(move || fire_one_slowly::<G>(&row, timeout));
        }
    });
}

fn fire_one_slowly<G: Ground>(row: &Row, timeout: Duration) {
    // Nobody is to be pinged before the 30 seconds of a message are over.
    let ground = G::open("--echo --ping-interval 2m", HURRIED);
    let books = Books::of(&ground);
    let began = ground.elapsed();
    play(&ground, row);
    let took = ground.elapsed() - began;
    assert!(took >= timeout, "{}: already after {took:?}", row.name);
    let most = timeout + Duration::from_millis(500);
    assert!(
        took <= most || !G::SIMULATED,
        "{}: only after {took:?}",
        row.name
    );
    assert_eq!(ground.held_bytes(), 0, "{}", row.name);
    serves(&ground, &books);
}

/// Milliseconds between two pieces of what never ends.
fn pause<G: Ground>() -> u64 {
    if G::SIMULATED { 1000 } else { 100 }
}

fn slow_requests_are_408<G: Ground>() {
    let slow = |name: &str, bytes: String| {
        let sentence = "the request was not complete in time".to_owned();
        (
            row(name).send(bytes),
            Said::Error(408, "request_timeout", sentence),
        )
    };
    let post = |headers: &str, body: &str| request("POST", "/api/v1/events", headers, "") + body;
    let (length, chunked) = ("Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n");
    let stops = [
        slow("one byte", "G".into()),
        slow("half a line", "GET /healthz HT".into()),
        slow("a line", "GET /healthz HTTP/1.1\r\n".into()),
        slow("half a header", "GET /healthz HTTP/1.1\r\nHost: loc".into()),
        slow(
            "all but the last byte",
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r".into(),
        ),
        slow("no body", post(length, "")),
        slow("half a body", post(length, "{")),
        slow("no chunk", post(chunked, "")),
        slow("half a size", post(chunked, "1")),
        slow("half a chunk", post(chunked, "9\r\n{")),
        slow("no last chunk", post(chunked, "1\r\n{\r\n")),
        slow("half a trailer", post(chunked, "0\r\nA: b")),
    ];
    let mut rows: Vec<Row> = stops
        .into_iter()
        .map(|(row, said)| row.hears(said).ends())
        .collect();
    let drips = [
        (slow("a line", "GET /".into()), "x"),
        (
            slow(
                "headers",
                "GET /healthz HTTP/1.1\r\nHost: localhost\r\n".into(),
            ),
            "A: b\r\n",
        ),
        (slow("a value", "GET /healthz HTTP/1.1\r\nA: ".into()), "x"),
        (slow("a body", post(length, "")), " "),
        (slow("chunks", post(chunked, "")), "1\r\n \r\n"),
        (slow("an extension", post(chunked, "1;")), "x"),
        (slow("trailers", post(chunked, "0\r\nA: ")), "x"),
    ];
    rows.extend(drips.map(|((row, said), piece)| row.drip(piece, pause::<G>()).hears(said).ends()));
    // A request that was answered before does not lend its time to the next.
    let second = request("GET", "/healthz", "", "");
    let (next, said) = slow("the second request", second + "GET /");
    rows.push(next.hears(Said::Status(200)).hears(said).ends());
    fire_slowly::<G>(rows, HEADER_TIMEOUT, HEADER_TIMEOUT);
}

fn slow_messages_are_1008<G: Ground>() {
    let too_slow = |row: Row| {
        row.hears(close(1008, "the message was not complete in time"))
            .ends()
    };
    let hello = frame(0x81, "hello");
    let stops = [
        open("one byte").send(&hello[..1]),
        open("half a header").send(&hello[..4]),
        open("a header").send(&hello[..6]),
        open("half a payload").send(&hello[..8]),
        open("a fragment").send(frame(0x01, "begun")),
        open("an empty fragment").send(frame(0x02, "")),
        open("a fragment and half of the next").send([&frame(0x01, "begun"), &hello[..3]].concat()),
        open("half a ping").send(&frame(0x89, "hello")[..8]),
        open("half a close frame").send(&frame(0x88, b"\x03\xe8")[..7]),
        open("half a pong in a message").send([&frame(0x01, "a"), &frame(0x8a, "b")[..5]].concat()),
        compressed("half a compressed message").send(frame(0x41, "begun")),
    ];
    let drips = [
        (
            open("a payload").send(&frame(0x82, [7; 60_000])[..8]),
            vec![7],
        ),
        (open("fragments").send(frame(0x01, "")), frame(0x00, "x")),
        (
            open("empty fragments").send(frame(0x01, "")),
            frame(0x00, ""),
        ),
        (
            open("fragments and pongs").send(frame(0x02, "")),
            [frame(0x00, "x"), frame(0x8a, "")].concat(),
        ),
        (
            compressed("compressed fragments").send(frame(0x41, "")),
            frame(0x00, "x"),
        ),
    ];
    let drips = drips.map(|(row, piece)| row.drip(piece, pause::<G>()));
    let rows = stops.into_iter().chain(drips).map(too_slow);
    fire_slowly::<G>(rows.collect(), MESSAGE_TIMEOUT, HURRIED_MESSAGE_TIMEOUT);
}

fn who_says_nothing_is_sent_away_without_a_word<G: Ground>() {
    let rows = [
        row("nothing").ends(),
        row("an empty line").send("\r\n").ends(),
        row("half an empty line").send("\r").ends(),
        row("empty lines without end")
            .drip("\r\n", pause::<G>())
            .ends(),
    ];
    fire_slowly::<G>(rows.into(), HEADER_TIMEOUT, HEADER_TIMEOUT);
}
