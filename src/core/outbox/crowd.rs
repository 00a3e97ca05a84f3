//! Who gets what is published.

use crate::id::RoomId;

/// Who gets a message: a room's members, at one state of the hub.
#[derive(Clone, Copy)]
pub struct Crowd<'a> {
    /// The room.
    pub room: RoomId,
    /// How often anybody had joined or left anything.
    pub changes: u64,
    /// Everybody in it.
    pub members: &'a [u32],
    /// The members of another room, too.
    pub also: Option<Also<'a>>,
    /// The member that does not get it.
    pub except: Option<u32>,
}

/// A second room, whose members get a message as well.
#[derive(Clone, Copy)]
pub struct Also<'a> {
    /// The room.
    pub room: RoomId,
    /// Everybody in it.
    pub members: &'a [u32],
    /// Who of them is in the first room, and gets it there.
    pub is_in_first: &'a dyn Fn(u32) -> bool,
}

impl<'a> Crowd<'a> {
    /// Everybody, each once, and the exception among them.
    pub(super) fn keys(&self) -> impl Iterator<Item = u32> + use<'a> {
        let also = self.also.into_iter().flat_map(|also| {
            let only_there = move |key: &&u32| !(also.is_in_first)(**key);
            also.members.iter().filter(only_there)
        });
        self.members.iter().chain(also).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.members.len() + self.also.map_or(0, |also| also.members.len())
    }

    pub(super) fn rooms(&self) -> Rooms {
        (self.room, self.also.map(|also| also.room))
    }
}

/// The rooms of a run.
pub(super) type Rooms = (RoomId, Option<RoomId>);
