//! Lengths: not in the fewest bytes, with the top bit, and of messages that nobody could hold.

use allocation_counter::measure;

use crate::battery::{echo, fire};
use crate::books::{Books, metric};
use crate::ground::Ground;
use crate::harness::http::frame;
use crate::row::{Row, Said, close, compressed, open};

const FORM: &str = "a length must be written in the fewest bytes";

on_both! {
    lengths_that_are_not_written_in_the_fewest_bytes_are_1002
    messages_over_the_limit_are_1009_before_they_come
    what_is_only_announced_costs_nothing
}

/// A frame header with 16 bits of length.
fn header_16(first: u8, length: u16) -> Vec<u8> {
    [&[first, 0xfe][..], &length.to_be_bytes(), &[0; 4]].concat()
}

/// A frame header with 64 bits of length.
fn header_64(first: u8, length: u64) -> Vec<u8> {
    [&[first, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat()
}

fn too_big(max: u32) -> Said {
    close(1009, &format!("the message is over {max} bytes"))
}

fn lengths_that_are_not_written_in_the_fewest_bytes_are_1002<G: Ground>() {
    let refused =
        |name: String, bytes: Vec<u8>| open(name).send(bytes).hears(close(1002, FORM)).ends();
    let short = [0, 1, 5, 124, 125]
        .map(|length| refused(format!("16 bits for {length}"), header_16(0x82, length)));
    let long = [0, 1, 125, 126, 65_534, 65_535]
        .map(|length| refused(format!("64 bits for {length}"), header_64(0x82, length)));
    let top = [1 << 63, 1 << 63 | 5, u64::MAX]
        .map(|length| refused(format!("the top bit of {length}"), header_64(0x82, length)));
    let control = [
        refused("16 bits for a ping of 5".into(), header_16(0x89, 5)),
        refused("64 bits for a ping of 5".into(), header_64(0x89, 5)),
        refused("64 bits for a close frame of 2".into(), header_64(0x88, 2)),
        refused(
            "16 bits for a continuation of 5".into(),
            [frame(0x01, "begun"), header_16(0x80, 5)].concat(),
        ),
    ];
    let rows: Vec<Row> = short
        .into_iter()
        .chain(long)
        .chain(top)
        .chain(control)
        .collect();
    let trickled: Vec<Row> = rows.iter().map(Row::trickled).collect();
    fire::<G>("--echo", "", [rows, trickled].concat());
}

fn messages_over_the_limit_are_1009_before_they_come<G: Ground>() {
    let echoed = |name: &str, bytes: Vec<u8>| {
        open(name)
            .send(bytes)
            .hears(Said::Frame(0x82, vec![1; 1000]))
            .stays_open()
    };
    let refused = |name: &str, bytes: Vec<u8>| open(name).send(bytes).hears(too_big(1000)).ends();
    let begun = frame(0x02, [1; 999]);
    let after = |bytes: Vec<u8>| [&begun[..], &bytes].concat();
    let rows = [
        echoed("just as long", frame(0x82, [1; 1000])),
        echoed("just as long in fragments", after(frame(0x80, [1]))),
        echoed(
            "just as long, with nothing behind",
            [&begun[..], &frame(0x00, [1]), &frame(0x80, "")].concat(),
        ),
        refused("a byte too long", frame(0x82, [1; 1001])),
        refused("a byte too long, only announced", header_16(0x82, 1001)),
        refused("a byte too long in fragments", after(frame(0x80, [1; 2]))),
        refused(
            "a byte too long in fragments, only announced",
            after(header_16(0x80, 1001)),
        ),
        refused(
            "a byte too long in fragments of a byte",
            frame(0x02, [1])
                .into_iter()
                .chain(frame(0x00, [1]).repeat(1000))
                .collect(),
        ),
        refused("2^16", header_64(0x82, 1 << 16)),
        refused("2^32", header_64(0x82, 1 << 32)),
        refused("2^32 and a byte", header_64(0x82, (1 << 32) + 1)),
        refused("2^62", header_64(0x81, 1 << 62)),
        refused("2^62 as a first fragment", header_64(0x01, 1 << 62)),
        refused("2^63 - 1", header_64(0x82, (1 << 63) - 1)),
        refused(
            "2^63 - 1 as a last fragment",
            after(header_64(0x80, (1 << 63) - 1)),
        ),
        refused("sent on and on", frame(0x82, vec![1; 3_000_000])),
        // A compressed message may be a little longer than what it inflates to, and no more than that.
        compressed("2^62, compressed")
            .send(header_64(0xc1, 1 << 62))
            .hears(too_big(1000))
            .ends(),
        compressed("2 KiB, compressed")
            .send(header_16(0xc1, 2048))
            .hears(too_big(1000))
            .ends(),
    ];
    fire::<G>("--echo --max-message 1000", "", rows);
}

/// A thousand clients announce more than there is memory, and one as much as it may.
fn what_is_only_announced_costs_nothing<G: Ground>() {
    let ground = G::open("--echo --max-message 512MiB --memory-budget 1GiB", "");
    let books = Books::of(&ground);
    let resident = metric(&ground, "process_resident_memory_bytes");
    let mut largest = 0;
    let mut lines = Vec::new();
    for length in [1 << 62, 500 << 20] {
        for _ in 0..200 {
            let mut line = echo(&ground, "");
            let header = header_64(0x82, length);
            // What is counted is what this thread asks for, which on the simulated network is the server.
            let memory = measure(|| {
                line.send(&header);
            });
            largest = largest.max(memory.bytes_max);
            lines.push((length, line));
        }
    }
    for (length, line) in &mut lines {
        if *length == 1 << 62 {
            assert_eq!(line.close_code(), 1009);
            assert!(line.is_over());
        }
    }
    if G::SIMULATED {
        assert!(largest < 4096, "{largest} bytes for a header");
        assert!(ground.held_bytes() < 200 * 200, "{}", ground.held_bytes());
    } else {
        let grown = metric(&ground, "process_resident_memory_bytes") - resident;
        assert!(grown < 8e6, "{grown} bytes for 400 headers");
    }
    drop(lines);
    crate::battery::serves(&ground, &books);
}
