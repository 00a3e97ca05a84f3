//! What a client gets that comes back, or asks for what it was told that it missed; and how far behind a reader may be
//! while the history reaches as far.

use std::io::IoSlice;

use roomcast::bounds::{HistoryBounds, OnFull, QueueBounds};
use roomcast::core::outbox::*;
use roomcast::id::{AppId, ConnId, LogId, RoomId, Topic};
use roomcast::position::{Position, Since};
use roomcast::time::{Micros, Millis};
use roomcast::wire::frame::{Encoder, Frame};

const APP: AppId = AppId::Stream;
const EPOCH: u32 = 7;
const BOUNDS: QueueBounds = QueueBounds {
    messages_max: 2,
    bytes_max: 4096,
    on_full: OnFull::Drop,
};

/// One log, and one connection that may read it.
struct House {
    outbox: Outbox,
    log: LogId,
    numbers: u64,
    now: Micros,
}

impl House {
    /// A house that keeps so many messages.
    fn keeping(messages_max: u32) -> House {
        let mut outbox = Outbox::with_capacity(1, 512);
        let history = HistoryBounds {
            messages_max,
            ..HistoryBounds::USUAL
        };
        outbox.bound_history(APP, history, BOUNDS.bytes_max);
        let (key, generation) = (0, 1);
        outbox.open(ConnId { key, generation });
        outbox.assign(0, APP);
        House {
            log: outbox.open_log(APP, EPOCH),
            outbox,
            numbers: 0,
            now: Micros(1_000_000),
        }
    }

    /// Publishes so many messages as one, each of which is its number; to the connection, if it is a member.
    fn publish(&mut self, topic: u64, messages: u64, is_member: bool) {
        let numbers = self.numbers + 1..=self.numbers + messages;
        self.numbers += messages;
        let batch = Encoder::new().json_batch(numbers).unwrap();
        self.post(topic, batch, is_member);
    }

    /// Publishes this; to the connection, if it is a member.
    fn post(&mut self, topic: u64, frame: Frame, is_member: bool) {
        let stored = self.outbox.store_published(frame, APP, self.now);
        let numbered = Some((self.log, Topic(topic)));
        let crowd = Crowd {
            room: RoomId(0),
            changes: 1,
            members: &[0],
            also: None,
            except: None,
        };
        match is_member {
            true => _ = self.outbox.publish(&crowd, stored, numbered, &BOUNDS),
            false => self.outbox.publish_to_nobody(stored, numbered),
        }
        self.outbox.check_invariants();
    }

    /// What the client is told that asks for all since a number, and gets then.
    fn resume(&mut self, since: u64, wanted: &Wanted<'_>, got: &Got<'_>) -> (Told, String) {
        let since = Since::At(at(since));
        let planned = self.outbox.resume(0, self.log, Some(since), wanted, got);
        let told = (planned.sent, planned.missed, planned.position.number);
        self.outbox.replay(0, APP, planned, &BOUNDS, self.now);
        self.outbox.check_invariants();
        (told, self.flush(usize::MAX))
    }

    /// What goes out to a socket that takes so many bytes, as numbers; of a gap the number before it, in brackets.
    fn flush(&mut self, taken: usize) -> String {
        self.outbox.unblock(0, self.now.millis());
        let mut out = Vec::new();
        while self.outbox.next_dirty().is_some() {
            if let Some(Gap { missed, since }) = self.outbox.gap(0) {
                let since = since.map_or(0, |since| since.number);
                let told = Frame::text(&format!("[{missed} since {since}]"));
                self.outbox.tell_gap(0, told.exempt(), self.now);
            }
            let write = |parts: &[IoSlice<'_>]| {
                let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_vec()).collect();
                let taken = bytes.len().min(taken);
                out.extend_from_slice(&bytes[..taken]);
                Ok(taken)
            };
            let flush = self.outbox.flush(0, self.now.millis(), write, |_, _| {});
            self.outbox.check_invariants();
            if matches!(flush.state, FlushState::Blocked) {
                break;
            }
        }
        let parts = roomcast::wire::packing::parts(&out);
        let texts = parts.map(|(_, payload)| String::from_utf8_lossy(payload).into_owned());
        texts.collect::<Vec<_>>().join(" ")
    }
}

/// Messages that follow, messages that are lost, and the number before the first that follows.
type Told = (u32, Option<u64>, u64);

fn at(number: u64) -> Position {
    let epoch = EPOCH;
    Position { epoch, number }
}

#[test]
fn a_client_gets_what_it_missed_and_is_told_what_is_gone() {
    let mut house = House::keeping(3);
    (0..5).for_each(|_| house.publish(0, 1, false));
    let mut resume = |since| house.resume(since, &Wanted::All, &Got::Nothing);
    assert_eq!(resume(5), ((0, Some(0), 5), String::new()));
    assert_eq!(resume(4), ((1, Some(0), 4), String::from("5")));
    assert_eq!(resume(2), ((3, Some(0), 2), String::from("3 4 5")));
    assert_eq!(resume(1), ((3, Some(1), 2), String::from("3 4 5")));
    assert_eq!(resume(0), ((3, Some(2), 2), String::from("3 4 5")));
    assert_eq!(resume(6), ((0, None, 5), String::new()));
}

#[test]
fn of_a_batch_a_client_gets_what_it_has_not() {
    let mut house = House::keeping(10);
    house.publish(0, 2, false);
    house.publish(0, 4, false);
    house.publish(0, 1, false);
    let mut resume = |since| house.resume(since, &Wanted::All, &Got::Nothing);
    assert_eq!(resume(3), ((4, Some(0), 3), String::from("4 5 6 7")));
    assert_eq!(resume(2), ((5, Some(0), 2), String::from("3 4 5 6 7")));
}

#[test]
fn a_batch_that_is_longer_than_the_history_is_not_kept() {
    let mut house = House::keeping(3);
    house.publish(0, 1, false);
    house.publish(0, 4, false);
    let told = house.resume(0, &Wanted::All, &Got::Nothing);
    assert_eq!(told, ((0, Some(5), 5), String::new()));
}

#[test]
fn a_filter_over_more_than_is_kept_is_unknown() {
    let mut house = House::keeping(4);
    for topic in [1, 2, 1, 2, 2, 1] {
        house.publish(topic, 1, false);
    }
    let ones = |topic| topic == Topic(1);
    let mut resume = |since| house.resume(since, &Wanted::Some(&ones), &Got::Nothing);
    assert_eq!(resume(2), ((2, Some(0), 2), String::from("3 6")));
    assert_eq!(resume(3), ((1, Some(0), 5), String::from("6")));
    assert_eq!(resume(1), ((0, None, 6), String::new()));
}

#[test]
fn what_a_client_did_itself_is_neither_sent_nor_missed() {
    let mut house = House::keeping(3);
    for topic in [9, 0, 0, 9, 0] {
        house.publish(topic, 1, false);
    }
    let wanted = Wanted::But(Topic(9), &[1, 4]);
    let mut resume = |since| house.resume(since, &wanted, &Got::Nothing);
    assert_eq!(resume(2), ((2, Some(0), 2), String::from("3 5")));
    assert_eq!(resume(0), ((2, Some(1), 2), String::from("3 5")));
}

#[test]
fn a_reader_may_be_as_far_behind_as_the_history_reaches_and_no_farther() {
    let mut house = House::keeping(4);
    house.publish(0, 1, true);
    assert_eq!(house.flush(0), "");
    (0..3).for_each(|_| house.publish(0, 1, true));
    assert_eq!(house.outbox.messages(0), 4);
    house.publish(0, 1, true);
    assert_eq!(house.flush(usize::MAX), "[1 since 0] 2 3 4 5");
}

#[test]
fn a_reader_is_cut_when_the_history_goes_that_it_was_behind_by() {
    let mut house = House::keeping(4);
    house.publish(0, 1, true);
    assert_eq!(house.flush(0), "");
    (0..3).for_each(|_| house.publish(0, 1, true));
    house.now = Micros(house.now.0 + HistoryBounds::USUAL.age.0 * 1000);
    assert_eq!(house.outbox.expire_histories(house.now, 10), 4);
    let skipped = house.outbox.keep_up(|_| BOUNDS);
    house.outbox.check_invariants();
    assert_eq!(skipped[APP as usize], 2);
    assert_eq!(house.flush(usize::MAX), "[2 since 0] 3 4");
}

#[test]
fn a_reader_is_cut_when_a_part_of_what_it_was_behind_by_has_gone_out() {
    // One write takes a part of the oldest, which is kept; and what comes next, of another log, is kept no longer.
    let mut house = House::keeping(2);
    let long = Encoder::new().json(&"a".repeat(300_000));
    house.post(0, long, true);
    assert_eq!(house.flush(0), "");
    house.log = house.outbox.open_log(APP, EPOCH);
    (0..3).for_each(|_| house.publish(0, 1, true));
    house.outbox.keep_up(|_| BOUNDS);
    assert_eq!(house.outbox.messages(0), 4);
    house.outbox.unblock(0, house.now.millis());
    assert_eq!(house.outbox.next_dirty(), Some(0));
    let write = |parts: &[IoSlice<'_>]| Ok(parts.iter().map(|part| part.len()).sum());
    let flush = house.outbox.flush(0, house.now.millis(), write, |_, _| {});
    assert!(matches!(flush.state, FlushState::More));
    let skipped = house.outbox.keep_up(|_| BOUNDS);
    house.outbox.check_invariants();
    house.outbox.check_readers(|_| BOUNDS);
    assert_eq!(skipped[APP as usize], 1);
}

#[test]
fn a_gap_is_filled_once_and_as_far_as_it_is_kept() {
    let mut house = House::keeping(2);
    house.publish(0, 1, true);
    assert_eq!(house.flush(0), "");
    (0..4).for_each(|_| house.publish(0, 1, true));
    assert_eq!(house.flush(usize::MAX), "[3 since 0] 4 5");
    let told = house.resume(0, &Wanted::All, &Got::All);
    assert_eq!(told, ((0, Some(3), 5), String::new()));
    let told = house.resume(0, &Wanted::All, &Got::All);
    assert_eq!(told, ((0, Some(0), 5), String::new()));
}

#[test]
fn what_of_a_gap_is_kept_comes_behind_what_the_client_has() {
    let mut house = House::keeping(0);
    house.publish(0, 1, true);
    assert_eq!(house.flush(0), "");
    let history = HistoryBounds {
        messages_max: 100,
        ..HistoryBounds::USUAL
    };
    (0..3).for_each(|_| house.publish(0, 1, true));
    house.outbox.bound_history(APP, history, BOUNDS.bytes_max);
    // Kept, but not for a reader that only wants the newest.
    let latest = QueueBounds {
        on_full: OnFull::Latest,
        ..BOUNDS
    };
    house.publish(0, 1, true);
    house.publish(0, 1, true);
    house.outbox.keep_up(|_| latest);
    assert_eq!(house.flush(usize::MAX), "[4 since 0] 5 6");
    house.publish(0, 1, true);
    let told = house.resume(4, &Wanted::All, &Got::All);
    assert_eq!(told, ((0, Some(0), 7), String::from("7")));
}

#[test]
fn a_replay_that_is_skipped_is_a_gap_of_its_own() {
    let mut house = House::keeping(10);
    (0..4).for_each(|_| house.publish(0, 1, false));
    // The client has 4, and not 1 to 3: it comes in for those, and 5 is not for it.
    let planned = {
        let since = Some(Since::At(at(0)));
        let wanted = Wanted::But(Topic(9), &[]);
        let log = house.log;
        house.outbox.resume(0, log, since, &wanted, &Got::Nothing)
    };
    house.outbox.replay(0, APP, planned, &BOUNDS, house.now);
    house.publish(9, 1, false);
    house.publish(0, 1, true);
    assert_eq!(house.flush(0), "");
    let none = HistoryBounds {
        messages_max: 1,
        ..HistoryBounds::USUAL
    };
    house.outbox.bound_history(APP, none, BOUNDS.bytes_max);
    house.publish(0, 1, true);
    house.publish(0, 1, true);
    house.outbox.keep_up(|_| BOUNDS);
    house.outbox.check_invariants();
    let told = house.flush(usize::MAX);
    assert_eq!(told, "[4 since 0] [1 since 5] 7 8");
}

#[test]
fn nobody_can_tell_what_a_client_missed_before_it_came() {
    let mut house = House::keeping(10);
    house.publish(0, 1, false);
    let planned = house
        .outbox
        .resume(0, house.log, None, &Wanted::All, &Got::Nothing);
    house.outbox.replay(0, APP, planned, &BOUNDS, house.now);
    house.publish(0, 1, true);
    assert_eq!(house.resume(0, &Wanted::All, &Got::All).0, (0, None, 2));
    assert_eq!(house.resume(1, &Wanted::All, &Got::All).0, (0, Some(0), 2));
}

#[test]
fn the_oldest_of_all_logs_gives_way_first() {
    let mut outbox = Outbox::with_capacity(1, 512);
    let message = || Encoder::new().json(&"message");
    let bytes = message().bytes().len() as u64;
    let history = HistoryBounds {
        total_max: 3 * bytes,
        ..HistoryBounds::USUAL
    };
    outbox.bound_history(APP, history, BOUNDS.bytes_max);
    let logs = [1, 2].map(|epoch| outbox.open_log(APP, epoch));
    for (turn, log) in [0, 1, 0, 1, 1].into_iter().enumerate() {
        let stored = outbox.store_published(message(), APP, Micros(turn as u64));
        outbox.publish_to_nobody(stored, Some((logs[log], Topic(0))));
        outbox.check_invariants();
    }
    let (key, generation) = (0, 1);
    outbox.open(ConnId { key, generation });
    let mut kept = |log: usize, epoch| {
        let since = Some(Since::At(Position { epoch, number: 0 }));
        let planned = outbox.resume(0, logs[log], since, &Wanted::All, &Got::Nothing);
        (planned.sent, planned.missed)
    };
    assert_eq!((kept(0, 1), kept(1, 2)), ((1, Some(1)), (2, Some(1))));
    assert_eq!(outbox.next_expiry(), Some(Millis(0) + history.age));
    assert_eq!(outbox.shorten_histories(2), 2);
    assert_eq!(outbox.stored(), 1);
}

#[test]
fn a_log_that_different_readers_hold_up_is_cut() {
    let mut house = House::keeping(0);
    let bounds = HistoryBounds {
        total_max: 0,
        ..HistoryBounds::default()
    };
    // Two batches of two are within the bounds of a reader, and longer than this.
    house.outbox.bound_history(APP, bounds, 40);
    house.publish(0, 2, true);
    assert_eq!(house.flush(0), "");
    house.publish(0, 2, true);
    assert!(house.outbox.logs_bytes() > 40);
    let cut = house.outbox.cut_too_long_logs();
    house.outbox.check_invariants();
    assert_eq!(cut[APP as usize], 2);
    assert!(house.outbox.logs_bytes() <= 40);
    assert_eq!(house.flush(usize::MAX), "[2 since 0] 3 4");
}

#[test]
fn however_short_a_log_may_be_it_keeps_one_message_that_is_waited_for() {
    let mut house = House::keeping(0);
    let bounds = HistoryBounds {
        total_max: 0,
        ..HistoryBounds::default()
    };
    house.outbox.bound_history(APP, bounds, 40);
    house.publish(0, 30, true);
    assert!(house.outbox.logs_bytes() > 40);
    assert_eq!(house.flush(0), "");
    // That nobody waits for the next one changes nothing.
    house.publish(1, 1, false);
    assert_eq!(house.outbox.cut_too_long_logs()[APP as usize], 0);
    house.outbox.check_invariants();
    // The newest stays, and what is older goes.
    house.publish(0, 30, true);
    assert_eq!(house.outbox.cut_too_long_logs()[APP as usize], 30);
    house.outbox.check_invariants();
    let newest: Vec<String> = (32..=61).map(|number| number.to_string()).collect();
    let heard = format!("[30 since 0] {}", newest.join(" "));
    assert_eq!(house.flush(usize::MAX), heard);
}

#[test]
fn a_log_is_cut_for_places_alone_where_they_cost_more_than_it_may() {
    let mut house = House::keeping(0);
    let bounds = HistoryBounds {
        total_max: 0,
        ..HistoryBounds::default()
    };
    house.outbox.bound_history(APP, bounds, 100);
    house.publish(0, 30, true);
    assert_eq!(house.flush(0), "");
    (0..10).for_each(|_| house.publish(1, 1, false));
    assert_eq!(house.outbox.cut_too_long_logs()[APP as usize], 30);
    house.outbox.check_invariants();
    assert_eq!(house.outbox.logs_bytes(), 0);
}
