//! The plain calls: a room is made, joined, read, and spoken to by the game's own back-end.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::history;
use super::name::{CHARACTERS_MAX, DisplayName};
use super::refusal::Refusal;
use super::said::Text;
use super::store::{Newcomer, NoPlace, PlayerKey, RoomKey};
use super::told::Told;
use super::{PAGED_BY, Rooms, shown_token};
use crate::apps::context::Context;
use crate::apps::object::Object;
use crate::apps::refusal::{bad, conflict};
use crate::apps::{Call, number};
use crate::wire::http::Response;

/// Messages of a page, unless it is said.
const PAGE: usize = 50;
/// Messages of a page at most.
const PAGE_MAX: usize = 200;

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
    to: Option<Vec<Text<'a>>>,
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
    pub(super) fn create(
        &mut self,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Response, Response> {
        let first = newcomer(call, cx)?;
        let room_id = cx.fresh_id();
        let (now, rooms_max) = (cx.now(), cx.bounds().records_max);
        let made = self
            .store
            .create(room_id, first, rooms_max, cx.chance(), now.millis());
        let player = made.map_err(no_place)?;
        let created = Created {
            code: self
                .store
                .room(self.store.player(player).room)
                .code
                .to_string(),
            joined: self.joined(player, cx),
        };
        Ok(Response::json(201, &created))
    }

    /// `POST /api/rooms/{code}/join`.
    pub(super) fn join(
        &mut self,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Response, Response> {
        let room = self.room_of(call, cx)?;
        let newcomer = newcomer(call, cx)?;
        let joined = self.store.join(room, newcomer, cx.bounds().records_max);
        let player = joined.map_err(no_place)?;
        Ok(Response::json(201, &self.joined(player, cx)))
    }

    /// What somebody who has become a player is told.
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
    pub(super) fn messages(
        &mut self,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Response, Response> {
        let room = self.store.room(self.room_of(call, cx)?);
        let token = shown_token(call.head).ok_or(Refusal::NoToken)?;
        let claims = self.tokens.check(&token, cx.now().unix)?;
        if *claims.room_id != *room.id {
            return Err(Refusal::OtherRoom.into());
        }
        let [limit, before] = call.parameters(PAGED_BY);
        let limit = limit.as_deref().map_or(Ok(PAGE), page_size)?;
        let before = before.as_deref().map(message_number).transpose()?;
        let messages = room.history.before(before);
        let page = Page {
            messages: messages.take(limit).collect(),
        };
        Ok(Response::json(200, &page))
    }

    /// `POST /api/rooms/{code}/events`.
    pub(super) fn event(
        &mut self,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Response, Response> {
        let room = self.room_of(call, cx)?;
        let Object(spoken): Object<Spoken<'_>> = call.json()?;
        if !is_event(&spoken.event) {
            return Err(bad(
                "event: must be lower-case words a to z, with _ between them",
            ));
        }
        if !spoken.payload.get().starts_with('{') {
            return Err(bad("payload: must be an object"));
        }
        let to = spoken.to.map(|to| self.conns_of(room, &to)).transpose();
        let to = to.map_err(|index| {
            bad(format!(
                "to[{index}]: no player of this room has this identifier"
            ))
        })?;
        let frame = cx.json(&Told::event(&spoken.event, spoken.payload));
        let receivers = match to {
            Some(conns) => cx.send_each(&conns, frame),
            None => cx.publish(&self.store.room(room).hub_name, frame),
        };
        Ok(Response::json(202, &Heard { receivers }))
    }

    /// The room that a call is about.
    fn room_of(&self, call: &Call<'_>, cx: &Context<'_>) -> Result<RoomKey, Response> {
        let room = self.store.find(call.param(0), cx.now().millis());
        Ok(room.ok_or(Refusal::NoRoom)?)
    }
}

/// Whoever the body names.
fn newcomer(call: &Call<'_>, cx: &mut Context<'_>) -> Result<Newcomer, Response> {
    let Object(named): Object<Named> = call.json()?;
    let name = DisplayName::parse(&named.display_name).ok_or_else(|| {
        bad(format!(
            "display_name: must be 1 to {CHARACTERS_MAX} characters, all of which can be seen, and not only blanks and accents"
        ))
    })?;
    Ok(Newcomer {
        id: cx.fresh_id(),
        name,
    })
}

fn no_place(why: NoPlace) -> Response {
    match why {
        NoPlace::Name => conflict("display_name: somebody in this room has that name"),
        NoPlace::Room => Response::error(
            409,
            "room_full",
            "the room has as many players as it may have",
        ),
        NoPlace::Rooms => Response::error(
            507,
            "insufficient_storage",
            "the server keeps as many rooms as it may",
        ),
        NoPlace::Players => Response::error(
            507,
            "insufficient_storage",
            "the server keeps as many players as it may",
        ),
    }
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
