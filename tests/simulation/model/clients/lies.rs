//! What clients may do wrong on the wire, each with the one status or close code that answers it.

use super::super::runs::chance::Chance;
use super::super::wire::deflate;
use super::super::wire::frames::{self, BINARY, CLOSE, CONTINUATION, PING, TEXT, frame, header};

/// Frames that break a rule of RFC 6455, or a limit, and the close code for it.
pub fn frames(chance: &mut Chance, message_bytes_max: usize, deflates: bool) -> (Vec<u8>, u16) {
    let most = message_bytes_max as u64;
    let begun = frame(false, TEXT, b"begun");
    let after = |before: &[u8], bytes: Vec<u8>| [before, &bytes].concat();
    match chance.below(28) {
        0 => (vec![0x81, 0x02, b'h', b'i'], 1002),
        1 => (vec![0x89, 0x00], 1002),
        2 if deflates => (frame(true, 0x40 | TEXT, &[0xff; 9]), 1007),
        2 => (frame(true, 0x40 | TEXT, b"rsv1"), 1002),
        3 => (frame(true, 0x20 | BINARY, b""), 1002),
        4 => (frame(true, 0x10 | PING, b"rsv3"), 1002),
        5 => (
            frame(true, chance.pick(&[3, 4, 5, 6, 7]), b"reserved"),
            1002,
        ),
        6 => (frame(true, chance.pick(&[11, 12, 13, 14, 15]), b""), 1002),
        7 => (frame(false, PING, b"a"), 1002),
        8 => (frame(false, CLOSE, b""), 1002),
        9 => (frame(true, PING, &[0; 126]), 1002),
        10 => (frame(true, CONTINUATION, b"of nothing"), 1002),
        11 => (after(&begun, frame(true, TEXT, b"another")), 1002),
        12 => (after(&begun, frame(false, BINARY, b"")), 1002),
        13 => (vec![0x81, 0x80 | 126, 0, 5, 1, 2, 3, 4], 1002),
        14 => (
            vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4],
            1002,
        ),
        15 => (
            vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
            1002,
        ),
        16 => (frame(true, CLOSE, b"\x03"), 1002),
        17 => {
            let codes = [0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65535];
            (frames::close(chance.pick(&codes), "why"), 1002)
        }
        18 => (frame(true, CLOSE, b"\x03\xe8\xff"), 1007),
        19 => (frame(true, TEXT, b"\xc3("), 1007),
        20 => (frame(true, TEXT, b"cut \xe2\x82"), 1007),
        21 => (
            after(
                &frame(false, TEXT, b"cut \xf0\x9f"),
                frame(true, CONTINUATION, b"here"),
            ),
            1007,
        ),
        22 if deflates => {
            let bomb = deflate::compress(&vec![0; message_bytes_max + 1]);
            (frame(true, 0x40 | BINARY, &bomb), 1009)
        }
        23 if deflates => {
            let half = frame(false, 0x40 | TEXT, &deflate::compress(b"half"));
            (after(&half, frame(true, 0x40 | CONTINUATION, b"")), 1002)
        }
        24 if deflates => {
            let bad = deflate::compress(b"bad \xff text");
            (frame(true, 0x40 | TEXT, &bad), 1007)
        }
        25 => (frame(true, 0x40 | PING, b"rsv1"), 1002),
        22 => (header(0x82, most + 1 + chance.below(1 << 20) as u64), 1009),
        _ => {
            let half = frame(false, BINARY, &vec![7; message_bytes_max / 2 + 1]);
            (after(&half, header(0x80, most - most / 2)), 1009)
        }
    }
}

/// A request that breaks a rule of RFC 9112, or a limit, and the status for it.
pub fn request(chance: &mut Chance, body_bytes_max: usize) -> (Vec<u8>, u16) {
    let post = |rest: &str| format!("POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{rest}");
    let get = |rest: &str| format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{rest}\r\n");
    let (text, status) = match chance.below(22) {
        0 => (
            "\x16\x03\x01\x02 and what else TLS says\r\n\r\n".into(),
            400,
        ),
        1 => ("GET\r\n\r\n".into(), 400),
        2 => (
            "GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n".into(),
            400,
        ),
        3 => ("GET /healthz HTTP/1.1\r\n\r\n".into(), 400),
        4 => (get("Host: localhost\r\n"), 400),
        5 => (get("A header: with a space\r\n"), 400),
        6 => ("GET /healthz HTTP/1.1\nHost: localhost\n\n".into(), 400),
        7 => (
            "GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
            400,
        ),
        8 => (
            post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"),
            400,
        ),
        9 => (post("Content-Length: 2\r\nContent-Length: 2\r\n\r\n"), 400),
        10 => (post("Content-Length: -1\r\n\r\n"), 400),
        11 => (post("Content-Length: 1e3\r\n\r\n"), 400),
        12 => (post("Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400),
        13 => (post("Transfer-Encoding: chunked\r\n\r\n2\r\n{}2\r\n"), 400),
        14 => (post("Transfer-Encoding: gzip\r\n\r\n"), 501),
        15 => (post("Transfer-Encoding: chunked, chunked\r\n\r\n"), 501),
        16 => (post("Expect: a miracle\r\nContent-Length: 2\r\n\r\n"), 417),
        17 => (
            post(&format!("Content-Length: {}\r\n\r\n", body_bytes_max + 1)),
            413,
        ),
        18 => {
            let size = body_bytes_max / 2 + 1;
            let chunk = format!("{size:x}\r\n{}\r\n{size:X}\r\n", "a".repeat(size));
            (
                post(&format!("Transfer-Encoding: chunked\r\n\r\n{chunk}")),
                413,
            )
        }
        19 => (
            format!(
                "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "a".repeat(8200)
            ),
            414,
        ),
        20 => (get(&format!("A: {}\r\n", "b".repeat(16 << 10))), 431),
        _ => (get(&"A: b\r\n".repeat(101)), 431),
    };
    (text.into_bytes(), status)
}
