//! Rooms, their players and what was said in them.
//!
//! A room is kept while somebody is connected, and for a day after that; then it is forgotten with its players, a few
//! rooms at each call, so that no call pays for all. Who is connected is told from outside, and so is the time.
//!
//! Bounds: rooms by the setting; players of a room by [`ROOM_PLAYERS_MAX`] and of all rooms by ten for each room that
//! may be; messages of a room by the setting, and the bytes of all by another: when half of them are used, a room that
//! speaks gives up its own oldest messages, down to an equal share of that half. So few rooms use as much as many, and
//! together they never use all.
//!
//! Invariants: a player is in the list of its room and in the map under its identifier; a room is in the set of the
//! empty, under the time since when, if and only if nobody in it is connected.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use rand_chacha::rand_core::Rng;
use serde_json::value::RawValue;
use slab::Slab;

use super::code::Code;
use super::history::History;
use super::name::DisplayName;
use crate::bounds::AppBounds;
use crate::id::ConnId;
use crate::pace::Pace;
use crate::time::Millis;

/// How long an empty room is kept: as long as its tokens are good.
const KEPT_EMPTY: Millis = Millis::seconds(24 * 60 * 60);
/// Rooms forgotten at one call at most: more than one call makes, so that they go faster than they come, and few enough
/// for the call not to be felt (about a millisecond for eight that are as full as may be).
const FORGOTTEN_MAX: usize = 8;
/// Players of one room, connected or not: everybody is told of everybody who comes.
const ROOM_PLAYERS_MAX: usize = 1000;
/// Players of all rooms, for each room that may be.
const PLAYERS_PER_ROOM: usize = 10;
/// Codes drawn for a room before it is given up; while one in a thousand is taken, the second try is rare.
const CODES_DRAWN_MAX: usize = 16;

/// A room, for as long as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomKey(u32);

/// A player, for as long as its room is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlayerKey(pub u32);

/// Everything that is kept.
#[derive(Default)]
pub struct Store {
    rooms: Slab<Room>,
    codes: HashMap<Code, RoomKey>,
    players: Slab<Player>,
    /// Players by their identifiers.
    ids: HashMap<Rc<str>, PlayerKey>,
    /// The rooms in which nobody is connected, and since when.
    empty: BTreeSet<(Millis, RoomKey)>,
    history_bytes: u64,
}

/// One room.
pub struct Room {
    /// Its identifier.
    pub id: Box<str>,
    /// Its code.
    pub code: Code,
    /// Its name in the hub.
    pub hub_name: Box<str>,
    /// What was said.
    pub history: History,
    /// Everybody who ever joined, in that order.
    players: Vec<PlayerKey>,
    connected: u32,
    /// Since when nobody has been connected; it means nothing while somebody is.
    emptied: Millis,
}

/// One player of one room.
pub struct Player {
    /// Its identifier.
    pub id: Rc<str>,
    /// What it is called.
    pub name: DisplayName,
    /// The room.
    pub room: RoomKey,
    /// The connection it is there with.
    pub conn: Option<ConnId>,
    /// How fast it speaks.
    pub pace: Pace,
}

/// Who is to be a player.
pub struct Newcomer {
    /// A fresh identifier.
    pub id: String,
    /// What it wants to be called.
    pub name: DisplayName,
}

/// Why there is no place for a room or a player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// There are as many rooms as there may be.
    Rooms,
    /// There are as many players as there may be.
    Players,
    /// The room has as many players as it may have.
    Room,
    /// Somebody in the room has that name.
    Name,
}

impl Store {
    /// A new room with its first player. At most `rooms_max` rooms are kept.
    pub fn create(
        &mut self,
        room_id: String,
        first: Newcomer,
        rooms_max: u32,
        chance: &mut impl Rng,
        now: Millis,
    ) -> Result<PlayerKey, NoPlace> {
        if self.rooms.len() >= rooms_max as usize {
            return Err(NoPlace::Rooms);
        }
        self.check_players(rooms_max)?;
        let is_free = |code: &Code| !self.codes.contains_key(code);
        let code = (0..CODES_DRAWN_MAX)
            .map(|_| Code::draw(chance))
            .find(is_free);
        let code = code.ok_or(NoPlace::Rooms)?;
        let room = RoomKey(self.rooms.insert(Room {
            id: room_id.into(),
            code,
            hub_name: format!("room:{code}").into(),
            history: History::default(),
            players: Vec::new(),
            connected: 0,
            emptied: now,
        }) as u32);
        self.codes.insert(code, room);
        self.empty.insert((now, room));
        Ok(self.add(room, first))
    }

    /// One more player of a room.
    pub fn join(
        &mut self,
        room: RoomKey,
        newcomer: Newcomer,
        rooms_max: u32,
    ) -> Result<PlayerKey, NoPlace> {
        let has_name = |player: &Player| player.name.is_like(&newcomer.name);
        if self.players_of(room).any(has_name) {
            return Err(NoPlace::Name);
        }
        if self.room(room).players.len() >= ROOM_PLAYERS_MAX {
            return Err(NoPlace::Room);
        }
        self.check_players(rooms_max)?;
        Ok(self.add(room, newcomer))
    }

    fn check_players(&self, rooms_max: u32) -> Result<(), NoPlace> {
        let players_max = (rooms_max as usize * PLAYERS_PER_ROOM).max(ROOM_PLAYERS_MAX);
        if self.players.len() >= players_max {
            return Err(NoPlace::Players);
        }
        Ok(())
    }

    fn add(&mut self, room: RoomKey, newcomer: Newcomer) -> PlayerKey {
        let id: Rc<str> = newcomer.id.into();
        let player = PlayerKey(self.players.insert(Player {
            id: Rc::clone(&id),
            name: newcomer.name,
            room,
            conn: None,
            pace: Pace::default(),
        }) as u32);
        self.ids.insert(id, player);
        self.rooms[room.0 as usize].players.push(player);
        player
    }

    /// A player is there with this connection; returns the older one that it replaces.
    pub fn enter(&mut self, player: PlayerKey, conn: ConnId) -> Option<ConnId> {
        let Player {
            room, conn: held, ..
        } = &mut self.players[player.0 as usize];
        let (key, older) = (*room, held.replace(conn));
        if older.is_none() {
            let room = &mut self.rooms[key.0 as usize];
            room.connected += 1;
            if room.connected == 1 {
                self.empty.remove(&(room.emptied, key));
            }
        }
        older
    }

    /// A connection is no more; false if its player is there with another one by now.
    pub fn leave(&mut self, player: PlayerKey, conn: ConnId, now: Millis) -> bool {
        let Player {
            room, conn: held, ..
        } = &mut self.players[player.0 as usize];
        if *held != Some(conn) {
            return false;
        }
        *held = None;
        let key = *room;
        let room = &mut self.rooms[key.0 as usize];
        room.connected -= 1;
        if room.connected == 0 {
            room.emptied = now;
            self.empty.insert((now, key));
        }
        true
    }

    /// Keeps what was said in a room, and forgets what was said before, as far as the bounds ask for it.
    pub fn remember(&mut self, room: RoomKey, message: Box<RawValue>, bounds: HistoryBounds) {
        let history = &mut self.rooms[room.0 as usize].history;
        let held_elsewhere = self.history_bytes - history.bytes();
        history.push(message);
        let is_over = |history: &History| {
            let is_tight = held_elsewhere + history.bytes() > bounds.bytes_max;
            history.len() > bounds.messages_max as usize
                || is_tight && history.bytes() > bounds.bytes_max / u64::from(bounds.rooms_max)
        };
        while is_over(history) {
            history.pop();
        }
        self.history_bytes = held_elsewhere + history.bytes();
    }

    /// Forgets some of the rooms that have been empty for long enough.
    pub fn sweep(&mut self, now: Millis) {
        for _ in 0..FORGOTTEN_MAX {
            match self.empty.first() {
                Some(&(since, room)) if since + KEPT_EMPTY <= now => self.forget(room),
                _ => return,
            }
        }
    }

    fn forget(&mut self, key: RoomKey) {
        let room = self.rooms.remove(key.0 as usize);
        debug_assert!(room.connected == 0, "only an empty room is forgotten");
        self.empty.remove(&(room.emptied, key));
        self.codes.remove(&room.code);
        self.history_bytes -= room.history.bytes();
        for player in room.players {
            let player = self.players.remove(player.0 as usize);
            self.ids.remove(&player.id);
        }
    }

    /// The room of this code, in either case, if it is still kept.
    pub fn find(&self, code: &str, now: Millis) -> Option<RoomKey> {
        let key = *self.codes.get(&Code::parse(code)?)?;
        let room = self.room(key);
        let has_expired = room.connected == 0 && room.emptied + KEPT_EMPTY <= now;
        (!has_expired).then_some(key)
    }

    /// The player of this identifier, if it is one of the room.
    pub fn find_player(&self, room: RoomKey, id: &str) -> Option<PlayerKey> {
        let key = *self.ids.get(id)?;
        (self.player(key).room == room).then_some(key)
    }

    /// A room.
    pub fn room(&self, room: RoomKey) -> &Room {
        &self.rooms[room.0 as usize]
    }

    /// A player.
    pub fn player(&self, player: PlayerKey) -> &Player {
        &self.players[player.0 as usize]
    }

    /// A player's pace.
    pub fn pace(&mut self, player: PlayerKey) -> &mut Pace {
        &mut self.players[player.0 as usize].pace
    }

    /// The players of a room, in the order in which they joined.
    pub fn players_of(&self, room: RoomKey) -> impl ExactSizeIterator<Item = &Player> {
        let players = self.room(room).players.iter();
        players.map(|&player| self.player(player))
    }
}

/// How much is kept of what was said.
#[derive(Clone, Copy, Debug)]
pub struct HistoryBounds {
    /// Messages of one room.
    pub messages_max: u32,
    /// Bytes of all rooms, beyond which each keeps to its share.
    pub bytes_max: u64,
    /// Rooms that may share them.
    pub rooms_max: u32,
}

impl From<&AppBounds> for HistoryBounds {
    fn from(bounds: &AppBounds) -> HistoryBounds {
        HistoryBounds {
            messages_max: bounds.history_max,
            bytes_max: bounds.records_bytes_max / 2,
            rooms_max: bounds.records_max,
        }
    }
}

#[cfg(test)]
mod tests;
