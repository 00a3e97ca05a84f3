//! What other hubs have made so in rooms: whoever is in one here hears it as if it had been decided here.

use super::Rooms;
use super::records;
use crate::apps::context::Context;
use crate::apps::keep::{self, unreadable};
use crate::engine::{Restored, Row, Table};
use crate::id::Topic;
use crate::wire::frame::close;

impl Rooms {
    /// Another hub has made this so, and given it this number if it is a post. What is of a room that has ended meanwhile is
    /// passed over.
    pub(super) fn hear(
        &mut self,
        row: Row,
        number: u64,
        cx: &mut Context<'_>,
    ) -> Result<(), String> {
        match row {
            Row::Put { table, key, record } => {
                let heard = match (table, self.room_of_key(&key)) {
                    (Table::Rooms, None) => self.take_up_room(&key, &record, cx).map(|_| ()),
                    (Table::Players, Some(room)) => self.hear_of_player(room, &key, &record, cx),
                    (Table::Messages, Some(room)) => self.take_up_message(room, &key, record, cx),
                    // That somebody has entered a room is known of its player.
                    _ => Ok(()),
                };
                heard.map_err(|error| unreadable(table.name(), &key, error))
            }
            Row::Delete { table, key } => {
                self.hear_of_end(table, &key, cx);
                Ok(())
            }
            Row::Open { log, epoch, number } => {
                let Some(room) = self.room_of_log(&log) else {
                    return Ok(());
                };
                let opened = Restored::Log {
                    log,
                    epoch,
                    number,
                    first: number + 1,
                };
                let log = self.store.room(room).log;
                keep::restore_in(log, opened, |_| Topic::default(), |_, frame| frame, cx)
            }
            Row::Post {
                log, topic, text, ..
            } => {
                let Some(room) = self.room_of_log(&log) else {
                    return Ok(());
                };
                let about = self.topic_of(room, &topic, number);
                let room = self.store.room(room);
                let frame = keep::next(room.log, &log, (number, &text), 0, cx)?;
                cx.publish_in((room.log, about), &room.hub_name, None, frame);
                Ok(())
            }
            // What was in a room is gone with it, and old messages by the bounds of the history.
            Row::DeleteRange { .. } | Row::Close { .. } => Ok(()),
        }
    }

    /// A room has ended, or a player is out of one.
    fn hear_of_end(&mut self, table: Table, key: &str, cx: &mut Context<'_>) {
        let Some(room) = self.room_of_key(key) else {
            return;
        };
        match table {
            Table::Rooms => {
                for conn in self.end_room(room, cx) {
                    cx.close(conn, close::NO_ROOM, records::ENDED);
                }
            }
            Table::Players => {
                if let Some(player) = self.player_of_key(room, key) {
                    if let Some(conn) = self.store.player(player).conn {
                        cx.close(conn, close::PUT_OUT, records::PUT_OUT);
                    }
                    self.store.put_out(player);
                }
            }
            _ => {}
        }
    }
}
