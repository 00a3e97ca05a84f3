//! `rooms`: a game room with chat.
//!
//! A room has a code, players and what they said: `store` keeps that, also while nobody is connected and the hub has
//! forgotten the room. A token says who a player is (`tokens`); who has none that fits is let in and closed at once
//! (`refusal`). A player who enters is told first how the room stands, and then everything that happens from there on.
//! What clients say is checked in `said`; to the others it is never more than a JSON value.
//!
//! Who comes back gets from the history of the room's log what it missed of everything; only chat is kept for longer, because only chat has identifiers. Every message
//! counts for the rate, a bad one too. A `to` with nobody in it is for the sender alone. Who closes with 1000 has left,
//! and comes back with its token, unless another player has taken its name meanwhile.

mod calls;
pub mod code;
mod door;
pub mod history;
pub mod name;
pub mod refusal;
pub mod said;
pub mod store;
pub mod tokens;
mod told;

use serde_json::value::{RawValue, to_raw_value};

use self::refusal::Refusal;
use self::said::{Said, Saying, Text, Wrong};
use self::store::{Player, PlayerKey, RoomKey, Store};
use self::tokens::Tokens;
use self::told::{ChatMessage, ErrorText, Outcome, PlayerNotice, PlayerState, RoomState, Told};
use super::context::{Context, Resumed};
use super::routes::{Needs, Route};
use super::{App, Call, Gap, Got, Handler, Message, Reply, Seat, Wanted, handle};
use crate::id::{AppId, ConnId, Topic};
use crate::pace::Rate;
use crate::position::{Position, Since};
use crate::time::{Millis, Unix};
use crate::wire::frame::{Encoder, Frame, close};
use crate::wire::response::Response;
use crate::work;

/// How fast a player may speak: ten messages a second, and twenty at once after a silence.
const SPEECH: Rate = Rate::a_second(10).with_burst(20);
/// Messages in the state that a player who enters is told.
const STATE_MESSAGES: usize = 50;

/// Rooms that are forgotten at a time at most: few enough not to be felt (about a millisecond for eight that are as full
/// as may be).
const FORGOTTEN_MAX: usize = 8;
/// Connections that are closed at a time at most because their tokens have ended.
const EXPIRED_MAX: usize = 64;
/// How often at least it is looked whether something has become too old, while anything can: a wall clock that is set, and
/// what the process did not run for, move no tick.
const LOOK_INTERVAL: Millis = Millis::seconds(60);

const CREATE: &str = "/api/rooms";
const ROOM: &str = "/api/rooms/{code}";
const PLAYER: &str = "/api/rooms/{code}/players/{player_id}";
const TOKEN: &str = "/api/rooms/{code}/token";
const JOIN: &str = "/api/rooms/{code}/join";
const MESSAGES: &str = "/api/rooms/{code}/messages";
const EVENTS: &str = "/api/rooms/{code}/events";

/// What a page of a room's messages is asked for by.
const PAGED_BY: [&str; 2] = ["limit", "before"];

static CALLS: [(Route, Handler<Rooms>); 7] = [
    (Route::open("POST", CREATE), Rooms::create),
    (Route::open("DELETE", ROOM), Rooms::end),
    (Route::open("POST", JOIN), Rooms::join),
    (Route::open("DELETE", PLAYER), Rooms::remove),
    (Route::open("POST", TOKEN), Rooms::renew),
    (
        Route::open("GET", MESSAGES).taking(&PAGED_BY),
        Rooms::messages,
    ),
    (Route::keyed("POST", EVENTS), Rooms::event),
];
static UPGRADES: [Route; 2] = [
    Route::upgrade("/ws/rooms/{code}", Needs::Nothing),
    Route::upgrade("/ws/rooms/{code}/connect", Needs::Nothing),
];

/// The app.
pub struct Rooms {
    store: Store,
    tokens: Tokens,
    /// The tick that was asked for.
    tick: Option<Millis>,
}

impl Rooms {
    /// No rooms yet; tokens are signed with this secret.
    pub fn new(secret: &[u8]) -> Rooms {
        Rooms {
            store: Store::default(),
            tokens: Tokens::new(secret),
            tick: None,
        }
    }

    /// Forgets some rooms that are too old, and closes some connections whose tokens have ended.
    fn forget(&mut self, cx: &mut Context<'_>) {
        for _ in 0..FORGOTTEN_MAX {
            match self.store.next_due(cx.bounds()) {
                Some((due, room)) if due <= cx.now().aged => drop(self.end_room(room, cx)),
                _ => break,
            }
        }
        for _ in 0..EXPIRED_MAX {
            let (ends, player) = match self.store.next_expiry() {
                Some(next) if next.0 <= cx.now().unix => next,
                _ => break,
            };
            cx.spend(work::CLOSE);
            if let Some(conn) = self.store.expire(ends, player) {
                cx.close(conn, close::UNAUTHORIZED, Refusal::Expired.sentence());
            }
        }
    }

    /// Ends a room, and gives the connections of its players.
    fn end_room(&mut self, room: RoomKey, cx: &mut Context<'_>) -> Vec<ConnId> {
        let players = self.store.players_of(room).len() as u64;
        cx.spend(work::MEMBERSHIP + players * work::RECORD);
        cx.close_log(self.store.room(room).log);
        self.store.end(room)
    }

    /// Counts what is kept, and asks for the tick in which there is something to forget, unless it has asked for an
    /// earlier one.
    fn settle(&mut self, cx: &mut Context<'_>) {
        cx.metrics().records[AppId::Rooms as usize] = self.store.count() as u64;
        let now = cx.now();
        let due = self.store.next_due(cx.bounds());
        let due = due.map(|(due, _)| due.since(now.aged));
        let ends = self.store.next_expiry();
        let ends = ends.map(|(ends, _)| Millis(ends.0.saturating_sub(now.unix.0)));
        let wait = due.into_iter().chain(ends).min();
        let tick = wait.map(|wait| now.millis() + wait.clamp(Millis(1), LOOK_INTERVAL));
        if let Some(tick) = tick.filter(|tick| self.tick.is_none_or(|asked| *tick < asked)) {
            self.tick = Some(tick);
            cx.tick_at(tick);
        }
    }

    /// How a room stands, for a player who enters; one who resumes gets what was said behind it.
    fn state(
        &self,
        room: RoomKey,
        resumed: Option<Resumed>,
        position: Position,
        cx: &mut Context<'_>,
    ) -> Frame {
        let players = self.store.players_of(room).map(|player| PlayerState {
            player_id: &player.id,
            display_name: player.name.as_str(),
            connected: player.conn.is_some(),
        });
        let room = self.store.room(room);
        let state = RoomState {
            code: room.code.to_string(),
            players: players.collect(),
            messages: match resumed {
                None => room.history.latest(STATE_MESSAGES).collect(),
                Some(_) => Vec::new(),
            },
            resumed,
            position,
        };
        cx.json(&Told::state("room", state))
    }

    /// Tells everybody in the hub's room that a player has come or gone.
    fn notify(&mut self, event: &str, key: PlayerKey, cx: &mut Context<'_>) {
        let player = self.store.player(key);
        let notice = PlayerNotice {
            player_id: &player.id,
            display_name: player.name.as_str(),
        };
        let room = self.store.room(player.room);
        let position = cx.next_position(room.log);
        let frame = cx.json(&Told::event(event, notice).at(position));
        cx.publish_in((room.log, player.topic), &room.hub_name, None, frame);
        self.store.note(key, position.number);
    }

    /// Does what a client asks for.
    fn relay<'a>(
        &mut self,
        sender: PlayerKey,
        said: Said<'a>,
        cx: &mut Context<'_>,
    ) -> Result<(), Wrong<'a>> {
        let room = self.store.player(sender).room;
        let bad = |sentence: String| Wrong::bad(said.correlation_id, sentence);
        let to = said.to.map(|to| self.conns_of(room, &to.0)).transpose();
        let to = to.map_err(bad)?;
        match said.kind {
            Saying::Game(event, payload) => {
                let player = self.store.player(sender);
                let told = Told::event(event, payload).by(Some(&player.id));
                self.tell(room, to, told, said.correlation_id, cx);
            }
            Saying::Chat(message) => {
                let is_public = to.is_none();
                let message = self.chat_message(sender, &message, cx);
                let told = Told::event("chat", &*message);
                self.tell(room, to, told, said.correlation_id, cx);
                if is_public {
                    self.store.remember(room, message, cx.bounds());
                }
            }
            Saying::Token(token) => {
                let wrong = |refusal: Refusal| bad(format!("token: {}", refusal.sentence()));
                let claims = self.verify(&token, cx).map_err(wrong)?;
                let shown = self.owner(room, &claims).map_err(wrong)?;
                if shown != sender {
                    return Err(wrong(Refusal::OtherPlayer));
                }
                self.store.show(sender, claims.ends());
                self.settle(cx);
            }
            Saying::Resume(since) => {
                let log = self.store.room(room).log;
                let planned = cx.resume(log, Some(since), &Wanted::All, &Got::All);
                let outcome = Outcome {
                    resumed: Resumed::from(&planned),
                    position: planned.position,
                };
                let told = Told::state("resumed", outcome);
                let outcome = cx.json(&told.answering(said.correlation_id));
                cx.send(cx.conn(), outcome.exempt());
                cx.replay(planned);
            }
        }
        Ok(())
    }

    /// A chat message as it is told and kept, encoded once for both.
    fn chat_message(
        &self,
        sender: PlayerKey,
        message: &str,
        cx: &mut Context<'_>,
    ) -> Box<RawValue> {
        let player = self.store.player(sender);
        let room = self.store.room(player.room);
        let message_id = room.history.next_id(cx.chance());
        to_raw_value(&ChatMessage {
            message_id: &message_id,
            player_id: &player.id,
            display_name: player.name.as_str(),
            message,
            sent_at: cx.now().unix,
        })
        .expect("strings and a time are JSON")
    }

    /// Tells everybody, or those connections, what the client of this call said; its own copy alone answers it.
    fn tell(
        &self,
        room: RoomKey,
        to: Option<Vec<ConnId>>,
        told: Told<'_, &RawValue>,
        correlation_id: Option<&RawValue>,
        cx: &mut Context<'_>,
    ) {
        let sender = cx.conn();
        let room = self.store.room(room);
        let has_own = correlation_id.is_some();
        match to {
            None => {
                let told = told.at(cx.next_position(room.log));
                let frame = cx.json(&told);
                let except = has_own.then_some(sender);
                let numbered = (room.log, Topic::default());
                cx.publish_in(numbered, &room.hub_name, except, frame);
                if has_own {
                    let own = cx.json(&told.answering(correlation_id));
                    cx.send_own(room.log, own);
                }
            }
            Some(mut conns) => {
                let frame = cx.json(&told);
                conns.retain(|&conn| conn != sender);
                conns.extend(Some(sender).filter(|_| !has_own));
                cx.send_each(&conns, frame);
                if has_own {
                    let own = cx.json(&told.answering(correlation_id));
                    cx.send(sender, own);
                }
            }
        }
    }

    /// The connections of these players, each once; or a sentence about the first that is no player of the room.
    fn conns_of(&self, room: RoomKey, ids: &[Text<'_>]) -> Result<Vec<ConnId>, String> {
        let mut conns = Vec::new();
        for (index, Text(id)) in ids.iter().enumerate() {
            let player = self.store.find_player(room, id).ok_or_else(|| {
                format!("to[{index}]: no player of this room has this identifier")
            })?;
            conns.extend(self.store.player(player).conn);
        }
        conns.sort_unstable();
        conns.dedup();
        Ok(conns)
    }
}

impl App for Rooms {
    fn routes(&self) -> Vec<&'static Route> {
        let calls = CALLS.iter().map(|(route, _)| route);
        calls.chain(&UPGRADES).collect()
    }

    fn knows(&self, call: &Call<'_>, cx: &mut Context<'_>) -> bool {
        call.route.path != CREATE && self.is_known(call, cx)
    }

    fn request(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Reply {
        self.forget(cx);
        let answer = handle(self, &CALLS, call, cx);
        self.settle(cx);
        answer.unwrap_or_else(Reply::from)
    }

    fn admit(&mut self, call: &Call<'_>, cx: &mut Context<'_>) -> Result<Seat, Response> {
        self.forget(cx);
        let entry = self.entry(call, cx);
        self.settle(cx);
        Ok(entry?.map_or_else(Refusal::seat, |PlayerKey(key)| Seat(key)))
    }

    fn opened(&mut self, seat: Seat, since: Option<Since>, cx: &mut Context<'_>) {
        let conn = cx.conn();
        if let Some(refusal) = Refusal::of(seat) {
            return cx.close(conn, refusal.close_code(), refusal.sentence());
        }
        let player = PlayerKey(seat.0);
        let room = self.store.player(player).room;
        let older = self.store.enter(player, conn);
        self.settle(cx);
        let log = self.store.room(room).log;
        let Player { topic, noted, .. } = self.store.player(player);
        let wanted = Wanted::But(*topic, noted);
        let planned = cx.resume(log, since, &wanted, &Got::Nothing);
        let resumed = since.map(|_| Resumed::from(&planned));
        let state = self.state(room, resumed, planned.position, cx);
        cx.send(conn, state);
        cx.replay(planned);
        match older {
            Some(older) => cx.close(older, close::REPLACED, "a newer connection has come"),
            None => self.notify("player_connected", player, cx),
        }
        // Joined last, so that nothing comes before the state and nobody is told of itself.
        cx.join(&self.store.room(room).hub_name);
    }

    fn message(&mut self, seat: Seat, message: Message<'_>, cx: &mut Context<'_>) {
        if Refusal::of(seat).is_some() {
            return;
        }
        let player = PlayerKey(seat.0);
        let pace = self.store.pace(player);
        let is_paced = pace.admit(1, SPEECH, cx.now().micros).is_ok();
        let done = match message {
            Message::Text(text) if is_paced => {
                Said::parse(text).and_then(|said| self.relay(player, said, cx))
            }
            Message::Text(text) => Err(Wrong::too_soon(text)),
            Message::Binary(_) if is_paced => {
                Err(Wrong::bad(None, "the message: must be text, not binary"))
            }
            Message::Binary(_) => Err(Wrong::too_soon("")),
        };
        if let Err(wrong) = done {
            let message = &wrong.sentence;
            let told = Told::error(wrong.event, ErrorText { message });
            let error = cx.json(&told.answering(wrong.correlation_id));
            cx.send(cx.conn(), error);
        }
    }

    fn closed(&mut self, seat: Seat, cx: &mut Context<'_>) {
        self.closed_with(seat, close::ABNORMAL, cx);
    }

    fn closed_with(&mut self, seat: Seat, code: u16, cx: &mut Context<'_>) {
        if Refusal::of(seat).is_some() {
            return;
        }
        let player = PlayerKey(seat.0);
        let has_left = code == close::NORMAL;
        if self.store.leave(player, cx.conn(), has_left, cx.now().aged) {
            self.notify("player_disconnected", player, cx);
        }
        self.settle(cx);
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        self.tick = None;
        self.forget(cx);
        self.settle(cx);
    }

    fn waits(&self, call: &Call<'_>, cx: &Context<'_>) -> bool {
        let room = self.store.find(call.param(0), cx.bounds(), cx.now().aged);
        let is_told = |room| cx.is_telling_room(&self.store.room(room).hub_name);
        call.route.path == EVENTS && room.is_some_and(is_told)
    }

    fn holds(&self, seat: Seat, cx: &Context<'_>) -> bool {
        Refusal::of(seat).is_none() && {
            let room = self.store.player(PlayerKey(seat.0)).room;
            cx.is_telling_room(&self.store.room(room).hub_name)
        }
    }

    fn lagged(&self, gap: Gap, _: Unix, encoder: &mut Encoder) -> Frame {
        encoder.json(&Told::state("lagged", gap))
    }
}
