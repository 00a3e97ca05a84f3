//! How much each client has sent of what its app takes from one client in a second.
//!
//! A message is a data message, whole, a ping or a pong: a flood of any of them is a flood. Its bytes are those of its
//! payload, unpacked, as for the longest message that an app takes; a fragmented message counts once it is whole, and
//! until then that limit and the message timeout are what bounds it. A second's worth may come at once, and in any case
//! one message of the longest that is taken.
//!
//! The column is empty, and nothing is looked at, unless some app has a limit. A client that is over one is not dealt with
//! here: it says so.

use crate::bounds::{AppBounds, Bounds};
use crate::id::AppId;
use crate::pace::{Pace, Rate};
use crate::time::Micros;
use crate::wire::fault::Fault;

/// The limits of all apps, and what every connection has used of its own.
pub struct Limiter {
    rates: [Rates; AppId::ALL.len()],
    is_on: bool,
    used: Vec<Used>,
}

/// The limits of one app on each of its clients.
#[derive(Clone, Copy)]
struct Rates {
    messages_per_second: u32,
    bytes_per_second: u32,
    messages: Rate,
    bytes: Rate,
}

/// What one client has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    messages: Pace,
    bytes: Pace,
}

impl Limiter {
    /// The limits that these bounds set, with capacity for so many connections without growing if there are any.
    pub fn new(bounds: &Bounds, connections: usize) -> Limiter {
        let rates = AppId::ALL.map(|app| Rates::new(bounds.app(app)));
        let is_on = rates.iter().any(|rates| rates.are_on());
        Limiter {
            rates,
            is_on,
            used: Vec::with_capacity(if is_on { connections } else { 0 }),
        }
    }

    /// Opens the column entry of a connection that was accepted: it has used nothing.
    pub fn open(&mut self, key: u32) {
        if !self.is_on {
            return;
        }
        let key = key as usize;
        if key >= self.used.len() {
            self.used.resize(key + 1, Used::default());
        }
        debug_assert!(
            self.used[key] == Used::default(),
            "the connection that had the key before has left nothing"
        );
    }

    /// Closes the column entry.
    pub fn close(&mut self, key: u32) {
        if self.is_on {
            self.used[key as usize] = Used::default();
        }
    }

    /// Counts a message of so many bytes from a client of this app; the fault is that it is over a limit.
    pub fn admit(&mut self, key: u32, app: AppId, bytes: usize, now: Micros) -> Result<(), Fault> {
        if !self.is_on {
            return Ok(());
        }
        let rates = &self.rates[app as usize];
        let used = &mut self.used[key as usize];
        if !rates.messages.is_off() {
            let admitted = used.messages.admit(1, rates.messages, now);
            admitted.map_err(|_| Fault::TooManyMessages(rates.messages_per_second))?;
        }
        if !rates.bytes.is_off() {
            let admitted = used.bytes.admit(bytes as u32, rates.bytes, now);
            admitted.map_err(|_| Fault::TooManyBytes(rates.bytes_per_second))?;
        }
        Ok(())
    }

    /// Whether any app has a limit.
    pub fn is_on(&self) -> bool {
        self.is_on
    }
}

impl Rates {
    fn new(bounds: &AppBounds) -> Rates {
        let bytes = Rate::a_second(bounds.client_bytes_per_second);
        Rates {
            messages_per_second: bounds.client_messages_per_second,
            bytes_per_second: bounds.client_bytes_per_second,
            messages: Rate::a_second(bounds.client_messages_per_second),
            bytes: bytes.with_burst_of_at_least(bounds.message_bytes_max),
        }
    }

    fn are_on(&self) -> bool {
        !self.messages.is_off() || !self.bytes.is_off()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros(5_000_000);

    fn limiter(messages: u32, bytes: u32) -> Limiter {
        let mut bounds = Bounds::default();
        let app = bounds.app_mut(AppId::Tasks);
        app.client_messages_per_second = messages;
        app.client_bytes_per_second = bytes;
        app.message_bytes_max = 1000;
        let mut limiter = Limiter::new(&bounds, 10);
        limiter.open(3);
        limiter
    }

    #[test]
    fn without_a_limit_there_is_no_column_and_everything_passes() {
        let mut limiter = limiter(0, 0);
        let passes = |_| limiter.admit(3, AppId::Tasks, 1000, NOW).is_ok();
        assert!((0..10_000).all(passes));
        assert_eq!((limiter.used.len(), limiter.used.capacity()), (0, 0));
        limiter.close(3);
    }
}
