//! Whether there is a place for another room or player, and which bound says that there is none.

use super::{Newcomer, PLAYER_BYTES, PlayerKey, ROOM_BYTES, ROOM_PLAYERS_MAX, RoomKey, Store};
use crate::bounds::AppBounds;

/// Players of all rooms, for each room that may be.
const PLAYERS_PER_ROOM: usize = 10;

/// Why there is no place for a room or a player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// There are as many rooms as there may be.
    Rooms,
    /// There are as many players as there may be.
    Players,
    /// The room has as many players as it may have.
    Room,
    /// A player in the room has that name.
    Name,
    /// The stranger has made as many rooms that nobody has entered as it may.
    GuestRooms,
    /// The stranger has as many players in the room that nobody is connected as as it may.
    GuestPlayers,
}

impl Store {
    /// Whether there is a place for one more room, with its first player.
    pub fn check_room(&self, first: &Newcomer, bounds: &AppBounds) -> Result<(), NoPlace> {
        let made = first.guest.map(|guest| {
            let made = self.unentered.get(&guest).map_or(0, |made| *made as usize);
            made + self.coming.rooms_of(guest)
        });
        let rooms_max = bounds.rooms_per_guest as usize;
        if rooms_max > 0 && made.is_some_and(|made| made >= rooms_max) {
            return Err(NoPlace::GuestRooms);
        }
        if self.count() + self.coming.rooms() >= bounds.records_max as usize {
            return Err(NoPlace::Rooms);
        }
        self.check_players(first, ROOM_BYTES, bounds)
    }

    /// Whether a room has a place for one more player, whatever its name.
    pub fn check_place(
        &self,
        room: RoomKey,
        newcomer: &Newcomer,
        bounds: &AppBounds,
    ) -> Result<(), NoPlace> {
        if self.room(room).players.len() >= ROOM_PLAYERS_MAX {
            return Err(NoPlace::Room);
        }
        let maker = self.room(room).maker;
        let is_phantom = |&key: &PlayerKey| {
            let player = self.player(key);
            player.conn.is_none() && player.guest == newcomer.guest && Some(key) != maker
        };
        let players_max = bounds.players_per_guest as usize;
        if players_max > 0 && newcomer.guest.is_some() {
            let phantoms = self.room(room).players.iter().copied().filter(is_phantom);
            if phantoms.count() >= players_max {
                return Err(NoPlace::GuestPlayers);
            }
        }
        self.check_players(newcomer, 0, bounds)
    }

    fn check_players(
        &self,
        newcomer: &Newcomer,
        bytes: u64,
        bounds: &AppBounds,
    ) -> Result<(), NoPlace> {
        let players_max = (bounds.records_max as usize * PLAYERS_PER_ROOM).max(ROOM_PLAYERS_MAX);
        let coming = &self.coming;
        let bytes = self.bytes + coming.bytes() + bytes + PLAYER_BYTES + newcomer.name.bytes();
        if self.players.len() + coming.players() >= players_max
            || bytes > bounds.records_bytes_max.div_ceil(2)
        {
            return Err(NoPlace::Players);
        }
        Ok(())
    }
}
