//! A copy of what is kept, on its way to the client that asked for it: an answer whose body comes in pieces.
//!
//! While it is made, and until its last piece is queued, the client is not read: what it asks for next waits. A piece is asked
//! for when less than one waits to be written, so that however large the copy is and however slow the client, there are two in
//! memory at most. Whatever ends the connection ends the copy.

use super::Reactor;
use super::connection::{HELD, WAITS};
use crate::apps::Progress;
use crate::apps::context::{Copying, Handing};
use crate::apps::ops::backup;
use crate::engine::PIECE_BYTES;
use crate::id::{AppId, ConnId};
use crate::transport::Transport;
use crate::wire::frame::{Frame, close};

impl<T: Transport> Reactor<T> {
    /// A copy has been made, or not: its client is answered. One that nobody waits for any more has been dropped.
    pub(super) fn copied(&mut self, number: u64, copied: Result<u64, String>) {
        let Some(id) = self.copying(number).map(|copying| copying.conn) else {
            return;
        };
        let response = match copied {
            Ok(bytes) => backup::whole(Some(bytes)),
            Err(why) => {
                log::error!("no copy of what is kept could be made: {why}");
                self.common.copying = None;
                backup::failed(&why, &mut self.common.context(AppId::Ops, id))
            }
        };
        if self.is_here(id) {
            self.get_on(id, Progress::Settled(response));
            self.wake(id);
        }
    }

    /// The head of the answer is queued, and so many bytes are to follow.
    pub(super) fn begin_handing(&mut self, id: ConnId, bytes: u64, keeps_alive: bool) {
        let copying = self.common.copying.as_mut();
        let copying = copying.filter(|copying| copying.conn == id);
        let copying = copying.expect("an answer in pieces is that of the copy that was made");
        copying.handing = Some(Handing {
            left: bytes,
            is_asked: false,
            keeps_alive,
        });
    }

    /// Whether this client is being handed a copy.
    pub(super) fn is_handed_copy(&self, id: ConnId) -> bool {
        let copying = self.common.copying.as_ref();
        copying.is_some_and(|copying| copying.conn == id && copying.handing.is_some())
    }

    /// Asks for what comes next of a copy, once its client has taken enough; or drops it, if the client is gone.
    pub(super) fn hand_on(&mut self) {
        let Some(Copying { number, conn, .. }) = self.common.copying else {
            return;
        };
        if !self.is_here(conn) {
            self.common.engine.drop_copy(number);
            self.common.copying = None;
            return;
        }
        let backlog_bytes = self.common.outbox.backlog_bytes(conn.key) as usize;
        let copying = self.copying(number);
        if let Some(handing) = copying.and_then(|copying| copying.handing.as_mut())
            && backlog_bytes < PIECE_BYTES
            && !handing.is_asked
        {
            handing.is_asked = true;
            self.common.engine.read_copy(number);
        }
    }

    /// What comes next of a copy is queued. If there is nothing, the answer is cut, so that its client knows.
    pub(super) fn hand_over(&mut self, number: u64, piece: Vec<u8>) {
        let Some(copying) = self.copying(number) else {
            return;
        };
        let id = copying.conn;
        let Some(handing) = &mut copying.handing else {
            return;
        };
        handing.is_asked = false;
        let bytes = piece.len() as u64;
        if bytes == 0 || bytes > handing.left {
            log::error!("a copy of what is kept is cut, because it cannot be read");
            return self.kill(id.key, close::ABNORMAL);
        }
        handing.left -= bytes;
        let (is_last, keeps_alive) = (handing.left == 0, handing.keeps_alive);
        self.queue(id.key, Frame::answer(piece));
        if is_last {
            self.common.engine.drop_copy(number);
            self.common.copying = None;
            self.is_handed_all(id, keeps_alive);
        }
    }

    /// All of an answer in pieces is queued: the client may go on, as soon as it has taken enough of it.
    fn is_handed_all(&mut self, id: ConnId, keeps_alive: bool) {
        let conn = &mut self.conns[id.key as usize];
        conn.flags &= !WAITS;
        if keeps_alive {
            conn.flags |= HELD;
            conn.since = self.common.now.micros;
            self.resume(id.key);
        } else {
            self.say_last_words(id);
            self.wake(id);
        }
    }

    /// The copy of this number, if it is still wanted.
    fn copying(&mut self, number: u64) -> Option<&mut Copying> {
        let copying = self.common.copying.as_mut();
        copying.filter(|copying| copying.number == number)
    }
}
