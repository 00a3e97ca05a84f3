//! The plain calls: a room is made, joined, read, and spoken to by the game's own back-end.

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::change::{Change, Joined, Made, Speech};
use super::door::Authority;
use super::history;
use super::name::{self, CHARACTERS_MAX, DisplayName};
use super::records;
use super::said::Players;
use super::store::{Newcomer, NoPlace, PlayerKey};
use super::{FORGOTTEN_MAX, PAGED_BY, Rooms};
use crate::apps::change::answer;
use crate::apps::context::Context;
use crate::apps::guests::too_many;
use crate::apps::object::Object;
use crate::apps::rate::network;
use crate::apps::refusal::{bad, conflict, missing};
use crate::apps::{Answer, Call, Reply, number};
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
    entitled: Entitled<'a>,
}

#[derive(Serialize)]
struct Entitled<'a> {
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
        let (room_id, epoch) = (cx.fresh_id(), cx.random_epoch());
        let checked = self.store.check_room(&first, cx.bounds());
        let code = checked.and_then(|()| self.store.fresh_code(cx.chance()));
        let made = Made {
            room_id,
            code: code.map_err(no_place)?,
            epoch,
            first,
            at: cx.now().dated(),
        };
        answer(self, None, Change::Made(Box::new(made)), cx)
    }

    /// There is a new room, and its maker is told what it needs.
    pub(super) fn make(&mut self, made: Made, cx: &mut Context<'_>) -> Response {
        let log = cx.open_log_in(made.epoch);
        let times = (made.at, cx.now().aged);
        let Made {
            room_id,
            code,
            first,
            ..
        } = made;
        let room = self.store.create(&room_id, code, log, first.guest, times);
        if cx.shares() {
            self.kept.insert(room_id, room);
        }
        let player = self.store.add(room, first, true);
        let created = Created {
            code: code.to_string(),
            entitled: self.entitled(player, cx),
        };
        Response::json(201, &created)
    }

    /// Forgets some rooms that everybody has left long ago, if there is no capacity for one more.
    fn forget_for(&mut self, first: &Newcomer, cx: &mut Context<'_>) {
        for _ in 0..FORGOTTEN_MAX {
            let place = self.store.check_room(first, cx.bounds());
            let oldest = self.store.retired(cx.now().aged);
            match (place, oldest) {
                (Err(NoPlace::Rooms | NoPlace::Players), Some(room)) => self.forget_room(room, cx),
                _ => break,
            }
        }
    }

    /// `POST /api/rooms/{code}/join`.
    pub(super) fn join(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let (room, _) = self.room_of(call, cx)?;
        if cx.is_undecided(room.about()) {
            return Ok(Reply::Behind(room.about()));
        }
        let newcomer = newcomer(call, cx)?;
        cx.spend(self.store.players_of(room).len() as u64 * work::RECORD);
        let maker = self.store.room(room).maker;
        let may_go = |&key: &PlayerKey| {
            let player = self.store.player(key);
            player.has_left && player.present.is_none() && maker != Some(key)
        };
        let replaces = self.store.named(room, &newcomer.name).filter(may_go);
        let bounds = cx.bounds();
        let checked = match replaces {
            Some(_) => self.store.check_place(room, &newcomer, bounds),
            None => self.store.check_join(room, &newcomer, bounds),
        };
        checked.map_err(no_place)?;
        let joined = Joined {
            room,
            newcomer,
            replaces,
        };
        answer(
            self,
            Some(room.about()),
            Change::Joined(Box::new(joined)),
            cx,
        )
    }

    /// There is a new player of a room, and is told what it needs.
    pub(super) fn add_player(&mut self, joined: Joined, cx: &mut Context<'_>) -> Response {
        if let Some(named) = joined.replaces {
            self.put_out(named, cx);
        }
        let player = self.store.add(joined.room, joined.newcomer, false);
        Response::json(201, &self.entitled(player, cx))
    }

    /// `DELETE /api/rooms/{code}/players/{player_id}`.
    pub(super) fn remove(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let (room, authority) = self.authority(call, cx)?;
        if cx.is_undecided(room.about()) {
            return Ok(Reply::Behind(room.about()));
        }
        let maker = self.store.room(room).maker;
        let found = self.store.find_player(room, call.param(1));
        let may = |player| found == Some(player) || maker == Some(player);
        if matches!(authority, Authority::Player(player) if !may(player)) {
            return Err(forbidden(
                "a player is put out by itself, by the room's maker, or with a key",
            ));
        }
        let player = found.ok_or_else(|| missing("no player of this room has this identifier"))?;
        answer(self, Some(room.about()), Change::PutOut(player), cx)
    }

    /// `DELETE /api/rooms/{code}`.
    pub(super) fn end(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Answer {
        let (room, authority) = self.authority(call, cx)?;
        if cx.is_undecided(room.about()) {
            return Ok(Reply::Behind(room.about()));
        }
        let maker = self.store.room(room).maker;
        if matches!(authority, Authority::Player(player) if maker != Some(player)) {
            return Err(forbidden(
                "a room is ended by its maker, while that is in, or with a key",
            ));
        }
        answer(self, Some(room.about()), Change::Ended(room), cx)
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
    pub(super) fn put_out(&mut self, player: PlayerKey, cx: &mut Context<'_>) {
        // Closed first, so that it hears nothing of itself.
        if let Some(conn) = self.store.player(player).conn {
            cx.close(conn, close::PUT_OUT, records::PUT_OUT);
        }
        self.notify("player_left", player, cx);
        self.store.put_out(player);
    }

    /// What a client that has become a player is told.
    fn entitled(&self, player: PlayerKey, cx: &Context<'_>) -> Entitled<'_> {
        let player = self.store.player(player);
        let room = self.store.room(player.room);
        Entitled {
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
        if cx.is_undecided(room.about()) {
            return Ok(Reply::Behind(room.about()));
        }
        let Object(spoken): Object<Spoken<'_>> = call.json()?;
        if !is_event(&spoken.event) {
            return Err(bad(
                "event: must be lower-case words a to z, with _ between them",
            ));
        }
        if !spoken.payload.get().starts_with('{') {
            return Err(bad("payload: must be an object"));
        }
        let to = spoken.to.map(|to| self.players(room, &to.0)).transpose();
        let speech = Speech {
            room,
            by: None,
            event: spoken.event.into(),
            payload: spoken.payload.to_owned(),
            message_id: None,
            to: to.map_err(bad)?,
            correlation_id: None,
        };
        answer(self, None, Change::Spoken(speech), cx)
    }
}

/// How the game's back-end is answered.
pub(super) fn heard(receivers: u32) -> Response {
    Response::json(202, &Heard { receivers })
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
        id: cx.fresh_id().into(),
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
