//! What changes rooms: a room is made or ended, a player joins, is put out, comes or goes, something is said. How each is
//! decided is told by who asks for it; here is how it is kept, and what it does when it is so.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::code::Code;
use super::records::{self, log_name};
use super::store::{Newcomer, PlayerKey, RoomKey};
use super::told::Told;
use super::{GONE_INTERVAL, Rooms};
use crate::apps::change::Decides;
use crate::apps::context::Context;
use crate::apps::keep::opened;
use crate::engine::Row;
use crate::id::{ConnId, Topic};
use crate::position::{Position, Since};
use crate::time::Unix;
use crate::wire::frame::close;
use crate::wire::response::Response;

/// What is decided.
pub enum Change {
    /// There is a new room.
    Made(Box<Made>),
    /// There is a new player in a room.
    Joined(Box<Joined>),
    /// A player is out of its room.
    PutOut(PlayerKey),
    /// There is no such room any more.
    Ended(RoomKey),
    /// A player is there.
    Entered(Entered),
    /// It is not any more.
    Left(Left),
    /// Something is said in a room.
    Spoken(Speech),
}

/// A new room, and who has made it.
pub struct Made {
    /// Its identifier.
    pub room_id: String,
    /// Its code.
    pub code: Code,
    /// The life of its numbering.
    pub epoch: u32,
    /// Its first player.
    pub first: Newcomer,
    /// When.
    pub at: Unix,
}

/// A new player of a room.
pub struct Joined {
    /// The room.
    pub room: RoomKey,
    /// The player.
    pub newcomer: Newcomer,
    /// One that has left, and whose name it takes.
    pub replaces: Option<PlayerKey>,
}

/// A player who comes with a connection.
#[derive(Clone, Copy)]
pub struct Entered {
    /// The player.
    pub player: PlayerKey,
    /// The connection.
    pub conn: ConnId,
    /// Since when it asks for what was published.
    pub since: Option<Since>,
    /// Whether the others are told.
    pub is_told: bool,
    /// Whether it is the first to enter the room.
    pub is_first: bool,
}

/// A player whose connection has ended.
#[derive(Clone, Copy)]
pub struct Left {
    /// The player.
    pub player: PlayerKey,
    /// The connection.
    pub conn: ConnId,
    /// Whether it has said goodbye.
    pub has_left: bool,
    /// When.
    pub at: Unix,
}

/// Something that is said in a room, by a player or the game's own back-end.
pub struct Speech {
    /// The room.
    pub room: RoomKey,
    /// The player, if it is one.
    pub by: Option<PlayerKey>,
    /// Its event.
    pub event: Cow<'static, str>,
    /// Its payload.
    pub payload: Box<RawValue>,
    /// The identifier of a chat message that is kept.
    pub message_id: Option<String>,
    /// The players it is for, each on its topic; everybody if there is no list.
    pub to: Option<Vec<(PlayerKey, Topic)>>,
    /// For the sender's copy of it.
    pub correlation_id: Option<Box<RawValue>>,
}

impl Speech {
    /// Whether everybody hears it.
    pub fn is_public(&self) -> bool {
        self.to.is_none()
    }
}

impl Decides for Rooms {
    type Change = Change;

    fn rows(&self, change: &Change, cx: &Context<'_>) -> Vec<Row> {
        let at = cx.now().unix;
        let store = &self.store;
        match change {
            Change::Made(made) => {
                let position = Position {
                    epoch: made.epoch,
                    number: 0,
                };
                vec![
                    records::room(&made.room_id, made.code, made.at, false, made.first.guest),
                    records::newcomer(&made.room_id, &made.first, store.next_joined(), true),
                    opened(log_name(&made.room_id), position),
                ]
            }
            Change::Joined(joined) => {
                let replaced = joined.replaces.into_iter();
                let mut rows: Vec<Row> = replaced
                    .flat_map(|player| self.rows_of_put_out(player, at))
                    .collect();
                let room_id = &store.room(joined.room).id;
                let newcomer = &joined.newcomer;
                rows.push(records::newcomer(
                    room_id,
                    newcomer,
                    store.next_joined(),
                    false,
                ));
                rows
            }
            Change::PutOut(player) => self.rows_of_put_out(*player, at),
            Change::Ended(room) => records::ended(&store.room(*room).id),
            Change::Entered(entered) => {
                let player = store.player(entered.player);
                let room = store.room(player.room);
                let is_maker = room.maker == Some(entered.player);
                let mut rows = vec![records::player(room, player, is_maker, None)];
                if entered.is_first {
                    rows.push(records::entered(room));
                }
                if entered.is_told {
                    rows.push(records::notice("player_connected", room, player, at));
                }
                rows
            }
            Change::Left(left) => {
                let player = store.player(left.player);
                let room = store.room(player.room);
                let is_maker = room.maker == Some(left.player);
                let left_at = Some((left.at, left.has_left));
                vec![
                    records::player(room, player, is_maker, left_at),
                    records::notice("player_disconnected", room, player, at),
                ]
            }
            // What is said to some is not kept.
            Change::Spoken(speech) if !speech.is_public() => Vec::new(),
            Change::Spoken(speech) => {
                let room = store.room(speech.room);
                let by = speech.by.filter(|_| speech.message_id.is_none());
                let by = by.map(|player| &*store.player(player).id);
                let told = Told::event(&speech.event, &*speech.payload).by(by);
                let post = records::spoken(room, &told, at);
                let message = speech.message_id.as_deref();
                let message = message.map(|id| records::message(room, id, &speech.payload));
                message.into_iter().chain([post]).collect()
            }
        }
    }

    fn reserve(&mut self, change: &Change) {
        let store = &mut self.store;
        match change {
            Change::Made(made) => store.expect_room(made.code, &made.first),
            Change::Joined(joined) => {
                store.pin_room(joined.room);
                store.expect_player(&joined.newcomer);
                if let Some(player) = joined.replaces {
                    store.pin_player(player);
                    store.player_mut(player).is_leaving = true;
                }
            }
            Change::PutOut(player) => {
                store.pin_player(*player);
                store.player_mut(*player).is_leaving = true;
            }
            Change::Ended(room) => {
                store.pin_room(*room);
                store.room_mut(*room).is_ending = true;
            }
            Change::Entered(Entered { player, .. }) | Change::Left(Left { player, .. }) => {
                store.pin_player(*player);
            }
            Change::Spoken(speech) => {
                store.pin_room(speech.room);
                if let Some(player) = speech.by {
                    store.pin_player(player);
                }
                if speech.message_id.is_some() && speech.is_public() {
                    store.expect_message(speech.room);
                }
            }
        }
    }

    fn release(&mut self, change: &Change) {
        let store = &mut self.store;
        match change {
            Change::Made(made) => store.expected_room(made.code, &made.first),
            Change::Joined(joined) => {
                store.expected_player(&joined.newcomer);
                if let Some(player) = joined.replaces {
                    store.player_mut(player).is_leaving = false;
                    self.unpinned.push(Pin::Player(player));
                }
                self.unpinned.push(Pin::Room(joined.room));
            }
            Change::PutOut(player) => {
                store.player_mut(*player).is_leaving = false;
                self.unpinned.push(Pin::Player(*player));
            }
            Change::Ended(room) => {
                store.room_mut(*room).is_ending = false;
                self.unpinned.push(Pin::Room(*room));
            }
            Change::Entered(Entered { player, .. }) | Change::Left(Left { player, .. }) => {
                self.unpinned.push(Pin::Player(*player));
            }
            Change::Spoken(speech) => {
                if speech.message_id.is_some() && speech.is_public() {
                    store.expected_message(speech.room);
                }
                if let Some(player) = speech.by {
                    self.unpinned.push(Pin::Player(player));
                }
                self.unpinned.push(Pin::Room(speech.room));
            }
        }
    }

    fn apply(&mut self, change: Change, cx: &mut Context<'_>) -> Option<Response> {
        let response = match change {
            Change::Made(made) => Some(self.make(*made, cx)),
            Change::Joined(joined) => Some(self.add_player(*joined, cx)),
            Change::PutOut(player) => {
                self.put_out(player, cx);
                Some(Response::empty(204))
            }
            Change::Ended(room) => {
                for conn in self.end_room(room, cx) {
                    cx.close(conn, close::NO_ROOM, records::ENDED);
                }
                Some(Response::empty(204))
            }
            Change::Entered(entered) => {
                self.enter(entered, cx);
                None
            }
            Change::Left(left) => {
                self.leave(left, cx);
                None
            }
            Change::Spoken(speech) => self.speak(speech, cx),
        };
        self.unpin();
        self.settle(cx);
        response
    }

    fn give_up(&mut self, change: Change, cx: &mut Context<'_>) {
        match change {
            Change::Entered(Entered { player, conn, .. }) => {
                self.is_as_it_was(player, cx);
                cx.close(conn, close::TRY_AGAIN, "the entry could not be stored");
            }
            Change::Left(Left { player, .. }) => {
                self.gone_again = Some(cx.now().millis() + GONE_INTERVAL);
                self.is_as_it_was(player, cx);
            }
            Change::Spoken(speech) if speech.by.is_some() => {
                let correlation_id = speech.correlation_id.as_deref();
                self.tell_unkept(correlation_id, cx);
            }
            _ => {}
        }
        self.unpin();
        self.settle(cx);
    }
}

/// A key that a settled change has named.
pub enum Pin {
    /// A room's.
    Room(RoomKey),
    /// A player's, and its room's.
    Player(PlayerKey),
}

impl Rooms {
    /// Lets go of the keys that a settled change has named.
    fn unpin(&mut self) {
        while let Some(pin) = self.unpinned.pop() {
            match pin {
                Pin::Room(room) => self.store.unpin_room(room),
                Pin::Player(player) => self.store.unpin_player(player),
            }
        }
    }

    fn rows_of_put_out(&self, player: PlayerKey, at: Unix) -> Vec<Row> {
        let player = self.store.player(player);
        let room = self.store.room(player.room);
        vec![
            records::put_out(room, player),
            records::notice("player_left", room, player, at),
        ]
    }
}
