//! The loop: one thread, one turn after another, written once for every ground.
//!
//! A turn is `wait → settle → accept → serve → tick → flush → reap`, each bounded by what it may cost ([`crate::work`]); what is
//! left over is carried to the next turn, which then does not sleep. Bytes move to the kernel in *flush* only (and in *tick*, for a
//! connection that is about to be given up), connections die in *reap* only: so nothing that is looked at during a turn can vanish in the
//! middle of it.
//!
//! A connection's columns (outbox, wheel, hub, limiter) are opened in *accept* and closed in *reap*, nowhere else.

mod accept;
mod accept_rate;
mod admission;
mod answer;
mod bury;
mod clock;
mod connection;
mod copies;
mod deadlines;
mod drain;
mod evict;
mod guests;
mod invariants;
mod react;
mod serve;
mod settle;
mod shortage;
mod trim;
mod write;

use std::collections::VecDeque;
use std::io;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use slab::Slab;

use self::accept_rate::AcceptRate;
use self::admission::Admission;
use self::clock::Clock;
use self::connection::{Connection, DEAD, ENDED, HELD, SERVING, WAITS};
use self::drain::Drain;
use self::guests::Guests;
use self::shortage::Shortage;
use crate::apps::context::{Common, Health, Undecided};
use crate::apps::{self, Apps};
use crate::bounds::Bounds;
use crate::core::hub::Hub;
use crate::core::limiter::Limiter;
use crate::core::outbox::Outbox;
use crate::core::wheel::Wheel;
use crate::engine::{Heard, Memory};
use crate::id::{AppId, ConnId};
use crate::metrics::Metrics;
use crate::time::{Micros, Millis, Now};
use crate::transport::{Ready, Transport};
use crate::vitals;
use crate::warnings::{Warning, Warnings};
use crate::wire::buffer::Buffer;
use crate::wire::frame::Encoder;
use crate::work::{Phase as Part, Work};

/// The shared read buffer: holds the largest request head (24 KiB) twice over, and one read of it costs about what its
/// system call costs.
const READ_BUFFER_BYTES: usize = 64 << 10;
/// A client that is answered is not read any more while more than this waits for it.
const ANSWERS_BYTES: u32 = 64 << 10;
/// What bytes that are put aside cost beside themselves: the two allocations that hold them, and what those cost.
const LEFTOVER_BYTES: usize = size_of::<Box<[u8]>>() + 2 * 16;
/// Connections that the columns have capacity for from the start at most; memory that nobody touches costs nothing.
const RESERVED_MAX: usize = 1 << 20;

/// A time for which the process did not run is told from this on; below it a lag says enough.
const STOPPED_TOLD_MICROS: u64 = 1_000_000;

/// The loop and everything it owns.
pub struct Reactor<T: Transport> {
    transport: T,
    clock: Clock,
    /// What the clock had lost when the turn began.
    lost_micros: u64,
    conns: Slab<Connection<T::Socket>>,
    guests: Guests,
    wheel: Wheel,
    limiter: Limiter,
    apps: Apps,
    common: Common,
    buffer: Buffer,
    ready: Vec<Ready>,
    serving: VecDeque<ConnId>,
    /// Those of them that make much work.
    heavy: VecDeque<ConnId>,
    /// Those that wait until what was kept has been taken up.
    knocking: Vec<ConnId>,
    /// The engine has more to tell than a turn had time for.
    unsettled: bool,
    /// It is told to let go of what it keeps, until when that is waited for, and whether it has.
    is_stopping: bool,
    lets_go_until: Option<Millis>,
    let_go: bool,
    /// When it last told what became of a change.
    settled: Millis,
    /// When it was last looked at how it is.
    looked_at_engine: Millis,
    /// What another hub has made so, if it was told while its app was telling: what comes behind it waits, too.
    unheard: Option<Heard>,
    /// Scratch: who has waited for what the engine tells.
    waited: Vec<ConnId>,
    /// Those whose request waits until what an app has published is written, and how many runs had begun by then.
    waiting: Vec<(AppId, ConnId, u64)>,
    /// Of those that were on the serving list together, how many are still to be served, and since when.
    round_left: usize,
    round_began: Micros,
    /// A client may be waiting to be accepted.
    accepting: bool,
    accept_rate: AcceptRate,
    /// The accept rate has left the clients that wait in the backlog.
    accept_capped: bool,
    admission: Admission,
    shortage: Shortage,
    due: Vec<u32>,
    dead: Vec<u32>,
    written: Vec<(AppId, Micros)>,
    drain: Option<Drain>,
    generation: u32,
    websockets: u32,
    half_received_bytes: u64,
    shrunk: Millis,
    /// When it is looked for what is too old to be kept.
    next_trim: Option<Millis>,
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Another turn.
    Continue,
    /// Everybody has gone: the process may end.
    Exit,
}

impl<T: Transport> Reactor<T> {
    /// A loop on this ground, with these limits and apps.
    pub fn new(mut transport: T, bounds: Bounds, apps: Apps) -> io::Result<Reactor<T>> {
        let mut chance = ChaCha12Rng::from_seed(transport.seed()?);
        let connections = (bounds.connections_max as usize).min(RESERVED_MAX);
        let mut clock = Clock::new(transport.now(), bounds.loop_lag_limit);
        let now = clock.look(transport.now());
        let accept_rate = AcceptRate::new(bounds.accept_rate, now.micros);
        let mut outbox = Outbox::with_capacity(connections, bounds.deflate_bytes_min);
        let logs = AppId::ALL.map(|app| {
            let is_one = matches!(app, AppId::Events | AppId::Tasks | AppId::Stream);
            let app_bounds = bounds.app(app);
            outbox.bound_history(app, app_bounds.history, app_bounds.queue.bytes_max);
            is_one.then(|| outbox.open_log(app, chance.next_u32()))
        });
        let common = Common {
            now,
            bounds,
            hub: Hub::with_capacity(connections),
            outbox,
            logs,
            engine: Box::new(Memory::default()),
            keeps: false,
            undecided: Undecided::default(),
            copying: None,
            copies: 0,
            metrics: Metrics::new(),
            is_vouched_for: false,
            guests: apps::guests::Guests::default(),
            encoder: Encoder::new(),
            chance,
            closing: Vec::new(),
            health: Health::default(),
            trouble: None,
            unwritten: Default::default(),
            has_published: false,
            has_waited: false,
            work: Work::new(&bounds.turn),
            ticks: Vec::new(),
            warnings: Warnings::default(),
        };
        Ok(Reactor {
            transport,
            clock,
            lost_micros: 0,
            conns: Slab::with_capacity(connections),
            guests: Guests::default(),
            wheel: Wheel::with_capacity(connections),
            limiter: Limiter::new(&bounds, connections),
            apps,
            common,
            buffer: Buffer::new(READ_BUFFER_BYTES),
            ready: Vec::new(),
            serving: VecDeque::new(),
            heavy: VecDeque::new(),
            unheard: None,
            knocking: Vec::new(),
            unsettled: false,
            is_stopping: false,
            lets_go_until: None,
            let_go: false,
            settled: Millis(0),
            looked_at_engine: Millis(0),
            waited: Vec::new(),
            waiting: Vec::new(),
            round_left: 0,
            round_began: Micros(0),
            accepting: false,
            accept_rate,
            accept_capped: false,
            admission: Admission::default(),
            shortage: Shortage::default(),
            due: Vec::new(),
            dead: Vec::new(),
            written: Vec::new(),
            drain: None,
            generation: 0,
            websockets: 0,
            half_received_bytes: 0,
            shrunk: Millis(0),
            next_trim: None,
        })
    }

    /// Turns until everybody has gone.
    pub fn run(&mut self) -> io::Result<()> {
        while self.turn()? == Flow::Continue {}
        Ok(())
    }

    /// One turn.
    pub fn turn(&mut self) -> io::Result<Flow> {
        let until = self.clock.sleep(self.next_turn());
        self.transport.wait(until, &mut self.ready)?;
        self.begin_turn();
        if self.classify() == Flow::Exit {
            return Ok(Flow::Exit);
        }
        if self.common.keeps {
            self.settle()?;
        }
        self.try_again();
        self.accept();
        self.serve();
        self.common.work.enter(Part::Tick);
        self.tick();
        self.drain_further();
        if self.common.keeps {
            self.common.engine.send();
        }
        self.flush();
        self.common.work.enter(Part::Rest);
        self.trim_histories();
        self.evict();
        self.reap();
        self.charge_queued();
        if self.common.keeps {
            self.hand_on();
            self.charge_queued();
            self.common.engine.send();
        }
        self.end_turn();
        Ok(self.drained())
    }

    /// Charges what has been queued to the connection that made it, before another phase or connection pays.
    fn charge_queued(&mut self) -> u64 {
        let cost = self.common.outbox.take_cost();
        self.common.work.charge(cost);
        cost
    }

    /// When the next turn has something to do even if nothing becomes ready: now, if something was left over.
    fn next_turn(&self) -> Option<Millis> {
        let knocks = self.accepting && !self.shortage.defers_accepts();
        let is_crowded = knocks && self.is_crowded();
        let accepts = knocks && self.accept_rate.allows() && !is_crowded;
        let reads = !self.serving.is_empty() || !self.heavy.is_empty() || !self.waiting.is_empty();
        let left_over =
            accepts || reads || self.common.outbox.dirty() > 0 || self.trims() || self.unsettled;
        if left_over || !self.dead.is_empty() || self.wheel.is_behind() {
            return Some(Millis(0));
        }
        let drain = self.drain.as_ref().map(|drain| drain.next());
        let accept = match is_crowded {
            true => self.next_leaver().map(|at| at.max(self.accept_rate.next())),
            false => knocks.then(|| self.accept_rate.next()),
        };
        let (ticks, shortage) = (self.common.next_tick(), self.shortage.next());
        let ticks = match self.common.keeps {
            true => earlier(ticks, self.common.engine.next_at()),
            false => ticks,
        };
        let next = earlier(earlier(self.wheel.next(), drain), self.next_trim);
        earlier(earlier(next, accept), earlier(ticks, shortage))
    }

    fn begin_turn(&mut self) {
        self.common.now = self.look();
        self.lost_micros = self.clock.lost_micros();
        let now = self.common.now.micros;
        self.accept_rate.fill(now);
        self.common.metrics.guests = self.guests.len() as u64;
        self.common.work.begin_turn();
        let held_bytes = self.budgeted_bytes();
        let budget_bytes = self.common.bounds.memory_budget_bytes;
        self.admission.turn_began(now, held_bytes, budget_bytes);
        if self.common.keeps {
            self.look_at_engine();
        }
        self.report_health();
        vitals::turn(self.conns.len() as u64, self.websockets.into(), held_bytes);
    }

    /// What time it is, by the loop's own clock: the only place that asks for it.
    fn look(&mut self) -> Now {
        let lost_before = self.clock.lost_micros();
        let now = self.clock.look(self.transport.now());
        let stopped_micros = self.clock.lost_micros() - lost_before;
        if stopped_micros >= STOPPED_TOLD_MICROS {
            let seconds = stopped_micros / 1_000_000;
            log::warn!("the process did not run for {seconds} s: deadlines are moved by as much");
        }
        now
    }

    /// Tells the apps how the server is, and the operator when that changes.
    fn report_health(&mut self) {
        let lagging = self.admission.is_lagging();
        let memory = self.admission.is_short_of_memory();
        let before = self.common.health;
        self.common.health = Health {
            full: self.is_full(),
            lagging,
            memory,
            ..before
        };
        match (before.lagging, lagging) {
            (false, true) => self.warn(
                Warning::Lag,
                format_args!("the loop lags: new WebSockets are refused until it does not"),
            ),
            (true, false) => log::debug!("the loop lags no more"),
            _ => {}
        }
        match (before.memory, memory) {
            (false, true) => self.warn(Warning::Memory, format_args!(
                "the memory budget is nearly spent: new WebSockets are refused until there is room"
            )),
            (true, false) => log::debug!("there is room in the memory budget again"),
            _ => {}
        }
    }

    fn end_turn(&mut self) {
        let now = self.look().micros;
        let lost_micros = self.clock.lost_micros() - self.lost_micros;
        let turn_micros = now.since(self.common.now.micros) + lost_micros;
        self.common.metrics.loop_turn.observe(turn_micros);
        // Those who came first of those who wait, or have been served now, have waited since the round began.
        let waited_micros = now.since(self.round_began) + lost_micros;
        let limit_micros = self.common.bounds.loop_lag_limit.0 * 1000;
        self.admission
            .turn_ended(now, waited_micros.max(turn_micros), limit_micros);
    }

    /// Sorts what became ready into what is to be done; an event for an earlier holder of a key stops here.
    fn classify(&mut self) -> Flow {
        let mut ready = std::mem::take(&mut self.ready);
        for ready in ready.drain(..) {
            match ready {
                Ready::Listener => self.accepting = true,
                Ready::Shutdown if self.drain.is_some() => return Flow::Exit,
                Ready::Shutdown => self.begin_drain(),
                Ready::Socket {
                    conn,
                    readable,
                    writable,
                    ended,
                } => {
                    let Some(found) = self.conns.get_mut(conn.key as usize) else {
                        continue;
                    };
                    if found.generation != conn.generation || found.is(DEAD) {
                        continue;
                    }
                    if ended {
                        found.flags |= ENDED;
                    }
                    if writable {
                        self.common
                            .outbox
                            .unblock(conn.key, self.common.now.millis());
                    }
                    if (readable || ended) && !found.is(SERVING | HELD | WAITS) {
                        found.flags |= SERVING;
                        self.serving.push_back(conn);
                    }
                }
            }
        }
        self.ready = ready;
        Flow::Continue
    }

    /// Warns of something, at most once a second for each kind.
    fn warn(&mut self, kind: Warning, what: std::fmt::Arguments<'_>) {
        let now = self.common.now.millis();
        self.common.warnings.tell(kind, now, what);
    }

    /// The ground it stands on.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// The ground, for a test that moves it.
    pub fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.common.metrics
    }

    /// What may still be spent, for tests and simulation.
    pub fn work(&self) -> &Work {
        &self.common.work
    }

    /// What time it was when the turn began.
    pub fn now(&self) -> Now {
        self.common.now
    }

    /// Connections, of every phase.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// Bytes that queues and half-received messages hold.
    pub fn budgeted_bytes(&self) -> u64 {
        self.common.outbox.held_bytes() + self.half_received_bytes + self.common.undecided.bytes()
    }

    /// Whether it holds as many WebSockets as it may, with those that are closed and not gone.
    fn is_full(&self) -> bool {
        self.websockets >= self.common.bounds.connections_max
    }

    /// Whether a connection waits for the kernel to have memory again.
    pub fn is_short_of_kernel_memory(&self) -> bool {
        self.shortage.next().is_some()
    }

    /// Bytes that wait for one connection alone, and of what it has half sent; for tests and simulation.
    pub fn backlog_bytes(&self, conn: ConnId) -> u64 {
        let found = self.conns.get(conn.key as usize);
        let found = found.filter(|found| found.generation == conn.generation);
        found.map_or(0, |found| {
            let waiting = self.common.outbox.own_bytes(conn.key);
            u64::from(waiting) + u64::from(found.held_bytes)
        })
    }

    /// Whether connections wait until a guest may be closed for them.
    pub fn has_no_place(&self) -> bool {
        self.accepting && self.is_crowded()
    }

    /// Whether something was left over for the next turn.
    pub fn is_busy(&self) -> bool {
        self.next_turn() == Some(Millis(0))
    }
}

/// The earlier of two times, of which either may not be.
fn earlier(one: Option<Millis>, other: Option<Millis>) -> Option<Millis> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
