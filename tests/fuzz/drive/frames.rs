//! Frames after an upgrade: however the stream is cut, it means the same; and it means what tungstenite reads in it.
//!
//! An input is a byte that says whether compression was agreed on, a way to cut ([`super::input::pieces`]), and frames.
//! tungstenite knows no compression, so it is asked only where there is none.

use roomcast::wire::fault::Fault;

use super::input::pieces;
use super::model::wire::frames::{upgrade, upgrade_with};
use super::reader::{Seen, read, read_whole};
use super::theirs::{Theirs, read_by_tungstenite};

pub fn drive(input: &[u8]) {
    let Some((&flags, input)) = input.split_first() else {
        return;
    };
    let deflate = flags & 1 != 0;
    let (pieces, frames) = pieces(input);
    let request = match deflate {
        true => upgrade_with("/echo", "permessage-deflate"),
        false => upgrade("/echo"),
    };
    let stream = [request.as_bytes(), frames].concat();
    let whole = read_whole(&stream);
    let cut = read(&stream, &pieces);
    assert_eq!(cut, whole, "cut as {pieces:?}");
    if !deflate {
        compare(&whole.seen[1..], frames);
    }
}

/// What tungstenite may do where we refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Twin {
    /// It waits for the rest of the frame, or refuses it.
    Waits,
    /// It waits for the rest of the message, reads the control frames inside, and refuses it then.
    WaitsForMessage,
    /// It refuses, or takes the close frame for one that says 1002.
    Translates,
    /// It does not mind.
    Lenient,
}

/// Every difference there is. Where we take a message or wait, there is none.
fn twin(fault: Fault) -> Twin {
    match fault {
        // We refuse the first byte of a frame, they a whole frame.
        Fault::ReservedBits | Fault::ReservedOpcode(_) => Twin::Waits,
        // We refuse a whole header, they a whole frame.
        Fault::Unmasked
        | Fault::ControlTooLong
        | Fault::ControlFragmented
        | Fault::ContinuesNothing
        | Fault::Interleaved
        | Fault::MessageTooBig(_) => Twin::Waits,
        // We refuse the first bytes of a text that cannot become UTF-8 any more.
        Fault::NotUtf8 => Twin::WaitsForMessage,
        // Half a code they refuse as we do; one that nobody may send they put another in the place of.
        Fault::CloseFrame => Twin::Translates,
        // They take a length that is written in more bytes than it needs.
        Fault::LengthForm => Twin::Lenient,
        other => panic!("a client's frames cannot be at fault like this: {other}"),
    }
}

fn compare(ours: &[Seen], frames: &[u8]) {
    let theirs = read_by_tungstenite(frames);
    let (fault, ours) = match ours.split_last() {
        Some((Seen::Fault(fault), before)) => (Some(*fault), before),
        _ => (None, ours),
    };
    let ours = Theirs::would_show(ours);
    let messages = &theirs.messages;
    assert!(messages.starts_with(&ours), "{messages:?}, and we {ours:?}");
    let more = &messages[ours.len()..];
    let agrees = match fault.map(twin) {
        None => more.is_empty() && !theirs.is_refused,
        Some(Twin::Waits) => more.is_empty(),
        Some(Twin::WaitsForMessage) => more.iter().all(is_control),
        Some(Twin::Translates) => match more {
            [] => theirs.is_refused,
            more => more == [Seen::Close(1002)],
        },
        Some(Twin::Lenient) => true,
    };
    let refused = theirs.is_refused;
    assert!(
        agrees,
        "{fault:?}: they read on {more:?}, and refuse: {refused}"
    );
}

fn is_control(seen: &Seen) -> bool {
    matches!(seen, Seen::Ping(_) | Seen::Pong | Seen::Close(_))
}
