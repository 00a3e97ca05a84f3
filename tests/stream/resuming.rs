//! Positions of blocks and transactions, and subscribers that come back.
//!
//! Both channels are numbered together, and each item of an array has a number of its own.

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::positions::{Position, outcome};
use crate::house::{House, STREAM};
use crate::{BLOCKS, TXS, block, new_block, new_tx, tx, txs};

const OPEN: [&str; 2] = ["--set", "stream.connections_per_minute=0"];

/// A hub that limits no connections, with these settings of the app.
fn open(settings: &[&str]) -> House {
    let flags = settings.iter().flat_map(|setting| ["--set", setting]);
    let flags: Vec<&str> = OPEN.into_iter().chain(flags).collect();
    House::open(&flags)
}

fn publish_blocks(house: &House, heights: impl IntoIterator<Item = u64>) {
    let blocks = Value::from_iter(heights.into_iter().map(block));
    assert_eq!(house.post("/v1/blocks", &blocks).status, 202);
}

fn publish_txs(house: &House, numbers: impl IntoIterator<Item = u64>) {
    let txs = Value::from_iter(numbers.into_iter().map(tx));
    assert_eq!(house.post("/v1/txs", &txs).status, 202);
}

/// Subscribes since then: what it is told of that, and the position.
#[track_caller]
fn resume(client: &mut Client, channels: &[&str], since: impl ToString) -> (Value, Position) {
    let since = since.to_string();
    let said = json!({"action": "subscribe", "channels": channels, "since": since});
    client.send(said.to_string());
    let (mut told, position) = client.numbered();
    assert_eq!(told["type"], "resumed");
    (told["data"].take(), position)
}

/// A client that comes back.
fn back(house: &House, channels: &[&str], since: impl ToString) -> (Client, Value, Position) {
    let mut client = house.connect(STREAM);
    let (resumed, position) = resume(&mut client, channels, since);
    (client, resumed, position)
}

/// The newest position.
fn newest(house: &House) -> Position {
    back(house, &[], "now").2
}

/// The client's next message is this one, of this number.
#[track_caller]
fn hears(client: &mut Client, message: Value, number: u64) {
    let (heard, position) = client.numbered();
    assert_eq!((heard, position.number), (message, number));
}

#[test]
fn positions_are_dense_over_both_channels_and_each_item() {
    let house = open(&[]);
    let mut both = house.subscriber(&[BLOCKS, TXS]);
    let mut some = house.subscriber(&[TXS]);
    publish_blocks(&house, 1..=3);
    publish_txs(&house, 1..=2);
    publish_blocks(&house, 4..=4);
    publish_txs(&house, []);
    publish_txs(&house, 3..=3);
    let heard = |client: &mut Client, items: usize| -> Vec<u64> {
        let number = |_| client.numbered().1.number;
        (0..items).map(number).collect()
    };
    assert_eq!(heard(&mut both, 7), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(heard(&mut some, 3), [4, 5, 7]);
    assert_eq!(newest(&house).number, 7);
}

#[test]
fn who_comes_back_gets_exactly_what_it_missed_and_then_what_is_new() {
    let house = open(&[]);
    publish_blocks(&house, 1..=1);
    publish_txs(&house, 1..=1);
    publish_blocks(&house, 2..=2);
    let begin = newest(&house).at(0);
    let (mut client, resumed, position) = back(&house, &[TXS, BLOCKS], begin.at(1));
    assert_eq!((resumed, position), (outcome(2, 0), begin.at(1)));
    publish_txs(&house, 2..=2);
    hears(&mut client, new_tx(1), 2);
    hears(&mut client, new_block(2), 3);
    hears(&mut client, new_tx(2), 4);
    // Of one channel only what is on it, and the position is the one before the first of that.
    let (mut client, resumed, position) = back(&house, &[BLOCKS], begin.at(1));
    assert_eq!((resumed, position), (outcome(1, 0), begin.at(2)));
    hears(&mut client, new_block(2), 3);
    client.settle();
    let (mut client, resumed, position) = back(&house, &[BLOCKS], begin.at(3));
    assert_eq!((resumed, position), (outcome(0, 0), begin.at(4)));
    client.settle();
}

#[test]
fn in_the_middle_of_an_array_the_rest_of_it_follows() {
    let house = open(&[]);
    publish_txs(&house, 1..=100);
    publish_txs(&house, 101..=150);
    let begin = newest(&house).at(0);
    for since in [0, 1, 40, 99, 100, 101, 149] {
        let (mut client, resumed, position) = back(&house, &[TXS], begin.at(since));
        let told = (outcome(150 - since, 0), begin.at(since));
        assert_eq!((resumed, position), told);
        for number in since + 1..=150 {
            hears(&mut client, new_tx(number), number);
        }
        client.settle();
    }
    // Of a rest that was sent, each item is delivered as any other.
    let sent = r#"explorer_websocket_messages_sent{type="newTx"}"#;
    assert_eq!(house.metric(sent), 150 + 149 + 110 + 51 + 50 + 49 + 1);
}

#[test]
fn what_is_not_kept_any_more_is_counted_or_nobody_can_tell() {
    let house = open(&["stream.history_messages=3"]);
    for number in 1..=3 {
        publish_txs(&house, [number]);
        publish_blocks(&house, [number]);
    }
    let newest = newest(&house);
    let (mut client, resumed, position) = back(&house, &[BLOCKS, TXS], newest.at(1));
    assert_eq!((resumed, position), (outcome(3, 2), newest.at(3)));
    hears(&mut client, new_block(2), 4);
    hears(&mut client, new_tx(3), 5);
    hears(&mut client, new_block(3), 6);
    // Which of those were blocks that are not kept is not known.
    let (mut client, resumed, position) = back(&house, &[BLOCKS], newest.at(2));
    assert_eq!((resumed, position), (outcome(0, None), newest.clone()));
    client.settle();
    let (_, resumed, position) = back(&house, &[BLOCKS], newest.at(3));
    assert_eq!((resumed, position), (outcome(2, 0), newest.at(3)));
}

#[test]
fn an_array_that_is_longer_than_the_history_is_lost_whole() {
    let house = open(&["stream.history_messages=3"]);
    publish_txs(&house, 1..=2);
    publish_txs(&house, 3..=6);
    let newest = newest(&house);
    let (mut client, resumed, position) = back(&house, &[BLOCKS, TXS], newest.at(1));
    assert_eq!((resumed, position), (outcome(0, 5), newest.clone()));
    publish_txs(&house, 7..=8);
    hears(&mut client, new_tx(7), 7);
    hears(&mut client, new_tx(8), 8);
}

#[test]
fn nobody_can_tell_what_was_missed_since_a_position_that_is_none_of_these() {
    let house = open(&[]);
    publish_blocks(&house, 1..=2);
    let newest = newest(&house);
    let another = u32::from_str_radix(&newest.epoch, 16).unwrap() ^ 1;
    let others = [
        format!("{another:08x}-1"),
        newest.at(3).to_string(),
        "rubbish".to_owned(),
        String::new(),
    ];
    let mut client = house.connect(STREAM);
    for since in others {
        for channels in [&[BLOCKS, TXS][..], &[BLOCKS], &[]] {
            let told = resume(&mut client, channels, &since);
            assert_eq!(told, (outcome(0, None), newest.clone()), "{since}");
        }
    }
    publish_blocks(&house, 3..=3);
    hears(&mut client, new_block(3), 3);
}

#[test]
fn now_asks_for_the_position_alone() {
    let house = open(&[]);
    publish_blocks(&house, 1..=2);
    let (mut client, resumed, position) = back(&house, &[BLOCKS], "now");
    assert_eq!((resumed, position.number), (outcome(0, 0), 2));
    publish_blocks(&house, 3..=3);
    hears(&mut client, new_block(3), 3);
}

#[test]
fn only_a_subscription_that_says_since_when_is_answered() {
    let house = open(&[]);
    let mut client = house.subscriber(&[BLOCKS]);
    client.send(json!({"action": "subscribe", "channels": [TXS], "since": null}).to_string());
    client.send(json!({"action": "unsubscribe", "channels": [TXS], "since": "now"}).to_string());
    client.settle();
    client.send(json!({"action": "subscribe", "channels": [TXS], "since": 3}).to_string());
    client.settle();
    let wrong = r#"explorer_websocket_errors{error_type="invalid_message"}"#;
    assert_eq!(house.metric(wrong), 1);
}

#[test]
fn without_a_history_everything_missed_is_lost() {
    let house = open(&["stream.history_messages=0"]);
    publish_blocks(&house, 1..=5);
    let newest = newest(&house);
    let (mut client, resumed, position) = back(&house, &[BLOCKS, TXS], newest.at(1));
    assert_eq!((resumed, position), (outcome(0, 4), newest.clone()));
    assert_eq!(back(&house, &[TXS], newest.at(1)).1, outcome(0, None));
    publish_blocks(&house, 6..=6);
    hears(&mut client, new_block(6), 6);
}

#[test]
fn what_is_too_old_is_lost() {
    let house = open(&["stream.history_age=100ms"]);
    publish_blocks(&house, 1..=5);
    let newest = newest(&house);
    house.until("all is too old", |_| {
        back(&house, &[BLOCKS, TXS], newest.at(2)).1 == outcome(0, 3)
    });
}

#[test]
fn of_another_channel_only_that_comes_which_it_has_not_got() {
    let house = open(&[]);
    let mut client = house.subscriber(&[BLOCKS]);
    publish_blocks(&house, 1..=1);
    publish_txs(&house, 1..=1);
    publish_blocks(&house, 2..=2);
    hears(&mut client, new_block(1), 1);
    hears(&mut client, new_block(2), 3);
    let begin = newest(&house).at(0);
    let told = resume(&mut client, &[TXS], &begin);
    assert_eq!(told, (outcome(1, 0), begin.at(1)));
    hears(&mut client, new_tx(1), 2);
    client.settle();
    // It had both, since then.
    let told = resume(&mut client, &[BLOCKS, TXS], &begin);
    assert_eq!(told, (outcome(0, 0), begin.at(3)));
    publish_txs(&house, 2..=2);
    hears(&mut client, new_tx(2), 4);
    client.settle();
}

#[test]
fn a_lagged_client_subscribes_again_and_gets_what_is_kept_of_its_gap() {
    let house = open(&[
        "stream.queue_messages=4",
        "stream.on_full=latest",
        "stream.history_messages=2500",
    ]);
    let mut client = house.connect_narrow(STREAM);
    resume(&mut client, &[BLOCKS, TXS], "now");
    let mut published = 0;
    let dropped = r#"roomcast_messages_dropped_total{app="stream"}"#;
    while house.metric(dropped) == 0 {
        assert_eq!(house.post("/v1/txs", &txs(1000)).status, 202);
        published += 1000;
    }
    let (gap, heard) = loop {
        let mut message = client.json();
        if message["type"] == "lagged" {
            break (message["data"].take(), client.numbered().1);
        }
    };
    let (missed, since) = (gap["missed"].as_u64().unwrap(), &gap["since"]);
    let since = Position::read(since.as_str().unwrap());
    assert_eq!(since.number + missed + 1000, published);
    assert_eq!(heard, since.at(published - 999), "only the newest is left");
    for _ in 1..1000 {
        client.json();
    }
    // Two arrays are kept, and it has got the second of them.
    let told = resume(&mut client, &[BLOCKS, TXS], &since);
    assert_eq!(
        told,
        (outcome(1000, missed - 1000), since.at(published - 2000))
    );
    for number in 0..1000 {
        hears(&mut client, new_tx(number), published - 1999 + number);
    }
    let told = resume(&mut client, &[BLOCKS, TXS], &since);
    assert_eq!(told, (outcome(0, 0), since.at(published)));
}

#[test]
fn who_had_one_channel_and_wants_both_cannot_be_told_what_is_lost_of_the_other() {
    let house = open(&["stream.history_messages=3"]);
    let mut client = house.subscriber(&[BLOCKS]);
    for number in 1..=6 {
        publish_txs(&house, [number]);
    }
    let newest = newest(&house);
    let told = resume(&mut client, &[BLOCKS, TXS], newest.at(0));
    assert_eq!(told, (outcome(0, None), newest));
}

#[test]
fn of_a_channel_that_was_left_all_comes_since_then() {
    let house = open(&[]);
    let mut client = house.subscriber(&[BLOCKS, TXS]);
    publish_txs(&house, 1..=1);
    hears(&mut client, new_tx(1), 1);
    client.send(json!({"action": "unsubscribe", "channels": [TXS]}).to_string());
    client.settle();
    publish_txs(&house, 2..=2);
    let begin = newest(&house).at(0);
    let told = resume(&mut client, &[TXS], begin.at(1));
    assert_eq!(told, (outcome(1, 0), begin.at(1)));
    hears(&mut client, new_tx(2), 2);
}
