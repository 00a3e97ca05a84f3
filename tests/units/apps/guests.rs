//! What a stranger may do from one address: a third of a minute's worth at once, each kind for itself.

use roomcast::apps::guests::*;
use roomcast::metrics::Charge;
use roomcast::time::Micros;

/// How many of a kind an address may do now.
fn passing(guests: &mut Guests, peer: &str, kind: Charge, millis: u64) -> usize {
    let (peer, now) = (peer.parse().unwrap(), Micros(millis * 1000));
    let mut once = || guests.charge(peer, kind, 60, now).is_ok();
    (0..1000).take_while(|_| once()).count()
}

#[test]
fn a_third_of_a_minutes_worth_passes_at_once_and_then_one_a_second() {
    let mut guests = Guests::default();
    assert_eq!(passing(&mut guests, "192.0.2.1", Charge::Call, 0), 20);
    assert_eq!(passing(&mut guests, "192.0.2.1", Charge::Call, 999), 0);
    assert_eq!(passing(&mut guests, "192.0.2.1", Charge::Call, 1000), 1);
    assert_eq!(passing(&mut guests, "192.0.2.2", Charge::Call, 1000), 20);
}

#[test]
fn each_kind_is_counted_for_itself_and_a_look_counts_nothing() {
    let mut guests = Guests::default();
    let peer = "192.0.2.1".parse().unwrap();
    for kind in Charge::ALL {
        let look = |guests: &Guests| guests.check(peer, kind, 60, Micros(0));
        assert!((0..100).all(|_| look(&guests).is_ok()));
        assert_eq!(passing(&mut guests, "192.0.2.1", kind, 0), 20);
        assert_eq!(look(&guests).map_err(|refusal| refusal.status()), Err(429));
    }
}

#[test]
fn zero_is_no_limit_and_one_is_one() {
    let mut guests = Guests::default();
    let peer = "192.0.2.1".parse().unwrap();
    let mut charge = |rate| guests.charge(peer, Charge::Code, rate, Micros(0)).is_ok();
    assert!((0..1000).all(|_| charge(0)));
    assert!(charge(1) && !charge(1));
}
