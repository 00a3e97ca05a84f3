//! What turns did, counted by what the network and the counters saw of it: no more than the turns' purses pay for.

use super::super::network::Sim;
use roomcast::bounds::TurnBounds;
use roomcast::reactor::Reactor;
use roomcast::work;

/// What has been done since the beginning.
#[derive(Clone, Copy, Default)]
pub struct Done {
    accepts: u64,
    messages: u64,
    reads: u64,
    writes: u64,
}

/// What is still to be paid off.
#[derive(Default)]
pub struct WorkDone {
    messages: u64,
    writes: u64,
}

impl Done {
    pub fn by_now(reactor: &Reactor<Sim>) -> Done {
        let metrics = reactor.metrics();
        Done {
            accepts: metrics.accepts.iter().sum(),
            messages: metrics.messages_received.iter().sum(),
            reads: reactor.transport().reads(),
            writes: reactor.transport().writes(),
        }
    }
}

impl WorkDone {
    /// Checks one turn, and what it left to be paid off by those that follow it.
    pub fn check(&mut self, bounds: &TurnBounds, before: Done, now: Done) -> Result<(), String> {
        let TurnBounds {
            accept,
            serve,
            serve_heavy,
            share,
            tick,
            flush,
        } = *bounds;
        let most = |what: &str, did: u64, may: u64| match did <= may {
            true => Ok(()),
            false => Err(format!("a turn made {did} {what}, and may make {may}")),
        };
        let accepts = now.accepts - before.accepts;
        most("accepts", accepts, accept.div_ceil(work::ACCEPT))?;
        // A deadline that has passed serves or writes to its connection once more.
        let lapses = tick.div_ceil(work::LAPSE);
        // Before a guest is closed for another it is looked at once more, and some more in its place.
        let looks = 16 * accept.div_ceil(work::ACCEPT);
        let reads = (serve + serve_heavy).div_ceil(work::READ) + lapses + looks + 2;
        most("reads", now.reads - before.reads, reads)?;
        let served = (serve + serve_heavy) / work::MESSAGE;
        // The last one of either list has its share.
        let step = 2 * share.div_ceil(work::MESSAGE) + 2;
        self.messages += now.messages - before.messages;
        most("messages", self.messages, served + step + lapses)?;
        self.messages = self.messages.saturating_sub(served + lapses);
        let written = flush.div_ceil(work::WRITE);
        self.writes += now.writes - before.writes;
        most("writes", self.writes, written + lapses + 1)?;
        self.writes = self.writes.saturating_sub(written + lapses);
        Ok(())
    }
}
