//! The plain map of rooms: who is in which, by name and by number.
//!
//! A room exists while it has a member: the first [`join`](Hub::join) opens it, the last [`leave`](Hub::leave)
//! forgets it, and its number is free for the next. A room's name is kept once, shared by the map and the room. A room
//! of one member, and a connection in one room, own no list.
//!
//! Joining, and leaving from either side, never walk a room: every membership knows its position in the room's list,
//! and the last member moves into the gap. Costs, for a connection in `n` rooms: `join` and `leave` O(n) words moved
//! at worst (a sorted list, 8 bytes a room), [`leave_all`](Hub::leave_all) O(n) plus, for each member moved into a
//! gap, a binary search of that member's own rooms. So a thousand connections leaving a room of a million, or one
//! leaving a thousand rooms, costs what it touches. Room lists give memory back when three quarters empty; columns,
//! the map and the slabs keep the size of their fullest hour.
//!
//! The hub knows nothing of apps, messages, sockets or limits. The map's hash is the standard library's keyed one,
//! because clients may choose names; its order is never looked at, so equal calls give equal results.
//!
//! Invariants, checked by [`check_invariants`](Hub::check_invariants):
//! - a connection lists a room at a position if and only if the room lists the connection there;
//! - a connection's rooms are sorted, each once; it has a list if and only if it is in two or more;
//! - every room has a member, and a list if and only if it has two or more; the map has exactly the rooms, each
//!   under its name.

mod members;

use std::collections::HashMap;
use std::rc::Rc;
use std::slice;

use slab::Slab;

use crate::id::RoomId;
use members::{Lists, Members, Removed};

/// What a join did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    /// The room, good for as long as it has members.
    pub room: RoomId,
    /// Whether the room is new.
    pub opened: bool,
    /// Whether the connection is new in it; `false` if it was a member already.
    pub joined: bool,
}

/// What a leave did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    /// Whether the connection was a member.
    pub left: bool,
    /// Whether it was the last, and the room is forgotten.
    pub closed: bool,
}

/// Rooms and their members.
pub struct Hub {
    names: HashMap<Rc<str>, RoomId>,
    rooms: Slab<Room>,
    /// The members of the rooms that have two or more.
    crowds: Lists,
    /// A connection's rooms, by its key.
    seats: Vec<Seats>,
    /// The lists of the connections in two rooms or more.
    lists: Slab<Vec<Membership>>,
    /// Memberships in all.
    memberships: usize,
    changes: u64,
}

struct Room {
    name: Rc<str>,
    members: Members,
}

/// Where a connection sits.
#[derive(Clone, Copy, Debug)]
enum Seats {
    /// The key is not open.
    Closed,
    None,
    One(Membership),
    /// The key of its list, sorted by room.
    Many(u32),
}

#[derive(Clone, Copy, Debug)]
struct Membership {
    room: RoomId,
    /// The position in the room's list of members.
    at: u32,
}

impl Hub {
    /// An empty hub, with room for so many connections before its column must grow.
    pub fn with_capacity(connections: usize) -> Hub {
        Hub {
            names: HashMap::new(),
            rooms: Slab::new(),
            crowds: Lists::new(),
            seats: Vec::with_capacity(connections),
            lists: Slab::new(),
            memberships: 0,
            changes: 0,
        }
    }

    /// Adds a connection, in no room.
    pub fn open(&mut self, key: u32) {
        let index = key as usize;
        if index >= self.seats.len() {
            self.seats.resize(index + 1, Seats::Closed);
        }
        debug_assert!(
            matches!(self.seats[index], Seats::Closed),
            "a key must be closed before it is opened again"
        );
        self.seats[index] = Seats::None;
    }

    /// Forgets a connection, which has left everything.
    pub fn close(&mut self, key: u32) {
        debug_assert!(
            matches!(self.seats[key as usize], Seats::None),
            "a connection must leave its rooms before it is closed"
        );
        self.seats[key as usize] = Seats::Closed;
    }

    /// Puts an open connection into the room of that name, which is opened if need be.
    pub fn join(&mut self, key: u32, room: &str) -> Join {
        let (room, opened) = match self.names.get(room) {
            Some(&id) => (id, false),
            None => (self.open_room(room, key), true),
        };
        if opened {
            self.add_membership(key, Membership { room, at: 0 });
            return Join {
                room,
                opened,
                joined: true,
            };
        }
        let joined = !self.is_member(key, room);
        if joined {
            let at = self.rooms[room.0 as usize]
                .members
                .push(&mut self.crowds, key);
            self.add_membership(key, Membership { room, at });
        }
        Join {
            room,
            opened,
            joined,
        }
    }

    /// Takes a connection out of a room, which is forgotten if that leaves it empty.
    pub fn leave(&mut self, key: u32, room: RoomId) -> Leave {
        match self.remove_membership(key, room) {
            Some(membership) => Leave {
                left: true,
                closed: self.vacate(key, membership),
            },
            None => Leave {
                left: false,
                closed: false,
            },
        }
    }

    /// Takes a connection out of every room; says how many of them are empty now and forgotten.
    pub fn leave_all(&mut self, key: u32) -> u32 {
        let seat = &mut self.seats[key as usize];
        let seats = match *seat {
            Seats::Closed => return 0,
            other => other,
        };
        *seat = Seats::None;
        match seats {
            Seats::Closed | Seats::None => 0,
            Seats::One(membership) => u32::from(self.vacate(key, membership)),
            Seats::Many(list) => {
                let list = self.lists.remove(list as usize);
                list.iter()
                    .map(|&membership| u32::from(self.vacate(key, membership)))
                    .sum()
            }
        }
    }

    /// The room of that name, if anybody is in it.
    pub fn find(&self, room: &str) -> Option<RoomId> {
        self.names.get(room).copied()
    }

    /// The keys of a room's members, in no promised order; empty for a room that is no more.
    pub fn members(&self, room: RoomId) -> &[u32] {
        match self.rooms.get(room.0 as usize) {
            Some(room) => room.members.as_slice(&self.crowds),
            None => &[],
        }
    }

    /// Whether a connection is in a room.
    pub fn is_member(&self, key: u32, room: RoomId) -> bool {
        position(self.memberships_of(key), room).is_ok()
    }

    /// The rooms that a connection is in, in the order of their numbers; its length is known.
    pub fn rooms_of(&self, key: u32) -> impl ExactSizeIterator<Item = RoomId> + '_ {
        self.memberships_of(key)
            .iter()
            .map(|membership| membership.room)
    }

    /// The name of a room that exists.
    pub fn name(&self, room: RoomId) -> &str {
        &self.rooms[room.0 as usize].name
    }

    /// Every room's number is below this.
    pub fn room_numbers(&self) -> u32 {
        self.rooms.capacity() as u32
    }

    /// Rooms that exist.
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Memberships in all: each connection counted once for each room that it is in.
    pub fn memberships(&self) -> usize {
        self.memberships
    }

    /// How often anybody has joined or left a room: while it is the same, every room has the same members.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Walks everything and panics with a sentence at the first rule that is broken.
    pub fn check_invariants(&self) {
        assert_eq!(
            self.names.len(),
            self.rooms.len(),
            "the map has exactly the rooms"
        );
        let (mut seats, mut crowds) = (0, 0);
        for (id, room) in &self.rooms {
            let id = RoomId(id as u32);
            assert_eq!(
                self.find(&room.name),
                Some(id),
                "a room is found under its name"
            );
            let members = room.members.as_slice(&self.crowds);
            assert!(!members.is_empty(), "room {id:?}: it must have a member");
            crowds += usize::from(members.len() > 1);
            for (at, &key) in members.iter().enumerate() {
                let memberships = self.memberships_of(key);
                let found = position(memberships, id).map(|index| memberships[index].at);
                assert_eq!(
                    found,
                    Ok(at as u32),
                    "room {id:?}, key {key}: both sides must agree on the position"
                );
            }
            seats += members.len();
        }
        assert_eq!(
            crowds,
            self.crowds.len(),
            "a room has a list if it has two members or more"
        );
        let (mut listed, mut lists) = (0, 0);
        for (key, seat) in self.seats.iter().enumerate() {
            let memberships = self.memberships_of(key as u32);
            assert!(
                memberships
                    .windows(2)
                    .all(|pair| pair[0].room < pair[1].room),
                "key {key}: its rooms are sorted, each once"
            );
            if matches!(seat, Seats::Many(_)) {
                lists += 1;
                assert!(
                    memberships.len() >= 2,
                    "key {key}: a list is of two or more"
                );
            }
            listed += memberships.len();
        }
        assert_eq!(
            lists,
            self.lists.len(),
            "every list belongs to a connection"
        );
        assert_eq!(seats, listed, "both sides have the same memberships");
        assert_eq!(seats, self.memberships, "the count must be right");
    }

    /// Opens a room with its first member, whose own side is the caller's.
    fn open_room(&mut self, name: &str, first: u32) -> RoomId {
        let name: Rc<str> = Rc::from(name);
        let index = self.rooms.insert(Room {
            name: Rc::clone(&name),
            members: Members::One(first),
        });
        let room = RoomId(u32::try_from(index).expect("rooms are numbered with 32 bits"));
        self.names.insert(name, room);
        room
    }

    /// Enters a room on the connection's side.
    fn add_membership(&mut self, key: u32, new: Membership) {
        self.memberships += 1;
        self.changes += 1;
        let seat = &mut self.seats[key as usize];
        match *seat {
            Seats::Closed | Seats::None => {
                debug_assert!(
                    matches!(seat, Seats::None),
                    "only an open connection joins a room"
                );
                *seat = Seats::One(new);
            }
            Seats::One(old) => {
                let mut list = vec![old, new];
                list.sort_unstable_by_key(|membership| membership.room);
                let list = self.lists.insert(list);
                *seat =
                    Seats::Many(u32::try_from(list).expect("there are no more lists than keys"));
            }
            Seats::Many(list) => {
                let list = &mut self.lists[list as usize];
                match position(list, new.room) {
                    Ok(_) => debug_assert!(false, "a connection enters a room once"),
                    Err(index) => list.insert(index, new),
                }
            }
        }
    }

    /// Strikes a room on the connection's side.
    fn remove_membership(&mut self, key: u32, room: RoomId) -> Option<Membership> {
        let seat = &mut self.seats[key as usize];
        match *seat {
            Seats::One(membership) if membership.room == room => {
                *seat = Seats::None;
                Some(membership)
            }
            Seats::Closed | Seats::None | Seats::One(_) => None,
            Seats::Many(id) => {
                let list = &mut self.lists[id as usize];
                let membership = list.remove(position(list, room).ok()?);
                if let [last] = list[..] {
                    self.lists.remove(id as usize);
                    *seat = Seats::One(last);
                }
                Some(membership)
            }
        }
    }

    /// Strikes a connection on the room's side, its own side being done; says whether the room is forgotten.
    fn vacate(&mut self, key: u32, membership: Membership) -> bool {
        let Membership { room, at } = membership;
        self.memberships -= 1;
        self.changes += 1;
        let members = &mut self.rooms[room.0 as usize].members;
        debug_assert!(
            members.as_slice(&self.crowds).get(at as usize) == Some(&key),
            "both sides must agree on the position"
        );
        match members.remove(&mut self.crowds, at) {
            Removed::Last => {
                let gone = self.rooms.remove(room.0 as usize);
                self.names.remove(&gone.name);
                return true;
            }
            Removed::Tail => {}
            Removed::Replaced { by } => self.move_membership(by, room, at),
        }
        false
    }

    /// Tells a member its new position.
    fn move_membership(&mut self, key: u32, room: RoomId, at: u32) {
        let memberships = match &mut self.seats[key as usize] {
            Seats::Closed | Seats::None => &mut [],
            Seats::One(membership) => slice::from_mut(membership),
            Seats::Many(list) => self.lists[*list as usize].as_mut_slice(),
        };
        match position(memberships, room) {
            Ok(index) => memberships[index].at = at,
            Err(_) => debug_assert!(false, "a room's member lists the room"),
        }
    }

    fn memberships_of(&self, key: u32) -> &[Membership] {
        match self.seats.get(key as usize) {
            None | Some(Seats::Closed | Seats::None) => &[],
            Some(Seats::One(membership)) => slice::from_ref(membership),
            Some(Seats::Many(list)) => &self.lists[*list as usize],
        }
    }
}

/// Where a room is among sorted memberships, or where it would be.
fn position(memberships: &[Membership], room: RoomId) -> Result<usize, usize> {
    memberships.binary_search_by_key(&room, |membership| membership.room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stay_small() {
        assert_eq!(size_of::<Seats>(), 12);
        assert_eq!(size_of::<Room>(), 24);
    }
}
