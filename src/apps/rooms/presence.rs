//! Who is there: players come with a connection and go with it, and the others are told.

use super::change::{Change, Entered, Left};
use super::store::PlayerKey;
use super::told::{PlayerNotice, Told};
use super::{GONE_INTERVAL, GONE_MAX, REPLACED, Rooms};
use crate::apps::change::decide;
use crate::apps::context::{Context, Origin, Resumed};
use crate::apps::{Got, Wanted};
use crate::id::{ConnId, Topic};
use crate::position::Since;
use crate::time::Millis;
use crate::wire::frame::close;

impl Rooms {
    /// Tells everybody in the hub's room that a player has come or gone.
    pub(super) fn notify(&mut self, event: &str, key: PlayerKey, cx: &mut Context<'_>) {
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

    /// A player is there: it hears how the room stands, what it asked for, and everything that is said from here on.
    pub(super) fn enter(&mut self, entered: Entered, cx: &mut Context<'_>) {
        let Entered {
            player,
            conn,
            since,
            is_told,
            ..
        } = entered;
        let room = self.store.player(player).room;
        let older = self.store.enter(player, conn);
        if cx.is_open(conn) {
            let log = self.store.room(room).log;
            let found = self.store.player(player);
            let wanted = Wanted::But(found.topic, &found.noted);
            let planned = cx.resume(log, since, &wanted, &Got::Nothing);
            let resumed = since.map(|_| Resumed::from(&planned));
            let state = self.state(room, resumed, planned.position, cx);
            cx.send(conn, state);
            cx.replay(planned);
        }
        if let Some(older) = older.filter(|older| *older != conn) {
            cx.close(older, close::REPLACED, REPLACED);
        }
        if is_told {
            self.notify("player_connected", player, cx);
        }
        // Joined last, so that nothing comes before the state and nobody is told of itself.
        if cx.is_open(conn) {
            cx.join(&self.store.room(room).hub_name);
        }
    }

    /// A player is not there any more, and the others are told.
    pub(super) fn leave(&mut self, left: Left, cx: &mut Context<'_>) {
        let Left {
            player,
            conn,
            has_left,
            ..
        } = left;
        if self.store.leave(player, conn, has_left, cx.now().aged) {
            self.notify("player_disconnected", player, cx);
        }
    }

    /// Nothing is decided about a player's coming and going any more: it is there as it was. If that is not so either, it is
    /// said later.
    pub(super) fn is_as_it_was(&mut self, key: PlayerKey, cx: &Context<'_>) {
        let player = self.store.player_mut(key);
        player.present = player.conn;
        let topic = player.topic;
        match player.present {
            Some(ConnId::NOBODY) => self.absent.push((key, topic)),
            Some(conn) if !cx.is_open(conn) => self.gone.push((key, topic, conn)),
            _ => {}
        }
    }

    /// A player comes: its entry is decided. Where that cannot be kept the connection is closed.
    pub(super) fn come(&mut self, player: PlayerKey, since: Option<Since>, cx: &mut Context<'_>) {
        let conn = cx.conn();
        let found = self.store.player_mut(player);
        let before = found.present.replace(conn);
        let room = found.room;
        let entered = Entered {
            player,
            conn,
            since,
            is_told: before.is_none(),
            is_first: self.store.is_unentered(room),
        };
        let change = Change::Entered(entered);
        if decide(self, Origin::Entry(conn), None, change, cx).is_err() {
            // What was decided before it may still be so.
            self.store.player_mut(player).present = before;
        }
    }

    /// Says of players whose connections are gone that they are, where that could not be said at once.
    pub(super) fn say_gone(&mut self, cx: &mut Context<'_>) {
        let now = cx.now().millis();
        if cx.health().stopped || self.gone_again.is_some_and(|at| now < at) {
            return;
        }
        self.gone_again = None;
        let is_due = self.absent_until.is_some_and(|at| at <= now);
        let absent = self.absent.len().min(GONE_MAX) * usize::from(is_due);
        let absent = self.absent.drain(..absent);
        let absent = absent.map(|(player, topic)| (player, topic, ConnId::NOBODY));
        let gone = self.gone.len().min(GONE_MAX);
        let gone: Vec<_> = absent.chain(self.gone.drain(..gone)).collect();
        for (player, topic, conn) in gone {
            let found = self.store.player_on((player, topic));
            if found.is_some_and(|found| found.present == Some(conn)) {
                self.go(player, conn, false, cx);
            }
        }
    }

    /// When that is to be done next.
    pub(super) fn next_gone(&self, now: Millis) -> Option<Millis> {
        let absent = self.absent_until.filter(|_| !self.absent.is_empty());
        let gone = Some(now).filter(|_| !self.gone.is_empty());
        let next = absent.into_iter().chain(gone).min();
        next.map(|next| next.max(self.gone_again.unwrap_or(next)))
    }

    /// Decides that a player is not there any more.
    pub(super) fn go(
        &mut self,
        player: PlayerKey,
        conn: ConnId,
        has_left: bool,
        cx: &mut Context<'_>,
    ) {
        let found = self.store.player(player);
        let (topic, is_out) = (found.topic, found.is_out());
        let is_ending = found.is_leaving || self.store.room(found.room).is_ending;
        if is_out {
            // Nobody is to hear of it any more.
            self.store.leave(player, conn, has_left, cx.now().aged);
            return;
        }
        if is_ending {
            // If it is put out, nobody is to hear of this; and if not, later.
            return self.say_later((player, topic, conn), cx);
        }
        self.store.player_mut(player).present = None;
        let left = Left {
            player,
            conn,
            has_left,
            at: cx.now().dated(),
        };
        let (origin, change) = (Origin::Said(ConnId::NOBODY), Change::Left(left));
        if decide(self, origin, None, change, cx).is_err() {
            // What was decided before it may still be so.
            self.store.player_mut(player).present = Some(conn);
            self.say_later((player, topic, conn), cx);
        }
    }

    /// What could not be said now is said in a while.
    fn say_later(&mut self, gone: (PlayerKey, Topic, ConnId), cx: &Context<'_>) {
        self.gone.push(gone);
        self.gone_again = Some(cx.now().millis() + GONE_INTERVAL);
    }
}
