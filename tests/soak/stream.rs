//! `stream`: one subscribes to blocks, one to transactions, one to both; they come in batches.

use std::ops::Range;

use serde_json::{Value, json};

use crate::harness::http::frame;
use crate::member::{Caller, Member};
use crate::tally::{App, Tally};
use crate::world::{Shared, Workers, World, pause};

const PATH: &str = "/v1/stream";
/// Members of each channel.
const SUBSCRIBERS: u64 = 2;
/// Larger than any number that a run reaches: the last one.
const END: u64 = 1 << 40;

pub fn listeners(world: &World) -> Workers {
    let channels: [&[&str]; 3] = [&["newBlocks"], &["newTxs"], &["newBlocks", "newTxs"]];
    channels
        .map(|names| world.listener(move |shared, tally| listen(shared, tally, names)))
        .into()
}

pub fn publishers(world: &World) -> Workers {
    vec![world.worker(publish)]
}

pub fn end(caller: &mut Caller, tally: &mut Tally) {
    blocks(caller, tally, END..END + 1);
    txs(caller, tally, END..END + 1);
}

fn blocks(caller: &mut Caller, tally: &mut Tally, numbers: Range<u64>) {
    let block = |n: u64| {
        json!({"height": n, "hash": format!("0x{n:064x}"), "tx_count": 5, "timestamp": 1_700_000_000 + n,
               "miner": "0xminer", "gas_used": 21_000})
    };
    post(caller, tally, "/v1/blocks", numbers.map(block).collect());
}

fn txs(caller: &mut Caller, tally: &mut Tally, numbers: Range<u64>) {
    let tx = |n: u64| {
        json!({"hash": format!("0x{n:064x}"), "from_addr": "0xa", "to_addr": null,
               "value_wei": "1000000000000000000", "block_height": n})
    };
    post(caller, tally, "/v1/txs", numbers.map(tx).collect());
}

fn post(caller: &mut Caller, tally: &mut Tally, path: &str, items: Vec<Value>) {
    let count = items.len() as u64;
    let answer = caller.get(tally, "POST", path, &Value::Array(items).to_string());
    assert_eq!(answer["accepted"], count);
    tally.of(App::Stream).published += count;
    tally.of(App::Stream).expected += count * SUBSCRIBERS;
}

fn publish(shared: &Shared, tally: &mut Tally) {
    let mut caller = Caller::new(shared.address);
    let (mut height, mut tx) = (1, 1);
    while shared.goes_on() {
        blocks(&mut caller, tally, height..height + 2);
        txs(&mut caller, tally, tx..tx + 5);
        (height, tx) = (height + 2, tx + 5);
        pause(20);
    }
}

/// Hears every block and every transaction in its turn, unless it was told that it missed some.
fn listen(shared: &Shared, tally: &mut Tally, channels: &[&str]) {
    let mut member = Member::open(shared.address, App::Stream, PATH, tally);
    member.say(&json!({"action": "subscribe", "channels": channels}).to_string());
    // There is no answer to that; but what it says next is answered.
    member.http.send(frame(0x89, "subscribed?"));
    assert_eq!(member.http.frame().first, 0x8a);
    shared.here_i_am();
    let mut next = [1, 1];
    let mut ends = 0;
    while ends < channels.len() {
        let text = member.text(tally);
        let (kind, number) = match text["type"].as_str().unwrap() {
            "newBlock" => (0, &text["data"]["height"]),
            "newTx" => (1, &text["data"]["block_height"]),
            _ => continue,
        };
        let number = number.as_u64().unwrap();
        match number {
            END => ends += 1,
            _ => {
                let told = tally.messages(App::Stream).told > 0;
                assert!(
                    number == next[kind] || told && number > next[kind],
                    "{text}, expected {next:?}"
                );
                next[kind] = number + 1;
            }
        }
    }
    member.leave(tally);
}
