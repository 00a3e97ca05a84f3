//! The account against what a server may say to a client that comes back, true and untrue.

use super::*;
use crate::measure::problems::Judge;
use crate::target::seating::Seating;
use crate::target::server::sample;

const SIZE: usize = 100;
const EPOCH: u32 = 10;
/// The number of the probe's position.
const PROBED: u64 = 5;

fn told(kind: &str, payload: &str, number: u64) -> Vec<u8> {
    let position = Position {
        epoch: EPOCH,
        number,
    };
    let rest = format!("\"payload\":{{{payload}}},\"timestamp\":\"t\",\"position\":\"{position}\"");
    format!("{{\"type\":\"connection:{kind}\",{rest}}}").into_bytes()
}

fn text(mark: Mark, pad: usize, number: u64) -> Vec<u8> {
    let mut text = b"{\"m\":\"".to_vec();
    mark.write(&mut text, pad);
    let position = Position {
        epoch: EPOCH,
        number,
    };
    text.extend_from_slice(format!("\",\"position\":\"{position}\"}}").as_bytes());
    text
}

/// One client that is here, of so many messages that were sent and answered.
fn book(messages: u32) -> Book {
    let target = sample("127.0.0.1:1".parse().unwrap(), None, 1);
    assert_eq!(target.seating, Seating::one_room(1));
    let mut book = Book::new(target, 1, SIZE, 0);
    assert_eq!(book.asks(0), None);
    book.opened(0);
    book.message(0, &told("status", "\"status\":\"connected\"", 3), Micros(0));
    let probe = text(book.probe(), 0, PROBED);
    book.message(0, &probe, Micros(0));
    send(&mut book, messages);
    book
}

fn send(book: &mut Book, messages: u32) {
    for _ in 0..messages {
        let meant_at = Micros(u64::from(book.sent()) * 100);
        book.publish(meant_at, Phase::Quiet);
    }
    book.answer(messages);
}

/// The client reads message `seq` at the position of message `at`.
fn hear_at(book: &mut Book, seq: u32, at: u32) {
    let mark = Mark::new(1, 0, seq, u64::from(seq) * 100);
    let text = text(mark, book.pad().unwrap(), PROBED + 1 + u64::from(at));
    book.message(0, &text, Micros(u64::from(seq) * 100 + 50));
}

fn hear(book: &mut Book, seqs: impl IntoIterator<Item = u32>) {
    seqs.into_iter().for_each(|seq| hear_at(book, seq, seq));
}

/// The client heard messages 0 to 3 of 4, was cut, and 6 more were sent; it comes back and is told this outcome, and
/// hears these.
fn back(sent: u64, missed: &str, number: u64, heard: impl IntoIterator<Item = u32>) -> Heard {
    let mut book = book(4);
    hear(&mut book, 0..4);
    assert!(book.all_have_all());
    book.leave(0);
    send(&mut book, 6);
    let since = book.asks(0).map(|since| since.number);
    assert_eq!(since, Some(PROBED + 4));
    book.opened(0);
    let resumed = format!("\"resumed\":{{\"sent\":{sent},\"missed\":{missed}}}");
    let position = PROBED + 1 + number - 1;
    book.message(0, &told("status", &resumed, position), Micros(0));
    hear(&mut book, heard);
    book.conclude();
    book.heard
}

fn is_right(heard: Heard) -> bool {
    heard.problems().is_empty()
}

#[test]
fn a_client_that_gets_all_that_it_missed_has_everything() {
    let heard = back(6, "0", 4, 4..10);
    assert!(is_right(heard), "{heard:?}");
    assert_eq!((heard.resumes, heard.replayed, heard.missed), (1, 6, 0));
    assert_eq!((heard.deliveries, heard.lost), (10, 0));
}

#[test]
fn a_client_that_was_told_what_it_missed_has_lost_nothing_in_silence() {
    let heard = back(4, "2", 6, 6..10);
    assert!(is_right(heard), "{heard:?}");
    assert_eq!((heard.deliveries, heard.missed), (8, 2));
    assert!(is_right(back(0, "6", 10, [])));
}

#[test]
fn what_is_lost_twice_or_out_of_order_is_found() {
    assert_eq!(back(6, "0", 4, [4, 5, 7, 8, 9]).lost, 1);
    assert_eq!(back(6, "0", 4, 4..9).lost, 1);
    assert_eq!(back(6, "0", 4, [4, 5, 5, 6, 7, 8, 9]).duplicates, 1);
    assert_eq!(back(6, "0", 4, 3..10).duplicates, 1);
    let swapped = back(6, "0", 4, [4, 6, 5, 7, 8, 9]);
    assert_eq!((swapped.out_of_order, swapped.lost), (1, 0));
}

#[test]
fn an_outcome_that_cannot_be_true_is_found() {
    for (sent, missed, number) in [
        // It missed more or less than what lies between the two positions.
        (6, "1", 4),
        (4, "1", 6),
        (4, "0", 6),
        // What follows ends before or behind the newest.
        (5, "0", 4),
        (7, "0", 4),
        // A server that was not restarted can tell.
        (0, "null", 10),
    ] {
        let heard = back(sent, missed, number, 4..10);
        assert_eq!(heard.wrong_outcomes, 1, "{sent} {missed} {number}");
    }
}

#[test]
fn a_gap_that_is_told_must_be_where_it_is() {
    let lagged = |missed: u64, since: u64| {
        let mut book = book(6);
        hear(&mut book, 0..2);
        let position = Position {
            epoch: EPOCH,
            number: since,
        };
        let notice = format!(
            "{{\"type\":\"connection:lagged\",\"payload\":{{\"missed\":{missed},\"since\":\"{position}\"}}}}"
        );
        book.message(0, notice.as_bytes(), Micros(0));
        hear(&mut book, 4..6);
        book.conclude();
        book.heard
    };
    let right = lagged(2, PROBED + 2);
    assert!(is_right(right), "{right:?}");
    assert_eq!((right.told, right.notices), (2, 1));
    assert_eq!(lagged(1, PROBED + 2).lost, 1);
    assert_eq!(lagged(3, PROBED + 2).duplicates, 1);
    assert_eq!(lagged(2, PROBED + 1).wrong_notices, 1);
}

#[test]
fn a_message_with_the_position_of_another_is_misplaced() {
    let mut book = book(3);
    hear_at(&mut book, 0, 0);
    hear_at(&mut book, 1, 2);
    assert_eq!((book.heard.misplaced, book.heard.deliveries), (1, 1));
}

#[test]
fn what_comes_behind_a_cut_is_counted_and_not_heard() {
    let mut book = book(3);
    hear(&mut book, 0..1);
    book.leave(0);
    hear(&mut book, 1..3);
    let heard = book.heard;
    assert_eq!((heard.unheard, heard.deliveries, heard.received), (2, 1, 3));
    assert_eq!(book.asks(0).unwrap().number, PROBED + 1);
}

#[test]
fn only_live_deliveries_are_timed() {
    let mut book = book(4);
    hear(&mut book, 0..4);
    let live = book.latency_us[0].histogram();
    assert_eq!((live.len(), live.max()), (4, 50));
    book.leave(0);
    send(&mut book, 2);
    book.asks(0);
    book.opened(0);
    let resumed = "\"resumed\":{\"sent\":2,\"missed\":0}";
    book.message(0, &told("status", resumed, PROBED + 4), Micros(0));
    hear(&mut book, 4..6);
    assert_eq!(book.latency_us[0].histogram().len(), 4);
    assert!(book.all_have_all());
}
