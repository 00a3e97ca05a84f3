//! `stream`: blocks and transactions, a channel for each, one or several in a body; members say which they want, and are
//! not answered. No message has a time.

use serde_json::Value;

use super::super::accounts::log::{Log, POSITION, at, lagged};
use super::super::accounts::standing::{Command, Wants};
use super::super::runs::chance::Chance;
use super::super::wire::position::{Outcome, Position, Since};
use super::dialect::{Named, Publish, Said};

const CHANNELS: [&str; 2] = ["newBlocks", "newTxs"];
/// Items of one body.
const ITEMS_MAX: usize = 4;

/// What a member is told.
pub fn read(text: &str) -> Result<(Said, Option<&str>), String> {
    let told = told(text)?;
    let data = &told["data"];
    let position = |value: &Value| Position::parse(value.as_str().unwrap_or_default());
    let (said, expected) = match told["type"].as_str() {
        Some("lagged") => {
            let missed = data["missed"].as_u64().unwrap_or(0) as usize;
            let since = position(&data["since"])?;
            let data = lagged(missed, Some(since));
            (Said::Lagged(missed, Some(since)), data)
        }
        Some("resumed") => {
            let sent = data["sent"].as_u64().ok_or("it says not how many follow")?;
            let missed = data["missed"].as_u64().map(|missed| missed as usize);
            let outcome = Outcome {
                resumed: Some((sent as usize, missed)),
                position: position(&data["position"])?,
            };
            let position = format!(r#","position":"{}""#, outcome.position);
            let data = outcome.resumed().unwrap_or_default() + &position;
            (Said::Answer(Some(outcome)), data)
        }
        _ => return Ok((Said::Published(position(&told["position"])?), None)),
    };
    let kind = &told["type"];
    let expected = format!(r#"{{"type":{kind},"data":{{{expected}}}}}"#);
    match text == expected {
        true => Ok((said, None)),
        false => Err(format!("{text} must be {expected}")),
    }
}

/// Every item has a hash unlike any other.
pub fn named(text: &str) -> Result<Named, String> {
    let mut told = told(text)?;
    let hash = told["data"]["hash"].take();
    Ok(Named {
        key: hash.as_str().unwrap_or_default().into(),
        name: String::new(),
        timestamp: None,
        position: Position::parse(told["position"].as_str().unwrap_or_default())?,
    })
}

/// Publishes a block or a transaction, or several.
pub fn publish(chance: &mut Chance, log: &mut Log) -> Publish {
    let channel = chance.pick(&CHANNELS);
    let count = chance.pick(&[1, 1, 2, ITEMS_MAX]);
    let (path, item): (_, fn(&mut Chance, &str) -> Item) = match channel {
        "newBlocks" => ("/v1/blocks", block),
        _ => ("/v1/txs", tx),
    };
    let (mut batch, mut bodies) = (Vec::new(), Vec::new());
    for number in log.wishes()..log.wishes() + count {
        let hash = format!("0x{number}é");
        let Item { body, text } = item(chance, &hash);
        bodies.push(body);
        batch.push((hash, text));
    }
    let body = match bodies.as_slice() {
        [only] if chance.one_in(2) => only.clone(),
        many => format!("[{}]", many.join(" , ")),
    };
    Publish {
        wish: log.wish_all(channel, batch),
        method: "POST",
        path: path.into(),
        header: "",
        body,
        status: 202,
    }
}

/// A publisher got this 202.
pub fn accepted(count: usize, body: &str) -> Result<(), String> {
    let expected = format!(r#"{{"accepted":{count}}}"#);
    (body == expected)
        .then_some(())
        .ok_or_else(|| format!("a 202 says {body}, not {expected}"))
}

/// Says what it wants from now on, given what it wants now.
pub fn command(chance: &mut Chance, wants: &Wants, since: Option<Since>) -> (String, Command) {
    let subscribes = wants.is_empty() || chance.one_in(2);
    let names = chance.pick(&[&CHANNELS[..1], &CHANNELS[1..], &CHANNELS[..]]);
    let mut wants = wants.clone();
    wants.retain(|name| !names.contains(name));
    if subscribes {
        wants.extend(names);
    }
    let action = match subscribes {
        true => "subscribe",
        false => "unsubscribe",
    };
    // What it does not know it leaves alone.
    let unknown = chance.pick(&["", r#","nothing",7"#]);
    let text = said(action, names, unknown);
    if !subscribes {
        return (text, Command::silent(wants));
    }
    let (text, command) = match since {
        Some(since) => {
            let text = text.replace('}', &format!(r#","since":"{since}"}}"#));
            (text, Command::answered(wants, "resumed"))
        }
        None => (text, Command::silent(wants)),
    };
    (text, command.subscribing(names.to_vec(), since))
}

/// Says that it wants everything.
pub fn subscribe_to_all() -> (String, Command) {
    let text = said("subscribe", &CHANNELS, "");
    let command = Command::silent(CHANNELS.to_vec());
    (text, command.subscribing(CHANNELS.to_vec(), None))
}

/// What is posted, and what is told of it.
struct Item {
    body: String,
    text: String,
}

fn block(chance: &mut Chance, hash: &str) -> Item {
    let height = chance.below(1 << 20);
    let time = chance.pick(&[
        "7",
        r#""2023-11-14t22:13:20.5+05:30""#,
        "18446744073709551615",
    ]);
    let fields = [
        format!(r#""height":{height}"#),
        format!(r#""hash":"{hash}""#),
        r#""tx_count":0"#.into(),
        format!(r#""timestamp":{time}"#),
        r#""miner":"m""#.into(),
        format!(r#""gas_used":{height}"#),
    ];
    item("newBlock", &fields, &[3, 1, 0, 2, 5, 4])
}

fn tx(chance: &mut Chance, hash: &str) -> Item {
    let count = chance.size(200);
    let wei = "9".repeat(1 + count);
    let fields = [
        format!(r#""hash":"{hash}""#),
        r#""from_addr":"f""#.into(),
        format!(r#""to_addr":{}"#, chance.pick(&["null", r#""t""#])),
        format!(r#""value_wei":"{wei}""#),
        format!(r#""block_height":{count}"#),
    ];
    item("newTx", &fields, &[4, 3, 2, 1, 0])
}

/// An item that is posted with its fields in this order, and told with them in their own.
fn item(kind: &str, fields: &[String], order: &[usize]) -> Item {
    let posted: Vec<&str> = order.iter().map(|&at| fields[at].as_str()).collect();
    let data = fields.join(",");
    Item {
        body: format!("{{{}}}", posted.join(", ")),
        text: at(
            &format!(r#"{{"type":"{kind}","data":{{{data}}}}}"#),
            POSITION,
        ),
    }
}

fn said(action: &str, channels: &[&str], unknown: &str) -> String {
    let quoted: Vec<String> = channels.iter().map(|name| format!("{name:?}")).collect();
    format!(
        r#"{{"channels":[{}{unknown}],"action":"{action}"}}"#,
        quoted.join(",")
    )
}

fn told(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|why| format!("not a message of the stream: {why}: {text}"))
}
