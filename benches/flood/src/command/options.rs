//! The command line, and the bounds of what may be asked for.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::command::arguments::{duration, rate, ratio, share, size};
use crate::command::contender::{Contender, contender};
use crate::command::resume::Resume;
use crate::command::server::{Common, Server};
use crate::error::Error;
use crate::target::caller::Caller;
use crate::target::seating::Seating;

/// Flood a WebSocket hub on this machine with WebSocket connections and measure what it does.
///
/// Everything that is delivered is checked: each connection must get each message once, whole and in order. Floods go
/// to loopback only. The exit code is 0 if all went well, 1 if a check failed, 2 if the command line is wrong.
#[derive(Debug, Parser)]
#[command(name = "roomcast-flood", version)]
#[command(after_help = "RUST_LOG=debug has each step of a run told on standard error.")]
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
    /// Hold N connections that are sent nothing; report the server's memory for each and its CPU time
    Idle(Idle),
    /// Publish messages to the members of one or many rooms; report the delivery latencies
    Fanout(Fanout),
    /// Send messages that come back, one outstanding on each of N connections; report the round trips
    Echo(Echo),
    /// Publish to N connections of which some stop reading for a while; report what that does to the others
    Slow(Slow),
    /// Publish to N connections while another floods the server and one reads nothing; report what that does to them
    Fairness(Fairness),
    /// Cut N connections at once and connect them again at once; report when everybody is served again
    Storm(Storm),
    /// Have connections come at a fixed rate and leave at once in every way; report whether anything is left of them
    Churn(Churn),
    /// Have N clients join and leave one room while messages are published to it; each must get what was published
    /// while it was a member
    Joins(Joins),
    /// Cut clients while messages are published; each comes back with the last position that it heard, and must miss nothing
    Resume(Resume),
    /// Load several servers in turn in short slices, all of them connected all the time; report ratios
    Compare(Compare),
}

/// The clients of one server.
#[derive(Args, Clone, Debug)]
pub struct Clients {
    /// Number of connections
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections: u32,
    #[command(flatten)]
    pub server: Server,
}

/// What is published.
#[derive(Args, Clone, Debug)]
pub struct Load {
    /// Number of messages [default: 1000 without --duration]
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub messages: Option<u32>,
    /// Publish for so long
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Size of each delivered payload in bytes, whatever the server wraps around a message, but for its position
    #[arg(long, value_name = "S", default_value_t = 128, value_parser = size)]
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
}

/// `connect`.
#[derive(Args, Debug)]
pub struct Connect {
    #[command(flatten)]
    pub clients: Clients,
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

/// `idle`.
#[derive(Args, Debug)]
pub struct Idle {
    #[command(flatten)]
    pub clients: Clients,
    /// How long to hold the connections
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub hold: Duration,
}

/// `fanout`.
#[derive(Args, Debug)]
pub struct Fanout {
    /// Number of connections [default: rooms times members]
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections: Option<u32>,
    /// Number of rooms, which take turns
    #[arg(long, value_name = "R", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub rooms: u32,
    /// Members of each room [default: the connections divided by the rooms]
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub members: Option<u32>,
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub load: Load,
    /// Connections made a second before it starts [default: as fast as they go]
    #[arg(long, value_name = "R", default_value_t = 0.0, hide_default_value = true, value_parser = rate)]
    pub connect_rate: f64,
    /// Over Server-Sent Events instead of WebSockets
    #[arg(long)]
    pub sse: bool,
}

/// `echo`.
#[derive(Args, Debug)]
pub struct Echo {
    /// Number of connections
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub connections: u32,
    #[command(flatten)]
    pub server: Server,
    /// Messages over all connections [default: 10,000 without --duration]
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub messages: Option<u32>,
    /// Send for so long
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Size of each message in bytes
    #[arg(long, value_name = "S", default_value_t = 128, value_parser = size)]
    pub size: u32,
}

/// `slow`.
#[derive(Args, Debug)]
pub struct Slow {
    /// Number of connections
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub connections: u32,
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub load: Load,
    /// Number of rooms, which take turns; the connections are divided evenly
    #[arg(long, value_name = "R", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub rooms: u32,
    /// The share of each room's connections that stop reading
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    pub share: f64,
    /// The share of those that never read again, until the server has closed them [default: none]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub forsaken: Option<f64>,
    /// How often messages are published while they do not read; in between they catch up
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Receive buffer of those that stop reading, in bytes; the smaller, the sooner the server has to queue
    #[arg(long, value_name = "BYTES", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    pub receive_buffer: u32,
}

/// `fairness`.
#[derive(Args, Debug)]
pub struct Fairness {
    /// Number of ordinary members of the room
    #[arg(value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    #[command(flatten)]
    pub server: Server,
    /// Pairs of rounds, one quiet and one disturbed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// How long a round is
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub slice: Duration,
    /// Messages a second that are published to the room
    #[arg(long, value_name = "R", default_value_t = 500.0, value_parser = rate)]
    pub rate: f64,
    /// Size of each delivered payload in bytes
    #[arg(long, value_name = "S", default_value_t = 2048, value_parser = size)]
    pub size: u32,
    /// Bytes of each message of the client that floods
    #[arg(long, value_name = "BYTES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=1 << 20))]
    pub flood_size: u32,
    /// Receive buffer of the client that does not read, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    pub receive_buffer: u32,
    /// A disturbed p99 over so many times the quiet one is a problem
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    pub ratio_max: Option<f64>,
}

/// `storm`.
#[derive(Args, Debug)]
pub struct Storm {
    #[command(flatten)]
    pub clients: Clients,
    /// How often all connections are cut
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
}

/// `churn`.
#[derive(Args, Debug)]
pub struct Churn {
    #[command(flatten)]
    pub server: Server,
    /// Connections a second
    #[arg(long, value_name = "R", default_value_t = 1000.0, value_parser = rate)]
    pub rate: f64,
    /// How long they go on coming
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub duration: Duration,
}

/// `joins`.
#[derive(Args, Debug)]
pub struct Joins {
    #[command(flatten)]
    pub clients: Clients,
    /// Messages a second
    #[arg(long, value_name = "R", default_value_t = 100.0, value_parser = rate)]
    pub rate: f64,
    /// Joins and leaves a second, over all connections
    #[arg(long, value_name = "R", default_value_t = 1000.0, value_parser = rate)]
    pub join_rate: f64,
    /// How long it goes on
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub duration: Duration,
}

/// `compare`.
#[derive(Args, Debug)]
pub struct Compare {
    /// What each server does
    #[arg(value_enum)]
    pub work: Work,
    /// Number of connections to each server
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub connections: u32,
    /// A server, and the ids of its processes separated by commas; the first one is what the others are compared with.
    /// FILE is a description, or `roomcast` for the one that is built in
    #[arg(long = "target", value_name = "[NAME=]FILE@ADDR@PID", required = true, value_parser = contender)]
    pub targets: Vec<Contender>,
    /// How long one server is loaded before it is the next one's turn
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = duration)]
    pub slice: Duration,
    /// Slices of each server
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rounds: u32,
    /// Number of rooms, for `fanout`
    #[arg(long, value_name = "R", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub rooms: u32,
    /// Size of each delivered payload in bytes
    #[arg(long, value_name = "S", default_value_t = 128, value_parser = size)]
    pub size: u32,
    /// Messages a second for `fanout`; 0 is as fast as they go, with --window of them in flight
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = rate)]
    pub rate: f64,
    /// Messages in flight for `fanout`, when --rate is 0
    #[arg(long, value_name = "W", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub window: u32,
    #[command(flatten)]
    pub common: Common,
}

/// What `compare` has each server do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// Publish to all its connections.
    Fanout,
    /// Send back what each connection sends.
    Echo,
}

impl Slow {
    /// Who sits where.
    pub fn seating(&self) -> Result<Seating, Error> {
        let seating = seating(self.rooms, Some(self.connections), None)?;
        match seating.members {
            1 => Err(Error::Usage(
                "a room needs two members, one of whom reads".to_owned(),
            )),
            _ => Ok(seating),
        }
    }
}

impl Fanout {
    /// Who sits where.
    pub fn seating(&self) -> Result<Seating, Error> {
        seating(self.rooms, self.connections, self.members)
    }
}

/// So many rooms, and as many members of each as there are connections for, or as are asked for.
fn seating(rooms: u32, connections: Option<u32>, members: Option<u32>) -> Result<Seating, Error> {
    let members = match (connections, members) {
        (None, Some(members)) => members,
        (Some(clients), None) if clients.is_multiple_of(rooms) => clients / rooms,
        (Some(clients), Some(members)) if Some(clients) == rooms.checked_mul(members) => members,
        (None, None) => {
            let sentence = "how many connections? Give N, or --members (and --rooms)";
            return Err(Error::Usage(sentence.to_owned()));
        }
        (Some(clients), _) => {
            return Err(Error::Usage(format!(
                "{clients} connections cannot be seated: they must be --rooms {rooms} times --members"
            )));
        }
    };
    match rooms.checked_mul(members) {
        Some(1..=1_000_000) => Ok(Seating { rooms, members }),
        _ => Err(Error::Usage(format!(
            "{rooms} rooms of {members} are more than a million connections"
        ))),
    }
}

impl Server {
    /// A connection for calls to it.
    pub fn caller(&self) -> Result<Caller, Error> {
        Caller::connect(self.server, self.common.key.as_deref())
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

    fn seating(arguments: &str) -> Result<Seating, Error> {
        let words = ["roomcast-flood", "fanout"]
            .into_iter()
            .chain(arguments.split_whitespace());
        match Options::parse_from(words).mode {
            Mode::Fanout(fanout) => fanout.seating(),
            _ => unreachable!("the words name the mode"),
        }
    }

    #[test]
    fn connections_are_rooms_times_members() {
        let expected = Seating {
            rooms: 10,
            members: 5,
        };
        for same in [
            "50 --rooms 10",
            "--rooms 10 --members 5",
            "50 --rooms 10 --members 5",
        ] {
            assert_eq!(seating(same).unwrap(), expected, "{same}");
        }
        for wrong in [
            "",
            "51 --rooms 10",
            "50 --members 7",
            "--rooms 65536 --members 65536",
        ] {
            assert_eq!(seating(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }
}
