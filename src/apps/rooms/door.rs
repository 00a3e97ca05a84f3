//! Who may do what in a room: what a call or an upgrade shows, and what it costs a stranger to show something wrong.
//!
//! A code that is no room's, and a token that is not right for the room, are charged to a stranger's address. One that has
//! used up its codes is told nothing about any code any more: what is behind a code is looked for only after that. A token
//! that is right is never charged, and neither is a key.

use std::borrow::Cow;

use super::Rooms;
use super::refusal::Refusal;
use super::store::{PlayerKey, RoomKey};
use super::tokens::{Claims, TOKEN_BYTES_MAX};
use crate::apps::Call;
use crate::apps::access::bearer;
use crate::apps::context::Context;
use crate::apps::routes::Purpose;
use crate::metrics::Charge;
use crate::wire::response::Response;
use crate::work;

/// What a token says that is shown, or why it is not right.
type Shown = Result<Claims, Refusal>;

/// In whose name something is done in a room.
pub enum Authority {
    /// A key's.
    Key,
    /// This player's.
    Player(PlayerKey),
}

impl Rooms {
    /// The room of a call's code, and what the token says that the call shows, if that is right for the room.
    fn look(&self, call: &Call<'_>, cx: &mut Context<'_>) -> Option<(RoomKey, Shown)> {
        let shown = shown_token(call).ok_or(Refusal::NoToken);
        // Verified for any code, so that the time does not tell which are rooms'.
        let claims = shown.and_then(|token| self.verify(&token, cx));
        let room = self.store.find(call.param(0), cx.bounds(), cx.now().aged)?;
        let is_here = |claims: &Claims| *self.store.room(room).id == *claims.room_id;
        let claims = claims.and_then(|it| is_here(&it).then_some(it).ok_or(Refusal::OtherRoom));
        Some((room, claims))
    }

    /// What a token says, for what that costs.
    pub(super) fn verify(&self, token: &str, cx: &mut Context<'_>) -> Shown {
        cx.spend(token.len().min(TOKEN_BYTES_MAX) as u64 * work::VERIFIED);
        self.tokens.check(token, cx.now().unix)
    }

    /// The room that a call is about, and what the token says that it shows, if that is right for the room.
    pub(super) fn room_of(
        &self,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(RoomKey, Shown), Response> {
        let Some((room, claims)) = self.look(call, cx) else {
            if call.is_stranger {
                cx.charge(call.peer, Charge::Code)?;
            }
            return Err(Refusal::NoRoom.into());
        };
        if call.is_stranger && claims.is_err() {
            cx.check(call.peer, Charge::Code)?;
        }
        Ok((room, claims))
    }

    /// The room, and the player whose token a call shows.
    pub(super) fn player_of(
        &self,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(RoomKey, PlayerKey, Claims), Response> {
        let (room, claims) = self.room_of(call, cx)?;
        let owned = claims.and_then(|claims| Ok((room, self.owner(room, &claims)?, claims)));
        owned.or_else(|refusal| charged(refusal, call, cx).map(|refusal| Err(refusal.into()))?)
    }

    /// The room, and in whose name a call may change it. A token is judged as one, even where every key would do.
    pub(super) fn authority(
        &self,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(RoomKey, Authority), Response> {
        let shows_token = call.is_stranger && shown_token(call).is_some();
        if call.has_key && !shows_token {
            return Ok((self.room_of(call, cx)?.0, Authority::Key));
        }
        let (room, player, _) = self.player_of(call, cx)?;
        Ok((room, Authority::Player(player)))
    }

    /// Who comes in by an upgrade, or why nobody does.
    pub(super) fn entry(
        &mut self,
        call: &Call<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Result<PlayerKey, Refusal>, Response> {
        let (room, claims) = match self.room_of(call, cx) {
            Ok(found) => found,
            Err(answer) if answer.status() == 404 => return Ok(Err(Refusal::NoRoom)),
            Err(answer) => return Err(answer),
        };
        let given = call.head.header("x-player-id").map(Cow::Borrowed);
        let given = given.or_else(|| call.head.parameter("player_id"));
        let entry = claims.and_then(|claims| {
            let is_named = given.as_deref() == Some(&claims.player_id);
            let player = self.owner(room, &claims)?;
            is_named
                .then_some((player, claims.ends()))
                .ok_or(Refusal::OtherPlayer)
        });
        match entry {
            Ok((player, ends)) => {
                self.store.show(player, ends);
                Ok(Ok(player))
            }
            Err(refusal) => Ok(Err(charged(refusal, call, cx)?)),
        }
    }

    /// The player that a token of a room is for.
    pub(super) fn owner(&self, room: RoomKey, claims: &Claims) -> Result<PlayerKey, Refusal> {
        if *claims.room_id != *self.store.room(room).id {
            return Err(Refusal::OtherRoom);
        }
        let player = self.store.find_player(room, &claims.player_id);
        player.ok_or(Refusal::NoPlayer)
    }

    /// Whether a call shows a token that is right for what it wants.
    pub(super) fn is_known(&self, call: &Call<'_>, cx: &mut Context<'_>) -> bool {
        let Some((room, Ok(claims))) = self.look(call, cx) else {
            return false;
        };
        self.owner(room, &claims).is_ok()
    }
}

/// Charges a stranger for a token that is not right; nothing shown is nothing wrong.
fn charged(refusal: Refusal, call: &Call<'_>, cx: &mut Context<'_>) -> Result<Refusal, Response> {
    if call.is_stranger && refusal != Refusal::NoToken {
        cx.charge(call.peer, Charge::Token)?;
    }
    Ok(refusal)
}

/// The token that a call shows; an upgrade may show it as a subprotocol or in the query, too.
fn shown_token<'a>(call: &Call<'a>) -> Option<Cow<'a, str>> {
    let head = call.head;
    let header = head.header("authorization").and_then(bearer);
    match header {
        None if call.route.purpose == Purpose::Upgrade => head
            .shown_bearers()
            .next()
            .or_else(|| head.literal("token")),
        header => header.map(Cow::Borrowed),
    }
}
