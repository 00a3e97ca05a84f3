//! A hub ends in good order, and the next goes on with the histories, too.

use serde_json::{Value, json};

use crate::harness::positions::{Position, outcome};
use crate::harness::stream::Stream;
use crate::place::{Place, enter, hear, join, make, say, stop};

const TXS: &str = "/v1/stream?channels=newTxs";

fn publish(hub: &crate::harness::server::Server, n: u32) {
    assert_eq!(hub.publish("chat:said", &json!({"n": n})).status, 202);
    let tx = json!({"hash": format!("{n}"), "from_addr": "a", "to_addr": "b", "value_wei": "1", "block_height": 1});
    assert_eq!(hub.ask("POST", "/v1/txs", "", &tx.to_string()).status, 202);
}

#[test]
fn who_listens_to_events_or_blocks_resumes_exactly_however_often() {
    let place = Place::new();
    let mut hub = place.serve("--drain 0s");
    let (mut events, mut txs) = (
        Stream::open(hub.address(), "/ws", None),
        Stream::open(hub.address(), TXS, None),
    );
    events.next();
    publish(&hub, 0);
    let (mut events_at, mut txs_at) = (events.next().0, txs.next().0);
    for life in 1..=3 {
        for n in 0..3 {
            publish(&hub, 10 * life + n);
        }
        stop(hub);
        hub = place.serve("--drain 0s");
        let mut events = Stream::open(hub.address(), "/ws", Some(&events_at));
        assert_eq!(events.next().1["payload"]["resumed"], outcome(3, 0));
        let mut txs = Stream::open(hub.address(), TXS, Some(&txs_at));
        let resumed = txs.next().1;
        assert_eq!(
            (&resumed["data"]["sent"], &resumed["data"]["missed"]),
            (&json!(3), &json!(0))
        );
        for n in 0..3 {
            let (position, event) = events.next();
            assert_eq!(event["payload"]["n"], 10 * life + n);
            assert_eq!(position, Position::read(&events_at).plus(1).to_string());
            let (tx_position, tx) = txs.next();
            assert_eq!(tx["data"]["hash"], (10 * life + n).to_string());
            assert_eq!(tx_position, Position::read(&txs_at).plus(1).to_string());
            (events_at, txs_at) = (position, tx_position);
        }
    }
}

#[test]
fn nobody_is_told_that_players_have_gone_with_the_hub() {
    let place = Place::new();
    let hub = place.serve("--drain 0s");
    let ann = make(&hub, "Ann");
    let bob = join(&hub, &ann, "Bob");
    let (mut at_ann, _) = enter(&hub, &ann, "");
    let (mut at_bob, _) = enter(&hub, &bob, "");
    hear(&mut at_ann);
    say(&mut at_ann, "hello");
    let said: Value = hear(&mut at_bob);
    stop(hub);
    let hub = place.serve("--drain 0s");
    let (mut at_ann, state) = enter(&hub, &ann, said["position"].as_str().unwrap());
    assert_eq!(state["resumed"], outcome(0, 0));
    let (mut at_bob, state) = enter(&hub, &bob, said["position"].as_str().unwrap());
    assert_eq!(state["resumed"], outcome(0, 0));
    at_ann.settle();
    at_bob.settle();
}
