//! What was said in a room, as it is kept.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use roomcast::apps::rooms::history::{History, MESSAGE_BYTES, fresh_id, number};
use serde_json::value::RawValue;

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

/// Messages 0 to `count`, of which `gone` are forgotten.
fn history(count: u64, gone: u64) -> History {
    let mut history = History::default();
    (0..count).for_each(|message| history.push(raw(&message.to_string())));
    (0..gone).for_each(|_| history.pop());
    history
}

fn texts<'a>(messages: impl Iterator<Item = &'a RawValue>) -> Vec<&'a str> {
    messages.map(RawValue::get).collect()
}

#[test]
fn the_latest_come_oldest_first_and_pages_newest_first() {
    let history = history(5, 1);
    assert_eq!(texts(history.latest(2)), ["3", "4"]);
    assert_eq!(texts(history.latest(9)), ["1", "2", "3", "4"]);
    assert_eq!(texts(history.before(None)), ["4", "3", "2", "1"]);
    assert_eq!(texts(history.before(Some(3))), ["2", "1"]);
}

#[test]
fn a_page_before_what_is_gone_is_empty_and_before_what_is_to_come_is_all() {
    let history = history(5, 3);
    assert_eq!(texts(history.before(Some(3))), [""; 0]);
    assert_eq!(texts(history.before(Some(0))), [""; 0]);
    assert_eq!(texts(history.before(Some(u64::MAX))), ["4", "3"]);
}

#[test]
fn an_identifier_names_its_number() {
    let mut chance = ChaCha12Rng::from_seed([7; 32]);
    let history = history(300, 0);
    let (one, other) = (
        fresh_id(history.next(), &mut chance),
        fresh_id(history.next(), &mut chance),
    );
    assert_ne!(one, other);
    assert_eq!((number(&one), number(&other)), (Some(300), Some(300)));
    for text in [
        "",
        "300",
        &one[1..],
        &format!("+{}", &one[1..]),
        &"é".repeat(16),
    ] {
        assert_eq!(number(text), None, "{text}");
    }
}

#[test]
fn bytes_are_those_of_what_is_kept() {
    assert_eq!(history(20, 10).bytes(), 10 * (2 + MESSAGE_BYTES));
    assert_eq!(history(5, 9).bytes(), 0);
}
