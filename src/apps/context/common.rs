//! Everything that all connections have in common and that is no socket: the columns, the counters, the time of the turn.

use rand_chacha::ChaCha12Rng;

use super::Context;
use super::copying::Copying;
use super::storage::Trouble;
use super::undecided::Undecided;
use super::unwritten::Unwritten;
use crate::apps::guests::Guests;
use crate::bounds::Bounds;
use crate::core::hub::Hub;
use crate::core::outbox::Outbox;
use crate::engine::Engine;
use crate::id::{AppId, ConnId, LogId};
use crate::metrics::Metrics;
use crate::time::{Millis, Now};
use crate::vitals;
use crate::warnings::Warnings;
use crate::wire::frame::Encoder;
use crate::work::Work;

/// Why the server would rather not have more work, if it would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// It is going away.
    pub draining: bool,
    /// It takes no publishes and no WebSockets any more.
    pub refusing: bool,
    /// It holds as many WebSockets as it may.
    pub full: bool,
    /// Its loop is late.
    pub lagging: bool,
    /// Its memory budget is nearly spent.
    pub memory: bool,
    /// What was kept has not been taken up yet.
    pub starting: bool,
    /// What was to be kept could not be, the last time.
    pub storage: bool,
    /// Changes are being told that they are not so: what rests on them is not taken meanwhile.
    pub failing: bool,
    /// What is to be kept has been waited for so long that nothing more is taken.
    pub wedged: bool,
    /// What is kept has been let go of, for another process: nothing changes any more.
    pub stopped: bool,
}

/// A connection that an app has closed: the close frame is queued, the rest is still to be done.
#[derive(Clone, Copy, Debug)]
pub struct Closing {
    /// Which.
    pub conn: ConnId,
    /// With which code.
    pub code: u16,
}

/// Everything that all connections have in common.
pub struct Common {
    /// What time it was when the turn began.
    pub now: Now,
    /// Every limit.
    pub bounds: Bounds,
    /// Rooms and members.
    pub hub: Hub,
    /// Write queues.
    pub outbox: Outbox,
    /// The logs of the apps that have one numbering.
    pub logs: [Option<LogId>; AppId::ALL.len()],
    /// What keeps what was answered.
    pub engine: Box<dyn Engine>,
    /// Whether it keeps anything.
    pub keeps: bool,
    /// What apps have decided and it has not made so yet.
    pub undecided: Undecided,
    /// The copy of what it keeps that a client waits for.
    pub copying: Option<Copying>,
    /// Copies that have been asked for.
    pub copies: u64,
    /// Counters.
    pub metrics: Metrics,
    /// Whether the request that is answered shows a key.
    pub is_vouched_for: bool,
    /// Whether the client that is served has waited until what had been published before was written. It does not wait
    /// for what has been published since, or it might for ever.
    pub has_waited: bool,
    /// What strangers have done lately.
    pub guests: Guests,
    /// The frame encoder.
    pub encoder: Encoder,
    /// All chance, drawn from the transport's seed.
    pub chance: ChaCha12Rng,
    /// Connections closed by apps and not yet carried out.
    pub closing: Vec<Closing>,
    /// How the server is.
    pub health: Health,
    /// What went wrong last with what is kept.
    pub trouble: Option<Trouble>,
    /// What was published and is not written yet, by app.
    pub unwritten: [Unwritten; AppId::ALL.len()],
    /// Whether there is any of it.
    pub has_published: bool,
    /// What is done in a turn.
    pub work: Work,
    /// When apps want to be told that it is this time, one entry an app at most.
    pub ticks: Vec<(Millis, AppId)>,
    /// What is said in the log, at most once a second for each kind.
    pub warnings: Warnings,
}

impl Common {
    /// Whether an app's publishers have to wait until what it has published is written.
    pub fn is_telling(&self, app: AppId) -> bool {
        !self.has_waited && self.outbox.is_telling(app) || self.has_enough(app)
    }

    /// The number of the oldest run of an app that is being told, [`u64::MAX`] if there is none; none is older than what
    /// waits in queues.
    pub fn oldest_told(&self, app: AppId) -> u64 {
        match self.has_enough(app) {
            true => 0,
            false => self.outbox.oldest_told(app),
        }
    }

    pub(super) fn has_enough(&self, app: AppId) -> bool {
        self.unwritten[app as usize].is_enough(&self.bounds.app(app).queue)
    }

    /// When an app wants to be told of the time.
    pub fn next_tick(&self) -> Option<Millis> {
        self.ticks.iter().map(|(at, _)| *at).min()
    }

    /// An app whose time has come; it is forgotten.
    pub fn take_tick(&mut self, now: Millis) -> Option<AppId> {
        let due = self.ticks.iter().position(|(at, _)| *at <= now)?;
        Some(self.ticks.swap_remove(due).1)
    }

    /// What `app` may do while it is asked about `conn`.
    pub fn context(&mut self, app: AppId, conn: ConnId) -> Context<'_> {
        vitals::asks(app, conn);
        Context {
            app,
            conn,
            common: self,
        }
    }
}
