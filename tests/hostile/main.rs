//! Hostile input: whatever a client may send that it must not, or must not send so much of. Each row is an input, the
//! exact answer to it, and what becomes of the connection; after it everybody else is served as before, and no
//! descriptor, no queued byte, no half-received byte and no deadline is left of it.
//!
//! Every row is fired twice: over the simulated network, where a write is a read of its own and time stands still until
//! somebody waits for it, and over sockets at the real binary. `row` says how one is written, `battery` fires it and
//! keeps the books, `ground` is what both are fired at. The answers are written from RFC 9112, 6455 and 7692 and from
//! the standards, not from the server. `door` asks who would be let in, of heads alone.
#![allow(clippy::unwrap_used, missing_docs)]

// The houses that these tests share with others have more than is needed here.
#[allow(dead_code)]
#[path = "../simulation/model/wire/deflate.rs"]
mod deflate;
#[path = "../transcripts/flagged.rs"]
mod flagged;
#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;
#[path = "../simulation/model/wire/inflate.rs"]
mod inflate;

mod battery;
mod books;
mod ground;
#[allow(dead_code)]
#[path = "../simulation/network.rs"]
mod network;
mod over_sockets;
mod row;
mod simulated;

/// Makes two tests of each of these functions over a ground: one on the simulated network and one over sockets.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod simulated {
            $(#[test] fn $name() { super::$name::<crate::simulated::Simulated>(); })*
        }
        mod over_sockets {
            $(#[test] fn $name() { super::$name::<crate::over_sockets::Sockets>(); })*
        }
    };
}

mod bombs;
mod closes;
mod door;
mod endings;
mod exhaustion;
mod floods;
mod frames;
mod handshakes;
mod headers;
mod heads;
mod lengths;
mod lines;
mod slowness;
mod smuggling;
mod texts;
