//! Compressed messages that are more than they look, or less.

use allocation_counter::measure;

use crate::battery::{echo, fire, serves};
use crate::books::{Books, metric};
use crate::deflate::compress;
use crate::ground::Ground;
use crate::harness::http::frame;
use crate::row::{Row, Said, close, compressed, open};

const FLAGS: &str = "--echo --max-message 100KiB --deflate-min 10MiB";
const MAX: usize = 100 << 10;
const NOT_DEFLATE: &str = "a compressed message must be DEFLATE data, whole";

on_both! {
    bombs_are_1009
    a_bomb_costs_what_the_limit_costs
    what_is_not_deflate_is_1007
    compressed_text_that_is_not_utf_8_is_1007
    compressed_messages_that_keep_the_rules_are_delivered
}

/// A compressed message in fragments of so many bytes.
fn fragments(first: u8, deflated: &[u8], bytes: usize) -> Vec<u8> {
    let pieces = deflated.chunks(bytes);
    let last = pieces.len() - 1;
    let frames = pieces.enumerate().flat_map(|(number, piece)| {
        let opcode = if number == 0 { first } else { 0x00 };
        frame(opcode | if number == last { 0x80 } else { 0 }, piece)
    });
    frames.collect()
}

fn bombs_are_1009<G: Ground>() {
    let refused = |name: &str, bytes: Vec<u8>| {
        let sentence = format!("the message is over {MAX} bytes");
        compressed(name)
            .send(bytes)
            .hears(close(1009, &sentence))
            .ends()
    };
    let bomb = compress(&vec![0; 50 << 20]);
    assert!(bomb.len() < MAX);
    let just_over = compress(&vec![b'x'; MAX + 1]);
    let rows = [
        refused("50 MiB", frame(0xc2, &bomb)),
        refused("50 MiB of text", frame(0xc1, &bomb)),
        refused("50 MiB in fragments", fragments(0x42, &bomb, 1000)),
        refused("a byte too long", frame(0xc1, &just_over)),
        refused(
            "a byte too long in fragments of a byte",
            fragments(0x41, &just_over, 1),
        ),
    ];
    fire::<G>(FLAGS, "", rows);
}

fn a_bomb_costs_what_the_limit_costs<G: Ground>() {
    let ground = G::open(FLAGS, "");
    let books = Books::of(&ground);
    let bomb = frame(0xc2, compress(&vec![0; 50 << 20]));
    let resident = metric(&ground, "process_resident_memory_bytes");
    let mut largest = 0;
    let mut lines = Vec::new();
    for _ in 0..20 {
        let mut line = echo(&ground, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
        // What is counted is what this thread asks for, which on the simulated network is the server.
        let memory = measure(|| {
            line.send(&bomb);
        });
        largest = largest.max(memory.bytes_max);
        assert_eq!(line.close_code(), 1009);
        lines.push(line);
    }
    if G::SIMULATED {
        // The message grows by doubling, and its frame is once in the network and once half received.
        let most = (2 * MAX + 3 * bomb.len()) as u64;
        assert!(largest < most, "{largest} bytes for a bomb");
        assert_eq!(ground.held_bytes(), 0);
    } else {
        let grown = metric(&ground, "process_resident_memory_bytes") - resident;
        assert!(grown < 4e6, "{grown} bytes for 20 bombs");
    }
    drop(lines);
    serves(&ground, &books);
}

fn what_is_not_deflate_is_1007<G: Ground>() {
    let garbage: [(&str, &[u8]); 6] = [
        ("a block type that is reserved", &[0x07]),
        ("nothing but ones", &[0xff; 20]),
        (
            "a stored block whose length is no length",
            &[0x00, 0x05, 0x00, 0x05, 0x00, 1, 2, 3, 4, 5],
        ),
        ("a copy of what never was", &[0x02, 0x02, 0x00]),
        (
            "a code that is over-full",
            &[0x04, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
        ("text", b"this was never compressed"),
    ];
    let rows = garbage.into_iter().flat_map(|(name, bytes)| {
        let refused = |name: String, bytes: Vec<u8>| {
            compressed(name)
                .send(bytes)
                .hears(close(1007, NOT_DEFLATE))
                .ends()
        };
        [
            refused(name.into(), frame(0xc1, bytes)),
            refused(format!("{name}, binary"), frame(0xc2, bytes)),
            refused(format!("{name}, in fragments"), fragments(0x41, bytes, 1)),
        ]
    });
    let rows: Vec<Row> = rows.collect();
    let trickled: Vec<Row> = rows.iter().map(Row::trickled).collect();
    fire::<G>(FLAGS, "", [rows, trickled].concat());
}

fn compressed_text_that_is_not_utf_8_is_1007<G: Ground>() {
    let bad: [&[u8]; 5] = [
        b"\xff",
        b"ok \xc3",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"ok \xf4\x90\x80\x80 ok",
    ];
    let rows = bad.into_iter().flat_map(|text| {
        let name = text.escape_ascii().to_string();
        let refused = |name: String, bytes: Vec<u8>| {
            compressed(name)
                .send(bytes)
                .hears(close(1007, "text must be UTF-8"))
                .ends()
        };
        [
            refused(
                format!("{name}, in fragments"),
                fragments(0x41, &compress(text), 1),
            ),
            refused(name, frame(0xc1, compress(text))),
        ]
    });
    fire::<G>(FLAGS, "", rows);
}

fn compressed_messages_that_keep_the_rules_are_delivered<G: Ground>() {
    let whole = vec![b'x'; MAX];
    let delivered = |name: &str, bytes: Vec<u8>, message: &[u8]| {
        compressed(name)
            .send(bytes)
            .hears(Said::Frame(0x81, message.to_vec()))
            .stays_open()
    };
    // RFC 7692 §7.2.3.5: "Hello" in a block with BFINAL set, and the empty block that must follow it.
    let last_block = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    let text = "\u{e9}\u{20ac}\u{1f600}";
    let rows = [
        delivered(
            "just as long as the limit",
            frame(0xc1, compress(&whole)),
            &whole,
        ),
        delivered(
            "in fragments",
            fragments(0x41, &compress(text.as_bytes()), 1),
            text.as_bytes(),
        ),
        delivered("a last block", frame(0xc1, last_block), b"Hello"),
        delivered("an empty one", frame(0xc1, [0x00]), b""),
        delivered("a plain one", frame(0x81, "plain"), b"plain"),
        open("a plain one of somebody who did not agree")
            .send(frame(0x81, "plain"))
            .hears(Said::Frame(0x81, b"plain".to_vec()))
            .stays_open(),
    ];
    fire::<G>(FLAGS, "", rows);
}
