//! How often each address may do things of some kinds, in bounded memory that forgets.
//!
//! Each address has a [`Pace`] for each kind; one that has used up nothing means nothing and may go. Of more addresses
//! than are remembered the one least recently seen is forgotten, and those that are not known share one pace, ten times
//! an address's: so a client with very many addresses cannot make the others be forgotten faster than that.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::core::chain::Chain;
use crate::pace::{Pace, Rate};
use crate::time::{Micros, Millis};

/// Addresses remembered at once (65,536, some megabytes: more than visit in the minute for which one is remembered).
const ADDRESSES_MAX: usize = 64 << 10;
/// What addresses that are not known have together, in rates of one address.
const SHARED: u32 = 10;

/// The paces of one address.
type Paces<const KINDS: usize> = [Pace; KINDS];

/// Who was seen lately.
pub struct Addresses<const KINDS: usize> {
    places: HashMap<IpAddr, u32>,
    /// In the order in which they were last seen.
    seen: Chain<(IpAddr, Paces<KINDS>), 1>,
    shared: Paces<KINDS>,
}

impl<const KINDS: usize> Default for Addresses<KINDS> {
    fn default() -> Self {
        Addresses {
            places: HashMap::new(),
            seen: Chain::default(),
            shared: [Pace::default(); KINDS],
        }
    }
}

impl<const KINDS: usize> Addresses<KINDS> {
    /// Lets an address do one thing of a kind, or says how long it has to wait.
    pub fn admit(
        &mut self,
        address: IpAddr,
        kind: usize,
        rate: Rate,
        now: Micros,
    ) -> Result<(), Millis> {
        if rate.is_off() {
            return Ok(());
        }
        let address = network(address);
        let place = match self.places.get(&address).copied() {
            Some(place) => place,
            None => {
                if self.is_full(now) {
                    self.shared[kind].admit(1, rate.times(SHARED), now)?;
                }
                self.enter(address)
            }
        };
        self.seen.join(place, 0);
        self.seen.value_mut(place).1[kind].admit(1, rate, now)
    }

    /// Whether an address may do one thing of a kind, or how long it has to wait; nothing is used up.
    pub fn check(
        &self,
        address: IpAddr,
        kind: usize,
        rate: Rate,
        now: Micros,
    ) -> Result<(), Millis> {
        if rate.is_off() {
            return Ok(());
        }
        let (mut pace, rate) = match self.places.get(&network(address)) {
            Some(&place) => (self.seen.value(place).1[kind], rate),
            None if self.is_full(now) => (self.shared[kind], rate.times(SHARED)),
            None => return Ok(()),
        };
        pace.admit(1, rate, now)
    }

    /// Whether an address that is not known costs one that is: as many are remembered as may be, and not even the one
    /// least recently seen has used up nothing, which would be as good as forgotten.
    fn is_full(&self, now: Micros) -> bool {
        let is_owing = |oldest: u32| {
            let (_, paces) = self.seen.value(oldest);
            paces.iter().any(|pace| !pace.is_free(now))
        };
        self.seen.len() >= ADDRESSES_MAX && self.seen.first(0).is_some_and(is_owing)
    }

    /// Remembers an address, instead of the one least recently seen if there are too many.
    fn enter(&mut self, address: IpAddr) -> u32 {
        if self.seen.len() >= ADDRESSES_MAX
            && let Some(oldest) = self.seen.first(0)
        {
            let (forgotten, _) = self.seen.remove(oldest);
            self.places.remove(&forgotten);
        }
        let place = self.seen.insert((address, [Pace::default(); KINDS]));
        self.places.insert(address, place);
        place
    }
}

/// What counts as one address: of IPv6 the /64, which is what one customer has at least.
pub fn network(address: IpAddr) -> IpAddr {
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

    const RATE: Rate = Rate::a_minute(10);

    fn admit(addresses: &mut Addresses<2>, address: &str, now: u64) -> bool {
        let address = address.parse().unwrap();
        let checked = addresses.check(address, 1, RATE, Micros(now * 1000));
        let admitted = addresses.admit(address, 1, RATE, Micros(now * 1000));
        assert_eq!(checked, admitted, "what is checked is what is true");
        admitted.is_ok()
    }

    /// As many addresses as are remembered, of which each has used up its rate but one.
    fn crowd(now: Micros) -> Addresses<2> {
        let mut addresses = Addresses::default();
        for host in 0..ADDRESSES_MAX as u32 {
            let address = IpAddr::from((host + 1).to_be_bytes());
            let passed = (0..10).filter(|_| addresses.admit(address, 1, RATE, now).is_ok());
            assert_eq!(passed.count(), 10);
        }
        addresses
    }

    #[test]
    fn addresses_that_are_not_known_share_ten_rates_and_the_others_keep_theirs() {
        let mut addresses = crowd(Micros(0));
        let unknown = |host: u32| IpAddr::from((0x7f00_0000 + host).to_be_bytes()).to_string();
        let passed = (0..200).filter(|host| admit(&mut addresses, &unknown(*host), 1));
        assert_eq!(passed.count(), 100);
        assert_eq!(addresses.seen.len(), ADDRESSES_MAX);
        assert_eq!(addresses.places.len(), ADDRESSES_MAX);
        // A hundred have been forgotten, those that were seen first; the next one still owes.
        assert!(!admit(&mut addresses, "0.0.0.1", 1));
        assert!(!admit(&mut addresses, "0.0.0.101", 1));
        assert!(admit(&mut addresses, "0.0.0.101", 6000));
    }

    #[test]
    fn who_has_used_up_nothing_makes_place_for_any_number() {
        let mut addresses = crowd(Micros(0));
        let unknown = |host: u32| IpAddr::from((0x7f00_0000 + host).to_be_bytes()).to_string();
        assert!((0..200).all(|host| admit(&mut addresses, &unknown(host), 60_000)));
        assert_eq!(addresses.places.len(), ADDRESSES_MAX);
    }
}
