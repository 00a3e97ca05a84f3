//! What a phase of a run cost: CPU time of the server and of this client, and whether the client kept up.
//!
//! The client was the bottleneck if it had something to do nearly all the time and the server had not.

use serde::Serialize;

use crate::error::Error;
use crate::measure::clock::{Micros, seconds};
use crate::measure::process::{Memory, Process};

/// Whoever has something to do for this share of the time sets the pace.
const BUSY_SHARE_MIN: f64 = 0.95;

/// A phase shorter than this is over before anybody could wait for anything.
const JUDGED_US_MIN: u64 = 10_000;

/// What the client's loop knows of the time.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// What time it is.
    pub now: Micros,
    /// Microseconds so far in which there was nothing to do.
    pub idle_us: u64,
}

/// Reads the two processes.
#[derive(Clone, Debug)]
pub struct Meter {
    server: Option<Process>,
    client: Process,
}

/// The readings at the start of a phase.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    at: Micros,
    server_us: Option<u64>,
    waited_us: Option<u64>,
    client_us: u64,
    client_waited_us: u64,
    idle_us: u64,
}

/// What a phase cost. Shares are of one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// How long the phase was.
    pub seconds: f64,
    /// The server's CPU time, user and system.
    pub server_cpu_seconds: Option<f64>,
    /// The same as a share.
    pub server_cpu_share: Option<f64>,
    /// The share in which the server had something to do and somebody else had its core, summed over its threads.
    pub server_waited_share: Option<f64>,
    /// The client's CPU time, including what it spins to be on time.
    pub client_cpu_seconds: f64,
    /// The same as a share.
    pub client_cpu_share: f64,
    /// The share in which the client had something to do and somebody else had its core.
    pub client_waited_share: f64,
    /// The share of the time in which the client had something to do.
    pub client_busy_share: f64,
    /// Whether that was so much, and the server's share was not, that the numbers are the client's.
    pub client_was_the_bottleneck: bool,
}

impl Meter {
    /// A meter for this process and the server, if ids of its processes are given.
    pub fn new(server: &[u32]) -> Result<Meter, Error> {
        let process = Process::with_ids(server);
        process.cpu_us().map_err(|error| {
            let pids: Vec<String> = server.iter().map(u32::to_string).collect();
            Error::Usage(format!("the server's process {}: {error}", pids.join(",")))
        })?;
        Ok(Meter {
            server: (!server.is_empty()).then_some(process),
            client: Process::own(),
        })
    }

    /// Reads both processes at the start of a phase. A server that is gone reads as none.
    pub fn start(&self, moment: Moment) -> Result<Reading, Error> {
        let client_us = self.client.cpu_us();
        let server = self.server.as_ref();
        Ok(Reading {
            at: moment.now,
            server_us: server.and_then(|server| server.cpu_us().ok()),
            waited_us: server.and_then(|server| server.waited_us().ok()),
            client_us: client_us.map_err(|error| Error::new("reading own CPU time", error))?,
            client_waited_us: self.client.waited_us().unwrap_or(0),
            idle_us: moment.idle_us,
        })
    }

    /// What the phase that began with `start` cost until now.
    pub fn finish(&self, moment: Moment, start: Reading) -> Result<Cost, Error> {
        let end = self.start(moment)?;
        Ok(cost(start, end))
    }

    /// The server's memory now, if it is watched and still there.
    pub fn server_memory(&self) -> Option<Memory> {
        self.server.as_ref().and_then(|server| server.memory().ok())
    }
}

fn cost(start: Reading, end: Reading) -> Cost {
    let span_us = end.at.since(start.at).max(1);
    let share = |part_us: u64| part_us as f64 / span_us as f64;
    let between = |(start, end): (u64, u64)| end.saturating_sub(start);
    let server_us = start.server_us.zip(end.server_us).map(between);
    let waited_us = start.waited_us.zip(end.waited_us).map(between);
    let client_us = end.client_us.saturating_sub(start.client_us);
    let busy_us = span_us.saturating_sub(end.idle_us - start.idle_us);
    let client_is_busy = span_us >= JUDGED_US_MIN && share(busy_us) >= BUSY_SHARE_MIN;
    let server_is_busy = server_us.is_some_and(|us| share(us) >= BUSY_SHARE_MIN);
    Cost {
        seconds: seconds(span_us),
        server_cpu_seconds: server_us.map(seconds),
        server_cpu_share: server_us.map(share),
        server_waited_share: waited_us.map(share),
        client_cpu_seconds: seconds(client_us),
        client_cpu_share: share(client_us),
        client_waited_share: share(between((start.client_waited_us, end.client_waited_us))),
        client_busy_share: share(busy_us),
        client_was_the_bottleneck: client_is_busy && !server_is_busy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at: u64, server_us: u64, client_us: u64, idle_us: u64) -> Reading {
        Reading {
            at: Micros(at),
            server_us: Some(server_us),
            waited_us: Some(server_us / 4),
            client_us,
            client_waited_us: client_us / 10,
            idle_us,
        }
    }

    #[test]
    fn shares_are_of_the_phase_and_spinning_is_not_being_busy() {
        let cost = cost(
            reading(1_000_000, 0, 500_000, 0),
            reading(3_000_000, 1_000_000, 2_500_000, 500_000),
        );
        assert_eq!(cost.server_cpu_share, Some(0.5));
        assert_eq!(cost.server_waited_share, Some(0.125));
        assert_eq!(
            (cost.client_cpu_share, cost.client_waited_share),
            (1.0, 0.1)
        );
        assert_eq!(cost.client_busy_share, 0.75);
        assert!(!cost.client_was_the_bottleneck);
    }

    #[test]
    fn a_client_without_a_pause_was_the_bottleneck() {
        let cost = cost(
            reading(0, 0, 0, 0),
            reading(1_000_000, 0, 1_000_000, 40_000),
        );
        assert!(cost.client_was_the_bottleneck);
    }

    #[test]
    fn where_both_are_busy_the_server_is_measured() {
        let cost = cost(
            reading(0, 0, 0, 0),
            reading(1_000_000, 960_000, 1_000_000, 40_000),
        );
        assert!(!cost.client_was_the_bottleneck);
    }
}
