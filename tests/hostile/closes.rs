//! Close frames: every code, half a code, and reasons that are none.

use crate::battery::fire;
use crate::ground::Ground;
use crate::harness::http::frame;
use crate::row::{Row, Said, close, open};

const CODE: &str = "the close code is not one that may be sent";

on_both! {
    every_close_code_is_echoed_or_1002
    close_frames_with_a_reason_are_answered_by_its_code
    nothing_behind_a_close_frame_has_a_meaning
}

/// The codes that RFC 6455 §7.4 and the registry it opened let an endpoint send.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn closes(name: String, payload: impl AsRef<[u8]>, said: Said) -> Row {
    open(name).send(frame(0x88, payload)).hears(said).ends()
}

fn every_close_code_is_echoed_or_1002<G: Ground>() {
    let code = |code: u16| {
        let said = if may_be_sent(code) {
            close(code, "")
        } else {
            close(1002, CODE)
        };
        closes(format!("the code {code}"), code.to_be_bytes(), said)
    };
    fire::<G>(
        "--echo",
        "",
        (0..=5000).chain([32_767, 32_768, 65_535]).map(code),
    );
}

fn close_frames_with_a_reason_are_answered_by_its_code<G: Ground>() {
    let reason = |reason: &[u8], said: Said| {
        let payload = [b"\x03\xe8", reason].concat();
        closes(
            format!("the reason {:?}", reason.escape_ascii().to_string()),
            payload,
            said,
        )
    };
    let normal = || close(1000, "");
    let not_text = || close(1007, "text must be UTF-8");
    let mut rows = vec![
        closes("no code".into(), "", close(1005, "")),
        closes("half a code, 0".into(), [0], close(1002, CODE)),
        closes("half a code, 3".into(), [3], close(1002, CODE)),
        closes("half a code, 255".into(), [255], close(1002, CODE)),
        closes(
            "a bad code with a bad reason".into(),
            b"\x00\x00\xff",
            close(1002, CODE),
        ),
        closes(
            "a bad code with a good reason".into(),
            b"\x03\xedok",
            close(1002, CODE),
        ),
        reason(b"goodbye", normal()),
        reason("goodbye \u{fc}\u{20ac}\u{1f600}".as_bytes(), normal()),
        reason(b"\0", normal()),
        reason(&[b'x'; 123], normal()),
        reason(
            &[b'x'; 124],
            close(1002, "a control frame carries at most 125 bytes"),
        ),
    ];
    let whole = "\u{20ac}\u{1f600}".as_bytes();
    for end in 1..whole.len() {
        let at_a_character = std::str::from_utf8(&whole[..end]).is_ok();
        let said = if at_a_character { normal() } else { not_text() };
        rows.push(reason(&whole[..end], said));
    }
    for bad in [
        &b"\xff"[..],
        b"a\xffb",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\x80",
    ] {
        rows.push(reason(bad, not_text()));
    }
    let trickled: Vec<Row> = rows.iter().map(Row::trickled).collect();
    fire::<G>("--echo", "", [rows, trickled].concat());
}

fn nothing_behind_a_close_frame_has_a_meaning<G: Ground>() {
    let behind = [
        ("a message", frame(0x81, "hello")),
        ("a ping", frame(0x89, "?")),
        ("a close frame", frame(0x88, b"\x03\xe9")),
        ("a bad frame", vec![0xff; 100]),
        ("half a frame", frame(0x82, [7; 100])[..50].to_vec()),
        (
            "a request",
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        ),
        ("very much", vec![0x81; 1 << 20]),
    ];
    let rows = behind.into_iter().flat_map(|(name, bytes)| {
        let ends = |row: Row| row.hears(close(1000, "")).ends();
        let goodbye = frame(0x88, b"\x03\xe8");
        [
            ends(open(name).send([goodbye.clone(), bytes.clone()].concat())),
            ends(
                open(format!("{name}, later"))
                    .send(goodbye.clone())
                    .send(bytes.clone()),
            ),
            ends(
                open(format!("{name}, in a message"))
                    .send([frame(0x01, "begun"), goodbye, bytes].concat()),
            ),
        ]
    });
    fire::<G>("--echo", "", rows);
}
