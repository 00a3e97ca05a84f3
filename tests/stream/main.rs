//! The stream app as a block explorer and its clients meet it: over sockets, in a process of its own.
#![allow(clippy::unwrap_used, missing_docs)]

mod dialect;
mod environment;
#[allow(dead_code)]
#[path = "../harness/mod.rs"]
mod harness;
mod house;
mod items;
mod limits;
mod publishing;
mod resuming;

use serde_json::{Value, json};

const BLOCKS: &str = "newBlocks";
const TXS: &str = "newTxs";

/// A block with every field.
fn block(height: u64) -> Value {
    json!({
        "height": height, "hash": format!("0xb{height}"), "tx_count": 2, "timestamp": 1_700_000_000,
        "miner": "0xm", "gas_used": 21_000,
    })
}

/// A transaction with every field.
fn tx(number: u64) -> Value {
    json!({
        "hash": format!("0x{number}"), "from_addr": "0xf", "to_addr": "0xt", "value_wei": "1000000000000000000",
        "block_height": 7,
    })
}

fn txs(count: u64) -> Value {
    Value::from_iter((0..count).map(tx))
}

fn new_block(height: u64) -> Value {
    json!({"type": "newBlock", "data": block(height)})
}

fn new_tx(number: u64) -> Value {
    json!({"type": "newTx", "data": tx(number)})
}
