//! What one seed plays by: the server's limits, how rough the network is, and how the run ends.

use roomcast::bounds::{Bounds, HistoryBounds, OnFull, QueueBounds, TurnBounds};
use roomcast::id::AppId;
use roomcast::time::Millis;
use roomcast::transport::Handover;
use roomcast::work;

use super::chance::Chance;

/// The key that publishers show.
pub const KEY: &str = "a key of the simulation";

/// What a run is about, beside a little of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    Mixed,
    /// Everybody is cut off at the same moment and comes back within a second, again and again.
    Storms,
    /// Members by the dozen, of whom a third stops reading now and then, and goes on later or not.
    Slow,
    /// Descriptors run out while several knock, and are there again.
    Faults,
}

impl Flavour {
    /// A quarter of all seeds have one.
    pub fn of(seed: u64) -> Flavour {
        match seed % 12 {
            3 => Flavour::Storms,
            7 => Flavour::Slow,
            11 => Flavour::Faults,
            _ => Flavour::Mixed,
        }
    }
}

pub struct Rules {
    pub flavour: Flavour,
    pub bounds: Bounds,
    /// Only one client sends or leaves in a turn, so that the order of everything is known.
    pub calm: bool,
    /// The memory budget is small enough to be met.
    pub thrifty: bool,
    /// Reads take time, and the limit on a turn is small enough to be met.
    pub lags: bool,
    /// Turns are so short that clients wait for many of them, while time passes.
    pub halting: bool,
    /// Sockets that one wait tells of.
    pub events_max: usize,
    /// The process is stopped now and then, for longer than any deadline, and somebody sets the wall clock.
    pub stops: bool,
    /// The kernel has no memory for one read, write or accept in so many, except for the witness; 0 is never.
    pub shortage: u64,
    /// One wait in so many is interrupted.
    pub interrupts: u64,
    /// Few descriptors: some who knock are turned away.
    pub descriptors: Option<u32>,
    /// What of the listener other processes have.
    pub handover: Handover,
    /// The run ends with a drain.
    pub drains: bool,
    /// Every turn writes to everybody who has something to take, once, when all has been read.
    pub flushes_all: bool,
    pub steps: usize,
    pub clients_max: usize,
}

/// Bytes of a long message that are compressed in one piece.
const SLICE_BYTES: u64 = 64 << 10;

impl Rules {
    pub fn new(chance: &mut Chance, flavour: Flavour) -> Rules {
        let mut bounds = Bounds {
            connections_max: 128,
            body_bytes_max: 3000,
            ..Bounds::default()
        };
        if chance.one_in(2) {
            hurry(&mut bounds);
        }
        let queue = QueueBounds {
            messages_max: chance.pick(&[1, 2, 3, 5, 16, 256]),
            bytes_max: chance.pick(&[300, 1200, 5000, 1 << 20]),
            on_full: chance.pick(&[OnFull::Drop, OnFull::Drop, OnFull::Latest]),
        };
        let history = HistoryBounds {
            messages_max: chance.pick(&[0, 1, 4, 20, 60, 1000, 1000]),
            bytes_max: chance.pick(&[300, 5000, 40_000, 4 << 20, 4 << 20]),
            age: Millis(chance.pick(&[100, 3000, 20_000, 300_000, 300_000])),
            total_max: chance.pick(&[1000, 20_000, 64 << 20, 64 << 20]),
        };
        let message_bytes_max = chance.pick(&[200, 5000, 100_000]);
        let apps = [
            AppId::Ops,
            AppId::Events,
            AppId::Tasks,
            AppId::Stream,
            AppId::Sessions,
        ];
        for app in apps {
            let bounds = bounds.app_mut(app);
            bounds.connections_per_minute = 0;
            bounds.queue = QueueBounds {
                on_full: match bounds.queue.on_full {
                    OnFull::Disconnect => OnFull::Disconnect,
                    OnFull::Drop | OnFull::Latest => queue.on_full,
                },
                ..queue
            };
            bounds.history = history;
            bounds.message_bytes_max = message_bytes_max;
            // A run's process may be stopped for days; what becomes old has scenarios of its own.
            bounds.pending_age = Millis(u64::MAX);
            bounds.completed_age = Millis(u64::MAX);
        }
        let thrifty = chance.one_in(6);
        if thrifty {
            bounds.memory_budget_bytes = chance.between(3000, 40_000) as u64;
        } else if chance.one_in(2) {
            bounds.turn = TurnBounds {
                settle: TurnBounds::default().settle,
                accept: chance.between(1, 4) as u64 * work::ACCEPT,
                serve: chance.between(1, 8) as u64 * (work::READ + work::MESSAGE),
                serve_heavy: chance.between(1, 8) as u64 * (work::READ + work::MESSAGE),
                share: chance.pick(&[1, 2, 10, 128]) * work::MESSAGE,
                tick: chance.between(1, 8) as u64 * work::LAPSE,
                flush: chance.between(1, 8) as u64 * work::WRITE,
            };
        }
        if chance.one_in(6) {
            bounds.accept_rate = chance.pick(&[50, 300, 2000]);
        }
        let lags = chance.one_in(6);
        if lags {
            bounds.loop_lag_limit = Millis(chance.pick(&[1, 5, 30]));
        }
        bounds.deflate = !chance.one_in(4);
        bounds.deflate_bytes_min = chance.pick(&[1, 100, 512]);
        let rules = Rules {
            flavour,
            bounds,
            calm: chance.one_in(2),
            thrifty,
            lags,
            halting: bounds.turn != TurnBounds::default(),
            events_max: chance.pick(&[1, 3, usize::MAX, usize::MAX]),
            shortage: chance.pick(&[0, 0, 0, 4, 20, 100]),
            interrupts: chance.pick(&[0, 0, 2, 20]),
            stops: chance.one_in(4),
            descriptors: chance.one_in(6).then(|| chance.between(5, 14) as u32),
            handover: Handover::Nothing,
            drains: chance.one_in(3),
            flushes_all: bounds.turn == TurnBounds::default(),
            steps: chance.between(400, 700),
            clients_max: chance.pick(&[3, 8, 20, 40]),
        };
        rules
            .with_flavour(chance)
            .with_drain()
            .with_ground()
            .with_guests()
    }

    /// Where events are fetched late, whoever is about to be given up is written to before its event has come, and whoever
    /// publishes may be read as late as that.
    fn with_ground(mut self) -> Rules {
        self.flushes_all &= self.events_max == usize::MAX && self.interrupts == 0;
        // A purse that is less than a slice of compressing writes to nobody for as many turns as that is dear.
        let slice = SLICE_BYTES * work::PACKED;
        if self.bounds.deflate && self.message_bytes_max() as u64 > SLICE_BYTES {
            self.bounds.turn.flush = self.bounds.turn.flush.max(slice);
        }
        self
    }

    /// A few guests, in one of five runs; what was drawn decides here, too. None of those hands over: whoever waits in the
    /// backlog with something to publish would be let in when the witness has been told to go.
    fn with_guests(mut self) -> Rules {
        if self.steps.is_multiple_of(5) {
            self.bounds.guests_max = 2 + self.steps as u32 / 5 % 6;
            self.handover = Handover::Nothing;
        }
        self
    }

    fn with_flavour(mut self, chance: &mut Chance) -> Rules {
        match self.flavour {
            Flavour::Mixed => {}
            Flavour::Storms => {
                (self.calm, self.descriptors) = (false, None);
                self.clients_max = chance.pick(&[8, 20, 40]);
                self.bounds.turn = brisk(self.bounds.turn);
            }
            Flavour::Slow => {
                let usual = Bounds::default();
                self.bounds.memory_budget_bytes = usual.memory_budget_bytes;
                self.bounds.loop_lag_limit = usual.loop_lag_limit;
                (self.thrifty, self.lags, self.descriptors) = (false, false, None);
                self.clients_max = 40;
            }
            Flavour::Faults => {
                self.descriptors = Some(chance.between(6, 14) as u32);
                self.clients_max = 20;
            }
        }
        self
    }

    /// A drain that waits before it closes anybody, in two of three runs, and one that hands over, in two of four. What
    /// was drawn decides, so that no run draws more than it did.
    fn with_drain(mut self) -> Rules {
        self.bounds.drain_delay = Millis((self.steps % 3 * 300) as u64);
        self.handover = match self.clients_max {
            8 => Handover::Address,
            20 => Handover::Queue,
            _ => Handover::Nothing,
        };
        self
    }

    /// Whether guests may be closed for others.
    pub fn few_guests(&self) -> bool {
        self.bounds.guests_max < u32::MAX
    }

    pub fn queue(&self) -> QueueBounds {
        self.bounds.app(AppId::Events).queue
    }

    /// What is kept of what each app publishes.
    pub fn history(&self) -> HistoryBounds {
        self.bounds.app(AppId::Events).history
    }

    /// Whether somebody may be refused for the server's sake.
    pub fn refuses(&self) -> bool {
        self.thrifty || self.lags || self.halting
    }

    pub fn message_bytes_max(&self) -> usize {
        self.bounds.app(AppId::Events).message_bytes_max as usize
    }

    /// Turns in which nothing may be seen of the hub, while it unpacks a message from each of a few clients as its purse
    /// allows.
    pub fn unpacking_turns(&self) -> u32 {
        let unpacking = 4 * self.message_bytes_max() as u64 * work::INFLATED;
        (unpacking / self.bounds.turn.serve_heavy) as u32
    }

    /// Longer than everything that may keep a connection alive without its client doing anything.
    pub fn patience(&self) -> Millis {
        let bounds = &self.bounds;
        bounds.keep_alive
            + bounds.pong_timeout
            + bounds.write_timeout
            + bounds.write_timeout
            + bounds.close_timeout
            + bounds.message_timeout
    }
}

/// Purses for a few steps at least: where a turn takes as long as in a storm, one step of each would leave clients waiting
/// for longer than any deadline.
fn brisk(turn: TurnBounds) -> TurnBounds {
    let read = work::READ + work::MESSAGE;
    TurnBounds {
        serve: turn.serve.max(8 * read),
        serve_heavy: turn.serve_heavy.max(8 * read),
        tick: turn.tick.max(8 * work::LAPSE),
        flush: turn.flush.max(8 * work::WRITE),
        ..turn
    }
}

/// A tenth of every deadline.
fn hurry(bounds: &mut Bounds) {
    for deadline in [
        &mut bounds.pong_timeout,
        &mut bounds.write_timeout,
        &mut bounds.header_timeout,
        &mut bounds.message_timeout,
        &mut bounds.keep_alive,
        &mut bounds.close_timeout,
        &mut bounds.drain,
    ] {
        deadline.0 /= 10;
    }
    for app in AppId::ALL {
        bounds.app_mut(app).ping_interval.0 /= 10;
    }
}
