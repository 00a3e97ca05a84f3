//! What a delivery and a connection cost as the connections become many: 10,000, 100,000 and a million of them, over the
//! simulated network, so without the kernel.
//!
//! It prints a line of JSON for each size. Bytes are counted at the allocator; times are those of this thread on the
//! processor, so that another's work counts for little, and the sizes take turns, so that what it does to the caches
//! falls on all. `scripts/growth.sh` sets this beside real sockets. Nothing here fails by the clock.
#![allow(clippy::unwrap_used, missing_docs)]

#[expect(dead_code, reason = "the tests of memory need more of it")]
#[path = "../../tests/memory/crowd.rs"]
mod crowd;
#[allow(dead_code)]
#[path = "../../tests/simulation/network.rs"]
mod network;

use std::fs;

use clap::Parser;
use roomcast::time::Millis;
use serde_json::json;

use crowd::{Crowd, measured, network};

/// Deliveries of a round: at least one message to everybody.
const DELIVERIES: usize = 2_000_000;

/// With the envelope around it, a message of about 128 bytes.
const PAYLOAD_BYTES: usize = 40;

#[derive(Parser)]
struct Options {
    /// Numbers of connections
    #[arg(default_values_t = [10_000, 100_000, 1_000_000])]
    sizes: Vec<usize>,

    /// How often each size takes its turn
    #[arg(long, default_value_t = 7)]
    rounds: u32,

    /// A flag that `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A server with so many idle members, and what it has allocated for each of them.
struct Size {
    connections: usize,
    crowd: Crowd,
    idle_bytes: f64,
    told_bytes: f64,
    /// A figure for each round.
    delivery_ns: Vec<f64>,
}

impl Size {
    fn new(connections: usize) -> Size {
        let sim = network(connections);
        // The list of clients is the crowd's own.
        let each = |bytes: i64| bytes as f64 / connections as f64 - 4.0;
        let (idle, mut crowd) = measured(|| {
            let mut crowd = Crowd::new(sim, connections);
            crowd.enter(connections, Millis(0));
            crowd
        });
        assert_eq!(crowd.members(), connections as u64);
        let (told, ()) = measured(|| tell(&mut crowd, 1));
        Size {
            connections,
            crowd,
            idle_bytes: each(idle.bytes_current),
            told_bytes: each(idle.bytes_current + told.bytes_current),
            delivery_ns: Vec::new(),
        }
    }

    /// Publishes messages, each when everybody has the last, so that each delivery is a write.
    fn round(&mut self) {
        let messages = (DELIVERIES / self.connections).max(1);
        let (before, began) = (self.crowd.delivered(), thread_nanos());
        (0..messages).for_each(|_| tell(&mut self.crowd, 1));
        let (nanos, delivered) = (thread_nanos() - began, self.crowd.delivered() - before);
        assert_eq!(delivered, (messages * self.connections) as u64);
        self.delivery_ns.push(nanos as f64 / delivered as f64);
    }
}

fn tell(crowd: &mut Crowd, messages: usize) {
    crowd.publish(messages, PAYLOAD_BYTES);
    crowd.settle();
}

/// The time that this thread has been on a processor.
fn thread_nanos() -> u64 {
    let schedule = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    schedule.split(' ').next().unwrap().parse().unwrap()
}

fn main() {
    let options = Options::parse();
    let mut sizes: Vec<Size> = options.sizes.into_iter().map(Size::new).collect();
    for _ in 0..options.rounds {
        sizes.iter_mut().for_each(Size::round);
    }
    for size in sizes {
        let figures = json!({
            "connections": size.connections,
            "idle_bytes": size.idle_bytes,
            "told_bytes": size.told_bytes,
            "delivery_ns": size.delivery_ns,
        });
        println!("{figures}");
    }
}
