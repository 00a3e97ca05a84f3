//! Request lines: what is none is 400 and the end, and what is only unusual is answered.

use crate::battery::fire;
use crate::ground::Ground;
use crate::harness::http::request;
use crate::row::{Row, Said, bad_head, row};

const SHAPE: &str = "the request line must be METHOD SP TARGET SP HTTP/1.1";
const VERSION: &str = "the version must be HTTP/1.0 or HTTP/1.1";
const LINE_END: &str = "a line must end with CR LF";
const TARGET: &str = "the target must be a path";

on_both! {
    lines_that_are_none_are_400
    lines_that_are_unusual_are_answered
    lines_over_8_kib_are_414
    every_line_is_answered_alike_however_it_comes
}

/// A whole request with this line, and a request behind it that nobody may read if the first is refused.
fn with_line(line: &str) -> String {
    format!("{line}\r\nHost: localhost\r\n\r\n")
}

fn refused() -> Vec<Row> {
    let lines = [
        ("", SHAPE),
        ("GET", SHAPE),
        ("GET ", SHAPE),
        ("GET /healthz", SHAPE),
        ("GET /healthz ", VERSION),
        ("/healthz HTTP/1.1", SHAPE),
        ("GET HTTP/1.1", SHAPE),
        ("GET  HTTP/1.1", SHAPE),
        (" GET /healthz HTTP/1.1", SHAPE),
        ("GET  /healthz HTTP/1.1", SHAPE),
        ("GET /healthz  HTTP/1.1", VERSION),
        ("GET /healthz HTTP/1.1 ", LINE_END),
        ("GET\t/healthz HTTP/1.1", SHAPE),
        ("GET /healthz\tHTTP/1.1", SHAPE),
        ("GET /health z HTTP/1.1", VERSION),
        ("GET /healthz HTTP/0.9", VERSION),
        ("GET /healthz HTTP/1.2", VERSION),
        ("GET /healthz HTTP/2.0", VERSION),
        ("GET /healthz HTTP/11", VERSION),
        ("GET /healthz HTTP/1.", VERSION),
        ("GET /healthz HTTP/1.10", LINE_END),
        ("GET /healthz http/1.1", VERSION),
        ("GET /healthz HTTP/1.1\r", LINE_END),
        ("GET /healthz HTTP/1.1\rA: b", LINE_END),
        ("GET /healthz HTTP/1.1\nA: b", LINE_END),
        ("GET /healthz HTTP/1.1\nHost: localhost\n\n", LINE_END),
        ("\nGET /healthz HTTP/1.1", LINE_END),
        ("GET /healthz\nHTTP/1.1", SHAPE),
        ("GET /healthz\rHTTP/1.1", SHAPE),
        ("G\0T /healthz HTTP/1.1", SHAPE),
        ("G\u{1}T /healthz HTTP/1.1", SHAPE),
        ("G(T /healthz HTTP/1.1", SHAPE),
        ("G:T /healthz HTTP/1.1", SHAPE),
        ("GÉT /healthz HTTP/1.1", SHAPE),
        ("GET /health\0z HTTP/1.1", SHAPE),
        ("GET /health\u{1}z HTTP/1.1", SHAPE),
        ("GET /health\u{1b}z HTTP/1.1", SHAPE),
        ("GET /health\u{7f}z HTTP/1.1", SHAPE),
        ("GET healthz HTTP/1.1", TARGET),
        ("GET localhost:80 HTTP/1.1", TARGET),
        ("CONNECT localhost:80 HTTP/1.1", TARGET),
        ("GET localhost/healthz HTTP/1.1", TARGET),
        ("GET ftp://localhost/healthz HTTP/1.1", TARGET),
        ("GET http:///healthz HTTP/1.1", TARGET),
        ("GET *?healthz HTTP/1.1", TARGET),
        ("GET ?healthz HTTP/1.1", TARGET),
        ("GET # HTTP/1.1", TARGET),
        ("PRI * HTTP/2.0", VERSION),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}", SHAPE),
        ("\0", SHAPE),
        ("hello", SHAPE),
    ];
    let refused = |(line, what): (&str, &str)| {
        row(format!("the line {line:?}"))
            .send(with_line(line) + &request("GET", "/healthz", "", ""))
            .hears(bad_head(what))
            .ends()
    };
    lines.into_iter().map(refused).collect()
}

fn answered() -> Vec<Row> {
    let missing = || Said::Error(404, "not_found", "there is nothing at this path".into());
    let forbidden = || {
        let sentence =
            "the Host is neither loopback nor the host of an allowed origin; see --allow-origin";
        Said::Error(403, "forbidden_host", sentence.into())
    };
    let no_method = |method: &str| {
        let sentence = format!("{method} is not a method of this path");
        Said::Error(405, "method_not_allowed", sentence)
    };
    let lines = [
        ("GET /healthz HTTP/1.1", Said::Status(200)),
        ("\r\n\r\nGET /healthz HTTP/1.1", Said::Status(200)),
        ("get /healthz HTTP/1.1", no_method("get")),
        ("Get /healthz HTTP/1.1", no_method("Get")),
        ("BREW /healthz HTTP/1.1", no_method("BREW")),
        (
            "!#$%&'*+-.^_`|~09 /healthz HTTP/1.1",
            no_method("!#$%&'*+-.^_`|~09"),
        ),
        ("GET http://localhost/healthz HTTP/1.1", Said::Status(200)),
        (
            "GET HTTP://localhost:80/healthz?a HTTP/1.1",
            Said::Status(200),
        ),
        ("GET https://localhost HTTP/1.1", Said::Status(200)),
        ("GET http://localhost?a HTTP/1.1", Said::Status(200)),
        ("GET http://evil.example/healthz HTTP/1.1", forbidden()),
        ("GET http://localhost@evil.example/ HTTP/1.1", forbidden()),
        ("OPTIONS * HTTP/1.1", Said::Status(204)),
        ("GET * HTTP/1.1", missing()),
        ("GET /../healthz HTTP/1.1", missing()),
        ("GET //healthz HTTP/1.1", missing()),
        ("GET /healthz# HTTP/1.1", missing()),
        ("GET /%00 HTTP/1.1", missing()),
        ("GET /é HTTP/1.1", missing()),
        ("GET /healthz?é HTTP/1.1", Said::Status(200)),
    ];
    let answered = |(line, said): (&str, Said)| {
        row(format!("the line {line:?}"))
            .send(with_line(line))
            .hears(said)
            .answers_on()
    };
    let old = |line: &str| {
        row(format!("the line {line:?}"))
            .send(with_line(line))
            .hears(Said::Status(200))
            .ends()
    };
    let rows = lines.into_iter().map(answered);
    rows.chain([old("GET /healthz HTTP/1.0")]).collect()
}

fn lines_that_are_none_are_400<G: Ground>() {
    fire::<G>("", "", refused());
}

fn lines_that_are_unusual_are_answered<G: Ground>() {
    fire::<G>("", "", answered());
}

fn every_line_is_answered_alike_however_it_comes<G: Ground>() {
    let rows = [refused(), answered()].concat();
    fire::<G>("", "", rows.iter().map(Row::trickled));
    if G::SIMULATED {
        fire::<G>("", "", rows.iter().flat_map(Row::cuts));
    }
}

fn lines_over_8_kib_are_414<G: Ground>() {
    let line = |bytes: usize| {
        let path = "x".repeat(bytes - "GET / HTTP/1.1\r\n".len());
        with_line(&format!("GET /{path} HTTP/1.1"))
    };
    let too_long = Said::Error(414, "uri_too_long", "the request line is over 8 KiB".into());
    let refused = |name: &str, bytes: String| row(name).send(bytes).hears(too_long.clone()).ends();
    let missing = Said::Error(404, "not_found", "there is nothing at this path".into());
    let rows = [
        row("8192 bytes")
            .send(line(8192))
            .hears(missing)
            .answers_on(),
        refused("8193 bytes", line(8193)),
        refused(
            "a line that does not end",
            "GET /".to_owned() + &"x".repeat(9000),
        ),
        refused("a method that does not end", "G".repeat(9000)),
        refused("much too long", line(60_000)),
        refused(
            "a long line with a bad byte behind",
            "GET /".to_owned() + &"x".repeat(9000) + "\0",
        ),
        row("a line without end, a piece at a time")
            .send("GET /")
            .drip("x".repeat(1000), 0)
            .hears(too_long.clone())
            .ends(),
    ];
    fire::<G>("", "", rows);
}
