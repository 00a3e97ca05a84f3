//! The server of a run, and how its clients are counted and shown.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::command::arguments::{duration, header_value, loopback};

/// What every run takes.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// A key to publish with, sent as X-API-Key
    #[arg(long, value_parser = header_value)]
    pub key: Option<String>,
    /// Handshakes under way at any time
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub in_flight: u32,
    /// A handshake that takes longer has failed
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub handshake_timeout: Duration,
    /// Source addresses to spread the connections over, from 127.0.0.2 on [default: one for every 2,000 connections]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub sources: Option<u32>,
    /// Once nothing has moved for so long, what is missing counts as lost
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub settle: Duration,
    /// The whole run; what is not done by then has failed
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = duration)]
    pub timeout: Duration,
    /// Print the report as one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Write the percentiles of the latencies to this file, as SVG
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

/// The one server of a run.
#[derive(Args, Clone, Debug)]
pub struct Server {
    /// The server; a loopback address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = loopback)]
    pub server: SocketAddr,
    /// A description of the server [default: roomcast's; see scripts/targets]
    #[arg(long, value_name = "FILE")]
    pub target: Option<PathBuf>,
    /// The server's process ids, separated by commas, to report its CPU time and memory
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub pid: Vec<u32>,
    #[command(flatten)]
    pub common: Common,
}
