//! Rooms open with the first member and close with the last.

use roomcast::core::hub::*;

fn hub(keys: u32) -> Hub {
    let mut hub = Hub::with_capacity(keys as usize);
    (0..keys).for_each(|key| hub.open(key));
    hub
}

#[test]
fn the_first_join_opens_a_room_and_the_last_leave_closes_it() {
    let mut hub = hub(2);
    let first = hub.join(0, "a");
    assert!(first.opened && first.joined);
    let second = hub.join(1, "a");
    assert!(second.room == first.room && !second.opened && second.joined);
    assert!(!hub.join(1, "a").joined);
    assert_eq!(hub.members(first.room), [0, 1]);
    assert!(!hub.leave(0, first.room).closed);
    assert!(!hub.leave(0, first.room).left);
    assert!(hub.leave(1, first.room).closed);
    assert_eq!((hub.find("a"), hub.rooms()), (None, 0));
    hub.check_invariants();
}

#[test]
fn leaving_a_thousand_rooms_moves_the_others_into_the_gaps() {
    let mut hub = hub(3);
    for number in 0..1000 {
        for key in 0..3 {
            hub.join(key, &format!("room {number}"));
        }
    }
    hub.join(1, "alone");
    assert_eq!(hub.leave_all(0), 0);
    hub.check_invariants();
    assert_eq!(hub.leave_all(1), 1);
    assert_eq!(hub.rooms_of(2).len(), 1000);
    assert_eq!(hub.leave_all(2), 1000);
    assert_eq!((hub.rooms(), hub.memberships()), (0, 0));
    hub.check_invariants();
}
