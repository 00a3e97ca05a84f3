//! The hub beside a map of names to sets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use roomcast::core::hub::{Hub, Leave};
use roomcast::id::RoomId;

const KEYS: u32 = 12;
const ROOMS: u32 = 16;

#[derive(Clone, Copy, Debug)]
enum Step {
    Join(u32, u32),
    Leave(u32, u32),
    LeaveAll(u32),
    /// Leave everything, be closed, and be opened again: another holder of the key.
    Reopen(u32),
    /// Everybody joins a room, or leaves it.
    AllJoin(u32),
    AllLeave(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (key, room) = (|| 0..KEYS, || 0..ROOMS);
    let step = prop_oneof![
        12 => (key(), room()).prop_map(|(key, room)| Step::Join(key, room)),
        6 => (key(), room()).prop_map(|(key, room)| Step::Leave(key, room)),
        1 => key().prop_map(Step::LeaveAll),
        1 => key().prop_map(Step::Reopen),
        1 => room().prop_map(Step::AllJoin),
        1 => room().prop_map(Step::AllLeave),
    ];
    prop::collection::vec(step, 1..200)
}

fn name(room: u32) -> String {
    format!("room:{room}")
}

/// The hub and its twin, in which a room without members does not exist.
struct Pair {
    hub: Hub,
    twin: BTreeMap<String, BTreeSet<u32>>,
}

impl Pair {
    fn new() -> Pair {
        let mut hub = Hub::with_capacity(2);
        (0..KEYS).for_each(|key| hub.open(key));
        let twin = BTreeMap::new();
        Pair { hub, twin }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Join(key, room) => self.join(key, &name(room)),
            Step::Leave(key, room) => self.leave(key, &name(room)),
            Step::LeaveAll(key) => self.leave_all(key),
            Step::Reopen(key) => {
                self.leave_all(key);
                self.hub.close(key);
                assert_eq!(self.hub.rooms_of(key).len(), 0);
                self.hub.open(key);
            }
            Step::AllJoin(room) => (0..KEYS).for_each(|key| self.join(key, &name(room))),
            Step::AllLeave(room) => (0..KEYS).for_each(|key| self.leave(key, &name(room))),
        }
    }

    fn join(&mut self, key: u32, room: &str) {
        let join = self.hub.join(key, room);
        assert_eq!(join.opened, !self.twin.contains_key(room));
        let members = self.twin.entry(room.to_owned()).or_default();
        assert_eq!(join.joined, members.insert(key));
        assert_eq!(self.hub.name(join.room), room);
    }

    fn leave(&mut self, key: u32, room: &str) {
        let members = self.twin.get_mut(room);
        let Some(id) = self.hub.find(room) else {
            assert!(members.is_none(), "a room that has members is found");
            let unknown = RoomId(ROOMS * 2);
            let nothing = Leave {
                left: false,
                closed: false,
            };
            assert_eq!(self.hub.leave(key, unknown), nothing);
            return;
        };
        let members = members.unwrap();
        let leave = self.hub.leave(key, id);
        assert_eq!(leave.left, members.remove(&key));
        assert_eq!(leave.closed, members.is_empty());
        self.twin.retain(|_, members| !members.is_empty());
    }

    fn leave_all(&mut self, key: u32) {
        let rooms = self.twin.len();
        self.twin.values_mut().for_each(|members| {
            members.remove(&key);
        });
        self.twin.retain(|_, members| !members.is_empty());
        assert_eq!(self.hub.leave_all(key) as usize, rooms - self.twin.len());
    }

    fn check(&self) {
        self.hub.check_invariants();
        assert_eq!(self.hub.rooms(), self.twin.len());
        let memberships: usize = self.twin.values().map(BTreeSet::len).sum();
        assert_eq!(self.hub.memberships(), memberships);
        for (room, expected) in &self.twin {
            let id = self.hub.find(room).unwrap();
            let members = self.hub.members(id);
            assert_eq!(members.len(), expected.len(), "nobody is in a room twice");
            assert_eq!(&members.iter().copied().collect::<BTreeSet<_>>(), expected);
            assert!((0..KEYS).all(|key| self.hub.is_member(key, id) == expected.contains(&key)));
        }
        for key in 0..KEYS {
            let mut rooms: Vec<_> = self.hub.rooms_of(key).map(|id| self.hub.name(id)).collect();
            rooms.sort_unstable();
            let expected = self
                .twin
                .iter()
                .filter(|(_, members)| members.contains(&key));
            assert!(
                rooms
                    .into_iter()
                    .eq(expected.map(|(room, _)| room.as_str()))
            );
        }
    }
}

proptest! {
    #[test]
    fn the_hub_is_a_map_of_names_to_sets(steps in steps()) {
        let mut pair = Pair::new();
        for step in steps {
            pair.take(step);
            pair.check();
        }
        (0..KEYS).for_each(|key| pair.take(Step::LeaveAll(key)));
        pair.check();
        prop_assert_eq!(pair.hub.rooms(), 0);
    }
}
