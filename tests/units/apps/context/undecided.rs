//! Who waits for what is being changed, and who is served again when it is.

use roomcast::apps::context::{Origin, Undecided};
use roomcast::id::{AppId, ConnId};
use roomcast::time::Millis;

const APP: AppId = AppId::Tasks;
const ABOUT: u64 = 7;

fn client(key: u32) -> ConnId {
    ConnId { key, generation: 1 }
}

fn push(undecided: &mut Undecided, conn: ConnId) -> u64 {
    let (bytes, change) = (0, Box::new(()));
    undecided.push(
        APP,
        Origin::Request(conn),
        Some(ABOUT),
        bytes,
        change,
        Millis(0),
    )
}

#[test]
fn who_wants_to_change_the_same_is_not_served_as_often_as_there_are_others() {
    const CLIENTS: u32 = 1000;
    let mut undecided = Undecided::default();
    let mut serial = push(&mut undecided, client(0));
    for key in 1..CLIENTS {
        assert!(undecided.wait(APP, ABOUT, client(key)));
    }
    let (mut served, mut changed) = (0, vec![client(0)]);
    while changed.len() < CLIENTS as usize {
        let mut waited = Vec::new();
        let settled = undecided.settle(serial, &mut waited);
        assert_eq!(Some(&settled.origin.conn()), changed.last());
        let woken = waited.into_iter().filter(|conn| !changed.contains(conn));
        let woken: Vec<ConnId> = woken.collect();
        served += woken.len();
        // The first of them changes it again, and the others wait for that.
        serial = push(&mut undecided, woken[0]);
        changed.push(woken[0]);
        for &conn in &woken[1..] {
            assert!(undecided.wait(APP, ABOUT, conn));
        }
        let mut waited = Vec::new();
        undecided.wake_more(&mut waited);
        assert!(waited.is_empty() && !undecided.has_left());
    }
    assert!(served <= 16 * CLIENTS as usize, "{served}");
}

#[test]
fn all_are_served_who_waited_for_what_nobody_changes_again() {
    let mut undecided = Undecided::default();
    let serial = push(&mut undecided, client(0));
    for key in 1..=40 {
        assert!(undecided.wait(APP, ABOUT, client(key)));
    }
    let mut waited = Vec::new();
    undecided.settle(serial, &mut waited);
    assert!(!undecided.is_about(APP, ABOUT) && undecided.has_left());
    assert!(!undecided.wait(APP, ABOUT, client(41)));
    while undecided.has_left() {
        undecided.wake_more(&mut waited);
    }
    waited.sort_by_key(|conn| conn.key);
    assert_eq!(waited, (0..=40).map(client).collect::<Vec<_>>());
}
