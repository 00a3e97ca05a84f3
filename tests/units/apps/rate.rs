//! How often each address may do things, of each kind for itself.

use roomcast::apps::rate::*;
use roomcast::pace::Rate;
use roomcast::time::Micros;

const RATE: Rate = Rate::a_minute(10);

fn admit(addresses: &mut Addresses<2>, address: &str, now: u64) -> bool {
    let address = address.parse().unwrap();
    let checked = addresses.check(address, 1, RATE, Micros(now * 1000));
    let admitted = addresses.admit(address, 1, RATE, Micros(now * 1000));
    assert_eq!(checked, admitted, "what is checked is what is true");
    admitted.is_ok()
}

#[test]
fn the_eleventh_within_a_minute_has_to_wait() {
    let mut addresses = Addresses::default();
    assert!((0..10).all(|_| admit(&mut addresses, "192.0.2.1", 5)));
    assert!(!admit(&mut addresses, "192.0.2.1", 5));
    assert!(!admit(&mut addresses, "::ffff:192.0.2.1", 5));
    assert!(admit(&mut addresses, "192.0.2.2", 5));
    assert!(!admit(&mut addresses, "192.0.2.1", 6004));
    assert!(admit(&mut addresses, "192.0.2.1", 6005));
}

#[test]
fn each_kind_is_for_itself() {
    let mut addresses = Addresses::<2>::default();
    let address = "192.0.2.1".parse().unwrap();
    for kind in [0, 1] {
        let passed = (0..20).filter(|_| addresses.admit(address, kind, RATE, Micros(0)).is_ok());
        assert_eq!(passed.count(), 10);
    }
}

#[test]
fn one_ipv6_network_is_one_address() {
    let mut addresses = Addresses::default();
    assert!((0..10).all(|host| admit(&mut addresses, &format!("2001:db8::{host}"), 0)));
    assert!(!admit(&mut addresses, "2001:db8::abcd", 0));
    assert!(admit(&mut addresses, "2001:db8:0:1::1", 0));
}
