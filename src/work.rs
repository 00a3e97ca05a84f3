//! What things cost, and who may still spend.
//!
//! The unit is a nanosecond of one core of the machine that the published numbers come from, by the costs below: counted,
//! not measured, so that a simulated turn costs what a real one does. What a client makes the hub read, unpack, look
//! through, pack, queue or write is charged where it is done.
//!
//! A turn has a *purse* for each of its phases, filled up when it begins. A phase goes on while there is something left
//! in its purse; a step that cost more than that is paid off in the next turns. So no turn costs more than its purses
//! and one step of each phase, and over many turns no phase gets more than its purse allows. Within the phases that
//! serve clients, each connection has a *share*.
//!
//! It decides nothing: it says whether there is something left.

use crate::bounds::TurnBounds;

/// A connection is accepted, and its columns opened.
pub const ACCEPT: u64 = 15_000;
/// A connection ends: its socket and its columns are closed.
pub const CLOSE: u64 = 6_000;
/// A read, or an attempt.
pub const READ: u64 = 2_000;
/// A message or request, whatever it says.
pub const MESSAGE: u64 = 4_000;
/// A frame of a message that does not come as one, or not with one read, beside its bytes.
pub const FRAGMENT: u64 = 50;
/// A chunk of a body, beside its bytes and the line that gives its size.
pub const CHUNK: u64 = 50;
/// A byte of such a line, or of an empty one before a request.
pub const LINE: u64 = 2;
/// A byte of a head or of trailers, each time that they are looked through: anew whenever more of them has come.
pub const HEAD: u64 = 1;
/// What stands between two elements of a list, or two parameters, in a long head, or an escape: each may be looked at
/// several times.
pub const ELEMENT: u64 = 100;
/// A byte of a message that an app looks through.
pub const LOOKED_THROUGH: u64 = 1;
/// A byte of a body that is read as JSON.
pub const PARSED: u64 = 4;
/// A byte of what proxies say of their clients: each two may be an address.
pub const ADDRESSED: u64 = 20;
/// A byte that is inflated, before: a block of five bytes takes as long as a table can.
pub const INFLATED: u64 = 40;
/// A byte that has come out of inflating.
pub const UNPACKED: u64 = 2;
/// A byte that is compressed.
pub const PACKED: u64 = 8;
/// A byte of an answer or message that is made and queued.
pub const QUEUED: u64 = 1;
/// A member that a published message is marked for.
pub const MARKED: u64 = 15;
/// A copy that is queued for one connection.
pub const COPY: u64 = 100;
/// An item of a list that is published, beside its bytes.
pub const ITEM: u64 = 900;
/// A member of one room that is looked for in another.
pub const SOUGHT: u64 = 500;
/// A record that a listing looks at, or a player whose name is compared.
pub const RECORD: u64 = 100;
/// An entry of a log that is looked at for a client that resumes.
pub const LOOK: u64 = 20;
/// A byte of a token that is verified: of its head anything may be read before its signature.
pub const VERIFIED: u64 = 80;
/// A room that a connection enters or leaves because it says so.
pub const MEMBERSHIP: u64 = 1_000;
/// A room that a connection leaves because it ends.
pub const DEPARTURE: u64 = 300;
/// A deadline that has passed is looked at, and what most often follows is done.
pub const LAPSE: u64 = 4_000;
/// A write, or an attempt.
pub const WRITE: u64 = 4_000;
/// Bytes that a read or a write moves for one unit.
pub const MOVED_BYTES: u64 = 4;

/// The parts of a turn that have a purse each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Applying what the engine has made so.
    Settle,
    /// Taking connections in.
    Accept,
    /// Serving clients of whom little has to be done.
    Serve,
    /// Serving those of whom much has.
    ServeHeavy,
    /// Deadlines, and what apps do by the clock.
    Tick,
    /// Writing.
    Flush,
    /// What follows from that, and begins nothing of its own: it has no purse.
    Rest,
}

const PHASES: usize = 7;
/// What a connection may always do when it is served: read a short message, and do what it says.
const STEP: i64 = 4 * (READ + MESSAGE) as i64;
/// A connection makes little work while it uses less than its share divided by this.
const LIGHT: usize = 4;

/// The purses, and what is left of a share.
#[derive(Clone, Debug)]
pub struct Work {
    /// What each purse is filled up to.
    bounds: [i64; PHASES],
    /// What each has left, but for that of the phase. Less than nothing is what is still to be paid off.
    lefts: [i64; PHASES],
    phase: Phase,
    /// What the phase has left.
    left: i64,
    share: u64,
    /// What a connection was given of its share.
    given: i64,
    /// ... and has left.
    share_left: i64,
    /// No purse but the phase's has less than it is filled up to.
    is_full: bool,
    /// The phase was told to end: what is spent after that is a bug, which debug builds look for.
    is_over: bool,
}

impl Phase {
    /// All of them.
    pub const ALL: [Phase; PHASES] = [
        Phase::Settle,
        Phase::Accept,
        Phase::Serve,
        Phase::ServeHeavy,
        Phase::Tick,
        Phase::Flush,
        Phase::Rest,
    ];
}

impl Work {
    /// Full purses.
    pub fn new(bounds: &TurnBounds) -> Work {
        let TurnBounds {
            settle,
            accept,
            serve,
            serve_heavy,
            share,
            tick,
            flush,
        } = *bounds;
        let bounds = [
            settle,
            accept,
            serve,
            serve_heavy,
            tick,
            flush,
            u64::MAX >> 2,
        ];
        let bounds = bounds.map(|bound| bound as i64);
        Work {
            bounds,
            lefts: bounds,
            phase: Phase::Rest,
            left: bounds[Phase::Rest as usize],
            share,
            given: 1,
            share_left: 1,
            is_full: true,
            is_over: false,
        }
    }

    /// A turn begins, as it ends, with what begins nothing: every purse is filled up.
    pub fn begin_turn(&mut self) {
        self.enter(Phase::Rest);
        if self.is_full {
            return;
        }
        self.is_full = true;
        for (left, bound) in self.lefts.iter_mut().zip(self.bounds) {
            *left = left.saturating_add(bound).min(bound);
            self.is_full &= *left == bound;
        }
        self.left = self.lefts[Phase::Rest as usize];
    }

    /// From now on this phase pays.
    pub fn enter(&mut self, phase: Phase) {
        self.lefts[self.phase as usize] = self.left;
        self.is_full &= self.left == self.bounds[self.phase as usize];
        self.phase = phase;
        self.left = self.lefts[phase as usize];
        self.is_over = false;
    }

    /// From now on the share is another connection's: no more than the phase has left, or than one short step. While so
    /// many others wait, of whom it is not known yet that they make much work, it is a part, so that they are through
    /// sooner.
    pub fn begin_share(&mut self, others: usize) {
        debug_assert!(
            self.left > 0 || !matches!(self.phase, Phase::Serve | Phase::ServeHeavy),
            "a client is served after the purse was empty"
        );
        let share = match others {
            0 => self.share,
            1..LIGHT => self.share / (others as u64 + 1),
            _ => self.share / LIGHT as u64,
        };
        self.given = (share as i64).min(self.left.max(STEP)).max(1);
        self.share_left = self.given;
    }

    /// So much has been done.
    pub fn charge(&mut self, cost: u64) {
        debug_assert!(
            cost == 0 || !self.is_over,
            "{:?} goes on after its purse was empty",
            self.phase
        );
        self.left -= cost as i64;
        self.share_left -= cost as i64;
    }

    /// Whether the phase may begin another step.
    pub fn goes_on(&mut self) -> bool {
        if cfg!(debug_assertions) {
            self.is_over |= self.left <= 0;
        }
        self.left > 0
    }

    /// What is left for the phase.
    pub fn left(&self) -> u64 {
        self.left.max(0) as u64
    }

    /// What a purse has left, for tests and simulation. Less than nothing is what is still to be paid off.
    pub fn purse(&self, phase: Phase) -> i64 {
        match phase == self.phase {
            true => self.left,
            false => self.lefts[phase as usize],
        }
    }

    /// What is left of a connection's share.
    pub fn share_left(&self) -> u64 {
        self.share_left.max(0) as u64
    }

    /// Whether a connection has used so much of its share that it makes much work.
    pub fn is_heavy(&self) -> bool {
        self.given - self.share_left >= (self.share / LIGHT as u64) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work() -> Work {
        Work::new(&TurnBounds {
            serve: 100,
            share: 40,
            ..TurnBounds::default()
        })
    }

    #[test]
    fn a_step_that_costs_more_than_is_left_is_paid_off_in_the_next_turns() {
        let mut work = work();
        work.enter(Phase::Serve);
        work.charge(99);
        assert!(work.goes_on());
        work.charge(251);
        let mut idle = 0;
        while !work.goes_on() {
            work.begin_turn();
            work.enter(Phase::Serve);
            idle += 1;
        }
        assert_eq!((idle, work.left()), (3, 50));
        work.enter(Phase::Flush);
        assert!(work.goes_on(), "what one phase spends is its own");
    }

    #[test]
    fn a_share_is_a_connections_own_and_a_part_while_others_wait() {
        let mut work = work();
        work.enter(Phase::Serve);
        work.begin_share(9);
        work.charge(9);
        assert_eq!((work.share_left(), work.is_heavy()), (1, false));
        work.charge(6);
        assert_eq!((work.share_left(), work.is_heavy()), (0, true));
        work.begin_share(0);
        assert_eq!((work.share_left(), work.is_heavy()), (40, false));
        work.enter(Phase::Tick);
        work.charge(TurnBounds::default().tick + 1000);
        work.begin_share(0);
        assert_eq!(work.share_left(), 40, "one step can always be made");
    }

    #[test]
    #[should_panic(expected = "goes on after its purse was empty")]
    fn a_phase_that_goes_on_is_caught() {
        let mut work = work();
        work.enter(Phase::Serve);
        work.charge(100);
        work.goes_on();
        work.charge(1);
    }
}
