//! Ends: at every point of a conversation a client ends its side, breaks the connection or talks on after it is over.

use crate::battery::fire;
use crate::ground::Ground;
use crate::harness::http::{UPGRADE, frame, request};
use crate::row::{Row, Said, bad_head, close, compressed, open, row};

on_both! {
    a_client_may_end_its_side_at_any_point
    a_client_may_break_the_connection_at_any_point
    a_client_may_vanish_at_any_point
    nothing_behind_the_end_has_a_meaning
}

const BITS: &str = "a reserved bit is set without an extension for it";
const EVENT: &str = r#"{"type":"chat:said","payload":{}}"#;

fn post(headers: &str, body: &str) -> String {
    request("POST", "/api/v1/events", headers, "") + body
}

/// Conversations that have come to some point, after which the server has nothing more to say.
fn points() -> Vec<Row> {
    let (length, chunked) = ("Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n");
    let hello = frame(0x81, "hello");
    let healthz = request("GET", "/healthz", "", "");
    let shape = bad_head("the request line must be METHOD SP TARGET SP HTTP/1.1");
    vec![
        row("before a request"),
        row("after an empty line").send("\r\n"),
        row("in a line").send("GET /healthz HT"),
        row("in a header").send("GET /healthz HTTP/1.1\r\nHost: loc"),
        row("before the last byte of a head").send(&healthz[..healthz.len() - 1]),
        row("before a body").send(post(length, "")),
        row("in a body").send(post(length, "{")),
        row("in a large body").send(post("Content-Length: 1000000\r\n", &" ".repeat(500_000))),
        row("before a chunk").send(post(chunked, "")),
        row("in a chunk").send(post(chunked, "9\r\n{")),
        row("between chunks").send(post(chunked, "1\r\n{\r\n")),
        row("in the trailers").send(post(chunked, "0\r\nA: b")),
        row("between requests")
            .send(healthz.clone())
            .hears(Said::Status(200)),
        row("in a second request")
            .send(healthz.clone() + "GET /")
            .hears(Said::Status(200)),
        row("after a refusal").send("nonsense\r\n\r\n").hears(shape),
        row("in an upgrade").send(request("GET", "/echo", UPGRADE, "").trim_end()),
        open("just upgraded"),
        compressed("just upgraded, with compression"),
        open("in a header of a frame").send(&hello[..4]),
        open("in a frame").send(&hello[..8]),
        open("in a large frame").send(&frame(0x82, [7; 100_000])[..50_000]),
        open("in a large message").send(frame(0x02, [7; 100_000])),
        open("in a message").send(frame(0x01, "begun")),
        open("in a fragment").send([&frame(0x01, "begun"), &frame(0x80, "hello")[..8]].concat()),
        compressed("in a compressed message").send(frame(0x41, "begun")),
        open("between messages")
            .send(hello.clone())
            .hears(Said::Frame(0x81, b"hello".to_vec())),
        open("in a ping").send(&frame(0x89, "hello")[..8]),
        open("in a close frame").send(&frame(0x88, b"\x03\xe8")[..7]),
        open("after a close frame")
            .send(frame(0x88, b"\x03\xe8"))
            .hears(close(1000, "")),
        open("after 1002")
            .send(frame(0xc1, "x"))
            .hears(close(1002, BITS)),
    ]
}

fn a_client_may_end_its_side_at_any_point<G: Ground>() {
    let answered = [
        row("with a request")
            .send(request("GET", "/healthz", "", ""))
            .finish()
            .hears(Said::Status(200)),
        row("with a body")
            .send(request("POST", "/api/v1/events", "", EVENT))
            .finish()
            .hears(Said::Status(202)),
        row("with a pipeline")
            .send(request("GET", "/healthz", "", "").repeat(2))
            .finish()
            .hears(Said::Status(200))
            .hears(Said::Status(200)),
        open("with a close frame")
            .send(frame(0x88, b"\x03\xe8"))
            .finish()
            .hears(close(1000, "")),
        open("with a bad frame")
            .send(frame(0xc1, "x"))
            .finish()
            .hears(close(1002, BITS)),
    ];
    let silent = points().into_iter().map(Row::finish);
    fire::<G>("--echo", "", silent.chain(answered).map(Row::ends));
}

fn a_client_may_break_the_connection_at_any_point<G: Ground>() {
    let unread = [
        row("with a request").send(request("GET", "/", "", "").repeat(20)),
        open("with a message").send(frame(0x81, "never read")),
        open("with a close frame").send(frame(0x88, "")),
    ];
    fire::<G>(
        "--echo",
        "",
        points().into_iter().chain(unread).map(Row::resets),
    );
}

fn a_client_may_vanish_at_any_point<G: Ground>() {
    let unread = [
        row("with a request").send(request("GET", "/", "", "").repeat(20)),
        open("with a message").send(frame(0x81, "never read")),
        open("with a close frame").send(frame(0x88, "")),
    ];
    fire::<G>("--echo", "", points().into_iter().chain(unread));
}

fn nothing_behind_the_end_has_a_meaning<G: Ground>() {
    let last = "Connection: close\r\n";
    let healthz = request("GET", "/healthz", "", "");
    let upgrade = request("GET", "/echo", UPGRADE, "");
    let shape = || bad_head("the request line must be METHOD SP TARGET SP HTTP/1.1");
    let rows = [&healthz, &upgrade, "nonsense\r\n\r\n", "\0"]
        .into_iter()
        .flat_map(|behind| {
            let closing = request("GET", "/healthz", last, "");
            let name = format!("{:?} behind", &behind[..behind.len().min(10)]);
            [
                row(format!("{name} the last request"))
                    .send(closing.clone() + behind)
                    .hears(Said::Status(200))
                    .ends(),
                row(format!("{name} the last answer"))
                    .send(closing)
                    .hears(Said::Status(200))
                    .send(behind)
                    .ends(),
                row(format!("{name} a refusal"))
                    .send("nonsense\r\n\r\n")
                    .hears(shape())
                    .send(behind)
                    .ends(),
                open(format!("{name} a close frame"))
                    .send(frame(0x88, ""))
                    .hears(close(1005, ""))
                    .send(behind)
                    .ends(),
                open(format!("{name} 1002"))
                    .send(frame(0xc1, ""))
                    .hears(close(1002, BITS))
                    .send(behind)
                    .ends(),
            ]
        });
    fire::<G>("--echo", "", rows);
}
