//! What a back-end publishes: one or many, all or none, in order.

use serde_json::{Value, json};

use crate::house::{House, STREAM};
use crate::{BLOCKS, TXS, block, new_block, new_tx, tx, txs};

const OPEN: [&str; 2] = ["--set", "stream.connections_per_minute=0"];

#[test]
fn one_item_is_accepted_like_an_array_of_one() {
    let house = House::open(&OPEN);
    let mut client = house.subscriber(&[BLOCKS]);
    for body in [block(1), json!([block(2)])] {
        let answer = house.post("/v1/blocks", &body);
        assert_eq!(
            (answer.status, answer.json()),
            (202, json!({"accepted": 1}))
        );
    }
    assert_eq!([client.json(), client.json()], [1, 2].map(new_block));
}

#[test]
fn an_empty_array_is_accepted_and_delivers_nothing() {
    let house = House::open(&OPEN);
    let mut client = house.subscriber(&[BLOCKS, TXS]);
    for path in ["/v1/blocks", "/v1/txs"] {
        let answer = house.post(path, &json!([]));
        assert_eq!(
            (answer.status, answer.json()),
            (202, json!({"accepted": 0}))
        );
    }
    client.settle();
}

#[test]
fn an_array_of_any_length_reaches_whoever_reads_whole_and_in_order() {
    let house = House::open(&OPEN);
    let mut clients = [house.subscriber(&[TXS]), house.subscriber(&[TXS])];
    let answer = house.post("/v1/txs", &txs(5000));
    assert_eq!(
        (answer.status, answer.json()),
        (202, json!({"accepted": 5000}))
    );
    for client in &mut clients {
        (0..5000).for_each(|number| assert_eq!(client.json(), new_tx(number)));
        client.settle();
    }
    let sent = r#"explorer_websocket_messages_sent{type="newTx"}"#;
    assert_eq!(house.metric(sent), 10_000);
    let total =
        |what: &str| house.metric(&format!("roomcast_messages_{what}_total{{app=\"stream\"}}"));
    let totals = ["published", "delivered", "dropped"].map(total);
    assert_eq!(totals, [5000, 10_000, 0]);
    assert_eq!(
        house.metric("explorer_websocket_broadcast_latency_seconds_count"),
        1
    );
}

#[test]
fn arrays_and_single_items_of_both_kinds_keep_the_order_they_were_published_in() {
    let house = House::open(&OPEN);
    let mut client = house.subscriber(&[BLOCKS, TXS]);
    house.post("/v1/blocks", &json!([block(1), block(2)]));
    house.post("/v1/txs", &txs(300));
    house.post("/v1/blocks", &block(3));
    assert_eq!([client.json(), client.json()], [1, 2].map(new_block));
    (0..300).for_each(|number| assert_eq!(client.json(), new_tx(number)));
    assert_eq!(client.json(), new_block(3));
}

#[test]
fn a_body_with_one_bad_item_is_refused_whole_with_its_index_and_field() {
    let house = House::open(&OPEN);
    let mut client = house.subscriber(&[BLOCKS, TXS]);
    let spoilt = |mut item: Value, field: &str, value: Value| {
        item[field] = value;
        item
    };
    let bad_block = spoilt(block(4), "height", json!(-4));
    let refused = house.post(
        "/v1/blocks",
        &json!([block(1), block(2), block(3), bad_block]),
    );
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"]["code"], "bad_request");
    assert!(
        refused.message().starts_with("[3].height: "),
        "{}",
        refused.message()
    );

    let bad_tx = spoilt(tx(1), "value_wei", json!("+1"));
    let refused = house.post("/v1/txs", &json!([tx(0), bad_tx]));
    assert!(
        refused.message().starts_with("[1].value_wei: "),
        "{}",
        refused.message()
    );

    let alone = house.post("/v1/txs", &spoilt(tx(1), "to_addr", json!("")));
    assert!(
        alone.message().starts_with("to_addr: "),
        "{}",
        alone.message()
    );

    let extra = house.post("/v1/blocks", &json!([spoilt(block(1), "size", json!(1))]));
    assert!(
        extra.message().starts_with("[0].size: "),
        "{}",
        extra.message()
    );

    let missing = house.post("/v1/blocks", &json!([block(1), {"height": 2}]));
    assert!(
        missing.message().starts_with("[1]: "),
        "{}",
        missing.message()
    );
    assert!(missing.message().contains("hash"), "{}", missing.message());
    client.settle();
}

#[test]
fn a_body_that_is_no_item_is_refused() {
    let house = House::open(&OPEN);
    for body in ["", "7", "null", "\"block\"", "[[]]", "{", "[", "[{}]"] {
        assert_eq!(
            house.ask("POST", "/v1/blocks", "", body).status,
            400,
            "{body:?}"
        );
    }
    let answer = house.ask("POST", "/v1/blocks", "Content-Type: text/plain\r\n", "[]");
    assert_eq!(answer.status, 415);
    let answer = house.ask("GET", "/v1/blocks", "", "");
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("POST, OPTIONS"))
    );
}

#[test]
fn a_client_that_does_not_read_is_told_exactly_how_many_it_missed() {
    let house = House::open(&[
        OPEN[0],
        OPEN[1],
        "--set",
        "stream.queue_messages=4",
        "--write-timeout",
        "60s",
    ]);
    let mut slow = house.connect_narrow(STREAM);
    slow.send(r#"{"action":"subscribe","channels":["newTxs"]}"#);
    slow.settle();
    let dropped = r#"roomcast_messages_dropped_total{app="stream"}"#;
    let mut published = 0;
    // First whatever the sockets' buffers and the queue take, then a batch and a message that are dropped.
    while house.metric(dropped) == 0 {
        assert_eq!(house.post("/v1/txs", &txs(1000)).status, 202);
        published += 1000;
    }
    house.post("/v1/txs", &txs(17));
    house.post("/v1/txs", &tx(0));
    published += 18;
    let missed = house.metric(dropped);
    assert_eq!(missed % 1000, 0, "batches are skipped whole");
    // In the place of what was skipped is told how many messages that was; the newest are heard.
    let (mut heard, mut told) = (0, 0);
    while heard + told < published {
        let message = slow.json();
        if message["type"] == "lagged" {
            told += message["data"]["missed"].as_u64().unwrap();
        } else {
            let from_end = published - (heard + told);
            let expected = match from_end {
                1 => 0,
                2..=18 => 18 - from_end,
                _ => (heard + told) % 1000,
            };
            assert_eq!(message, new_tx(expected));
            heard += 1;
        }
    }
    assert_eq!(told, missed);
    house.post("/v1/txs", &tx(1));
    assert_eq!(slow.json(), new_tx(1));
    assert_eq!(
        house.metric(r#"explorer_websocket_messages_sent{type="newTx"}"#),
        published - missed + 1
    );
}
