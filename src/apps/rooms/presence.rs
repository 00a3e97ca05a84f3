//! Who is there: players come with a connection and go with it, and the others are told.

use super::change::{Change, Entered, Left};
use super::store::PlayerKey;
use super::told::{PlayerNotice, Told};
use super::{GONE_MAX, Rooms};
use crate::apps::change::decide;
use crate::apps::context::{Context, Origin, Resumed};
use crate::apps::{Got, Wanted};
use crate::id::ConnId;
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
        if cx.is_current(conn) {
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
            cx.close(older, close::REPLACED, "a newer connection has come");
        }
        if is_told {
            self.notify("player_connected", player, cx);
        }
        // Joined last, so that nothing comes before the state and nobody is told of itself.
        if cx.is_current(conn) {
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

    /// Nothing is decided about a player's coming and going any more: it is there as it was.
    pub(super) fn is_as_it_was(&mut self, key: PlayerKey, cx: &Context<'_>) {
        let player = self.store.player_mut(key);
        player.present = player.conn;
        let is_gone = |conn: &ConnId| *conn != ConnId::NOBODY && !cx.is_current(*conn);
        if let Some(conn) = player.present.filter(is_gone) {
            let topic = player.topic;
            self.gone.push((key, topic, conn));
        }
    }

    /// Says of players whose connections are gone that they are, where that could not be said at once.
    pub(super) fn say_gone(&mut self, cx: &mut Context<'_>) {
        if cx.health().stopped {
            return;
        }
        let is_due = self.absent_until.is_some_and(|at| at <= cx.now().millis());
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

    /// Decides that a player is not there any more.
    pub(super) fn go(
        &mut self,
        player: PlayerKey,
        conn: ConnId,
        has_left: bool,
        cx: &mut Context<'_>,
    ) {
        let found = self.store.player_mut(player);
        if found.is_leaving {
            // If it is put out, nobody is to hear of this; and if not, later.
            return self.gone.push((player, found.topic, conn));
        }
        found.present = None;
        let left = Left {
            player,
            conn,
            has_left,
            at: cx.now().dated(),
        };
        // What cannot be said now is said later.
        let _ = decide(
            self,
            Origin::Said(ConnId::NOBODY),
            None,
            Change::Left(left),
            cx,
        );
    }
}
