//! The members of one room: a key alone, or a list in which the last member moves into the gap that a leaver makes.
//!
//! The lists of all rooms live in one slab beside the rooms, so that a private room is 8 bytes here. Who sits where is
//! told, not remembered: the hub keeps each member's position on the connection's side. Invariants: a room is never
//! empty, a list has two members or more, and a long one is at least a quarter full.

use std::slice;

use slab::Slab;

/// Lists with less capacity than this are not worth shrinking.
const SHRINK_MIN: usize = 64;

/// The lists of the rooms with two members or more.
pub(super) type Lists = Slab<Vec<u32>>;

/// The keys in one room.
#[derive(Clone, Copy)]
pub(super) enum Members {
    /// A private room, which needs no list.
    One(u32),
    /// Two members or more: the key of their list.
    Many(u32),
}

/// What a removal did.
pub(super) enum Removed {
    /// Nothing: this is the only member, and the room must go instead.
    Last,
    /// The last in the list went; nobody moved.
    Tail,
    /// Another member took the position.
    Replaced {
        /// Its key.
        by: u32,
    },
}

impl Members {
    /// Adds a member; says at which position.
    pub(super) fn push(&mut self, lists: &mut Lists, key: u32) -> u32 {
        match *self {
            Members::One(first) => {
                let list = lists.insert(vec![first, key]);
                *self =
                    Members::Many(u32::try_from(list).expect("there are no more lists than rooms"));
                1
            }
            Members::Many(list) => {
                let list = &mut lists[list as usize];
                list.push(key);
                list.len() as u32 - 1
            }
        }
    }

    /// Removes the member at a position.
    pub(super) fn remove(&mut self, lists: &mut Lists, at: u32) -> Removed {
        let Members::Many(id) = *self else {
            return Removed::Last;
        };
        let list = &mut lists[id as usize];
        list.swap_remove(at as usize);
        let removed = match list.get(at as usize) {
            Some(&by) => Removed::Replaced { by },
            None => Removed::Tail,
        };
        if let [last] = list[..] {
            *self = Members::One(last);
            lists.remove(id as usize);
        } else if list.capacity() >= SHRINK_MIN && list.len() <= list.capacity() / 4 {
            list.shrink_to(list.capacity() / 2);
        }
        removed
    }

    /// The keys, in no promised order.
    pub(super) fn as_slice<'a>(&'a self, lists: &'a Lists) -> &'a [u32] {
        match self {
            Members::One(key) => slice::from_ref(key),
            Members::Many(list) => &lists[*list as usize],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_emptied_of_its_crowd_gives_its_memory_back() {
        let (mut lists, mut members) = (Lists::new(), Members::One(0));
        for key in 1..100_000 {
            assert_eq!(members.push(&mut lists, key), key);
        }
        while members.as_slice(&lists).len() > 2 {
            members.remove(&mut lists, 1);
        }
        assert!(lists[0].capacity() <= SHRINK_MIN);
        assert!(matches!(
            members.remove(&mut lists, 0),
            Removed::Replaced { .. }
        ));
        assert!(matches!(members, Members::One(_)) && lists.is_empty());
    }
}
