//! What an app does with its numberings: it opens them, says where they are, and lets clients resume.

use rand_chacha::rand_core::Rng;
use serde::Serialize;

use super::Context;
use crate::core::outbox::{Got, Resumption, Wanted};
use crate::id::LogId;
use crate::position::{Position, Since};
use crate::wire::frame::Frame;

/// What a client is told that resumes: so many messages follow, so many are lost for good, or nobody can tell how many.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Resumed {
    sent: u32,
    missed: Option<u64>,
}

impl From<&Resumption> for Resumed {
    fn from(planned: &Resumption) -> Resumed {
        Resumed {
            sent: planned.sent,
            missed: planned.missed,
        }
    }
}

impl Context<'_> {
    /// Opens a log for a numbering within the app.
    pub fn open_log(&mut self) -> LogId {
        let epoch = self.random_epoch();
        self.open_log_in(epoch)
    }

    /// The same whose epoch is this.
    pub fn open_log_in(&mut self, epoch: u32) -> LogId {
        self.common.outbox.open_log(self.app, epoch)
    }

    /// An epoch for a numbering that begins.
    pub fn random_epoch(&mut self) -> u32 {
        self.common.chance.next_u32()
    }

    /// Closes such a log; nothing is published in it any more.
    pub fn close_log(&mut self, log: LogId) {
        self.common.outbox.close_log(log);
    }

    /// The log of the app's one numbering.
    ///
    /// # Panics
    /// If the app has none.
    pub fn log(&self) -> LogId {
        let log = self.common.logs[self.app as usize];
        log.expect("an app that asks for its numbering has one")
    }

    /// The position of what was published last in a log.
    pub fn position(&self, log: LogId) -> Position {
        self.common.outbox.position(log)
    }

    /// The position of what is published next in a log.
    pub fn next_position(&self, log: LogId) -> Position {
        self.position(log).plus(1)
    }

    /// What the client gets of a log that asks for what was published since then, or asks for nothing. It is replayed
    /// before anything is published.
    pub fn resume(
        &mut self,
        log: LogId,
        since: Option<Since>,
        wanted: &Wanted<'_>,
        got: &Got<'_>,
    ) -> Resumption {
        let outbox = &mut self.common.outbox;
        outbox.resume(self.conn.key, log, since, wanted, got)
    }

    /// Queues what was planned for the client, behind what waits for it; all that is new has to come after it.
    pub fn replay(&mut self, planned: Resumption) {
        if !self.common.outbox.is_current(self.conn) {
            return;
        }
        let metrics = &mut self.common.metrics;
        metrics.messages_offered[self.app as usize] += u64::from(planned.sent);
        let bounds = self.common.bounds.app(self.app).queue;
        let (app, now) = (self.app, self.common.now.micros);
        self.common
            .outbox
            .replay(self.conn.key, app, planned, &bounds, now);
    }

    /// Queues for the connection its own words for what was published last in a log.
    pub fn send_own(&mut self, log: LogId, frame: Frame) {
        let (conn, now) = (self.conn, self.common.now.micros);
        let message = self.common.outbox.store(frame, self.app, now);
        self.offer(conn.key, &message, Some(log));
        self.common.outbox.release(message);
    }
}
