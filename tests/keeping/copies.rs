//! A copy of what is kept goes out in pieces, as fast as its client takes them, and not longer than there is one.

use roomcast::bounds::Bounds;
use roomcast::engine::{Outcome, PIECE_BYTES};
use roomcast::time::Millis;
use roomcast::transport::Ready;

use crate::engine::Asked;
use crate::house::{House, refused};
use crate::network::Client;

const BACKUP: &str = "/api/v1/backup";
const WINDOW_BYTES: u32 = 64 << 10;

/// A client that has asked for a copy, for which its network holds little.
fn asks(house: &mut House) -> Client {
    let client = house.asks("GET", BACKUP, "");
    house.ground().resize(client, WINDOW_BYTES);
    client
}

/// The next piece of the copy of this number, full of this byte.
fn piece(house: &mut House, number: u64, byte: u8) {
    house.tell(Outcome::Piece(number, vec![byte; PIECE_BYTES]));
}

/// Takes all that comes without another piece.
fn drain(house: &mut House, client: Client) -> Vec<u8> {
    let mut come = Vec::new();
    loop {
        let bytes = house.receive(client);
        house.settle();
        if bytes.is_empty() {
            return come;
        }
        come.extend(bytes);
    }
}

#[test]
fn a_piece_is_asked_for_when_less_than_one_waits() {
    let mut house = House::new(|_| {});
    let client = asks(&mut house);
    assert_eq!(house.hand.asked(), [Asked::Copy(1, false)]);
    assert!(house.receive(client).is_empty());
    let before = house.held_bytes();
    house.tell(Outcome::Copied(1, Ok(4 * PIECE_BYTES as u64)));
    assert_eq!(house.hand.asked(), [Asked::Read(1)]);
    // Some of the first is with the network, so that less than a piece waits.
    piece(&mut house, 1, b'a');
    assert_eq!(house.hand.asked(), [Asked::Read(1)]);
    piece(&mut house, 1, b'b');
    assert_eq!(house.hand.asked(), []);
    assert!(house.held_bytes() - before < 2 * PIECE_BYTES as u64 + 4096);
    let mut come = drain(&mut house, client);
    for byte in [b'c', b'd'] {
        assert_eq!(house.hand.asked(), [Asked::Read(1)]);
        piece(&mut house, 1, byte);
        come.extend(drain(&mut house, client));
    }
    assert_eq!(house.hand.asked(), [Asked::Drop(1)]);
    let bodies = [b'a', b'b', b'c', b'd'].map(|byte| vec![byte; PIECE_BYTES]);
    let head_bytes = come.len() - 4 * PIECE_BYTES;
    assert!(come[..head_bytes].ends_with(b"Content-Length: 1048576\r\n\r\n"));
    assert!(come[head_bytes..] == bodies.concat(), "byte for byte");
    // The connection goes on.
    house.send(client, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(house.answer(client).unwrap().0, 200);
}

#[test]
fn what_is_asked_behind_a_copy_waits_until_little_of_it_does() {
    let mut house = House::new(|_| {});
    let client = asks(&mut house);
    house.send(client, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    house.tell(Outcome::Copied(1, Ok(PIECE_BYTES as u64)));
    piece(&mut house, 1, b'x');
    let come = drain(&mut house, client);
    let text = String::from_utf8(come).unwrap();
    let (copy, answer) = text.split_once("xHTTP/1.1 200 OK\r\n").unwrap();
    assert_eq!(
        copy.bytes().filter(|byte| *byte == b'x').count() + 1,
        PIECE_BYTES + x_in_head(copy)
    );
    assert!(answer.ends_with(r#"{"status":"ok"}"#));
}

/// How often the byte of the body stands in the head.
fn x_in_head(answer: &str) -> usize {
    let (head, _) = answer.split_once("\r\n\r\n").unwrap();
    head.bytes().filter(|byte| *byte == b'x').count()
}

#[test]
fn however_long_it_takes_to_make_the_client_is_not_given_up() {
    let mut house = House::new(|bounds: &mut Bounds| bounds.keep_alive = Millis::seconds(1));
    let client = asks(&mut house);
    let turns = house.wait(Millis::seconds(600));
    assert!(turns < 1000, "the loop sleeps meanwhile: {turns} turns");
    house.tell(Outcome::Copied(1, Ok(3)));
    house.tell(Outcome::Piece(1, b"abc".to_vec()));
    assert!(house.receive(client).ends_with(b"\r\n\r\nabc"));
    assert_eq!(
        house.hand.asked(),
        [Asked::Copy(1, false), Asked::Read(1), Asked::Drop(1)]
    );
}

#[test]
fn a_copy_that_cannot_be_read_is_cut() {
    let mut house = House::new(|_| {});
    let client = asks(&mut house);
    house.tell(Outcome::Copied(1, Ok(2 * PIECE_BYTES as u64)));
    piece(&mut house, 1, b'a');
    drain(&mut house, client);
    house.hand.asked();
    house.tell(Outcome::Piece(1, Vec::new()));
    assert!(house.ground().is_ended(client));
    assert_eq!(house.hand.asked(), [Asked::Drop(1)]);
}

#[test]
fn a_copy_whose_client_has_gone_is_dropped_and_the_next_is_another() {
    let mut house = House::new(|_| {});
    let first = asks(&mut house);
    let second = asks(&mut house);
    let answer = house.answer(second).unwrap();
    assert_eq!(refused(&answer), (409, "conflict"));
    house.tell(Outcome::Copied(1, Ok(4 * PIECE_BYTES as u64)));
    piece(&mut house, 1, b'a');
    house.ground().reset(first);
    house.settle();
    piece(&mut house, 1, b'b');
    let asked = house.hand.asked();
    assert_eq!(asked.last(), Some(&Asked::Drop(1)), "{asked:?}");
    let third = house.asks("GET", &format!("{BACKUP}?secrets=1"), "");
    assert_eq!(house.hand.asked(), [Asked::Copy(2, true)]);
    // What is still told of the first is nobody's.
    piece(&mut house, 1, b'c');
    house.tell(Outcome::Copied(1, Ok(7)));
    assert!(house.receive(third).is_empty());
    house.tell(Outcome::Copied(2, Ok(1)));
    house.tell(Outcome::Piece(2, b"z".to_vec()));
    assert!(house.receive(third).ends_with(b"\r\n\r\nz"));
}

#[test]
fn a_client_that_takes_nothing_any_more_is_given_up_with_its_copy() {
    let mut house = House::new(|_| {});
    asks(&mut house);
    house.tell(Outcome::Copied(1, Ok(4 * PIECE_BYTES as u64)));
    piece(&mut house, 1, b'a');
    piece(&mut house, 1, b'b');
    house.hand.asked();
    house.wait(Bounds::default().write_timeout + Millis::seconds(1));
    assert_eq!(house.hand.asked(), [Asked::Drop(1)]);
}

#[test]
fn a_copy_that_the_stop_has_broken_off_is_answered_so() {
    let mut house = House::new(|_| {});
    let client = asks(&mut house);
    house.ground().stray(Ready::Shutdown);
    house.settle();
    house.tell(Outcome::Copied(1, Err("the hub stops".to_owned())));
    let answer = house.answer(client).unwrap();
    assert_eq!(refused(&answer), (503, "draining"));
}

#[test]
fn a_copy_that_cannot_be_made_is_answered_so() {
    let mut house = House::new(|_| {});
    let client = asks(&mut house);
    house.tell(Outcome::Copied(1, Err("the disk is full".to_owned())));
    let answer = house.answer(client).unwrap();
    assert_eq!(refused(&answer), (503, "storage"));
    asks(&mut house);
    assert_eq!(
        house.hand.asked(),
        [Asked::Copy(1, false), Asked::Copy(2, false)]
    );
}
