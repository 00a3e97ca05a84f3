//! Waits for readiness or for a time, whichever comes first, and knows how long there was nothing to do.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

use crate::measure::clock::{Clock, Micros, after};

/// Events a turn: at a few microseconds each a turn stays under a millisecond, so that publishing is not late.
pub const EVENTS_MAX: usize = 256;

/// The longest wait, so that deadlines and the progress bar are looked at.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// A poll that is on time.
#[derive(Debug)]
pub struct Poller {
    poll: Poll,
    events: Events,
    clock: Clock,
    /// Microseconds so far in which there was nothing to do.
    pub idle_us: u64,
}

impl Poller {
    /// A poll with nothing registered.
    pub fn new(clock: Clock) -> io::Result<Poller> {
        Poller::of(EVENTS_MAX, clock)
    }

    /// The same with so many events a turn.
    pub fn of(events_max: usize, clock: Clock) -> io::Result<Poller> {
        Ok(Poller {
            poll: Poll::new()?,
            events: Events::with_capacity(events_max),
            clock,
            idle_us: 0,
        })
    }

    /// Looks for events, and if there are none waits for some, but no longer than `until` or 50 ms.
    ///
    /// It looks before it waits, so that the time with nothing to do is known exactly.
    pub fn wait(&mut self, until: Micros) -> io::Result<()> {
        self.poll(Duration::ZERO)?;
        if !self.events.is_empty() {
            return Ok(());
        }
        let start = self.clock.now();
        let until = until.min(after(start, WAIT_MAX));
        let mut now = start;
        while self.events.is_empty() && now < until {
            self.poll(nap(until.since(now)))?;
            now = self.clock.now();
        }
        self.idle_us += now.since(start);
        Ok(())
    }

    /// A wait ends when there is something for `other` to find, too; that comes with this token.
    pub fn watch(&self, other: &Poller, token: Token) -> io::Result<()> {
        let other = other.poll.as_raw_fd();
        let registry = self.poll.registry();
        registry.register(&mut SourceFd(&other), token, Interest::READABLE)
    }

    /// Looks for events, and waits for nothing.
    pub fn look(&mut self) -> io::Result<()> {
        self.poll(Duration::ZERO)
    }

    /// What the last wait found.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }

    /// Where sockets are registered.
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    fn poll(&mut self, sleep: Duration) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(sleep)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }
}

/// How long a poll may sleep when something is due in `left_us`: it can only wait for whole milliseconds and may be a
/// little late, so the last one or two are spun through.
fn nap(left_us: u64) -> Duration {
    Duration::from_millis((left_us / 1000).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_milliseconds_are_never_slept_through() {
        assert_eq!(nap(10_000), Duration::from_millis(9));
        assert_eq!(nap(2_000), Duration::from_millis(1));
        assert_eq!(nap(1_999), Duration::ZERO);
        assert_eq!(nap(0), Duration::ZERO);
    }

    #[test]
    fn a_wait_with_nothing_to_do_ends_on_time_and_counts_as_idle() {
        let clock = Clock::start();
        let mut poller = Poller::new(clock).unwrap();
        let until = after(clock.now(), Duration::from_millis(50));
        poller.wait(until).unwrap();
        assert!(clock.now() >= until);
        assert!(poller.idle_us > 0);
    }
}
