//! Frames that break a rule of RFC 6455 §5: one close frame with 1002 answers each, and nothing behind it has a
//! meaning.

use crate::battery::fire;
use crate::ground::Ground;
use crate::harness::http::frame;
use crate::row::{Row, Said, close, compressed, open};

const BITS: &str = "a reserved bit is set without an extension for it";
const UNMASKED: &str = "a client's frames must be masked";
const LONG: &str = "a control frame carries at most 125 bytes";
const FRAGMENTED: &str = "a control frame cannot be fragmented";
const NOTHING: &str = "a continuation came without a message to continue";
const INTERLEAVED: &str = "a message began inside another";

on_both! {
    reserved_bits_are_1002
    reserved_opcodes_are_1002
    frames_without_a_mask_are_1002
    control_frames_that_are_long_or_in_fragments_are_1002
    fragments_out_of_order_are_1002
    frames_that_keep_the_rules_are_answered
    every_frame_is_answered_alike_however_it_comes
}

const OPCODES: [u8; 6] = [0, 1, 2, 8, 9, 10];
const FIN: u8 = 0x80;

/// A client that breaks a rule, and has more to say behind it.
fn breaks(client: Row, bytes: &[u8], reason: &str) -> Row {
    let behind = [frame(0x81, "not to be echoed"), frame(0x89, "?")].concat();
    client
        .send([bytes, &behind].concat())
        .hears(close(1002, reason))
        .ends()
}

/// Every set of reserved bits at every opcode, unless that is how a compressed message begins.
fn bits() -> Vec<Row> {
    let mut rows = Vec::new();
    for opcode in OPCODES {
        for bits in 1..8u8 {
            for payload in ["", "x"] {
                let first = FIN | bits << 4 | opcode;
                let bytes = frame(first, payload);
                let name = format!("{first:#04x} and {payload:?}");
                rows.push(breaks(open(&name), &bytes, BITS));
                if bits != 4 || !matches!(opcode, 1 | 2) {
                    rows.push(breaks(compressed(name + ", compressed"), &bytes, BITS));
                }
            }
        }
    }
    // A continuation has no bit of its own, whatever it continues (RFC 7692 §6.1).
    for begun in [0x01, 0x41] {
        let bytes = [frame(begun, "a"), frame(0xc0, "b")].concat();
        let name = format!("0xc0 behind {begun:#04x}, compressed");
        rows.push(breaks(compressed(name), &bytes, BITS));
    }
    rows
}

fn opcodes() -> Vec<Row> {
    let mut rows = Vec::new();
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for first in [opcode, FIN | opcode] {
            for payload in ["", "x"] {
                let reason = format!("opcode {opcode} is reserved");
                let (bytes, name) = (
                    frame(first, payload),
                    format!("{first:#04x} and {payload:?}"),
                );
                rows.push(breaks(open(&name), &bytes, &reason));
                let begun = [frame(0x01, "begun"), bytes].concat();
                rows.push(breaks(compressed(name + " in a message"), &begun, &reason));
            }
        }
    }
    rows
}

fn unmasked() -> Vec<Row> {
    let firsts = OPCODES
        .into_iter()
        .flat_map(|opcode| [opcode, FIN | opcode]);
    let frames = firsts.flat_map(|first| [vec![first, 0], vec![first, 2, b'h', b'i']]);
    let rows = frames.map(|bytes| breaks(open(format!("{bytes:02x?}")), &bytes, UNMASKED));
    let long = [&[0x82, 126, 0, 126][..], &[7; 126]].concat();
    rows.chain([breaks(open("a long one"), &long, UNMASKED)])
        .collect()
}

fn controls() -> Vec<Row> {
    let mut rows = Vec::new();
    for opcode in [8, 9, 10u8] {
        for bytes in [126, 127, 65_535, 65_536] {
            let name = format!("opcode {opcode} of {bytes} bytes");
            rows.push(breaks(
                open(name),
                &frame(FIN | opcode, vec![7; bytes]),
                LONG,
            ));
        }
        // The length is known before the payload has come.
        let header = frame(FIN | opcode, [7; 126])[..8].to_vec();
        let only = open(format!("opcode {opcode}, only the header of a long one"));
        rows.push(only.send(header).hears(close(1002, LONG)).ends());
        for payload in ["", "x"] {
            let name = format!("opcode {opcode} with {payload:?} in fragments");
            rows.push(breaks(open(&name), &frame(opcode, payload), FRAGMENTED));
            let begun = [frame(0x01, "begun"), frame(opcode, payload)].concat();
            rows.push(breaks(open(name + " in a message"), &begun, FRAGMENTED));
        }
    }
    rows
}

fn order() -> Vec<Row> {
    let mut rows = Vec::new();
    for payload in ["", "x"] {
        for first in [0x00, 0x80] {
            let name = format!("{first:#04x} and {payload:?}");
            let of_nothing = frame(first, payload);
            rows.push(breaks(open(&name), &of_nothing, NOTHING));
            let control = [frame(0x8a, ""), of_nothing.clone()].concat();
            rows.push(breaks(
                open(format!("{name} behind a pong")),
                &control,
                NOTHING,
            ));
            let whole = [
                frame(0x8a, ""),
                frame(0x01, "a"),
                frame(0x80, "b"),
                of_nothing,
            ]
            .concat();
            let echoed = open(format!("{name} behind a whole message"))
                .send(whole)
                .hears(Said::Frame(0x81, b"ab".to_vec()))
                .hears(close(1002, NOTHING))
                .ends();
            rows.push(echoed);
        }
        for begun in [0x01, 0x02] {
            for first in [0x01, 0x02, 0x81, 0x82] {
                let name = format!("{first:#04x} and {payload:?} in {begun:#04x}");
                let two = [frame(begun, payload), frame(first, payload)].concat();
                rows.push(breaks(open(&name), &two, INTERLEAVED));
                let three = [
                    frame(begun, payload),
                    frame(0x00, payload),
                    frame(first, ""),
                ];
                rows.push(breaks(
                    open(name + " continued"),
                    &three.concat(),
                    INTERLEAVED,
                ));
            }
        }
    }
    rows
}

fn kept() -> Vec<Row> {
    let echoed = |name: &str, bytes: Vec<u8>, first: u8, payload: &[u8]| {
        open(name)
            .send(bytes)
            .hears(Said::Frame(first, payload.to_vec()))
            .stays_open()
    };
    let every: Vec<u8> = (0..=255).collect();
    let pieces = "in pieces".as_bytes().chunks(1);
    let pieces = pieces.flat_map(|piece| frame(0x00, piece));
    let pieces = [frame(0x01, ""), pieces.collect(), frame(0x80, "")].concat();
    vec![
        echoed("an empty text", frame(0x81, ""), 0x81, b""),
        echoed(
            "a text of 125 bytes",
            frame(0x81, [b'x'; 125]),
            0x81,
            &[b'x'; 125],
        ),
        echoed(
            "a text of 126 bytes",
            frame(0x81, [b'x'; 126]),
            0x81,
            &[b'x'; 126],
        ),
        echoed("binary with every byte", frame(0x82, &every), 0x82, &every),
        echoed("a message in pieces", pieces, 0x81, b"in pieces"),
        echoed(
            "a ping of 125 bytes",
            frame(0x89, [7; 125]),
            0x8a,
            &[7; 125],
        ),
        open("a pong that nobody asked for")
            .send(frame(0x8a, "?"))
            .stays_open(),
        open("control frames in a message")
            .send(
                [
                    frame(0x01, "a"),
                    frame(0x89, "?"),
                    frame(0x8a, "!"),
                    frame(0x80, "b"),
                ]
                .concat(),
            )
            .hears(Said::Frame(0x8a, b"?".to_vec()))
            .hears(Said::Frame(0x81, b"ab".to_vec()))
            .stays_open(),
    ]
}

fn reserved_bits_are_1002<G: Ground>() {
    fire::<G>("--echo", "", bits());
}

fn reserved_opcodes_are_1002<G: Ground>() {
    fire::<G>("--echo", "", opcodes());
}

fn frames_without_a_mask_are_1002<G: Ground>() {
    fire::<G>("--echo", "", unmasked());
}

fn control_frames_that_are_long_or_in_fragments_are_1002<G: Ground>() {
    fire::<G>("--echo", "", controls());
}

fn fragments_out_of_order_are_1002<G: Ground>() {
    fire::<G>("--echo", "", order());
}

fn frames_that_keep_the_rules_are_answered<G: Ground>() {
    fire::<G>("--echo", "", kept());
}

fn every_frame_is_answered_alike_however_it_comes<G: Ground>() {
    let rows = [bits(), opcodes(), unmasked(), controls(), order(), kept()].concat();
    let short = |row: &&Row| row.last_write().len() < 400;
    let some = rows
        .iter()
        .filter(short)
        .step_by(if G::SIMULATED { 1 } else { 4 });
    fire::<G>("--echo", "", some.map(Row::trickled));
    if G::SIMULATED {
        fire::<G>(
            "--echo",
            "",
            rows.iter().filter(short).step_by(4).flat_map(Row::cuts),
        );
    }
}
