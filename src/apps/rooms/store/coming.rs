//! What is being decided about, and is not so yet: it has its place already, and its key is nobody else's.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Code, Newcomer, PLAYER_BYTES, PlayerKey, ROOM_BYTES, RoomKey, Store};

/// Rooms and players that may come.
#[derive(Default)]
pub(super) struct Coming {
    /// Rooms, by their codes, with the strangers' addresses that make them.
    rooms: HashMap<Code, Option<IpAddr>>,
    /// How many of each such address.
    made: HashMap<IpAddr, usize>,
    players: usize,
    bytes: u64,
}

impl Coming {
    fn expect(&mut self, code: Code, guest: Option<IpAddr>) {
        self.rooms.insert(code, guest);
        if let Some(guest) = guest {
            *self.made.entry(guest).or_default() += 1;
        }
    }

    fn expected(&mut self, code: Code) {
        let guest = self.rooms.remove(&code).flatten();
        if let Some(guest) = guest
            && let Some(made) = self.made.get_mut(&guest)
        {
            *made -= 1;
            if *made == 0 {
                self.made.remove(&guest);
            }
        }
    }

    /// Whether a room may come that has this code.
    pub(super) fn has(&self, code: Code) -> bool {
        self.rooms.contains_key(&code)
    }

    /// How many rooms may come.
    pub(super) fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// ... and of one stranger's address.
    pub(super) fn rooms_of(&self, guest: IpAddr) -> usize {
        self.made.get(&guest).copied().unwrap_or_default()
    }

    /// How many players may come.
    pub(super) fn players(&self) -> usize {
        self.players
    }

    /// What they will cost.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Store {
    /// A room may come, with its first player.
    pub fn expect_room(&mut self, code: Code, first: &Newcomer) {
        self.coming.expect(code, first.guest);
        self.coming.bytes += ROOM_BYTES;
        self.expect_player(first);
    }

    /// It is known whether it does.
    pub fn expected_room(&mut self, code: Code, first: &Newcomer) {
        self.coming.expected(code);
        self.coming.bytes -= ROOM_BYTES;
        self.expected_player(first);
    }

    /// A player may come.
    pub fn expect_player(&mut self, newcomer: &Newcomer) {
        self.coming.players += 1;
        self.coming.bytes += PLAYER_BYTES + newcomer.name.bytes();
    }

    /// It is known whether it does.
    pub fn expected_player(&mut self, newcomer: &Newcomer) {
        self.coming.players -= 1;
        self.coming.bytes -= PLAYER_BYTES + newcomer.name.bytes();
    }

    /// A chat message of a room may come.
    pub fn expect_message(&mut self, room: RoomKey) {
        self.rooms.value_mut(room.0).coming_messages += 1;
    }

    /// It is known whether it does.
    pub fn expected_message(&mut self, room: RoomKey) {
        self.rooms.value_mut(room.0).coming_messages -= 1;
    }

    /// The number of the chat message of a room that is decided next.
    pub fn next_message(&self, room: RoomKey) -> u64 {
        let room = self.room(room);
        room.history.next() + room.coming_messages
    }

    /// The place of the player that is decided next, in the order in which players join.
    pub fn next_joined(&self) -> u64 {
        self.topics + self.coming.players as u64 + 1
    }

    /// A change names a room: its key is nobody else's until that is settled.
    pub fn pin_room(&mut self, room: RoomKey) {
        self.rooms.value_mut(room.0).pins += 1;
    }

    /// It is settled.
    pub fn unpin_room(&mut self, room: RoomKey) {
        self.rooms.value_mut(room.0).pins -= 1;
        self.bury_room(room);
    }

    /// The same of a player, and of its room.
    pub fn pin_player(&mut self, player: PlayerKey) {
        let found = self.player_mut(player);
        found.pins += 1;
        let room = found.room;
        self.pin_room(room);
    }

    /// It is settled.
    pub fn unpin_player(&mut self, player: PlayerKey) {
        let found = self.player_mut(player);
        found.pins -= 1;
        let room = found.room;
        self.bury_player(player);
        self.unpin_room(room);
    }

    /// Whether a change names a room.
    pub fn is_pinned(&self, room: RoomKey) -> bool {
        self.room(room).pins > 0
    }

    /// Gives the key of a player to others, if it is out, not connected and in no change.
    pub(super) fn bury_player(&mut self, key: PlayerKey) {
        let player = self.player(key);
        if player.is_out && player.conn.is_none() && player.pins == 0 {
            self.players.remove(key.0 as usize);
        }
    }

    /// The same of a room that has ended.
    pub(super) fn bury_room(&mut self, key: RoomKey) {
        let room = self.room(key);
        if room.ended && room.connected == 0 && room.pins == 0 {
            self.rooms.remove(key.0);
        }
    }
}
