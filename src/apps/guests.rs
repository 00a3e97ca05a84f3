//! What strangers may do from one address: calls that need no key, and wrong keys, tokens and codes.
//!
//! Each kind is counted for itself, at the one rate of `guest_calls_per_minute`, a third of it at once. Who shows what is
//! right is never charged; that is for the caller to see to.

use std::net::IpAddr;

use super::rate::Addresses;
use crate::metrics::Charge;
use crate::pace::Rate;
use crate::time::{Micros, Millis};
use crate::wire::response::Response;

/// Of a minute's worth, so much may come at once: a third.
const BURST: u32 = 3;

/// Which address has been charged for what.
#[derive(Default)]
pub struct Guests {
    addresses: Addresses<{ Charge::ALL.len() }>,
}

impl Guests {
    /// Charges an address, or refuses it if it has used up what it may. `per_minute` 0 is no limit.
    pub fn charge(
        &mut self,
        peer: IpAddr,
        kind: Charge,
        per_minute: u32,
        now: Micros,
    ) -> Result<(), Response> {
        self.addresses
            .admit(peer, kind as usize, rate(per_minute), now)
            .map_err(|wait| refusal(kind, wait))
    }

    /// Refuses an address that has used up what it may, and charges nothing.
    pub fn check(
        &self,
        peer: IpAddr,
        kind: Charge,
        per_minute: u32,
        now: Micros,
    ) -> Result<(), Response> {
        self.addresses
            .check(peer, kind as usize, rate(per_minute), now)
            .map_err(|wait| refusal(kind, wait))
    }
}

fn rate(per_minute: u32) -> Rate {
    Rate::a_minute(per_minute).with_burst((per_minute / BURST).max(1))
}

fn refusal(kind: Charge, wait: Millis) -> Response {
    let (many, instead) = match kind {
        Charge::Call => ("calls without a key", "or show a key"),
        Charge::Key => ("wrong keys", "and show the right one"),
        Charge::Token => ("wrong tokens", "and show the right one"),
        Charge::Code => ("unknown codes", "or show the room's token"),
    };
    let message = format!(
        "too many {many} from this address, see --guest-calls-per-minute: wait as Retry-After says, {instead}"
    );
    too_many("too_many_requests", &message, wait)
}

/// The 429 that says when to come back.
pub fn too_many(code: &str, message: &str, wait: Millis) -> Response {
    Response::error(429, code, message).with("Retry-After", wait.0.div_ceil(1000).to_string())
}
