//! What the engine tells: what was kept is taken up, what was decided is applied or given up, and who has waited for that is
//! served again.

use std::io;

use super::connection::{DEAD, HELD, SERVING, WAITS};
use super::{Part, Reactor};
use crate::apps::Progress;
use crate::apps::context::Origin;
use crate::apps::refusal::unkept;
use crate::engine::{Engine, Heard, Outcome, Restored, Row};
use crate::id::{AppId, ConnId};
use crate::time::Millis;
use crate::transport::Transport;
use crate::warnings::Warning;
use crate::work;

/// How long a change may wait before nothing more is taken and the operator is told (6 s: a disk that answers at all has
/// answered).
const WEDGED: Millis = Millis::seconds(6);
/// How often it is looked at how the engine is, at most.
const LOOK_INTERVAL: Millis = Millis(100);

impl<T: Transport> Reactor<T> {
    /// The same with what was answered kept by this engine: first it gives back what it has, and nobody is served before.
    pub fn keeping(mut self, engine: Box<dyn Engine>) -> Reactor<T> {
        self.common.keeps = engine.keeps();
        self.common.health.starting = self.common.keeps;
        self.common.engine = engine;
        self
    }

    /// Takes what the engine has to tell, as far as there is work left for it. What apps have published is written before
    /// more is, as it is where clients publish.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        self.unsettled = false;
        self.common.work.enter(Part::Settle);
        self.common.has_waited = false;
        if self.common.undecided.has_left() {
            let mut waited = std::mem::take(&mut self.waited);
            self.common.undecided.wake_more(&mut waited);
            self.wake_all(waited);
        }
        loop {
            // Asked before the engine is: what it has told counts as known, and what is submitted from then on does not fail with
            // that.
            let oldest = self.common.undecided.oldest();
            let is_telling = oldest.is_some_and(|app| self.common.is_telling(app));
            if is_telling || !self.common.work.goes_on() {
                self.unsettled = true;
                break;
            }
            let heard = self.unheard.take().map(Outcome::Heard);
            let outcome = match heard.or_else(|| self.common.engine.next()) {
                Some(Outcome::Heard(heard)) if self.common.is_telling(heard.app) => {
                    (self.unheard, self.unsettled) = (Some(heard), true);
                    break;
                }
                outcome => outcome,
            };
            self.common.health.failing = matches!(outcome, Some(Outcome::Failed(_)));
            let Some(outcome) = outcome else {
                break;
            };
            self.take(outcome)?;
            self.carry_out_closings();
            self.charge_queued();
        }
        self.unsettled |= self.common.undecided.has_left();
        self.common.work.enter(Part::Rest);
        Ok(())
    }

    /// How the engine is, looked at now and then: it tells when that changes.
    pub(super) fn look_at_engine(&mut self) {
        let now = self.common.now.millis();
        let since = self.common.undecided.since();
        let wedged = since.is_some_and(|since| now >= since.max(self.settled) + WEDGED);
        if wedged != self.common.health.wedged {
            self.common.health.wedged = wedged;
            self.common.look_at_engine();
        }
        if now < self.looked_at_engine + LOOK_INTERVAL {
            return;
        }
        self.looked_at_engine = now;
        self.common.look_at_engine();
    }

    fn take(&mut self, outcome: Outcome) -> io::Result<()> {
        match outcome {
            Outcome::Restored(restored) => return self.restore(restored),
            Outcome::Started => self.start(),
            Outcome::Committed(serial) => self.settle_one(serial, true),
            Outcome::Failed(serial) => {
                // Its trouble may be over before the next look.
                if !self.common.health.storage {
                    self.common.look_at_engine();
                }
                self.settle_one(serial, false);
            }
            Outcome::Heard(heard) => return self.hear(heard),
            Outcome::Copied(number, copied) => self.copied(number, copied),
            Outcome::Piece(number, piece) => self.hand_over(number, piece),
            Outcome::Stopped => self.let_go = true,
            Outcome::Broken(sentence) => return Err(io::Error::other(sentence)),
        }
        Ok(())
    }

    /// Gives an app what another hub has made so.
    fn hear(&mut self, heard: Heard) -> io::Result<()> {
        let (app, apps) = (heard.app, &mut self.apps);
        let bytes: usize = heard.rows.iter().map(Row::bytes).sum();
        let cost = work::MESSAGE + bytes as u64 * work::PARSED;
        self.common.work.charge(cost);
        if !apps.has(app) {
            return Ok(());
        }
        let mut cx = self.common.context(app, ConnId::NOBODY);
        apps.app(app)
            .heard(heard, &mut cx)
            .map_err(io::Error::other)
    }

    /// Gives an app what it has kept.
    fn restore(&mut self, restored: Restored) -> io::Result<()> {
        self.common.work.charge(work::RECORD);
        let apps = &mut self.apps;
        let Some(app) = restored.app().filter(|app| apps.has(*app)) else {
            return Ok(());
        };
        let mut cx = self.common.context(app, ConnId::NOBODY);
        apps.app(app)
            .restore(restored, &mut cx)
            .map_err(io::Error::other)
    }

    /// All has been taken up: now who has knocked is served.
    fn start(&mut self) {
        if self.common.health.stopped {
            return;
        }
        self.common.health.starting = false;
        for app in AppId::ALL {
            if self.apps.has(app) {
                let mut cx = self.common.context(app, ConnId::NOBODY);
                self.apps.app(app).started(&mut cx);
            }
        }
        self.wake_knocking();
        log::info!("what was kept has been taken up: serving");
    }

    /// Serves those who have waited for the start.
    pub(super) fn wake_knocking(&mut self) {
        for id in std::mem::take(&mut self.knocking) {
            self.wake(id);
        }
    }

    /// Applies a change that is so, or gives it up, and lets those go on who have waited for that.
    fn settle_one(&mut self, serial: u64, is_so: bool) {
        let mut waited = std::mem::take(&mut self.waited);
        let pending = self.common.undecided.settle(serial, &mut waited);
        self.common.work.charge(work::MESSAGE);
        self.settled = self.common.now.millis();
        self.common.health.wedged = false;
        let conn = pending.origin.conn();
        let mut cx = self.common.context(pending.app, conn);
        let app = self.apps.app(pending.app);
        let response = match is_so {
            true => app.committed(pending.change, &mut cx),
            false => {
                app.failed(pending.change, &mut cx);
                Some(unkept(&mut cx))
            }
        };
        if !is_so {
            self.warn(
                Warning::Storage,
                format_args!("what clients asked for could not be stored: they are told so"),
            );
        }
        if let (Origin::Request(id), Some(response)) = (pending.origin, response)
            && self.is_here(id)
        {
            self.get_on(id, Progress::Settled(response));
        }
        self.wake_all(waited);
    }

    /// Serves those again who have waited, and keeps the list for the next ones.
    fn wake_all(&mut self, mut waited: Vec<ConnId>) {
        for id in waited.drain(..) {
            self.wake(id);
        }
        self.waited = waited;
    }

    /// Serves a client again that has waited for the engine, if it is still there.
    pub(super) fn wake(&mut self, id: ConnId) {
        if !self.is_here(id) {
            return;
        }
        let conn = &mut self.conns[id.key as usize];
        conn.flags &= !WAITS;
        if !conn.is(SERVING | HELD | DEAD) {
            conn.flags |= SERVING;
            self.serving.push_back(id);
        }
    }
}
