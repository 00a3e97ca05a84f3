//! How often one address may open a WebSocket, in bounded memory that forgets.
//!
//! Each address has a [`Pace`]; one that has used up nothing means nothing and may go.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::id::AppId;
use crate::pace::{Pace, Rate};
use crate::time::{Micros, Millis};

/// Addresses remembered at once (about a megabyte); beyond it some are forgotten early, and may come in sooner.
const ADDRESSES_MAX: usize = 16 << 10;

/// Who came in lately.
#[derive(Default)]
pub struct Arrivals {
    paces: HashMap<(AppId, IpAddr), Pace>,
    swept: Millis,
}

impl Arrivals {
    /// Lets an address in, or says how long it has to wait. `per_minute` 0 is no limit.
    pub fn admit(
        &mut self,
        app: AppId,
        address: IpAddr,
        per_minute: u32,
        now: Micros,
    ) -> Result<(), Millis> {
        let rate = Rate::a_minute(per_minute);
        if rate.is_off() {
            return Ok(());
        }
        self.make_room(now);
        let pace = self.paces.entry((app, network(address))).or_default();
        pace.admit(1, rate, now)
    }

    /// Forgets whoever has used up nothing, at most once a second, and somebody else if that was not enough.
    fn make_room(&mut self, now: Micros) {
        if self.paces.len() < ADDRESSES_MAX {
            return;
        }
        if now.millis() >= self.swept + Millis::seconds(1) {
            self.swept = now.millis();
            self.paces.retain(|_, pace| !pace.is_free(now));
        }
        if self.paces.len() >= ADDRESSES_MAX
            && let Some(&somebody) = self.paces.keys().next()
        {
            self.paces.remove(&somebody);
        }
    }
}

/// What counts as one address: of IPv6 the /64, which is what one customer has at least.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(arrivals: &mut Arrivals, address: &str, now: u64) -> bool {
        arrivals
            .admit(
                AppId::Stream,
                address.parse().unwrap(),
                10,
                Micros(now * 1000),
            )
            .is_ok()
    }

    #[test]
    fn the_eleventh_within_a_minute_has_to_wait() {
        let mut arrivals = Arrivals::default();
        assert!((0..10).all(|_| admit(&mut arrivals, "192.0.2.1", 5)));
        assert!(!admit(&mut arrivals, "192.0.2.1", 5));
        assert!(admit(&mut arrivals, "192.0.2.2", 5));
        assert!(!admit(&mut arrivals, "192.0.2.1", 6004));
        assert!(admit(&mut arrivals, "192.0.2.1", 6005));
    }

    #[test]
    fn one_ipv6_network_is_one_address() {
        let mut arrivals = Arrivals::default();
        assert!((0..10).all(|host| admit(&mut arrivals, &format!("2001:db8::{host}"), 0)));
        assert!(!admit(&mut arrivals, "2001:db8::abcd", 0));
        assert!(admit(&mut arrivals, "2001:db8:0:1::1", 0));
    }

    #[test]
    fn memory_is_bounded_however_many_come() {
        let mut arrivals = Arrivals::default();
        for host in 0..3 * ADDRESSES_MAX as u32 {
            let address = IpAddr::from((host + 1).to_be_bytes());
            let _ = arrivals.admit(AppId::Stream, address, 10, Micros(u64::from(host) * 1000));
        }
        assert!(arrivals.paces.len() <= ADDRESSES_MAX);
    }
}
