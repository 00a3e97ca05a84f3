//! Rooms, their players and what was said in them.
//!
//! A room is kept while a player is connected, and for a day after that; one that nobody has entered yet is kept for as
//! long as the setting says. Then it is forgotten with its players, a few rooms at a time, so that no turn pays for all.
//! When there is no capacity for more, those that everybody has left longest ago go first, after an hour at the earliest.
//! Who is connected is told from outside, and so is the time, which counts what the process did not run for, too.
//!
//! Bounds: rooms by the setting; players of a room by [`ROOM_PLAYERS_MAX`] and of all rooms by ten for each room that
//! may be; bytes by the setting, half of them for rooms and players and half for messages. Messages of a room have a
//! setting of their own; when their half is used, a room that speaks gives up its own oldest messages, down to an equal
//! share of that half. So few rooms use as much as many, and together they never use all. Of what strangers may do, rooms
//! that nobody has entered are counted by address, and players that nobody is connected as by room and address.
//!
//! Invariants: a player is in the list of its room and in the map under its identifier until it is put out or the room
//! ends; from then on it is kept only for as long as its connection is. A room that has not ended is in one of the lists,
//! in the order of its waiting, if and only if nobody in it is connected.

mod coming;
mod places;
mod presence;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use rand_chacha::rand_core::Rng;
use serde_json::value::RawValue;
use slab::Slab;

use self::coming::Coming;
pub use self::places::NoPlace;
use super::code::Code;
use super::history::History;
use super::name::DisplayName;
use crate::bounds::AppBounds;
use crate::core::chain::Chain;
use crate::id::{ConnId, LogId, Topic};
use crate::pace::Pace;
use crate::time::{Millis, Unix};

/// How long an empty room is kept: as long as its tokens are good.
pub const KEPT_EMPTY: Millis = Millis::seconds(24 * 60 * 60);
/// ... and how long at least, when there is no capacity for more.
const KEPT_FULL: Millis = Millis::seconds(60 * 60);
/// Players of one room, connected or not: everybody is told of everybody who comes.
pub const ROOM_PLAYERS_MAX: usize = 1000;
/// Codes drawn for a room before it is given up; while one in a thousand is taken, the second try is rare.
const CODES_DRAWN_MAX: usize = 16;
/// What a room costs beside itself: identifier, names, its places in maps and lists, and the allocator's own.
pub const ROOM_BYTES: u64 = size_of::<Room>() as u64 + 192;
/// What a player costs beside itself and its name, likewise.
pub const PLAYER_BYTES: u64 =
    size_of::<Player>() as u64 + (160 + NOTED_MAX * size_of::<u64>()) as u64;
/// Comings and goings of a player that are remembered: four lines that were cut.
const NOTED_MAX: usize = 8;
/// The list of the rooms that nobody has entered.
const UNENTERED: usize = 0;
/// The list of those that everybody has left.
const EMPTY: usize = 1;

/// A room, for as long as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomKey(u32);

impl RoomKey {
    /// What a change to the room as a whole is about.
    pub fn about(self) -> u64 {
        self.0.into()
    }
}

/// A player, until it is out of its room and not connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlayerKey(pub u32);

/// Everything that is kept.
#[derive(Default)]
pub struct Store {
    rooms: Chain<Room, 2>,
    codes: HashMap<Code, RoomKey>,
    players: Slab<Player>,
    /// Players by their identifiers.
    ids: HashMap<Rc<str>, PlayerKey>,
    /// When the tokens of those who are connected end.
    expiries: BTreeSet<(Unix, PlayerKey)>,
    /// Rooms that a stranger's address has made and nobody has entered.
    unentered: HashMap<IpAddr, u32>,
    /// What rooms and players cost.
    bytes: u64,
    history_bytes: u64,
    /// Players there have ever been.
    topics: u64,
    /// What is being decided about, and has its place already.
    coming: Coming,
}

/// One room.
pub struct Room {
    /// Its identifier.
    pub id: Box<str>,
    /// Its code.
    pub code: Code,
    /// Its name in the hub.
    pub hub_name: Box<str>,
    /// What is published in it.
    pub log: LogId,
    /// What was said.
    pub history: History,
    /// Who made it, while it is in.
    pub maker: Option<PlayerKey>,
    /// The players, in the order in which they joined.
    players: Vec<PlayerKey>,
    connected: u32,
    /// Since when nobody has been connected; it means nothing while a player is.
    emptied: Millis,
    /// The stranger's address that made it, while nobody has entered it.
    guest: Option<IpAddr>,
    /// When it was made.
    pub created_at: Unix,
    /// Its end is being decided.
    pub is_ending: bool,
    /// Chat messages that are being decided.
    coming_messages: u64,
    /// Changes that name it.
    pins: u32,
    ended: bool,
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
    /// When the last token ends that it has shown.
    pub shown: Unix,
    /// Whether its last connection said goodbye.
    pub has_left: bool,
    /// What is published of its coming and going is on this topic, which no other player has had.
    pub topic: Topic,
    /// The numbers of the last of that, oldest first.
    pub noted: Vec<u64>,
    /// The connection that it will be there with, once all that is being decided is so.
    pub present: Option<ConnId>,
    /// That it is put out is being decided.
    pub is_leaving: bool,
    /// Its place in the order in which players joined.
    pub joined: u64,
    /// The stranger's address that it comes from.
    guest: Option<IpAddr>,
    /// Changes that name it.
    pins: u32,
    is_out: bool,
}

/// Who is to be a player.
#[derive(Clone)]
pub struct Newcomer {
    /// A fresh identifier.
    pub id: Rc<str>,
    /// What it wants to be called.
    pub name: DisplayName,
    /// The address, of a stranger.
    pub guest: Option<IpAddr>,
}

impl Player {
    /// The stranger's address that it comes from.
    pub fn guest(&self) -> Option<IpAddr> {
        self.guest
    }

    /// Whether it is out of its room.
    pub fn is_out(&self) -> bool {
        self.is_out
    }
}

impl Store {
    /// A code that is no room's, and will be none's.
    pub fn fresh_code(&self, chance: &mut impl Rng) -> Result<Code, NoPlace> {
        let mut drawn = (0..CODES_DRAWN_MAX).map(|_| Code::draw(chance));
        let is_free = |code: &Code| !self.codes.contains_key(code) && !self.coming.has(*code);
        drawn.find(is_free).ok_or(NoPlace::Rooms)
    }

    /// Whether a room has this code.
    pub fn has_code(&self, code: Code) -> bool {
        self.codes.contains_key(&code)
    }

    /// A new room, which has been there since then, with nobody in it.
    pub fn create(
        &mut self,
        room_id: &str,
        code: Code,
        log: LogId,
        guest: Option<IpAddr>,
        (created_at, now): (Unix, Millis),
    ) -> RoomKey {
        let room = RoomKey(self.rooms.insert(Room {
            id: room_id.into(),
            code,
            hub_name: format!("room:{code}").into(),
            log,
            history: History::default(),
            maker: None,
            players: Vec::new(),
            connected: 0,
            emptied: now,
            guest,
            created_at,
            is_ending: false,
            coming_messages: 0,
            pins: 0,
            ended: false,
        }));
        self.codes.insert(code, room);
        self.rooms.join(room.0, UNENTERED);
        self.bytes += ROOM_BYTES;
        if let Some(guest) = guest {
            *self.unentered.entry(guest).or_default() += 1;
        }
        room
    }

    /// The room that everybody has left longest ago, if that is so long that it may go for another.
    pub fn retired(&self, now: Millis) -> Option<RoomKey> {
        let room = RoomKey(self.rooms.first(EMPTY)?);
        if self.is_pinned(room) {
            return None;
        }
        (now >= self.room(room).emptied + KEPT_FULL).then_some(room)
    }

    /// Whether there is a place for one more player of a room, of this name.
    pub fn check_join(
        &self,
        room: RoomKey,
        newcomer: &Newcomer,
        bounds: &AppBounds,
    ) -> Result<(), NoPlace> {
        match self.named(room, &newcomer.name) {
            Some(_) => Err(NoPlace::Name),
            None => self.check_place(room, newcomer, bounds),
        }
    }

    /// The player of a room that has this name.
    pub fn named(&self, room: RoomKey, name: &DisplayName) -> Option<PlayerKey> {
        let mut players = self.room(room).players.iter().copied();
        players.find(|&key| self.player(key).name.is_like(name))
    }

    /// One more player of a room, who is its maker or not.
    pub fn add(&mut self, room: RoomKey, newcomer: Newcomer, is_maker: bool) -> PlayerKey {
        self.bytes += PLAYER_BYTES + newcomer.name.bytes();
        self.topics += 1;
        let player = PlayerKey(self.players.insert(Player {
            id: Rc::clone(&newcomer.id),
            name: newcomer.name,
            room,
            conn: None,
            pace: Pace::default(),
            shown: Unix(0),
            has_left: false,
            topic: Topic(self.topics),
            noted: Vec::new(),
            present: None,
            is_leaving: false,
            joined: self.topics,
            guest: newcomer.guest,
            pins: 0,
            is_out: false,
        }) as u32);
        self.ids.insert(newcomer.id, player);
        let room = self.rooms.value_mut(room.0);
        room.players.push(player);
        if is_maker {
            room.maker = Some(player);
        }
        player
    }

    /// Puts a player out of its room: nobody finds it any more, and its name is free.
    pub fn put_out(&mut self, key: PlayerKey) {
        let room = self.rooms.value_mut(self.players[key.0 as usize].room.0);
        room.players.retain(|player| *player != key);
        room.maker = room.maker.filter(|maker| *maker != key);
        self.drop_player(key);
    }

    fn drop_player(&mut self, key: PlayerKey) {
        let player = &mut self.players[key.0 as usize];
        player.is_out = true;
        self.bytes -= PLAYER_BYTES + player.name.bytes();
        self.ids.remove(&player.id);
        self.bury_player(key);
    }

    /// Ends a room, and gives the connections of its players.
    pub fn end(&mut self, key: RoomKey) -> Vec<ConnId> {
        self.stop_counting(key);
        self.rooms.leave(key.0);
        let room = self.rooms.value_mut(key.0);
        room.ended = true;
        self.codes.remove(&room.code);
        self.history_bytes -= room.history.bytes();
        self.bytes -= ROOM_BYTES;
        let players = std::mem::take(&mut room.players);
        self.bury_room(key);
        let conn = |&player: &PlayerKey| self.player(player).conn;
        let conns = players.iter().filter_map(conn).collect();
        players.iter().for_each(|&player| self.drop_player(player));
        conns
    }

    /// Keeps what was said in a room, and forgets what was said before, as far as the bounds ask for it.
    pub fn remember(&mut self, room: RoomKey, message: Box<RawValue>, bounds: &AppBounds) {
        let bytes_max = bounds.records_bytes_max / 2;
        let history = &mut self.rooms.value_mut(room.0).history;
        let held_elsewhere = self.history_bytes - history.bytes();
        history.push(message);
        let is_over = |history: &History| {
            let is_tight = held_elsewhere + history.bytes() > bytes_max;
            history.count() > bounds.chat_max as usize
                || is_tight && history.bytes() > bytes_max / u64::from(bounds.records_max)
        };
        while is_over(history) {
            history.pop();
        }
        self.history_bytes = held_elsewhere + history.bytes();
    }

    /// Takes up a chat message of a room that was kept, as far as the bounds allow.
    pub fn restore(
        &mut self,
        room: RoomKey,
        number: u64,
        message: Box<RawValue>,
        bounds: &AppBounds,
    ) {
        let history = &mut self.rooms.value_mut(room.0).history;
        self.history_bytes -= history.bytes();
        history.begin_at(number);
        self.history_bytes += history.bytes();
        self.remember(room, message, bounds);
    }

    /// The room that is to be forgotten next, and when.
    pub fn next_due(&self, bounds: &AppBounds) -> Option<(Millis, RoomKey)> {
        let firsts = [UNENTERED, EMPTY].map(|list| self.rooms.first(list));
        let due = |key| (self.due(RoomKey(key), bounds), RoomKey(key));
        firsts.into_iter().flatten().map(due).min()
    }

    /// When a room that nobody is in is to be forgotten.
    fn due(&self, room: RoomKey, bounds: &AppBounds) -> Millis {
        let age = match self.rooms.list(room.0) {
            Some(UNENTERED) => bounds.unentered_age,
            Some(_) => KEPT_EMPTY,
            None => Millis(u64::MAX),
        };
        self.room(room).emptied + age
    }

    /// The player whose token ends next, and when.
    pub fn next_expiry(&self) -> Option<(Unix, PlayerKey)> {
        self.expiries.first().copied()
    }

    /// The connection of a player whose token has ended; it is not to be told again.
    pub fn expire(&mut self, ends: Unix, player: PlayerKey) -> Option<ConnId> {
        self.expiries.remove(&(ends, player));
        self.player(player).conn
    }

    /// The room of this code, in either case, if it is still kept.
    pub fn find(&self, code: &str, bounds: &AppBounds, now: Millis) -> Option<RoomKey> {
        let key = *self.codes.get(&Code::parse(code)?)?;
        (now < self.due(key, bounds)).then_some(key)
    }

    /// The player of this identifier, if it is one of the room.
    pub fn find_player(&self, room: RoomKey, id: &str) -> Option<PlayerKey> {
        let key = *self.ids.get(id)?;
        (self.player(key).room == room).then_some(key)
    }

    /// A player, if it is still the one on this topic.
    pub fn player_on(&self, (key, topic): (PlayerKey, Topic)) -> Option<&Player> {
        let player = self.players.get(key.0 as usize);
        player.filter(|player| player.topic == topic)
    }

    /// The connection that such a player is there with.
    pub fn conn_of(&self, &on: &(PlayerKey, Topic)) -> Option<ConnId> {
        self.player_on(on)?.conn
    }

    /// How many rooms are kept.
    pub fn count(&self) -> usize {
        self.codes.len()
    }

    /// A room.
    pub fn room(&self, room: RoomKey) -> &Room {
        self.rooms.value(room.0)
    }

    /// A player.
    pub fn player(&self, player: PlayerKey) -> &Player {
        &self.players[player.0 as usize]
    }

    /// A player, to change what is being decided about it.
    pub fn player_mut(&mut self, player: PlayerKey) -> &mut Player {
        &mut self.players[player.0 as usize]
    }

    /// Whether a room has not been entered yet.
    pub fn is_unentered(&self, room: RoomKey) -> bool {
        self.rooms.list(room.0) == Some(UNENTERED)
    }

    /// A room, to change what is being decided about it.
    pub fn room_mut(&mut self, room: RoomKey) -> &mut Room {
        self.rooms.value_mut(room.0)
    }

    /// A player's pace.
    pub fn pace(&mut self, player: PlayerKey) -> &mut Pace {
        &mut self.player_mut(player).pace
    }

    /// Checks every rule of what can be found; for tests.
    ///
    /// # Panics
    /// When a rule is broken.
    pub fn check_invariants(&self) {
        let (mut players, mut bytes, mut history_bytes) = (0, 0, 0);
        let mut unentered = HashMap::<IpAddr, u32>::new();
        for (code, &key) in &self.codes {
            let room = self.room(key);
            assert!(room.code == *code && !room.ended);
            let connected = self.players_of(key).filter(|player| player.conn.is_some());
            assert!(connected.count() <= room.connected as usize);
            assert_eq!(self.rooms.list(key.0).is_none(), room.connected > 0);
            let cost = |player: &Player| PLAYER_BYTES + player.name.bytes();
            bytes += ROOM_BYTES + self.players_of(key).map(cost).sum::<u64>();
            players += room.players.len();
            history_bytes += room.history.bytes();
            if let Some(guest) = room.guest {
                *unentered.entry(guest).or_default() += 1;
            }
        }
        assert_eq!(self.ids.len(), players);
        assert_eq!((self.bytes, self.history_bytes), (bytes, history_bytes));
        assert_eq!(self.unentered, unentered);
        for &(shown, player) in &self.expiries {
            let player = self.player(player);
            assert!(player.shown == shown && player.conn.is_some());
        }
    }

    /// Rooms and players that take a place, those among them that nobody finds any more.
    pub fn places(&self) -> (usize, usize) {
        (self.rooms.len(), self.players.len())
    }

    /// The players of a room, in the order in which they joined.
    pub fn players_of(&self, room: RoomKey) -> impl ExactSizeIterator<Item = &Player> {
        let players = self.room(room).players.iter();
        players.map(|&player| self.player(player))
    }
}
