//! The command line, and the bounds of what may be asked for.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::message::SIZE_MIN;

/// Flood a roomcast server on this machine with WebSocket connections and measure what it does.
///
/// Everything that is delivered is checked: each connection must get each message once, whole and in order. Floods go
/// to loopback only. The exit code is 0 if all went well, 1 if a check failed, 2 if the command line is wrong.
#[derive(Debug, Parser)]
#[command(name = "roomcast-flood", version)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub mode: Mode,
}

/// What a run does.
#[derive(Debug, Subcommand)]
pub enum Mode {
    /// Open N connections, hold them, close them; report the rate and the handshake times
    Connect(Connect),
    /// Publish messages to N connections; report the delivery latencies
    Fanout(Fanout),
}

/// What every mode takes.
#[derive(Args, Debug)]
pub struct Common {
    /// Number of connections
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections: u32,

    /// The server; a loopback address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = loopback)]
    pub server: SocketAddr,

    /// The path to upgrade
    #[arg(long, default_value = "/ws", value_parser = path)]
    pub path: String,

    /// A key to publish with, sent as X-API-Key
    #[arg(long, value_parser = header_value)]
    pub key: Option<String>,

    /// Handshakes under way at any time
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=16_384))]
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

    /// The server's process id, to report its CPU time and memory
    #[arg(long)]
    pub pid: Option<u32>,

    /// Print the report as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// `connect`.
#[derive(Args, Debug)]
pub struct Connect {
    /// What every mode takes.
    #[command(flatten)]
    pub common: Common,

    /// Connections a second [default: as fast as they go]
    #[arg(long, value_name = "R", default_value_t = 0.0, hide_default_value = true, value_parser = rate)]
    pub rate: f64,

    /// How long to hold the connections
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub hold: Duration,

    /// Publish one message after the hold; every connection must get it
    #[arg(long)]
    pub broadcast: bool,
}

/// `fanout`.
#[derive(Args, Debug)]
pub struct Fanout {
    /// What every mode takes.
    #[command(flatten)]
    pub common: Common,

    /// Number of messages
    #[arg(long, value_name = "M", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub messages: u32,

    /// Size of each message's payload in bytes
    #[arg(long, value_name = "S", default_value_t = 128, value_parser = clap::value_parser!(u32).range(SIZE_MIN as i64..=1 << 20))]
    pub size: u32,

    /// Messages a second, on a fixed schedule; 0 is as fast as they go, with --window of them in flight
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = rate)]
    pub rate: f64,

    /// Messages in flight, sent but not yet with every connection, when --rate is 0
    #[arg(long, value_name = "W", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub window: u32,

    /// Connections that publish; order is checked for each of them
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub publishers: u32,

    /// Requests without an answer on one publishing connection; 1 waits for each answer
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub pipeline: u32,

    /// Connections made a second before it starts [default: as fast as they go]
    #[arg(long, value_name = "R", default_value_t = 0.0, hide_default_value = true, value_parser = rate)]
    pub connect_rate: f64,
}

/// An address to connect to; only loopback, so that nobody else is ever flooded.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let server = match text.strip_prefix("localhost:") {
        Some(port) => format!("{}:{port}", Ipv4Addr::LOCALHOST),
        None => text.to_owned(),
    };
    let server: SocketAddr = server
        .parse()
        .map_err(|_| "expected an address and a port, like 127.0.0.1:8080".to_owned())?;
    let server = SocketAddr::new(server.ip().to_canonical(), server.port());
    match (server.ip().is_loopback(), server.port()) {
        (false, _) => Err("floods go to loopback only".to_owned()),
        (true, 0) => Err("port 0 is nobody's".to_owned()),
        (true, _) => Ok(server),
    }
}

fn path(text: &str) -> Result<String, String> {
    let fits = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    match fits {
        true => Ok(text.to_owned()),
        false => Err("expected a path like /ws, percent-encoded".to_owned()),
    }
}

fn header_value(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    match fits {
        true => Ok(text.to_owned()),
        false => Err("expected visible ASCII characters".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match duration <= Duration::from_secs(3600) {
        true => Ok(duration),
        false => Err("an hour is the longest".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    match rate == 0.0 || (0.01..=1_000_000.0).contains(&rate) {
        true => Ok(rate),
        false => Err("expected 0, or 0.01 to 1000000 a second".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn only_loopback_addresses_are_flooded() {
        assert!(loopback("127.0.0.1:8080").is_ok());
        assert!(loopback("127.8.8.8:1").is_ok());
        assert!(loopback("[::1]:8080").is_ok());
        let mapped = loopback("[::ffff:127.0.0.1]:8080").unwrap();
        assert_eq!(mapped, loopback("localhost:8080").unwrap());
        for elsewhere in ["10.0.0.1:80", "0.0.0.0:80", "[::]:80", "[2001:db8::1]:80"] {
            assert_eq!(
                loopback(elsewhere).unwrap_err(),
                "floods go to loopback only"
            );
        }
        assert!(loopback("example.com:80").is_err());
        assert!(loopback("127.0.0.1").is_err());
    }

    #[test]
    fn values_that_would_break_a_request_are_refused() {
        assert!(path("/v1/stream?x=1").is_ok());
        assert!(path("ws").is_err());
        assert!(path("/a b").is_err());
        assert!(header_value("a\r\nb").is_err());
        assert!(rate("-1").is_err());
        assert!(rate("NaN").is_err());
        assert!(duration("2h").is_err());
    }
}
