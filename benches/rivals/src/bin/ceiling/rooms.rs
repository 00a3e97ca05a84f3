//! Who is in which room, and how many of them are blocked: a member with unsent bytes gets nothing new.

use std::collections::HashMap;

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    blocked: usize,
}

/// A member's place, kept with its connection.
pub struct Place {
    pub room: String,
    index: usize,
}

/// All rooms that have a member.
#[derive(Default)]
pub struct Rooms {
    rooms: HashMap<String, Room>,
}

impl Rooms {
    /// Puts a connection into a room.
    pub fn join(&mut self, room: String, key: usize) -> Place {
        let members = &mut self.rooms.entry(room.clone()).or_default().members;
        members.push(key);
        Place {
            room,
            index: members.len() - 1,
        }
    }

    /// Takes one out; the member that has moved to its place, if another one has, must be told by [`Place::moved`].
    pub fn leave(&mut self, place: &Place, was_blocked: bool) -> Option<usize> {
        let room = self.rooms.get_mut(&place.room)?;
        room.members.swap_remove(place.index);
        room.blocked -= usize::from(was_blocked);
        if room.members.is_empty() {
            self.rooms.remove(&place.room);
            return None;
        }
        room.members.get(place.index).copied()
    }

    /// A member of this room has unsent bytes now.
    pub fn block(&mut self, room: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.blocked += 1;
        }
    }

    /// A member of this room has none any more.
    pub fn unblock(&mut self, room: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.blocked -= 1;
        }
    }

    /// How many would get a message now.
    pub fn receivers(&self, room: &str) -> usize {
        let room = self.rooms.get(room);
        room.map_or(0, |room| room.members.len() - room.blocked)
    }

    /// The keys of a room's members.
    pub fn members(&self, room: &str) -> &[usize] {
        self.rooms.get(room).map_or(&[], |room| &room.members)
    }
}

impl Place {
    /// Takes the place of one that left.
    pub fn moved(&mut self, left: &Place) {
        self.index = left.index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_member_moves_to_the_place_of_one_that_leaves() {
        let mut rooms = Rooms::default();
        let first = rooms.join("a".to_owned(), 10);
        let _second = rooms.join("a".to_owned(), 11);
        let mut third = rooms.join("a".to_owned(), 12);
        rooms.block("a");
        assert_eq!(rooms.receivers("a"), 2);
        assert_eq!(rooms.leave(&first, true), Some(12));
        third.moved(&first);
        assert_eq!(rooms.members("a"), [12, 11]);
        assert_eq!(rooms.receivers("a"), 2);
        assert_eq!(rooms.leave(&third, false), Some(11));
    }
}
