//! What `resume` takes.

use std::time::Duration;

use clap::Args;

use crate::command::arguments::{duration, percent, rate, ratio, size};
use crate::command::server::Server;

/// Messages a second while clients come and go.
const RATE: f64 = 100.0;

/// Messages a second while those that stay are timed. There are fewer of them: to ten thousand clients, each message takes
/// a server half of the time until the next.
const BURST_RATE: f64 = 10.0;

/// `resume`.
#[derive(Args, Debug)]
pub struct Resume {
    /// Number of clients that are cut and resume
    #[arg(value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections: u32,
    #[command(flatten)]
    pub server: Server,
    /// Messages a second [default: 100, with --burst 10]
    #[arg(long, value_name = "R", value_parser = rate)]
    rate: Option<f64>,
    /// Size of each delivered payload in bytes, whatever the server wraps around a message, but for its position
    #[arg(long, value_name = "S", default_value_t = 128, value_parser = size)]
    pub size: u32,
    /// How long clients are cut, or with --burst how long each quiet round is [default: 10s, with --burst 2s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// The share of the clients that is cut each second, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0, value_parser = percent)]
    pub cut: f64,
    /// A client that was cut comes back after a random time, up to so long
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = duration)]
    pub away: Duration,
    /// Cut all clients at once and let them come back at once, while others stay and are timed
    #[arg(long)]
    pub burst: bool,
    /// Messages that each client has to resume, with --burst
    #[arg(long, value_name = "M", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub missed: u32,
    /// Number of clients that stay, beside those that are cut, with --burst
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub stay: u32,
    /// Rounds of --burst
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// With --burst it is a problem if a resumed message costs the server more CPU time than so many times a live one, or
    /// the p99 of those who stay is over so many times the quiet one
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    pub ratio_max: Option<f64>,
    /// Over Server-Sent Events instead of WebSockets
    #[arg(long)]
    pub sse: bool,
}

impl Resume {
    /// Messages a second.
    pub fn rate(&self) -> f64 {
        let default = if self.burst { BURST_RATE } else { RATE };
        self.rate.unwrap_or(default)
    }

    /// How long clients are cut, or how long a quiet round is.
    pub fn duration(&self) -> Duration {
        let seconds = if self.burst { 2 } else { 10 };
        self.duration.unwrap_or(Duration::from_secs(seconds))
    }

    /// Connections that are made, one after the other.
    pub fn connections_in_all(&self) -> u64 {
        let times = match self.burst {
            true => 1 + 3 * u64::from(self.rounds),
            false => 1 + (self.duration().as_secs_f64() * self.cut / 100.0) as u64,
        };
        u64::from(self.clients()) * times
    }

    /// All clients.
    pub fn clients(&self) -> u32 {
        match self.burst {
            true => self.connections + self.stay,
            false => self.connections,
        }
    }
}
