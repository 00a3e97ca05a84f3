//! Rooms, players and chat as they are kept, and taken up again.
//!
//! A record says what does not change, or what its own change decides: so no two changes that wait together write what the
//! other has written. That a room is empty, and since when, is what its players say.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::code::Code;
use super::history;
use super::name::DisplayName;
use super::store::{Newcomer, Player, PlayerKey, Room, RoomKey};
use super::tokens::Tokens;
use super::told::{PlayerNotice, Told};
use super::{REPLACED, Rooms};
use crate::apps::context::Context;
use crate::apps::keep::{self, record, unreadable};
use crate::engine::{Restored, Row, Table};
use crate::id::{ConnId, Topic};
use crate::time::{Millis, Unix};
use crate::warnings::Warning;
use crate::wire::frame::close;

/// What stands between the identifier of a room and that of what is in it.
const WITHIN: char = '/';
/// The character behind that.
const BEHIND: char = '0';

/// Numbers of players and messages that a file may say: more than there ever are, and none that could not be counted on.
const NUMBER_MAX: u64 = 1 << 53;

/// Why the connections of a room are closed that was ended.
pub const ENDED: &str = "the room was ended";
/// Why that of a player is that was put out.
pub const PUT_OUT: &str = "the player was put out of the room";

#[derive(Serialize, Deserialize)]
struct RoomRecord {
    room_id: String,
    code: String,
    created_at: Unix,
    /// Whether somebody has been in it.
    entered: bool,
    /// The stranger's address that made it, until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guest: Option<IpAddr>,
}

#[derive(Serialize, Deserialize)]
struct PlayerRecord {
    player_id: String,
    display_name: String,
    /// Its place in the order in which players joined, of all rooms.
    joined: u64,
    /// Whether it has made the room.
    maker: bool,
    connected: bool,
    /// When it was last there, if it was and is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_at: Option<Unix>,
    /// Whether it said goodbye then: its name is free for another.
    #[serde(default)]
    goodbye: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guest: Option<IpAddr>,
}

/// The name of a room's log.
pub fn log_name(room_id: &str) -> String {
    format!("rooms/{room_id}")
}

fn key(room_id: &str, id: &str) -> String {
    format!("{room_id}{WITHIN}{id}")
}

fn put(table: Table, key: String, value: &impl Serialize) -> Row {
    let record = record(value);
    Row::Put { table, key, record }
}

/// A room.
pub fn room(room_id: &str, code: Code, at: Unix, entered: bool, guest: Option<IpAddr>) -> Row {
    let record = RoomRecord {
        room_id: room_id.to_owned(),
        code: code.to_string(),
        created_at: at,
        entered,
        guest,
    };
    put(Table::Rooms, room_id.to_owned(), &record)
}

/// A room that somebody has entered.
pub fn entered(of: &Room) -> Row {
    room(&of.id, of.code, of.created_at, true, None)
}

/// A player who has just joined.
pub fn newcomer(room_id: &str, newcomer: &Newcomer, joined: u64, maker: bool) -> Row {
    let record = PlayerRecord {
        player_id: newcomer.id.to_string(),
        display_name: newcomer.name.as_str().to_owned(),
        joined,
        maker,
        connected: false,
        left_at: None,
        goodbye: false,
        guest: newcomer.guest,
    };
    put(Table::Players, key(room_id, &newcomer.id), &record)
}

/// A player who is there, or has left then, and said goodbye or not.
pub fn player(of: &Room, player: &Player, is_maker: bool, left: Option<(Unix, bool)>) -> Row {
    let record = PlayerRecord {
        player_id: player.id.to_string(),
        display_name: player.name.as_str().to_owned(),
        joined: player.joined,
        maker: is_maker,
        connected: left.is_none(),
        left_at: left.map(|(at, _)| at),
        goodbye: left.is_some_and(|(_, goodbye)| goodbye),
        guest: player.guest(),
    };
    put(Table::Players, key(&of.id, &player.id), &record)
}

/// A player is out.
pub fn put_out(of: &Room, player: &Player) -> Row {
    Row::Delete {
        table: Table::Players,
        key: key(&of.id, &player.id),
    }
}

/// A room is no more, and nothing that was in it.
pub fn ended(room_id: &str) -> Vec<Row> {
    let within = |table| Row::DeleteRange {
        table,
        from: format!("{room_id}{WITHIN}"),
        to: format!("{room_id}{BEHIND}"),
    };
    vec![
        Row::Delete {
            table: Table::Rooms,
            key: room_id.to_owned(),
        },
        within(Table::Players),
        within(Table::Messages),
        Row::Close {
            log: log_name(room_id),
        },
    ]
}

/// The chat messages of a room before the one of this number are kept no longer.
pub fn forgotten(room_id: &str, number: u64) -> Row {
    Row::DeleteRange {
        table: Table::Messages,
        from: format!("{room_id}{WITHIN}"),
        to: key(room_id, &history::least_id(number)),
    }
}

/// Everybody is told that a player has come or gone.
pub fn notice(event: &str, of: &Room, player: &Player, at: Unix) -> Row {
    let notice = PlayerNotice {
        player_id: &player.id,
        display_name: player.name.as_str(),
    };
    Row::Post {
        log: log_name(&of.id),
        topic: player.id.to_string(),
        at,
        text: record(&Told::event(event, notice)),
    }
}

/// Everybody is told something.
pub fn spoken(of: &Room, told: &Told<'_, &RawValue>, at: Unix) -> Row {
    Row::Post {
        log: log_name(&of.id),
        topic: String::new(),
        at,
        text: record(told),
    }
}

/// A chat message.
pub fn message(of: &Room, message_id: &str, message: &RawValue) -> Row {
    Row::Put {
        table: Table::Messages,
        key: key(&of.id, message_id),
        record: message.get().to_owned(),
    }
}

impl Rooms {
    /// Takes up what was kept.
    pub(super) fn take_up(
        &mut self,
        restored: Restored,
        cx: &mut Context<'_>,
    ) -> Result<(), String> {
        match restored {
            Restored::Secret(secret) => self.tokens = Tokens::new(&secret),
            Restored::Record { table, key, record } => {
                let read = match (table, self.room_of_key(&key)) {
                    (Table::Rooms, _) => self.take_up_room(&key, &record, cx).map(|_| ()),
                    (Table::Players, Some(room)) => {
                        let player = self.take_up_player(room, &record, cx);
                        player.map(|player| self.may_come_back(player))
                    }
                    (_, Some(room)) => self.take_up_message(room, &key, record, cx),
                    (_, None) => {
                        lost(table.name(), &key, cx);
                        Ok(())
                    }
                };
                read.map_err(|error| unreadable(table.name(), &key, error))?;
            }
            Restored::Log { ref log, .. } | Restored::Post { ref log, .. } => {
                let Some(room) = self.room_of_log(log) else {
                    lost("logs", log, cx);
                    return Ok(());
                };
                let mut about = Topic::default();
                if let Restored::Post { topic, number, .. } = &restored {
                    about = self.topic_of(room, topic, *number);
                }
                let log = self.store.room(room).log;
                keep::restore_in(log, restored, |_| about, |_, frame| frame, cx)?;
            }
        }
        Ok(())
    }

    /// A player that was there when the process before this one ended may come back.
    fn may_come_back(&mut self, player: PlayerKey) {
        let found = self.store.player(player);
        if found.present.is_some() {
            self.absent.push((player, found.topic));
        }
    }

    pub(super) fn take_up_room(
        &mut self,
        key: &str,
        record: &str,
        cx: &mut Context<'_>,
    ) -> Result<RoomKey, String> {
        let record: RoomRecord = serde_json::from_str(record).map_err(|it| it.to_string())?;
        let code = Code::parse(&record.code).ok_or("its code is none")?;
        if self.store.has_code(code) {
            return Err(String::from("another room has its code"));
        }
        let (created_at, log) = (record.created_at, cx.open_log());
        let since = Millis(created_at.0).min(cx.now().aged);
        let guest = record.guest.filter(|_| !record.entered);
        let room = self
            .store
            .create(&record.room_id, code, log, guest, (created_at, since));
        if record.entered {
            self.store.has_been_entered(room);
        }
        self.kept.insert(key.to_owned(), room);
        Ok(room)
    }

    fn take_up_player(
        &mut self,
        room: RoomKey,
        record: &str,
        cx: &mut Context<'_>,
    ) -> Result<PlayerKey, String> {
        let record: PlayerRecord = serde_json::from_str(record).map_err(|it| it.to_string())?;
        if record.joined > NUMBER_MAX {
            return Err(String::from("its place is none"));
        }
        let newcomer = Newcomer {
            id: record.player_id.into(),
            name: DisplayName::parse(&record.display_name).ok_or("its name is none")?,
            guest: record.guest,
        };
        let player = self.store.add(room, newcomer, record.maker);
        self.store.has_joined(player, record.joined);
        if record.connected {
            self.store.player_mut(player).present = Some(ConnId::NOBODY);
            self.store.enter(player, ConnId::NOBODY);
        } else if let Some(left_at) = record.left_at {
            let left_at = Millis(left_at.0).min(cx.now().aged);
            self.store.has_left(player, left_at, record.goodbye);
        }
        Ok(player)
    }

    /// Another hub has written this of a player: it has joined, or it is there with a connection of that hub, or not any more.
    pub(super) fn hear_of_player(
        &mut self,
        room: RoomKey,
        key: &str,
        record: &str,
        cx: &mut Context<'_>,
    ) -> Result<(), String> {
        let Some(player) = self.player_of_key(room, key) else {
            return self.take_up_player(room, record, cx).map(|_| ());
        };
        let record: PlayerRecord = serde_json::from_str(record).map_err(|it| it.to_string())?;
        let found = self.store.player_mut(player);
        if record.connected {
            found.present = Some(ConnId::NOBODY);
            if let Some(older) = self.store.enter(player, ConnId::NOBODY) {
                cx.close(older, close::REPLACED, REPLACED);
            }
        } else if found.present == Some(ConnId::NOBODY) {
            found.present = None;
            let left_at = record.left_at.map_or(cx.now().aged, |at| Millis(at.0));
            let left_at = left_at.min(cx.now().aged);
            self.store
                .leave(player, ConnId::NOBODY, record.goodbye, left_at);
        }
        Ok(())
    }

    /// The player whose record has this key.
    pub(super) fn player_of_key(&self, room: RoomKey, key: &str) -> Option<PlayerKey> {
        let (_, id) = key.split_once(WITHIN)?;
        self.store.find_player(room, id)
    }

    /// The room of what has this key, if it is there.
    pub(super) fn room_of_key(&self, key: &str) -> Option<RoomKey> {
        let room_id = key.split(WITHIN).next().unwrap_or_default();
        self.kept.get(room_id).copied()
    }

    /// The room of a log.
    pub(super) fn room_of_log(&self, name: &str) -> Option<RoomKey> {
        let found = name.strip_prefix("rooms/").and_then(|it| self.kept.get(it));
        found.copied()
    }

    /// What a message is about that names a player, or nobody; the player's coming and going is noted.
    pub(super) fn topic_of(&mut self, room: RoomKey, name: &str, number: u64) -> Topic {
        if name.is_empty() {
            return Topic::default();
        }
        // Whoever is out does not come back, and its topic is nobody's.
        let Some(player) = self.store.find_player(room, name) else {
            return Topic(u64::MAX);
        };
        self.store.note(player, number);
        self.store.player(player).topic
    }

    pub(super) fn take_up_message(
        &mut self,
        room: RoomKey,
        key: &str,
        record: String,
        cx: &mut Context<'_>,
    ) -> Result<(), String> {
        let id = key.rsplit(WITHIN).next().unwrap_or_default();
        let number = history::number(id).filter(|number| *number <= NUMBER_MAX);
        let number = number.ok_or("its identifier is none")?;
        let message = RawValue::from_string(record).map_err(|it| it.to_string())?;
        self.store.restore(room, number, message, cx.bounds());
        Ok(())
    }
}

/// Something is of a room that was not kept: nobody could come to it, and it is left where it is.
fn lost(what: &str, key: &str, cx: &mut Context<'_>) {
    let told = format_args!("{what}: {key} is of a room that is not there, and is passed over");
    cx.warn(Warning::Storage, told);
}

/// A player, and the topic that tells it from a later one of the same key.
pub type Absent = (PlayerKey, Topic);
