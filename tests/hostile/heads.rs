//! Heads of requests, each read by itself: where two readers could disagree about one, it is refused.

use roomcast::wire::fault::Fault;
use roomcast::wire::request::{Framing, Head};

fn head(text: &str) -> Result<Option<usize>, Fault> {
    Head::parse(text.as_bytes()).map(|head| head.map(|(_, bytes)| bytes))
}

#[test]
fn a_head_is_whole_only_with_its_last_byte() {
    let text = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";
    for cut in 0..text.len() {
        assert_eq!(head(&text[..cut]), Ok(None), "cut at {cut}");
    }
    assert_eq!(head(text), Ok(Some(text.len())));
}

#[test]
fn bare_line_feeds_are_refused() {
    assert!(head("GET / HTTP/1.1\nHost: x\n\n").is_err());
    assert!(head("GET / HTTP/1.1\r\nHost: x\r\nA: b\n\r\n").is_err());
    assert!(head("\nGET / HTTP/1.1\r\nHost: x\r\n\r\n").is_err());
}

#[test]
fn exactly_one_host_is_needed() {
    assert_eq!(head("GET / HTTP/1.1\r\n\r\n"), Err(Fault::Host));
    assert_eq!(
        head("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        Err(Fault::Host)
    );
    assert!(head("GET / HTTP/1.0\r\n\r\n").is_ok());
}

#[test]
fn every_doubt_about_the_end_of_a_body_is_refused() {
    let framing = |headers: &str| {
        let text = format!("POST / HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        Head::parse(text.as_bytes()).unwrap().unwrap().0.framing()
    };
    assert_eq!(framing(""), Ok(Framing::Length(0)));
    assert_eq!(framing("Content-Length: 12\r\n"), Ok(Framing::Length(12)));
    assert_eq!(
        framing("Transfer-Encoding: Chunked\r\n"),
        Ok(Framing::Chunked)
    );
    assert_eq!(
        framing("Content-Length: 1\r\nContent-Length: 1\r\n"),
        Err(Fault::Length)
    );
    assert_eq!(framing("Content-Length: +1\r\n"), Err(Fault::Length));
    assert_eq!(
        framing("Content-Length: 99999999999999999999\r\n"),
        Err(Fault::Length)
    );
    assert_eq!(
        framing("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
        Err(Fault::LengthAndChunked)
    );
    assert_eq!(
        framing("Transfer-Encoding: gzip, chunked\r\n"),
        Err(Fault::Coding)
    );
}
