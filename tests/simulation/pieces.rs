//! Scenarios of what comes in very many pieces, each so short that the bytes say little of the work: fragments of a
//! message, chunks of a body, the same head again and again, lists of nothing. It is paid for by the piece, a slice at a
//! time, and everything arrives as if it had come whole.

use super::network::Client;
use roomcast::bounds::TurnBounds;
use roomcast::work;

use crate::model::runs::rules::KEY;
use crate::model::wire::frames::{self, BINARY, CONTINUATION, TEXT, frame};
use crate::slices::serves_meanwhile;
use crate::stage::{Stage, text};

const STRANGERS: usize = 300;
/// So many pieces of six or seven bytes come with one read.
const PIECES: usize = 5000;
/// Turns in which all of them show what work they make: until then they are served like everybody else.
const TURNS_OF_A_CROWD: u64 = 24;

fn stage() -> Stage {
    Stage::new(|bounds| bounds.connections_max = 4096)
}

/// How many turns pay for so much work of clients, but for the last one of either list.
fn turns_for(work: u64) -> u64 {
    let TurnBounds {
        serve, serve_heavy, ..
    } = TurnBounds::default();
    work / (serve + serve_heavy) - 1
}

/// All of them say this, and once it is known who they are, an ordinary client is answered in every turn; how many turns
/// it takes.
fn all_say(stage: &mut Stage, strangers: &[Client], says: &[u8]) -> u64 {
    let ordinary = stage.open("/echo");
    for &stranger in strangers {
        stage.sim().resize(stranger, 1 << 30);
        stage.sim().send(stranger, says);
    }
    let is_busy =
        |stage: &Stage| stage.reactor.is_busy() || stage.reactor.transport().is_restless();
    let mut turns = 0;
    while turns < TURNS_OF_A_CROWD && is_busy(stage) {
        stage.turn();
        turns += 1;
    }
    turns + u64::from(serves_meanwhile(stage, ordinary))
}

/// How many turns pass until nothing is left to do.
fn turns(stage: &mut Stage) -> u64 {
    let before = stage.reactor.metrics().loop_turn.count();
    stage.settle();
    stage.reactor.metrics().loop_turn.count() - before
}

fn in_fragments(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let piece = |byte: &u8| frame(false, CONTINUATION, &[*byte]);
    let pieces = payload.iter().flat_map(piece);
    let begun = frame(false, opcode, b"");
    let end = frame(true, CONTINUATION, b"");
    begun.into_iter().chain(pieces).chain(end).collect()
}

#[test]
fn fragments_of_a_byte_are_paid_for_one_by_one_and_the_message_arrives_whole() {
    let mut stage = stage();
    let strangers: Vec<Client> = (0..STRANGERS).map(|_| stage.open("/echo")).collect();
    let message = "ä".repeat(PIECES / 2);
    let turns = all_say(
        &mut stage,
        &strangers,
        &in_fragments(TEXT, message.as_bytes()),
    );
    let least = turns_for((STRANGERS * PIECES) as u64 * work::FRAGMENT);
    assert!(turns >= least, "{turns} turns, and not {least}");
    for stranger in strangers {
        let frames = stage.frames(stranger);
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].payload, message.as_bytes());
    }
}

#[test]
fn empty_fragments_are_paid_for_and_pings_between_them_are_answered() {
    let mut stage = stage();
    let strangers: Vec<Client> = (0..STRANGERS).map(|_| stage.open("/echo")).collect();
    let empty = frame(false, CONTINUATION, b"").repeat(PIECES / 2);
    let parts = [
        frame(false, BINARY, b"from "),
        empty.clone(),
        frame(true, frames::PING, b"there?"),
        empty,
        frame(true, CONTINUATION, b"end to end"),
        text("and on"),
    ];
    let turns = all_say(&mut stage, &strangers, &parts.concat());
    let least = turns_for((STRANGERS * PIECES) as u64 * work::FRAGMENT);
    assert!(turns >= least, "{turns} turns, and not {least}");
    for stranger in strangers {
        let frames = stage.frames(stranger);
        let payloads: Vec<&[u8]> = frames.iter().map(|frame| &*frame.payload).collect();
        assert_eq!(payloads, [&b"there?"[..], b"from end to end", b"and on"]);
    }
}

#[test]
fn chunks_of_a_byte_are_paid_for_one_by_one_and_the_call_is_answered() {
    let mut stage = stage();
    let strangers: Vec<Client> = (0..STRANGERS).map(|_| stage.client("")).collect();
    let pad = "x".repeat(PIECES);
    let body = format!(r#"{{"type":"a:b","payload":{{"pad":"{pad}"}}}}"#);
    let chunks: String = body.chars().map(|it| format!("1\r\n{it}\r\n")).collect();
    let request = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    );
    let listener = stage.listeners(1)[0];
    stage.sim().resize(listener, 1 << 30);
    let turns = all_say(&mut stage, &strangers, request.as_bytes());
    let least = turns_for((STRANGERS * PIECES) as u64 * work::CHUNK);
    assert!(turns >= least, "{turns} turns, and not {least}");
    for stranger in strangers {
        assert_eq!(stage.statuses(stranger), [202]);
    }
    let told = stage.frames(listener);
    let is_whole = |payload: &[u8]| String::from_utf8_lossy(payload).contains(&pad);
    assert!(told.len() >= STRANGERS && told.iter().all(|frame| is_whole(&frame.payload)));
}

#[test]
fn a_long_head_that_comes_byte_by_byte_is_paid_for_each_time_and_answered() {
    let mut stage = stage();
    let headers: String = (0..98)
        .map(|number| format!("X-Header-{number}: {}\r\n", "v".repeat(145)))
        .collect();
    let head = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{headers}");
    let strangers: Vec<Client> = (0..1000).map(|_| stage.client(&head)).collect();
    // None of them makes much work, so that all are on one list.
    let least = 1000 * head.len() as u64 * work::HEAD / TurnBounds::default().serve;
    for byte in "A: b\r\n".bytes() {
        for &stranger in &strangers {
            stage.sim().send(stranger, &[byte]);
        }
        let turns = turns(&mut stage);
        assert!(turns >= least, "{turns} turns, and not {least}");
    }
    for &stranger in &strangers {
        stage.sim().send(stranger, b"\r\n");
    }
    stage.settle();
    for stranger in strangers {
        assert_eq!(stage.statuses(stranger), [200]);
    }
}

#[test]
fn what_is_taken_apart_in_a_head_is_paid_for_by_the_element() {
    let mut stage = stage();
    let lists = ",".repeat(15_000);
    let query = "%41=%41&".repeat(900);
    let upgrade = frames::upgrade(&format!("/ws/rooms/AAAAAA?{query}"));
    let lists = format!("\r\nSec-WebSocket-Protocol: {lists}\r\n");
    let upgrade = upgrade.replacen("\r\n", &lists, 1);
    let strangers: Vec<Client> = (0..20).map(|_| stage.client("")).collect();
    for &stranger in &strangers {
        stage.sim().send(stranger, upgrade.as_bytes());
    }
    let turns = turns(&mut stage);
    let least = turns_for(20 * (15_000 + 3 * 900) * work::ELEMENT);
    assert!(turns >= least, "{turns} turns, and not {least}");
    for stranger in strangers {
        assert_eq!(stage.answer(stranger).status, 101);
    }
}
