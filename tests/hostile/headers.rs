//! Headers: too many, too long, and with characters that readers could understand differently.

use crate::battery::fire;
use crate::ground::Ground;
use crate::harness::http::request;
use crate::row::{Row, Said, bad, bad_head, row};

const NAME: &str = "a header name has a character that it may not have";
const VALUE: &str = "a header value has a character that it may not have";
const LINE_END: &str = "a line must end with CR LF";
const HOST: &str = "exactly one Host header is needed";

on_both! {
    headers_that_are_none_are_400
    headers_that_are_unusual_are_taken
    floods_of_headers_are_431
    every_header_is_answered_alike_however_it_comes
}

/// A request with these lines, and one behind it that nobody may read if the first is refused.
fn with_lines(lines: &str) -> String {
    format!("GET /healthz HTTP/1.1\r\n{lines}\r\n") + &request("GET", "/healthz", "", "")
}

fn refused() -> Vec<Row> {
    let lines: [(&[u8], Said); 34] = [
        (b"Host: localhost\r\nA\0: b\r\n", bad_head(NAME)),
        (b"Host: localhost\r\nA\x01: b\r\n", bad_head(NAME)),
        (b"Host: localhost\r\nA\x7f: b\r\n", bad_head(NAME)),
        (b"Host: localhost\r\nA\xe9: b\r\n", bad_head(NAME)),
        (b"Host: localhost\r\nA(: b\r\n", bad_head(NAME)),
        (b"Host: localhost\r\nA : b\r\n", bad_head(NAME)),
        (b"Host: localhost\r\nA\t: b\r\n", bad_head(NAME)),
        (b"Host: localhost\r\nA b: c\r\n", bad_head(NAME)),
        (b"Host: localhost\r\nA\r\n", bad_head(NAME)),
        (b"Host: localhost\r\n: b\r\n", bad_head(NAME)),
        (b"Host: localhost\r\nA: b\0c\r\n", bad_head(VALUE)),
        (b"Host: localhost\r\nA: b\x01c\r\n", bad_head(VALUE)),
        (b"Host: localhost\r\nA: b\x0bc\r\n", bad_head(VALUE)),
        (b"Host: localhost\r\nA: b\x1bc\r\n", bad_head(VALUE)),
        (b"Host: localhost\r\nA: b\x7fc\r\n", bad_head(VALUE)),
        (b"Host: localhost\r\nA: b\rc\r\n", bad_head(VALUE)),
        (b"Host: localhost\r\nA: b\r\rc\r\n", bad_head(VALUE)),
        (b"Host: localhost\r\nA: b\r\n c\r\n", bad_head(NAME)),
        (b"Host: localhost\r\nA: b\r\n\tc\r\n", bad_head(NAME)),
        (b"Host: localhost\r\nA:\r\n b\r\n", bad_head(NAME)),
        (b" Host: localhost\r\n", bad_head(NAME)),
        (b"\tHost: localhost\r\n", bad_head(NAME)),
        (b"Host: localhost\nA: b\r\n", bad_head(LINE_END)),
        (b"Host: localhost\r\nA: b\n", bad_head(LINE_END)),
        (b"Host: localhost\r\nA:\n", bad_head(LINE_END)),
        (b"Host: localhost\r\n\n", bad_head(LINE_END)),
        (b"Host: localhost\n\n", bad_head(LINE_END)),
        (b"Host: localhost\r\n\rA: b\r\n", bad_head(LINE_END)),
        (b"", bad(HOST)),
        (b"A: b\r\n", bad(HOST)),
        (b"Host: localhost\r\nHost: localhost\r\n", bad(HOST)),
        (b"Host: localhost\r\nhOST: other\r\n", bad(HOST)),
        (
            b"Host: localhost\r\nExpect: the-unexpected\r\n",
            Said::Error(
                417,
                "expectation_failed",
                "the only expectation met is 100-continue".into(),
            ),
        ),
        (
            b"Host: localhost\r\nExpect: 100-continue, more\r\n",
            Said::Error(
                417,
                "expectation_failed",
                "the only expectation met is 100-continue".into(),
            ),
        ),
    ];
    let refused = |(lines, said): (&[u8], Said)| {
        let mut bytes = b"GET /healthz HTTP/1.1\r\n".to_vec();
        bytes.extend_from_slice(lines);
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(request("GET", "/healthz", "", "").as_bytes());
        row(format!("the lines {:?}", lines.escape_ascii().to_string()))
            .send(bytes)
            .hears(said)
            .ends()
    };
    lines.into_iter().map(refused).collect()
}

fn taken() -> Vec<Row> {
    let taken = |lines: &str| {
        row(format!("the lines {lines:?}"))
            .send(with_lines(lines))
            .hears(Said::Status(200))
            .hears(Said::Status(200))
            .answers_on()
    };
    let forbidden = |host: &[u8]| {
        let sentence =
            "the Host is neither loopback nor the host of an allowed origin; see --allow-origin";
        let head = [b"GET /healthz HTTP/1.1\r\nHost: ", host, b"\r\n\r\n"].concat();
        row(format!("the host {:?}", host.escape_ascii().to_string()))
            .send(head)
            .hears(Said::Error(403, "forbidden_host", sentence.into()))
            .answers_on()
    };
    let rows = [
        taken("hOsT:localhost\r\n"),
        taken("Host: \t localhost \t \r\n"),
        taken("Host: localhost\r\nA:\r\nA: \r\nA:b\tc\r\n"),
        taken("Host: localhost\r\nA: \u{e9}\u{20ac}\r\n"),
        taken("Host: localhost\r\n!#$%&'*+-.^_`|~09: b\r\n"),
        forbidden(b"evil.example"),
        forbidden(b"localhost.evil.example"),
        forbidden(b"localhost, localhost"),
        forbidden(b"\xff"),
        forbidden(b""),
    ];
    rows.into()
}

fn headers_that_are_none_are_400<G: Ground>() {
    fire::<G>("", "", refused());
}

fn headers_that_are_unusual_are_taken<G: Ground>() {
    fire::<G>("", "", taken());
}

fn every_header_is_answered_alike_however_it_comes<G: Ground>() {
    let rows = [refused(), taken()].concat();
    fire::<G>("", "", rows.iter().map(Row::trickled));
    if G::SIMULATED {
        fire::<G>("", "", rows.iter().flat_map(Row::cuts));
    }
}

fn floods_of_headers_are_431<G: Ground>() {
    let too_large = || {
        let sentence = "the headers are over 16 KiB, or more than 100";
        Said::Error(431, "headers_too_large", sentence.into())
    };
    let flood = |name: &str, lines: String| {
        row(name)
            .send(format!(
                "GET /healthz HTTP/1.1\r\nHost: localhost\r\n{lines}"
            ))
            .hears(too_large())
            .ends()
    };
    let whole = |name: &str, lines: &str| {
        row(name)
            .send(request("GET", "/healthz", lines, ""))
            .hears(Said::Status(200))
            .answers_on()
    };
    // What the block holds beside the value of one header: itself, the Host, and the empty line.
    let beside = "Host: localhost\r\nA: \r\n\r\n".len();
    let line = |block_bytes: usize| format!("A: {}\r\n", "x".repeat(block_bytes - beside));
    let begun = |name: &str| row(name).send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: ");
    let rows = [
        whole("100 headers", &"A: b\r\n".repeat(99)),
        flood("101 headers", "A: b\r\n".repeat(100) + "\r\n"),
        flood("headers without end", "A: b\r\n".repeat(5000)),
        whole("a block of 16 KiB", &line(16 << 10)),
        flood(
            "a block of 16 KiB and a byte",
            line((16 << 10) + 1) + "\r\n",
        ),
        flood("a line without end", format!("A: {}", "x".repeat(60_000))),
        flood("a name without end", "A".repeat(60_000)),
        begun("a value without end, a piece at a time")
            .drip("x".repeat(1000), 0)
            .hears(too_large())
            .ends(),
        begun("headers without end, one at a time")
            .drip("b\r\nA: ", 0)
            .hears(too_large())
            .ends(),
        begun("a value of spaces without end")
            .drip(" ".repeat(1000), 0)
            .hears(too_large())
            .ends(),
    ];
    fire::<G>("", "", rows);
}
