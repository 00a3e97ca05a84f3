//! Blocks and transactions: each field read as strictly as the README says.

use serde_json::{Value, json};

use roomcast::apps::json::body as parse;
use roomcast::apps::stream::items::{Block, OneOrMany, Tx};

fn block(field: &str, value: Value) -> Value {
    let mut block = json!({
        "height": 1, "hash": "0xb", "tx_count": 0, "timestamp": 1, "miner": "0xm", "gas_used": 0,
    });
    block[field] = value;
    block
}

fn tx(field: &str, value: Value) -> Value {
    let mut tx = json!({
        "hash": "0xt", "from_addr": "0xf", "to_addr": "0xt", "value_wei": "1", "block_height": 1,
    });
    tx[field] = value;
    tx
}

fn takes_block(field: &str, value: Value) -> bool {
    let item = block(field, value);
    delivered_block(&item) == Some(json!([item]))
}

fn takes_tx(field: &str, value: Value) -> bool {
    let item = tx(field, value);
    delivered_tx(&item) == Some(json!([item]))
}

/// What is delivered for a body; `None` if it is refused.
fn delivered_block(body: &Value) -> Option<Value> {
    let body = body.to_string();
    let items = parse::<OneOrMany<Block<'_>>>(body.as_bytes()).ok()?;
    Some(json!(items.0))
}

fn delivered_tx(body: &Value) -> Option<Value> {
    let body = body.to_string();
    let items = parse::<OneOrMany<Tx<'_>>>(body.as_bytes()).ok()?;
    Some(json!(items.0))
}

#[test]
fn integers_are_unsigned_and_whole() {
    for field in ["height", "tx_count", "gas_used"] {
        assert!(takes_block(field, json!(0)) && takes_block(field, json!(u64::MAX)));
        for value in [json!(-1), json!(1.0), json!(1e30), json!("1"), json!(null)] {
            assert!(!takes_block(field, value.clone()), "{field} {value}");
        }
    }
    assert!(takes_tx("block_height", json!(7)));
    assert!(!takes_tx("block_height", json!(-7)));
}

#[test]
fn a_timestamp_is_rfc_3339_or_unix_seconds_and_stays_as_it_came() {
    for value in [
        json!(0),
        json!(1_700_000_000),
        json!("2023-11-14T22:13:20Z"),
        json!("2023-11-14t22:13:20.123456789+05:30"),
        json!("2016-12-31T23:59:60Z"),
    ] {
        assert!(takes_block("timestamp", value.clone()), "{value}");
    }
    for value in [
        json!(-1),
        json!(1.5),
        json!("1700000000"),
        json!("2023-11-14"),
        json!("2023-11-14 22:13:20"),
        json!("2023-02-29T00:00:00Z"),
        json!("2023-11-14T22:13:20"),
        json!(""),
    ] {
        assert!(!takes_block("timestamp", value.clone()), "{value}");
    }
}

#[test]
fn an_amount_is_digits_of_any_number() {
    for digits in ["0", "007", &"9".repeat(500)] {
        assert!(takes_tx("value_wei", json!(digits)), "{digits}");
    }
    for digits in ["", "-1", "+1", "1.0", "1e3", "0x1", " 1", "١"] {
        assert!(!takes_tx("value_wei", json!(digits)), "{digits}");
    }
    assert!(!takes_tx("value_wei", json!(1)));
}

#[test]
fn hashes_and_addresses_are_text_that_is_not_empty() {
    for field in ["hash", "miner"] {
        assert!(takes_block(field, json!("any \"text\" é")));
        assert!(!takes_block(field, json!("")) && !takes_block(field, json!(1)));
    }
    for field in ["hash", "from_addr", "to_addr"] {
        assert!(!takes_tx(field, json!("")) && !takes_tx(field, json!({})));
    }
}

#[test]
fn a_recipient_may_be_null_or_absent_and_is_null_then() {
    assert!(takes_tx("to_addr", Value::Null));
    let mut absent = tx("to_addr", Value::Null);
    absent.as_object_mut().unwrap().remove("to_addr");
    assert_eq!(
        delivered_tx(&absent),
        Some(json!([tx("to_addr", Value::Null)]))
    );
}

#[test]
fn other_fields_and_missing_ones_are_refused() {
    assert!(!takes_block("extra", json!(1)) && !takes_tx("extra", json!(1)));
    assert!(delivered_block(&json!({})).is_none() && delivered_tx(&json!([{}])).is_none());
    assert!(delivered_block(&json!("block")).is_none());
    assert!(delivered_block(&json!([[1, "0xb", 0, 1, "0xm", 0]])).is_none());
    assert_eq!(delivered_block(&json!([])), Some(json!([])));
}

#[test]
fn items_keep_their_order_and_fields_get_the_contracts() {
    let body = r#"[{"gas_used":4,"miner":"m","timestamp":3,"tx_count":2,"hash":"h","height":1}]"#;
    let items = parse::<OneOrMany<Block<'_>>>(body.as_bytes()).ok().unwrap();
    assert_eq!(
        serde_json::to_string(&items.0).unwrap(),
        r#"[{"height":1,"hash":"h","tx_count":2,"timestamp":3,"miner":"m","gas_used":4}]"#
    );
}
