//! Who goes when the memory budget is spent: nobody who holds less than somebody who stays.
//!
//! What each connection holds is looked at after every turn. What it held when somebody was evicted in the middle of the
//! next one was at most that, and what it sent or was sent meanwhile.

use super::super::super::network::Sim;

use super::super::clients::client::{Client, Kind};
use super::super::dialects::dialect::Dialect;

/// Answers, welcomes and notices of one turn.
const SLACK_BYTES: u64 = 1000;
/// What unpacking a message holds beside what has come out of it, when its share of the turn ends in the middle.
const UNPACKING_BYTES: u64 = 48 << 10;

/// Notes for each listener whether it may have been among those that were evicted in this turn, if any were; `held` is
/// what each client holds now, `published` the bytes of the turn's events, and no message is longer than `message_max`.
pub fn note(
    clients: &mut [Client],
    turn: u32,
    sim: &Sim,
    held: &[u64],
    published: u64,
    message_max: u64,
    evicted: bool,
) {
    let most = held.iter().copied().max().unwrap_or(0);
    for (client, held) in clients.iter_mut().zip(held) {
        // A ping makes a pong of its length, whatever waits, and the room of half a message doubles when it is full.
        let unpacks = client.window_bits > 0 && client.fresh > 0;
        let unpacked = if unpacks {
            UNPACKING_BYTES + message_max
        } else {
            0
        };
        let may_hold = 2 * (client.backlog + client.fresh) + published + unpacked + SLACK_BYTES;
        if evicted && may_hold >= most {
            client.evictable.push(turn);
        }
        (client.backlog, client.fresh) = (*held, sim.in_flight(client.end) as u64);
    }
}

impl Client {
    /// It was closed in this turn because the budget was spent: was it ever the one to go?
    pub fn check_evicted(&self, turn: u32) -> Result<(), String> {
        // An echo makes of little that came compressed as much as it likes, and an answer may be longer than its question.
        let is_known = self.kind == Kind::Listener && self.dialect != Dialect::Tasks;
        if !is_known || self.evictable.iter().any(|evicted| *evicted <= turn) {
            return Ok(());
        }
        Err("evicted, although somebody stayed who held more".into())
    }
}
