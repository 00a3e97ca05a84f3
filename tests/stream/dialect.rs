//! What clients say, right and wrong.

use serde_json::json;

use crate::harness::positions::take_from_text;
use crate::house::House;
use crate::{BLOCKS, TXS, block, new_block, new_tx, tx};

const OPEN: [&str; 2] = ["--set", "stream.connections_per_minute=0"];

fn errors(house: &House, kind: &str) -> u64 {
    house.metric(&format!(
        "explorer_websocket_errors{{error_type=\"{kind}\"}}"
    ))
}

#[test]
fn only_subscribed_channels_are_delivered() {
    let house = House::open(&OPEN);
    let (mut blocks, mut both) = (
        house.subscriber(&[BLOCKS]),
        house.subscriber(&[BLOCKS, TXS]),
    );
    let mut nobody = house.subscriber(&[]);
    house.post("/v1/txs", &tx(1));
    house.post("/v1/blocks", &block(7));
    assert_eq!(blocks.json(), new_block(7));
    assert_eq!([both.json(), both.json()], [new_tx(1), new_block(7)]);
    nobody.settle();
}

#[test]
fn unsubscribing_takes_one_channel_away_and_subscribing_twice_changes_nothing() {
    let house = House::open(&OPEN);
    let mut client = house.subscriber(&[BLOCKS, TXS, BLOCKS]);
    client.send(r#"{"action":"subscribe","channels":["newTxs"]}"#);
    client.send(r#"{"action":"unsubscribe","channels":["newBlocks"]}"#);
    client.send(r#"{"action":"unsubscribe","channels":["newBlocks"]}"#);
    client.settle();
    house.post("/v1/blocks", &block(7));
    house.post("/v1/txs", &tx(1));
    assert_eq!(client.json(), new_tx(1));
    client.settle();
}

#[test]
fn what_a_client_says_wrong_is_counted_and_never_disconnects_it() {
    let house = House::open(&OPEN);
    let mut client = house.subscriber(&[BLOCKS]);
    for text in ["", "{", "newBlocks", r#"{"action":"subscribe"} x"#] {
        client.send(text);
    }
    for text in [
        r#"["subscribe",["newTxs"]]"#,
        "7",
        "{}",
        r#"{"action":"subscribe"}"#,
        r#"{"action":7,"channels":[]}"#,
        r#"{"action":"subscribe","channels":"newTxs"}"#,
    ] {
        client.send(text);
    }
    client.send(r#"{"action":"dance"}"#);
    client.send(r#"{"action":"Subscribe","channels":["newTxs"]}"#);
    client.send(r#"{"action":"unsubscribe","channels":["newblocks"]}"#);
    client.send(br#"{"action":"unsubscribe","channels":["newBlocks"]}"#.to_vec());
    client.settle();
    house.post("/v1/blocks", &block(7));
    assert_eq!(client.json(), new_block(7));
    let counted = [
        ("invalid_json", 4),
        ("invalid_message", 6),
        ("unknown_action", 2),
        ("unknown_channel", 1),
        ("binary_message", 1),
    ];
    for (kind, count) in counted {
        assert_eq!(errors(&house, kind), count, "{kind}");
    }
}

#[test]
fn known_channels_beside_an_unknown_one_count() {
    let house = House::open(&OPEN);
    let mut client = house.subscriber(&[]);
    client.send(r#"{"action":"subscribe","channels":["pendingTxs",7,"newTxs",null],"id":1}"#);
    client.settle();
    house.post("/v1/txs", &tx(1));
    assert_eq!(client.json(), new_tx(1));
    assert_eq!(errors(&house, "unknown_channel"), 1);
}

#[test]
fn the_clients_faults_are_logged_without_its_words() {
    let debug = [("RUST_LOG", "debug")];
    let house = House::with_env(&OPEN, &debug);
    let mut client = house.subscriber(&[]);
    client.send(r#"{"action":"hunter2"}"#);
    client.settle();
    assert!(!house.says("unknown_action").contains("hunter2"));
}

#[test]
fn no_key_is_needed_to_listen_and_one_is_to_publish() {
    let house = House::open(&["--key", "secret"]);
    let mut client = house.subscriber(&[BLOCKS]);
    for path in ["/v1/blocks", "/v1/txs"] {
        let refused = house.post(path, &json!([]));
        assert_eq!(refused.status, 401);
        assert!(refused.header("www-authenticate").is_some());
    }
    let key = "X-API-Key: secret\r\n";
    let answer = house.ask("POST", "/v1/blocks", key, &block(7).to_string());
    assert_eq!(answer.status, 202);
    assert_eq!(client.json(), new_block(7));
}

#[test]
fn a_subscriber_is_text_from_the_first_byte_to_the_last() {
    let house = House::open(&OPEN);
    let mut client = house.subscriber(&[BLOCKS, TXS]);
    house.post("/v1/blocks", &block(7));
    house.post("/v1/txs", &tx(1));
    let expected = [
        r#"{"type":"newBlock","data":{"height":7,"hash":"0xb7","tx_count":2,"timestamp":1700000000,"miner":"0xm","gas_used":21000}}"#,
        r#"{"type":"newTx","data":{"hash":"0x1","from_addr":"0xf","to_addr":"0xt","value_wei":"1000000000000000000","block_height":7}}"#,
    ];
    for (expected, number) in expected.into_iter().zip(1..) {
        let (text, position) = take_from_text(&client.text());
        assert_eq!((text.as_str(), position.number), (expected, number));
    }
}
