//! Text that is not UTF-8, wrong at every place and cut at every place: 1007. And text that is, cut at every place:
//! delivered.

use crate::battery::{echo, fire};
use crate::ground::Ground;
use crate::harness::http::{Frame, frame};
use crate::row::{Row, close, open};

const NOT_UTF_8: &str = "text must be UTF-8";

on_both! {
    text_that_is_not_utf_8_is_1007_wherever_it_is_wrong_and_cut
    a_bad_byte_ends_the_message_before_the_rest_of_it_comes
    text_that_is_utf_8_is_delivered_wherever_it_is_cut
}

/// Bytes that no text holds, by RFC 3629 §3 and §4.
const BAD: [&[u8]; 30] = [
    // Truncated, by the end or by what follows.
    b"\xc3",
    b"\xe2",
    b"\xe2\x82",
    b"\xf0",
    b"\xf0\x9f",
    b"\xf0\x9f\x98",
    b"\xe2(\xa1",
    b"\xe2\x82(",
    b"\xf0(\x8c\xbc",
    b"\xf0\x90(\xbc",
    b"\xf0\x90\x8c(",
    // Continuations of nothing.
    b"\x80",
    b"\xbf",
    b"\xc3\xa9\xa9",
    // Overlong.
    b"\xc0\x80",
    b"\xc0\xaf",
    b"\xc1\xbf",
    b"\xe0\x80\xaf",
    b"\xe0\x9f\xbf",
    b"\xf0\x80\x80\xaf",
    b"\xf0\x8f\xbf\xbf",
    // Surrogates, alone and as a pair.
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xed\xa0\xbd\xed\xb8\x80",
    // Beyond U+10FFFF.
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    // Never a byte of any text.
    b"\xfe",
    b"\xff",
];

/// Every bad sequence at the front, in the middle and at the end of a text.
fn bad_texts() -> Vec<Vec<u8>> {
    let each = BAD.into_iter().flat_map(|bad| {
        let good = "\u{e9}\u{20ac}".as_bytes();
        [
            bad.to_vec(),
            [bad, good].concat(),
            [good, bad, good].concat(),
            [good, bad].concat(),
        ]
    });
    each.collect()
}

/// Two frames of one message.
fn cut_frames(text: &[u8], at: usize) -> Vec<u8> {
    [frame(0x01, &text[..at]), frame(0x80, &text[at..])].concat()
}

fn refused(name: String, bytes: Vec<u8>) -> Row {
    open(name).send(bytes).hears(close(1007, NOT_UTF_8)).ends()
}

fn text_that_is_not_utf_8_is_1007_wherever_it_is_wrong_and_cut<G: Ground>() {
    let mut rows = Vec::new();
    for text in bad_texts() {
        let name = text.escape_ascii().to_string();
        let whole = refused(name.clone(), frame(0x81, &text));
        rows.extend(whole.cuts());
        rows.extend([whole.trickled(), whole]);
        for at in 0..=text.len() {
            let cut = refused(
                format!("{name} in frames cut at {at}"),
                cut_frames(&text, at),
            );
            rows.extend([cut.trickled(), cut]);
        }
    }
    fire::<G>("--echo", "", rows);
}

fn a_bad_byte_ends_the_message_before_the_rest_of_it_comes<G: Ground>() {
    // What is bad once its last byte is there, and does not need to be followed by anything.
    let rows = BAD.iter().skip(11).flat_map(|bad| {
        let text = [b"ok ", *bad, &[b'x'; 200]].concat();
        let header_bytes = 8;
        let whole = frame(0x81, &text)[..header_bytes + 3 + bad.len()].to_vec();
        let fragment = frame(0x01, [b"ok ", *bad].concat());
        let name = bad.escape_ascii().to_string();
        let begun = refused(format!("{name} and no more of the frame"), whole);
        let ended = refused(format!("{name} and no more of the message"), fragment);
        [begun.trickled(), begun, ended.trickled(), ended]
    });
    fire::<G>("--echo", "", rows);
}

fn text_that_is_utf_8_is_delivered_wherever_it_is_cut<G: Ground>() {
    let ground = G::open("--echo", "");
    let books = crate::books::Books::of(&ground);
    // The first and the last character of every length, and those beside the surrogates.
    let text = "\0\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}\u{fffe}";
    let mut line = echo(&ground, "");
    let mut is_echoed = |pieces: &[&[u8]], how: String| {
        for piece in pieces {
            line.send(piece);
        }
        let (first, payload) = (0x81, text.as_bytes().to_vec());
        assert_eq!(line.frame(), Frame { first, payload }, "{how}");
    };
    let whole = frame(0x81, text);
    for at in 1..whole.len() {
        is_echoed(
            &[&whole[..at], &whole[at..]],
            format!("one frame cut at {at}"),
        );
    }
    for at in 0..=text.len() {
        let frames = cut_frames(text.as_bytes(), at);
        is_echoed(&[&frames], format!("two frames cut at {at}"));
        let bytes: Vec<&[u8]> = frames.chunks(1).collect();
        is_echoed(&bytes, format!("two frames cut at {at}, byte by byte"));
    }
    drop(line);
    crate::battery::serves(&ground, &books);
}
