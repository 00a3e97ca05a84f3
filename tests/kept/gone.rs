//! A player who was there when the hub was killed and does not come back.

use std::time::{Duration, Instant};

use crate::harness::positions::{Position, outcome};
use crate::place::{Place, enter, hear, join, kill, make};

/// So long a player may take to come back.
const ABSENT: Duration = Duration::from_secs(15);

#[test]
fn it_is_told_to_have_gone_15_seconds_after_the_start_and_once() {
    let place = Place::new();
    let hub = place.serve("");
    let ann = make(&hub, "Ann");
    let bob = join(&hub, &ann, "Bob");
    let (mut at_ann, _) = enter(&hub, &ann, "");
    let (_at_bob, _) = enter(&hub, &bob, "");
    let came = hear(&mut at_ann)["position"].as_str().unwrap().to_owned();
    kill(hub);
    let started = Instant::now();
    let hub = place.serve("");
    let (mut at_ann, state) = enter(&hub, &ann, &came);
    assert_eq!(state["resumed"], outcome(0, 0));
    assert_eq!(state["players"][1]["connected"], true, "{state}");
    let gone = hear(&mut at_ann);
    assert!(started.elapsed() >= ABSENT, "after {:?}", started.elapsed());
    assert_eq!(
        (&gone["event"], &gone["payload"]["player_id"]),
        (&"player_disconnected".into(), &bob.id.as_str().into())
    );
    assert_eq!(gone["position"], Position::read(&came).plus(1).to_string());
    let (_at_bob, state) = enter(&hub, &bob, &came);
    assert_eq!(state["resumed"], outcome(0, 0));
    let back = hear(&mut at_ann);
    assert_eq!(back["event"], "player_connected");
    assert_eq!(back["position"], Position::read(&came).plus(2).to_string());
}
