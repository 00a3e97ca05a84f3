//! The plain calls: a room is made, joined, read, and spoken to by the game's own back-end.

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::door::Authority;
use super::history;
use super::name::{self, CHARACTERS_MAX, DisplayName};
use super::said::Players;
use super::store::{Newcomer, NoPlace, PlayerKey};
use super::told::Told;
use super::{FORGOTTEN_MAX, PAGED_BY, Rooms};
use crate::apps::context::Context;
use crate::apps::guests::too_many;
use crate::apps::object::Object;
use crate::apps::rate::network;
use crate::apps::refusal::{bad, conflict, missing};
use crate::apps::{Answer, Call, number};
use crate::id::Topic;
use crate::time::Millis;
use crate::wire::frame::close;
use crate::wire::response::Response;
use crate::work;

/// Messages of a page, unless it is said.
const PAGE: usize = 50;
/// Messages of a page at most.
const PAGE_MAX: usize = 200;

/// When a stranger may try again whose rooms or players are too many: long before they are forgotten, but not at once.
const GUEST_WAIT: Millis = Millis::seconds(60);

/// Who comes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    display_name: String,
}

/// What the game's back-end says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spoken<'a> {
    event: String,
    #[serde(borrow)]
    payload: &'a RawValue,
    #[serde(borrow)]
    to: Option<Players<'a>>,
}

#[derive(Serialize)]
struct Created<'a> {
    code: String,
    #[serde(flatten)]
    joined: Joined<'a>,
}

#[derive(Serialize)]
struct Joined<'a> {
    room_id: &'a str,
    player_id: &'a str,
    token: String,
}

#[derive(Serialize)]
struct Page<'a> {
    messages: Vec<&'a RawValue>,
}

#[derive(Serialize)]
struct Heard {
    receivers: u32,
}

impl Rooms {
    /// `POST /api/rooms`.
    pub(super) fn create(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let first = newcomer(call, cx)?;
        self.forget_for(&first, cx);
        let room_id = cx.fresh_id();
        let (now, bounds) = (cx.now(), *cx.bounds());
        let log = cx.open_log();
        let store = &mut self.store;
        let made = store.create(room_id, log, first, &bounds, cx.chance(), now.aged);
        let player = made.map_err(|none| {
            cx.close_log(log);
            no_place(none)
        })?;
        let room = self.store.room(self.store.player(player).room);
        let created = Created {
            code: room.code.to_string(),
            joined: self.joined(player, cx),
        };
        Ok(Response::json(201, &created).into())
    }

    /// Forgets some rooms that everybody has left long ago, if there is no capacity for one more.
    fn forget_for(&mut self, first: &Newcomer, cx: &mut Context<'_>) {
        for _ in 0..FORGOTTEN_MAX {
            let place = self.store.check_room(first, cx.bounds());
            let oldest = self.store.retired(cx.now().aged);
            match (place, oldest) {
                (Err(NoPlace::Rooms | NoPlace::Players), Some(room)) => self.end_room(room, cx),
                _ => break,
            };
        }
    }

    /// `POST /api/rooms/{code}/join`.
    pub(super) fn join(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let (room, _) = self.room_of(call, cx)?;
        let newcomer = newcomer(call, cx)?;
        cx.spend(self.store.players_of(room).len() as u64 * work::RECORD);
        let maker = self.store.room(room).maker;
        let has_left = |&key: &PlayerKey| self.store.player(key).has_left && maker != Some(key);
        if let Some(named) = self.store.named(room, &newcomer.name).filter(has_left) {
            let place = self.store.check_place(room, &newcomer, cx.bounds());
            place.map_err(no_place)?;
            self.put_out(named, cx);
        }
        let joined = self.store.join(room, newcomer, cx.bounds());
        let player = joined.map_err(no_place)?;
        Ok(Response::json(201, &self.joined(player, cx)).into())
    }

    /// `DELETE /api/rooms/{code}/players/{player_id}`.
    pub(super) fn remove(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let (room, authority) = self.authority(call, cx)?;
        let maker = self.store.room(room).maker;
        let found = self.store.find_player(room, call.param(1));
        let may = |player| found == Some(player) || maker == Some(player);
        if matches!(authority, Authority::Player(player) if !may(player)) {
            return Err(forbidden(
                "a player is put out by itself, by the room's maker, or with a key",
            ));
        }
        let player = found.ok_or_else(|| missing("no player of this room has this identifier"))?;
        self.put_out(player, cx);
        Ok(Response::empty(204).into())
    }

    /// `DELETE /api/rooms/{code}`.
    pub(super) fn end(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let (room, authority) = self.authority(call, cx)?;
        let maker = self.store.room(room).maker;
        if matches!(authority, Authority::Player(player) if maker != Some(player)) {
            return Err(forbidden(
                "a room is ended by its maker, while that is in, or with a key",
            ));
        }
        for conn in self.end_room(room, cx) {
            cx.close(conn, close::NO_ROOM, "the room was ended");
        }
        Ok(Response::empty(204).into())
    }

    /// `POST /api/rooms/{code}/token`.
    pub(super) fn renew(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let (_, _, claims) = self.player_of(call, cx)?;
        let (room_id, player_id) = (&claims.room_id, &claims.player_id);
        let now = cx.now().unix;
        let token = self.tokens.issue(room_id, player_id, now, Some(&claims));
        Ok(Response::json(200, &json!({"token": token})).into())
    }

    /// Takes a player out of its room, and tells the others.
    fn put_out(&mut self, player: PlayerKey, cx: &mut Context<'_>) {
        // Closed first, so that it hears nothing of itself.
        if let Some(conn) = self.store.player(player).conn {
            cx.close(conn, close::PUT_OUT, "the player was put out of the room");
        }
        self.notify("player_left", player, cx);
        self.store.put_out(player);
    }

    /// What a client that has become a player is told.
    fn joined(&self, player: PlayerKey, cx: &Context<'_>) -> Joined<'_> {
        let player = self.store.player(player);
        let room = self.store.room(player.room);
        Joined {
            room_id: &room.id,
            player_id: &player.id,
            token: self.tokens.issue(&room.id, &player.id, cx.now().unix, None),
        }
    }

    /// `GET /api/rooms/{code}/messages`.
    pub(super) fn messages(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let (room, ..) = self.player_of(call, cx)?;
        let room = self.store.room(room);
        let [limit, before] = call.parameters(PAGED_BY);
        let limit = limit.as_deref().map_or(Ok(PAGE), page_size)?;
        let before = before.as_deref().map(message_number).transpose()?;
        let messages = room.history.before(before);
        let messages = messages.take(limit).collect();
        let response = Response::json(200, &Page { messages });
        Ok(response.at(cx.position(room.log)).into())
    }

    /// `POST /api/rooms/{code}/events`.
    pub(super) fn event(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let (room, _) = self.room_of(call, cx)?;
        let Object(spoken): Object<Spoken<'_>> = call.json()?;
        if !is_event(&spoken.event) {
            return Err(bad(
                "event: must be lower-case words a to z, with _ between them",
            ));
        }
        if !spoken.payload.get().starts_with('{') {
            return Err(bad("payload: must be an object"));
        }
        let to = spoken.to.map(|to| self.conns_of(room, &to.0)).transpose();
        let to = to.map_err(bad)?;
        let told = Told::event(&spoken.event, spoken.payload);
        let receivers = match to {
            Some(conns) => {
                let frame = cx.json(&told);
                cx.send_each(&conns, frame)
            }
            None => {
                let room = self.store.room(room);
                let frame = cx.json(&told.at(cx.next_position(room.log)));
                cx.publish_in((room.log, Topic::default()), &room.hub_name, None, frame)
            }
        };
        Ok(Response::json(202, &Heard { receivers }).into())
    }
}

/// The newcomer that the body names.
fn newcomer(call: &Call<'_>, cx: &mut Context<'_>) -> Result<Newcomer, Response> {
    let Object(named): Object<Named> = call.json()?;
    let bytes = named.display_name.len().min(name::GIVEN_BYTES_MAX);
    cx.spend(bytes as u64 * name::BYTE);
    let name = DisplayName::parse(&named.display_name).ok_or_else(|| {
        bad(format!(
            "display_name: must be 1 to {CHARACTERS_MAX} characters, all of which can be seen, and not only blanks and accents"
        ))
    })?;
    Ok(Newcomer {
        id: cx.fresh_id(),
        name,
        guest: call.is_stranger.then(|| network(call.peer)),
    })
}

fn no_place(why: NoPlace) -> Response {
    let full = |message| Response::error(507, "insufficient_storage", message);
    match why {
        NoPlace::Name => conflict("display_name: somebody in this room has that name"),
        NoPlace::Room => {
            let message = "the room has as many players as it may have";
            Response::error(409, "room_full", message)
        }
        NoPlace::Rooms => full("the server keeps as many rooms as it may, see rooms.max_records"),
        NoPlace::Players => {
            full("the server keeps as many players as it may, see rooms.max_records")
        }
        NoPlace::GuestRooms => too_many(
            "too_many_rooms",
            "this address has made as many rooms that nobody has entered as it may: enter one, or show a key",
            GUEST_WAIT,
        ),
        NoPlace::GuestPlayers => too_many(
            "too_many_players",
            "this address has as many players in the room that are not there as it may: let one enter, or show a key",
            GUEST_WAIT,
        ),
    }
}

fn forbidden(message: &str) -> Response {
    Response::error(403, "forbidden", message)
}

fn page_size(text: &str) -> Result<usize, Response> {
    number("limit", text, 1..=PAGE_MAX)
}

fn message_number(text: &str) -> Result<u64, Response> {
    history::number(text).ok_or_else(|| bad("before: must be a message_id"))
}

/// Lower-case words with underscores between them.
fn is_event(name: &str) -> bool {
    name.split('_')
        .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lower_case_words_with_underscores_between() {
        for name in ["a", "phase_changed", "a_b_c"] {
            assert!(is_event(name), "{name}");
        }
        for name in [
            "", "_", "a_", "_a", "a__b", "A", "a-b", "a1", "ä", "a b", "a\n",
        ] {
            assert!(!is_event(name), "{name}");
        }
    }

    #[test]
    fn a_page_is_of_1_to_200() {
        assert!(page_size("1").is_ok() && page_size("200").is_ok());
        for text in ["0", "201", "-1", "", "ten", "1.5", "99999999999999999999"] {
            assert!(page_size(text).is_err(), "{text}");
        }
    }
}
