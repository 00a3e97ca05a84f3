//! Every bound of the app, at the bound and one past it.

use std::time::Instant;

use crate::house::House;
use crate::{BLOCKS, block, new_block};

#[test]
fn a_thousand_connections_are_held_and_the_next_gets_503() {
    let house = House::open(&["--set", "stream.connections_per_minute=0"]);
    let mut held = Vec::new();
    for number in 0..1000 {
        let (answer, socket) = house.upgrade();
        assert_eq!(answer.status, 101, "connection {number}");
        held.push(socket);
    }
    assert_eq!(house.metric("explorer_websocket_connections"), 1000);
    let (refused, _) = house.upgrade();
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());

    // A masked, empty close frame, and its echo: then there is room for one again.
    let mut leaver = held.pop().unwrap();
    assert_eq!(leaver.send([0x88, 0x80, 0, 0, 0, 0]).close_code(), 1005);
    assert!(leaver.is_over());
    assert_eq!(house.upgrade().0.status, 101);
}

#[test]
fn the_eleventh_connection_of_a_minute_gets_429() {
    let house = House::open(&[]);
    let began = Instant::now();
    let mut upgraded = 0;
    let refused = loop {
        match house.upgrade().0 {
            answer if answer.status == 101 => upgraded += 1,
            answer => break answer,
        }
    };
    assert_eq!(refused.status, 429);
    // Ten, and one more for each six seconds that it took.
    let most = 10 + began.elapsed().as_secs() / 6;
    assert!((10..=most).contains(&upgraded), "{upgraded} upgrades");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

#[test]
fn a_refused_address_may_still_publish() {
    let house = House::open(&["--set", "stream.connections_per_minute=1"]);
    let mut client = house.subscriber(&[BLOCKS]);
    assert_eq!(house.upgrade().0.status, 429);
    assert_eq!(house.post("/v1/blocks", &block(7)).status, 202);
    assert_eq!(client.json(), new_block(7));
}

#[test]
fn a_client_may_say_a_mebibyte_and_not_a_byte_more() {
    let house = House::open(&[]);
    let padded = |bytes: usize| {
        let words = r#"{"action":"subscribe","channels":["newBlocks"]}"#;
        format!("{words}{}", " ".repeat(bytes - words.len()))
    };
    let mut client = house.subscriber(&[]);
    client.send(padded(1 << 20));
    client.settle();
    house.post("/v1/blocks", &block(7));
    assert_eq!(client.json(), new_block(7));
    client.send(padded((1 << 20) + 1));
    assert_eq!(client.close_code(), 1009);
}

#[test]
fn a_plain_get_of_the_stream_gets_426() {
    let answer = House::open(&[]).ask("GET", "/v1/stream", "", "");
    assert_eq!(
        (answer.status, answer.header("upgrade")),
        (426, Some("websocket"))
    );
}
