//! Bodies whose end two readers could see in different places: refused, with nothing behind them answered. And those
//! that have only one end: taken, with the request behind them answered once.

use crate::battery::fire;
use crate::ground::Ground;
use crate::harness::http::request;
use crate::row::{Row, Said, bad, bad_head, row};

const EVENT: &str = r#"{"type":"chat:said","payload":{}}"#;
const LENGTH: &str = "Content-Length must be one decimal number";
const BOTH: &str = "Content-Length and Transfer-Encoding exclude each other";
const CHUNK: &str = "the body is not chunked as its head says";

on_both! {
    framing_that_is_doubtful_is_refused
    chunks_that_are_none_are_refused
    bodies_over_the_limit_are_refused_before_they_come
    what_has_one_end_is_taken_and_what_follows_is_answered
    every_body_is_answered_alike_however_it_comes
}

/// A request whose end is in doubt, and what would be smuggled if somebody saw it in the wrong place.
fn doubtful(headers: &str, body: &str) -> Vec<u8> {
    let smuggled = request("GET", "/healthz", "", "");
    (request("POST", "/api/v1/events", headers, "") + body + &smuggled).into_bytes()
}

fn coding() -> Said {
    let sentence = "the only transfer coding taken is chunked, once";
    Said::Error(501, "not_implemented", sentence.into())
}

fn too_large() -> Said {
    Said::Error(
        413,
        "body_too_large",
        "the body is over 1048576 bytes".into(),
    )
}

fn doubts() -> Vec<Row> {
    let name = || bad_head("a header name has a character that it may not have");
    let value = || bad_head("a header value has a character that it may not have");
    let headers: Vec<(&str, Said)> = vec![
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", bad(BOTH)),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", bad(BOTH)),
        ("transfer-encoding: chunked\r\ncontent-length: 0", bad(BOTH)),
        (
            "Transfer-Encoding: identity\r\nContent-Length: 5",
            bad(BOTH),
        ),
        ("Transfer-Encoding: \r\nContent-Length: 5", bad(BOTH)),
        ("Content-Length: 5\r\nContent-Length: 5", bad(LENGTH)),
        ("Content-Length: 5\r\nContent-Length: 0", bad(LENGTH)),
        ("Content-Length: 0\r\ncontent-length: 5", bad(LENGTH)),
        ("Content-Length: 5\r\nContent-Length: x", bad(LENGTH)),
        ("Content-Length: 5, 5", bad(LENGTH)),
        ("Content-Length: 5, 0", bad(LENGTH)),
        ("Content-Length: 5,", bad(LENGTH)),
        ("Content-Length: 5;", bad(LENGTH)),
        ("Content-Length:", bad(LENGTH)),
        ("Content-Length: +5", bad(LENGTH)),
        ("Content-Length: -5", bad(LENGTH)),
        ("Content-Length: -0", bad(LENGTH)),
        ("Content-Length: 0x5", bad(LENGTH)),
        ("Content-Length: 5.0", bad(LENGTH)),
        ("Content-Length: 5e0", bad(LENGTH)),
        ("Content-Length: 5 0", bad(LENGTH)),
        ("Content-Length: five", bad(LENGTH)),
        ("Content-Length: \"5\"", bad(LENGTH)),
        ("Content-Length: \u{665}", bad(LENGTH)),
        ("Content-Length: 18446744073709551616", bad(LENGTH)),
        ("Content-Length: 99999999999999999999999999999", bad(LENGTH)),
        ("Content-Length: 18446744073709551615", too_large()),
        ("Content-Length: 9223372036854775808", too_large()),
        ("Content-Length: 4294967301", too_large()),
        ("Content-Length : 5", name()),
        ("Content-Length\t: 5", name()),
        ("Content-Length: 5\r\n 0", name()),
        ("Content-Length:\r\n 5", name()),
        (" Content-Length: 5", name()),
        ("Content-Length\0: 5", name()),
        ("Content-Length: 5\0", value()),
        ("Content-Length: \u{b}5", value()),
        ("A: b\rContent-Length: 5", value()),
        (
            "A: b\nContent-Length: 5",
            bad_head("a line must end with CR LF"),
        ),
        ("Transfer-Encoding: identity", coding()),
        ("Transfer-Encoding: xchunked", coding()),
        ("Transfer-Encoding: chunkedx", coding()),
        ("Transfer-Encoding: gzip", coding()),
        ("Transfer-Encoding: gzip, chunked", coding()),
        ("Transfer-Encoding: chunked, gzip", coding()),
        ("Transfer-Encoding: chunked, chunked", coding()),
        ("Transfer-Encoding: chunked, identity", coding()),
        ("Transfer-Encoding: chunked,", coding()),
        ("Transfer-Encoding: , chunked", coding()),
        ("Transfer-Encoding: chunked;q=1", coding()),
        ("Transfer-Encoding: \"chunked\"", coding()),
        ("Transfer-Encoding: 'chunked'", coding()),
        ("Transfer-Encoding: chu nked", coding()),
        ("Transfer-Encoding:", coding()),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            coding(),
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            coding(),
        ),
        (
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            coding(),
        ),
        ("Transfer-Encoding: chun\u{212a}ed", coding()),
        ("Transfer-Encoding : chunked", name()),
        ("Transfer-Encoding\t: chunked", name()),
        ("Transfer-Encoding:\r\n chunked", name()),
        ("Transfer-Encoding: chunked\r\n , gzip", name()),
        ("Transfer-Encoding\0: chunked", name()),
        ("Transfer-Encoding: \u{b}chunked", value()),
        ("Transfer-Encoding: chunked\0", value()),
        ("Transfer-Encoding: \rchunked", value()),
    ];
    let rows = headers.into_iter().map(|(header, said)| {
        row(format!("the headers {header:?}"))
            .send(doubtful(&format!("{header}\r\n"), "0\r\n\r\n"))
            .hears(said)
            .ends()
    });
    let old = doubtful("Transfer-Encoding: chunked\r\n", "0\r\n\r\n");
    let old = String::from_utf8(old)
        .unwrap()
        .replacen("HTTP/1.1", "HTTP/1.0", 1);
    let old = row("chunks of HTTP/1.0").send(old).hears(coding()).ends();
    rows.chain([old]).collect()
}

fn chunks() -> Vec<Row> {
    let flood = "x".repeat(300);
    let trailers = |lines: &str| format!("0\r\n{lines}\r\n");
    let bodies = [
        "\r\n".into(),
        " \r\n".into(),
        " 1\r\nx\r\n0\r\n\r\n".into(),
        "\t1\r\nx\r\n0\r\n\r\n".into(),
        "zz\r\n".into(),
        "-1\r\n".into(),
        "-0\r\n\r\n".into(),
        "+1\r\nx\r\n0\r\n\r\n".into(),
        "0x1\r\nx\r\n0\r\n\r\n".into(),
        "1_0\r\n".into(),
        "1g\r\n".into(),
        "1 1\r\nx\r\n".into(),
        "1,1\r\nx\r\n".into(),
        "\"1\"\r\nx\r\n".into(),
        "\0\r\n".into(),
        "1\0\r\nx\r\n".into(),
        ";a\r\nx\r\n0\r\n\r\n".into(),
        "10000000000000000\r\n".into(),
        "00000000000000000000001\r\nx\r\n0\r\n\r\n".into(),
        "1\nx\n0\n\n".into(),
        "1\nx\r\n0\r\n\r\n".into(),
        "1\rx\r\n0\r\n\r\n".into(),
        "1\r\rx\r\n0\r\n\r\n".into(),
        "1\r\nxx\r\n0\r\n\r\n".into(),
        "1\r\nx0\r\n\r\n".into(),
        "1\r\nx\n0\r\n\r\n".into(),
        "1\r\nx\r0\r\n\r\n".into(),
        "1\r\nx\r\r0\r\n\r\n".into(),
        "2\r\nx\r\n0\r\n\r\n".into(),
        "1;a\nb\r\nx\r\n0\r\n\r\n".into(),
        "1;a\rb\r\nx\r\n0\r\n\r\n".into(),
        format!("1;{flood}\r\nx\r\n0\r\n\r\n"),
        format!("1;{flood}"),
        format!("1{flood}"),
        "0\r\n\n".into(),
        "0\n\r\n".into(),
        trailers("A: b\n"),
        trailers("A b\r\n"),
        trailers("A : b\r\n"),
        trailers("A: b\r\n c\r\n"),
        trailers("A: b\0\r\n"),
        trailers(": b\r\n"),
        trailers(&"A: b\r\n".repeat(200)),
        trailers(&format!("A: {}\r\n", "b".repeat(17_000))),
        format!("0\r\nA: {}", "b".repeat(17_000)),
    ];
    let refused = |body: String| {
        row(format!("the chunks {:?}", &body[..body.len().min(40)]))
            .send(doubtful("Transfer-Encoding: chunked\r\n", &body))
            .hears(bad(CHUNK))
            .ends()
    };
    bodies.into_iter().map(refused).collect()
}

fn taken() -> Vec<Row> {
    let length = EVENT.len();
    let chunked = |body: String| ("Transfer-Encoding: chunked\r\n".to_owned(), body);
    let whole = format!("{length:x}\r\n{EVENT}\r\n");
    let (front, back) = EVENT.split_at(9);
    let bodies = [
        (format!("Content-Length: {length}\r\n"), EVENT.to_owned()),
        (
            format!("Content-Length: \t {length} \t \r\n"),
            EVENT.to_owned(),
        ),
        (
            format!("Content-Length: 0000000000000000000000{length}\r\n"),
            EVENT.to_owned(),
        ),
        (
            format!("Content-Lengths: 1\r\nContent-Length: {length}\r\n"),
            EVENT.to_owned(),
        ),
        (
            format!("Content_Length: 1\r\nContent-Length: {length}\r\n"),
            EVENT.to_owned(),
        ),
        (
            format!("Transfer_Encoding: chunked\r\nContent-Length: {length}\r\n"),
            EVENT.to_owned(),
        ),
        (
            "transfer-encoding: CHUNKED\r\n".to_owned(),
            format!("{whole}0\r\n\r\n"),
        ),
        (
            "Transfer-Encoding:\t chunked \t\r\n".to_owned(),
            format!("{whole}0\r\n\r\n"),
        ),
        chunked(format!(
            "9\r\n{front}\r\n{:X}\r\n{back}\r\n0\r\n\r\n",
            back.len()
        )),
        chunked(format!("000{length:x}\r\n{EVENT}\r\n000\r\n\r\n")),
        chunked(format!("{length:x};a=b\r\n{EVENT}\r\n0;c\r\n\r\n")),
        chunked(format!("{length:x} ; a=\"b\"\r\n{EVENT}\r\n0\r\n\r\n")),
        chunked(format!("{whole}0\r\nA: b\r\nC: d\r\n\r\n")),
        chunked(format!(
            "{whole}0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        )),
        chunked(format!("{whole}0\r\nHost: evil.example\r\n\r\n")),
    ];
    let taken = |(headers, body): (String, String)| {
        row(format!("the headers {headers:?} and the body {body:?}"))
            .send(doubtful(&headers, &body))
            .hears(Said::Status(202))
            .hears(Said::Status(200))
            .answers_on()
    };
    let unread = |method: &str, said: Said| {
        let smuggled = request("GET", "/nothing", "", "");
        let headers = format!("Content-Length: {}\r\n", smuggled.len());
        row(format!("a {method} with a request for a body"))
            .send(request(method, "/healthz", &headers, "") + &smuggled)
            .hears(said)
            .answers_on()
    };
    let no_method = "DELETE is not a method of this path".into();
    let rows = bodies.into_iter().map(taken);
    rows.chain([
        unread("GET", Said::Status(200)),
        unread("DELETE", Said::Error(405, "method_not_allowed", no_method)),
        unread("OPTIONS", Said::Status(204)),
    ])
    .collect()
}

fn framing_that_is_doubtful_is_refused<G: Ground>() {
    fire::<G>("", "", doubts());
}

fn chunks_that_are_none_are_refused<G: Ground>() {
    fire::<G>("", "", chunks());
}

fn what_has_one_end_is_taken_and_what_follows_is_answered<G: Ground>() {
    fire::<G>("", "", taken());
}

fn every_body_is_answered_alike_however_it_comes<G: Ground>() {
    let rows = [doubts(), chunks(), taken()].concat();
    let short = |row: &&Row| row.last_write().len() < 1000;
    fire::<G>("", "", rows.iter().filter(short).map(Row::trickled));
    if G::SIMULATED {
        fire::<G>("", "", rows.iter().filter(short).flat_map(Row::cuts));
    }
}

fn bodies_over_the_limit_are_refused_before_they_come<G: Ground>() {
    let over = |max: u32| {
        Said::Error(
            413,
            "body_too_large",
            format!("the body is over {max} bytes"),
        )
    };
    let chunked = "Transfer-Encoding: chunked\r\n";
    let chunk = |bytes: usize| format!("{bytes:x}\r\n{}\r\n", " ".repeat(bytes));
    let body = |bytes: usize| format!("{EVENT}{}", " ".repeat(bytes - EVENT.len()));
    let asks = "Expect: 100-continue\r\nContent-Length: 1001\r\n";
    let refused = |name: &str, headers: &str, body: String| {
        row(name)
            .send(doubtful(headers, &body))
            .hears(over(1000))
            .ends()
    };
    let rows = [
        row("just as long")
            .send(request("POST", "/api/v1/events", "", &body(1000)))
            .hears(Said::Status(202))
            .answers_on(),
        refused("a byte too long", "Content-Length: 1001\r\n", body(1001)),
        row("only announced")
            .send(request(
                "POST",
                "/api/v1/events",
                "Content-Length: 1001\r\n",
                "",
            ))
            .hears(over(1000))
            .ends(),
        row("asked for first")
            .send(request("POST", "/api/v1/events", asks, ""))
            .hears(over(1000))
            .ends(),
        refused(
            "sent on and on",
            "Content-Length: 3000000\r\n",
            " ".repeat(3_000_000),
        ),
        refused("in chunks", chunked, chunk(400).repeat(3)),
        refused("a chunk that is only announced", chunked, "3e9\r\n".into()),
        refused(
            "the largest chunk there is",
            chunked,
            "ffffffffffffffff\r\n".into(),
        ),
        refused(
            "chunks that add up beyond 64 bits",
            chunked,
            chunk(1) + "ffffffffffffffff\r\n",
        ),
        refused(
            "chunks of a byte without end",
            chunked,
            chunk(1).repeat(1001),
        ),
    ];
    fire::<G>("--max-body 1000", "", rows);
}
