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
mod change;
pub mod code;
mod door;
mod heard;
pub mod history;
pub mod name;
mod presence;
mod records;
pub mod refusal;
pub mod said;
mod speech;
pub mod store;
pub mod tokens;
mod told;

use std::any::Any;
use std::collections::HashMap;

use self::change::Pin;
use self::records::Absent;
use self::refusal::Refusal;
use self::said::{Said, Wrong};
use self::speech::tell_wrong;
use self::store::{PlayerKey, RoomKey, Store};
use self::tokens::Tokens;
use self::told::{PlayerState, RoomState, Told};
use super::change::{committed, failed};
use super::context::{Context, Resumed};
use super::routes::{Needs, Route};
use super::{App, Call, Gap, Handler, Message, Reply, Seat, handle};
use crate::engine::{Heard, Restored};
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

/// Players of whom it is said at a time at most that they are not there any more.
const GONE_MAX: usize = 64;
/// How often that is tried again where it could not be said.
const GONE_INTERVAL: Millis = Millis::seconds(1);
/// How long a player may take to come back after the process has started anew, before the others are told that it has gone.
const ABSENT: Millis = Millis::seconds(15);
/// Chat messages that are struck at once from where they are kept.
const FORGOTTEN_AT_ONCE: u64 = 64;

/// Why a connection is closed whose player has come with another.
const REPLACED: &str = "a newer connection has come";

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
    /// Keys that a settled change has named.
    unpinned: Vec<Pin>,
    /// Players whose connections are gone, where that is still to be said.
    gone: Vec<(PlayerKey, Topic, ConnId)>,
    /// Players that were there when the process before this one ended, and until when they may come back.
    absent: Vec<Absent>,
    absent_until: Option<Millis>,
    /// When that is tried again, where it could not be said.
    gone_again: Option<Millis>,
    /// Rooms by their identifiers: while what was kept is taken up, and always where other hubs name them so.
    kept: HashMap<String, RoomKey>,
}

impl Rooms {
    /// No rooms yet; tokens are signed with this secret.
    pub fn new(secret: &[u8]) -> Rooms {
        Rooms {
            store: Store::default(),
            tokens: Tokens::new(secret),
            tick: None,
            unpinned: Vec::new(),
            gone: Vec::new(),
            absent: Vec::new(),
            absent_until: None,
            gone_again: None,
            kept: HashMap::new(),
        }
    }

    /// Forgets some rooms that are too old, and closes some connections whose tokens have ended.
    fn forget(&mut self, cx: &mut Context<'_>) {
        for _ in 0..FORGOTTEN_MAX {
            match self.store.next_due(cx.bounds()) {
                Some((due, room)) if due <= cx.now().aged && !self.store.is_pinned(room) => {
                    self.forget_room(room, cx);
                }
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

    /// Forgets a room that nobody is in.
    fn forget_room(&mut self, room: RoomKey, cx: &mut Context<'_>) {
        let rows = records::ended(&self.store.room(room).id);
        self.end_room(room, cx);
        cx.write_behind(rows);
    }

    /// Ends a room, and gives the connections of its players.
    fn end_room(&mut self, room: RoomKey, cx: &mut Context<'_>) -> Vec<ConnId> {
        let players = self.store.players_of(room).len() as u64;
        cx.spend(work::MEMBERSHIP + players * work::RECORD);
        let found = self.store.room(room);
        cx.close_log(found.log);
        if cx.shares() {
            self.kept.remove(&*found.id);
        }
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
        let gone = self.next_gone(now.millis());
        let gone = gone.map(|at| at.since(now.millis()));
        let waits = due.into_iter().chain(ends).chain(gone);
        let wait = waits.min();
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
        self.come(PlayerKey(seat.0), since, cx);
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
            tell_wrong(&wrong, cx);
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
        let (conn, has_left) = (cx.conn(), code == close::NORMAL);
        let found = self.store.player(player);
        if found.is_out() {
            self.store.leave(player, conn, has_left, cx.now().aged);
        } else if found.present == Some(conn) {
            self.go(player, conn, has_left, cx);
        }
        self.settle(cx);
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        self.tick = None;
        self.forget(cx);
        self.say_gone(cx);
        self.settle(cx);
    }

    fn behind(&self, call: &Call<'_>, cx: &Context<'_>) -> Option<u64> {
        let room = self.store.find(call.param(0), cx.bounds(), cx.now().aged)?;
        Some(room.about()).filter(|about| cx.is_undecided(*about))
    }

    fn committed(&mut self, change: Box<dyn Any>, cx: &mut Context<'_>) -> Option<Response> {
        committed(self, change, cx)
    }

    fn failed(&mut self, change: Box<dyn Any>, cx: &mut Context<'_>) {
        failed(self, change, cx);
    }

    fn heard(&mut self, heard: Heard, cx: &mut Context<'_>) -> Result<(), String> {
        for (row, number) in heard.numbered() {
            self.hear(row, number, cx)?;
        }
        self.settle(cx);
        Ok(())
    }

    fn restore(&mut self, restored: Restored, cx: &mut Context<'_>) -> Result<(), String> {
        self.take_up(restored, cx)
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        if !cx.shares() {
            self.kept = HashMap::new();
        }
        self.store.is_taken_up();
        if !self.absent.is_empty() {
            self.absent_until = Some(cx.now().millis() + ABSENT);
        }
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
