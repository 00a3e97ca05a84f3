//! What a comparison found, a part for each server, and the ratios between them.
//!
//! A ratio is that of two slices of the same round, which saw the same machine; the median of those is what counts. So
//! what drifts slowly, and what hits one slice, is not in it.

use serde::Serialize;

use crate::measure::histogram::{Latencies, Quantiles, curve};
use crate::measure::meter::Cost;
use crate::measure::problems::Problems;
use crate::measure::spread::Spread;

/// One turn of one server.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Slice {
    /// Deliveries or round trips.
    pub done: u64,
    /// From its start to the last of them.
    pub seconds: f64,
    /// What it cost.
    pub cost: Cost,
}

/// What arrived of one server, over all slices.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    /// How long each delivery or round trip took.
    pub latency_us: &'a Latencies,
    /// How long each message of a fan-out took to the last member.
    pub last_member_us: Option<&'a Latencies>,
    /// How late each message of a fan-out was sent.
    pub late_us: Option<Quantiles>,
    /// Deliveries or round trips that did not arrive, those before the first round among them.
    pub lost: u64,
    /// How many of them the server told its clients of.
    pub told: u64,
}

/// One server.
#[derive(Debug, Serialize)]
pub struct Contended {
    /// What it is called.
    pub name: String,
    /// What was loaded.
    pub url: String,
    /// Deliveries or round trips over all slices.
    pub done: u64,
    /// The same for each second of its CPU time.
    pub per_server_cpu_second: Spread,
    /// The same for each second.
    pub per_second: Spread,
    /// What it did for each second of its CPU time, divided by what the first server did in the same round.
    pub ratio: Spread,
    /// The same for each second.
    pub ratio_per_second: Spread,
    /// Its CPU time as a share of a core.
    pub server_cpu_share: Spread,
    /// The share of the time in which the client had something to do.
    pub client_busy_share: Spread,
    /// Slices in which that was so much that the rate for each second is the client's and not the server's.
    pub slices_bound_by_client: usize,
    /// Latencies of the deliveries or round trips.
    pub latency_us: Quantiles,
    /// To the last member, for each message of a fan-out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_member_us: Option<Quantiles>,
    /// From the time a message was meant to be sent to when it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_us: Option<Quantiles>,
    /// Deliveries or round trips that did not arrive, those before the first round among them.
    pub lost: u64,
    /// How many of them the server told its clients of.
    pub told: u64,
    /// The latencies as a curve: shares of the values, and what so many are at most.
    pub latency_curve_us: Vec<(f64, u64)>,
    /// The same of those to the last member.
    pub last_member_curve_us: Vec<(f64, u64)>,
    /// The slices one by one: those with the same number are of the same round.
    pub slices: Vec<Slice>,
}

/// All servers.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// `compare`.
    pub mode: &'static str,
    /// `fanout` or `echo`.
    pub work: &'static str,
    /// Connections to each server.
    pub connections: u32,
    /// Rooms they are in.
    pub rooms: u32,
    /// Bytes of each delivered payload.
    pub size: u32,
    /// Messages in flight; absent with a rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// Messages a second asked for; 0 is as fast as they go.
    pub rate: f64,
    /// Length of a slice.
    pub slice_seconds: f64,
    /// Slices of each server.
    pub rounds: u32,
    /// Whether every check held, of every server.
    pub passed: bool,
    /// One sentence for each check that did not.
    pub problems: Problems,
    /// The servers, in the order in which they were named.
    pub targets: Vec<Contended>,
    /// All latencies of each, to be plotted.
    #[serde(skip)]
    pub curves: Vec<(String, Latencies)>,
}

impl Slice {
    fn per_server_cpu_second(&self) -> f64 {
        self.done as f64 / self.cost.server_cpu_seconds.unwrap_or(0.0).max(1e-6)
    }

    fn per_second(&self) -> f64 {
        self.done as f64 / self.seconds.max(1e-6)
    }
}

impl Contended {
    /// What `slices` say of a server, compared with those of the `first` in the same rounds.
    pub fn new(
        name: String,
        url: String,
        slices: &[Slice],
        first: &[Slice],
        arrived: Arrived<'_>,
    ) -> Contended {
        let spread = |value: fn(&Slice) -> f64| Spread::of(slices.iter().map(value));
        let ratio = |value: fn(&Slice) -> f64| {
            let pairs = slices.iter().zip(first);
            Spread::of(pairs.map(|(mine, first)| value(mine) / value(first).max(1e-6)))
        };
        let bound = slices
            .iter()
            .filter(|slice| slice.cost.client_was_the_bottleneck);
        Contended {
            name,
            url,
            done: slices.iter().map(|slice| slice.done).sum(),
            per_server_cpu_second: spread(Slice::per_server_cpu_second),
            per_second: spread(Slice::per_second),
            ratio: ratio(Slice::per_server_cpu_second),
            ratio_per_second: ratio(Slice::per_second),
            server_cpu_share: spread(|slice| slice.cost.server_cpu_share.unwrap_or(0.0)),
            client_busy_share: spread(|slice| slice.cost.client_busy_share),
            slices_bound_by_client: bound.count(),
            latency_us: Quantiles::from(arrived.latency_us),
            last_member_us: arrived.last_member_us.map(Quantiles::from),
            late_us: arrived.late_us,
            lost: arrived.lost,
            told: arrived.told,
            latency_curve_us: curve(arrived.latency_us),
            last_member_curve_us: arrived.last_member_us.map(curve).unwrap_or_default(),
            slices: slices.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(done: u64, cpu: f64) -> Slice {
        Slice {
            done,
            seconds: 0.5,
            cost: Cost {
                server_cpu_seconds: Some(cpu),
                client_was_the_bottleneck: done == 7,
                ..Cost::default()
            },
        }
    }

    fn contended(slices: &[Slice], first: &[Slice]) -> Contended {
        let mut latency_us = Latencies::default();
        latency_us.record(5);
        let arrived = Arrived {
            latency_us: &latency_us,
            last_member_us: None,
            late_us: None,
            lost: 2,
            told: 1,
        };
        Contended::new("x".to_owned(), String::new(), slices, first, arrived)
    }

    #[test]
    fn a_ratio_is_taken_within_a_round_so_that_drift_cancels() {
        let first = [slice(100, 0.1), slice(200, 0.1), slice(400, 0.1)];
        let second = [slice(50, 0.1), slice(100, 0.1), slice(200, 0.1)];
        let contended = contended(&second, &first);
        let half = Spread {
            p25: 0.5,
            median: 0.5,
            p75: 0.5,
        };
        assert_eq!((contended.ratio, contended.ratio_per_second), (half, half));
        assert_eq!(contended.per_server_cpu_second.median, 1000.0);
        assert_eq!(contended.per_second.median, 200.0);
        assert_eq!((contended.done, contended.slices_bound_by_client), (350, 0));
        assert_eq!((contended.lost, contended.told), (2, 1));
        assert_eq!(contended.latency_curve_us, [(0.0, 5)]);
        assert_eq!(contended.slices.len(), 3);
    }

    #[test]
    fn slices_that_the_client_bounds_are_counted() {
        let slices = [slice(7, 0.1), slice(8, 0.1)];
        let contended = contended(&slices, &slices);
        assert_eq!(contended.slices_bound_by_client, 1);
        assert_eq!(contended.ratio.median, 1.0);
    }
}
