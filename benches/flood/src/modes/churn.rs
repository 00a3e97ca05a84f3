//! Connections that come at a fixed rate and leave at once, in every way there is, for as long as asked.
//!
//! What the server counts must be what the guests did: connections accepted, close frames answered, ends without one. A
//! message is published ten times a second, for those that wait for one.

use std::collections::BTreeMap;
use std::time::Duration;

use mio::Token;
use serde::Serialize;
use slab::Slab;

use crate::client::guest::{Fate, Guest};
use crate::client::kit::{Kit, READ_BYTES};
use crate::client::poller::Poller;
use crate::client::publisher::Publisher;
use crate::client::schedule::Schedule;
use crate::client::sources::Sources;
use crate::error::Error;
use crate::measure::clock::{Clock, Micros, after, seconds};
use crate::measure::problems::{Judge, Problems};
use crate::target::mark::Mark;
use crate::target::metrics::Metrics;
use crate::target::server::Target;

/// A guest that is there for longer has failed.
const GUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Guests that come in one go, so that those who are there are not kept waiting.
const STARTS_MAX: u32 = 64;

/// Guests at the same time; more do not come before some have left.
pub const AT_ONCE_MAX: usize = 8192;

/// Messages published a second.
const PUBLISH_RATE: f64 = 10.0;

/// How long an address stays taken once its connection has ended: the kernel's TIME_WAIT.
const TIME_WAIT_SECONDS: f64 = 60.0;

/// Frames may have so many bytes.
const PAYLOAD_MAX: usize = 1 << 20;

/// The token of the connection that publishes.
const PUBLISHER: Token = Token(usize::MAX - 1);

/// What the churn did.
#[derive(Debug, Default, Serialize)]
pub struct Churned {
    /// Connections that came.
    pub came: u32,
    /// Those that left as they should, by the way in which they did.
    pub left: BTreeMap<Fate, u32>,
    /// Those that did not, by kind.
    pub failures: BTreeMap<String, u32>,
    /// How long it went on.
    pub seconds: f64,
    /// Connections a second.
    pub per_second: f64,
    /// The most that were there at the same time.
    pub at_once: u32,
    /// Messages published meanwhile.
    pub published: u32,
    /// What the server counted meanwhile.
    pub server: Counted,
}

/// What the server counts of a churn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Connections accepted.
    pub accepted: u64,
    /// WebSockets that ended with a close frame of 1000.
    pub closed: u64,
    /// WebSockets that ended without one.
    pub ended: u64,
    /// WebSockets that ended in any other way.
    pub others: u64,
}

impl Counted {
    /// Between two looks at an app, each of which was a connection, too.
    pub fn between(before: &Metrics, after: &Metrics, app: &str, looks: u64) -> Counted {
        let since = after.since(before);
        let closes = format!("roomcast_closes_total{{app=\"{app}\",");
        let code = |code: u16| since.get(&format!("{closes}code=\"{code}\"}}"));
        let (closed, ended) = (code(1000), code(1006));
        Counted {
            accepted: since
                .get("roomcast_accepts_total{result=\"accepted\"}")
                .saturating_sub(looks),
            closed,
            ended,
            others: since.sum(&closes) - closed - ended,
        }
    }
}

/// A churn under way.
struct Churn {
    target: Target,
    poller: Poller,
    clock: Clock,
    kit: Kit,
    buffer: Box<[u8]>,
    sources: Sources,
    guests: Slab<Guest>,
    publisher: Publisher,
    churned: Churned,
}

/// Lets guests come to `target`, so many a second for so long, and waits until all have left.
pub fn run(target: Target, rate: f64, duration: Duration) -> Result<Churned, Error> {
    let clock = Clock::start();
    let poller = Poller::new(clock).map_err(|error| Error::new("opening a poll", error))?;
    let publisher = Publisher::connect(&target, poller.registry(), PUBLISHER)?;
    let mut churn = Churn {
        sources: Sources::new(target.server, (rate * TIME_WAIT_SECONDS) as u32, None),
        target,
        poller,
        clock,
        kit: Kit::new(clock, PAYLOAD_MAX),
        buffer: vec![0; READ_BYTES].into(),
        guests: Slab::new(),
        publisher,
        churned: Churned::default(),
    };
    churn.go(rate, duration)?;
    Ok(churn.churned)
}

impl Churn {
    fn go(&mut self, rate: f64, duration: Duration) -> Result<(), Error> {
        let start = self.clock.now();
        let end = after(start, duration);
        let (coming, publishing) = (
            Schedule::new(start, rate),
            Schedule::new(start, PUBLISH_RATE),
        );
        let mut swept = start;
        loop {
            let now = self.clock.now();
            // What the schedule has is due however late it is.
            for _ in 0..STARTS_MAX {
                let due = coming.due(self.churned.came);
                if due > now || due >= end || self.guests.len() >= AT_ONCE_MAX {
                    break;
                }
                self.welcome(now);
            }
            let wants_more = coming.due(self.churned.came) < end;
            if !wants_more && self.guests.is_empty() {
                break;
            }
            if publishing.due(self.churned.published) <= now {
                self.publish(now)?;
            }
            if now >= after(swept, Duration::from_secs(1)) {
                swept = now;
                self.sweep(now);
            }
            let next = publishing.due(self.churned.published);
            let next = match wants_more && self.guests.len() < AT_ONCE_MAX {
                true => next.min(coming.due(self.churned.came)),
                false => next,
            };
            self.turn(next)?;
        }
        self.churned.seconds = seconds(self.clock.now().since(start));
        self.churned.per_second = f64::from(self.churned.came) / self.churned.seconds.max(1e-6);
        Ok(())
    }

    fn welcome(&mut self, now: Micros) {
        let number = self.churned.came;
        let fate = Fate::ALL[number as usize % Fate::ALL.len()];
        self.churned.came += 1;
        let entry = self.guests.vacant_entry();
        let place = (self.poller.registry(), Token(entry.key()));
        match Guest::connect(&self.target, fate, self.sources.address(number), place, now) {
            Ok(guest) => {
                entry.insert(guest);
            }
            Err(failure) => self.churned.fail(fate, &failure.to_string()),
        }
        self.churned.at_once = self.churned.at_once.max(self.guests.len() as u32);
    }

    fn publish(&mut self, now: Micros) -> Result<(), Error> {
        let mark = Mark::new(0, 0, self.churned.published, now.0);
        self.churned.published += 1;
        self.publisher.publish(&self.target, mark, 0, 0);
        self.publisher.take_answers(&self.target).map(drop)
    }

    fn turn(&mut self, until: Micros) -> Result<(), Error> {
        let waited = self.poller.wait(until);
        waited.map_err(|error| Error::new("polling", error))?;
        let mut is_answered = false;
        for event in self.poller.events() {
            if event.token() == PUBLISHER {
                is_answered = true;
                continue;
            }
            let key = event.token().0;
            let Some(guest) = self.guests.get_mut(key) else {
                continue;
            };
            let stay = guest.ready(
                event.is_writable(),
                &self.target,
                &mut self.kit,
                &mut self.buffer,
            );
            let fate = guest.fate;
            match stay {
                Ok(false) => continue,
                Ok(true) => *self.churned.left.entry(fate).or_default() += 1,
                Err(failure) => self.churned.fail(fate, &failure.to_string()),
            }
            self.guests.remove(key);
        }
        match is_answered {
            true => self.publisher.take_answers(&self.target).map(drop),
            false => Ok(()),
        }
    }

    fn sweep(&mut self, now: Micros) {
        let churned = &mut self.churned;
        self.guests.retain(|_, guest| {
            let stays = now < after(guest.came(), GUEST_TIMEOUT);
            if !stays {
                churned.fail(guest.fate, "timeout");
            }
            stays
        });
    }
}

impl Churned {
    fn fail(&mut self, fate: Fate, failure: &str) {
        let kind = format!("{fate:?}: {failure}");
        *self.failures.entry(kind).or_default() += 1;
    }

    fn left(&self, fates: &[Fate]) -> u64 {
        let each = fates
            .iter()
            .map(|fate| self.left.get(fate).copied().unwrap_or(0));
        each.map(u64::from).sum()
    }
}

impl Judge for Churned {
    fn judge(&self, problems: &mut Problems) {
        problems.no_kinds("connections failed", &self.failures);
        let (came, server) = (u64::from(self.came), &self.server);
        let (accepted, closed, ended) = (server.accepted, server.closed, server.ended);
        problems.check(accepted != came, || {
            format!("{came} connections came, and the server accepted {accepted}")
        });
        let said = self.left(&[Fate::CloseFrame, Fate::MessageCloseFrame]);
        problems.check(closed != said, || {
            format!("{said} close frames were answered, and the server counts {closed}")
        });
        // Whoever ended the connection before the answer to his upgrade was a member for a moment, or was not.
        let left = self.left(&[Fate::Fin, Fate::Reset]);
        let perhaps = self.left(&[Fate::UpgradeFin]);
        problems.check(!(left..=left + perhaps).contains(&ended), || {
            format!(
                "{left} members and perhaps {perhaps} more left without a word, and the server counts {ended}"
            )
        });
        let others = server.others;
        problems.check(others > 0, || {
            format!("the server counts {others} members that ended in another way")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn churned() -> Churned {
        Churned {
            came: 8,
            left: Fate::ALL.iter().map(|&fate| (fate, 1)).collect(),
            server: Counted {
                accepted: 8,
                closed: 2,
                ended: 3,
                others: 0,
            },
            ..Churned::default()
        }
    }

    #[test]
    fn what_the_server_counts_is_what_the_guests_did() {
        assert_eq!(churned().problems().len(), 0);
        for change in [
            |counted: &mut Counted| counted.accepted -= 1,
            |counted: &mut Counted| counted.closed += 1,
            |counted: &mut Counted| counted.ended = 4,
            |counted: &mut Counted| counted.ended = 1,
            |counted: &mut Counted| counted.others = 1,
        ] {
            let mut wrong = churned();
            change(&mut wrong.server);
            assert_eq!(wrong.problems().len(), 1, "{wrong:?}");
        }
        let mut failed = churned();
        failed.fail(Fate::Fin, "reset");
        assert_eq!(failed.problems().len(), 1);
    }

    #[test]
    fn the_looks_are_no_guests() {
        let text = |accepted: u32, normal: u32, ended: u32, others: u32| {
            let line = |code: &str, count: u32| {
                format!("roomcast_closes_total{{app=\"events\",code=\"{code}\"}} {count}\n")
            };
            let closes = [
                line("1000", normal),
                line("1006", ended),
                line("1013", others),
            ]
            .concat();
            format!("roomcast_accepts_total{{result=\"accepted\"}} {accepted}\n{closes}")
        };
        let metrics = |text: String| Metrics::parse(&text).unwrap();
        let (before, after) = (metrics(text(3, 1, 1, 0)), metrics(text(13, 3, 4, 1)));
        let expected = Counted {
            accepted: 8,
            closed: 2,
            ended: 3,
            others: 1,
        };
        assert_eq!(Counted::between(&before, &after, "events", 2), expected);
    }
}
