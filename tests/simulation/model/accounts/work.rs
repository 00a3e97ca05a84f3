//! What turns cost: all that was done was charged, and no purse paid more than it has and one step.
//!
//! What was done is counted here, from the calls that reached the network, the counters, and what clients were answered;
//! only the prices are the server's. What was charged is read off the purses. So a charge that is forgotten shows in the
//! first turn in which little else is done, and what is charged too often in no turn at all: that slows, and harms nobody.
//!
//! Not counted here, and so caught by nothing here: what has no answer or no size on the wire. These are records, names,
//! rooms and marks of members, of which scenarios know.

use std::ops::AddAssign;

use super::super::super::network::{Calls, Sim};
use roomcast::reactor::Reactor;
use roomcast::work::{self, Phase, Work};

use super::super::runs::rules::Rules;

/// Bytes of one read at most.
const READ_BYTES_MAX: u64 = 64 << 10;
/// Compressed bytes that are inflated before anybody looks at what that cost.
const INFLATED_BYTES_MAX: u64 = 4 << 10;
/// Bytes of a message that are compressed at once.
const PACKED_BYTES_MAX: u64 = 64 << 10;
/// Bytes of an answer that nobody has sent: the metrics are the longest.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// Short messages that a connection may always say when it is served.
const MESSAGES_MIN: u64 = 4;
/// Guests that are looked at once more before one is closed for another.
const LOOKS_MAX: u64 = 16;
/// Messages of a run at most: as many as the longest queue takes.
const RUN_MESSAGES_MAX: u64 = 256;
/// Rooms that a member is in at most, and leaves with its connection.
const ROOMS_MAX: u64 = 32;

/// What something costs, by who pays for it: one of these phases.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// What comes in: whatever reads pays, also when it makes place or looks at a deadline.
    pub coming: u64,
    /// What goes out: the tick and the flush.
    pub going: u64,
    /// Any.
    pub any: u64,
}

/// All that the server has been seen to do since the beginning, and what its purses have left.
#[derive(Clone, Copy)]
pub struct Seen {
    calls: Calls,
    messages: u64,
    pings: u64,
    purses: [i64; Phase::ALL.len()],
}

/// What a turn, or several, charged beyond what was seen to be done in it.
#[derive(Clone, Copy, Debug, Default)]
struct Surplus {
    coming: i64,
    going: i64,
    all: i64,
}

/// The books of every turn.
#[derive(Default)]
pub struct WorkDone {
    turns: Vec<Surplus>,
}

impl Cost {
    /// Of an answer, with the request that it answers.
    pub fn of_answer(bytes: usize, body_bytes: usize) -> Cost {
        let (bytes, body_bytes) = (bytes as u64, body_bytes as u64);
        let coming = work::MESSAGE + body_bytes * work::PARSED + bytes * work::QUEUED;
        Cost {
            coming,
            ..Cost::default()
        }
    }

    /// Of a message of so many bytes that comes back, beside what every message costs. It may have come compressed, as so
    /// many bytes; and whether it goes back compressed is known only once that was tried.
    pub fn of_echo(bytes: usize, inflated: Option<usize>, is_packed: bool) -> Cost {
        let bytes = bytes as u64;
        let inflating = inflated.map_or(0, |from| {
            from as u64 * work::INFLATED + bytes * work::UNPACKED
        });
        Cost {
            coming: bytes * (work::LOOKED_THROUGH + work::QUEUED) + inflating,
            // A long one is compressed in slices, by those who write.
            any: u64::from(is_packed) * bytes * work::PACKED,
            going: 0,
        }
    }
}

impl Seen {
    pub fn by_now(reactor: &Reactor<Sim>) -> Seen {
        let metrics = reactor.metrics();
        Seen {
            calls: reactor.transport().calls(),
            messages: metrics.messages_received.iter().sum(),
            pings: metrics.pings,
            purses: Phase::ALL.map(|phase| reactor.work().purse(phase)),
        }
    }

    /// What was done since then.
    fn cost_since(&self, before: &Seen) -> Cost {
        let (calls, earlier) = (&self.calls, &before.calls);
        let moved = |calls: u64, bytes: u64, cost: u64| {
            // Each call may leave out what is less than one unit.
            calls * cost + (bytes / work::MOVED_BYTES).saturating_sub(calls)
        };
        let reads = calls.reads - earlier.reads;
        let read_bytes = calls.read_bytes - earlier.read_bytes;
        let writes = calls.writes - earlier.writes;
        let written_bytes = calls.written_bytes - earlier.written_bytes;
        Cost {
            coming: (calls.accepts - earlier.accepts) * work::ACCEPT
                + (self.messages - before.messages) * work::MESSAGE
                + moved(reads, read_bytes, work::READ),
            going: (self.pings - before.pings) * work::LAPSE
                + moved(writes, written_bytes, work::WRITE),
            any: (calls.closes - earlier.closes) * work::CLOSE,
        }
    }
}

impl WorkDone {
    /// Checks one turn, in which so many bytes of echoes waited for one client at most.
    pub fn check(
        &mut self,
        rules: &Rules,
        before: &Seen,
        now: &Seen,
        echoed_bytes: u64,
    ) -> Result<(), String> {
        let full = Work::new(&rules.bounds.turn);
        let written_bytes = now.calls.written_bytes - before.calls.written_bytes;
        let mut surplus = Surplus::default();
        for phase in Phase::ALL {
            let (was, is) = (before.purses[phase as usize], now.purses[phase as usize]);
            let bound = full.purse(phase);
            let charged = was.saturating_add(bound).min(bound) - is;
            if matches!(phase, Phase::Tick | Phase::Flush) {
                surplus.going += charged;
            }
            if !matches!(phase, Phase::Flush | Phase::Rest) {
                surplus.coming += charged;
            }
            surplus.all += charged;
            let step = step(phase, rules, written_bytes, echoed_bytes);
            if is < 0 && is.unsigned_abs() > step {
                return Err(format!(
                    "the purse of {phase:?} has {is} left, and one step costs {step} at most"
                ));
            }
        }
        self.turns.push(surplus);
        let turn = self.turns.len() as u32 - 1;
        self.done(turn, turn, now.cost_since(before))
    }

    /// Something was done in one of these turns, both among them: what they charged must pay for it.
    pub fn done(&mut self, first: u32, last: u32, cost: Cost) -> Result<(), String> {
        let turns = &mut self.turns[first as usize..=last as usize];
        let mut left = Surplus::default();
        turns.iter().for_each(|&turn| left += turn);
        left.spend(cost);
        if let [turn] = turns {
            // Nobody else may be paid with it.
            turn.spend(cost);
        }
        match left.coming.min(left.going).min(left.all) >= 0 {
            true => Ok(()),
            false => Err(format!(
                "turns {first} to {last} charged less than they did: {left:?} is left after {cost:?}"
            )),
        }
    }
}

impl Surplus {
    fn spend(&mut self, cost: Cost) {
        self.coming -= cost.coming as i64;
        self.going -= cost.going as i64;
        self.all -= (cost.coming + cost.going + cost.any) as i64;
    }
}

impl AddAssign for Surplus {
    fn add_assign(&mut self, other: Surplus) {
        self.coming += other.coming;
        self.going += other.going;
        self.all += other.all;
    }
}

/// What a phase may go on with while it has anything left.
fn step(phase: Phase, rules: &Rules, written_bytes: u64, echoed_bytes: u64) -> u64 {
    let end = work::CLOSE + ROOMS_MAX * work::DEPARTURE;
    let write = work::WRITE + written_bytes / work::MOVED_BYTES + end;
    let service = service(rules) + end;
    match phase {
        Phase::Accept if rules.few_guests() => work::ACCEPT + end + LOOKS_MAX * service,
        Phase::Accept => work::ACCEPT,
        Phase::Settle | Phase::Serve | Phase::ServeHeavy => service,
        Phase::Tick => work::LAPSE + write + service,
        // A member whose socket takes less than all of a run has what is left copied to its queue.
        Phase::Flush => {
            write + RUN_MESSAGES_MAX * work::COPY + slice(rules) + packing(rules, echoed_bytes)
        }
        Phase::Rest => 0,
    }
}

/// What serving one connection costs at most, if little of the purse is left: a few short messages or a long one.
fn service(rules: &Rules) -> u64 {
    let few = MESSAGES_MIN * (work::READ + work::MESSAGE);
    let read = work::READ + READ_BYTES_MAX / work::MOVED_BYTES;
    let (message, body) = (
        rules.message_bytes_max() as u64,
        rules.bounds.body_bytes_max,
    );
    let members = rules.clients_max as u64 + 10;
    let words = message * (work::LOOKED_THROUGH + 2 * work::QUEUED)
        + u64::from(body) * (work::PARSED + 2 * work::QUEUED)
        + ANSWER_BYTES_MAX * work::QUEUED
        + members * (work::MARKED + 2 * work::COPY);
    let inflating = INFLATED_BYTES_MAX * work::INFLATED + message * work::UNPACKED;
    let packing = message.max(body.into()).min(PACKED_BYTES_MAX) * work::PACKED;
    let deflate = if rules.bounds.deflate {
        inflating + packing
    } else {
        0
    };
    few + read + work::MESSAGE + words + deflate
}

/// What compressing costs for one write: to somebody who has asked for what he has not got, as much as is kept; to a slow
/// member, as much as waits for it and for nobody else; to somebody who has said much, all of its echoes; and no more than
/// a slice and one message.
fn packing(rules: &Rules, echoed_bytes: u64) -> u64 {
    let history = rules.history();
    let kept = match history.messages_max {
        0 => 0,
        _ => history.bytes_max.min(history.total_max),
    };
    let queued = u64::from(rules.queue().bytes_max);
    let message = u64::from(rules.bounds.body_bytes_max);
    let bytes = kept.max(queued).max(echoed_bytes);
    match rules.bounds.deflate {
        true => bytes.min(PACKED_BYTES_MAX + message) * work::PACKED,
        false => 0,
    }
}

/// What compressing a part of a long message costs, where there are any.
fn slice(rules: &Rules) -> u64 {
    let is_long = rules.message_bytes_max() as u64 > PACKED_BYTES_MAX;
    match rules.bounds.deflate && is_long {
        true => PACKED_BYTES_MAX * work::PACKED,
        false => 0,
    }
}
