//! What is kept of sessions: when one is forgotten, and what makes room.

use roomcast::apps::refusal::Full;
use roomcast::apps::sessions::store::{Completion, Session, Status, Store};
use roomcast::bounds::AppBounds;
use roomcast::id::AppId;
use roomcast::time::{Millis, Unix};
use serde_json::value::RawValue;

const HOUR: Millis = Millis::seconds(3600);

fn bounds(records_max: u32, records_bytes_max: u64) -> AppBounds {
    AppBounds {
        records_max,
        records_bytes_max,
        ..AppBounds::of(AppId::Sessions)
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn add(store: &mut Store, id: &str, bounds: &AppBounds, now: Millis) -> Result<u32, Full> {
    let session = Session::new(id.to_owned(), Unix(0), &raw("{}"));
    store.make_capacity(session.needs(), bounds, now, |_| ())?;
    Ok(store.insert(session, now))
}

fn finish(store: &mut Store, key: u32, bounds: &AppBounds, now: Millis) -> Result<(), Full> {
    let completion = Completion {
        result: raw("{\"a\":1}"),
        completed_at: Unix(0),
    };
    store.make_capacity(completion.needs(), bounds, now, |_| ())?;
    store.complete(key, completion, now);
    store.check_invariants();
    Ok(())
}

#[test]
fn the_longest_completed_session_makes_room_after_an_hour() {
    let bounds = bounds(2, 1000);
    let mut store = Store::default();
    let first = add(&mut store, "first", &bounds, Millis(0)).unwrap();
    let second = add(&mut store, "second", &bounds, Millis(0)).unwrap();
    finish(&mut store, second, &bounds, Millis(5)).unwrap();
    finish(&mut store, first, &bounds, Millis(6)).unwrap();
    let just_before = HOUR + Millis(4);
    assert_eq!(add(&mut store, "third", &bounds, just_before), Err(Full));
    assert!(add(&mut store, "third", &bounds, just_before + Millis(1)).is_ok());
    assert!(store.find("second").is_none() && store.find("first").is_some());
    store.check_invariants();
}

#[test]
fn a_session_that_is_not_completed_makes_no_room() {
    let bounds = bounds(1, 1000);
    let mut store = Store::default();
    let key = add(&mut store, "a", &bounds, Millis(0)).unwrap();
    store.advance(key, Status::ActionStarted, Millis(0));
    assert_eq!(add(&mut store, "b", &bounds, HOUR + HOUR), Err(Full));
    assert!(store.find("a").is_some());
}

#[test]
fn a_completed_session_with_a_subscriber_is_kept_until_it_has_none() {
    let bounds = bounds(1, 1000);
    let mut store = Store::default();
    let key = add(&mut store, "a", &bounds, Millis(0)).unwrap();
    store.enter(key);
    finish(&mut store, key, &bounds, Millis(0)).unwrap();
    store.enter(key);
    store.leave(key);
    assert_eq!(add(&mut store, "b", &bounds, HOUR), Err(Full));
    store.leave(key);
    store.check_invariants();
    assert!(add(&mut store, "b", &bounds, HOUR).is_ok());
    assert!(store.find("a").is_none());
    store.check_invariants();
}

#[test]
fn bytes_are_bounded_as_records_are() {
    let bounds = bounds(100, 11);
    let mut store = Store::default();
    let key = add(&mut store, "a", &bounds, Millis(0)).unwrap();
    let other = add(&mut store, "b", &bounds, Millis(0)).unwrap();
    finish(&mut store, key, &bounds, Millis(0)).unwrap();
    assert_eq!(finish(&mut store, other, &bounds, Millis(0)), Err(Full));
    assert_eq!(store.session(other).status, Status::Pending);
    finish(&mut store, other, &bounds, HOUR).unwrap();
    assert!(store.find("a").is_none());
    store.check_invariants();
}

#[test]
fn a_session_that_has_ended_is_nowhere_and_keeps_its_number_from_others() {
    let bounds = bounds(1, 9);
    let mut store = Store::default();
    let key = add(&mut store, "a", &bounds, Millis(0)).unwrap();
    store.enter(key);
    finish(&mut store, key, &bounds, Millis(0)).unwrap();
    store.end(key);
    store.check_invariants();
    assert!(store.find("a").is_none());
    let other = add(&mut store, "b", &bounds, Millis(0)).unwrap();
    assert_ne!(other, key);
    store.leave(key);
    store.end(other);
    assert_eq!(store.places(), 0);
    store.check_invariants();
}

#[test]
fn the_next_to_be_forgotten_is_the_one_whose_age_is_over_first() {
    let bounds = AppBounds {
        pending_age: Millis(100),
        completed_age: Millis(30),
        ..bounds(9, 1000)
    };
    let mut store = Store::default();
    let first = add(&mut store, "a", &bounds, Millis(0)).unwrap();
    let second = add(&mut store, "b", &bounds, Millis(10)).unwrap();
    assert_eq!(store.next_due(&bounds), Some((Millis(100), first)));
    store.advance(first, Status::Opened, Millis(20));
    assert_eq!(store.next_due(&bounds), Some((Millis(110), second)));
    finish(&mut store, first, &bounds, Millis(50)).unwrap();
    assert_eq!(store.next_due(&bounds), Some((Millis(80), first)));
    store.end(first);
    assert_eq!(store.next_due(&bounds), Some((Millis(110), second)));
}
