//! The ledger against deliveries that come as they should, late, twice, damaged or never.

use super::*;
use crate::measure::books::ClientBooks;
use crate::measure::counts::Missing;
use crate::target::description::Description;

const SIZE: usize = 90;

fn target(clients: u32, greets: bool) -> Target {
    let server = "127.0.0.1:1".parse().unwrap();
    let mut scene = Description::load(None).unwrap().room.unwrap();
    scene.greeting = scene.greeting.filter(|_| greets);
    let seating = Seating::one_room(clients);
    Target::prepare(server, None, scene, seating, |_| ()).unwrap()
}

fn ledger(clients: u32, lanes: u32, messages: u32) -> Ledger {
    let mut ledger = Ledger::new(target(clients, false), 1);
    for client in 0..clients {
        ledger.opened(client);
    }
    probe(&mut ledger);
    ledger.expect(SIZE, lanes);
    for seq in 0..messages {
        ledger.publish(0, Micros(u64::from(seq) * 100), true);
    }
    ledger
}

fn probe(ledger: &mut Ledger) {
    for client in 0..ledger.open() {
        let text = wrap(ledger.probe(0), 0);
        ledger.message(client, &text, Micros(0));
    }
    assert_eq!(ledger.unprobed(), 0);
}

fn wrap(mark: Mark, pad: usize) -> Vec<u8> {
    let mut text = b"{\"m\":\"".to_vec();
    mark.write(&mut text, pad);
    text.extend_from_slice(b"\",\"t\":1}");
    text
}

fn text(seq: u32) -> Vec<u8> {
    let mark = Mark::new(1, 0, seq, u64::from(seq) * 100);
    let pad = SIZE - wrap(mark, 0).len();
    wrap(mark, pad)
}

fn deliver(ledger: &mut Ledger, client: u32, seqs: &[u32]) {
    for &seq in seqs {
        ledger.message(client, &text(seq), Micros(u64::from(seq) * 100 + 50));
    }
}

#[test]
fn all_in_order_leaves_nothing_missing_and_times_everything() {
    let mut ledger = ledger(2, 1, 3);
    deliver(&mut ledger, 0, &[0, 1, 2]);
    assert_eq!(ledger.flights.in_flight(), 3);
    deliver(&mut ledger, 1, &[0, 1, 2]);
    assert_eq!(ledger.flights.in_flight(), 0);
    assert_eq!(ledger.missing(), Missing::default());
    let expected = Counts {
        deliveries: 6,
        received: 6,
        ..Counts::default()
    };
    assert_eq!(ledger.counts(), expected);
    assert_eq!(ledger.latency_us().histogram().max(), 50);
    assert_eq!(ledger.flights.last_member_us().histogram().len(), 3);
}

#[test]
fn a_gap_is_lost_until_it_is_filled_out_of_order() {
    let mut ledger = ledger(1, 1, 4);
    deliver(&mut ledger, 0, &[0, 2, 3]);
    assert_eq!(ledger.missing().lost, 1);
    assert_eq!(ledger.flights.in_flight(), 0);
    assert_eq!(ledger.flights.last_member_us().histogram().len(), 3);
    deliver(&mut ledger, 0, &[1]);
    assert_eq!(ledger.missing().lost, 0);
    assert_eq!(ledger.counts().out_of_order, 1);
}

#[test]
fn a_second_copy_is_a_duplicate_and_nothing_else() {
    let mut ledger = ledger(1, 1, 2);
    deliver(&mut ledger, 0, &[0, 0, 1, 0]);
    assert_eq!(ledger.counts().duplicates, 2);
    assert_eq!(ledger.counts().deliveries, 2);
    assert_eq!(ledger.counts().out_of_order, 0);
}

#[test]
fn a_missing_tail_is_lost_and_a_notice_explains_it() {
    let mut ledger = ledger(1, 1, 5);
    deliver(&mut ledger, 0, &[0, 1]);
    let untold = Missing {
        lost: 3,
        unexplained: 3,
    };
    assert_eq!(ledger.missing(), untold);
    let notice = br#"{"type":"connection:lagged","payload":{"missed":3},"timestamp":"t"}"#;
    ledger.message(0, notice, Micros(0));
    assert_eq!(ledger.missing().lost, 3);
    assert_eq!(ledger.missing().unexplained, 0);
}

#[test]
fn publishers_keep_their_own_order_only() {
    let mut ledger = ledger(2, 2, 6);
    deliver(&mut ledger, 0, &[1, 0, 2, 4, 3, 5]);
    deliver(&mut ledger, 1, &[0, 2, 1, 3, 5, 4]);
    assert_eq!((ledger.counts().received, ledger.counts().corrupt), (12, 0));
    assert_eq!(ledger.counts().out_of_order, 0);
    assert_eq!(ledger.missing().lost, 0);
    assert_eq!(ledger.flights.in_flight(), 0);
}

#[test]
fn a_client_that_goes_away_holds_nobody_up_but_its_messages_are_lost() {
    let mut ledger = ledger(2, 1, 3);
    deliver(&mut ledger, 0, &[0, 1, 2]);
    deliver(&mut ledger, 1, &[0]);
    ledger.lost(1);
    assert_eq!(ledger.flights.in_flight(), 0);
    assert_eq!(ledger.missing().lost, 2);
    ledger.publish(0, Micros(300), true);
    deliver(&mut ledger, 0, &[3]);
    assert_eq!(ledger.missing().lost, 2);
}

#[test]
fn the_books_know_what_each_client_should_have_had() {
    let mut ledger = ledger(3, 1, 4);
    deliver(&mut ledger, 0, &[0, 1, 2, 3]);
    deliver(&mut ledger, 1, &[0, 3]);
    deliver(&mut ledger, 2, &[0]);
    let notice = br#"{"type":"connection:lagged","payload":{"missed":2},"timestamp":"t"}"#;
    ledger.message(1, notice, Micros(0));
    ledger.lost(2);
    // What comes after its end is not there for it either.
    ledger.publish(0, Micros(400), true);
    deliver(&mut ledger, 0, &[4]);
    deliver(&mut ledger, 1, &[4]);
    let books = ClientBooks {
        expected: 15,
        received: 9,
        told: 2,
        missed: 2,
        lost_by_closed: 4,
        closed: 1,
    };
    assert_eq!(ledger.books(), books);
}

#[test]
fn what_the_server_did_not_take_is_not_lost() {
    let mut ledger = ledger(2, 1, 3);
    deliver(&mut ledger, 0, &[0]);
    deliver(&mut ledger, 1, &[0, 1]);
    ledger.flights.refuse(0, 2);
    assert_eq!(ledger.missing().lost, 1);
    ledger.lost(0);
    assert_eq!(ledger.missing().lost, 1);
    assert_eq!(ledger.missing().unexplained, 0);
}

#[test]
fn damage_and_unknown_messages_are_corrupt() {
    let mut ledger = ledger(1, 1, 2);
    deliver(&mut ledger, 0, &[0]);
    let mut damaged = text(0);
    damaged[60] = b'y';
    ledger.message(0, &damaged, Micros(0));
    deliver(&mut ledger, 0, &[2]);
    ledger.message(0, b"not JSON", Micros(0));
    assert_eq!(ledger.counts().corrupt, 3);
    assert_eq!(ledger.counts().deliveries, 1);
}

#[test]
fn a_message_before_the_greeting_is_counted() {
    let greeting =
        br#"{"type":"connection:status","payload":{"status":"connected"},"timestamp":"t"}"#;
    let mut ledger = Ledger::new(target(1, true), 1);
    ledger.opened(0);
    probe(&mut ledger);
    ledger.expect(SIZE, 1);
    ledger.publish(0, Micros(0), true);
    ledger.publish(0, Micros(100), true);
    deliver(&mut ledger, 0, &[0]);
    assert_eq!(ledger.ungreeted(), 1);
    ledger.message(0, greeting, Micros(0));
    deliver(&mut ledger, 0, &[1]);
    assert_eq!((ledger.counts().ungreeted, ledger.ungreeted()), (1, 0));
}
