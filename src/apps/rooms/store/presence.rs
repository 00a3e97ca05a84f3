//! Who is there: players come with a connection and go, and what was published of that.

use super::{EMPTY, NOTED_MAX, PlayerKey, RoomKey, Store};
use crate::id::{ConnId, Topic};
use crate::time::{Millis, Unix};

impl Store {
    /// A player has shown a token that ends then; it counts for its connection, from when there is one.
    pub fn show(&mut self, key: PlayerKey, ends: Unix) {
        let player = self.player_mut(key);
        let before = std::mem::replace(&mut player.shown, ends);
        if player.conn.is_some() {
            self.expiries.remove(&(before, key));
            self.expiries.insert((ends, key));
        }
    }

    /// What is published with this number is of a player's coming or going. Of those long ago nothing is remembered: a
    /// client that comes back to them is told that it missed more than it did.
    pub fn note(&mut self, key: PlayerKey, number: u64) {
        let noted = &mut self.player_mut(key).noted;
        if noted.len() == NOTED_MAX {
            noted.remove(0);
        }
        noted.push(number);
    }

    /// A player is there with this connection; returns the older one that it replaces.
    pub fn enter(&mut self, key: PlayerKey, conn: ConnId) -> Option<ConnId> {
        let player = self.player_mut(key);
        let (room, shown) = (player.room, player.shown);
        player.has_left = false;
        let older = player.conn.replace(conn);
        if conn != ConnId::NOBODY {
            self.expiries.insert((shown, key));
        }
        if older.is_none() {
            self.rooms.leave(room.0);
            self.stop_counting(room);
            self.rooms.value_mut(room.0).connected += 1;
        }
        older
    }

    /// A room was entered by somebody before it was taken up.
    pub fn has_been_entered(&mut self, room: RoomKey) {
        self.stop_counting(room);
        self.rooms.join(room.0, EMPTY);
    }

    /// A player had this place in the order in which players joined before it was taken up.
    pub fn has_joined(&mut self, key: PlayerKey, joined: u64) {
        self.topics = (self.topics - 1).max(joined);
        let player = self.player_mut(key);
        (player.joined, player.topic) = (joined, Topic(joined));
        let room = player.room;
        let mut players = std::mem::take(&mut self.rooms.value_mut(room.0).players);
        players.sort_by_key(|player| self.player(*player).joined);
        self.rooms.value_mut(room.0).players = players;
    }

    /// A player was there until then, before it was taken up.
    pub fn has_left(&mut self, key: PlayerKey, at: Millis, has_left: bool) {
        let player = self.player_mut(key);
        player.has_left = has_left;
        let room = player.room;
        let room = self.rooms.value_mut(room.0);
        room.emptied = room.emptied.max(at);
    }

    /// All has been taken up: the rooms that nobody is in wait in the order in which that began.
    pub fn is_taken_up(&mut self) {
        let waiting = self.codes.values().copied();
        let waiting = waiting.filter_map(|room| Some((self.rooms.list(room.0)?, room)));
        let mut waiting: Vec<_> = waiting.collect();
        waiting.sort_by_key(|(_, room)| self.room(*room).emptied);
        for (list, room) in waiting {
            self.rooms.join(room.0, list);
        }
    }

    /// From when a player has entered it, or it ends, a room does not count for who made it.
    pub(super) fn stop_counting(&mut self, room: RoomKey) {
        let Some(guest) = self.rooms.value_mut(room.0).guest.take() else {
            return;
        };
        let count = self.unentered.get_mut(&guest);
        let count = count.expect("an address with a room that nobody has entered is counted");
        *count -= 1;
        if *count == 0 {
            self.unentered.remove(&guest);
        }
    }

    /// A connection is no more; false if nobody is to hear of it: its player is there with another one by now, or is
    /// out.
    pub fn leave(&mut self, key: PlayerKey, conn: ConnId, has_left: bool, now: Millis) -> bool {
        let player = self.player_mut(key);
        if player.conn != Some(conn) {
            return false;
        }
        player.conn = None;
        player.has_left = has_left;
        let (is_out, shown, room_key) = (player.is_out, player.shown, player.room);
        self.expiries.remove(&(shown, key));
        let room = self.rooms.value_mut(room_key.0);
        room.connected -= 1;
        let (is_empty, ended) = (room.connected == 0, room.ended);
        if is_empty && !ended {
            room.emptied = now;
            self.rooms.join(room_key.0, EMPTY);
        }
        self.bury_player(key);
        self.bury_room(room_key);
        !is_out
    }
}
