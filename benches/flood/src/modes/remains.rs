//! Whether anything is left of the connections of a run once all of them are gone: descriptors, connections, rooms,
//! queued messages and bytes, memory.
//!
//! All but memory must be what it was before the first connection, and the bytes that wait: a history outlives the members,
//! and where no message waits for anybody the bytes are those of histories. The server's tables keep the room that they have
//! grown to and the allocator keeps pages, so memory may have grown by a little for each connection that was there at the
//! same time; a leak of each connection that came and went is far more than that.

use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::command::server::Server;
use crate::error::Error;
use crate::measure::problems::{Judge, Problems};
use crate::measure::process::Process;
use crate::target::description::Scene;
use crate::target::metrics::Metrics;

/// How long the server may take to notice that everybody has left, beside the time that it waits for half a request.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(50);

/// Bytes that may be left for each connection that was there at the same time as the others.
const LEFT_BYTES_MAX: u64 = 512;

/// Bytes that may be left whatever there was.
const LEFT_BYTES_SPARE: u64 = 1 << 20;

/// What the server holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Holdings {
    /// Open descriptors.
    pub descriptors: u64,
    /// WebSockets, of all apps.
    pub connections: u64,
    /// Rooms with a member, of all apps.
    pub rooms: u64,
    /// Messages that wait to be written.
    pub queue_messages: u64,
    /// Bytes that wait, those of histories included.
    pub queue_bytes: u64,
    /// What it has allocated, as far as it is in RAM.
    pub memory: u64,
}

/// Before and after.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Remains {
    /// Before the first connection.
    pub before: Holdings,
    /// After the last.
    pub after: Holdings,
    /// Connections that were there at the same time, at most.
    pub at_once: u32,
    /// From the last close until nothing was left, or until that was given up.
    pub seconds: f64,
    /// Looks that it took, each a connection.
    pub looks: u32,
}

/// What a server held before the run.
#[derive(Clone, Debug)]
pub struct Inventory {
    before: Holdings,
    /// What it had counted.
    pub metrics: Metrics,
}

impl Inventory {
    /// Looks at a server that counts as roomcast does and whose process is known; `None` at any other.
    pub fn take(server: &Server, scene: &Scene) -> Result<Option<Inventory>, Error> {
        if server.pid.is_empty() || scene.app.is_none() {
            return Ok(None);
        }
        let (before, metrics) = look(server)?;
        Ok(Some(Inventory { before, metrics }))
    }

    /// What is left, if it is known what there was.
    pub fn compare(
        taken: Option<Inventory>,
        server: &Server,
        at_once: u32,
    ) -> Result<Option<Remains>, Error> {
        let again = taken.map(|taken| taken.look_again(server, at_once));
        Ok(again.transpose()?.map(|(remains, _)| remains))
    }

    /// Waits until nothing is left but what was there before; and what the server has counted then.
    pub fn look_again(&self, server: &Server, at_once: u32) -> Result<(Remains, Metrics), Error> {
        let start = Instant::now();
        for looks in 1.. {
            let (after, metrics) = look(server)?;
            let remains = Remains {
                before: self.before,
                after,
                at_once,
                seconds: start.elapsed().as_secs_f64(),
                looks,
            };
            if remains.is_clean() || start.elapsed() >= PATIENCE {
                return Ok((remains, metrics));
            }
            thread::sleep(INTERVAL);
        }
        unreachable!("the time is over long before the looks are")
    }
}

/// What the server holds now, and all that it says; the connection that asks is among its descriptors.
fn look(server: &Server) -> Result<(Holdings, Metrics), Error> {
    let metrics = server.caller()?.metrics()?;
    let process = Process::with_ids(&server.pid);
    let failed = |error| Error::new("looking at the server's process", error);
    let holdings = Holdings {
        descriptors: process.descriptors().map_err(failed)?,
        connections: metrics.sum("roomcast_connections{"),
        rooms: metrics.sum("roomcast_rooms{"),
        queue_messages: metrics.get("roomcast_queue_messages"),
        queue_bytes: metrics.get("roomcast_queue_bytes"),
        memory: process.memory().map_err(failed)?.anonymous,
    };
    Ok((holdings, metrics))
}

impl Remains {
    /// What there was before and after, by name, memory aside.
    pub fn pairs(&self) -> [(&'static str, u64, u64); 5] {
        let (before, after) = (self.before.queue_bytes, self.after.queue_bytes);
        let [descriptors, connections, rooms, messages] = self.must_be_equal();
        let bytes = ("queued bytes", before, after);
        [descriptors, connections, rooms, messages, bytes]
    }

    fn must_be_equal(&self) -> [(&'static str, u64, u64); 4] {
        let Remains { before, after, .. } = self;
        [
            ("descriptors", before.descriptors, after.descriptors),
            ("connections", before.connections, after.connections),
            ("rooms", before.rooms, after.rooms),
            (
                "queued messages",
                before.queue_messages,
                after.queue_messages,
            ),
        ]
    }

    /// Whether everything is as it was, memory aside.
    fn is_clean(&self) -> bool {
        self.must_be_equal()
            .iter()
            .all(|(_, before, after)| before == after)
    }
}

impl Judge for Remains {
    fn judge(&self, problems: &mut Problems) {
        for (what, before, after) in self.must_be_equal() {
            problems.check(before != after, || {
                format!("{what}: {before} before, {after} when everybody had left")
            });
        }
        let grown = self.after.memory.saturating_sub(self.before.memory);
        let at_once = self.at_once;
        let kept = self
            .after
            .queue_bytes
            .saturating_sub(self.before.queue_bytes);
        let grown_max = u64::from(at_once) * LEFT_BYTES_MAX + LEFT_BYTES_SPARE + kept;
        problems.check(grown > grown_max, || {
            format!("the server's memory: {grown} bytes more than before, for {at_once} connections at once")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_left_is_a_problem_each() {
        let mut remains = Remains {
            before: Holdings {
                descriptors: 10,
                memory: 4 << 20,
                ..Holdings::default()
            },
            after: Holdings {
                descriptors: 10,
                memory: (5 << 20) + 51_200,
                ..Holdings::default()
            },
            at_once: 100,
            seconds: 0.0,
            looks: 1,
        };
        assert_eq!(remains.problems().len(), 0);
        remains.after.memory += 1;
        assert_eq!(remains.problems().len(), 1);
        remains.after.queue_bytes = 1;
        assert_eq!(remains.problems().len(), 0);
        remains.after = Holdings {
            descriptors: 11,
            connections: 1,
            rooms: 1,
            queue_messages: 1,
            queue_bytes: 1,
            memory: 0,
        };
        assert_eq!(remains.problems().len(), 4);
        assert!(!remains.is_clean());
    }
}
