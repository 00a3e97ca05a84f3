//! Where the connections come from: source addresses, and the descriptors that the process may open.
//!
//! One address has about 28,000 ephemeral ports, and finding a free one gets slow long before the last, so a flood to
//! an IPv4 loopback address is spread over several of 127.0.0.0/8. IPv6 has one loopback address only; there the
//! kernel chooses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::error::Error;
use crate::measure::process::Process;

/// Connections from one source address, unless told otherwise: a fourteenth of its ports.
const CONNECTIONS_PER_SOURCE: u32 = 2000;

/// Descriptors kept for what the run opens beside its connections: the poll, and `/proc` files one at a time.
const DESCRIPTORS_SPARE: u64 = 8;

/// Consecutive loopback addresses, taken in turn.
#[derive(Clone, Copy, Debug)]
pub struct Sources {
    count: u32,
    ipv4: bool,
}

impl Sources {
    /// Enough addresses for `connections` to `server`, or `asked` of them.
    pub fn new(server: SocketAddr, connections: u32, asked: Option<u32>) -> Sources {
        let enough = connections.div_ceil(CONNECTIONS_PER_SOURCE).max(1);
        let ipv4 = server.is_ipv4();
        let count = if ipv4 { asked.unwrap_or(enough) } else { 1 };
        Sources { count, ipv4 }
    }

    /// How many addresses there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// What connection `index` binds to before it connects, port 0; `None` leaves it to the kernel.
    pub fn address(&self, index: u32) -> Option<SocketAddr> {
        let first = u32::from(Ipv4Addr::new(127, 0, 0, 2));
        let address = Ipv4Addr::from(first + index % self.count);
        self.ipv4.then(|| SocketAddr::new(IpAddr::V4(address), 0))
    }
}

/// Raises this process's descriptor limit to its hard limit and makes sure that `connections` more fit.
pub fn reserve_descriptors(connections: u64) -> Result<(), Error> {
    let limit = rlimit::increase_nofile_limit(u64::MAX)
        .map_err(|error| Error::new("raising the descriptor limit", error))?;
    let open = Process::own().descriptors();
    let open = open.map_err(|error| Error::new("counting descriptors", error))?;
    let room = limit.saturating_sub(open + DESCRIPTORS_SPARE);
    if connections > room {
        return Err(Error::Usage(format!(
            "{connections} connections (publishers included) do not fit: this process may open {limit} descriptors \
             (hard limit), which leaves room for {room}; ask for fewer, or raise the limit with `ulimit -Hn`"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(sources: Sources, index: u32) -> String {
        sources.address(index).unwrap().to_string()
    }

    #[test]
    fn connections_take_the_addresses_in_turn() {
        let sources = Sources::new("127.0.0.1:8080".parse().unwrap(), 19_000, None);
        assert_eq!(sources.count(), 10);
        assert_eq!(address(sources, 0), "127.0.0.2:0");
        assert_eq!(address(sources, 9), "127.0.0.11:0");
        assert_eq!(address(sources, 10), "127.0.0.2:0");
    }

    #[test]
    fn as_many_addresses_as_asked_for_pass_over_the_end_of_a_byte() {
        let sources = Sources::new("127.0.0.1:8080".parse().unwrap(), 1000, Some(1000));
        assert_eq!(address(sources, 253), "127.0.0.255:0");
        assert_eq!(address(sources, 254), "127.0.1.0:0");
    }

    #[test]
    fn ipv6_leaves_the_source_to_the_kernel() {
        let sources = Sources::new("[::1]:8080".parse().unwrap(), 5000, None);
        assert_eq!(sources.address(3), None);
    }

    #[test]
    fn more_connections_than_descriptors_are_refused_with_numbers() {
        let error = reserve_descriptors(u64::MAX / 2).unwrap_err();
        assert!(error.to_string().contains("hard limit"), "{error}");
    }
}
